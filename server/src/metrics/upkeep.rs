//! What is read of the database once a minute: keys, clock, files to card makers, the books.

use crypto::keyring::KeyPurpose;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::Metrics;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PurposeLabel {
    purpose: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartnerLabel {
    asp: String,
}

/// Files that a card maker has not reported on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unacknowledged {
    /// How many.
    pub count: i64,
    /// For how long the oldest, seconds.
    pub oldest_age_s: i64,
}

/// What is wrong with the books, as they were checked last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BooksOff {
    /// Journals that are no journals.
    pub journals: i64,
    /// Card accounts whose balance is not the sum of their postings.
    pub accounts: i64,
    /// By how much, in all, won.
    pub won: i64,
    /// Seals whose rows were not looked at yet.
    pub unread_seals: i64,
}

/// What is shown of them.
#[derive(Default)]
pub(super) struct Upkeep {
    key_age: Family<PurposeLabel, Gauge>,
    clock_ahead: Gauge,
    certificates: Family<PartnerLabel, Gauge>,
    files: Gauge,
    files_age: Gauge,
    journals: Gauge,
    accounts: Gauge,
    won: Gauge,
    unread: Gauge,
}

impl Upkeep {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "key_age",
            "For how long the key in use has been in use",
            Unit::Seconds,
            self.key_age.clone(),
        );
        registry.register_with_unit(
            "clock_ahead",
            "How far this machine's clock is ahead of the database's",
            Unit::Seconds,
            self.clock_ahead.clone(),
        );
        registry.register(
            "partner_certificates_ending",
            "Certificates of a partner's crypto keys in use that end within 30 days or have ended",
            self.certificates.clone(),
        );
        registry.register(
            "delivery_files_unacknowledged",
            "Files to card makers that they have not reported on",
            self.files.clone(),
        );
        registry.register_with_unit(
            "delivery_files_unacknowledged_age",
            "Age of the oldest of them",
            Unit::Seconds,
            self.files_age.clone(),
        );
        registry.register(
            "journals_unbalanced",
            "Journals with a missing posting, two currencies or an account against itself",
            self.journals.clone(),
        );
        registry.register(
            "balances_off",
            "Card accounts whose balance is not the sum of their postings",
            self.accounts.clone(),
        );
        registry.register_with_unit(
            "balances_off",
            "By how much they differ, in all",
            Unit::Other("won".to_owned()),
            self.won.clone(),
        );
        registry.register(
            "books_unread_seals",
            "Seals of the operation log whose postings were not checked yet",
            self.unread.clone(),
        );
    }
}

impl Metrics {
    /// So many certificates of a partner end soon. A partner is a label: there are few.
    pub fn certificates_ending(&self, asp: &str, count: i64) {
        let label = PartnerLabel { asp: asp.to_owned() };
        self.upkeep.certificates.get_or_create(&label).set(count);
    }

    /// The key in use for this purpose is so old.
    pub fn key_age(&self, purpose: KeyPurpose, seconds: i64) {
        let label = PurposeLabel { purpose: purpose.name() };
        self.upkeep.key_age.get_or_create(&label).set(seconds);
    }

    /// This machine's clock is so far ahead of the database's.
    pub fn clock_ahead(&self, seconds: i64) {
        self.upkeep.clock_ahead.set(seconds);
    }

    /// Card makers have not reported on these files.
    pub fn unacknowledged(&self, files: Unacknowledged) {
        self.upkeep.files.set(files.count);
        self.upkeep.files_age.set(files.oldest_age_s);
    }

    /// The books are in this state.
    pub fn books(&self, off: BooksOff) {
        self.upkeep.journals.set(off.journals);
        self.upkeep.accounts.set(off.accounts);
        self.upkeep.won.set(off.won);
        self.upkeep.unread.set(off.unread_seals);
    }
}
