//! Bearer tokens: taken once for all callers, renewed before they expire.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Route;
use super::answer::text;
use super::config::Config;
use super::http::{self, Outcome};

const TOKEN_PATH: &str = "/oauth/2.0/token";
/// A token is renewed this long before it expires, or at half of its life when that is short.
const RENEW_BEFORE: Duration = Duration::from_secs(60);
/// A bank may name any life; a year is as good as for ever.
const LIFE_MAX: Duration = Duration::from_secs(365 * 24 * 3_600);

/// One gateway's token. The lock is held while it is renewed: others wait instead of asking too.
#[derive(Debug, Default)]
pub(super) struct Tokens(Mutex<Slot>);

#[derive(Debug, Default)]
struct Slot {
    token: Option<Token>,
    failed_at: Option<Instant>,
}

#[derive(Debug)]
struct Token {
    bearer: Bearer,
    renew_at: Instant,
}

/// A bearer token. It does not print.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Bearer(Arc<str>);

/// Where a token comes from.
pub(super) struct Source<'a> {
    pub(super) http: &'a reqwest::Client,
    pub(super) route: &'a Route,
    pub(super) config: &'a Config,
}

impl Bearer {
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(..)")
    }
}

impl Tokens {
    /// A token that is not the one the bank has just rejected, or `None` when there is none to be
    /// had. Callers who waited for a renewal that failed share its failure.
    pub(super) async fn bearer(
        &self,
        source: &Source<'_>,
        rejected: Option<&Bearer>,
    ) -> Option<Bearer> {
        let asked_at = Instant::now();
        let mut slot = self.0.lock().await;
        if let Some(token) = &slot.token
            && Instant::now() < token.renew_at
            && rejected != Some(&token.bearer)
        {
            return Some(token.bearer.clone());
        }
        if slot.failed_at.is_some_and(|failed_at| failed_at >= asked_at) {
            return None;
        }
        slot.token = request(source).await;
        if slot.token.is_none() {
            slot.failed_at = Some(Instant::now());
            tracing::warn!("no bearer token from the bank");
        }
        slot.token.as_ref().map(|token| token.bearer.clone())
    }
}

async fn request(source: &Source<'_>) -> Option<Token> {
    let url = format!("{}{TOKEN_PATH}", source.route.base_url);
    let fields = [
        ("client_id", source.config.client_id.as_str()),
        ("client_secret", source.config.client_secret.expose()),
        ("scope", "oob"),
        ("grant_type", "client_credentials"),
    ];
    let asked_at = Instant::now();
    let Outcome::Reply(reply) = http::post_form(source.http, &url, &fields).await else {
        return None;
    };
    let fields = reply.fields().ok()?;
    let bearer = text(fields, "access_token");
    if bearer.is_empty() {
        return None;
    }
    let life = Duration::from_secs(text(fields, "expires_in").parse().ok()?).min(LIFE_MAX);
    let renew_at = asked_at + life.saturating_sub(RENEW_BEFORE.min(life / 2));
    Some(Token { bearer: Bearer(bearer.into()), renew_at })
}
