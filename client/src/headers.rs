//! Names of the protocol's headers.

pub(crate) const ASP_ID: &str = "X-KM-User-AspId";
pub(crate) const CORRELATION_ID: &str = "X-KM-Correlation-Id";
pub(crate) const ACCESS_KEY: &str = "X-KM-Access-Key";
pub(crate) const CRYPTO_KEY_ID: &str = "X-KM-Crypto-Key-Id";
pub(crate) const TRAN_TOKEN: &str = "X-KM-Tran-Token";
pub(crate) const TRAN_TIME: &str = "X-KM-Tran-Time";
pub(crate) const TIME_ZONE: &str = "X-KM-Time-Zone";
