//! `platen admin project`.

mod create;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use domain::AspId;
use domain::partner::ProjectState;
use serde_json::json;
use store::Tx;
use store::tables::projects::Project as Row;

use super::{Common, Doing, asp, checked, done, opened, say_list, turn};
use crate::address::AllowList;
use crate::cli::{Outcome, misused, say};
use crate::onboarding::project::{self, AccessChange, as_json};
use crate::onboarding::{look, perform};
use crate::operator::Mode;
use crate::operator::moment;

/// Largest number of a project.
pub(super) const PROJECT_MAX: i64 = 999;
/// Calls a second, or at once, at the most.
const RATE_MAX: i64 = 1_000_000;

/// Make, list, show, suspend, resume and discard projects, and say from where and how often they
/// may be called.
///
/// Examples:
///   platen admin project create --partner 000990000000001 --project 1 --kind uat \
///     --client-public-key partner.pem --by kim --reason "contract 12"
///   platen admin project access --partner 000990000000001 --project 1 \
///     --allow 203.0.113.0/24 --rate 50 --by kim --reason "their data centre"
///   platen admin project list --partner 000990000000001
#[derive(Args)]
#[command(verbatim_doc_comment, arg_required_else_help = true)]
pub(super) struct Project {
    #[command(subcommand)]
    command: Command,
}

/// What each does, with examples, stands at its own type.
#[derive(Subcommand)]
enum Command {
    Create(Box<create::Create>),
    List(List),
    Show(Show),
    Access(Access),
    Suspend(Suspend),
    Resume(Resume),
    Discard(Discard),
}

/// Which project.
#[derive(Args)]
pub(super) struct Which {
    /// Its partner.
    #[arg(long, value_name = "ASP", value_parser = asp)]
    pub(super) partner: AspId,
    /// Its number within the partner, 1 to 999.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=PROJECT_MAX))]
    pub(super) project: i64,
}

/// From where, and how often.
#[derive(Args)]
struct Bounds {
    /// Networks from which it may be called, with commas between them; empty: any.
    #[arg(long, value_name = "CIDR,…", value_parser = networks)]
    allow: Option<AllowList>,
    /// Calls a second at each server; 0: as many as it likes.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..=RATE_MAX))]
    rate: Option<i64>,
    /// Calls at once after a pause; 0: those of a second.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..=RATE_MAX))]
    burst: Option<i64>,
}

impl Bounds {
    fn change(&self) -> AccessChange {
        AccessChange {
            allowed_addresses: self.allow.as_ref().map(ToString::to_string),
            rate_limit_per_second: self.rate,
            rate_limit_burst: self.burst,
        }
    }
}

fn networks(text: &str) -> Result<AllowList, String> {
    text.parse::<AllowList>().map_err(|error| error.to_string())
}

/// List a partner's projects. No secret is shown.
///
/// Examples:
///   platen admin project list --partner 000990000000001 --json
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct List {
    /// The partner.
    #[arg(long, value_name = "ASP", value_parser = asp)]
    partner: AspId,
    #[command(flatten)]
    common: Common,
}

/// Show a project and its crypto keys' ids. No secret is shown.
///
/// Examples:
///   platen admin project show --partner 000990000000001 --project 1
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Show {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    common: Common,
}

/// Say from where, and how often, a project may be called; what is left out stays as it is.
///
/// A call from elsewhere is answered like one by an unknown key (000_902); one too many is refused
/// with 000_917 and Retry-After. It holds within `directory_ttl_ms` at every server. Behind a
/// proxy the server's setting `trusted_proxies` must say how many there are.
///
/// Examples:
///   platen admin project access --partner 000990000000001 --project 1 \
///     --allow 203.0.113.0/24,2001:db8::/32 --rate 50 --by kim --reason "their data centre"
///   platen admin project access --partner 000990000000001 --project 1 --allow "" --by kim \
///     --reason "they move"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Access {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    bounds: Bounds,
    #[command(flatten)]
    doing: Doing,
}

/// Suspend a project: its calls are refused (000_904) until it is resumed.
///
/// Examples:
///   platen admin project suspend --partner 000990000000001 --project 1 --by kim \
///     --reason "their secret key may be stolen"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Suspend {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    doing: Doing,
}

/// Take a suspended project's calls again.
///
/// Examples:
///   platen admin project resume --partner 000990000000001 --project 1 --by kim --reason "sound"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Resume {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    doing: Doing,
}

