//! What effects are made of: accounts that are opened and end, cards that are made, plastic on its
//! way, fees that are owed back.

use crypto::pan::Pan;
use domain::AspId;
use platen::context::place;
use store::Image;

use super::job::{Pair, only_changed};
use super::{Around, Job, Want, row_is};
use crate::broken::{Check, broken, hold};
use crate::model::{
    Account, Application, CLEARING, Card, CardState, Delivery, Fee, Month, Partner, Plastic, Way,
    tax_within,
};

/// What an account may hold that is in no verified name, won.
const BALANCE_LIMIT_WON: i64 = 500_000;

pub(super) fn application<'p>(partner: &'p mut Partner, no: &str) -> Check<&'p mut Application> {
    let found = partner.applications.get_mut(no);
    found.map_or_else(|| broken("model-agrees", format!("application {no} is not known")), Ok)
}

pub(super) fn account(partner: &mut Partner, id: i64) -> Check<&mut Account> {
    let found = partner.accounts.get_mut(&id);
    found.map_or_else(|| broken("model-agrees", format!("account {id} is not known")), Ok)
}

/// The fee of an application was taken.
pub(super) fn fee_taken(job: &mut Job<'_>, application: &mut Application) {
    let (fee, vat) = (application.fee, tax_within(application.fee));
    job.posts(CLEARING, "fee-income", fee - vat);
    job.posts(CLEARING, "vat-payable", vat);
    application.money = if fee > 0 { Fee::Taken } else { Fee::NotTaken };
}

/// The fee that was taken for an application is owed back.
pub(super) fn fee_owed(partner: &mut Partner, job: &mut Job<'_>, no: &str, why: &str) -> Check {
    let application = application(partner, no)?;
    let (fee, vat) = (application.fee, tax_within(application.fee));
    let is = |row: &&Image| row.text("apply_no") == Some(no);
    let Some(row) = Job::take(&mut job.owed, is) else {
        return broken("model-predicts-effects", format!("the fee of {no} is not owed back"));
    };
    row_is(
        "model-predicts-effects",
        row,
        &[
            ("reason", Want::Text(why)),
            ("state", Want::Text("DUE")),
            ("amount", Want::Int(fee)),
            ("bank_account_id", Want::int(application.bank)),
            ("attempt", Want::Int(1)),
            ("is_sent", Want::Int(0)),
        ],
    )?;
    job.posts("fee-income", "return-payable", fee - vat);
    job.posts("vat-payable", "return-payable", vat);
    application.money = Fee::Owed;
    partner.owed.insert(no.to_owned());
    Ok(())
}

/// The cards of an application are issued at once, and its plastic is ordered; `row` is the
/// application as it is afterwards.
pub(super) fn issued(
    partner: &mut Partner,
    around: &Around<'_>,
    job: &mut Job<'_>,
    (no, row): (&str, &Image),
    now_us: i64,
) -> Check {
    let application = application(partner, no)?;
    let (expiry, service) = (application.expiry(now_us), application.service.clone());
    fee_taken(job, application);
    if application.is_pre_issuance {
        mobile_issued(partner, around, job, (no, row), expiry)?;
    }
    let Some(id) = row.int("physical_card_id") else { return Ok(()) };
    let plastic = NewCard { id, account: None, form: "PHYSICAL", no: Some(no), service, expiry };
    let place = plastic.made(partner, around, job)?;
    let is = |row: &&Image| row.text("apply_no") == Some(no);
    let Some(ordered) = Job::take(&mut job.ordered, is) else {
        return broken("model-predicts-effects", format!("no delivery is ordered for {no}"));
    };
    row_is(
        "model-predicts-effects",
        ordered,
        &[
            ("state", Want::Text("READY")),
            ("card_id", Want::Int(id)),
            ("attempt", Want::Int(1)),
            ("changed_at", Want::Int(now_us)),
            ("ended_at", Want::Null),
        ],
    )?;
    let application = self::application(partner, no)?;
    application.plastic = Some(place);
    application.delivery = Some(Delivery { way: Way::Ready, since_us: now_us, attempt: 1 });
    Ok(())
}

/// The mobile card of an application is issued with its account, which takes the place of the old
/// one where it replaces one.
pub(super) fn mobile_issued(
    partner: &mut Partner,
    around: &Around<'_>,
    job: &mut Job<'_>,
    (no, row): (&str, &Image),
    expiry: Month,
) -> Check {
    let application = application(partner, no)?.clone();
    let new = row.int("new_account_id").unwrap_or(0);
    let opening =
        Opening { id: new, user: application.user, service: &application.service, expiry };
    match application.account {
        Some(old) => opening.replaces(partner, job, old, &application)?,
        None => opening.opened(partner, job)?,
    }
    let (id, service) = (row.int("mobile_card_id").unwrap_or(0), application.service);
    let mobile = NewCard { id, account: Some(new), form: "MOBILE", no: Some(no), service, expiry };
    let place = mobile.made(partner, around, job)?;
    let application = self::application(partner, no)?;
    application.mobile = Some(place);
    application.opened = Some(new);
    Ok(())
}

