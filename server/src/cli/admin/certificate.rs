//! `platen admin certificate`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use domain::AspId;
use serde_json::{Value, json};
use store::Tx;

use super::project::{PROJECT_MAX, Which};
use super::{Common, Doing, asp, checked, done, opened, say_list, turn};
use crate::cli::key_file::partners_key;
use crate::cli::{Outcome, say};
use crate::keys::partner::{NewHalf, PairRow, PairState};
use crate::onboarding::{certificate, look, perform};
use crate::operator::{Mode, moment};

/// The command's name.
const CREATE: [&str; 3] = ["admin", "certificate", "create"];

/// Make, list, show, suspend, resume and discard the crypto keys of a project, by the public keys
/// and certificates that its partner hands in.
///
/// A project has one, made with it, and at the most two live ones, so that its partner changes
/// over without a pause. `platen keys rotate crypto` and `platen keys retire crypto` do the same.
///
/// Examples:
///   platen admin certificate create --partner 000990000000001 --project 1 \
///     --client-public-key partner.crt --by kim --reason "yearly"
///   platen admin certificate list --partner 000990000000001
///   platen admin certificate discard 5f0c9e... --partner 000990000000001 --by kim --reason "over"
#[derive(Args)]
#[command(verbatim_doc_comment, arg_required_else_help = true)]
pub(super) struct Certificate {
    #[command(subcommand)]
    command: Command,
}

/// What each does, with examples, stands at its own type.
#[derive(Subcommand)]
enum Command {
    Create(Create),
    List(List),
    Show(Show),
    Suspend(Suspend),
    Resume(Resume),
    Discard(Discard),
}

/// Make a further crypto key for a partner's public key or certificate; print its id and the
/// platform's public key.
///
/// The one before serves as well. A certificate must be valid now; who has issued it is not looked
/// at, and the key serves on when it ends: `list` and the metric
/// platen_partner_certificates_ending tell when that is.
///
/// Examples:
///   platen admin certificate create --partner 000990000000001 --project 1 \
///     --client-public-key partner.crt --by kim --reason "yearly"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Create {
    #[command(flatten)]
    which: Which,
    /// The partner's RSA public key, 2,048 to 4,096 bits: a PEM file with a block PUBLIC KEY, or an
    /// X.509 certificate, PEM or DER.
    #[arg(long, value_name = "FILE")]
    client_public_key: PathBuf,
    #[command(flatten)]
    doing: Doing,
}

/// List a partner's crypto keys.
///
/// Examples:
///   platen admin certificate list --partner 000990000000001 --json
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct List {
    /// The partner.
    #[arg(long, value_name = "ASP", value_parser = asp)]
    partner: AspId,
    /// Of one project alone.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=PROJECT_MAX))]
    project: Option<i64>,
    #[command(flatten)]
    common: Common,
}

/// Which crypto key.
#[derive(Args)]
struct One {
    /// Its id, as `platen admin certificate list` prints it.
    #[arg(value_name = "ID")]
    id: String,
    /// Its partner.
    #[arg(long, value_name = "ASP", value_parser = asp)]
    partner: AspId,
}

/// Show a crypto key: its state, its age, the certificate's end, and the SHA-256 fingerprint of the
/// partner's public key.
///
/// Examples:
///   platen admin certificate show 5f0c9e... --partner 000990000000001
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Show {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    common: Common,
}

/// Suspend a crypto key: calls that name it are answered as those that name an unknown one, within
/// `directory_ttl_ms` at every server.
///
/// Examples:
///   platen admin certificate suspend 5f0c9e... --partner 000990000000001 --by kim \
///     --reason "their private key may be stolen"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Suspend {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    doing: Doing,
}

/// Take calls again that name a suspended crypto key.
///
/// Examples:
///   platen admin certificate resume 5f0c9e... --partner 000990000000001 --by kim --reason "sound"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Resume {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    doing: Doing,
}

/// Discard a crypto key for good: calls that name it are refused, and the platform's private key is
/// gone. Another one of the project must serve.
///
/// Examples:
///   platen admin certificate discard 5f0c9e... --partner 000990000000001 --by kim --reason "over"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Discard {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    doing: Doing,
}

