//! What has happened before a scenario: really done, by the operations themselves; and what of it
//! has to be the same for ever is given its constants afterwards.

use std::sync::Arc;

use contract::Json;
use crypto::pan::Pan;
use domain::AspId;
use domain::delivery::{DeliveryState, Report};
use store::Tx;
use store::tables::cards::Form;
use store::tables::log::{CallKeys, Moment, Since};

use super::arm::ArmError;
use super::world::{GIVEN_EXPIRY_YYMM, Step, World};
use crate::context::{App, Core, place};
use crate::delivery::{self, Applied, Tracking};
use crate::op::{Answer, Call, CallKind, Done, NoRefusal, OrStop, transact};

/// Depth of requests that arming makes itself.
const DEPTH: usize = 8;
/// A day, µs.
const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// Does what has happened before the scenario, as its member's partner would. The first application
/// gets the scenario's number.
pub(super) async fn take(
    app: &Arc<App>,
    asp: &AspId,
    world: &World,
    (place, step): (usize, Step),
) -> Result<(), ArmError> {
    let (operation, request) = match step {
        Step::Call(operation, request) => (operation, request),
        Step::Report(state) => return reported(app, asp, world, state).await,
        Step::ADayPasses => return given(app, asp, world, a_day_passes).await,
        Step::GivePlastic => return given(app, asp, world, give_plastic).await,
        Step::GivePar => return given(app, asp, world, give_par).await,
    };
    let handler = app.operations.by_id(operation).ok_or(ArmError::Before("no operation"))?;
    let body = request(world).to_string();
    let json = Json::parse_object(body.as_bytes(), DEPTH);
    let json = json.map_err(|_| ArmError::Before("a malformed request"))?;
    let Moment { real: now, business } = app.moment();
    let correlation_id = format!("armed-{}-{place}-{}", world.number, now.0);
    let replay = app.core.keys.ring().digest_key().digest("armed", &[correlation_id.as_bytes()]);
    let call = Call {
        asp: asp.clone(),
        operation: handler.entry.spec.id,
        correlation_id,
        keys: CallKeys { replay: replay.to_vec(), ..CallKeys::default() },
        other_keys: Vec::new(),
        now: business,
        real_now: now,
        since: Since { call: now, cipher: now },
        kind: CallKind::Live,
        given_apply_no: (place == 0).then(|| world.apply_no()),
    };
    match handler.perform(app, call, &json).await {
        Answer::Success(_) => Ok(()),
        // A bank that holds back its answer is what some scenarios are about.
        Answer::Refused(code, _) if code.code == "003_055" => Ok(()),
        answer @ (Answer::Refused(..) | Answer::Failed(_)) => Err(ArmError::Before(answer.code())),
    }
}

/// Reports a state of the delivery of the scenario's application, as a carrier would.
async fn reported(
    app: &Arc<App>,
    asp: &AspId,
    world: &World,
    state: DeliveryState,
) -> Result<(), ArmError> {
    let moment = app.moment();
    let done = transact(app, || {
        let cx = delivery::reporting(&app.core, asp, "sandbox.arm", moment);
        let apply_no = world.apply_no();
        move |tx: &mut Tx<'_>| -> Done<Applied, NoRefusal> {
            let row = tx.query_one(
                "SELECT attempt FROM delivery WHERE asp_id = $1 AND apply_no = $2",
                &[cx.call.asp.as_str().into(), apply_no.as_str().into()],
            )?;
            let attempt = store::tables::number(&row, 0)?;
            let report = Report { state, occurred_at: cx.call.now, attempt };
            delivery::apply(&cx, tx, &apply_no, Tracking::of(report))
        }
    });
    match done.await {
        Ok(Applied::Took(_)) => Ok(()),
        Ok(Applied::WrittenDown | Applied::Known | Applied::Unknown) => {
            Err(ArmError::Before("a report that changes nothing"))
        }
        Err(answer) => Err(ArmError::Before(answer.code())),
    }
}

/// Changes what the steps before have made.
async fn given(
    app: &Arc<App>,
    asp: &AspId,
    world: &World,
    change: fn(&Core, &mut Tx<'_>, &AspId, &World) -> Done<(), NoRefusal>,
) -> Result<(), ArmError> {
    let done = transact(app, || {
        let (core, asp, world) = (app.core.clone(), asp.clone(), world.clone());
        move |tx: &mut Tx<'_>| change(&core, tx, &asp, &world)
    });
    done.await.map_err(|answer| ArmError::Data(answer.code()))
}

fn a_day_passes(_: &Core, tx: &mut Tx<'_>, asp: &AspId, world: &World) -> Done<(), NoRefusal> {
    tx.execute(
        "UPDATE application SET applied_at = applied_at - $3 WHERE asp_id = $1 AND apply_no = $2",
        &[asp.as_str().into(), world.apply_no().as_str().into(), DAY_US.into()],
    )?;
    Ok(())
}

/// The card of the application whose id stands in this column.
fn card_of(tx: &mut Tx<'_>, asp: &AspId, world: &World, form: Form) -> Done<i64, NoRefusal> {
    let row = tx.query_opt(
        "SELECT mobile_card_id, physical_card_id FROM application
         WHERE asp_id = $1 AND apply_no = $2",
        &[asp.as_str().into(), world.apply_no().as_str().into()],
    )?;
    let row = row.or_stop()?;
    let place = match form {
        Form::Mobile => 0,
        Form::Physical => 1,
    };
    row.opt_int(place)?.or_stop()
}

fn give_par(_: &Core, tx: &mut Tx<'_>, asp: &AspId, world: &World) -> Done<(), NoRefusal> {
    let card = card_of(tx, asp, world, Form::Mobile)?;
    tx.execute(
        "UPDATE card SET par = $3 WHERE asp_id = $1 AND card_id = $2",
        &[asp.as_str().into(), card.into(), world.par().as_str().into()],
    )?;
    Ok(())
}

fn give_plastic(core: &Core, tx: &mut Tx<'_>, asp: &AspId, world: &World) -> Done<(), NoRefusal> {
    let card = card_of(tx, asp, world, Form::Physical)?;
    let row = card.to_string();
    let pan = Pan::parse(&world.plastic_no()).ok().or_stop()?;
    let sealed = core.seal(place(asp, "card.pan", &row), pan.reveal().as_bytes()).or_stop()?;
    let cvc = core.seal(place(asp, "card.given_cvc", &row), world.given_cvc().as_bytes());
    let ring = core.keys.ring();
    let (lookup_key_id, lookup) = ring.lookup();
    tx.execute(
        "UPDATE card SET pan_sealed = $3, pan_index = $4, lookup_key_id = $5, pan_first6 = $6,
             pan_last4 = $7, expiry_yymm = $8, cvc_key_id = NULL, given_cvc_sealed = $9
         WHERE asp_id = $1 AND card_id = $2",
        &[
            asp.as_str().into(),
            card.into(),
            sealed.as_slice().into(),
            lookup.pan_index(asp.as_str(), &pan).or_stop()?.as_slice().into(),
            lookup_key_id.into(),
            pan.first6().into(),
            pan.last4().into(),
            GIVEN_EXPIRY_YYMM.into(),
            cvc.or_stop()?.as_slice().into(),
        ],
    )?;
    Ok(())
}
