//! The master key of a production platform: from a file, a descriptor or a command, never from an
//! argument or a variable of the environment, which others can see; or in a token, which it never
//! leaves.
//!
//! Its text is one line, `platen-master-key-1:<id>:<Base64 of 32 bytes>`. While one master key
//! takes another's place two are named: two lines, a line and a key in the token, or two keys in
//! it. The one that the database's keys are wrapped under counts. Or no file has it: see
//! [`shares`].

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
use crypto::secret::Secret;
use crypto::token::{Access, Token, TokenError, is_label};
use store::TxError;
use zeroize::Zeroizing;

use super::secret_file::{self, SecretFileError};
use crate::keys::rows::{KeyRow, are_under};
use crate::keys::{KeysError, Made, MasterOf};

/// What a line begins with.
const FORM: &str = "platen-master-key-1";
/// Hexadecimal digits of a new key's id.
const ID_DIGITS: usize = 8;
/// Lines at the most, and labels.
pub(super) const LINES_MAX: usize = 8;
/// Longest text that a descriptor or a command may give, bytes.
const BYTES_MAX: u64 = 4_096;
/// How long a command may take.
const COMMAND_WITHIN: Duration = Duration::from_secs(30);

/// Where the master key comes from: at least one of `text` and `labels`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// Where its text is.
    pub text: Option<Source>,
    /// Labels of keys in the token, which are their ids as well.
    pub labels: Vec<String>,
    /// The token, which may hold other keys of the platform's too.
    pub pkcs11: Option<Pkcs11>,
}

/// A token, as the configuration names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pkcs11 {
    /// Path of the PKCS#11 library.
    pub module: PathBuf,
    /// Label of the token.
    pub token: String,
    /// Secret file with the user's PIN.
    pub pin_file: PathBuf,
}

/// Where the text of a master key is.
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
    /// The file with the token's PIN.
    #[error("pkcs11.pin_file: {0}")]
    Pin(SecretFileError),
    /// The token, or a key in it.
    #[error("pkcs11: {0}")]
    Token(#[from] TokenError),
    /// A command is about a token, and none is named.
    #[error("the configuration names no token: give [pkcs11]")]
    NoToken,
    /// A line and a key in the token.
    #[error("two master keys have the id {0}: make one of another id")]
    SameId(String),
    /// A new one's file.
    #[error("cannot write {path}: {why}", path = .0.display(), why = .1)]
    Write(PathBuf, io::Error),
}

/// The master keys that were given, held as long as the process lives.
pub struct Master {
    sources: Sources,
    token: Option<Token>,
    held: RwLock<Vec<Arc<MasterKey>>>,
}

impl Master {
    /// Reads them, and logs in to the token where there is one.
    pub fn read(sources: &Sources) -> Result<Arc<Self>, MasterError> {
        let token = sources.token()?;
        let held = RwLock::new(sources.read(token.as_ref())?);
        Ok(Arc::new(Master { sources: sources.clone(), token, held }))
    }

    /// The token, logged in to.
    pub fn token(&self) -> Result<&Token, MasterError> {
        self.token.as_ref().ok_or(MasterError::NoToken)
    }

    /// How a server comes to the one that counts. A file is read again where none of those held
    /// does, so that a new one is taken up.
    pub fn master_of(self: &Arc<Self>) -> Arc<MasterOf> {
        let master = Arc::clone(self);
        Arc::new(move |_, rows| master.of(rows).map_err(TxError::Refused))
    }

    fn of(&self, rows: &[KeyRow]) -> Result<Arc<MasterKey>, KeysError> {
        match self.opening(rows) {
            Ok(Some(key)) => Ok(key),
            // One in the token says of itself why it cannot be asked.
            Ok(None) | Err(_) => {
                self.read_again()?;
                self.opening(rows)?.ok_or_else(|| KeysError::OtherMaster(self.ids()))
            }
        }
    }

