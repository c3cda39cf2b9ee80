//! What callers are told, held against the model.

use crate::broken::{Check, broken, hold};
use crate::call::{Answer, Flaw, REISSUE};
use crate::model::{Partner, SUCCESS};
use crate::server::{Answered, Server};

use super::{Flight, Stepped, World};

/// The database is away or too busy.
const UNAVAILABLE: &str = "000_997";
/// No card number is left.
const NUMBERS_USED_UP: &str = "000_996";
/// How long a job may wait for the database, microseconds: the default of the store.
const WAIT_US_MAX: i64 = 10_000_000;

impl World {
    /// The model has changed: what calls may be answered is looked at again.
    pub(super) fn look_again(&mut self) {
        let now_us = self.now_us();
        for flight in &mut self.flights {
            if let Some(partner) = self.model.values().nth(flight.spec.partner) {
                flight.predict(partner, now_us);
            }
        }
    }

    /// Takes all answers and checks them.
    pub(super) fn answers(&mut self) -> Stepped {
        for index in 0..self.servers.len() {
            let answers = self.server(index).map(Server::answers).unwrap_or_default();
            for answered in answers {
                self.answered(&answered)?;
            }
        }
        Ok(())
    }

    /// Only where a range of the partner's has no block left, and a reissue is asked for.
    fn used_up(&self, flight: &Flight) -> Check {
        let partner = self.partners.get(flight.spec.partner);
        let asp = partner.map(|partner| partner.asp.as_str());
        let mut ranges = self.mirror.rows("number_range").filter(|row| row.text("asp_id") == asp);
        let is_used_up = ranges.any(|row| row.int("next_serial") == row.int("serial_end"));
        let is_reissue = flight.spec.operation == REISSUE && flight.spec.flaw.code().is_none();
        hold("model-predicts-answers", is_used_up && is_reissue, || {
            format!("call {} was answered {NUMBERS_USED_UP}", flight.id)
        })
    }

    fn answered(&mut self, answered: &Answered) -> Stepped {
        let place = self.flights.iter().position(|flight| flight.id == answered.call);
        let Some(place) = place else { return Ok(()) };
        let mut flight = self.flights.remove(place);
        let Some(answer) = Answer::read(answered.status, &answered.body) else {
            return Ok(broken("an-answer-has-its-form", format!("call {}", flight.id))?);
        };
        self.tally.count("codes", &answer.code);
        self.note(format!("call {} is answered {}", flight.id, answer.code));
        let partner = self.model.values().nth(flight.spec.partner);
        let Some(partner) = partner else { return Ok(()) };
        flight.predict(partner, self.now_us());
        let asp = self.partners.get(flight.spec.partner).map(|partner| partner.asp.clone());
        if answer.code == NUMBERS_USED_UP {
            return Ok(self.used_up(&flight)?);
        }
        flight.check(partner, &answer, self.now_us())?;
        let told = answer.field("mobileCardNo").and_then(|_| answer.field("cardApplyNo"));
        let partner = asp.and_then(|asp| self.model.get_mut(&asp));
        let Some(application) = partner.zip(told).and_then(|(it, no)| it.applications.get_mut(no))
        else {
            return Ok(());
        };
        let left = application.may_be_told.checked_sub(1);
        application.may_be_told = left.unwrap_or(0);
        Ok(hold("a-told-number-is-in-the-log", left.is_some(), || {
            format!("call {} was told a number that no row says it was told", answered.call)
        })?)
    }
}

impl Flight {
    /// Adds the codes that are right now.
    pub(super) fn predict(&mut self, partner: &Partner, now_us: i64) {
        match self.spec.flaw.code() {
            Some(code) => {
                self.codes.insert(code.to_owned());
            }
            None => {
                let (ask, key) = (&self.spec.ask, &self.spec.key);
                let codes = partner.codes(ask, key, self.from_us, now_us);
                self.codes.extend(codes.into_iter().map(str::to_owned));
            }
        }
    }

    fn check(&self, partner: &Partner, answer: &Answer, now_us: i64) -> Check {
        let spec = &self.spec;
        let name = format!("call {} ({} {})", self.id, spec.operation, spec.correlation);
        let is_success = answer.code == SUCCESS;
        hold("an-answer-has-its-form", is_success == (answer.status == 200), || {
            format!("{name}: {} with HTTP {}", answer.code, answer.status)
        })?;
        if answer.code == UNAVAILABLE {
            let may_be = self.saw_fault || now_us - self.from_us >= WAIT_US_MAX;
            return hold("model-predicts-answers", may_be, || {
                format!("{name}: {UNAVAILABLE}, but the database was there")
            });
        }
        hold("model-predicts-answers", self.codes.contains(&answer.code), || {
            format!("{name} was answered {}, not one of {:?}", answer.code, self.codes)
        })?;
        if let Flaw::Field(field) = spec.flaw {
            hold("an-answer-names-the-field", answer.description.ends_with(field), || {
                format!("{name}: `{}`, not {field}", answer.description)
            })?;
        }
        if is_success && spec.operation == REISSUE {
            return self.reissued(partner, answer, &name);
        }
        hold("an-answer-has-its-fields", answer.fields.is_empty(), || {
            format!("{name}: {} fields beside the code {}", answer.fields.len(), answer.code)
        })
    }

    /// A reissue's answer is that of the application that this very call has made.
    fn reissued(&self, partner: &Partner, answer: &Answer, name: &str) -> Check {
        let no = answer.field("cardApplyNo").unwrap_or_default();
        let Some(application) = partner.applications.get(no) else {
            return broken("an-answer-has-its-fields", format!("{name}: no application {no}"));
        };
        hold("an-answer-is-the-calls-own", application.replay == self.spec.key.replay, || {
            format!("{name} was told of application {no}, which another call has made")
        })?;
        let mobile = application.mobile.and_then(|place| partner.cards.get(place));
        let cvc = answer.field("mobileCardCVC");
        let is_cvc =
            cvc.is_some_and(|cvc| cvc.len() == 3 && cvc.bytes().all(|c| c.is_ascii_digit()));
        let fits = match mobile {
            None => answer.fields.len() == 1,
            Some(card) => {
                answer.fields.len() == 4
                    && answer.field("mobileCardNo") == Some(&card.number)
                    && answer.field("mobileCardPar") == Some(&card.par)
                    && is_cvc
            }
        };
        hold("an-answer-has-its-fields", fits, || {
            format!("{name}: not the card of application {no}")
        })
    }
}
