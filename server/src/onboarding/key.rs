//! Access keys of projects: a partner changes over to a second one without a pause.

use domain::AspId;
use domain::partner::{ProjectState, Standing};
use serde_json::json;
use store::Tx;
use store::tables::access_keys::{self, AccessKey, FIRST};
use store::tables::projects::{self, Project};

use super::{Made, Refused, must_be, note, project, refused};
use crate::context::Core;
use crate::keys::access::{AccessKeys, LIVE_MAX, wipe};
use crate::keys::change::Change;
use crate::keys::of_keys;

/// Which key: its project, and its number within that.
pub type Which = (i64, i64);

/// Whether the last key of a project may be discarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// It may: nobody can call until the project has another one.
    MayGo,
    /// Another one must serve.
    Stays,
}

/// Gives a project a further key; its number.
pub fn create(
    tx: &mut Tx<'_>,
    core: &Core,
    asp: &AspId,
    (project_id, keys): (i64, &AccessKeys),
    change: &Change,
) -> Made<i64> {
    // The keys that new values are sealed under are not changed meanwhile.
    Change::lock(tx)?;
    if project::claim(tx, asp, project_id)?.state == ProjectState::Discarded {
        return refused(Refused::Discarded(asp.clone(), project_id));
    }
    let all = access_keys::of(tx, asp, project_id)?;
    if all.iter().filter(|key| key.state != Standing::Discarded).count() >= LIVE_MAX {
        return refused(Refused::TwoKeys(asp.clone(), project_id));
    }
    let key_no = all.iter().map(|key| key.key_no).max().unwrap_or(0) + 1;
    of_keys(keys.add(tx, core, asp, (project_id, key_no), change.now))?;
    let more = json!({ "projectId": project_id, "keyNo": key_no });
    note(tx, asp, change, ("access_key.created", &subject((project_id, key_no))), more)?;
    Ok(key_no)
}

/// Sets a key's state; `false` where it was in that state. The secret of a discarded one is gone.
pub fn set_state(
    tx: &mut Tx<'_>,
    core: &Core,
    asp: &AspId,
    ((project_id, key_no), to, last): (Which, Standing, Last),
    change: &Change,
) -> Made<bool> {
    Change::lock(tx)?;
    project::claim(tx, asp, project_id)?;
    let all = access_keys::of(tx, asp, project_id)?;
    let Some(before) = all.iter().find(|key| key.key_no == key_no) else {
        return refused(Refused::NoKey(asp.clone(), project_id, key_no));
    };
    if before.state == to {
        return Ok(false);
    }
    if before.state == Standing::Discarded {
        return refused(Refused::KeyDiscarded(asp.clone(), project_id, key_no));
    }
    let serves = |key: &AccessKey| key.key_no != key_no && key.state == Standing::Active;
    if to == Standing::Discarded && last == Last::Stays && !all.iter().any(serves) {
        return refused(Refused::LastKey(asp.clone(), project_id, key_no));
    }
    access_keys::set_state(tx, asp, (project_id, key_no), to)?;
    if to == Standing::Discarded {
        of_keys(wipe(tx, core, asp, (project_id, key_no)))?;
    }
    if key_no == FIRST {
        match to {
            Standing::Active => access_keys::put_in_project(tx, asp, project_id)?,
            Standing::Suspended | Standing::Discarded => {
                access_keys::take_from_project(tx, asp, project_id)?;
            }
        }
    }
    let event = match to {
        Standing::Active => "access_key.resumed",
        Standing::Suspended => "access_key.suspended",
        Standing::Discarded => "access_key.discarded",
    };
    let from = before.state.name();
    let more = json!({ "projectId": project_id, "keyNo": key_no, "from": from });
    note(tx, asp, change, (event, &subject((project_id, key_no))), more)?;
    Ok(true)
}

/// The keys of a partner's projects, or of one of them.
pub fn list(
    tx: &mut Tx<'_>,
    asp: &AspId,
    only: Option<i64>,
) -> Made<Vec<(Project, Vec<AccessKey>)>> {
    must_be(tx, asp)?;
    let projects = match only {
        None => projects::all(tx, asp)?,
        Some(id) => match projects::find(tx, asp, id)? {
            Some(project) => vec![project],
            None => return refused(Refused::NoProject(asp.clone(), id)),
        },
    };
    let mut found = Vec::new();
    for project in projects {
        let keys = access_keys::of(tx, asp, project.project_id)?;
        found.push((project, keys));
    }
    Ok(found)
}

/// A key with its project.
pub fn show(
    tx: &mut Tx<'_>,
    asp: &AspId,
    (project_id, key_no): Which,
) -> Made<(Project, AccessKey)> {
    let found = list(tx, asp, Some(project_id))?.into_iter().find_map(|(project, keys)| {
        let key = keys.into_iter().find(|key| key.key_no == key_no)?;
        Some((project, key))
    });
    match found {
        Some(found) => Ok(found),
        None => refused(Refused::NoKey(asp.clone(), project_id, key_no)),
    }
}

/// What the operation log calls an access key.
fn subject((project_id, key_no): Which) -> String {
    format!("project:{project_id}/access-key:{key_no}")
}