/// Discard a project for good: its calls are refused, and it cannot come back.
///
/// Examples:
///   platen admin project discard --partner 000990000000001 --project 1 --by kim --reason "over"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Discard {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    doing: Doing,
}

impl Project {
    pub(super) fn run(self) -> Outcome {
        match self.command {
            Command::Create(command) => command.run(),
            Command::List(command) => command.run(),
            Command::Show(command) => command.run(),
            Command::Access(command) => command.run(),
            Command::Suspend(Suspend { which, doing }) => {
                set_state("suspend", &which, ProjectState::Inactive, &doing)
            }
            Command::Resume(Resume { which, doing }) => {
                set_state("resume", &which, ProjectState::Active, &doing)
            }
            Command::Discard(Discard { which, doing }) => {
                set_state("discard", &which, ProjectState::Discarded, &doing)
            }
        }
    }
}

impl List {
    fn run(self) -> Outcome {
        let (store, _) = opened(&self.common)?;
        let all = look(&store, move |tx| project::list(tx, &self.partner))?;
        store.close();
        say_list(self.common.json, "projects", &all, as_json, line);
        Ok(ExitCode::SUCCESS)
    }
}

impl Show {
    fn run(self) -> Outcome {
        let (store, _) = opened(&self.common)?;
        let Which { partner, project: id } = self.which;
        let (found, pairs) = look(&store, move |tx| project::show(tx, &partner, id))?;
        store.close();
        if self.common.json {
            let keys = pairs.iter().map(|pair| {
                json!({
                    "cryptoKeyId": pair.id,
                    "state": pair.state.name(),
                    "madeAt": moment(pair.made_at),
                })
            });
            let mut shown = as_json(&found);
            shown["cryptoKeys"] = keys.collect();
            say(format_args!("{shown:#}"));
            return Ok(ExitCode::SUCCESS);
        }
        say(line(&found));
        for pair in &pairs {
            let made = moment(pair.made_at);
            say(format_args!("  crypto key {}  {}  made {made}", pair.id, pair.state.name()));
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Access {
    fn run(self) -> Outcome {
        let name = ["admin", "project", "access"];
        let change = match checked(&name, &self.doing) {
            Ok(change) => change,
            Err(end) => return Ok(end),
        };
        let Bounds { allow, rate, burst } = &self.bounds;
        if allow.is_none() && rate.is_none() && burst.is_none() {
            let sentence = "nothing is to be changed: give --allow, --rate or --burst";
            return Ok(misused(&name, sentence));
        }
        let mode = self.doing.mode();
        let (store, _) = opened(&self.doing.common)?;
        let wanted = self.bounds.change();
        let Which { partner, project: id } = self.which;
        let work = move |tx: &mut Tx<'_>| project::set_access(tx, &partner, (id, &wanted), &change);
        let (after, has_changed) = perform(&store, mode, work)?;
        store.close();
        if self.doing.common.json {
            let mut shown = as_json(&after);
            shown["hasChanged"] = has_changed.into();
            shown["isDone"] = (mode == Mode::Real).into();
            say(format_args!("{shown:#}"));
        } else {
            done(mode, &line(&after));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn set_state(verb: &str, which: &Which, to: ProjectState, doing: &Doing) -> Outcome {
    let (asp, id) = (which.partner.clone(), which.project);
    let what = format!("project {id} of partner {asp}");
    let shown = json!({ "aspId": asp.as_str(), "projectId": id, "state": to.name() });
    turn(&["admin", "project", verb], doing, (&what, to.name(), shown), |change, _| {
        move |tx: &mut Tx<'_>| project::set_state(tx, &asp, (id, to), &change)
    })
}

/// A project in one line.
pub(super) fn line(project: &Row) -> String {
    let access = &project.access;
    let from = match access.allowed_addresses.as_str() {
        "" => "anywhere",
        networks => networks,
    };
    let rate = match access.rate_limit_per_second {
        0 => "unlimited".to_owned(),
        rate => format!("{rate} a second"),
    };
    let (kind, state) = (project.kind.name(), project.state.name());
    let (plain, correlation) = (project.plain.name(), project.correlation.name());
    let id = project.project_id;
    format!(
        "project {id}  {kind}  {state}  plain {plain}, correlation {correlation}, from {from}, \
         {rate}"
    )
}