impl Certificate {
    pub(super) fn run(self) -> Outcome {
        match self.command {
            Command::Create(command) => command.run(),
            Command::List(command) => command.run(),
            Command::Show(command) => command.run(),
            Command::Suspend(Suspend { one, doing }) => {
                set_state("suspend", &one, PairState::Suspended, &doing)
            }
            Command::Resume(Resume { one, doing }) => {
                set_state("resume", &one, PairState::Active, &doing)
            }
            Command::Discard(Discard { one, doing }) => {
                set_state("discard", &one, PairState::Retired, &doing)
            }
        }
    }
}

impl Create {
    fn run(self) -> Outcome {
        let change = match checked(&CREATE, &self.doing) {
            Ok(change) => change,
            Err(end) => return Ok(end),
        };
        let mode = self.doing.mode();
        let client = partners_key(&self.client_public_key)?;
        let not_after = client.not_after;
        let (store, core) = opened(&self.doing.common)?;
        let pair = NewHalf::make(client)?;
        let (id, public) = (pair.id.clone(), pair.public_key_pem()?);
        let Which { partner, project } = self.which;
        let work = move |tx: &mut Tx<'_>| {
            certificate::create(tx, &core, &partner, (project, &pair), &change)
        };
        perform(&store, mode, work)?;
        store.close();
        match (mode, self.doing.common.json) {
            (Mode::Real, true) => say(format_args!(
                "{:#}",
                json!({
                    "cryptoKeyId": id,
                    "serverPublicKey": public,
                    "clientNotAfter": not_after.map(moment),
                    "isDone": true,
                })
            )),
            (Mode::Real, false) => {
                say(format_args!("crypto key {id} is live now; the one before it serves as well"));
                say(public.trim_end());
            }
            // Another run makes another pair.
            (Mode::Dry, true) => {
                say(json!({ "clientNotAfter": not_after.map(moment), "isDone": false }));
            }
            (Mode::Dry, false) => {
                done(mode, &format!("project {project} has a further crypto key"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    fn run(self) -> Outcome {
        let (store, _) = opened(&self.common)?;
        let all = look(&store, move |tx| certificate::list(tx, &self.partner, self.project))?;
        store.close();
        say_list(self.common.json, "cryptoKeys", &all, as_json, line);
        Ok(ExitCode::SUCCESS)
    }
}

impl Show {
    fn run(self) -> Outcome {
        let (store, _) = opened(&self.common)?;
        let One { id, partner } = self.one;
        let pair = look(&store, move |tx| certificate::show(tx, &partner, &id))?;
        store.close();
        if self.common.json {
            say(format_args!("{:#}", as_json(&pair)));
        } else {
            say(line(&pair));
            say(format_args!("  the partner's public key has SHA-256 {}", pair.fingerprint));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn set_state(verb: &str, One { id, partner }: &One, to: PairState, doing: &Doing) -> Outcome {
    let (asp, key) = (partner.clone(), id.clone());
    let what = format!("crypto key {id} of partner {asp}");
    let shown = json!({ "aspId": asp.as_str(), "cryptoKeyId": id, "state": to.name() });
    turn(&["admin", "certificate", verb], doing, (&what, to.name(), shown), |change, _| {
        move |tx: &mut Tx<'_>| certificate::set_state(tx, &asp, (&key, to), &change)
    })
}

fn line(pair: &PairRow) -> String {
    let (id, project, state) = (&pair.id, pair.project_id, pair.state.name());
    let made = moment(pair.made_at);
    let end = pair.not_after.map_or_else(
        || "a public key without a certificate".to_owned(),
        |end| format!("certificate until {}", moment(end)),
    );
    format!("project {project}  {id}  {state}  made {made}  {end}")
}

fn as_json(pair: &PairRow) -> Value {
    json!({
        "projectId": pair.project_id,
        "cryptoKeyId": pair.id,
        "state": pair.state.name(),
        "madeAt": moment(pair.made_at),
        "clientNotAfter": pair.not_after.map(moment),
        "clientPublicKeySha256": pair.fingerprint,
    })
}
