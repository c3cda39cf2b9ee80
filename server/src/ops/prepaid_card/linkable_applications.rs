//! `prepaid-card.linkable-applications`: a member's mobile cards that wait for their plastic.
//! `cardApplyNo` of the answer goes into the registration of the plastic.
//!
//! The reference shows neither the request nor the codes: the member alone, and the refusals, are
//! platen's choice. It knows no word for a renewal in `issueType`: that is told as REISSUE, as it
//! replaces a card too. Number and CVC are told, so an answer with a card in it leaves one
//! `card.number_told` row in the operation log, as `prepaid-card.list` does.

use contract::{Digits, Spec, Text, UInt, at, catalogue, choice, errors, input, out, output};
use domain::UserId;
use domain::application::Kind;
use serde_json::{Value, json};
use store::tables::{members, parsed};
use store::{Row, Tx};

use super::{issue, reissue};
use crate::cards;
use crate::op::{Changes, Cx, Done, Inquiry, Keeps, Operation, OrStop, Ruling, refuse};
use crate::sandbox::given;
use crate::sandbox::world::{Card, Scenario, Step, World, products};
use crate::telling;

/// The most applications in an answer: the newest.
const APPLICATIONS_MAX: i64 = 100;

/// The operation.
pub struct LinkableApplications;

choice! {
    /// What was applied for.
    pub enum IssueType {
        /// A first card.
        Issue = "ISSUE",
        /// A card for one that was lost or expires.
        Reissue = "REISSUE",
    }
}

choice! {
    /// State of an application whose plastic can be registered. The reference names further ones,
    /// of applications that are not listed.
    pub enum Status {
        /// The mobile card is issued.
        DigitalIssued = "DIGITAL_ISSUED",
    }
}

input! {
    /// A member. The reference does not show this field: it is platen's choice.
    pub struct Request {
        /// Member id given at registration.
        user_id: UInt<1, 9_999_999_999_999_999_999> = at("userId"),
    }
}

output! {
    /// A mobile card.
    pub struct Digital {
        /// Its number.
        card_no: Digits<16> = "cardNo",
        /// Its payment account reference.
        par: Text<27, 27> = "par",
        /// Its product.
        service_id: Text<1, 15> = "serviceId",
        /// The product's name.
        service_name: Text<1, 255> = "serviceName",
        /// Its verification code.
        cvc: Digits<3> = out("mobileCardCVC").secret(),
    }
}

output! {
    /// An application.
    pub struct Issued {
        /// Card application number, for the registration of the plastic.
        card_apply_no: Digits<22> = "cardApplyNo",
        /// ISSUE: a first card; REISSUE: a card for one that was lost or expires.
        issue_type: IssueType = "issueType",
        /// The mobile card that was issued.
        digital: Digital = "digital",
        /// State of the application: its mobile card is issued.
        status: Status = "status",
    }
}

output! {
    /// The applications.
    pub struct Response {
        /// At most 100, newest first.
        list: Vec<Issued> = "issuedCardList",
    }
}

errors! {
    /// Refusals in order of precedence.
    pub enum Error {
        InvalidInput = catalogue::INVALID_INPUT.assigned_use(),
        WalletUserNotFound = catalogue::WALLET_USER_NOT_FOUND.assigned_use(),
    }
}

impl Operation for LinkableApplications {
    const SPEC: Spec = Spec {
        id: "prepaid-card.linkable-applications",
        title: "Search for Mobile Card Application Information Linkable to Physical Card",
        group: "Prepaid cards",
        path: "/api/v1/issued-cards/pre-issue/waiting/physical",
        version: "v1",
        about: "Lists the mobile cards that a member has from applications of pre-issuance \
                products and that a physical card can be linked to, newest first, at most 100.",
        request_encrypted: false,
        response_encrypted: true,
        success_message: "Success.",
        since: "2026-11-25",
        same_as: &[],
    };
    const CHANGES: Changes = Changes::NONE;
    type Request = Request;
    type Response = Response;
    type Error = Error;

    fn scenarios() -> Vec<Scenario> {
        scenarios()
    }
}

impl Inquiry for LinkableApplications {
    const KEEPS: Keeps = Keeps::Traces;

