//! Fees: operations that need the bank between two transactions, and the one driver that carries
//! them through, live and in recovery.

mod driver;
pub mod recovery;
pub mod resolving;
pub mod returning;
pub mod stuck;

use std::sync::Arc;
use std::time::Duration;

use contract::errors::{Code, ErrorSet};
use contract::{catalogue, pipeline};
use domain::application::Kind;
use domain::fee::{ExternalCall, FeeRefusal};
use domain::{ApplyNo, AspId};
use store::tables::log::Remembered;
use store::{Tx, TxError, WriteError};
use tokio::time::Instant;

use crate::context::App;
use crate::op::{Answer, Call, CallKind, Cx, Done, Handler, Operation, Stop, transact};
use crate::ops::prepaid_card::issue::Issue;
use crate::ops::prepaid_card::reissue::Reissue;
use crate::ops::prepaid_card::renew::Renew;
use crate::spans;

/// How often a call that waits for another looks whether that one has ended.
const POLL_MS: u64 = 50;

/// The payment gateway whose clearing account fees arrive in.
pub const GATEWAY: &str = "open-banking";

/// The operation that applies for this: what the settling of its fee is logged as.
const fn charged_for(kind: Kind) -> &'static str {
    match kind {
        Kind::Issue => Issue::SPEC.id,
        Kind::Reissue => Reissue::SPEC.id,
        Kind::Renew => Renew::SPEC.id,
    }
}

/// The code that a caller is told where the bank refuses a fee. A renewal has one for all causes.
const fn refused_with(kind: Kind, why: FeeRefusal) -> &'static Code {
    match kind {
        Kind::Issue | Kind::Reissue => refusal_code(why),
        Kind::Renew => &catalogue::REISSUE_FEE_FAILED,
    }
}

const fn refusal_code(why: FeeRefusal) -> &'static Code {
    match why {
        FeeRefusal::NetworkIssue => &catalogue::FEE_NETWORK_ISSUE,
        FeeRefusal::InvalidAccount => &catalogue::FEE_INVALID_BANK_ACCOUNT,
        FeeRefusal::OwnerMismatch => &catalogue::FEE_OWNER_MISMATCH,
        FeeRefusal::WithdrawFailed => &catalogue::FEE_WITHDRAW_FAILURE,
        FeeRefusal::InsufficientBalance => &catalogue::FEE_INSUFFICIENT_BALANCE,
        FeeRefusal::TermsNotAgreed => &catalogue::FEE_TERMS_NOT_AGREED,
        FeeRefusal::MessageError => &catalogue::FEE_MESSAGE_ERROR,
        FeeRefusal::Other => &catalogue::FEE_FAILED,
    }
}

/// An operation whose fee is charged between two transactions.
pub trait Saga: Operation {
    /// What the caller is told while the bank has not answered.
    const FEE_IN_PROGRESS: Self::Error;

    /// Decides; does it at once where no fee is due, else writes what is to be charged.
    fn begin(
        cx: &Cx,
        tx: &mut Tx<'_>,
        request: &Self::Request,
    ) -> Done<Begun<Self::Response>, Self::Error>;

    /// The answer of a call that was done or refused by the bank before.
    fn recall(
        cx: &Cx,
        tx: &mut Tx<'_>,
        remembered: &Remembered,
    ) -> Done<Self::Response, Self::Error>;
}

/// How a saga has begun.
pub enum Begun<T> {
    /// It is done.
    Done(T),
    /// The fee of this application is to be charged now, by this call.
    Charging(ApplyNo),
    /// The same call is charging the fee of this application already.
    Awaiting(ApplyNo),
}

/// The handler of a saga.
pub fn saga<O: Saga>() -> Handler {
    Handler::new::<O, _>(|app, cx, request| async move {
        match begin::<O>(&app, &cx, request).await {
            Err(answer) => answer,
            Ok(Begun::Done(response)) => Answer::of::<O>(&response),
            Ok(Begun::Charging(apply_no)) => {
                // In a task of its own: a caller that hangs up does not stop it.
                let (driven, asp) = (Arc::clone(&app), cx.call.asp.clone());
                let charge = tokio::spawn(spans::carried(async move {
                    driver::drive(&driven, &asp, &apply_no, ExternalCall::Withdraw).await;
                }));
                if charge.await.is_err() {
                    return Answer::Failed(&pipeline::SERVER_FAULT);
                }
                let call = Call { kind: CallKind::Settled, ..cx.call };
                outcome::<O>(&app, Cx { core: cx.core, call }).await
            }
            Ok(Begun::Awaiting(apply_no)) => {
                await_other(&app, &cx.call.asp, &apply_no).await;
                outcome::<O>(&app, cx).await
            }
        }
    })
}

async fn begin<O: Saga>(
    app: &App,
    cx: &Cx,
    request: O::Request,
) -> Result<Begun<O::Response>, Answer> {
    let request = Arc::new(request);
    transact(app, || {
        let (cx, request) = (cx.clone(), Arc::clone(&request));
        move |tx: &mut Tx<'_>| match cx.look_up(tx)? {
            Some(remembered) => O::recall(&cx, tx, &remembered).map(Begun::Done),
            None => match O::begin(&cx, tx, &request)? {
                // While it waited for the card, the bank may have refused the same call: what it
                // does is remembered once, so nothing is charged under it again.
                Begun::Charging(_) if cx.look_up(tx)?.is_some() => {
                    Err(TxError::Refused(Stop::CameFirst))
                }
                begun @ (Begun::Done(_) | Begun::Charging(_) | Begun::Awaiting(_)) => Ok(begun),
            },
        }
    })
    .await
}

/// The final answer, built from what the settling has written; without it the fee is still open.
async fn outcome<O: Saga>(app: &App, cx: Cx) -> Answer {
    let found = transact(app, || {
        let cx = cx.clone();
        move |tx: &mut Tx<'_>| match cx.look_up(tx)? {
            Some(remembered) => O::recall(&cx, tx, &remembered).map(Some),
            None => Ok(None),
        }
    });
    match found.await {
        Ok(Some(response)) => Answer::of::<O>(&response),
        Ok(None) => Answer::Refused(O::FEE_IN_PROGRESS.code(), None),
        Err(answer) => answer,
    }
}

/// Waits as long as the call that charges the fee would: until it has ended, or the deadline.
async fn await_other(app: &App, asp: &AspId, apply_no: &ApplyNo) {
    let deadline = Instant::now() + Duration::from_millis(app.core.settings.fee_deadline_ms);
    while Instant::now() < deadline {
        let (asp, apply_no) = (asp.clone(), apply_no.clone());
        let open = move |tx: &mut Tx<'_>| -> Result<bool, TxError<()>> {
            let row = tx.query_opt(
                "SELECT 1 FROM application
                 WHERE asp_id = $1 AND apply_no = $2 AND state = 'COST_PAYING'",
                &[asp.as_str().into(), apply_no.as_str().into()],
            )?;
            Ok(row.is_some())
        };
        let open: Result<bool, WriteError<()>> = app.store.read(open).await;
        if !matches!(open, Ok(true)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(POLL_MS)).await;
    }
}
