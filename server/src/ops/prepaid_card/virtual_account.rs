//! `prepaid-card.virtual-account`: the virtual account that is connected to a card.
//!
//! The reference shows no codes, and of `connectType` the name alone: its one value, and the
//! refusals, are platen's choice.

use contract::{Digits, Spec, Text, at, catalogue, errors, input, out, output};
use serde_json::{Value, json};
use store::{Row, Tx};

use crate::context::place;
use crate::op::{Changes, Cx, Done, Inquiry, Operation, OrStop, Ruling, refuse};
use crate::sandbox::world::{Also, Card, Scenario, World};

/// The operation.
pub struct VirtualAccount;

input! {
    /// A card.
    pub struct Request {
        /// Number of the card, mobile or physical.
        card_no: Digits<16> = at("cardNo"),
    }
}

output! {
    /// The account.
    pub struct Response {
        /// Its number.
        account_no: Text<1, 20> = out("accountNo").personal(),
        /// The bank.
        bank_code: Digits<3> = "bankCode",
        /// How it is connected; FIXED: to this card until the card ends. The reference does not
        /// show the values: they are platen's choice.
        connect_type: Text<1, 20> = "connectType",
    }
}

errors! {
    /// Refusals in order of precedence.
    pub enum Error {
        InvalidInput = catalogue::INVALID_INPUT.assigned_use(),
        InvalidCardInfo = catalogue::INVALID_CARD_INFO
            .meaning("No member's card of this partner has this number, or the card has ended.")
            .assigned_use(),
        BankAccountNotFound = catalogue::BANK_ACCOUNT_NOT_FOUND
            .meaning("No virtual account is connected to the card.")
            .assigned_use(),
    }
}

impl Operation for VirtualAccount {
    const SPEC: Spec = Spec {
        id: "prepaid-card.virtual-account",
        title: "카드에 연결된 가상계좌 조회",
        group: "Prepaid cards",
        path: "/api/v1/card/virtual-account/inquiry",
        version: "v1",
        about: "Tells the virtual account that is connected to a card.",
        request_encrypted: true,
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

impl Inquiry for VirtualAccount {
    fn ask(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Ruling<Response, Error>, Error> {
        let Some(row) = find(cx, tx, request)? else { return refuse(Error::InvalidCardInfo) };
        let Some(sealed) = row.opt_blob(1)? else { return refuse(Error::BankAccountNotFound) };
        let account = row.int(0)?.to_string();
        let at = place(&cx.call.asp, "virtual_account.account_no", &account);
        let number = cx.core.open_text(at, sealed).or_stop()?;
        Ok(Ruling::Answered(Response {
            account_no: Text::new(number.expose()).or_stop()?,
            bank_code: Digits::new(row.text(2)?).or_stop()?,
            connect_type: Text::new(row.text(3)?).or_stop()?,
        }))
    }
}

/// The account of the card, with its virtual account where it has one.
fn find(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Option<Row>, Error> {
    for index in cx.core.pan_indexes(&cx.call.asp, request.card_no.as_str()).or_stop()? {
        let found = tx.query_opt(
            "SELECT a.account_id, v.account_no_sealed, v.bank_code, v.connect_type
             FROM card c
             JOIN card_account a ON a.asp_id = c.asp_id AND a.account_id = c.account_id
                 AND a.state <> 'TERMINATED'
             LEFT JOIN virtual_account v ON v.asp_id = a.asp_id AND v.account_id = a.account_id
             WHERE c.asp_id = $1 AND c.pan_index = $2 AND c.ended_at IS NULL",
            &[cx.call.asp.as_str().into(), index.as_slice().into()],
        )?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The request of the given card.
pub fn request(world: &World) -> Value {
    json!({ "cardNo": world.card_no() })
}

fn scenarios() -> Vec<Scenario> {
    let example = |number, name, title| Scenario::of(World::new(number), name, title);
    vec![
        example(566, "connected", "200 - Connected")
            .given(|world| world.also = vec![Also::VirtualAccount])
            .succeeds(request, "Success.", &["accountNo", "bankCode", "connectType"]),
        example(567, "invalid-input", "400 - Invalid input parameter").refuses_field(
            |_| json!({ "cardNo": "1" }),
            Error::InvalidInput,
            "cardNo",
        ),
        example(568, "unknown-card", "400 - Unknown card")
            .given(|world| world.card = Card::None)
            .refuses(request, Error::InvalidCardInfo),
        example(569, "not-connected", "400 - No virtual account")
            .refuses(request, Error::BankAccountNotFound),
    ]
}