    fn ask(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Ruling<Response, Error>, Error> {
        let (asp, user) = (&cx.call.asp, UserId(request.user_id.get()));
        let Some(member) = members::find(tx, asp, user)? else {
            return refuse(Error::WalletUserNotFound);
        };
        let rows = tx.query(
            "SELECT a.apply_no, a.kind, c.card_id, c.pan_sealed, c.par, c.expiry_yymm,
                 c.cvc_key_id, c.service_id, p.name
             FROM application a
             JOIN card_account o ON o.asp_id = a.asp_id AND o.account_id = a.new_account_id
                 AND o.state <> 'TERMINATED'
             JOIN card c ON c.asp_id = a.asp_id AND c.card_id = a.mobile_card_id
                 AND c.ended_at IS NULL
             JOIN product p ON p.asp_id = c.asp_id AND p.service_id = c.service_id
             WHERE a.asp_id = $1 AND a.apply_no IN (
                     SELECT b.apply_no FROM application b WHERE b.asp_id = $1 AND b.user_id = $2)
                 AND a.state = 'DIGITAL_ISSUED' AND a.issuance = 'PRE_ISSUANCE'
                 AND NOT EXISTS (
                     SELECT 1 FROM card x WHERE x.asp_id = a.asp_id
                         AND x.card_id = a.physical_card_id AND x.ended_at IS NOT NULL)
             ORDER BY a.applied_at DESC, a.apply_no DESC LIMIT $3",
            &[asp.as_str().into(), member.user_id.into(), APPLICATIONS_MAX.into()],
        )?;
        let list: Done<Vec<_>, _> = rows.iter().map(|row| issued(cx, row)).collect();
        let list = list?;
        let pars: Vec<_> = list.iter().map(|each| each.digital.par.as_str().to_owned()).collect();
        telling::told(cx, tx, &given::subject(user), &pars)?;
        Ok(Ruling::Answered(Response { list }))
    }
}

fn issued(cx: &Cx, row: &Row) -> Done<Issued, Error> {
    let pan = telling::number(cx, row.int(2)?, row.blob(3)?)?;
    let cvc = cards::cvc(&cx.core, &pan, row.text(5)?, row.int(6)?)?;
    Ok(Issued {
        card_apply_no: Digits::new(row.text(0)?).or_stop()?,
        issue_type: match parsed(row, 1, Kind::parse)? {
            Kind::Issue => IssueType::Issue,
            Kind::Reissue | Kind::Renew => IssueType::Reissue,
        },
        digital: Digital {
            card_no: Digits::new(pan.reveal()).or_stop()?,
            par: Text::new(row.text(4)?).or_stop()?,
            service_id: Text::new(row.text(7)?).or_stop()?,
            service_name: Text::new(row.text(8)?).or_stop()?,
            cvc: Digits::new(cvc.reveal()).or_stop()?,
        },
        status: Status::DigitalIssued,
    })
}

/// The request of a scenario's member.
pub fn request(world: &World) -> Value {
    json!({ "userId": world.user_id() })
}

fn scenarios() -> Vec<Scenario> {
    let example = |number, name, title| {
        Scenario::of(World::new(number), name, title).given(|world| {
            world.product = products::FREE;
        })
    };
    vec![
        example(541, "issued", "200 - A first card waits for its plastic")
            .given(|world| {
                world.card = Card::None;
                world.before = vec![Step::Call("prepaid-card.issue", issue::with_plastic)];
            })
            .succeeds(request, "Success.", &["issuedCardList"]),
        example(542, "reissued", "200 - A reissued card waits for its plastic")
            .given(|world| {
                world.before = vec![Step::Call("prepaid-card.reissue", reissue::with_plastic)];
            })
            .succeeds(request, "Success.", &["issuedCardList"]),
        example(543, "none", "200 - Nothing waits").succeeds(
            request,
            "Success.",
            &["issuedCardList*0"],
        ),
        example(544, "invalid-input", "400 - Invalid input parameter").refuses_field(
            |_| json!({ "userId": 0 }),
            Error::InvalidInput,
            "userId",
        ),
        example(545, "membership-cancelled", "400 - Membership cancelled")
            .given(|world| world.is_member = false)
            .refuses(request, Error::WalletUserNotFound),
    ]
}
