//! The master key of a production platform: from a file, a descriptor or a command, never from an
//! argument or a variable of the environment, which others can see.
//!
//! Its text is one line, `platen-master-key-1:<id>:<Base64 of 32 bytes>`. While one master key
//! takes another's place there are two lines; the one that the database's keys are wrapped under
//! counts. Or no file has it: see [`shares`].

pub mod shares;

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use crypto::random;
use crypto::seal::MasterKey;
use store::TxError;
use zeroize::Zeroizing;

use super::secret_file::{self, SecretFileError};
use crate::keys::rows::{KeyRow, are_under};
use crate::keys::{KeysError, Made, MasterOf};

/// What a line begins with.
const FORM: &str = "platen-master-key-1";
/// Hexadecimal digits of a new key's id.
const ID_DIGITS: usize = 8;
/// Longest id, characters.
const ID_CHARS_MAX: usize = 32;
/// Lines at the most.
const LINES_MAX: usize = 8;
/// Longest text that a descriptor or a command may give, bytes.
const BYTES_MAX: u64 = 4_096;
/// How long a command may take.
const COMMAND_WITHIN: Duration = Duration::from_secs(30);

/// Where the master key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file, which nobody else may read.
    File(PathBuf),
    /// A descriptor that the process was started with; read once.
    Descriptor(u32),
    /// A command, which prints it.
    Command(Vec<String>),
    /// Two files with a share each.
    Shares(Vec<PathBuf>),
}

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterError {
    /// The file.
    #[error("the master key: {0}")]
    File(#[from] SecretFileError),
    /// The descriptor.
    #[error("the master key cannot be read from descriptor {0}: {1}")]
    Descriptor(u32, io::Error),
    /// The command.
    #[error("the command that gives the master key, `{0}`, failed: {1}")]
    Command(String, String),
    /// The text.
    #[error(
        "the master key cannot be used: {0}; its text is one line, \
         {FORM}:<id>:<Base64 of 32 bytes>, as `platen keys master` writes it"
    )]
    Text(&'static str),
    /// The shares.
    #[error(
        "the shares of the master key cannot be used: {0}; `platen keys master --shares` writes \
         three, and any two of them are named"
    )]
    Shares(&'static str),
    /// A new one's file.
    #[error("cannot write {path}: {why}", path = .0.display(), why = .1)]
    Write(PathBuf, io::Error),
}

/// The master keys that were given, held as long as the process lives.
pub struct Master {
    source: Source,
    held: RwLock<Vec<Arc<MasterKey>>>,
}

impl Master {
    /// Reads them.
    pub fn read(source: &Source) -> Result<Arc<Self>, MasterError> {
        let held = RwLock::new(source.read()?);
        Ok(Arc::new(Master { source: source.clone(), held }))
    }

    /// How a server comes to the one that counts. A file is read again where none of those held
    /// does, so that a new one is taken up.
    pub fn master_of(self: &Arc<Self>) -> Arc<MasterOf> {
        let master = Arc::clone(self);
        Arc::new(move |_, rows| master.of(rows).map_err(TxError::Refused))
    }

    fn of(&self, rows: &[KeyRow]) -> Result<Arc<MasterKey>, KeysError> {
        if let Some(key) = self.find(|key| are_under(rows, key)) {
            return Ok(key);
        }
        self.read_again()?;
        let found = self.find(|key| are_under(rows, key));
        found.ok_or_else(|| KeysError::OtherMaster(self.ids()))
    }

    /// The one of this id.
    pub fn named(&self, id: &str) -> Made<Arc<MasterKey>> {
        let found = self.find(|key| key.id() == id);
        found.ok_or_else(|| TxError::Refused(KeysError::NoMaster(id.to_owned())))
    }

    fn read_again(&self) -> Result<(), KeysError> {
        match &self.source {
            Source::File(_) | Source::Shares(_) => {
                let read = self.source.read();
                let read = read.map_err(|error| KeysError::Broken(error.to_string()))?;
                *self.held.write().unwrap_or_else(PoisonError::into_inner) = read;
            }
            // They say it once.
            Source::Descriptor(_) | Source::Command(_) => {}
        }
        Ok(())
    }

    fn find(&self, is_it: impl Fn(&MasterKey) -> bool) -> Option<Arc<MasterKey>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.iter().find(|key| is_it(key)).cloned()
    }

    /// The names of those that are held.
    fn ids(&self) -> String {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.iter().map(|key| key.id()).collect::<Vec<_>>().join(", ")
    }
}

impl Source {
    fn read(&self) -> Result<Vec<Arc<MasterKey>>, MasterError> {
        let text = match self {
            Source::Shares(paths) => return shares::read(paths),
            Source::File(path) => secret_file::read(path)?,
            Source::Descriptor(number) => {
                let from = File::open(format!("/dev/fd/{number}")).and_then(all_of);
                from.map_err(|error| MasterError::Descriptor(*number, error))?
            }
            Source::Command(words) => output_of(words).map_err(|why| {
                let program = words.first().cloned().unwrap_or_default();
                MasterError::Command(program, why)
            })?,
        };
        parse(&text)
    }
}

