//! Arming a scenario: its member, card and bank account are put back to what is given, whatever
//! happened to them; the ledger books it back. What has to have happened before is really done, by
//! the operation itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use bank::sim::{Account, Admin, AdminError, Behaviour};
use crypto::pan::Pan;
use crypto::par::Par;
use domain::card::CardState;
use domain::renew::DAYS_AHEAD_MAX;
use domain::{AspId, CardAccountId, CardId, Expiry, Timestamp, UserId};
use serde_json::json;
use store::tables::bank_accounts::BankAccountState;
use store::tables::log::{self, Moment, NewEntry};
use store::{DbError, Row, Tx, Value};

use super::given::{
    self, BANK_BALANCE_WON, BANK_CODE, BIRTH_DATE, BankAccount, CardIds, NoRefusal, Opening,
    SHORT_BALANCE_WON, VALIDITY_MONTHS,
};
use super::world::{Bank, Card, Expires, GIVEN_EXPIRY_YYMM, World};
use super::{also, before};
use crate::cards;
use crate::context::{App, Core};
use crate::op::{Done, OrStop, fault, transact};

/// Why a scenario could not be armed.
#[derive(Debug, thiserror::Error)]
pub enum ArmError {
    /// The database failed.
    #[error("the scenario's data could not be written (code {0}); see the log")]
    Data(&'static str),
    /// The bank simulator failed.
    #[error(transparent)]
    Bank(#[from] AdminError),
    /// What should have happened before could not be done.
    #[error("what comes before the scenario ended with {0}")]
    Before(&'static str),
}

/// Arms a scenario.
pub async fn arm(app: &Arc<App>, bank: &Admin, asp: &AspId, world: &World) -> Result<(), ArmError> {
    let put = transact(app, || {
        let (core, asp, world, now) = (app.core.clone(), asp.clone(), world.clone(), app.moment());
        move |tx: &mut Tx<'_>| -> Done<(), NoRefusal> {
            book_back(&core, tx, &asp, &world, now)?;
            clear(tx, &asp, &world)?;
            clear_plastic(&core, tx, &asp, &world)?;
            put(&core, tx, &asp, &world, now)?;
            also::put(&core, tx, &asp, &world, now.business)
        }
    });
    put.await.map_err(|answer| ArmError::Data(answer.code()))?;
    if let Some(account) = at_bank(world) {
        bank.put_account(&account).await?;
    }
    for (place, step) in world.before.iter().enumerate() {
        before::take(app, asp, world, (place, *step)).await?;
    }
    Ok(())
}

/// The account at the bank, where there is one.
fn at_bank(world: &World) -> Option<Account> {
    let (balance, behaviour) = match world.bank {
        Bank::Behaving(words) => (BANK_BALANCE_WON, words.parse().unwrap_or_default()),
        Bank::Short => (SHORT_BALANCE_WON, Behaviour::default()),
        Bank::None | Bank::ConsentEnded | Bank::Unreachable => return None,
    };
    let (holder, account_no) = (member_name(world), account_no(world));
    let account = bank_account(world, &holder, &account_no).at_bank(balance);
    Some(Account { behaviour, ..account })
}

fn bank_account<'a>(world: &World, holder: &'a str, account_no: &'a str) -> BankAccount<'a> {
    BankAccount {
        user: user_of(world),
        holder,
        fintech_use_num: world.fintech_use_num(),
        bank_code: BANK_CODE,
        account_no,
    }
}

fn user_of(world: &World) -> UserId {
    UserId(world.user_id())
}

fn member_name(world: &World) -> String {
    format!("시험회원{}", world.number)
}

fn account_no(world: &World) -> String {
    format!("333{:09}", world.number)
}

/// What was booked for the member itself, with what was booked back before.
const OF_MEMBER: &str = "
    SELECT p.debit, p.credit, CAST(SUM(p.amount) AS BIGINT) FROM posting p
    WHERE p.asp_id = $1 AND p.log_id IN (
        SELECT l.log_id FROM operation_log l WHERE l.asp_id = $1 AND l.subject = $2)
    GROUP BY p.debit, p.credit";
/// What was booked for its applications. They are taken away, so that this is found once.
const OF_APPLICATIONS: &str = "
    SELECT p.debit, p.credit, CAST(SUM(p.amount) AS BIGINT) FROM posting p
    WHERE p.asp_id = $1 AND p.log_id IN (
        SELECT l.log_id FROM operation_log l WHERE l.asp_id = $1 AND l.subject IN (
            SELECT a.apply_no FROM application a WHERE a.asp_id = $1 AND a.user_id = $2))
    GROUP BY p.debit, p.credit";

/// Books back whatever was booked for the scenario's member: the ledger forgets nothing, and its
/// sums are as if nothing had been.
fn book_back(
    core: &Core,
    tx: &mut Tx<'_>,
    asp: &AspId,
    world: &World,
    now: Moment,
) -> Done<(), NoRefusal> {
    let (user, member) = (user_of(world), given::subject(user_of(world)));
    let own = tx.query(OF_MEMBER, &[asp.as_str().into(), member.as_str().into()])?;
    reverse(core, tx, asp, &own, &member, now)?;
    let user = user.stored().or_stop()?;
    let applied = tx.query(OF_APPLICATIONS, &[asp.as_str().into(), user.into()])?;
    reverse(core, tx, asp, &applied, &format!("cleared:{member}"), now)
}

/// Writes the reverse of sums of postings, under a row of the operation log.
fn reverse(
    core: &Core,
    tx: &mut Tx<'_>,
    asp: &AspId,
    sums: &[Row],
    subject: &str,
    now: Moment,
) -> Done<(), NoRefusal> {
    let mut net = BTreeMap::new();
    for row in sums {
        let (debit, credit, amount) = (row.text(0)?, row.text(1)?, row.int(2)?);
        *net.entry((debit, credit)).or_insert(0) += amount;
        *net.entry((credit, debit)).or_insert(0) -= amount;
    }
    net.retain(|_, amount| *amount > 0);
    if net.is_empty() {
        return Ok(());
    }
    let entry = NewEntry {
        id: core.supply.id(asp).or_stop()?,
        operation: "sandbox.arm",
        event: "sandbox.cleared",
        code: "000_000",
        correlation_id: "-",
        subject,
        payload: "{}",
        happened_at: now,
        keys: None,
    };
    if !log::insert(tx, asp, &entry)? {
        return Err(fault("the log has the row's id already"));
    }
    for (line, ((debit, credit), amount)) in (1_i64..).zip(net) {
        tx.execute(
            "INSERT INTO posting (asp_id, log_id, line, debit, credit, amount, currency)
             VALUES ($1, $2, $3, $5, $4, $6, 'KRW')",
            &[
                asp.as_str().into(),
                entry.id.into(),
                line.into(),
                debit.into(),
                credit.into(),
                amount.into(),
            ],
        )?;
    }
    Ok(())
}

/// What an application leaves behind.
const OF_APPLICATION: [&str; 4] = [
    "DELETE FROM fee_return WHERE asp_id = $1 AND apply_no = $2",
    "DELETE FROM delivery_event WHERE asp_id = $1 AND apply_no = $2",
    "DELETE FROM delivery WHERE asp_id = $1 AND apply_no = $2",
    "DELETE FROM application WHERE asp_id = $1 AND apply_no = $2",
];
/// What a card account leaves behind.
const OF_ACCOUNT: [&str; 3] = [
    "DELETE FROM card WHERE asp_id = $1 AND card_id IN (
         SELECT c.card_id FROM card c WHERE c.asp_id = $1 AND c.account_id = $2)",
    "DELETE FROM virtual_account WHERE asp_id = $1 AND account_id = $2",
    "DELETE FROM card_account WHERE asp_id = $1 AND account_id = $2",
];
/// What a member leaves behind.
const OF_USER: [&str; 2] = [
    "DELETE FROM bank_account WHERE asp_id = $1 AND user_id = $2",
    "DELETE FROM member WHERE asp_id = $1 AND user_id = $2",
];

/// Takes away whatever the scenario's member has, key by key: PostgreSQL plans before there are
/// rows, and a join of three tables then reads them all. The rows of the operation log stay, but
/// recognise no call any more.
fn clear(tx: &mut Tx<'_>, asp: &AspId, world: &World) -> Result<(), DbError> {
    let asp: Value<'_> = asp.as_str().into();
    let user: Value<'_> = i64::try_from(world.user_id()).unwrap_or_default().into();
    let owner = [asp, user];
    let applications = tx.query(
        "SELECT a.apply_no, a.physical_card_id FROM application a
         WHERE a.asp_id = $1 AND a.user_id = $2",
        &owner,
    )?;
    let accounts = tx.query(
        "SELECT c.account_id FROM card_account c WHERE c.asp_id = $1 AND c.user_id = $2",
        &owner,
    )?;
    let mut subjects = vec![given::subject(user_of(world))];
    for row in applications {
        let apply_no = row.text(0)?;
        subjects.push(apply_no.to_owned());
        if let Some(plastic) = row.opt_int(1)? {
            let sql = "DELETE FROM card WHERE asp_id = $1 AND card_id = $2";
            tx.execute(sql, &[asp, plastic.into()])?;
        }
        for sql in OF_APPLICATION {
            tx.execute(sql, &[asp, apply_no.into()])?;
        }
    }
    for row in accounts {
        let account = row.int(0)?;
        subjects.push(account.to_string());
        for sql in OF_ACCOUNT {
            tx.execute(sql, &[asp, account.into()])?;
        }
    }
    for subject in subjects {
        tx.execute(
            "UPDATE operation_log SET replay_key = NULL, cipher_digest = NULL, strict_key = NULL
             WHERE asp_id = $1 AND log_id IN (
                 SELECT l.log_id FROM operation_log l WHERE l.asp_id = $1 AND l.subject = $2)",
            &[asp, subject.as_str().into()],
        )?;
    }
    for sql in OF_USER {
        tx.execute(sql, &owner)?;
    }
    Ok(())
}

/// Writes what is given.
fn put(
    core: &Core,
    tx: &mut Tx<'_>,
    asp: &AspId,
    world: &World,
    now: Moment,
) -> Done<(), NoRefusal> {
    let name = member_name(world);
    let member = given::Member {
        user: user_of(world),
        name: &name,
        phone: &format!("0100000{:04}", world.number),
        birth_date: BIRTH_DATE,
        is_cancelled: !world.is_member,
        is_verified: world.is_verified,
    };
    given::put_member(core, tx, asp, &member, now.business)?;
    let state = match world.bank {
        Bank::None => None,
        Bank::ConsentEnded => Some(BankAccountState::ConsentEnded),
        Bank::Short | Bank::Unreachable | Bank::Behaving(_) => Some(BankAccountState::Registered),
    };
    if let Some(state) = state {
        let account_no = account_no(world);
        let account = bank_account(world, &name, &account_no);
        given::put_bank_account(core, tx, asp, &account, state, now.business)?;
    }
    put_card(core, tx, asp, world, now)
}

fn put_card(
    core: &Core,
    tx: &mut Tx<'_>,
    asp: &AspId,
    world: &World,
    now: Moment,
) -> Done<(), NoRefusal> {
    let (state, balance_won) = match world.card {
        Card::None => return Ok(()),
        Card::Active => (CardState::Active, world.balance_won),
        Card::Suspended => (CardState::Suspended, world.balance_won),
        Card::Terminated => (CardState::Terminated, 0),
        Card::Unregistered => return put_plastic(core, tx, asp, world, now.business),
    };
    let card = given::Card {
        ids: CardIds {
            account: CardAccountId(core.supply.id(asp).or_stop()?),
            card: CardId(core.supply.id(asp).or_stop()?),
            log: core.supply.id(asp).or_stop()?,
        },
        user: user_of(world),
        service_id: &world.product.service_id(),
        pan: Pan::parse(&world.card_no()).ok().or_stop()?,
        state,
        balance_won,
        expiry: match world.expires {
            Expires::InYears => Expiry::after(now.business, VALIDITY_MONTHS),
            Expires::Within30Days => Expiry::latest_ending_within(now.business, DAYS_AHEAD_MAX),
        },
        par: Some(Par::parse(&world.par()).ok().or_stop()?),
        opening: Opening { operation: "sandbox.arm", event: "sandbox.armed" },
    };
    given::put_card(core, tx, asp, card, now)?;
    tx.execute(
        "UPDATE card_account SET role = $3
         WHERE asp_id = $1 AND account_id IN (
                 SELECT o.account_id FROM card_account o WHERE o.asp_id = $1 AND o.user_id = $2)
             AND role <> $3",
        &[asp.as_str().into(), user_of(world).stored().or_stop()?.into(), world.role.name().into()],
    )?;
    Ok(())
}

fn put_plastic(
    core: &Core,
    tx: &mut Tx<'_>,
    asp: &AspId,
    world: &World,
    now: Timestamp,
) -> Done<(), NoRefusal> {
    let plastic = given::Plastic {
        service_id: &world.product.service_id(),
        pan: Pan::parse(&world.card_no()).ok().or_stop()?,
        expiry_yymm: GIVEN_EXPIRY_YYMM,
        cvc: &world.given_cvc(),
        par: &cards::par(now),
    };
    given::put_plastic(core, tx, asp, plastic, now)
}

/// Takes away the scenario's plastic, with what was guessed at it.
fn clear_plastic(core: &Core, tx: &mut Tx<'_>, asp: &AspId, world: &World) -> Done<(), NoRefusal> {
    for index in core.pan_indexes(asp, &world.card_no()).or_stop()? {
        for sql in [
            "DELETE FROM card_check WHERE asp_id = $1 AND card_id = (
                 SELECT c.card_id FROM card c WHERE c.asp_id = $1 AND c.pan_index = $2)",
            "DELETE FROM card WHERE asp_id = $1 AND pan_index = $2",
        ] {
            tx.execute(sql, &[asp.as_str().into(), index.as_slice().into()])?;
        }
    }
    Ok(())
}

/// The answer of arming, for machines.
pub fn armed(world: &World) -> serde_json::Value {
    json!({ "userId": world.user_id(), "cardNo": world.card_no() })
}
