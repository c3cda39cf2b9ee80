//! PEM (RFC 7468), one block a text.

use data_encoding::BASE64;
use zeroize::Zeroizing;

use crate::secret::{Secret, SecretBytes};

/// Longest text that is looked at, in bytes; a key of 4,096 bits takes 3,300.
const PEM_BYTES_MAX: usize = 16 * 1024;
const LINE_CHARS: usize = 64;

/// Why a text is no PEM block of the expected kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// Longer than 16 KiB.
    #[error("The PEM text is too long.")]
    TooLong,
    /// No such block, or something around it.
    #[error("The text is not one PEM block with the label {0}.")]
    Label(&'static str),
    /// What stands between the lines is no Base64.
    #[error("The PEM block is not Base64.")]
    Base64,
}

/// Writes `der` as a block with lines of 64 characters, ending in a line feed.
pub(super) fn encode(label: &'static str, der: &[u8]) -> Secret<String> {
    let body = Zeroizing::new(BASE64.encode(der));
    // Room for all of it, so that the text does not move and leave a copy behind.
    let room = body.len() + body.len() / LINE_CHARS + 2 * label.len() + 64;
    let mut text = String::with_capacity(room);
    text.extend(["-----BEGIN ", label, "-----\n"]);
    for (at, digit) in body.chars().enumerate() {
        if at > 0 && at % LINE_CHARS == 0 {
            text.push('\n');
        }
        text.push(digit);
    }
    text.extend(["\n-----END ", label, "-----\n"]);
    Secret::new(text)
}

/// Reads the one block of the text; line ends and white space may be anywhere in its body and
/// around it.
pub(super) fn decode(label: &'static str, text: &str) -> Result<SecretBytes, PemError> {
    if text.len() > PEM_BYTES_MAX {
        return Err(PemError::TooLong);
    }
    let body = text
        .trim()
        .strip_prefix("-----BEGIN ")
        .and_then(|rest| rest.strip_prefix(label)?.strip_prefix("-----"))
        .and_then(|rest| rest.strip_suffix("-----")?.strip_suffix(label))
        .and_then(|rest| rest.strip_suffix("-----END "))
        .ok_or(PemError::Label(label))?;
    let mut digits = Zeroizing::new(Vec::with_capacity(body.len()));
    digits.extend(body.bytes().filter(|c| !c.is_ascii_whitespace()));
    BASE64.decode(&digits).map(Secret::new).map_err(|_| PemError::Base64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LABEL: &str = "PUBLIC KEY";

    #[test]
    fn is_written_in_lines() {
        let text = encode(LABEL, &[0; 50]);
        let lines: Vec<usize> = text.expose().lines().map(str::len).collect();
        assert_eq!(lines, [26, 64, 4, 24]);
        assert!(text.expose().ends_with("-----END PUBLIC KEY-----\n"));
    }

    #[test]
    fn line_ends_and_white_space_do_not_matter() {
        let text = encode(LABEL, &[7; 100]);
        let text = text.expose();
        let variants = [
            text.replace('\n', "\r\n"),
            text.replace('\n', "\n\n  "),
            text.replace('\n', ""),
            format!("\u{feff}{text}").replace('\u{feff}', "\t "),
        ];
        for variant in variants {
            assert_eq!(decode(LABEL, &variant).unwrap().expose(), &[7; 100]);
        }
    }

    #[test]
    fn others_are_refused() {
        let check = |text: &str, expect| assert_eq!(decode(LABEL, text).err(), Some(expect));
        let block = encode(LABEL, &[7; 100]);
        let block = block.expose();
        check("", PemError::Label(LABEL));
        check("-----BEGIN PUBLIC KEY-----", PemError::Label(LABEL));
        check(&block.replace("PUBLIC", "PRIVATE"), PemError::Label(LABEL));
        check(&block.replace("END PUBLIC", "END PRIVATE"), PemError::Label(LABEL));
        check(&format!("{block}{block}"), PemError::Base64);
        check(&format!("key: {block}"), PemError::Label(LABEL));
        check(&block.replace("Bwc", "Bw*"), PemError::Base64);
        check(&" ".repeat(PEM_BYTES_MAX + 1), PemError::TooLong);
    }

    proptest! {
        #[test]
        fn round_trip(der in prop::collection::vec(any::<u8>(), 0..300)) {
            let back = decode(LABEL, encode(LABEL, &der).expose()).unwrap();
            prop_assert_eq!(back.expose(), &der);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(-----BEGIN PUBLIC KEY-----)?.{0,60}") {
            let _ = decode(LABEL, &text);
        }
    }
}
