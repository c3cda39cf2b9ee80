//! The very statements of an operation, with their values: written down while the operation runs,
//! so that what is measured beside it can never fall behind it.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bank::{
    Bank, BoxFuture, DepositAnswer, DepositOrder, InquiryAnswer, InquiryOrder, WithdrawAnswer,
    WithdrawOrder,
};
use contract::Json;
use domain::{AspId, Timestamp};
use platen::cli::bench::called::{Called, Card};
use platen::context::{App, Clock, Core};
use platen::op::{Call, CallKind};
use platen::ops::Operations;
use platen::sandbox::{ASP_ID, keys};
use platen::settings::Settings;
use platen::supply::Supply;
use store::schema::MIGRATIONS;
use store::tables::log::{CallKeys, Since};
use store::{FaultSeam, Options, Owned, Point, Store, Target};

use crate::Failure;

/// A statement as it was sent.
#[derive(Clone)]
pub(crate) struct Statement {
    /// Its text.
    pub(crate) sql: &'static str,
    /// Its values.
    pub(crate) values: Vec<Owned>,
}

/// The statements of one transaction.
pub(crate) type Transaction = Vec<Statement>;

/// Calls for these cards one after the other; what each transaction sent.
pub(crate) async fn calls(
    called: Called,
    target: &Target,
    cards: &Path,
    calls: usize,
) -> Result<Vec<Transaction>, Failure> {
    let seen: Arc<Mutex<(Transaction, Vec<Transaction>)>> = Arc::default();
    let (statements, commits) = (Arc::clone(&seen), Arc::clone(&seen));
    let seam = FaultSeam::new(move |point| {
        if point == Point::Commit {
            let mut seen = commits.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction = std::mem::take(&mut seen.0);
            seen.1.push(transaction);
        }
        None
    });
    let seam = seam.observing(move |sql, values| {
        let values = values.iter().map(Owned::from).collect();
        let mut seen = statements.lock().unwrap_or_else(PoisonError::into_inner);
        seen.0.push(Statement { sql, values });
    });
    let app = Arc::new(app(target, seam)?);
    // What opening the database has sent.
    *seen.lock().unwrap_or_else(PoisonError::into_inner) = Default::default();
    let id = called.spec().id;
    let operation = app.operations.by_id(id);
    let operation = operation.ok_or_else(|| Failure(format!("there is no operation {id}")))?;
    let lines = BufReader::new(File::open(cards)?).lines();
    for (number, line) in lines.take(calls).enumerate() {
        let card: Card = serde_json::from_str(&line?)?;
        let body = called.body(&card);
        let body = Json::parse_object(body.to_string().as_bytes(), 16)
            .map_err(|_| Failure("the call is no JSON".to_owned()))?;
        let answer = operation.perform(&app, call(id, number), &body).await;
        // An inquiry reads, and commits nothing.
        let mut read = seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !read.0.is_empty() {
            let transaction = std::mem::take(&mut read.0);
            read.1.push(transaction);
        }
        drop(read);
        if answer.code() != "000_000" {
            return Err(Failure(format!("{id} did not succeed: {}", answer.code())));
        }
    }
    app.store.close();
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::take(&mut seen.1))
}

/// A call as the pipeline would hand it on: keys as random as digests are.
fn call(operation: &'static str, number: usize) -> Call {
    let now = Clock.now();
    let digest = |salt: u64| {
        let mut state = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt;
        let mut bytes = Vec::with_capacity(32);
        for _ in 0..4 {
            state ^= state >> 33;
            state = state.wrapping_mul(0xff51_afd7_ed55_8ccd);
            state ^= state >> 29;
            bytes.extend(state.to_be_bytes());
        }
        bytes
    };
    let past = Timestamp(now.0 - 86_400_000_000);
    Call {
        asp: AspId::new(ASP_ID),
        operation,
        other_keys: Vec::new(),
        correlation_id: format!("261122120000-{number:07x}"),
        keys: CallKeys { replay: digest(1), cipher: Some(digest(2)), strict: None },
        now,
        real_now: now,
        since: Since { call: past, cipher: past },
        kind: CallKind::Live,
        given_apply_no: None,
    }
}

fn app(target: &Target, seam: FaultSeam) -> Result<App, Failure> {
    let options = Options { fault: Some(seam), ..Options::default() };
    let store = Store::open(target, MIGRATIONS, options)?;
    let keys = keys::open(&store, false)?;
    let core = Core {
        keys,
        supply: Arc::new(Supply::default()),
        settings: Arc::new(Settings::default()),
        institution_code: "M202600001".into(),
    };
    Ok(App::new(store, core, Operations::load()?, Arc::new(Clock), Arc::new(NoBank))?)
}

/// No fee is due, so that no bank is asked.
struct NoBank;

impl Bank for NoBank {
    fn withdraw(&self, _: &WithdrawOrder, _: Duration) -> BoxFuture<'_, WithdrawAnswer> {
        Box::pin(async { WithdrawAnswer::NotSent })
    }

    fn deposit(&self, _: &DepositOrder, _: Duration) -> BoxFuture<'_, DepositAnswer> {
        Box::pin(async { DepositAnswer::NotSent })
    }

    fn inquire(&self, _: &InquiryOrder, _: Duration) -> BoxFuture<'_, InquiryAnswer> {
        Box::pin(async { InquiryAnswer::NotFound })
    }
}
