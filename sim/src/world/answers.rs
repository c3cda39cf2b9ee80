//! What callers are told, held against the model.

use crate::broken::{Check, broken, hold};
use crate::call::{Answer, Flaw};
use crate::model::{Ask, Card, Memory, Partner, SUCCESS};
use crate::server::{Answered, Server};

use super::{Fields, Flight, Stepped, World};

/// The database is away or too busy.
const UNAVAILABLE: &str = "000_997";
/// A field is out of its limits, or names what there is not.
const INVALID_INPUT: &str = "000_002";
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

    /// Only where a range of the partner's has no block left, and a card is asked for.
    fn used_up(&self, flight: &Flight) -> Check {
        let partner = self.partners.get(flight.spec.partner);
        let asp = partner.map(|partner| partner.asp.as_str());
        let mut ranges = self.mirror.rows("number_range").filter(|row| row.text("asp_id") == asp);
        let is_used_up = ranges.any(|row| row.int("next_serial") == row.int("serial_end"));
        let makes_card = match flight.spec.ask {
            Ask::Issue { .. } | Ask::Reissue { .. } | Ask::Renew { .. } | Ask::Register { .. } => {
                flight.spec.flaw.code().is_none()
            }
            Ask::State { .. }
            | Ask::Discard { .. }
            | Ask::Cancel { .. }
            | Ask::Resend { .. }
            | Ask::CallOff { .. } => false,
        };
        hold("model-predicts-answers", is_used_up && makes_card, || {
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
        flight.check(&answer, self.now_us())?;
        let told = answer.field("mobileCardNo").is_some();
        let Some(partner) = asp.filter(|_| told).and_then(|asp| self.model.get_mut(&asp)) else {
            return Ok(());
        };
        let memory = partner.memories.get_mut(&flight.spec.key.replay);
        let left = memory.and_then(|memory| {
            memory.may_be_told = memory.may_be_told.checked_sub(1)?;
            Some(memory.may_be_told)
        });
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
                self.told.extend(self.fields(partner));
            }
        }
    }

    fn check(&self, answer: &Answer, now_us: i64) -> Check {
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
        let field = match (spec.flaw, &spec.ask) {
            (Flaw::Field(field), _) => Some(field),
            (_, Ask::Issue { .. }) if answer.code == INVALID_INPUT => Some("serviceId"),
            (_, Ask::Cancel { .. }) if answer.code == INVALID_INPUT => Some("cardApplyNo"),
            (..) => None,
        };
        if let Some(field) = field {
            hold("an-answer-names-the-field", answer.description.ends_with(field), || {
                format!("{name}: `{}`, not {field}", answer.description)
            })?;
        }
        let mut found: Vec<(&str, String)> =
            answer.fields.iter().map(|(field, value)| (field.as_str(), value.clone())).collect();
        found.sort_unstable();
        let is_told = match is_success {
            true => self.told.iter().any(|told| self.with_cvc(told, answer) == found),
            false => found.is_empty(),
        };
        hold("an-answer-has-its-fields", is_told, || {
            let names = found.iter().map(|it| it.0).collect::<Vec<_>>().join(" ");
            format!("{name}: {names}, or others' values")
        })
    }

    /// What is told, in the order of names, with the CVC: of that nothing is known but its form.
    fn with_cvc(&self, told: &Fields, answer: &Answer) -> Fields {
        let mut told = told.clone();
        let is_cvc = |cvc: &&str| cvc.len() == 3 && cvc.bytes().all(|c| c.is_ascii_digit());
        if matches!(self.spec.ask, Ask::Issue { .. } | Ask::Reissue { .. })
            && told.iter().any(|(field, _)| *field == "mobileCardNo")
        {
            let cvc = answer.field("mobileCardCVC").filter(is_cvc).unwrap_or("three digits");
            told.push(("mobileCardCVC", cvc.to_owned()));
        }
        told.sort_unstable();
        told
    }

    /// What a success tells: of the application or the card that this very call was about.
    fn fields(&self, partner: &Partner) -> Option<Fields> {
        let memory = partner.memories.get(&self.spec.key.replay);
        Some(match &self.spec.ask {
            Ask::State { .. } | Ask::Discard { .. } | Ask::Resend { .. } | Ask::CallOff { .. } => {
                Vec::new()
            }
            Ask::Renew { .. } => vec![("cardApplyNo", memory?.subject.clone())],
            Ask::Issue { .. } | Ask::Reissue { .. } => {
                let mut fields = vec![("cardApplyNo", memory?.subject.clone())];
                if let Some(card) = mobile_of(partner, memory?) {
                    fields.push(("mobileCardNo", card.number.clone()));
                    fields.push(("mobileCardPar", card.par.clone()));
                }
                fields
            }
            Ask::Cancel { .. } => match mobile_of(partner, memory?) {
                Some(card) => told(card),
                None => Vec::new(),
            },
            Ask::Register { .. } => told(mobile_of(partner, memory?)?),
        })
    }
}

fn told(card: &Card) -> Fields {
    vec![("mobileCardNo", card.number.clone()), ("par", card.par.clone())]
}

/// The mobile card of the application, or of the account, that a call was about.
fn mobile_of<'p>(partner: &'p Partner, memory: &Memory) -> Option<&'p Card> {
    if let Some(application) = partner.applications.get(&memory.subject) {
        return partner.cards.get(application.mobile?);
    }
    let account = memory.subject.parse::<i64>().ok()?;
    partner.cards.iter().find(|card| card.account == Some(account) && card.plastic.is_none())
}
