//! `platen admin project create`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use domain::partner::{CorrelationIds, PlainRequests, ProjectKind, ProjectState};
use serde_json::json;
use store::Tx;
use store::tables::projects::{self, Project as Row};

use super::{Bounds, Which, line};
use crate::cli::admin::{Doing, Format, checked, done, opened, tell};
use crate::cli::key_file::partners_key;
use crate::cli::{Outcome, misused, say};
use crate::onboarding::perform;
use crate::onboarding::project::{self, NewKeys};
use crate::operator::Mode;

/// The command's name.
const NAME: [&str; 3] = ["admin", "project", "create"];
/// Milliseconds in a second.
const SECOND_MS: i64 = 1_000;

/// Make a project and print its keys, this once.
///
/// The partner makes its own pair of RSA keys, keeps the private one and hands in the public one:
///   openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out private.pem
///   openssl pkey -in private.pem -pubout -out partner.pem
/// What is printed is kept nowhere in clear: pipe it to where the partner keeps its secrets. With
/// what it adds itself, PLATEN_CLIENT_PRIVATE_KEY, it is what the partner's client needs. Further
/// keys come by `platen admin key create` and `platen admin certificate create`.
///
/// Examples:
///   platen admin project create --partner 000990000000001 --project 1 --kind uat \
///     --client-public-key partner.pem --by kim --reason "contract 12" > partner.env
///   platen admin project create --partner 000990000000001 --project 2 --kind production \
///     --allow 203.0.113.0/24 --rate 100 --client-public-key partner.pem --by kim \
///     --reason "accepted on 2 March" --json
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Create {
    #[command(flatten)]
    which: Which,
    /// What it is for.
    #[arg(long, value_enum)]
    kind: Kind,
    /// What becomes of a plain request to an operation that asks for encryption.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = Plain::Refused)]
    plain: Plain,
    /// strict: a correlation id that comes again with another body is refused.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = Correlation::Lenient)]
    correlation: Correlation,
    /// How far the partner's clock may be off.
    #[arg(long, value_name = "SECONDS", default_value_t = 300,
        value_parser = clap::value_parser!(i64).range(1..=86_400))]
    time_window: i64,
    /// For how long the same call is answered again and not done again.
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400,
        value_parser = clap::value_parser!(i64).range(60..=604_800))]
    replay_window: i64,
    #[command(flatten)]
    bounds: Bounds,
    /// The partner's RSA public key, 2,048 to 4,096 bits: a PEM file with a block PUBLIC KEY, or an
    /// X.509 certificate.
    #[arg(long, value_name = "FILE")]
    client_public_key: PathBuf,
    /// How the keys are printed; --json is the same as json.
    #[arg(long, value_name = "FORM", value_enum, default_value_t = Format::Dotenv)]
    format: Format,
    #[command(flatten)]
    doing: Doing,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// Tests before production.
    Uat,
    /// Production: SI in the protocol.
    Production,
}

#[derive(Clone, Copy, ValueEnum)]
enum Plain {
    Refused,
    Accepted,
}

#[derive(Clone, Copy, ValueEnum)]
enum Correlation {
    Lenient,
    Strict,
}

impl Create {
    fn row(&self) -> Row {
        Row {
            project_id: self.which.project,
            kind: match self.kind {
                Kind::Uat => ProjectKind::Uat,
                Kind::Production => ProjectKind::Production,
            },
            state: ProjectState::Active,
            plain: match self.plain {
                Plain::Refused => PlainRequests::Refused,
                Plain::Accepted => PlainRequests::Accepted,
            },
            correlation: match self.correlation {
                Correlation::Lenient => CorrelationIds::Lenient,
                Correlation::Strict => CorrelationIds::Strict,
            },
            tran_time_window_ms: self.time_window * SECOND_MS,
            replay_window_ms: self.replay_window * SECOND_MS,
            access: self.bounds.change().over(&projects::Access::default()),
        }
    }

    pub(super) fn run(self) -> Outcome {
        let change = match checked(&NAME, &self.doing) {
            Ok(change) => change,
            Err(end) => return Ok(end),
        };
        // Calls that are remembered for less long than they are taken could be done twice.
        if self.replay_window < self.time_window {
            let sentence = "--replay-window is at least --time-window: a call would be forgotten \
                 while it can still be sent again";
            return Ok(misused(&NAME, sentence));
        }
        let client = partners_key(&self.client_public_key)?;
        let (mode, row) = (self.doing.mode(), self.row());
        let (store, core) = opened(&self.doing.common)?;
        let keys = NewKeys::make(client)?;
        let told = keys.told(&self.which.partner)?;
        let (asp, new) = (self.which.partner.clone(), row.clone());
        let work = move |tx: &mut Tx<'_>| project::create(tx, &core, &asp, (&new, &keys), &change);
        perform(&store, mode, work)?;
        store.close();
        match (mode, self.doing.common.json || self.format == Format::Json) {
            (Mode::Real, is_json) => tell(is_json, told),
            (Mode::Dry, true) => say(json!({ "isDone": false, "project": project::as_json(&row) })),
            (Mode::Dry, false) => done(mode, &line(&row)),
        }
        Ok(ExitCode::SUCCESS)
    }
}
