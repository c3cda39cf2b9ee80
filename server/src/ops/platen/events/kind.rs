//! Which events of the operation log are published. All others are the platform's own.

use contract::choice;

choice! {
    /// What has happened, by its name in the operation log.
    pub enum Kind {
        /// A first card was issued.
        CardIssued = "card.issued",
        /// A first card was applied for; it comes with its plastic.
        CardIssueApplied = "card.issue_applied",
        /// A card was replaced.
        CardReissued = "card.reissued",
        /// A replacement was applied for; it comes with its plastic.
        CardReissueApplied = "card.reissue_applied",
        /// A card was renewed.
        CardRenewed = "card.renewed",
        /// A renewal was applied for; it comes with its plastic.
        CardRenewalApplied = "card.renewal_applied",
        /// A plastic was registered.
        CardRegistered = "card.registered",
        /// A card was reported lost.
        CardSuspended = "card.suspended",
        /// The report was withdrawn.
        CardResumed = "card.resumed",
        /// The plastic of a card was reported defective.
        CardDefectReported = "card.defect_reported",
        /// A card was discarded by its member.
        CardDiscarded = "card.discarded",
        /// A card ends soon.
        CardExpiryNotice = "card.expiry_notice",
        /// A card has expired.
        CardExpired = "card.expired",
        /// An application was cancelled.
        ApplicationCancelled = "application.cancelled",
        /// A delivery has another state.
        DeliveryChanged = "delivery.changed",
        /// A fee was refused by the bank.
        FeeRefused = "fee.refused",
        /// A fee goes back to the member.
        FeeReturnDue = "fee.return_due",
        /// A fee was given back.
        FeeReturned = "fee.returned",
    }
}

impl Kind {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::CardIssued,
        Self::CardIssueApplied,
        Self::CardReissued,
        Self::CardReissueApplied,
        Self::CardRenewed,
        Self::CardRenewalApplied,
        Self::CardRegistered,
        Self::CardSuspended,
        Self::CardResumed,
        Self::CardDefectReported,
        Self::CardDiscarded,
        Self::CardExpiryNotice,
        Self::CardExpired,
        Self::ApplicationCancelled,
        Self::DeliveryChanged,
        Self::FeeRefused,
        Self::FeeReturnDue,
        Self::FeeReturned,
    ];

    /// Whether a card has ended by it because another one took its place.
    pub const fn replaces(self) -> bool {
        match self {
            Self::CardReissued | Self::CardRenewed => true,
            Self::CardIssued
            | Self::CardIssueApplied
            | Self::CardReissueApplied
            | Self::CardRenewalApplied
            | Self::CardRegistered
            | Self::CardSuspended
            | Self::CardResumed
            | Self::CardDefectReported
            | Self::CardDiscarded
            | Self::CardExpiryNotice
            | Self::CardExpired
            | Self::ApplicationCancelled
            | Self::DeliveryChanged
            | Self::FeeRefused
            | Self::FeeReturnDue
            | Self::FeeReturned => false,
        }
    }

    /// The kind of an event of the log; `None` where it is not published.
    pub fn of(event: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.word() == event)
    }
}

#[cfg(test)]
mod tests {
    use contract::Kind as FieldKind;
    use contract::shape::Emit;

    use super::Kind;

    #[test]
    fn every_kind_is_found_by_its_name_and_no_other_is() {
        let FieldKind::Choice(words) = <Kind as Emit>::KIND else { panic!("a choice") };
        let all: Vec<&str> = Kind::ALL.iter().map(|kind| kind.word()).collect();
        assert_eq!(all, words);
        assert!(words.iter().all(|word| Kind::of(word).is_some_and(|kind| kind.word() == *word)));
        for own in ["sandbox.armed", "card.check_failed", "card.number_told", "key.rotated", ""] {
            assert_eq!(Kind::of(own), None, "{own}");
        }
    }
}
