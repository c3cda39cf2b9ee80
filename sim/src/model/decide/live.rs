//! What may be done with cards that there are, and with applications that were made.

use super::Decided;
use crate::model::card::{DAY_US, day_of};
use crate::model::{
    AppState, Application, Card, CardState, Delivery, FEE_IN_PROGRESS, Kind, OnCard, Partner,
    Registration, Verdict, WRONG_PLASTIC, Way, is_locked,
};
use crate::server::settings;

impl Partner {
    pub(super) fn state(
        &self,
        user: u64,
        number: Option<&str>,
        par: Option<&str>,
        to: CardState,
    ) -> Decided<Verdict> {
        if !self.is_member(user) {
            return Err("001_006");
        }
        let numbered = number.and_then(|number| self.by_number.get(number));
        let id = match par {
            Some(par) => {
                let id = self.account_of(user, self.by_par.get(par)).ok_or("003_021")?;
                if number.is_some() && self.account_of(user, numbered) != Some(id) {
                    return Err("003_001");
                }
                id
            }
            None => self.account_of(user, numbered).ok_or("003_001")?,
        };
        let account = self.accounts.get(&id).ok_or("003_001")?;
        if account.state == CardState::Terminated {
            return Err("003_022");
        }
        if to == CardState::Active
            && let Some(open) = self.open_for(id)
        {
            if open.state == AppState::Paying {
                return Err(FEE_IN_PROGRESS);
            }
            if open.fee > 0 {
                return Err("003_020");
            }
        }
        Ok(if account.state == to { Verdict::Stay } else { Verdict::Change(id, to) })
    }

    pub(super) fn discard(&self, user: u64, par: &str) -> Decided<i64> {
        if !self.is_member(user) {
            return Err("001_006");
        }
        let id = self.account_of(user, self.by_par.get(par)).ok_or("001_047")?;
        let account = self.accounts.get(&id).ok_or("001_047")?;
        if account.state == CardState::Terminated {
            return Err("003_022");
        }
        match self.open_for(id).map(|open| open.state) {
            Some(AppState::Paying) => Err(FEE_IN_PROGRESS),
            Some(_) => Err("003_020"),
            None if account.balance > 0 => Err("001_052"),
            None => Ok(id),
        }
    }

    /// On its own day, before anything came of it.
    pub(super) fn cancel(&self, user: u64, no: &str, at_us: i64) -> Decided<()> {
        if !self.is_member(user) {
            return Err("001_006");
        }
        let application = self.application_of(user, no).ok_or("000_002")?;
        if day_of(application.applied_us) != day_of(at_us) {
            return Err("003_002");
        }
        let is_early = match application.state {
            AppState::Ready | AppState::Paid => true,
            // Its balance has not moved, and the card has not been used.
            AppState::Digital => application.kind == Kind::Issue,
            AppState::Paying
            | AppState::PayFailed
            | AppState::Physical
            | AppState::Cancelled
            | AppState::ReturnDue
            | AppState::Returned => false,
        };
        let is_unused = application.opened.is_none_or(|id| {
            let account = self.accounts.get(&id);
            let is_empty =
                account.is_some_and(|it| it.state != CardState::Terminated && it.balance == 0);
            // Nor is it being replaced.
            is_empty && self.open_for(id).is_none()
        });
        let is_here = application.delivery.is_none_or(|delivery| delivery.way < Way::Shipping);
        if is_early && is_unused && is_here { Ok(()) } else { Err("003_003") }
    }

    /// Where it has come back.
    pub(super) fn resend(&self, user: u64, no: &str) -> Decided<()> {
        let (delivery, _) = self.way_of(user, no)?;
        match delivery.way {
            Way::Return => Ok(()),
            Way::Ready
            | Way::Receipt
            | Way::PreShipping
            | Way::Shipping
            | Way::Arrival
            | Way::Lost
            | Way::Cancel
            | Way::Etc => Err("003_931"),
        }
    }

