//! A project's crypto keys: pairs of keys that requests and answers are encrypted with. A project
//! has one live pair, or two while its partner changes over.

use crypto::digest::Sha256;
use crypto::jwe::{PrivateKey, PublicKey};
use crypto::keyring::Keyring;
use crypto::random;
use domain::{AspId, Timestamp};
use serde_json::json;
use store::{DbError, Tx};

use super::change::Change;
use super::{KeysError, Made, broken, refused};
use crate::context::place;

/// Live pairs of a project at the most.
pub const PAIRS_MAX: usize = 2;

/// A new pair: the platform's private key, and the partner's.
pub struct NewPair {
    /// Its id, 32 hex digits.
    pub id: String,
    /// The platform's private key.
    pub server: PrivateKey,
    /// The partner's private key, which the platform gives away and does not keep.
    pub client: PrivateKey,
}

impl NewPair {
    /// Makes one. Takes a moment: not within a transaction.
    pub fn make() -> Result<Self, KeysError> {
        let generate =
            || PrivateKey::generate_2048().map_err(|error| KeysError::Broken(error.to_string()));
        Ok(NewPair { id: random::hex_lower(32), server: generate()?, client: generate()? })
    }

    /// Writes the platform's half.
    pub fn insert(
        &self,
        tx: &mut Tx<'_>,
        ring: &Keyring,
        asp: &AspId,
        project_id: i64,
        now: Timestamp,
    ) -> Made<()> {
        let client = self.client.public_key();
        Half { id: &self.id, server: &self.server, client: &client, not_after: None }
            .insert(tx, ring, asp, project_id, now)
    }
}

/// A partner's public key, as the partner hands it in.
pub struct ClientKey {
    /// Itself.
    pub public: PublicKey,
    /// Until when the certificate is valid that it came in.
    pub not_after: Option<Timestamp>,
}

/// What the platform keeps of a pair.
pub struct Half<'a> {
    /// Its id, 32 hex digits.
    pub id: &'a str,
    /// The platform's private key.
    pub server: &'a PrivateKey,
    /// The partner's public key.
    pub client: &'a PublicKey,
    /// Until when the certificate is valid that it came in.
    pub not_after: Option<Timestamp>,
}

impl Half<'_> {
    /// Writes it.
    pub fn insert(
        &self,
        tx: &mut Tx<'_>,
        ring: &Keyring,
        asp: &AspId,
        project_id: i64,
        now: Timestamp,
    ) -> Made<()> {
        let aad = place(asp, "crypto_key.server_private_key", self.id).aad();
        let private = self.server.to_pkcs8_der().or_else(broken)?;
        let sealed = ring.seal(&aad, private.expose()).or_else(broken)?;
        let public = self.client.to_spki_der().or_else(broken)?;
        tx.execute(
            "INSERT INTO crypto_key (asp_id, crypto_key_id, project_id, state,
                 server_private_key_sealed, client_public_key, made_at, client_not_after)
             VALUES ($1, $2, $3, 'ACTIVE', $4, $5, $6, $7)",
            &[
                asp.as_str().into(),
                self.id.into(),
                project_id.into(),
                sealed.as_bytes().into(),
                public.as_slice().into(),
                now.0.into(),
                self.not_after.map(|at| at.0).into(),
            ],
        )?;
        Ok(())
    }
}

/// The platform's half of a pair whose other one a partner has made and keeps.
pub struct NewHalf {
    /// Its id, 32 hex digits.
    pub id: String,
    /// The platform's private key.
    server: PrivateKey,
    /// The partner's public key.
    client: ClientKey,
}

impl NewHalf {
    /// Makes it for a partner's public key. Takes a moment: not within a transaction.
    pub fn make(client: ClientKey) -> Result<Self, KeysError> {
        let server = PrivateKey::generate_2048();
        let server = server.map_err(|error| KeysError::Broken(error.to_string()))?;
        Ok(NewHalf { id: random::hex_lower(32), server, client })
    }

    /// The platform's public key, which the partner is told.
    pub fn public_key_pem(&self) -> Result<String, KeysError> {
        self.server.public_key_pem().map_err(|error| KeysError::Broken(error.to_string()))
    }

    /// What is kept of it.
    pub fn half(&self) -> Half<'_> {
        let ClientKey { public, not_after } = &self.client;
        Half { id: &self.id, server: &self.server, client: public, not_after: *not_after }
    }
}

/// What the operation log calls a pair.
fn subject(id: &str) -> String {
    format!("crypto-key:{id}")
}

/// Gives a project a second pair. The first one serves until it is retired.
pub fn rotate(
    tx: &mut Tx<'_>,
    ring: &Keyring,
    asp: &AspId,
    project_id: i64,
    pair: &NewPair,
    change: &Change,
) -> Made<()> {
    let client = pair.client.public_key();
    let half = Half { id: &pair.id, server: &pair.server, client: &client, not_after: None };
    rotate_to(tx, ring, asp, (project_id, &half), change)
}

