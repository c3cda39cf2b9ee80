//! What changes beside the calls: members, bank accounts, products and cards, by hand.

use domain::delivery::{DeliveryState, Report};
use domain::{AspId, Timestamp};
use store::Value;

use crate::given::put_product;
use crate::model::{BankAccount, CardState, Way};
use crate::server::Server;

use super::{Stepped, World, stuck};

/// States of a bank account.
const BANK_STATES: [&str; 5] = ["PENDING", "REGISTERED", "FAILED", "CONSENT_ENDED", "DELETED"];

impl World {
    /// Something changes by hand.
    pub(super) fn office(&mut self) -> Stepped {
        let place = self.rng.below(self.partners.len());
        let Some(asp) = self.partners.get(place).map(|partner| partner.asp.clone()) else {
            return Ok(());
        };
        let Some(partner) = self.model.get(&asp) else { return Ok(()) };
        let users: Vec<u64> = partner.members.keys().copied().collect();
        let Some(user) = self.rng.pick(&users).copied() else { return Ok(()) };
        match self.rng.weighed(&[8, 12, 30, 20, 27, 3]) {
            0 => self.membership(&asp, user),
            1 => self.verification(&asp, user),
            2 => self.bank_account(&asp, user),
            3 => self.product(&asp),
            4 => self.money(&asp, user),
            _ => self.discard(&asp),
        }
    }

    /// Runs a statement of the simulation's own.
    fn change(
        &mut self,
        sql: &'static str,
        asp: &str,
        ids: [i64; 2],
        text: Option<&'static str>,
    ) -> Stepped {
        let index = self.running()?;
        let Some(server) = self.server(index) else { return Ok(()) };
        let asp = asp.to_owned();
        let (changed, ran) = server.directly(move |tx| {
            let mut values: Vec<Value<'_>> = vec![asp.as_str().into()];
            values.extend(ids.iter().map(|id| Value::Int(*id)));
            values.extend(text.iter().map(|text| Value::Text(text)));
            Ok(tx.execute(sql, &values)?)
        })?;
        if changed != 1 {
            return stuck(format!("{changed} rows changed by: {sql}"));
        }
        Ok(self.take_over(&ran)?)
    }

    fn membership(&mut self, asp: &str, user: u64) -> Stepped {
        let is_active = self.rng.percent(85);
        let Some(member) = self.model.get_mut(asp).and_then(|it| it.members.get_mut(&user)) else {
            return Ok(());
        };
        member.is_active = is_active;
        let state = if member.is_active { "ACTIVE" } else { "CANCELLED" };
        self.note(format!("office: member {user} is {state}"));
        self.look_again();
        self.change(
            "UPDATE member SET state = $4 WHERE asp_id = $1 AND user_id = $2 AND $3 = 0",
            asp,
            [id(user), 0],
            Some(state),
        )
    }

    fn verification(&mut self, asp: &str, user: u64) -> Stepped {
        let now_us = self.now_us();
        let Some(member) = self.model.get_mut(asp).and_then(|it| it.members.get_mut(&user)) else {
            return Ok(());
        };
        member.is_verified = !member.is_verified;
        let at = if member.is_verified { now_us } else { 0 };
        self.note(format!("office: member {user} verified at {at}"));
        self.look_again();
        let sql = "UPDATE member SET id_verified_at = NULLIF($3, 0)
                   WHERE asp_id = $1 AND user_id = $2";
        self.change(sql, asp, [id(user), at], None)
    }

    fn bank_account(&mut self, asp: &str, user: u64) -> Stepped {
        let state = self.rng.pick(&BANK_STATES).copied().unwrap_or("REGISTERED");
        // Most accounts are to be charged.
        let state = if self.rng.percent(60) { "REGISTERED" } else { state };
        let add = self.rng.percent(30);
        let Some(member) = self.model.get_mut(asp).and_then(|it| it.members.get_mut(&user)) else {
            return Ok(());
        };
        let count = member.banks.len();
        if add && count < 4 {
            let number = count + 1;
            let bank = BankAccount {
                id: i64::try_from(number).unwrap_or(1),
                state,
                is_primary: count == 0,
                registered_ms: self.now_ms,
                pseudonym: format!("2{:011}{user:011}{number}", self.rng.bits() % 100_000_000_000),
            };
            member.banks.push(bank.clone());
            return self.open(asp, user, bank);
        }
        let index = self.rng.below(count);
        let Some(bank) = member.banks.get_mut(index) else { return Ok(()) };
        bank.state = state;
        let bank = bank.id;
        self.note(format!("office: bank account {bank} of member {user} is {state}"));
        self.look_again();
        self.change(
            "UPDATE bank_account SET state = $4
             WHERE asp_id = $1 AND user_id = $2 AND bank_account_id = $3",
            asp,
            [id(user), bank],
            Some(state),
        )
    }

    fn open(&mut self, asp: &str, user: u64, bank: BankAccount) -> Stepped {
        self.bank.put(&bank.pseudonym, 50_000);
        self.note(format!("office: member {user} registers bank account {}", bank.id));
        self.look_again();
        let index = self.running()?;
        let Some(server) = self.server(index) else { return Ok(()) };
        let (core, asp) = (server.core().clone(), AspId::new(asp));
        let written =
            server.directly(move |tx| crate::given::put_bank(&core, tx, &asp, user, &bank))?;
        Ok(self.take_over(&written.1)?)
    }

