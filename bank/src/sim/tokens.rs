//! Bearer tokens of the simulator: they expire and die with the process, as connectors must bear.
//! They hold nothing back from anyone who reads this.

use std::hash::{BuildHasher, Hasher, RandomState};

/// 16 hex digits that no other process draws by chance.
pub(super) fn random_word() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

#[derive(Debug)]
pub(super) struct Tokens {
    process: String,
    pub(super) life_seconds: u32,
}

impl Tokens {
    pub(super) fn new(life_seconds: u32) -> Self {
        Self { process: random_word(), life_seconds }
    }

    pub(super) fn issue(&self, now_us: i64) -> String {
        let expires_at_us = now_us.saturating_add(i64::from(self.life_seconds) * 1_000_000);
        format!("{}.{expires_at_us}.{}", self.process, random_word())
    }

    pub(super) fn is_valid(&self, token: &str, now_us: i64) -> bool {
        let mut parts = token.split('.');
        let ours = parts.next() == Some(&self.process);
        let expires_at_us = parts.next().and_then(|text| text.parse().ok());
        ours && expires_at_us.is_some_and(|expires_at_us: i64| now_us < expires_at_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_lives_its_time_in_its_process() {
        let tokens = Tokens::new(1);
        let token = tokens.issue(5);
        assert!(tokens.is_valid(&token, 1_000_004));
        assert!(!tokens.is_valid(&token, 1_000_005));
        assert!(!Tokens::new(1).is_valid(&token, 5));
        assert!(!tokens.is_valid("", 5));
    }
}
