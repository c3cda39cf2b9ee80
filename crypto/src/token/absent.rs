//! Of a program that loads no modules: there is no token.

use std::convert::Infallible;

use super::{Access, Kind, TokenError};
use crate::secret::SecretBytes;

/// A token, logged in to: there is none.
#[derive(Clone)]
pub struct Token(Infallible);

impl Token {
    /// Refuses.
    pub fn open(_: Access) -> Result<Self, TokenError> {
        Err(TokenError::NotBuilt)
    }

    /// The token's label.
    #[must_use]
    pub const fn label(&self) -> &str {
        match self.0 {}
    }

    pub(super) const fn check(&self, _: &str, _: Kind) -> Result<(), TokenError> {
        match self.0 {}
    }

    pub(super) const fn generate(&self, _: &str, _: Kind) -> Result<(), TokenError> {
        match self.0 {}
    }

    pub(super) const fn import(&self, _: &str, _: Kind, _: &[u8]) -> Result<(), TokenError> {
        match self.0 {}
    }

    pub(super) const fn destroy(&self, _: &str) -> Result<(), TokenError> {
        match self.0 {}
    }

    pub(super) const fn hmac(&self, _: &str, _: &[u8]) -> Result<Vec<u8>, TokenError> {
        match self.0 {}
    }

    pub(super) const fn encrypt_block(&self, _: &str, _: [u8; 8]) -> Result<Vec<u8>, TokenError> {
        match self.0 {}
    }

    pub(super) const fn encrypt(
        &self,
        _: &str,
        _: &mut [u8],
        _: &[u8],
        _: &[u8],
    ) -> Result<Vec<u8>, TokenError> {
        match self.0 {}
    }

    pub(super) const fn decrypt(
        &self,
        _: &str,
        _: &mut [u8],
        _: &[u8],
        _: &[u8],
    ) -> Result<SecretBytes, TokenError> {
        match self.0 {}
    }
}
