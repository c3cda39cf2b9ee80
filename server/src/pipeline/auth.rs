//! Who calls. A wrong secret, an unknown key and an unknown partner get the same answer after the
//! same work; which it was, the log says.

use std::net::IpAddr;
use std::sync::Arc;

use contract::pipeline;
use crypto::pan::mask_numbers;
use crypto::tran_token::TokenKey;

use super::Failure;
use super::headers::Headers;
use super::observe::Notes;
use crate::context::App;
use crate::directory::Project;

/// Checks key and token over the body as sent, then the state of the project and the time.
pub(super) async fn authenticate(
    app: &App,
    headers: &Headers,
    (body, from): (&[u8], Option<IpAddr>),
    notes: &mut Notes,
) -> Result<Arc<Project>, Failure> {
    let found = app.directory.project(&app.store, &app.core, &headers.asp, &headers.access_key);
    let found = found.await.map_err(|error| {
        tracing::error!(?error, "a project could not be read");
        &pipeline::UNAVAILABLE
    })?;
    // From elsewhere there is no such project: who holds its keys does not learn that they are
    // right, and the signature is not looked at.
    let is_elsewhere = found.as_ref().is_some_and(|project| !project.allowed.allows(from));
    let project = found.filter(|_| !is_elsewhere);
    notes.add(|seen| seen.project.clone_from(&project));
    let key = project.as_ref().map_or(TokenKey::dummy(), |project| &project.token_key);
    // A malformed token takes the work of a wrong one.
    let verified = match &headers.token {
        Some(token) => token.verify(key, body),
        None => {
            let _ = key.issue("00000000000000000", body);
            false
        }
    };
    let cause = match (&project, &headers.token, verified) {
        (Some(project), Some(_), true) => return check_standing(app, headers, project),
        (None, _, _) if is_elsewhere => "the address is not on the project's list",
        (None, _, _) => "unknown partner or access key",
        (Some(_), None, _) => "malformed token",
        (Some(_), Some(_), false) => "token does not fit the body",
    };
    tracing::info!(
        cause,
        from = from.map_or_else(|| "-".to_owned(), |from| from.to_string()),
        partner = mask_numbers(headers.asp.as_str()),
        correlation_id = mask_numbers(&headers.correlation_id),
        "authentication failed"
    );
    Err((&pipeline::AUTHENTICATION_FAILED).into())
}

/// The project, read anew where it has no crypto key that the caller names: the partner may have
/// got a new one a moment ago.
pub(super) async fn with_key(
    app: &App,
    headers: &Headers,
    project: Arc<Project>,
) -> Result<Arc<Project>, Failure> {
    match &headers.crypto_key_id {
        Some(id) if !project.crypto_keys.contains_key(id) => {
            app.directory.forget(&app.core, &headers.asp, &headers.access_key);
            let found =
                app.directory.project(&app.store, &app.core, &headers.asp, &headers.access_key);
            let found = found.await.map_err(|error| {
                tracing::error!(?error, "a project could not be read");
                &pipeline::UNAVAILABLE
            })?;
            Ok(found.unwrap_or(project))
        }
        Some(_) | None => Ok(project),
    }
}

fn check_standing(
    app: &App,
    headers: &Headers,
    project: &Arc<Project>,
) -> Result<Arc<Project>, Failure> {
    if !project.is_active {
        return Err((&pipeline::PROJECT_NOT_ACTIVE).into());
    }
    let now = app.clock.now();
    let window = project.tran_time_window_ms;
    if headers.tran_time < now.minus_ms(window) || headers.tran_time > now.plus_ms(window) {
        return Err((&pipeline::TRAN_TIME_OUT_OF_WINDOW).into());
    }
    Ok(Arc::clone(project))
}