/// An account to be opened.
pub(super) struct Opening<'a> {
    pub(super) id: i64,
    pub(super) user: u64,
    pub(super) service: &'a str,
    pub(super) expiry: Month,
}

impl Opening<'_> {
    fn row<'a>(&self, job: &mut Job<'a>) -> Check<&'a Image> {
        let is = |row: &&Image| row.int("account_id") == Some(self.id);
        let Some(row) = Job::take(&mut job.opened, is) else {
            return broken("model-predicts-effects", format!("account {} is not there", self.id));
        };
        row_is(
            "model-predicts-effects",
            row,
            &[
                ("user_id", Want::Int(i64::try_from(self.user).unwrap_or(-1))),
                ("service_id", Want::Text(self.service)),
                ("state", Want::Text("ACTIVE")),
                ("successor_id", Want::Null),
                ("expiry_yymm", Want::Text(&self.expiry.yymm())),
                ("expiry_stage", Want::Int(0)),
            ],
        )?;
        Ok(row)
    }

    /// It replaces none: the member's first is the main one.
    pub(super) fn opened(&self, partner: &mut Partner, job: &mut Job<'_>) -> Check {
        let row = self.row(job)?;
        let mut own = partner.accounts.values().filter(|account| account.user == self.user);
        let has_main = own.any(|account| account.is_main && account.state != CardState::Terminated);
        row_is(
            "model-predicts-effects",
            row,
            &[
                ("balance", Want::Int(0)),
                ("predecessor_id", Want::Null),
                ("balance_limit", Want::Int(BALANCE_LIMIT_WON)),
                ("is_named", Want::Int(0)),
                ("is_main", Want::Int(i64::from(!has_main))),
                ("reissues", Want::Int(0)),
            ],
        )?;
        self.know(partner, Account { is_main: !has_main, ..self.empty() });
        Ok(())
    }

    /// It takes the place of another, with all that this has.
    fn replaces(
        &self,
        partner: &mut Partner,
        job: &mut Job<'_>,
        old_id: i64,
        application: &Application,
    ) -> Check {
        let (row, pair) = (self.row(job)?, job.account(old_id)?);
        let (before, ended) = pair;
        let old = account(partner, old_id)?;
        let is_reissue = application.kind == crate::model::Kind::Reissue;
        let reissues = old.reissues + i64::from(is_reissue);
        let same = |column| Want::int(before.int(column));
        row_is(
            "model-predicts-effects",
            row,
            &[
                ("balance", Want::Int(old.balance)),
                ("predecessor_id", Want::Int(old_id)),
                ("balance_limit", same("balance_limit")),
                ("is_named", same("is_named")),
                ("is_main", same("is_main")),
                ("reissues", Want::Int(reissues)),
            ],
        )?;
        row_is(
            "model-predicts-effects",
            ended,
            &[
                ("state", Want::Text("TERMINATED")),
                ("balance", Want::Int(0)),
                ("successor_id", Want::Int(self.id)),
                ("is_main", Want::Int(0)),
            ],
        )?;
        only_changed(pair, &["state", "balance", "successor_id", "is_main", "version"])?;
        job.posts(&format!("card:{old_id}"), &format!("card:{}", self.id), old.balance);
        let heir = Account { balance: old.balance, is_main: old.is_main, reissues, ..self.empty() };
        old.state = CardState::Terminated;
        (old.balance, old.is_main, old.successor) = (0, false, Some(self.id));
        self.know(partner, heir);
        Ok(())
    }

    fn empty(&self) -> Account {
        Account {
            user: self.user,
            service: self.service.to_owned(),
            state: CardState::Active,
            balance: 0,
            successor: None,
            is_main: false,
            reissues: 0,
            expiry: self.expiry,
            told: 0,
        }
    }

    fn know(&self, partner: &mut Partner, account: Account) {
        partner.accounts.insert(self.id, account);
    }
}

/// An account that holds nothing ends.
pub(super) fn account_ended(partner: &mut Partner, job: &mut Job<'_>, id: i64) -> Check {
    let pair = job.account(id)?;
    let wanted = [("state", Want::Text("TERMINATED")), ("is_main", Want::Int(0))];
    row_is("model-predicts-effects", pair.1, &wanted)?;
    only_changed(pair, &["state", "is_main", "version"])?;
    let account = account(partner, id)?;
    (account.state, account.is_main) = (CardState::Terminated, false);
    Ok(())
}

