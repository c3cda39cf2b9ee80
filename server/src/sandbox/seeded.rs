//! Which members a sandbox has been given, each with a fact of its own: a version with a scenario
//! more gives its member to sandboxes that are there already, and takes nothing back that was
//! played with.

use std::collections::HashSet;

use domain::UserId;
use store::{DbError, Tx};

use super::ASP_ID;
use super::given::NoRefusal;
use super::published::{self, USER_ID_FIRST};
use super::seed::SeedError;
use crate::context::App;
use crate::facts::{fact, put_fact};
use crate::op::{Done, transact};

/// The one fact that earlier versions noted once all their members had been given.
const SCENARIOS_ARMED: &str = "scenarios-armed";

/// The members that are there, each with what it has at the bank and done before.
pub struct Seeded(HashSet<UserId>);

/// The published members.
pub fn published() -> impl Iterator<Item = (UserId, &'static published::Member)> {
    (USER_ID_FIRST..).map(UserId).zip(&published::MEMBERS)
}

impl Seeded {
    /// Reads them. In a database of an earlier version they are noted one by one first.
    pub async fn find(app: &App) -> Result<Self, SeedError> {
        let scenarios = app.operations.handlers().iter().flat_map(|handler| &handler.scenarios);
        let all = scenarios.map(|scenario| UserId(scenario.world.user_id()));
        let all: Vec<UserId> = published().map(|(user, _)| user).chain(all).collect();
        let found = transact(app, || {
            let all = all.clone();
            move |tx: &mut Tx<'_>| -> Done<HashSet<UserId>, NoRefusal> { Ok(find(tx, &all)?) }
        });
        found.await.map(Seeded).map_err(|answer| SeedError::Data(answer.code()))
    }

    /// Whether the member was given.
    pub fn has(&self, user: UserId) -> bool {
        self.0.contains(&user)
    }
}

fn name(user: UserId) -> String {
    format!("seeded-{}", user.0)
}

fn find(tx: &mut Tx<'_>, all: &[UserId]) -> Result<HashSet<UserId>, DbError> {
    let mut found = HashSet::new();
    for user in all {
        if fact(tx, &name(*user))?.is_some() {
            found.insert(*user);
        }
    }
    if found.is_empty() && fact(tx, SCENARIOS_ARMED)?.is_some() {
        for user in all {
            if is_member(tx, *user)? {
                put_fact(tx, &name(*user), "yes")?;
                found.insert(*user);
            }
        }
    }
    Ok(found)
}

/// Whether the database has the member, whatever became of it.
pub fn is_member(tx: &mut Tx<'_>, user: UserId) -> Result<bool, DbError> {
    let Some(user) = user.stored() else { return Ok(false) };
    let sql = "SELECT 1 FROM member WHERE asp_id = $1 AND user_id = $2";
    Ok(tx.query_opt(sql, &[ASP_ID.into(), user.into()])?.is_some())
}

/// Notes that these members were given, and for earlier versions that all were.
pub async fn note(app: &App, new: Vec<UserId>) -> Result<(), SeedError> {
    let noted = transact(app, || {
        let new = new.clone();
        move |tx: &mut Tx<'_>| -> Done<(), NoRefusal> {
            for user in &new {
                put_fact(tx, &name(*user), "yes")?;
            }
            put_fact(tx, SCENARIOS_ARMED, "yes")?;
            Ok(())
        }
    });
    noted.await.map_err(|answer| SeedError::Data(answer.code()))
}
