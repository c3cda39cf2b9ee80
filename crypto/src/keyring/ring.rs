//! The keys of one purpose.

use std::collections::BTreeMap;

use super::{KeyMaterial, KeyPurpose, KeyState, KeyringError};

pub(super) struct Ring<K> {
    active: (i64, K),
    retired: BTreeMap<i64, K>,
}

impl<K> Ring<K> {
    /// Takes the keys of `purpose` out of all keys.
    pub(super) fn build(
        purpose: KeyPurpose,
        keys: &[KeyMaterial],
        make: impl Fn(&KeyMaterial) -> Result<K, KeyringError>,
    ) -> Result<Self, KeyringError> {
        let mut active = None;
        let mut retired = BTreeMap::new();
        for key in keys.iter().filter(|key| key.purpose == purpose) {
            if key.id <= 0 {
                return Err(key.error(KeyringError::Id));
            }
            let made = make(key)?;
            match key.state {
                KeyState::Active if active.is_some() => {
                    return Err(KeyringError::SeveralActive(purpose));
                }
                KeyState::Active => active = Some((key.id, made)),
                KeyState::Retired => {
                    if retired.insert(key.id, made).is_some() {
                        return Err(key.error(KeyringError::DuplicateId));
                    }
                }
            }
        }
        let active = active.ok_or(KeyringError::NoActive(purpose))?;
        if retired.contains_key(&active.0) {
            return Err(KeyringError::DuplicateId(purpose, active.0));
        }
        Ok(Self { active, retired })
    }

    pub(super) const fn active(&self) -> (i64, &K) {
        (self.active.0, &self.active.1)
    }

    pub(super) fn get(&self, id: i64) -> Option<&K> {
        if id == self.active.0 { Some(&self.active.1) } else { self.retired.get(&id) }
    }

    /// The active one first, then the youngest.
    pub(super) fn all(&self) -> impl Iterator<Item = (i64, &K)> {
        std::iter::once(self.active()).chain(self.retired.iter().rev().map(|(id, key)| (*id, key)))
    }
}
