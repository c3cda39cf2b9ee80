//! Projects of partners, with their keys.

use domain::AspId;
use domain::partner::ProjectState;
use serde_json::{Value, json};
use store::Tx;
use store::tables::projects::{self, Access, Project};

use super::{Made, Refused, must_be, note, refused};
use crate::context::Core;
use crate::keys::access::{AccessKeys, TOLD};
use crate::keys::change::Change;
use crate::keys::partner::{ClientKey, NewHalf};
use crate::keys::{KeysError, of_keys};

/// The keys of a new project: what its partner is told once. It has no `Debug`.
pub struct NewKeys {
    access: AccessKeys,
    pair: NewHalf,
}

impl NewKeys {
    /// Makes those of the platform for a partner's public key. Takes a moment: not within a
    /// transaction.
    pub fn make(client: ClientKey) -> Result<Self, KeysError> {
        Ok(NewKeys { access: AccessKeys::make(), pair: NewHalf::make(client)? })
    }

    /// What the partner is told, each by its name in the environment and in JSON.
    pub fn told(
        &self,
        asp: &AspId,
    ) -> Result<Vec<(&'static str, &'static str, String)>, KeysError> {
        let more = [self.pair.id.clone(), self.pair.public_key_pem()?];
        let values = self.access.told(asp).into_iter().chain(more);
        Ok(TOLD.into_iter().zip(values).map(|((env, json), value)| (env, json, value)).collect())
    }
}

/// Makes a project with its keys.
pub fn create(
    tx: &mut Tx<'_>,
    core: &Core,
    asp: &AspId,
    (project, keys): (&Project, &NewKeys),
    change: &Change,
) -> Made<()> {
    // The keys that new values are sealed under are not changed meanwhile.
    Change::lock(tx)?;
    must_be(tx, asp)?;
    if !of_keys(keys.access.insert(tx, core, asp, (project, change.now)))? {
        return refused(Refused::ProjectThere(asp.clone(), project.project_id));
    }
    let (ring, half) = (core.keys.ring(), keys.pair.half());
    of_keys(half.insert(tx, &ring, asp, project.project_id, change.now))?;
    let mut more = json!({ "cryptoKeyId": keys.pair.id });
    if let (Value::Object(all), Value::Object(own)) = (&mut more, as_json(project)) {
        all.extend(own);
    }
    note(tx, asp, change, ("project.created", &subject(project.project_id)), more)
}

/// Sets a project's state; `false` where it was in that state. A discarded one stays so.
pub fn set_state(
    tx: &mut Tx<'_>,
    asp: &AspId,
    (project_id, to): (i64, ProjectState),
    change: &Change,
) -> Made<bool> {
    let before = claim(tx, asp, project_id)?;
    if before.state == to {
        return Ok(false);
    }
    if before.state == ProjectState::Discarded {
        return refused(Refused::Discarded(asp.clone(), project_id));
    }
    projects::set_state(tx, asp, project_id, to)?;
    let event = match to {
        ProjectState::Active => "project.resumed",
        ProjectState::Inactive => "project.suspended",
        ProjectState::Discarded => "project.discarded",
    };
    let more = json!({ "projectId": project_id, "from": before.state.name() });
    note(tx, asp, change, (event, &subject(project_id)), more)?;
    Ok(true)
}

/// Changes of a project's access; what is left out stays as it is.
#[derive(Debug, Clone, Default)]
pub struct AccessChange {
    /// Networks with commas between them; empty: any.
    pub allowed_addresses: Option<String>,
    /// Calls a second.
    pub rate_limit_per_second: Option<i64>,
    /// Calls at once.
    pub rate_limit_burst: Option<i64>,
}

impl AccessChange {
    /// Over what was before.
    pub fn over(&self, before: &Access) -> Access {
        let addresses = self.allowed_addresses.as_ref().unwrap_or(&before.allowed_addresses);
        Access {
            allowed_addresses: addresses.clone(),
            rate_limit_per_second: self
                .rate_limit_per_second
                .unwrap_or(before.rate_limit_per_second),
            rate_limit_burst: self.rate_limit_burst.unwrap_or(before.rate_limit_burst),
        }
    }
}

/// Changes from where, and how often, a project may be called; the project as it is then, and
/// whether it was another one before.
pub fn set_access(
    tx: &mut Tx<'_>,
    asp: &AspId,
    (project_id, wanted): (i64, &AccessChange),
    change: &Change,
) -> Made<(Project, bool)> {
    let before = claim(tx, asp, project_id)?;
    if before.state == ProjectState::Discarded {
        return refused(Refused::Discarded(asp.clone(), project_id));
    }
    let after = Project { access: wanted.over(&before.access), ..before.clone() };
    if before == after {
        return Ok((after, false));
    }
    projects::set_access(tx, asp, project_id, &after.access)?;
    let more = json!({
        "projectId": project_id,
        "from": access_json(&before.access),
        "to": access_json(&after.access),
    });
    note(tx, asp, change, ("project.access_changed", &subject(project_id)), more)?;
    Ok((after, true))
}

/// A partner's projects.
pub fn list(tx: &mut Tx<'_>, asp: &AspId) -> Made<Vec<Project>> {
    must_be(tx, asp)?;
    Ok(projects::all(tx, asp)?)
}

/// A project with the crypto keys that it has had.
pub fn show(
    tx: &mut Tx<'_>,
    asp: &AspId,
    project_id: i64,
) -> Made<(Project, Vec<crate::keys::partner::PairRow>)> {
    must_be(tx, asp)?;
    let Some(project) = projects::find(tx, asp, project_id)? else {
        return refused(Refused::NoProject(asp.clone(), project_id));
    };
    let mut pairs = crate::keys::partner::of(tx, asp)?;
    pairs.retain(|pair| pair.project_id == project_id);
    Ok((project, pairs))
}

/// Claims a project; refuses where there is none.
pub(super) fn claim(tx: &mut Tx<'_>, asp: &AspId, project_id: i64) -> Made<Project> {
    must_be(tx, asp)?;
    match projects::claim(tx, asp, project_id)? {
        Some(project) => Ok(project),
        None => refused(Refused::NoProject(asp.clone(), project_id)),
    }
}

fn access_json(access: &Access) -> Value {
    json!({
        "allowedAddresses": access.allowed_addresses,
        "rateLimitPerSecond": access.rate_limit_per_second,
        "rateLimitBurst": access.rate_limit_burst,
    })
}

/// A project as commands print it and the operation log keeps it: it has no secret.
pub fn as_json(project: &Project) -> Value {
    json!({
        "projectId": project.project_id,
        "kind": project.kind.name(),
        "state": project.state.name(),
        "plainRequests": project.plain.name(),
        "correlationIds": project.correlation.name(),
        "tranTimeWindowMs": project.tran_time_window_ms,
        "replayWindowMs": project.replay_window_ms,
        "access": access_json(&project.access),
    })
}

/// What the operation log calls a project.
fn subject(project_id: i64) -> String {
    format!("project:{project_id}")
}
