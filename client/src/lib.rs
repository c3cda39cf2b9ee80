//! What a partner needs: sign, encrypt, call, decrypt.
//!
//! [`Client::call`] does all of it. The steps are there alone as well: [`Client::prepare`] makes
//! the signed call, [`Client::transmit`] brings back the answer as received, [`Client::open`]
//! decrypts it.

mod call;
mod credentials;
mod dotenv;
mod error;
mod exchange;
mod headers;
mod stamp;

pub use self::call::{ANSWER_BYTES_MAX, Client, Encryption, TIMEOUT_MS_DEFAULT};
pub use self::credentials::{Credentials, CredentialsError};
pub use self::error::ClientError;
pub use self::exchange::{Answer, Exchange, Prepared};
pub use self::stamp::{correlation_id, token_time, tran_time};