fn all_of(from: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES_MAX as usize));
    from.take(BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What a command prints within its time. Its arguments are not quoted anywhere.
fn output_of(words: &[String]) -> Result<Zeroizing<Vec<u8>>, String> {
    let Some((program, arguments)) = words.split_first() else {
        return Err("it has no name".to_owned());
    };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let (sender, answer) = channel();
    let out = child.stdout.take();
    thread::Builder::new()
        .name("master-key".to_owned())
        // Nobody may be waiting for it any more.
        .spawn(move || drop(sender.send(out.map(all_of))))
        .map_err(|error| error.to_string())?;
    match answer.recv_timeout(COMMAND_WITHIN) {
        Ok(Some(Ok(bytes))) => ended(child).map(|()| bytes),
        Ok(Some(Err(error))) => stopped(child, error.to_string()),
        Ok(None) | Err(_) => {
            stopped(child, format!("it says nothing for {} s", COMMAND_WITHIN.as_secs()))
        }
    }
}

fn ended(mut child: Child) -> Result<(), String> {
    let status = child.wait().map_err(|error| error.to_string())?;
    if status.success() { Ok(()) } else { Err(status.to_string()) }
}

fn stopped<T>(mut child: Child, why: String) -> Result<T, String> {
    // It may have ended.
    let _ = child.kill();
    let _ = child.wait();
    Err(why)
}

/// The keys of a text, in its order.
fn parse(bytes: &[u8]) -> Result<Vec<Arc<MasterKey>>, MasterError> {
    let wrong = MasterError::Text;
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("it is no text"))?;
    let mut keys: Vec<Arc<MasterKey>> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let rest = line.strip_prefix(FORM).and_then(|rest| rest.strip_prefix(':'));
        let (id, key) = rest
            .and_then(|rest| rest.split_once(':'))
            .ok_or_else(|| wrong("a line is of another form"))?;
        if !is_id(id) {
            return Err(wrong("an id has 1 to 32 of a-z, 0-9 and hyphens"));
        }
        if keys.iter().any(|key| key.id() == id) {
            return Err(wrong("two keys have the same id"));
        }
        let key = MasterKey::from_base64(id.to_owned(), key);
        keys.push(Arc::new(key.map_err(|_| wrong("a key is not the Base64 of 32 bytes"))?));
    }
    match keys.len() {
        0 => Err(wrong("there is none")),
        1..=LINES_MAX => Ok(keys),
        _ => Err(wrong("there are more than 8 lines")),
    }
}

fn is_id(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=ID_CHARS_MAX).contains(&text.len()) && text.chars().all(fits)
}

/// Makes a new master key in a new file; its id.
pub fn make(path: &Path) -> Result<String, MasterError> {
    let id = random::hex_lower(ID_DIGITS);
    write_key(&MasterKey::generate(id.clone()), path)?;
    Ok(id)
}

/// Writes the key of two files' shares into a new file; its id.
pub fn join(shares: Vec<PathBuf>, path: &Path) -> Result<String, MasterError> {
    let keys = Source::Shares(shares).read()?;
    let [key] = &keys[..] else {
        return Err(MasterError::Shares("they are of several keys: leave one line in each file"));
    };
    write_key(key, path)?;
    Ok(key.id().to_owned())
}

fn write_key(key: &MasterKey, path: &Path) -> Result<(), MasterError> {
    let line = Zeroizing::new(format!("{FORM}:{}:{}\n", key.id(), key.to_base64().expose()));
    write(path, line.as_bytes()).map_err(|error| MasterError::Write(path.to_owned(), error))
}

/// Writes the shares of the one master key in a file, each to a new file; its id.
pub fn share(from: &Path, to: &[PathBuf; 3]) -> Result<String, MasterError> {
    let keys = Source::File(from.to_owned()).read()?;
    let [key] = &keys[..] else {
        return Err(MasterError::Text("there are several, and shares are made of one"));
    };
    shares::write_all(key, to)?;
    Ok(key.id().to_owned())
}

/// A file that was not there, on the disk for good.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_holds_keys_of_one_form() {
        let base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let line = |id: &str| format!("platen-master-key-1:{id}:{base64}\n");
        let ids = |text: &str| -> Result<Vec<String>, String> {
            let keys = parse(text.as_bytes()).map_err(|error| error.to_string())?;
            Ok(keys.iter().map(|key| key.id().to_owned()).collect())
        };
        assert_eq!(ids(&line("a1")), Ok(vec!["a1".to_owned()]));
        let two = format!("\n{} {}", line("new"), line("old"));
        assert_eq!(ids(&two), Ok(vec!["new".to_owned(), "old".to_owned()]));
        let nine: String = (0..9).map(|n| line(&n.to_string())).collect();
        for wrong in [
            String::new(),
            "\n".to_owned(),
            base64.to_owned(),
            line("a1").replace("-1:", "-2:"),
            line(""),
            line("A1"),
            line(&"a".repeat(33)),
            line("a1").replace("AAEC", "AA"),
            [line("a1"), line("a1")].concat(),
            nine,
        ] {
            let refused = ids(&wrong).unwrap_err();
            assert!(!refused.contains(&base64[4..12]), "{refused}");
        }
    }
}