    /// Where it has come back, has ended otherwise, was said to have arrived, or is under way and
    /// was not heard of for long; and nobody has registered it.
    pub(super) fn call_off(&self, user: u64, no: &str, at_us: i64) -> Decided<()> {
        let (delivery, state) = self.way_of(user, no)?;
        let silent_us = i64::try_from(settings().delivery_silent_days).unwrap_or(0) * DAY_US;
        let is_silent = delivery.since_us + silent_us <= at_us;
        match (delivery.way, state) {
            (Way::Return | Way::Arrival | Way::Etc, state) if state != AppState::Physical => Ok(()),
            (Way::Ready | Way::Receipt | Way::PreShipping | Way::Shipping, state)
                if state != AppState::Physical && is_silent =>
            {
                Ok(())
            }
            (
                Way::Ready
                | Way::Receipt
                | Way::PreShipping
                | Way::Shipping
                | Way::Arrival
                | Way::Lost
                | Way::Return
                | Way::Cancel
                | Way::Etc,
                _,
            ) => Err("003_931"),
        }
    }

    /// Where the plastic of a member's application is, and the application's state.
    fn way_of(&self, user: u64, no: &str) -> Decided<(Delivery, AppState)> {
        if !self.is_member(user) {
            return Err("001_006");
        }
        let application = self.application_of(user, no).ok_or("003_013")?;
        Ok((application.delivery.ok_or("003_013")?, application.state))
    }

    /// The plastic on which this stands, if it can be registered by what stands on it.
    #[must_use]
    pub fn plastic_on(&self, on_card: &OnCard) -> Option<usize> {
        let place = *self.by_number.get(&on_card.number)?;
        let card = self.cards.get(place)?;
        let plastic = card.plastic.as_ref()?;
        (card.account.is_none() && !plastic.is_ended).then_some(place)
    }

    /// Whether all that stands on it is right.
    #[must_use]
    pub fn is_right(&self, on_card: &OnCard) -> bool {
        let card = self.plastic_on(on_card).and_then(|place| self.cards.get(place));
        card.is_some_and(|card| {
            let cvc = card.plastic.as_ref().map(|plastic| plastic.cvc.as_str());
            card.expiry.yymm() == on_card.yymm && cvc == Some(&on_card.cvc)
        })
    }

    pub(super) fn register(
        &self,
        user: u64,
        on_card: &OnCard,
        named: Option<&str>,
        at_us: i64,
    ) -> Decided<(usize, Registration)> {
        if !self.is_member(user) {
            return Err("001_006");
        }
        let place = self.plastic_on(on_card).filter(|_| self.is_right(on_card));
        let place = place.ok_or(WRONG_PLASTIC)?;
        let card = self.cards.get(place).ok_or(WRONG_PLASTIC)?;
        let plastic = card.plastic.as_ref().ok_or(WRONG_PLASTIC)?;
        if is_locked(plastic.guesses, at_us) || card.expiry.days_left(at_us) < 0 {
            return Err(WRONG_PLASTIC);
        }
        let made_for = match &plastic.made_for {
            Some(no) => {
                let own = self.application_of(user, no).ok_or(WRONG_PLASTIC)?;
                Some((no.as_str(), own))
            }
            None => None,
        };
        let named = match named {
            Some(no) => Some((no, self.application_of(user, no).ok_or("003_013")?)),
            None => None,
        };
        let Some((no, application)) = named.or(made_for) else {
            return Ok((place, Registration::Open));
        };
        let opened = application.opened.and_then(|id| self.accounts.get(&id));
        if opened.is_some_and(|account| account.state == CardState::Terminated) {
            return Err("003_014");
        }
        let is_awaited = application.awaits(place, card);
        let no = no.to_owned();
        match (application.state, application.is_pre_issuance) {
            (AppState::Digital, true) if is_awaited => Ok((place, Registration::Link(no))),
            (AppState::Ready | AppState::Paid, false) if is_awaited => {
                Ok((place, Registration::IssueMobile(no)))
            }
            (
                AppState::Ready
                | AppState::Paying
                | AppState::Paid
                | AppState::PayFailed
                | AppState::Digital
                | AppState::Physical
                | AppState::Cancelled
                | AppState::ReturnDue
                | AppState::Returned,
                true | false,
            ) => Err("003_012"),
        }
    }
}

impl Application {
    /// Whether it awaits this plastic: the one that was made for it, or, where none was, any of
    /// its product's that was made for nobody.
    fn awaits(&self, place: usize, card: &Card) -> bool {
        let is_for_nobody = card.plastic.as_ref().is_some_and(|it| it.made_for.is_none());
        match self.plastic {
            Some(awaited) => awaited == place,
            None => is_for_nobody && self.service == card.service,
        }
    }
}
