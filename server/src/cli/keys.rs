//! `platen keys`.

mod import;
mod init;
mod list;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use crypto::keyring::KeyPurpose;
use domain::AspId;
use store::{Store, Tx};

use super::key_file::partners_key;
use super::why::{Trying, Why, done};
use super::{Failure, Outcome, Platform, misused, say};
use crate::context::Core;
use crate::keys::change::{self, Change, NewKey};
use crate::keys::partner::{self, ClientKey, NewHalf, NewPair};
use crate::keys::reseal::{self, Resealed};
use crate::keys::{BEGIN_MS, KeysError, perform, unwrapped};
use crate::operator::{Mode, moment};
use crate::production;
use crate::sandbox::keys::{Credentials, rotate_master};
use crate::sandbox::{ASP_ID, PROJECT_ID};
use crate::settings::SettingFlags;

/// Milliseconds in a second.
const SECOND_MS: u64 = 1_000;

/// Why a production platform's crypto keys are not made here.
const ONE_SIDED: &str = "a crypto key that is made here has a private half for the partner, which \
    this command cannot hand over: give --partner, --project and --client-public-key";

/// Make, list, import, rotate and retire keys, all but the first while servers run.
///
/// A rotated key makes new values from a moment on that every server has heard of before; what
/// the old one made stays readable until the old one is retired, which is refused as long as
/// anything depends on it. No command prints a key. Every change is a row of the operation log.
///
/// Examples:
///   platen keys init --config platen.toml --by a.kim --reason "first start"
///   platen keys list --config platen.toml
///   platen keys rotate data_key --reason "yearly"
///   platen keys reseal data_key --reason "yearly"
///   platen keys retire data_key 1 --reason "yearly"
#[derive(Args)]
#[command(verbatim_doc_comment, arg_required_else_help = true)]
pub(super) struct Keys {
    #[command(subcommand)]
    command: Command,
}

/// What each does, with examples, stands at its own type.
#[derive(Subcommand)]
enum Command {
    Init(init::Init),
    Master(init::Master),
    List(list::List),
    Import(import::Import),
    Rotate(Rotate),
    Reseal(Reseal),
    Retire(Retire),
}

/// What a key is for.
#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Purpose {
    /// Wraps all others.
    Master,
    /// Seals values at rest.
    DataKey,
    /// Finds cards by their numbers.
    Lookup,
    /// Makes CVCs.
    CardVerification,
    /// Makes card numbers of new ranges.
    Number,
    /// Recognises calls and access keys.
    Digest,
    /// Seals the operation log.
    Audit,
    /// A partner's pair for requests and answers.
    Crypto,
}

impl Purpose {
    /// The platform's own keys that a ring holds.
    const fn of_platform(self) -> Option<KeyPurpose> {
        match self {
            Purpose::DataKey => Some(KeyPurpose::DataKey),
            Purpose::Lookup => Some(KeyPurpose::Lookup),
            Purpose::CardVerification => Some(KeyPurpose::CardVerification),
            Purpose::Number => Some(KeyPurpose::Number),
            Purpose::Digest => Some(KeyPurpose::Digest),
            Purpose::Audit => Some(KeyPurpose::Audit),
            Purpose::Master | Purpose::Crypto => None,
        }
    }
}

/// Whose crypto key.
#[derive(Args)]
struct Partner {
    /// Of a crypto key: its partner; without it, the sandbox's.
    #[arg(long, value_name = "ASP")]
    partner: Option<String>,
}

impl Partner {
    fn asp(&self) -> AspId {
        AspId::new(self.partner.as_deref().unwrap_or(ASP_ID))
    }

    /// Why it cannot be given with this key.
    fn misplaced(&self, purpose: Purpose) -> Option<&'static str> {
        let is_given = self.partner.is_some() && !matches!(purpose, Purpose::Crypto);
        is_given.then_some("--partner goes with a crypto key alone")
    }
}

