//! Arming a scenario: its member, card and bank account are put back to what is given, whatever
//! happened to them. What has to have happened before is really done, by the operation itself.

use std::sync::Arc;

use bank::sim::{Account, Admin, AdminError, Behaviour};
use contract::Json;
use crypto::pan::Pan;
use domain::card::CardState;
use domain::ledger::Journal;
use domain::{AspId, CardAccountId, CardId, Expiry, Money};
use serde_json::json;
use store::tables::bank_accounts::{self, BankAccountState, NewBankAccount};
use store::tables::card_accounts::{self, NewCardAccount, Standing};
use store::tables::cards::Form;
use store::tables::log::{self, CallKeys, NewEntry, Since};
use store::tables::members::{self, NewMember};
use store::tables::postings;
use store::{DbError, Tx};

use super::world::{Bank, Card, World};
use crate::cards;
use crate::context::{App, Core, place};
use crate::op::{Answer, Call, CallKind, Done, OrStop, transact};
use crate::ops::prepaid_card::reissue::{Error, with_plastic};

/// What a bank account with money holds, won.
const BANK_BALANCE_WON: i64 = 1_000_000;
/// What a bank account short of money holds, won.
const SHORT_BALANCE_WON: i64 = 100;
/// The most an unnamed card holds, won.
pub const BALANCE_LIMIT_WON: i64 = 500_000;
/// Depth of requests that arming makes itself.
const DEPTH: usize = 8;

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
    #[error("the reissue that comes before the scenario ended with {0}")]
    Before(&'static str),
}

/// Arms a scenario.
pub async fn arm(app: &Arc<App>, bank: &Admin, asp: &AspId, world: &World) -> Result<(), ArmError> {
    let put = transact(app, || {
        let (core, asp, world, now) =
            (app.core.clone(), asp.clone(), world.clone(), app.clock.now());
        move |tx: &mut Tx<'_>| -> Done<(), Error> {
            clear(tx, &asp, &world)?;
            put(&core, tx, &asp, &world, now)
        }
    });
    put.await.map_err(|answer| ArmError::Data(answer.code()))?;
    if let Some(account) = bank_account(world) {
        bank.put_account(&account).await?;
    }
    if world.is_reissued_before {
        reissue_before(app, asp, world).await?;
    }
    Ok(())
}

/// The account at the bank, where there is one.
fn bank_account(world: &World) -> Option<Account> {
    let (balance, behaviour) = match world.bank {
        Bank::Behaving(words) => (BANK_BALANCE_WON, words.parse().unwrap_or_default()),
        Bank::Short => (SHORT_BALANCE_WON, Behaviour::default()),
        Bank::None | Bank::ConsentEnded | Bank::Unreachable => return None,
    };
    Some(Account {
        fintech_use_num: world.fintech_use_num(),
        holder: member_name(world),
        bank_code: "003".to_owned(),
        account_no: account_no(world),
        balance,
        behaviour,
        next: None,
    })
}

fn member_name(world: &World) -> String {
    format!("시험회원{}", world.number)
}

fn account_no(world: &World) -> String {
    format!("333{:09}", world.number)
}

/// Takes away whatever the scenario's member has. The rows of the operation log stay, but
/// recognise no call any more.
fn clear(tx: &mut Tx<'_>, asp: &AspId, world: &World) -> Result<(), DbError> {
    let user = i64::try_from(world.user_id()).unwrap_or_default();
    let member = subject(world);
    for sql in [
        "DELETE FROM posting WHERE asp_id = $1 AND log_id IN (
             SELECT l.log_id FROM operation_log l WHERE l.asp_id = $1 AND l.subject IN (
                 SELECT CAST($3 AS TEXT)
                 UNION ALL
                 SELECT a.apply_no FROM application a WHERE a.asp_id = $1 AND a.user_id = $2))",
        "UPDATE operation_log SET replay_key = NULL, cipher_digest = NULL, strict_key = NULL
         WHERE asp_id = $1 AND subject IN (
             SELECT CAST($3 AS TEXT)
             UNION ALL
             SELECT a.apply_no FROM application a WHERE a.asp_id = $1 AND a.user_id = $2
             UNION ALL
             SELECT CAST(c.account_id AS TEXT) FROM card_account c
             WHERE c.asp_id = $1 AND c.user_id = $2)",
    ] {
        tx.execute(sql, &[asp.as_str().into(), user.into(), member.as_str().into()])?;
    }
    for sql in [
        "DELETE FROM delivery WHERE asp_id = $1 AND apply_no IN (
             SELECT a.apply_no FROM application a WHERE a.asp_id = $1 AND a.user_id = $2)",
        "DELETE FROM card WHERE asp_id = $1 AND card_id IN (
             SELECT a.physical_card_id FROM application a WHERE a.asp_id = $1 AND a.user_id = $2)",
        "DELETE FROM card WHERE asp_id = $1 AND account_id IN (
             SELECT c.account_id FROM card_account c WHERE c.asp_id = $1 AND c.user_id = $2)",
        "DELETE FROM application WHERE asp_id = $1 AND user_id = $2",
        "DELETE FROM card_account WHERE asp_id = $1 AND user_id = $2",
        "DELETE FROM bank_account WHERE asp_id = $1 AND user_id = $2",
        "DELETE FROM member WHERE asp_id = $1 AND user_id = $2",
    ] {
        tx.execute(sql, &[asp.as_str().into(), user.into()])?;
    }
    Ok(())
}

