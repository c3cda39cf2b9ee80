//! One card from first to last: issued, delivered, registered, used, lost, reissued, delivered,
//! registered, renewed, delivered, registered, discarded; while processes die, the database fails
//! and the bank is as it is. Its member asks again until it is done, as members do.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use crypto::keyring::Keyring;
use domain::delivery::{DeliveryState, Report};
use domain::ledger;
use domain::{AspId, CardAccountId, Money, Timestamp};
use platen::supply::IDS;
use store::TxError;
use store::tables::counters;

use crate::call::{Flaw, Spec};
use crate::given::{NewMember, NewPartner};
use crate::model::{
    Account, AppState, Application, Ask, BankAccount, CardState, Fees, Kind, OnCard, Partner,
    Product, SUCCESS, Way, Wish,
};
use crate::rng::Rng;
use crate::tally::Tally;

use super::{Failure, Stepped, World, stuck};

/// The product of the story.
const SERVICE: &str = "000170000002000";
/// Its member.
const USER: u64 = 7_001;
/// What the member keeps on the card, won.
const BALANCE_WON: i64 = 12_345;
/// What the member has at the bank, won.
const BANK_WON: i64 = 1_000_000;
/// Steps in which a chapter has to come to its end.
const CHAPTER_STEPS_MAX: u64 = 5_000;
/// Steps after which the member asks again.
const PATIENCE_STEPS: u64 = 60;
/// After which jobs have their turn.
const JOBS_INTERVAL_MS: u64 = 60_000;
/// Days of Seoul, milliseconds.
const DAY_MS: u64 = 86_400_000;

/// When the mobile card of a product is issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Issuance {
    /// At the request.
    First,
    /// When the plastic is registered.
    WithPlastic,
}

impl World {
    /// Plays the story of this seed on a new database.
    pub fn story(
        seed: u64,
        issuance: Issuance,
        file: &Path,
        keys: &Arc<Keyring>,
    ) -> Result<Tally, Failure> {
        let mut rng = Rng::new(seed);
        let partner = NewPartner::of_one_product(&mut rng, SERVICE, product(issuance));
        let mut world = World::of(vec![partner], rng, file, keys);
        let ended = world.play();
        world.ended(seed, ended)
    }

    fn play(&mut self) -> Stepped {
        self.found()?;
        self.joins(0, member(self.now_ms))?;
        self.bank.put(&pseudonym(), BANK_WON);
        self.mirror_keys()?;
        self.compare()?;
        self.gets(Kind::Issue)?;
        let first = self.card()?;
        self.moves(first, BALANCE_WON)?;
        self.asks(
            "lost",
            |world| world.state(CardState::Suspended),
            |world| world.has(CardState::Suspended),
        )?;
        self.gets(Kind::Reissue)?;
        self.waits_for_the_end()?;
        self.gets(Kind::Renew)?;
        let last = self.card()?;
        self.moves(last, -BALANCE_WON)?;
        self.asks("discarded", World::discards, |world| world.has(CardState::Terminated))?;
        self.end()
    }

    /// A card is applied for, delivered and registered.
    fn gets(&mut self, kind: Kind) -> Stepped {
        self.asks(
            "applied for",
            |world| world.applies(kind),
            |world| world.applied(kind).is_some(),
        )?;
        self.until("delivered", World::carries_on, |world| {
            world.applied(kind).and_then(|it| it.delivery).is_some_and(|it| it.way == Way::Arrival)
        })?;
        self.asks(
            "registered",
            |world| world.registers(kind),
            |world| world.applied(kind).is_some_and(|it| it.state == AppState::Physical),
        )?;
        self.compare()
    }

    /// The member asks, and asks again, until it is done.
    fn asks(
        &mut self,
        chapter: &'static str,
        ask: impl Fn(&World) -> Option<Ask>,
        is_done: impl Fn(&World) -> bool,
    ) -> Stepped {
        let mut spec: Option<Rc<Spec>> = None;
        let asking = |world: &mut World| {
            let index = world.running()?;
            // What the bank has refused is asked for anew; all else is the same call again.
            let is_refused = spec.as_ref().is_some_and(|spec| world.is_refused(spec));
            if is_refused || spec.is_none() {
                let asked = ask(world);
                spec = asked.and_then(|ask| world.spec(index, 0, ask, Flaw::None));
            }
            match &spec {
                Some(spec) => {
                    let spec = Rc::clone(spec);
                    world.send(index, &spec);
                    Ok(())
                }
                None => stuck(format!("nothing can be asked to be {chapter}")),
            }
        };
        self.until(chapter, asking, is_done)
    }