/// Put a new key in use.
///
/// A new key begins after a pause in which all servers read it; a new master key and a new crypto
/// key are in use at once. A number key serves new number ranges alone. A project has two live
/// crypto keys at the most; in a sandbox `platen credentials` prints the new one, and for another
/// partner its id and the platform's public key are printed here.
///
/// Examples:
///   platen keys rotate lookup --reason "two years old"
///   platen keys rotate master --reason "an operator has left" --database /tmp/s.db
///   platen keys rotate lookup --pkcs11 lookup-2 --config platen.toml --reason "to the HSM"
///   platen keys rotate crypto --partner 000990000000001 --project 1 \
///     --client-public-key partner.pem --reason "yearly"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Rotate {
    /// Which key.
    #[arg(value_name = "KEY")]
    purpose: Purpose,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    trying: Trying,
    #[command(flatten)]
    partner: Partner,
    /// Of a crypto key: its project; without it, the sandbox's.
    #[arg(long, value_name = "N")]
    project: Option<i64>,
    /// Of another partner's crypto key than the sandbox's: the RSA public key of the pair that the
    /// partner has made, a PEM file with a block PUBLIC KEY.
    #[arg(long, value_name = "FILE")]
    client_public_key: Option<PathBuf>,
    /// Of all keys but master and crypto: when the new one begins, 3 to 86400 seconds from now;
    /// without it, 30. Fewer are safe only where every server has its database and a right clock.
    #[arg(long, value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(3..=86_400))]
    active_in: Option<u64>,
    /// Of a production platform's master key: the id of the new one, whose line was added to the
    /// old one's, or which `master_key.pkcs11` names (`platen keys master`).
    #[arg(long, value_name = "ID", requires = "config")]
    to: Option<String>,
    /// Of a production platform's lookup or card verification key: the new one stays in the token
    /// of [pkcs11] under this label. It is made there, or taken as it is where the token has it;
    /// what was made in a token cannot be taken back, so that there is no --dry-run.
    #[arg(long, value_name = "LABEL", requires = "config", conflicts_with = "dry_run")]
    pkcs11: Option<String>,
    #[command(flatten)]
    platform: Platform,
}

/// Move what old keys made over to the key in use, in small batches, while servers run.
///
/// Of a data key: all sealed values are sealed anew. Of a lookup key: all cards are indexed anew.
/// It may be stopped and run again.
///
/// Examples:
///   platen keys reseal data_key --reason "yearly"
///   platen keys reseal lookup --reason "two years old"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Reseal {
    /// Which key.
    #[arg(value_name = "KEY", value_parser = ["data_key", "lookup"])]
    purpose: String,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    trying: Trying,
    #[command(flatten)]
    platform: Platform,
}

/// Retire an old key: it is gone for good.
///
/// Refused while the key makes new values, for a minute after, and as long as any row depends on
/// it. A digest key is needed for as long as calls of its time are remembered, an audit key for as
/// long as its seals are kept. Calls that name a retired crypto key are refused within seconds.
///
/// Examples:
///   platen keys retire data_key 1 --reason "yearly"
///   platen keys retire crypto 5f0c9e... --partner 000170000000000 --reason "yearly"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Retire {
    /// Which kind of key.
    #[arg(value_name = "KEY")]
    purpose: Purpose,
    /// Its id, as `platen keys list` prints it.
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    trying: Trying,
    #[command(flatten)]
    partner: Partner,
    #[command(flatten)]
    platform: Platform,
}

impl Keys {
    pub(super) fn run(self) -> Outcome {
        match self.command {
            Command::Init(command) => command.run(),
            Command::Master(command) => command.run(),
            Command::List(command) => command.run(),
            Command::Import(command) => command.run(),
            Command::Rotate(command) => command.run(),
            Command::Reseal(command) => command.run(),
            Command::Retire(command) => command.run(),
        }
    }
}

