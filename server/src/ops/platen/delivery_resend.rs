//! `platen.delivery-resend`: a plastic that came back is sent again. The reference has no such
//! operation: path, fields and codes are platen's choice.

use contract::{Digits, Spec, UInt, at, catalogue, errors, input, output};
use domain::delivery::{self, DeliveryState};
use domain::{ApplyNo, UserId};
use serde_json::json;
use store::Tx;
use store::tables::log::Remembered;
use store::tables::members;

use crate::applying::{AddressInfo, example_address};
use crate::delivery::{Resent, resend};
use crate::op::{Changes, Cx, Done, Operation, OrStop, Ruling, Write, refuse};
use crate::ops::prepaid_card::reissue::{Reissue, with_plastic};
use crate::sandbox::world::{Scenario, Step, World, products};

/// The operation.
pub struct DeliveryResend;

input! {
    /// A plastic to be sent again.
    pub struct Request {
        /// Member id given at registration.
        user_id: UInt<1, 9_999_999_999_999_999_999> = at("userId"),
        /// Number of the application whose plastic came back.
        card_apply_no: Digits<22> = at("cardApplyNo"),
        /// New delivery address; the same recipient as before at the old one where it is left out.
        address_info: Option<AddressInfo> = at("addressInfo").optional(),
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

impl Operation for DeliveryResend {
    const SPEC: Spec = Spec {
        id: "platen.delivery-resend",
        title: "Sending a Returned Card Again",
        group: "platen extensions",
        path: "/platen/v1/prepaid-card/delivery/resend",
        version: "v1",
        about: "A plastic that came back (RETURN) is sent again: the delivery is READY, its \
                attempt is one more, and it goes to the card maker with the next file.",
        request_encrypted: true,
        response_encrypted: false,
        success_message: "Success",
        since: "2026-11-25",
        same_as: &[],
    };
    const CHANGES: Changes = Changes { delivery: &[delivery::Event::SendAgain], ..Changes::NONE };
    type Request = Request;
    type Response = Response;
    type Error = Error;

    fn scenarios() -> Vec<Scenario> {
        scenarios()
    }
}

impl Write for DeliveryResend {
    fn run(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Ruling<Response, Error>, Error> {
        let user = UserId(request.user_id.get());
        if members::find(tx, &cx.call.asp, user)?.is_none() {
            return refuse(Error::WalletUserNotFound);
        }
        let apply_no = ApplyNo::new(request.card_apply_no.as_str());
        if !is_of(cx, tx, user, &apply_no)? {
            return refuse(Error::IssueNotFound);
        }
        let to = request.address_info.as_ref().map(AddressInfo::postal);
        match resend(cx, tx, &apply_no, to.as_ref())? {
            Resent::Sent(_) => Ok(Ruling::Answered(Response {})),
            Resent::NotReturned(_) => refuse(Error::NotReturned),
            Resent::Unknown => refuse(Error::IssueNotFound),
        }
    }

    fn recall(_: &Cx, _: &mut Tx<'_>, _: &Remembered) -> Done<Response, Error> {
        Ok(Response {})
    }
}

/// Whether the application is the member's.
pub(super) fn is_of<E>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    user: UserId,
    apply_no: &ApplyNo,
) -> Done<bool, E> {
    let found = tx.query_opt(
        "SELECT 1 FROM application WHERE asp_id = $1 AND apply_no = $2 AND user_id = $3",
        &[cx.call.asp.as_str().into(), apply_no.as_str().into(), user.stored().or_stop()?.into()],
    )?;
    Ok(found.is_some())
}

/// A request of the member for the application before.
pub(super) fn of_applied(world: &World) -> serde_json::Value {
    json!({ "userId": world.user_id(), "cardApplyNo": world.apply_no().as_str() })
}

/// Plastic was applied for, and came back.
pub(super) fn returned(world: &mut World) {
    world.product = products::FREE;
    world.before = vec![
        Step::Call(Reissue::SPEC.id, with_plastic),
        Step::Report(DeliveryState::Receipt),
        Step::Report(DeliveryState::Return),
    ];
}

fn scenarios() -> Vec<Scenario> {
    let example = |number, name, title| Scenario::of(World::new(number), name, title);
    vec![
        example(701, "sent-again", "200 - Sent again").given(returned).succeeds(
            of_applied,
            "Success",
            &[],
        ),
        example(702, "sent-elsewhere", "200 - Sent to another address").given(returned).succeeds(
            |world| {
                let mut request = of_applied(world);
                request["addressInfo"] = example_address();
                request
            },
            "Success",
            &[],
        ),
        example(703, "invalid-input", "400 - Invalid input parameter")
            .given(returned)
            .refuses_field(
                |world| json!({ "userId": world.user_id(), "cardApplyNo": "1" }),
                Error::InvalidInput,
                "cardApplyNo",
            ),
        example(704, "membership-cancelled", "400 - Membership cancelled")
            .given(|world| world.is_member = false)
            .refuses(of_applied, Error::WalletUserNotFound),
        example(705, "unknown-application", "400 - Unknown application")
            .refuses(of_applied, Error::IssueNotFound),
        example(706, "not-returned", "400 - It has not come back")
            .given(|world| {
                returned(world);
                world.before.pop();
            })
            .refuses(of_applied, Error::NotReturned),
    ]
}
