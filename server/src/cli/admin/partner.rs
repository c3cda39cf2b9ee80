//! `platen admin partner`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use domain::AspId;
use domain::partner::PartnerState;
use serde_json::{Value, json};
use store::Tx;
use store::tables::partners::{self, Partner as Row};

use super::{Common, Doing, asp, checked, done, name, opened, say_list, turn};
use crate::cli::{Outcome, say};
use crate::onboarding::{look, partner, perform, project};
use crate::operator::Mode;

/// Make, list, show, suspend and resume partners.
///
/// Examples:
///   platen admin partner create --asp-id 000990000000001 --name "Seoul Pay" --by kim \
///     --reason "contract 12"
///   platen admin partner list --json
///   platen admin partner suspend 000990000000001 --by kim --reason "invoice 7 unpaid"
#[derive(Args)]
#[command(verbatim_doc_comment, arg_required_else_help = true)]
pub(super) struct Partner {
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

/// Make a partner. It can call once it has a project: `platen admin project create`.
///
/// Examples:
///   platen admin partner create --asp-id 000990000000001 --name "Seoul Pay" --by kim \
///     --reason "contract 12"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Create {
    /// Its id, 15 digits: what it sends as X-KM-User-AspId.
    #[arg(long, value_name = "DIGITS", value_parser = asp)]
    asp_id: AspId,
    /// Its name, up to 80 characters.
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: String,
    #[command(flatten)]
    doing: Doing,
}

/// List the partners.
///
/// Examples:
///   platen admin partner list --json
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct List {
    #[command(flatten)]
    common: Common,
}

/// Show a partner and its projects.
///
/// Examples:
///   platen admin partner show 000990000000001
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Show {
    /// The partner.
    #[arg(value_name = "ASP", value_parser = asp)]
    partner: AspId,
    #[command(flatten)]
    common: Common,
}

/// Suspend a partner: its calls are refused (000_904), within `directory_ttl_ms` at every server.
///
/// What was begun for it goes on: open fees are settled or given back, deliveries are told of,
/// cards expire.
///
/// Examples:
///   platen admin partner suspend 000990000000001 --by kim --reason "invoice 7 unpaid"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Suspend {
    /// The partner.
    #[arg(value_name = "ASP", value_parser = asp)]
    partner: AspId,
    #[command(flatten)]
    doing: Doing,
}

/// Take a suspended partner's calls again.
///
/// Examples:
///   platen admin partner resume 000990000000001 --by kim --reason "invoice 7 paid"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Resume {
    /// The partner.
    #[arg(value_name = "ASP", value_parser = asp)]
    partner: AspId,
    #[command(flatten)]
    doing: Doing,
}

/// Discard a partner for good: its calls are refused as those of a suspended one, and it cannot be
/// resumed.
///
/// Its cards, its books and its log stay: they are kept as long as the law asks. What was begun for
/// it goes on. Its id is not used again.
///
/// Examples:
///   platen admin partner discard 000990000000001 --by kim --reason "contract 12 has ended"
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Discard {
    /// The partner.
    #[arg(value_name = "ASP", value_parser = asp)]
    partner: AspId,
    #[command(flatten)]
    doing: Doing,
}

impl Partner {
    pub(super) fn run(self) -> Outcome {
        match self.command {
            Command::Create(command) => command.run(),
            Command::List(command) => command.run(),
            Command::Show(command) => command.run(),
            Command::Suspend(Suspend { partner, doing }) => {
                set_state("suspend", &partner, PartnerState::Suspended, &doing)
            }
            Command::Resume(Resume { partner, doing }) => {
                set_state("resume", &partner, PartnerState::Active, &doing)
            }
            Command::Discard(Discard { partner, doing }) => {
                set_state("discard", &partner, PartnerState::Discarded, &doing)
            }
        }
    }
}

impl Create {
    fn run(self) -> Outcome {
        let change = match checked(&["admin", "partner", "create"], &self.doing) {
            Ok(change) => change,
            Err(end) => return Ok(end),
        };
        let mode = self.doing.mode();
        let (store, _) = opened(&self.doing.common)?;
        let (id, name) = (self.asp_id.clone(), self.name.clone());
        perform(&store, mode, move |tx| partner::create(tx, &id, &name, &change))?;
        store.close();
        if self.doing.common.json {
            say(json!({ "aspId": self.asp_id.as_str(), "isDone": mode == Mode::Real }));
        } else {
            done(mode, &format!("partner {}, {}, is made", self.asp_id, self.name));
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    fn run(self) -> Outcome {
        let (store, _) = opened(&self.common)?;
        let all = look(&store, |tx| Ok(partners::list(tx)?))?;
        store.close();
        say_list(self.common.json, "partners", &all, as_json, line);
        Ok(ExitCode::SUCCESS)
    }
}

impl Show {
    fn run(self) -> Outcome {
        let (store, _) = opened(&self.common)?;
        let (found, projects) = look(&store, move |tx| partner::show(tx, &self.partner))?;
        store.close();
        if self.common.json {
            let mut shown = as_json(&found);
            shown["projects"] = projects.iter().map(project::as_json).collect();
            say(format_args!("{shown:#}"));
            return Ok(ExitCode::SUCCESS);
        }
        say(line(&found));
        for project in &projects {
            say(format_args!("  {}", super::project::line(project)));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn set_state(verb: &str, asp: &AspId, to: PartnerState, doing: &Doing) -> Outcome {
    let (what, id) = (format!("partner {asp}"), asp.clone());
    let shown = json!({ "aspId": asp.as_str(), "state": to.name() });
    turn(&["admin", "partner", verb], doing, (&what, to.name(), shown), |change, _| {
        move |tx: &mut Tx<'_>| partner::set_state(tx, &id, to, &change)
    })
}

fn line(partner: &Row) -> String {
    format!("{}  {:<9}  {}", partner.asp, partner.state.name(), partner.name)
}

fn as_json(partner: &Row) -> Value {
    json!({
        "aspId": partner.asp.as_str(),
        "name": partner.name,
        "state": partner.state.name(),
    })
}