impl Rotate {
    /// Which option cannot be given with this key: it would be passed over in silence.
    fn misplaced(&self) -> Option<&'static str> {
        let is_crypto = matches!(self.purpose, Purpose::Crypto);
        let begins_later = self.purpose.of_platform().is_some();
        let project = self.project.is_some() && !is_crypto;
        let active_in = self.active_in.is_some() && !begins_later;
        let project = project.then_some("--project goes with a crypto key alone");
        let is_sandbox = self.is_of_sandbox();
        let client = match (is_crypto, is_sandbox, &self.client_public_key) {
            (false, _, Some(_)) => Some("--client-public-key goes with a crypto key alone"),
            (true, true, Some(_)) => Some(
                "--client-public-key goes with another partner: both halves of the sandbox's pair \
                 are made here",
            ),
            (true, false, None) => Some(
                "--client-public-key is missing: the partner makes a pair, keeps the private half \
                 and hands in the public one",
            ),
            (false, _, None) | (true, true, None) | (true, false, Some(_)) => None,
        };
        let at_once = "--active-in does not go with a master or crypto key: a new one is in use \
             at once";
        let to = self.to.is_some() && !matches!(self.purpose, Purpose::Master);
        let to = to.then_some("--to goes with a master key alone");
        let may_be_in_token = matches!(self.purpose, Purpose::Lookup | Purpose::CardVerification);
        let pkcs11 = (self.pkcs11.is_some() && !may_be_in_token)
            .then_some("--pkcs11 goes with a lookup or card_verification key alone");
        let partner = self.partner.misplaced(self.purpose);
        partner.or(project).or(client).or(to).or(pkcs11).or(active_in.then_some(at_once))
    }

    fn run(self) -> Outcome {
        if let Some(sentence) = self.misplaced() {
            return Ok(misused(&["keys", "rotate"], sentence));
        }
        if self.platform.is_production() {
            match self.purpose {
                Purpose::Master => return self.production_master(),
                Purpose::Crypto if self.client_public_key.is_none() => {
                    return Err(Failure(ONE_SIDED.to_owned()));
                }
                Purpose::Crypto
                | Purpose::DataKey
                | Purpose::Lookup
                | Purpose::CardVerification
                | Purpose::Number
                | Purpose::Digest
                | Purpose::Audit => {}
            }
        }
        let (store, core) = self.opened()?;
        let (change, mode) = (self.why.change(), self.trying.mode());
        match self.purpose {
            Purpose::Master => {
                let work = move |tx: &mut Tx<'_>| rotate_master(tx, &change);
                let generation = perform(&store, mode, work)?;
                done(mode, &format!("master key {generation} wraps all keys from now on"));
            }
            Purpose::Crypto => {
                let (id, public) = match &self.client_public_key {
                    None => (self.crypto(&store, &core, change)?, None),
                    Some(path) => {
                        let client = partners_key(path)?;
                        let (id, public) = self.crypto_of(&store, &core, client, change)?;
                        (id, Some(public))
                    }
                };
                match mode {
                    Mode::Real => {
                        say(format_args!(
                            "crypto key {id} is live now; the one before it serves as well"
                        ));
                        public.iter().for_each(|public| say(public.trim_end()));
                    }
                    // Another run makes another pair.
                    Mode::Dry => done(mode, "the project has a further crypto key"),
                }
            }
            Purpose::DataKey
            | Purpose::Lookup
            | Purpose::CardVerification
            | Purpose::Number
            | Purpose::Digest
            | Purpose::Audit => {
                if let Some(purpose) = self.purpose.of_platform() {
                    let seconds = self.active_in.unwrap_or(BEGIN_MS / SECOND_MS);
                    let active_from = change.now.plus_ms(seconds * SECOND_MS);
                    let new = NewKey { purpose, active_from, token_label: self.pkcs11.clone() };
                    let keys = core.keys;
                    let work = move |tx: &mut Tx<'_>| keys.rotate(tx, &new, &change);
                    let (id, at) = (perform(&store, mode, work)?, moment(active_from));
                    done(mode, &format!("key {id} for {purpose} begins in {seconds} s, at {at}"));
                }
            }
        }
        store.close();
        Ok(ExitCode::SUCCESS)
    }

    /// The platform; where the new key is to be in its token, it is there then.
    fn opened(&self) -> Result<(Store, Core), Failure> {
        let Some(label) = &self.pkcs11 else { return self.platform.open() };
        let flags = SettingFlags::default();
        let Some(opened) = self.platform.production(&flags)? else { return self.platform.open() };
        let token = opened.master.token()?;
        let is_new = match self.purpose {
            Purpose::Lookup => token.make_lookup(label)?,
            Purpose::CardVerification => token.make_card_verification(label)?,
            Purpose::Master
            | Purpose::DataKey
            | Purpose::Number
            | Purpose::Digest
            | Purpose::Audit
            | Purpose::Crypto => false,
        };
        let what = if is_new { "was made in" } else { "is taken as it is from" };
        say(format_args!("the key `{label}` {what} the token `{}`", token.label()));
        Ok((opened.store, opened.core))
    }

    fn is_of_sandbox(&self) -> bool {
        self.partner.asp().as_str() == ASP_ID && self.project.unwrap_or(PROJECT_ID) == PROJECT_ID
    }

    /// Makes the platform's half for a pair of the partner's; its id and its public key.
    fn crypto_of(
        &self,
        store: &Store,
        core: &Core,
        client: ClientKey,
        change: Change,
    ) -> Result<(String, String), KeysError> {
        let pair = NewHalf::make(client)?;
        let told = (pair.id.clone(), pair.public_key_pem()?);
        let (asp, project) = (self.partner.asp(), self.project.unwrap_or(PROJECT_ID));
        let keys = core.keys.clone();
        let work = move |tx: &mut Tx<'_>| {
            partner::rotate_to(tx, &keys.ring(), &asp, (project, &pair.half()), &change)
        };
        perform(store, self.trying.mode(), work)?;
        Ok(told)
    }

    /// Wraps a production platform's keys under another master key.
    fn production_master(&self) -> Outcome {
        let Some(to) = &self.to else {
            return Err(Failure(
                "which master key is to take over: give its id as --to (make one with `platen keys \
                 master`, and add its line to the old one's)"
                    .to_owned(),
            ));
        };
        if let Some(opened) = self.platform.production(&SettingFlags::default())? {
            let mode = self.trying.mode();
            production::rotate_master(&opened, to, (self.why.change(), mode))?;
            opened.store.close();
            let sentence = "wraps all keys from now on; take the other's line away";
            done(mode, &format!("master key {to} {sentence}"));
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Makes a pair and gives it to the project; in a sandbox, to the developer as well.
    fn crypto(&self, store: &Store, core: &Core, change: Change) -> Result<String, KeysError> {
        let pair = NewPair::make()?;
        let id = pair.id.clone();
        let (asp, project) = (self.partner.asp(), self.project.unwrap_or(PROJECT_ID));
        let keys = core.keys.clone();
        let work = move |tx: &mut Tx<'_>| {
            let ring = keys.ring();
            partner::rotate(tx, &ring, &asp, project, &pair, &change)?;
            match (asp.as_str(), project) {
                (ASP_ID, PROJECT_ID) => Credentials::replace_pair(tx, &asp, &ring, &pair),
                _ => Ok(()),
            }
        };
        perform(store, self.trying.mode(), work)?;
        Ok(id)
    }
}

