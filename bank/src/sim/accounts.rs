//! Accounts in the file.

use store::{DbError, Row, Tx, params};

use super::behaviour::Behaviour;
use super::model::{Account, Scope};

const FINTECH_CHARS_MAX: usize = 24;

/// An account, and how often its behaviour was set.
pub(super) struct Stored {
    pub(super) account: Account,
    pub(super) behaviour_changes: i64,
}

/// What is wrong with an account that is to be put.
pub(super) fn check(account: &Account) -> Result<(), String> {
    let number = &account.fintech_use_num;
    if number.is_empty()
        || number.len() > FINTECH_CHARS_MAX
        || !number.bytes().all(|byte| byte.is_ascii_alphanumeric())
    {
        return Err("fintechUseNum is 1 to 24 characters of 0-9, A-Z and a-z".to_owned());
    }
    if account.balance < 0 {
        return Err("balance is not negative".to_owned());
    }
    // A behaviour made in the program need not have been read from a text.
    for behaviour in [Some(&account.behaviour), account.next.as_ref()].into_iter().flatten() {
        behaviour.to_string().parse::<Behaviour>().map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// Creates the account, or puts it back: its orders and its ledger are gone.
pub(super) fn put(tx: &mut Tx<'_>, account: &Account) -> Result<(), DbError> {
    remove(tx, &account.fintech_use_num)?;
    tx.execute(
        "INSERT INTO account (fintech_use_num, holder, bank_code, account_no, balance, behaviour,
             next_behaviour, behaviour_changes)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0)",
        params![
            &account.fintech_use_num,
            &account.holder,
            &account.bank_code,
            &account.account_no,
            account.balance,
            &account.behaviour.to_string(),
            account.next.as_ref().map(Behaviour::to_string).as_ref(),
        ],
    )?;
    Ok(())
}

/// Whether there was one.
pub(super) fn remove(tx: &mut Tx<'_>, fintech_use_num: &str) -> Result<bool, DbError> {
    let of_account = params![fintech_use_num];
    tx.execute("DELETE FROM ledger WHERE fintech_use_num = $1", of_account)?;
    tx.execute("DELETE FROM bank_order WHERE fintech_use_num = $1", of_account)?;
    let removed = tx.execute("DELETE FROM account WHERE fintech_use_num = $1", of_account)?;
    Ok(removed > 0)
}

pub(super) fn find(tx: &mut Tx<'_>, fintech_use_num: &str) -> Result<Option<Stored>, DbError> {
    let row = tx.query_opt(
        "SELECT fintech_use_num, holder, bank_code, account_no, balance, behaviour,
             next_behaviour, behaviour_changes
         FROM account WHERE fintech_use_num = $1",
        params![fintech_use_num],
    )?;
    row.map(stored).transpose()
}

fn stored(mut row: Row) -> Result<Stored, DbError> {
    Ok(Stored {
        account: Account {
            fintech_use_num: row.take_text(0)?,
            holder: row.take_text(1)?,
            bank_code: row.take_text(2)?,
            account_no: row.take_text(3)?,
            balance: row.int(4)?,
            behaviour: behaviour(row.text(5)?)?,
            next: row.opt_text(6)?.map(behaviour).transpose()?,
        },
        behaviour_changes: row.int(7)?,
    })
}

fn behaviour(text: &str) -> Result<Behaviour, DbError> {
    text.parse().map_err(|_| DbError::Failed {
        code: "behaviour".to_owned(),
        message: "the file has a behaviour that this release does not know".to_owned(),
    })
}

/// Whether there is such an account.
pub(super) fn set_behaviour(
    tx: &mut Tx<'_>,
    fintech_use_num: &str,
    behaviour: &Behaviour,
    scope: Scope,
) -> Result<bool, DbError> {
    let sql = match scope {
        Scope::Account => {
            "UPDATE account SET behaviour = $2, behaviour_changes = behaviour_changes + 1
             WHERE fintech_use_num = $1"
        }
        Scope::Next => "UPDATE account SET next_behaviour = $2 WHERE fintech_use_num = $1",
    };
    Ok(tx.execute(sql, params![fintech_use_num, &behaviour.to_string()])? > 0)
}

/// The behaviour for the order at hand: the next one's is used up by it.
pub(super) fn use_behaviour(tx: &mut Tx<'_>, stored: &Stored) -> Result<Behaviour, DbError> {
    let account = &stored.account;
    let Some(next) = &account.next else {
        return Ok(account.behaviour.clone());
    };
    tx.execute(
        "UPDATE account SET next_behaviour = NULL WHERE fintech_use_num = $1",
        params![&account.fintech_use_num],
    )?;
    Ok(next.clone())
}

/// Whether the account could hold the money; if so it has it.
pub(super) fn give_money(
    tx: &mut Tx<'_>,
    fintech_use_num: &str,
    amount: i64,
) -> Result<bool, DbError> {
    let given = tx.execute(
        "UPDATE account SET balance = balance + $2 WHERE fintech_use_num = $1 AND balance <= $3",
        params![fintech_use_num, amount, i64::MAX - amount],
    )?;
    Ok(given > 0)
}

/// Whether the account had the money; if so it has it no more.
pub(super) fn take_money(
    tx: &mut Tx<'_>,
    fintech_use_num: &str,
    amount: i64,
) -> Result<bool, DbError> {
    let taken = tx.execute(
        "UPDATE account SET balance = balance - $2 WHERE fintech_use_num = $1 AND balance >= $2",
        params![fintech_use_num, amount],
    )?;
    Ok(taken > 0)
}