    /// Something is done again and again until it has come true.
    fn until(
        &mut self,
        chapter: &'static str,
        mut act: impl FnMut(&mut World) -> Stepped,
        is_done: impl Fn(&World) -> bool,
    ) -> Stepped {
        let begun = self.step;
        while !is_done(self) {
            if (self.step - begun).is_multiple_of(PATIENCE_STEPS) {
                act(self)?;
            }
            if self.step - begun > CHAPTER_STEPS_MAX {
                return stuck(format!("the card was not {chapter}"));
            }
            self.step += 1;
            self.befalls()?;
            self.settle()?;
        }
        self.tally.count("chapters", chapter);
        self.note(format!("the card is {chapter}"));
        Ok(())
    }

    /// What happens to everybody meanwhile.
    fn befalls(&mut self) -> Stepped {
        match self.rng.weighed(&[40, 10, 12, 25, 8, 2, 3, 3]) {
            0 => self.group(),
            1 => self.reads(),
            2 => {
                self.pass();
                Ok(())
            }
            3 => self.bank_step(),
            4 => self.calm(),
            5 => self.running().map(drop),
            6 => self.kill(),
            _ => self.fault(),
        }
    }

    /// The only partner.
    fn partner(&self) -> Option<&Partner> {
        self.model.values().next()
    }

    /// The bank, or nobody, has said no to the application of this call.
    fn is_refused(&self, spec: &Spec) -> bool {
        let memory = self.partner().and_then(|it| it.memories.get(&spec.key.replay));
        memory.is_some_and(|memory| memory.code != SUCCESS)
    }

    /// The application of this kind that was granted and paid.
    fn applied(&self, kind: Kind) -> Option<&Application> {
        self.numbered(kind).map(|(_, application)| application)
    }

    fn numbered(&self, kind: Kind) -> Option<(&String, &Application)> {
        self.partner()?.applications.iter().find(|(_, it)| {
            let is_granted =
                !matches!(it.state, AppState::Paying | AppState::PayFailed | AppState::ReturnDue);
            it.kind == kind && is_granted
        })
    }

    /// The newest account of the member.
    fn newest(&self) -> Option<(i64, &Account)> {
        let (id, account) = self.partner()?.accounts.last_key_value()?;
        Some((*id, account))
    }

    fn card(&self) -> Stepped<i64> {
        self.newest().map_or_else(|| stuck("the member has no card"), |(id, _)| Ok(id))
    }

    fn has(&self, state: CardState) -> bool {
        self.newest().is_some_and(|(_, account)| account.state == state)
    }

    /// The newest card: its number and PAR.
    fn names(&self) -> Option<(String, String)> {
        let (newest, _) = self.newest()?;
        let mut cards = self.partner()?.cards.iter();
        let card = cards.find(|card| card.account == Some(newest))?;
        Some((card.number.clone(), card.par.clone()))
    }

    fn applies(&self, kind: Kind) -> Option<Ask> {
        let (user, plastic) = (USER, Wish::Wanted);
        Some(match kind {
            Kind::Issue => Ask::Issue { user, service: SERVICE.to_owned(), plastic },
            Kind::Reissue => Ask::Reissue { user, number: self.names()?.0, plastic },
            Kind::Renew => Ask::Renew { user, number: self.names()?.0 },
        })
    }

    fn registers(&self, kind: Kind) -> Option<Ask> {
        let (no, application) = self.numbered(kind)?;
        let card = self.partner()?.cards.get(application.plastic?)?;
        let (yymm, cvc) = (card.expiry.yymm(), card.plastic.as_ref()?.cvc.clone());
        let on_card = OnCard { number: card.number.clone(), yymm, cvc };
        Some(Ask::Register { user: USER, on_card, no: Some(no.clone()) })
    }

    fn state(&self, to: CardState) -> Option<Ask> {
        let number = Some(self.names()?.0);
        Some(Ask::State { user: USER, number, par: None, to })
    }

    fn discards(&self) -> Option<Ask> {
        Some(Ask::Discard { user: USER, par: self.names()?.1 })
    }

