//! `platen keys list`.

use std::process::ExitCode;

use clap::Args;
use crypto::keyring::KeyPurpose;
use domain::{AspId, Timestamp};
use serde_json::{Value, json};
use store::{Tx, TxError};

use super::super::{Outcome, Platform, say};
use super::moment;
use crate::context::Clock;
use crate::keys::partner::{self, PairRow, PairState};
use crate::keys::rows::{self, KeyRow};
use crate::keys::{Keys, KeysError, unwrapped, uses};
use crate::sandbox::keys::master_generation;

/// Print which keys there are and what each does; never a key itself.
///
/// Examples:
///   platen keys list
///   platen keys list --json --database /tmp/s.db
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct List {
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    platform: Platform,
}

/// A key, as it is listed.
struct Listed {
    key: String,
    id: String,
    state: &'static str,
    /// When it began or begins, or was made; 0: from the beginning.
    since: Timestamp,
    partner: Option<(String, i64)>,
    /// Where it is where no token has it.
    place: &'static str,
    /// In the token: its label there.
    token_label: Option<String>,
}

impl List {
    pub(super) fn run(self) -> Outcome {
        let (store, core) = self.platform.open()?;
        let now = Clock.now();
        let read = move |tx: &mut Tx<'_>| list(tx, &core.keys, now);
        let listed = store.read_blocking(read).map_err(unwrapped)?;
        store.close();
        if self.json {
            let keys: Vec<Value> = listed.iter().map(Listed::json).collect();
            say(format_args!("{:#}", json!({ "keys": keys })));
        } else {
            say(format_args!("{:<18} {:<34} {:<8} {:<24} SINCE", "KEY", "ID", "STATE", "HELD"));
            for key in listed {
                say(format_args!(
                    "{:<18} {:<34} {:<8} {:<24} {}",
                    key.key,
                    key.id,
                    key.state,
                    key.held(),
                    key.since_text(),
                ));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(tx: &mut Tx<'_>, held: &Keys, now: Timestamp) -> Result<Vec<Listed>, TxError<KeysError>> {
    let (master, place, label) = match master_generation(tx)? {
        Some(generation) => (generation.to_string(), "database", None),
        None => {
            let master = held.master(tx)?;
            let id = master.id().to_owned();
            (id.clone(), "configuration", master.is_in_token().then_some(id))
        }
    };
    let mut listed = vec![Listed {
        key: "master".to_owned(),
        id: master,
        state: "in use",
        since: Timestamp(0),
        partner: None,
        place,
        token_label: label,
    }];
    let keys = rows::read(tx)?;
    // In the order in which the help names them.
    let by_purpose = KeyPurpose::ALL.into_iter();
    let in_order = by_purpose.flat_map(|of| keys.iter().filter(move |key| key.purpose == of));
    listed.extend(in_order.map(|key| Listed {
        key: key.purpose.name().to_owned(),
        id: key.id.to_string(),
        state: state(&keys, key, now),
        since: key.active_from,
        partner: None,
        place: "database",
        token_label: key.token_label.clone(),
    }));
    for asp in uses::all_with_platform(tx)? {
        let pairs = partner::of(tx, &AspId::new(&asp))?;
        listed.extend(pairs.into_iter().map(|pair: PairRow| Listed {
            key: "crypto".to_owned(),
            id: pair.id,
            state: match pair.state {
                PairState::Active => "in use",
                PairState::Suspended => "suspended",
                PairState::Retired => "retired",
            },
            since: pair.made_at,
            partner: Some((asp.clone(), pair.project_id)),
            place: "database",
            token_label: None,
        }));
    }
    Ok(listed)
}

/// What a key does at `now`.
fn state(all: &[KeyRow], key: &KeyRow, now: Timestamp) -> &'static str {
    let active = rows::active(all, key.purpose, now);
    match key {
        KeyRow { is_retired: true, .. } => "retired",
        KeyRow { active_from, .. } if *active_from > now => "to come",
        KeyRow { id, .. } if active.is_some_and(|active| active.id == *id) => "in use",
        KeyRow { .. } => "reads",
    }
}

impl Listed {
    fn since_text(&self) -> String {
        let since = match self.since {
            Timestamp(0) => "the beginning".to_owned(),
            at => moment(at),
        };
        match &self.partner {
            Some((asp, project)) => format!("{since}, partner {asp}, project {project}"),
            None => since,
        }
    }

    fn held(&self) -> String {
        match &self.token_label {
            Some(label) => format!("token: {label}"),
            None => self.place.to_owned(),
        }
    }

    fn json(&self) -> Value {
        let mut object = json!({
            "key": self.key,
            "id": self.id,
            "state": self.state,
            "sinceMicros": self.since.0,
        });
        if let Some(label) = &self.token_label {
            object["tokenLabel"] = json!(label);
        }
        if let Some((asp, project)) = &self.partner {
            object["partner"] = json!(asp);
            object["project"] = json!(project);
        }
        object
    }
}