    /// A product's policy changes; what was promised before stays as it was.
    fn product(&mut self, asp: &str) -> Stepped {
        let Some(partner) = self.model.get_mut(asp) else { return Ok(()) };
        let services: Vec<String> = partner.products.keys().cloned().collect();
        let Some(service) = self.rng.pick(&services).cloned() else { return Ok(()) };
        let next = self.rng.pick(&services).cloned();
        let Some(product) = partner.products.get_mut(&service) else { return Ok(()) };
        let fee = [0, 700, 3_000][self.rng.below(3)];
        match self.rng.below(9) {
            0 => product.is_active = !product.is_active || self.rng.percent(60),
            1 => product.fees.reissue.0 = fee,
            2 => product.fees.reissue.1 = fee,
            3 => product.fees.issue = (fee, fee / 2),
            4 => product.fees.renewal = fee,
            5 => product.next = next.filter(|_| self.rng.percent(50)),
            6 => product.is_refunded = !product.is_refunded,
            7 => product.is_first_free = !product.is_first_free,
            _ => product.is_mobile_only_allowed = !product.is_mobile_only_allowed,
        }
        let product = product.clone();
        self.note(format!("office: product {service} is {product:?}"));
        self.look_again();
        let index = self.running()?;
        let asp = AspId::new(asp);
        let Some(server) = self.server(index) else { return Ok(()) };
        let written = server.directly(move |tx| Ok(put_product(tx, &asp, &service, &product)?))?;
        Ok(self.take_over(&written.1)?)
    }

    /// A member's account at the bank is filled or emptied.
    fn money(&mut self, asp: &str, user: u64) -> Stepped {
        let member = self.model.get(asp).and_then(|partner| partner.members.get(&user));
        let banks = member.map_or(&[][..], |member| &member.banks);
        let Some(bank) = self.rng.pick(banks).map(|bank| bank.pseudonym.clone()) else {
            return Ok(());
        };
        let balance = if self.rng.percent(75) { 100_000 } else { 0 };
        self.bank.put(&bank, balance);
        self.note(format!("office: an account of member {user} holds {balance}"));
        Ok(())
    }

    /// A card is ended by hand while its fee is charged: then the fee is owed back.
    fn discard(&mut self, asp: &str) -> Stepped {
        let Some(partner) = self.model.get_mut(asp) else { return Ok(()) };
        let charged = partner.paying.iter().filter_map(|no| partner.applications.get(no));
        let charged: Vec<i64> = charged.filter_map(|application| application.account).collect();
        let Some(account) = self.rng.pick(&charged).copied() else { return Ok(()) };
        if let Some(account) = partner.accounts.get_mut(&account) {
            account.state = CardState::Terminated;
        }
        self.note(format!("office: card account {account} is discarded"));
        self.look_again();
        self.change(
            "UPDATE card_account SET state = $4
             WHERE asp_id = $1 AND account_id = $2 AND $3 = 0",
            asp,
            [account, 0],
            Some("TERMINATED"),
        )
    }

    /// A carrier reports: mostly what comes next, sometimes anything, late, or of an attempt that
    /// is over.
    pub(super) fn carrier(&mut self) -> Stepped {
        let mut under_way = Vec::new();
        for (asp, partner) in &self.model {
            for (no, application) in &partner.applications {
                // What has arrived is seldom spoken of any more.
                let is_over = application.delivery.is_some_and(|it| it.way.is_end());
                let standing = application.delivery.filter(|_| !is_over || self.rng.percent(3));
                under_way.extend(standing.map(|standing| (asp.clone(), no.clone(), standing)));
            }
        }
        // The newest are the most.
        let newest = under_way.len().saturating_sub(1 + self.rng.below(12));
        let place = if self.rng.percent(80) { newest } else { self.rng.below(under_way.len()) };
        let Some((asp, no, standing)) = under_way.get(place).cloned() else { return Ok(()) };
        let way = match self.rng.weighed(&[60, 8, 10, 4, 18]) {
            0 => standing.way.following().unwrap_or(Way::Arrival),
            1 => Way::Lost,
            2 => Way::Return,
            3 => Way::Cancel,
            _ => self.rng.pick(&Way::ALL[1..]).copied().unwrap_or(Way::Arrival),
        };
        let now_us = self.now_us();
        let at_us = match self.rng.below(10) {
            0 => standing.since_us - 1_000_000,
            1 => standing.since_us,
            // A carrier's clock may be ahead.
            2 => now_us + 60_000_000,
            _ => now_us,
        };
        let past = if self.rng.percent(5) { 1 } else { 0 };
        let attempt = u32::try_from(standing.attempt - past).unwrap_or(0);
        let Some(state) = DeliveryState::parse(way.text()) else { return Ok(()) };
        let report = Report { state, occurred_at: Timestamp(at_us), attempt };
        let up: Vec<usize> =
            (0..self.servers.len()).filter(|index| self.server(*index).is_some()).collect();
        let Some(index) = self.rng.pick(&up).copied() else { return Ok(()) };
        if let Some(server) = self.server(index) {
            server.report(&asp, &no, report);
        }
        self.tally.count("reports", way.text());
        self.note(format!("carrier to process {index}: {no} is {}", way.text()));
        Ok(())
    }

    /// Compares everything with the database.
    pub(super) fn compare(&mut self) -> Stepped {
        let index = self.running()?;
        let rows = self.server(index).map(Server::rows).transpose()?.unwrap_or_default();
        self.mirror.compare(&rows)?;
        Ok(crate::invariants::on_everything(&self.mirror, &self.bank, &self.model)?)
    }
}

fn id(user: u64) -> i64 {
    i64::try_from(user).unwrap_or(0)
}