/// As [`rotate`], where the partner made its half itself.
pub fn rotate_to(
    tx: &mut Tx<'_>,
    ring: &Keyring,
    asp: &AspId,
    (project_id, half): (i64, &Half<'_>),
    change: &Change,
) -> Made<()> {
    Change::lock(tx)?;
    let project = tx.query_opt(
        "SELECT 1 FROM project WHERE asp_id = $1 AND project_id = $2",
        &[asp.as_str().into(), project_id.into()],
    )?;
    if project.is_none() {
        return refused(KeysError::NoProject(asp.to_string(), project_id));
    }
    if live(tx, asp, project_id)?.len() >= PAIRS_MAX {
        return refused(KeysError::TwoPairs(asp.to_string(), project_id));
    }
    half.insert(tx, ring, asp, project_id, change.now)?;
    let more = json!({ "projectId": project_id });
    Ok(change.note(tx, asp, "crypto_key.rotated", &subject(half.id), more)?)
}

/// Retires a pair: calls that name it are refused, and the platform's private key is gone. Another
/// one must serve.
pub fn retire(tx: &mut Tx<'_>, asp: &AspId, id: &str, change: &Change) -> Made<()> {
    Change::lock(tx)?;
    let project_id = live_one(tx, asp, id)?.project_id;
    let others = live(tx, asp, project_id)?;
    if !others.iter().any(|other| other.id != id && other.state == PairState::Active) {
        return refused(KeysError::LastPair(asp.to_string(), id.to_owned()));
    }
    tx.execute(
        "UPDATE crypto_key SET state = 'RETIRED', server_private_key_sealed = $3
         WHERE asp_id = $1 AND crypto_key_id = $2",
        &[asp.as_str().into(), id.into(), [].as_slice().into()],
    )?;
    let more = json!({ "projectId": project_id });
    Ok(change.note(tx, asp, "crypto_key.retired", &subject(id), more)?)
}

/// Has calls that name a pair refused, as those that name an unknown one, or taken again; `false`
/// where it is so already.
pub fn set_suspended(
    tx: &mut Tx<'_>,
    asp: &AspId,
    (id, is_suspended): (&str, bool),
    change: &Change,
) -> Made<bool> {
    Change::lock(tx)?;
    let found = live_one(tx, asp, id)?;
    if (found.state == PairState::Suspended) == is_suspended {
        return Ok(false);
    }
    tx.execute(
        "UPDATE crypto_key SET suspended_at = $3 WHERE asp_id = $1 AND crypto_key_id = $2",
        &[asp.as_str().into(), id.into(), is_suspended.then_some(change.now.0).into()],
    )?;
    let event = if is_suspended { "crypto_key.suspended" } else { "crypto_key.resumed" };
    let more = json!({ "projectId": found.project_id });
    change.note(tx, asp, event, &subject(id), more)?;
    Ok(true)
}

/// A pair that is not retired.
fn live_one(tx: &mut Tx<'_>, asp: &AspId, id: &str) -> Made<PairRow> {
    let found = of(tx, asp)?.into_iter().find(|pair| pair.id == id);
    match found.filter(|pair| pair.state != PairState::Retired) {
        Some(pair) => Ok(pair),
        None => refused(KeysError::NoPair(asp.to_string(), id.to_owned())),
    }
}

fn live(tx: &mut Tx<'_>, asp: &AspId, project_id: i64) -> Result<Vec<PairRow>, DbError> {
    let is_live =
        |pair: &PairRow| pair.project_id == project_id && pair.state != PairState::Retired;
    Ok(of(tx, asp)?.into_iter().filter(is_live).collect())
}

/// State of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairState {
    /// It serves.
    Active,
    /// It does not serve for now.
    Suspended,
    /// It is gone.
    Retired,
}

impl PairState {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            PairState::Active => "ACTIVE",
            PairState::Suspended => "SUSPENDED",
            PairState::Retired => "RETIRED",
        }
    }
}

/// A pair, as a list shows it.
#[derive(Debug, Clone)]
pub struct PairRow {
    /// Its id.
    pub id: String,
    /// The project.
    pub project_id: i64,
    /// Its state.
    pub state: PairState,
    /// When it was made; 0: before that was noted.
    pub made_at: Timestamp,
    /// Until when the partner's certificate is valid, where it came in one.
    pub not_after: Option<Timestamp>,
    /// SHA-256 of the partner's public key, `SubjectPublicKeyInfo` in DER, 64 hex digits.
    pub fingerprint: String,
}

/// A partner's pairs.
pub fn of(tx: &mut Tx<'_>, asp: &AspId) -> Result<Vec<PairRow>, DbError> {
    let rows = tx.query(
        "SELECT crypto_key_id, project_id, state, made_at, suspended_at, client_not_after,
             client_public_key
         FROM crypto_key WHERE asp_id = $1 ORDER BY project_id, made_at, crypto_key_id",
        &[asp.as_str().into()],
    )?;
    let read = |row: store::Row| {
        let state = match (row.text(2)?, row.opt_int(4)?) {
            ("RETIRED", _) => PairState::Retired,
            (_, Some(_)) => PairState::Suspended,
            (_, None) => PairState::Active,
        };
        let mut digest = Sha256::default();
        digest.update(row.blob(6)?);
        Ok(PairRow {
            id: row.text(0)?.to_owned(),
            project_id: row.int(1)?,
            state,
            made_at: Timestamp(row.int(3)?),
            not_after: row.opt_int(5)?.map(Timestamp),
            fingerprint: digest.finish().iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    };
    rows.into_iter().map(read).collect()
}
