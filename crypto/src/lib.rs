//! Tokens, JWE, keys, card numbers and sealing: everything that touches a secret.
//!
//! What is secret has a type of its own whose `Debug` shows nothing and which is wiped when it is
//! dropped. No error says more than which rule was broken: neither key material nor digits of a
//! card number. The key schedules inside the block ciphers behind [`cvc`] and [`number`] are not
//! wiped.

mod frame;

pub mod component;
pub mod cvc;
pub mod digest;
pub mod index;
pub mod jwe;
pub mod keyring;
pub mod number;
pub mod pan;
pub mod par;
pub mod random;
pub mod seal;
pub mod secret;
pub mod shares;
pub mod token;
pub mod tran_token;