    /// The one that these are wrapped under. An error where none of those that answer is it.
    fn opening(&self, rows: &[KeyRow]) -> Result<Option<Arc<MasterKey>>, TokenError> {
        let mut failed = None;
        for key in self.held() {
            match are_under(rows, &key) {
                Ok(true) => return Ok(Some(key)),
                Ok(false) => {}
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(None), Err)
    }

    /// The one of this id.
    pub fn named(&self, id: &str) -> Made<Arc<MasterKey>> {
        let found = self.held().into_iter().find(|key| key.id() == id);
        found.ok_or_else(|| TxError::Refused(KeysError::NoMaster(id.to_owned())))
    }

    fn read_again(&self) -> Result<(), KeysError> {
        match &self.sources.text {
            Some(Source::File(_) | Source::Shares(_)) => {
                let read = self.sources.read(self.token.as_ref());
                let read = read.map_err(|error| KeysError::Broken(error.to_string()))?;
                *self.held.write().unwrap_or_else(PoisonError::into_inner) = read;
            }
            // They say it once; a key in the token stays the same.
            Some(Source::Descriptor(_) | Source::Command(_)) | None => {}
        }
        Ok(())
    }

    /// Those that are held; not locked while they are asked, since a token takes its time.
    fn held(&self) -> Vec<Arc<MasterKey>> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The names of those that are held.
    fn ids(&self) -> String {
        self.held().iter().map(|key| key.id()).collect::<Vec<_>>().join(", ")
    }
}

impl Sources {
    /// The token, logged in to, where one is named.
    pub fn token(&self) -> Result<Option<Token>, MasterError> {
        self.pkcs11.as_ref().map(Pkcs11::open).transpose()
    }

    /// All that can be seen to be wrong before a server starts: neither a descriptor nor a command
    /// is asked.
    pub(super) fn wrong(&self) -> Vec<MasterError> {
        let text = match &self.text {
            Some(source @ (Source::File(_) | Source::Shares(_))) => source.read().err(),
            Some(Source::Descriptor(_) | Source::Command(_)) | None => None,
        };
        let in_token = || -> Result<(), MasterError> {
            let keys = Sources { text: None, ..self.clone() };
            keys.read(self.token()?.as_ref()).map(drop)
        };
        text.into_iter().chain(in_token().err()).collect()
    }

    /// The keys: those of a text first.
    fn read(&self, token: Option<&Token>) -> Result<Vec<Arc<MasterKey>>, MasterError> {
        let texts = self.text.as_ref().map(Source::read).transpose()?.unwrap_or_default();
        let mut keys: Vec<MasterKey> =
            texts.into_iter().map(|key| key.beside(token.cloned())).collect();
        for label in &self.labels {
            if keys.iter().any(|key| key.id() == label) {
                return Err(MasterError::SameId(label.clone()));
            }
            keys.push(MasterKey::in_token(token.ok_or(MasterError::NoToken)?, label)?);
        }
        Ok(keys.into_iter().map(Arc::new).collect())
    }
}

impl Pkcs11 {
    fn open(&self) -> Result<Token, MasterError> {
        let pin = secret_file::text(&self.pin_file).map_err(MasterError::Pin)?;
        Ok(Token::open(Access { module: self.module.clone(), token: self.token.clone(), pin })?)
    }
}

impl Source {
    fn read(&self) -> Result<Vec<MasterKey>, MasterError> {
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
fn parse(bytes: &[u8]) -> Result<Vec<MasterKey>, MasterError> {
    let wrong = MasterError::Text;
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("it is no text"))?;
    let mut keys: Vec<MasterKey> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let rest = line.strip_prefix(FORM).and_then(|rest| rest.strip_prefix(':'));
        let (id, key) = rest
            .and_then(|rest| rest.split_once(':'))
            .ok_or_else(|| wrong("a line is of another form"))?;
        if !is_label(id) {
            return Err(wrong("an id has 1 to 32 of a-z, 0-9 and hyphens"));
        }
        if keys.iter().any(|key| key.id() == id) {
            return Err(wrong("two keys have the same id"));
        }
        let key = MasterKey::from_base64(id.to_owned(), key);
        keys.push(key.map_err(|_| wrong("a key is not the Base64 of 32 bytes"))?);
    }
    match keys.len() {
        0 => Err(wrong("there is none")),
        1..=LINES_MAX => Ok(keys),
        _ => Err(wrong("there are more than 8 lines")),
    }
}

/// Makes a new master key in a new file; its id.
pub fn make(path: &Path) -> Result<String, MasterError> {
    let id = random::hex_lower(ID_DIGITS);
    let (_, text) = MasterKey::generate(id.clone());
    write_key(&id, &text, path)?;
    Ok(id)
}

/// Writes a key into a new file.
fn write_key(id: &str, text: &Secret<String>, path: &Path) -> Result<(), MasterError> {
    let line = Zeroizing::new(format!("{FORM}:{id}:{}\n", text.expose()));
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
