//! `platen admin key`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use domain::AspId;
use domain::partner::Standing;
use serde_json::{Value, json};
use store::Tx;
use store::tables::access_keys::AccessKey;
use store::tables::projects::Project;

use super::project::{PROJECT_MAX, Which};
use super::{Common, Doing, Format, asp, checked, done, opened, say_list, say_one, tell, turn};
use crate::cli::{Outcome, say};
use crate::keys::access::{AccessKeys, TOLD};
use crate::onboarding::key::{self, Last};
use crate::onboarding::{look, perform};
use crate::operator::{Mode, moment};

/// The command's name.
const CREATE: [&str; 3] = ["admin", "key", "create"];

/// Make, list, show, suspend, resume and discard the access keys of a project, each with its
/// secret key.
///
/// A project has one, made with it, and at the most two live ones, so that its partner changes
/// over without a pause: make the second, let the partner use it, discard the first.
///
/// Examples:
///   platen admin key create --partner 000990000000001 --project 1 --by kim \
///     --reason "yearly" > keys.env
///   platen admin key list --partner 000990000000001
///   platen admin key discard 1 --partner 000990000000001 --project 1 --by kim --reason "yearly"
#[derive(Args)]
#[command(verbatim_doc_comment, arg_required_else_help = true)]
pub(super) struct Key {
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

/// Make a further access key with its secret key and print both, this once.
///
/// The ones before serve as well. What is printed is kept nowhere in clear: pipe it to where the
/// partner keeps its secrets.
///
/// Examples:
///   platen admin key create --partner 000990000000001 --project 1 --by kim \
///     --reason "yearly" > keys.env
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Create {
    #[command(flatten)]
    which: Which,
    /// How the keys are printed; --json is the same as json.
    #[arg(long, value_name = "FORM", value_enum, default_value_t = Format::Dotenv)]
    format: Format,
    #[command(flatten)]
    doing: Doing,
}

/// List the access keys of a partner's projects: the numbers, and never a key itself.
///
/// Examples:
///   platen admin key list --partner 000990000000001 --json
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

/// Which access key.
#[derive(Args)]
struct One {
    /// Its number within the project, as `platen admin key list` prints it.
    #[arg(value_name = "KEY", value_parser = clap::value_parser!(i64).range(1..))]
    key: i64,
    #[command(flatten)]
    which: Which,
}

/// Show an access key: its number, and never the key itself.
///
/// Examples:
///   platen admin key show 1 --partner 000990000000001 --project 1
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Show {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    common: Common,
}

/// Suspend an access key: its calls are answered as those of an unknown one (000_902), within
/// `directory_ttl_ms` at every server. The last one may be suspended as well.
///
/// Examples:
///   platen admin key suspend 1 --partner 000990000000001 --project 1 --by kim \
///     --reason "it may be stolen"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Suspend {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    doing: Doing,
}

/// Take a suspended access key's calls again.
///
/// Examples:
///   platen admin key resume 1 --partner 000990000000001 --project 1 --by kim --reason "it is not"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Resume {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    doing: Doing,
}

/// Discard an access key for good: its calls are answered as those of an unknown one (000_902),
/// and the platform's copy of the secret key is gone.
///
/// Examples:
///   platen admin key discard 1 --partner 000990000000001 --project 1 --by kim --reason "yearly"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Discard {
    #[command(flatten)]
    one: One,
    /// Also where no other key of the project serves: it is not called until it has one.
    #[arg(long)]
    last: bool,
    #[command(flatten)]
    doing: Doing,
}

impl Key {
    pub(super) fn run(self) -> Outcome {
        match self.command {
            Command::Create(command) => command.run(),
            Command::List(command) => command.run(),
            Command::Show(command) => command.run(),
            Command::Suspend(Suspend { one, doing }) => {
                set_state("suspend", &one, (Standing::Suspended, Last::MayGo), &doing)
            }
            Command::Resume(Resume { one, doing }) => {
                set_state("resume", &one, (Standing::Active, Last::MayGo), &doing)
            }
            Command::Discard(Discard { one, last, doing }) => {
                let last = if last { Last::MayGo } else { Last::Stays };
                set_state("discard", &one, (Standing::Discarded, last), &doing)
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
        let (store, core) = opened(&self.doing.common)?;
        let Which { partner, project } = self.which;
        let keys = AccessKeys::make();
        let told = TOLD.into_iter().zip(keys.told(&partner));
        let told = told.map(|((env, json), value)| (env, json, value)).collect();
        let work =
            move |tx: &mut Tx<'_>| key::create(tx, &core, &partner, (project, &keys), &change);
        let key_no = perform(&store, mode, work)?;
        store.close();
        match (mode, self.doing.common.json || self.format == Format::Json) {
            (Mode::Real, is_json) => tell(is_json, told),
            (Mode::Dry, true) => {
                say(json!({ "isDone": false, "projectId": project, "keyNo": key_no }));
            }
            (Mode::Dry, false) => {
                done(mode, &format!("access key {key_no} of project {project} is made"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    fn run(self) -> Outcome {
        let (store, _) = opened(&self.common)?;
        let all = look(&store, move |tx| key::list(tx, &self.partner, self.project))?;
        store.close();
        let all = all.iter().flat_map(|(project, keys)| keys.iter().map(move |key| (project, key)));
        say_list(self.common.json, "accessKeys", &all.collect::<Vec<_>>(), as_json, line);
        Ok(ExitCode::SUCCESS)
    }
}

impl Show {
    fn run(self) -> Outcome {
        let (store, _) = opened(&self.common)?;
        let One { key, which: Which { partner, project } } = self.one;
        let (project, key) = look(&store, move |tx| key::show(tx, &partner, (project, key)))?;
        store.close();
        say_one(self.common.json, &(&project, &key), as_json, line);
        Ok(ExitCode::SUCCESS)
    }
}

fn set_state(verb: &str, one: &One, (to, last): (Standing, Last), doing: &Doing) -> Outcome {
    let One { key, which: Which { partner, project } } = one;
    let (asp, which) = (partner.clone(), (*project, *key));
    let what = format!("access key {key} of project {project} of partner {asp}");
    let shown = json!({
        "aspId": asp.as_str(), "projectId": project, "keyNo": key, "state": to.name(),
    });
    turn(&["admin", "key", verb], doing, (&what, to.name(), shown), |change, core| {
        move |tx: &mut Tx<'_>| key::set_state(tx, &core, &asp, (which, to, last), &change)
    })
}

fn line((project, key): &(&Project, &AccessKey)) -> String {
    let (id, kind, made) = (project.project_id, project.kind.name(), moment(key.made_at));
    let (no, state) = (key.key_no, key.state.name());
    format!("project {id}  {kind}  access key {no}  {state}  made {made}")
}

fn as_json((project, key): &(&Project, &AccessKey)) -> Value {
    json!({
        "projectId": project.project_id,
        "kind": project.kind.name(),
        "keyNo": key.key_no,
        "state": key.state.name(),
        "madeAt": moment(key.made_at),
    })
}
