//! How an account's bank behaves.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::open_banking::is_success_code;

/// The longest delay that can be asked for, ms.
pub const DELAY_MS_MAX: u64 = 600_000;
const CODE_CHARS_MAX: usize = 8;

/// How the bank answers an order on an account, whichever its kind. In JSON and in the file it is
/// its text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Behaviour {
    /// `answer`: executes the order and says so. A withdrawal from an account that is short of
    /// money is refused with S56.
    #[default]
    Answer,
    /// `refuse:CODE`: refuses with the code. A closed account is `refuse:415`.
    Refuse(String),
    /// `take_silently`: as `answer`, for deposits too, but never says so. An inquiry does.
    TakeSilently,
    /// `hold`: decides nothing, and says so, to inquiries too. Once the account's behaviour is set
    /// to another one, the next inquiry about the order decides it by that.
    Hold,
    /// `delay:MS`: as `answer`, but says so after this time only, as do inquiries.
    Delay(u64),
    /// `disconnect`: cuts the connection and knows nothing of the order.
    Disconnect,
    /// `error500`: as `answer`, but says HTTP 500. An inquiry tells the truth.
    Error500,
}

/// A text that is no [`Behaviour`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "`{0}` is no behaviour; there are answer, refuse:CODE, take_silently, hold, delay:MS (up to \
     600000), disconnect and error500"
)]
pub struct BehaviourError(String);

impl FromStr for Behaviour {
    type Err = BehaviourError;

    fn from_str(text: &str) -> Result<Self, BehaviourError> {
        let error = || BehaviourError(text.chars().take(40).collect());
        match text.split_once(':') {
            None => match text {
                "answer" => Ok(Self::Answer),
                "take_silently" => Ok(Self::TakeSilently),
                "hold" => Ok(Self::Hold),
                "disconnect" => Ok(Self::Disconnect),
                "error500" => Ok(Self::Error500),
                _ => Err(error()),
            },
            Some(("refuse", code)) if is_refusal_code(code) => Ok(Self::Refuse(code.to_owned())),
            Some(("delay", ms)) => match ms.parse() {
                Ok(ms) if ms <= DELAY_MS_MAX => Ok(Self::Delay(ms)),
                Ok(_) | Err(_) => Err(error()),
            },
            Some(_) => Err(error()),
        }
    }
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer => f.write_str("answer"),
            Self::Refuse(code) => write!(f, "refuse:{code}"),
            Self::TakeSilently => f.write_str("take_silently"),
            Self::Hold => f.write_str("hold"),
            Self::Delay(ms) => write!(f, "delay:{ms}"),
            Self::Disconnect => f.write_str("disconnect"),
            Self::Error500 => f.write_str("error500"),
        }
    }
}

impl TryFrom<String> for Behaviour {
    type Error = BehaviourError;

    fn try_from(text: String) -> Result<Self, BehaviourError> {
        text.parse()
    }
}

impl From<Behaviour> for String {
    fn from(behaviour: Behaviour) -> Self {
        behaviour.to_string()
    }
}

fn is_refusal_code(code: &str) -> bool {
    (1..=CODE_CHARS_MAX).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && !is_success_code(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let texts = "answer refuse:412 take_silently hold delay:0 delay:600000 disconnect error500";
        for text in texts.split(' ') {
            assert_eq!(text.parse::<Behaviour>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn others_are_refused() {
        let texts = "|refuse|refuse:|refuse:000|refuse:A0000|refuse:4 2|delay:600001|delay:-1|die";
        for text in texts.split('|') {
            assert!(text.parse::<Behaviour>().is_err(), "{text}");
        }
    }
}