    /// The carrier reports what comes next of the plastic that is on its way.
    fn carries_on(&mut self) -> Stepped {
        let index = self.running()?;
        let now_us = self.now_us();
        let Some((asp, partner)) = self.model.iter().next() else { return Ok(()) };
        let mut under_way = partner.applications.iter().filter_map(|(no, application)| {
            Some((no, application.delivery?)).filter(|(_, it)| it.way.is_under_way())
        });
        let Some((no, standing)) = under_way.next() else { return Ok(()) };
        let next = standing.way.following().and_then(|way| DeliveryState::parse(way.text()));
        let attempt = u32::try_from(standing.attempt).unwrap_or(1);
        let occurred_at = Timestamp(now_us.max(standing.since_us));
        if let (Some(state), Some(server)) = (next, self.server(index)) {
            server.report(asp, no, Report { state, occurred_at, attempt });
        }
        Ok(())
    }

    /// Money comes on the card or goes: no operation of ours does that yet.
    fn moves(&mut self, account: i64, won: i64) -> Stepped {
        let index = self.running()?;
        let Some((asp, partner)) = self.model.iter_mut().next() else { return Ok(()) };
        let asp = AspId::new(asp);
        if let Some(account) = partner.accounts.get_mut(&account) {
            account.balance += won;
        }
        let Some(server) = self.server(index) else { return Ok(()) };
        let ((), ran) = server.directly(move |tx| {
            let entry = counters::take(tx, &asp, IDS, 1)?;
            let amount = Money::won(won.abs());
            let amount = amount.ok_or_else(|| TxError::Refused("no amount".to_owned()))?;
            let card = ledger::Account::Card(CardAccountId(account)).key();
            let opening = ledger::Account::Opening.key();
            let (debit, credit) = if won > 0 { (opening, card) } else { (card, opening) };
            tx.execute(
                "INSERT INTO posting (asp_id, log_id, line, debit, credit, amount, currency)
                 VALUES ($1, $2, 1, $3, $4, $5, 'KRW')",
                &[
                    asp.as_str().into(),
                    entry.into(),
                    debit.as_str().into(),
                    credit.as_str().into(),
                    amount.minor().into(),
                ],
            )?;
            tx.execute(
                "UPDATE card_account SET balance = balance + $3
                 WHERE asp_id = $1 AND account_id = $2",
                &[asp.as_str().into(), account.into(), won.into()],
            )?;
            Ok(())
        })?;
        self.take_over(&ran)?;
        self.look_again();
        self.note(format!("{won} won come on card account {account}"));
        Ok(())
    }

    /// Time passes until the card may be renewed, and what is due meanwhile is done.
    fn waits_for_the_end(&mut self) -> Stepped {
        self.until("near its end", |_| Ok(()), |world| world.flights.is_empty())?;
        let now_us = self.now_us();
        let left = self.newest().map_or(0, |(_, account)| account.expiry.days_left(now_us));
        let days = u64::try_from(left - 20).unwrap_or(0);
        self.leap_ms(days * DAY_MS);
        self.note(format!("{days} days leap"));
        let turns = |world: &mut World| {
            world.leap_ms(JOBS_INTERVAL_MS);
            Ok(())
        };
        let is_told = |world: &World| world.newest().is_some_and(|(_, account)| account.told > 0);
        self.until("told of", turns, is_told)
    }
}

/// All of it costs something, and the cards end before long.
fn product(issuance: Issuance) -> Product {
    Product {
        is_active: true,
        is_pre_issuance: issuance == Issuance::First,
        is_mobile_only_allowed: true,
        is_abroad: true,
        fees: Fees { issue: (2_000, 0), reissue: (3_000, 0), renewal: 1_000 },
        is_first_free: false,
        is_refunded: true,
        validity: 2,
        next: None,
    }
}

fn member(now_ms: u64) -> NewMember {
    NewMember {
        user: USER,
        is_active: true,
        is_verified: true,
        banks: vec![BankAccount {
            id: 1,
            state: "REGISTERED",
            is_primary: true,
            registered_ms: now_ms,
            pseudonym: pseudonym(),
        }],
        cards: Vec::new(),
        stock: None,
    }
}

fn pseudonym() -> String {
    format!("1{:023}", USER)
}