/// A card to be made.
pub(super) struct NewCard<'a> {
    pub(super) id: i64,
    pub(super) account: Option<i64>,
    pub(super) form: &'a str,
    pub(super) no: Option<&'a str>,
    pub(super) service: String,
    pub(super) expiry: Month,
}

impl NewCard<'_> {
    /// It is made; its place.
    pub(super) fn made(
        &self,
        partner: &mut Partner,
        around: &Around<'_>,
        job: &mut Job<'_>,
    ) -> Check<usize> {
        let is = |row: &&Image| row.int("card_id") == Some(self.id);
        let Some(row) = Job::take(&mut job.made, is) else {
            return broken("model-predicts-effects", format!("card {} was not made", self.id));
        };
        row_is(
            "model-predicts-effects",
            row,
            &[
                ("account_id", Want::int(self.account)),
                ("form", Want::Text(self.form)),
                ("apply_no", self.no.map_or(Want::Null, Want::Text)),
                ("service_id", Want::Text(&self.service)),
                ("expiry_yymm", Want::Text(&self.expiry.yymm())),
                ("ended_at", Want::Null),
                ("registered_at", Want::Null),
            ],
        )?;
        let place = add_card(partner, around, row)?;
        let of_application = self.no.and_then(|no| partner.applications.get(no));
        let of_account = self.account.and_then(|id| partner.accounts.get(&id));
        let user = of_application.map(|it| it.user).or(of_account.map(|it| it.user));
        if let Some(member) = user.and_then(|user| partner.members.get_mut(&user)) {
            member.cards.push(place);
        }
        Ok(place)
    }
}

/// Adds a card to the model; no number and no PAR is given twice.
pub(crate) fn add_card(partner: &mut Partner, around: &Around<'_>, row: &Image) -> Check<usize> {
    let asp = AspId::new(row.text("asp_id").unwrap_or_default());
    let id = row.int("card_id").unwrap_or(0);
    let sealed = row.blob("pan_sealed").unwrap_or_default();
    let yymm = row.text("expiry_yymm").unwrap_or_default();
    let number = around.core.open_text(place(&asp, "card.pan", &id.to_string()), sealed);
    let pan = number.ok().and_then(|number| Pan::parse(number.expose()).ok());
    let (Some(pan), Some(expiry)) = (pan, Month::from_yymm(yymm)) else {
        return broken("a-number-can-be-read", format!("card {id}"));
    };
    let plastic = if row.text("form") == Some("PHYSICAL") {
        let ring = around.core.keys.ring();
        let Ok(cvc) = ring.active_cvc_key().1.cvc2(&pan, yymm) else {
            return broken("a-number-can-be-read", format!("the code of card {id}"));
        };
        Some(Plastic {
            cvc: cvc.reveal().to_owned(),
            made_for: row.text("apply_no").map(str::to_owned),
            is_ended: false,
            guesses: (0, 0),
        })
    } else {
        None
    };
    let card = Card {
        id,
        account: row.int("account_id"),
        number: pan.reveal().to_owned(),
        par: row.text("par").unwrap_or_default().to_owned(),
        service: row.text("service_id").unwrap_or_default().to_owned(),
        expiry,
        plastic,
    };
    let is_new = !partner.by_number.contains_key(&card.number);
    hold("a-number-is-given-once", is_new && !partner.by_par.contains_key(&card.par), || {
        format!("that of card {id} was given before")
    })?;
    Ok(partner.add_card(card))
}

/// The plastic that an application awaits ends before it was registered.
pub(super) fn plastic_ended(
    partner: &mut Partner,
    job: &mut Job<'_>,
    no: &str,
    now_us: i64,
) -> Check {
    let place = application(partner, no)?.plastic;
    let Some(card) = place.and_then(|place| partner.cards.get_mut(place)) else {
        return broken("model-agrees", format!("{no} awaits no plastic"));
    };
    let is = |pair: &Pair<'_>| pair.1.int("card_id") == Some(card.id);
    let Some(pair) = Job::take(&mut job.plastics, is) else {
        return broken("model-predicts-effects", format!("plastic {} lives on", card.id));
    };
    let wanted = [("ended_at", Want::Int(now_us)), ("account_id", Want::Null)];
    row_is("model-predicts-effects", pair.1, &wanted)?;
    only_changed(pair, &["ended_at"])?;
    if let Some(plastic) = &mut card.plastic {
        plastic.is_ended = true;
    }
    Ok(())
}