impl Reseal {
    fn run(self) -> Outcome {
        let (store, core) = self.platform.open()?;
        let (change, mode) = (self.why.change(), self.trying.mode());
        let Resealed { rows } = match self.purpose.as_str() {
            "lookup" => reseal::lookup(&store, &core, &change, mode)?,
            _ => reseal::data(&store, &core, &change, mode)?,
        };
        done(mode, &format!("{rows} values moved over to the key in use"));
        store.close();
        Ok(ExitCode::SUCCESS)
    }
}

impl Retire {
    fn run(self) -> Outcome {
        if let Some(sentence) = self.partner.misplaced(self.purpose) {
            return Ok(misused(&["keys", "retire"], sentence));
        }
        let (store, _) = self.platform.open()?;
        let (change, mode) = (self.why.change(), self.trying.mode());
        let id = self.id.clone();
        match (self.purpose, self.purpose.of_platform()) {
            (_, Some(purpose)) => {
                let number = || Failure(format!("`{id}` is no id of a key for {purpose}"));
                let id: i64 = self.id.parse().map_err(|_| number())?;
                let now = change.now;
                let check = move |tx: &mut Tx<'_>| change::may_retire(tx, purpose, id, now);
                store.read_blocking(check).map_err(unwrapped)?;
                let work = move |tx: &mut Tx<'_>| change::retire(tx, purpose, id, &change);
                let in_token = perform(&store, mode, work)?;
                done(mode, &format!("key {id} for {purpose} is retired"));
                if let Some(label) = in_token {
                    say(format_args!(
                        "its key `{label}` stays in the token: destroy it there once no copy of \
                         the database is of use without it"
                    ));
                }
            }
            (Purpose::Crypto, None) => {
                let asp = self.partner.asp();
                let work = move |tx: &mut Tx<'_>| partner::retire(tx, &asp, &self.id, &change);
                perform(&store, mode, work)?;
                done(mode, &format!("crypto key {id} is retired"));
            }
            (_, None) => {
                return Err(Failure(
                    "a master key is retired by the one that takes its place: rotate it".to_owned(),
                ));
            }
        }
        store.close();
        Ok(ExitCode::SUCCESS)
    }
}
