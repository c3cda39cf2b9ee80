//! The keys of one purpose.

use std::collections::BTreeMap;

use super::{KeyMaterial, KeyPurpose, KeyringError};

pub(super) struct Ring<K> {
    active: (i64, K),
    others: BTreeMap<i64, K>,
}

impl<K> Ring<K> {
    /// Takes the keys of `purpose` out of all keys. Of those that have begun by `now_us`, the one
    /// that began last makes new values; what it and the others made before, and what other
    /// servers make with one that begins later, can be read.
    pub(super) fn build(
        purpose: KeyPurpose,
        keys: &[KeyMaterial],
        now_us: i64,
        make: impl Fn(&KeyMaterial) -> Result<K, KeyringError>,
    ) -> Result<Self, KeyringError> {
        let mut others = BTreeMap::new();
        let mut active = None;
        for key in keys.iter().filter(|key| key.purpose == purpose) {
            if key.id <= 0 {
                return Err(key.error(KeyringError::Id));
            }
            if others.insert(key.id, make(key)?).is_some() {
                return Err(key.error(KeyringError::DuplicateId));
            }
            let begun = (key.active_from_us, key.id);
            if key.active_from_us <= now_us && active.is_none_or(|latest| begun > latest) {
                active = Some(begun);
            }
        }
        let no_active = || KeyringError::NoActive(purpose);
        let (_, id) = active.ok_or_else(no_active)?;
        let active = (id, others.remove(&id).ok_or_else(no_active)?);
        Ok(Self { active, others })
    }

    pub(super) const fn active(&self) -> (i64, &K) {
        (self.active.0, &self.active.1)
    }

    pub(super) fn get(&self, id: i64) -> Option<&K> {
        if id == self.active.0 { Some(&self.active.1) } else { self.others.get(&id) }
    }

    /// The active one first, then the youngest.
    pub(super) fn all(&self) -> impl Iterator<Item = (i64, &K)> {
        std::iter::once(self.active()).chain(self.others.iter().rev().map(|(id, key)| (*id, key)))
    }
}