fn subject(world: &World) -> String {
    format!("member:{}", world.user_id())
}

/// Writes what is given.
fn put(
    core: &Core,
    tx: &mut Tx<'_>,
    asp: &AspId,
    world: &World,
    now: domain::Timestamp,
) -> Done<(), Error> {
    let user_id = i64::try_from(world.user_id()).ok().or_stop()?;
    let row = user_id.to_string();
    let personal = |column: &'static str, text: &str| -> Done<Vec<u8>, Error> {
        core.seal(place(asp, column, &row), text.as_bytes()).or_stop()
    };
    let member = NewMember {
        user_id,
        is_cancelled: !world.is_member,
        name_sealed: &personal("member.name", &member_name(world))?,
        phone_sealed: &personal("member.phone", &format!("0100000{:04}", world.number))?,
        birth_date_sealed: &personal("member.birth_date", "19900101")?,
        id_verified_at: world.is_verified.then_some(now),
        registered_at: now,
    };
    members::insert(tx, asp, &member)?;
    let state = match world.bank {
        Bank::None => None,
        Bank::ConsentEnded => Some(BankAccountState::ConsentEnded),
        Bank::Short | Bank::Unreachable | Bank::Behaving(_) => Some(BankAccountState::Registered),
    };
    if let Some(state) = state {
        let account = NewBankAccount {
            user_id,
            bank_account_id: 1,
            state,
            is_primary: true,
            bank_code: "003",
            fintech_use_num: &world.fintech_use_num(),
            account_no_sealed: &personal("bank_account.account_no", &account_no(world))?,
            registered_at: now,
        };
        bank_accounts::insert(tx, asp, &account)?;
    }
    put_card(core, tx, asp, world, now)
}

fn put_card(
    core: &Core,
    tx: &mut Tx<'_>,
    asp: &AspId,
    world: &World,
    now: domain::Timestamp,
) -> Done<(), Error> {
    let (state, balance) = match world.card {
        Card::None => return Ok(()),
        Card::Active => (CardState::Active, world.balance_won),
        Card::Suspended => (CardState::Suspended, world.balance_won),
        Card::Terminated => (CardState::Terminated, 0),
    };
    let (service_id, balance) = (world.product.service_id(), Money::won(balance).or_stop()?);
    let id = CardAccountId(core.supply.id(asp).or_stop()?);
    let account = NewCardAccount {
        id,
        user_id: i64::try_from(world.user_id()).ok().or_stop()?,
        service_id: &service_id,
        state,
        balance,
        standing: Standing {
            balance_limit: Money::won(BALANCE_LIMIT_WON).or_stop()?,
            is_named: false,
            is_main: true,
        },
        predecessor: None,
        opened_at: now,
    };
    card_accounts::insert(tx, asp, &account)?;
    let order = cards::Order {
        id: CardId(core.supply.id(asp).or_stop()?),
        account: Some(id),
        service_id: &service_id,
        form: Form::Mobile,
        pan: Pan::parse(&world.card_no()).ok().or_stop()?,
        expiry: Expiry::after(now, 60),
        apply_no: None,
        now,
    };
    cards::make::<Error>(core, tx, asp, order)?;
    let log_id = core.supply.id(asp).or_stop()?;
    postings::insert(tx, asp, log_id, &Journal::opening(id, balance))?;
    let entry = NewEntry {
        id: log_id,
        operation: "sandbox.arm",
        event: "sandbox.armed",
        code: "000_000",
        correlation_id: "-",
        subject: &subject(world),
        payload: "{}",
        happened_at: now,
        keys: None,
    };
    log::insert(tx, asp, &entry)?;
    Ok(())
}

/// Asks for a reissue of the card, as its member's partner would.
async fn reissue_before(app: &Arc<App>, asp: &AspId, world: &World) -> Result<(), ArmError> {
    let handler = app.operations.by_id("prepaid-card.reissue");
    let handler = handler.ok_or(ArmError::Before("no operation"))?;
    let body = with_plastic(world).to_string();
    let json = Json::parse_object(body.as_bytes(), DEPTH);
    let json = json.map_err(|_| ArmError::Before("a malformed request"))?;
    let now = app.clock.now();
    let correlation_id = format!("armed-{}-{}", world.number, now.0);
    let replay = app.core.keys.digest_key().digest("armed", &[correlation_id.as_bytes()]);
    let call = Call {
        asp: asp.clone(),
        operation: handler.entry.spec.id,
        correlation_id,
        keys: CallKeys { replay: replay.to_vec(), ..CallKeys::default() },
        now,
        since: Since { call: now, cipher: now },
        kind: CallKind::Live,
    };
    match handler.perform(app, call, &json).await {
        Answer::Success(_) => Ok(()),
        // A bank that holds back its answer is what some scenarios are about.
        Answer::Refused(code, _) if code.code == "003_055" => Ok(()),
        answer @ (Answer::Refused(..) | Answer::Failed(_)) => Err(ArmError::Before(answer.code())),
    }
}

/// The answer of arming, for machines.
pub fn armed(world: &World) -> serde_json::Value {
    json!({ "userId": world.user_id(), "cardNo": world.card_no() })
}
