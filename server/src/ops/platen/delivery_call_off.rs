//! `platen.delivery-call-off`: a plastic that came back is not sent again, or one is given up that
//! never reached its member, whatever was reported. The reference has no such operation: path,
//! fields and codes are platen's choice.

use contract::{Digits, Spec, UInt, at, catalogue, errors, input, output};
use domain::application;
use domain::delivery::{self, DeliveryState};
use domain::{ApplyNo, UserId};
use serde_json::json;
use store::Tx;
use store::tables::log::Remembered;
use store::tables::members;

use super::delivery_resend::{is_of, of_applied, returned};
use crate::delivery::{CalledOff, call_off};
use crate::op::{Changes, Cx, Done, Operation, Ruling, Write, refuse};
use crate::ops::prepaid_card::physical_register::{PhysicalRegister, request as register};
use crate::sandbox::world::{Scenario, Step, World, products};

/// The operation.
pub struct DeliveryCallOff;

input! {
    /// A delivery to be called off.
    pub struct Request {
        /// Member id given at registration.
        user_id: UInt<1, 9_999_999_999_999_999_999> = at("userId"),
        /// Number of the application whose plastic came back or never came.
        card_apply_no: Digits<22> = at("cardApplyNo"),
    }
}

output! {
    /// Nothing but the outcome.
    pub struct Response {}
}

errors! {
    /// Refusals in order of precedence.
    pub enum Error {
        InvalidInput = catalogue::INVALID_INPUT,
        WalletUserNotFound = catalogue::WALLET_USER_NOT_FOUND,
        IssueNotFound = catalogue::ISSUE_NOT_FOUND
            .meaning("The member has no application of this number, or it has no plastic."),
        NotReturned = catalogue::DELIVERY_NOT_RETURNED,
    }
}

impl Operation for DeliveryCallOff {
    const SPEC: Spec = Spec {
        id: "platen.delivery-call-off",
        title: "Calling a Card's Delivery Off",
        group: "platen extensions",
        path: "/platen/v1/prepaid-card/delivery/call-off",
        version: "v1",
        about: "A plastic that came back (RETURN) is not sent again, or one is given up that ended \
                otherwise (ETC), is said to have arrived (ARRIVAL) and was not registered, or is \
                under way and was not heard of for 30 days (or as long as the platform says): the \
                delivery is CANCEL and the plastic ends. A mobile card that was issued lives on; \
                an application that awaited its plastic ends, and the card that it was to replace \
                stays as it is. The fee goes back to the member where the product says so.",
        request_encrypted: false,
        response_encrypted: false,
        success_message: "Success",
        since: "2026-11-25",
        same_as: &[],
    };
    const CHANGES: Changes = Changes {
        application: &[application::Event::Cancel],
        delivery: &[delivery::Event::GiveUp],
        ..Changes::NONE
    };
    type Request = Request;
    type Response = Response;
    type Error = Error;

    fn scenarios() -> Vec<Scenario> {
        scenarios()
    }
}

impl Write for DeliveryCallOff {
    fn run(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Ruling<Response, Error>, Error> {
        let user = UserId(request.user_id.get());
        if members::find(tx, &cx.call.asp, user)?.is_none() {
            return refuse(Error::WalletUserNotFound);
        }
        let apply_no = ApplyNo::new(request.card_apply_no.as_str());
        if !is_of(cx, tx, user, &apply_no)? {
            return refuse(Error::IssueNotFound);
        }
        match call_off(cx, tx, &apply_no)? {
            CalledOff::Done(_) => Ok(Ruling::Answered(Response {})),
            CalledOff::NotReturned(_) => refuse(Error::NotReturned),
            CalledOff::Unknown => refuse(Error::IssueNotFound),
        }
    }

    fn recall(_: &Cx, _: &mut Tx<'_>, _: &Remembered) -> Done<Response, Error> {
        Ok(Response {})
    }
}

/// Plastic was applied for, and its delivery came to this end.
fn ended(world: &mut World, end: DeliveryState) {
    returned(world);
    world.before.pop();
    world.before.push(Step::Report(end));
}

fn scenarios() -> Vec<Scenario> {
    let example = |number, name, title| Scenario::of(World::new(number), name, title);
    vec![
        example(720, "called-off", "200 - Called off; the mobile card lives on")
            .given(returned)
            .succeeds(of_applied, "Success", &[]),
        example(721, "application-ended", "200 - Called off, the application ended with it")
            .given(|world| {
                returned(world);
                world.product = products::ORDINARY_WITH_FEE;
            })
            .succeeds(of_applied, "Success", &[]),
        example(722, "invalid-input", "400 - Invalid input parameter").refuses_field(
            |world| json!({ "userId": world.user_id() }),
            Error::InvalidInput,
            "cardApplyNo",
        ),
        example(723, "membership-cancelled", "400 - Membership cancelled")
            .given(|world| world.is_member = false)
            .refuses(of_applied, Error::WalletUserNotFound),
        example(724, "unknown-application", "400 - Unknown application")
            .refuses(of_applied, Error::IssueNotFound),
        example(725, "not-returned", "400 - It is on its way")
            .given(|world| {
                returned(world);
                world.before.pop();
            })
            .refuses(of_applied, Error::NotReturned),
        example(726, "never-arrived", "200 - It was said to have arrived, and did not")
            .given(|world| {
                ended(world, DeliveryState::Arrival);
                world.product = products::ORDINARY_WITH_FEE;
            })
            .succeeds(of_applied, "Success", &[]),
        example(727, "ended-otherwise", "200 - It ended otherwise")
            .given(|world| ended(world, DeliveryState::Etc))
            .succeeds(of_applied, "Success", &[]),
        example(728, "registered", "400 - It was registered")
            .given(|world| {
                ended(world, DeliveryState::Arrival);
                world.before.push(Step::GivePlastic);
                world.before.push(Step::Call(PhysicalRegister::SPEC.id, register));
            })
            .refuses(of_applied, Error::NotReturned),
    ]
}
