//! Applications with what hangs on them: the way of their plastic, their fees that go back.

use super::card::Month;

/// What is applied for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A first card.
    Issue,
    /// One for a card that was lost.
    Reissue,
    /// One for a card that ends soon.
    Renew,
}

impl Kind {
    /// As the database writes it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Kind::Issue => "ISSUE",
            Kind::Reissue => "REISSUE",
            Kind::Renew => "RENEW",
        }
    }

    /// What the log says once it is granted and paid: with its mobile card or without.
    #[must_use]
    pub const fn event(self, has_mobile: bool) -> &'static str {
        match (self, has_mobile) {
            (Kind::Issue, true) => "card.issued",
            (Kind::Issue, false) => "card.issue_applied",
            (Kind::Reissue, true) => "card.reissued",
            (Kind::Reissue, false) => "card.reissue_applied",
            (Kind::Renew, true) => "card.renewed",
            (Kind::Renew, false) => "card.renewal_applied",
        }
    }
}

/// State of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppState {
    /// Granted without a fee; the card comes with its plastic.
    Ready,
    /// The bank was asked.
    Paying,
    /// Paid; the card comes with its plastic.
    Paid,
    /// The fee was refused.
    PayFailed,
    /// The mobile card is issued.
    Digital,
    /// The plastic is registered, too.
    Physical,
    /// Taken back, or its plastic was called off before anything else was issued.
    Cancelled,
    /// A fee is owed back.
    ReturnDue,
    /// It was given back.
    Returned,
}

impl AppState {
    /// As the database writes it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            AppState::Ready => "READY",
            AppState::Paying => "COST_PAYING",
            AppState::Paid => "COST_PAID",
            AppState::PayFailed => "COST_PAY_FAILED",
            AppState::Digital => "DIGITAL_ISSUED",
            AppState::Physical => "PHYSICAL_ISSUED",
            AppState::Cancelled => "CANCELLED",
            AppState::ReturnDue => "RETURN_DUE",
            AppState::Returned => "RETURNED",
        }
    }

    /// Whether it still holds its old card.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, AppState::Ready | AppState::Paying | AppState::Paid)
    }
}

/// Whether a fee that was taken goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fee {
    /// None was taken.
    NotTaken,
    /// The bank took it.
    Taken,
    /// It is owed back.
    Owed,
    /// It was given back.
    GivenBack,
}

/// State of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Ordered.
    Ready,
    /// The card maker has the order.
    Receipt,
    /// It is being made ready.
    PreShipping,
    /// On its way.
    Shipping,
    /// Delivered.
    Arrival,
    /// Lost in transit: a new plastic goes out at once.
    Lost,
    /// Came back.
    Return,
    /// Called off.
    Cancel,
    /// Ended otherwise.
    Etc,
}

impl Way {
    /// All of them.
    pub const ALL: [Way; 9] = [
        Way::Ready,
        Way::Receipt,
        Way::PreShipping,
        Way::Shipping,
        Way::Arrival,
        Way::Lost,
        Way::Return,
        Way::Cancel,
        Way::Etc,
    ];

    /// As the database writes it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Way::Ready => "READY",
            Way::Receipt => "RECEIPT",
            Way::PreShipping => "PRE_SHIPPING",
            Way::Shipping => "SHIPPING",
            Way::Arrival => "ARRIVAL",
            Way::Lost => "LOST",
            Way::Return => "RETURN",
            Way::Cancel => "CANCEL",
            Way::Etc => "ETC",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Way> {
        Way::ALL.into_iter().find(|way| way.text() == text)
    }

    /// What follows where nothing goes wrong.
    #[must_use]
    pub const fn following(self) -> Option<Way> {
        match self {
            Way::Ready => Some(Way::Receipt),
            Way::Receipt => Some(Way::PreShipping),
            Way::PreShipping => Some(Way::Shipping),
            Way::Shipping => Some(Way::Arrival),
            Way::Arrival | Way::Lost | Way::Return | Way::Cancel | Way::Etc => None,
        }
    }

    /// Whether it has not come to an end of any kind.
    #[must_use]
    pub fn is_under_way(self) -> bool {
        self < Way::Arrival
    }

    /// Whether nothing follows.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Way::Arrival | Way::Cancel | Way::Etc)
    }

    /// Whether a report may bring it there.
    #[must_use]
    pub fn may_be_reported(self, to: Way) -> bool {
        match to {
            Way::Ready => false,
            Way::Receipt | Way::PreShipping | Way::Shipping | Way::Arrival => {
                self.is_under_way() && self < to
            }
            Way::Lost | Way::Return | Way::Etc => self.is_under_way(),
            Way::Cancel => self.is_under_way() || self == Way::Return,
        }
    }
}

/// How far plastic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// Its state.
    pub way: Way,
    /// Since when, by whoever reported it, microseconds.
    pub since_us: i64,
    /// 1, and one more each time that plastic is sent anew.
    pub attempt: i64,
}

/// An application.
#[derive(Debug, Clone)]
pub struct Application {
    /// What is applied for.
    pub kind: Kind,
    /// Its state.
    pub state: AppState,
    /// The call that applied, as what recognises it.
    pub replay: Vec<u8>,
    /// What recognises its correlation id, in a strict project.
    pub strict: Option<Vec<u8>>,
    /// The operation by which it was applied for.
    pub operation: &'static str,
    /// The member.
    pub user: u64,
    /// The card account to be replaced; none for a first card.
    pub account: Option<i64>,
    /// The product of the new card.
    pub service: String,
    /// Whether the card comes at the request.
    pub is_pre_issuance: bool,
    /// Whether the fee of plastic that comes back was promised to go back.
    pub is_refunded: bool,
    /// Months for which the new card is promised.
    pub validity: i64,
    /// The fee, won.
    pub fee: i64,
    /// What became of it.
    pub money: Fee,
    /// What it is drawn from.
    pub bank: Option<i64>,
    /// The order at the bank.
    pub order: Option<(String, String)>,
    /// The orders to give it back, as they were sent.
    pub deposits: Vec<(String, String)>,
    /// When it was applied for, microseconds.
    pub applied_us: i64,
    /// The account that it has opened.
    pub opened: Option<i64>,
    /// The mobile card that it issued.
    pub mobile: Option<usize>,
    /// The plastic that it awaits, or that was registered for it.
    pub plastic: Option<usize>,
    /// How far that plastic is, where it was ordered.
    pub delivery: Option<Delivery>,
}

impl Application {
    /// When cards end that are issued for it at a moment.
    #[must_use]
    pub const fn expiry(&self, now_us: i64) -> Month {
        Month::at(now_us).plus(self.validity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_leads_forward_or_out() {
        let may = |from: Way| {
            Way::ALL.into_iter().filter(|to| from.may_be_reported(*to)).map(Way::text).collect()
        };
        let from_ready: Vec<&str> = may(Way::Ready);
        let forth = ["RECEIPT", "PRE_SHIPPING", "SHIPPING", "ARRIVAL"];
        let out = ["LOST", "RETURN", "CANCEL", "ETC"];
        assert_eq!(from_ready, [forth, out].concat());
        let from_shipping: Vec<&str> = may(Way::Shipping);
        assert_eq!(from_shipping, ["ARRIVAL", "LOST", "RETURN", "CANCEL", "ETC"]);
        let from_return: Vec<&str> = may(Way::Return);
        assert_eq!(from_return, ["CANCEL"]);
        for end in [Way::Arrival, Way::Lost, Way::Cancel, Way::Etc] {
            let after: Vec<&str> = may(end);
            assert!(after.is_empty(), "{end:?}: {after:?}");
        }
    }
}
