//! A master key that no file holds: three shares, in three files of three people, of which a
//! server needs two.
//!
//! A share's line is `platen-master-share-1:<id>:<number>:<check value>:<Base64 of 32 bytes>`. The
//! check value is the whole key's: shares of different keys, or mistyped ones, are found out.

use std::path::{Path, PathBuf};

use crypto::random;
use crypto::seal::MasterKey;
use crypto::secret::Secret;
use crypto::shares::Share;
use crypto::token::is_label;
use data_encoding::BASE64;
use zeroize::Zeroizing;

use super::{ID_DIGITS, LINES_MAX, MasterError, write, write_key};
use crate::production::secret_file;

/// What a line begins with.
const FORM: &str = "platen-master-share-1";
/// Files that are read together.
pub const NEEDED: usize = 2;
/// Hexadecimal digits of a check value.
const CHECK_DIGITS: usize = 6;

/// A line.
struct Line {
    id: String,
    check: String,
    share: Share,
}

/// The keys whose shares stand in both files, in the order of the first one.
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<MasterKey>, MasterError> {
    Ok(both(paths)?.into_iter().map(|(key, _)| key).collect())
}

/// The same, each with the text of a file.
fn both(paths: &[PathBuf]) -> Result<Vec<(MasterKey, Secret<String>)>, MasterError> {
    let [first, second] = paths else { return Err(wrong("two files are named")) };
    let (first, second) = (lines(first)?, lines(second)?);
    let mut keys = Vec::new();
    for line in &first {
        if let Some(other) = second.iter().find(|other| other.id == line.id) {
            keys.push(joined(line, other)?);
        }
    }
    if keys.is_empty() {
        return Err(wrong("the two files have no share of the same key"));
    }
    Ok(keys)
}

fn joined(one: &Line, other: &Line) -> Result<(MasterKey, Secret<String>), MasterError> {
    if one.check != other.check {
        return Err(wrong("the shares have different check values: they are of different keys"));
    }
    let key = MasterKey::join(one.id.clone(), &one.share, &other.share);
    let (key, text) =
        key.ok_or_else(|| wrong("both files hold the same share: take another person's"))?;
    if key.check_value().as_ref() == Some(&one.check) {
        Ok((key, text))
    } else {
        Err(wrong("they do not make the key of their check value: one of them was changed"))
    }
}

fn lines(path: &Path) -> Result<Vec<Line>, MasterError> {
    let bytes = secret_file::read(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("a file is no text"))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines = lines.map(parse).collect::<Result<Vec<_>, _>>()?;
    match lines.len() {
        0 => Err(wrong("a file has none")),
        1..=LINES_MAX => Ok(lines),
        _ => Err(wrong("a file has more than 8 lines")),
    }
}

fn parse(line: &str) -> Result<Line, MasterError> {
    let form = || wrong("a line is of another form");
    let parts: Vec<&str> = line.split(':').collect();
    let [FORM, id, number, check, base64] = parts[..] else { return Err(form()) };
    if !is_label(id) || check.len() != CHECK_DIGITS {
        return Err(form());
    }
    let bytes = Zeroizing::new(BASE64.decode(base64.as_bytes()).map_err(|_| form())?);
    let bytes = Secret::new(bytes.as_slice().try_into().map_err(|_| form())?);
    let number = number.parse().map_err(|_| form())?;
    let share = Share::new(number, bytes).ok_or_else(form)?;
    Ok(Line { id: id.to_owned(), check: check.to_owned(), share })
}

fn wrong(why: &'static str) -> MasterError {
    MasterError::Shares(why)
}

/// Makes a new master key of which only its shares are written, each to a new file; its id. A file
/// that is there, or cannot be written, ends it: what was written before is taken away again.
pub fn make(paths: &[PathBuf; 3]) -> Result<String, MasterError> {
    let id = random::hex_lower(ID_DIGITS);
    write_all(&MasterKey::generate(id.clone()).0, paths)?;
    Ok(id)
}

/// Writes the key of two files' shares into a new file; its id.
pub fn join(shares: Vec<PathBuf>, path: &Path) -> Result<String, MasterError> {
    let keys = both(&shares)?;
    let [(key, text)] = &keys[..] else {
        return Err(wrong("they are of several keys: leave one line in each file"));
    };
    write_key(key.id(), text, path)?;
    Ok(key.id().to_owned())
}

/// Writes the shares of a key, each to a new file.
pub(super) fn write_all(key: &MasterKey, paths: &[PathBuf; 3]) -> Result<(), MasterError> {
    let (Some(shares), Some(check)) = (key.split(), key.check_value()) else {
        return Err(wrong("a key in a token never leaves it"));
    };
    for (at, (share, path)) in shares.iter().zip(paths).enumerate() {
        let bytes = Zeroizing::new(BASE64.encode(share.bytes().expose()));
        let (id, number) = (key.id(), share.number());
        let line = Zeroizing::new(format!("{FORM}:{id}:{number}:{check}:{}\n", &*bytes));
        if let Err(error) = write(path, line.as_bytes()) {
            for written in &paths[..at] {
                // Shares of a key that nobody has used: a file that stays does no harm.
                let _ = std::fs::remove_file(written);
            }
            return Err(MasterError::Write(path.clone(), error));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::tempdir;

    use super::*;

    #[test]
    fn two_of_three_files_give_the_key_and_others_are_told_apart() {
        let folder = tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let paths = |name: &str| [1, 2, 3].map(|n| path(&format!("{name}{n}")));
        let (ours, theirs) = (paths("ours"), paths("theirs"));
        let id = make(&ours).unwrap();
        make(&theirs).unwrap();
        let read = |a: &PathBuf, b: &PathBuf| read(&[a.clone(), b.clone()]);
        let told = |a: &PathBuf, b: &PathBuf| read(a, b).unwrap_err().to_string();
        let checks: Vec<String> = [(0, 1), (2, 0), (1, 2)]
            .map(|(a, b)| read(&ours[a], &ours[b]).unwrap()[0].check_value().unwrap())
            .into();
        assert_eq!(read(&ours[0], &ours[1]).unwrap()[0].id(), id);
        assert!(checks.iter().all(|check| *check == checks[0]));
        assert!(told(&ours[0], &ours[0]).contains("another person's"));
        assert!(told(&ours[0], &theirs[1]).contains("no share of the same key"));
        // A file that is there is not written over, and nothing of a key stays half written.
        let again = [path("fresh"), ours[1].clone(), path("late")];
        assert!(make(&again).is_err());
        assert!(!again[0].exists() && !again[2].exists());

        let line = fs::read_to_string(&ours[0]).unwrap();
        let changed = |from: &str, to: &str| {
            fs::write(&ours[0], line.replacen(from, to, 1)).unwrap();
            told(&ours[0], &ours[1])
        };
        let key = line.rsplit(':').next().unwrap().trim();
        let flipped = if key.starts_with('A') { "B" } else { "A" };
        let other = format!("{flipped}{}", &key[1..]);
        assert!(changed(key, &other).contains("one of them was changed"));
        assert!(changed(&checks[0], "zzzzzz").contains("different check values"));
        for (from, to) in [(":1:", ":4:"), (FORM, "platen-master-key-1"), (key, "AAAA"), (":", "")]
        {
            let told = changed(from, to);
            assert!(told.contains("another form") && !told.contains(key), "{told}");
        }
        assert!(changed(&line, "").contains("has none"));
        assert!(changed(&line, &line.repeat(9)).contains("more than 8"));
    }
}
