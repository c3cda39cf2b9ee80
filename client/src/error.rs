//! Why a call has no answer.

/// Why a call has no answer that could be read.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The clock's time does not fit the headers.
    #[error("The clock's time, {0} ms after 1970, cannot be written into the headers.")]
    Clock(i64),
    /// Address, header or body make no HTTP request, or the HTTP client could not be set up.
    #[error("The call makes no HTTP request: its address or a header is not of the right form.")]
    NotSendable(#[source] reqwest::Error),
    /// The body could not be encrypted.
    #[error("The body could not be encrypted.")]
    NotEncrypted(#[source] crypto::jwe::JweError),
    /// Nothing was sent, so nothing was done.
    #[error("Could not connect to {url}.")]
    CouldNotConnect {
        /// The call's address.
        url: String,
        /// What the HTTP client says.
        source: reqwest::Error,
    },
    /// The call may have been done.
    #[error("No answer within {timeout_ms} ms. The call may have been done all the same.")]
    TimedOut {
        /// How long was waited.
        timeout_ms: u128,
        /// What the HTTP client says.
        source: reqwest::Error,
    },
    /// The call may have been done.
    #[error("The connection ended before a whole answer came. The call may have been done.")]
    AnswerCut(#[source] reqwest::Error),
    /// An answer came that is none of this protocol's.
    #[error("The answer, of HTTP status {status}, is not understood: {problem}.")]
    NotUnderstood {
        /// The answer's HTTP status.
        status: u16,
        /// What is wrong with it, without any of its text.
        problem: &'static str,
    },
}

impl ClientError {
    /// Sorts what the HTTP client says. Not connecting comes first: a time-out while connecting
    /// is sure to have sent nothing.
    pub(crate) fn sort(source: reqwest::Error, url: &str, timeout_ms: u128) -> Self {
        let source = source.without_url();
        if source.is_builder() {
            Self::NotSendable(source)
        } else if source.is_connect() {
            Self::CouldNotConnect { url: url.to_owned(), source }
        } else if source.is_timeout() {
            Self::TimedOut { timeout_ms, source }
        } else {
            Self::AnswerCut(source)
        }
    }
}
