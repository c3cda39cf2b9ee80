//! `debit-card.issue`: a debit card is applied for: its mobile card is issued at once, its plastic
//! ordered and its number told.
//!
//! The reference's request is seen up to the address, its codes up to 003_062: where the product is
//! named, that an address is required, and what else is refused are platen's choice. So is what two
//! codes mean: the product's bank is held against that of the account which the card would pay
//! from, and a confirmed identity document (`existOcrFile`) asks for a cash IC on the plastic.

use contract::{Digits, Object, Spec, Text, UInt, at, catalogue, choice, errors, input, output};
use domain::application::Event;
use domain::debit::{Bank as Of, Facts, Refusal, Service, Wish, decide};
use domain::delivery;
use domain::ledger::Journal;
use domain::{ApplyNo, Expiry, ServiceId, UserId};
use serde_json::{Value, json};
use store::Tx;
use store::tables::applications::{self, Application};
use store::tables::bank_accounts::{self, Chargeable};
use store::tables::log::Remembered;
use store::tables::members::{self, Member};
use store::tables::products;

use crate::applying::{self, AddressInfo, Granted};
use crate::cards::{self, Made};
use crate::op::{Changes, Cx, Done, Operation, OrStop, Ruling, Write, fault, refuse, refuse_at};
use crate::sandbox::world::{Bank, Card, Scenario, World, products as given};
use crate::{issuing, telling};

/// The operation.
pub struct Issue;

choice! {
    /// Whether something is there.
    pub enum Flag {
        /// It is.
        Yes = "Y",
        /// It is not.
        No = "N",
    }
}

input! {
    /// A debit card.
    pub struct Request {
        /// Member information.
        user_info: Object = at("userInfo"),
        /// Member id given at registration.
        user_id: UInt<1, 9_999_999_999_999_999_999> = at("userInfo.userId").named("userId"),
        /// The member's name. Its form alone is checked: the card bears the name registered.
        user_name: Text<1, 100> = at("userInfo.userName").personal(),
        /// The name in English. Its form alone is checked.
        eng_name: Text<1, 100> = at("userInfo.engName").personal(),
        /// Resident registration number. Its form alone is checked: it is used for nothing, and
        /// kept nowhere.
        social_no: Text<1, 20> = at("userInfo.socialNo").secret(),
        /// The member's mobile phone. Its form alone is checked.
        mobile_number: Text<1, 20> = at("userInfo.mobileNumber").personal(),
        /// Whether an identity document was confirmed, and the plastic is to be a cash card of the
        /// bank, too.
        exist_ocr_file: Flag = at("userInfo.existOcrFile"),
        /// Delivery address.
        address_info: AddressInfo = at("userInfo.addressInfo").or_at("addressInfo"),
        /// The product whose card is wanted.
        service_id: Digits<15> = at("serviceId").or_at("cardInfo.serviceId"),
    }
}

output! {
    /// The card.
    pub struct Response {
        /// Card application number.
        card_apply_no: Digits<22> = "cardApplyNo",
        /// Number of the new mobile card.
        mobile_card_no: Option<Digits<16>> = "mobileCardNo",
        /// Verification code of the new mobile card.
        mobile_card_cvc: Option<Digits<3>> = "mobileCardCVC",
        /// Number of the physical card that is made.
        physical_card_no: Digits<16> = "physicalCardNo",
        /// The last day of both, yyyyMMdd.
        expiry_date: Digits<8> = "expiryDate",
    }
}

errors! {
    /// Refusals in order of precedence.
    pub enum Error {
        InvalidInput = catalogue::INVALID_INPUT,
        WalletUserNotFound = catalogue::WALLET_USER_NOT_FOUND,
        NotDebit = catalogue::CARD_ISSUE_TYPE_INVALID,
        BankAccountNotFound = catalogue::BANK_ACCOUNT_NOT_FOUND.assigned_use(),
        BankAccountInvalid = catalogue::USER_BANK_ACCOUNT_INVALID.assigned_use(),
        OtherBank = catalogue::SERVICE_OF_ANOTHER_BANK,
        NoCashIc = catalogue::SERVICE_WITHOUT_APPLET,
    }
}

impl Operation for Issue {
    const SPEC: Spec = Spec {
        id: "debit-card.issue",
        title: "Application for Issuance and Delivery of Debit Card",
        group: "Debit cards",
        path: "/api/v1/direct-card/issue/delivery",
        version: "v1",
        about: "Gives a member a debit card of a product: a card that pays from the member's \
                bank account, which must be at the product's bank. The mobile card is issued at \
                once, the physical card delivered to the address given and registered as any \
                other. It costs nothing and holds no balance; it is not reissued or renewed.",
        request_encrypted: true,
        response_encrypted: true,
        success_message: "Success.",
        since: "2026-11-25",
        same_as: &[],
    };
    const CHANGES: Changes = Changes {
        application: &[Event::IssueMobile],
        delivery: &[delivery::Event::Order],
        ..Changes::NONE
    };
    type Request = Request;
    type Response = Response;
    type Error = Error;

    fn scenarios() -> Vec<Scenario> {
        scenarios()
    }
}

impl Write for Issue {
    fn run(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Ruling<Response, Error>, Error> {
        let (asp, user) = (&cx.call.asp, UserId(request.user_id.get()));
        let member = members::claim(tx, asp, user)?;
        let chargeable = bank_accounts::chargeable(tx, asp, user)?;
        let service_id = ServiceId::new(request.service_id.as_str());
        let found = products::find_debit(tx, asp, &service_id)?;
        let prepaid = match found {
            Some(_) => None,
            None => products::find_prepaid(tx, asp, &service_id)?,
        };
        let service = match (&found, &prepaid) {
            (Some(debit), _) => {
                let is_members = account_is_of(cx, tx, user, &chargeable, &debit.bank_code)?;
                let bank = if is_members { Of::TheMembers } else { Of::Another };
                Service::Debit(&debit.product, debit.cash_ic, bank)
            }
            (None, Some(product)) => Service::Prepaid(product),
            (None, None) => Service::Unknown,
        };
        let facts = Facts {
            membership: Member::membership(member.as_ref()),
            service,
            bank_accounts: chargeable.known(),
            wish: match request.exist_ocr_file {
                Flag::Yes => Wish::WithCashIc,
                Flag::No => Wish::DebitAlone,
            },
        };
        let terms = decide(&facts).or_else(refused)?;
        let Chargeable::Account(pays_from) = chargeable else {
            return Err(fault("a debit card without an account to pay from"));
        };
        let granted = Granted {
            old_account: None,
            delivery_to: Some(request.address_info.postal()),
            member: member.or_stop()?,
            terms,
            product: found.or_stop()?.product,
            chargeable: Chargeable::None,
        };
        let application = applying::apply(cx, tx, &granted)?;
        let made = issuing::settle(cx, tx, &application, None, Journal::default())?;
        pay_from(cx, tx, &application, pays_from)?;
        answer(cx, tx, &application, made.as_ref()).map(Ruling::Answered)
    }

    fn recall(cx: &Cx, tx: &mut Tx<'_>, remembered: &Remembered) -> Done<Response, Error> {
        let apply_no = ApplyNo::new(&remembered.subject);
        let made = issuing::recall(cx, tx, &apply_no)?;
        let application = applications::load(tx, &cx.call.asp, &apply_no)?.or_stop()?;
        answer(cx, tx, &application, made.as_ref())
    }
}

fn refused<T>(refusal: Refusal) -> Done<T, Error> {
    match refusal {
        Refusal::NotAMember => refuse(Error::WalletUserNotFound),
        Refusal::InvalidProduct => refuse_at(Error::InvalidInput, "serviceId"),
        Refusal::NotDebit => refuse(Error::NotDebit),
        Refusal::NoBankAccount => refuse(Error::BankAccountNotFound),
        Refusal::BankAccountInvalid => refuse(Error::BankAccountInvalid),
        Refusal::OtherBank => refuse(Error::OtherBank),
        Refusal::NoCashIc => refuse(Error::NoCashIc),
    }
}

/// Whether the account that the card would pay from is at this bank.
fn account_is_of(
    cx: &Cx,
    tx: &mut Tx<'_>,
    user: UserId,
    chargeable: &Chargeable,
    bank_code: &str,
) -> Done<bool, Error> {
    let (Chargeable::Account(id), Some(user)) = (chargeable, user.stored()) else {
        return Ok(false);
    };
    let row = tx.query_one(
        "SELECT bank_code FROM bank_account
         WHERE asp_id = $1 AND user_id = $2 AND bank_account_id = $3",
        &[cx.call.asp.as_str().into(), user.into(), (*id).into()],
    )?;
    Ok(row.text(0)? == bank_code)
}

/// Links the card to the bank account.
fn pay_from(
    cx: &Cx,
    tx: &mut Tx<'_>,
    application: &Application,
    bank_account_id: i64,
) -> Done<(), Error> {
    let account = application.mobile.as_ref().or_stop()?.account;
    tx.put(
        "UPDATE card_account SET bank_account_id = $3
         WHERE asp_id = $1 AND account_id = $2",
        &[cx.call.asp.as_str().into(), account.0.into(), bank_account_id.into()],
    )?;
    Ok(())
}

/// The answer, the same whatever became of the cards. It tells the number of the plastic that was
/// ordered first, which the log notes.
fn answer(
    cx: &Cx,
    tx: &mut Tx<'_>,
    application: &Application,
    made: Option<&Made>,
) -> Done<Response, Error> {
    let plastic = cards::number(&cx.core, application.physical.as_ref().or_stop()?)?;
    let mut pars = Vec::new();
    for index in cx.core.pan_indexes(&cx.call.asp, plastic.reveal()).or_stop()? {
        let card = tx.query_opt(
            "SELECT par FROM card WHERE asp_id = $1 AND pan_index = $2",
            &[cx.call.asp.as_str().into(), index.as_slice().into()],
        )?;
        if let Some(card) = card {
            pars.push(card.text(0)?.to_owned());
        }
    }
    telling::told(cx, tx, application.apply_no.as_str(), &pars)?;
    Ok(Response {
        card_apply_no: Digits::new(application.apply_no.as_str()).or_stop()?,
        mobile_card_no: made.and_then(|made| Digits::new(made.pan.reveal())),
        mobile_card_cvc: made.and_then(|made| Digits::new(made.cvc.reveal())),
        physical_card_no: Digits::new(plastic.reveal()).or_stop()?,
        expiry_date: telling::last_day(Expiry::after(
            application.applied_at,
            application.validity_months,
        ))?,
    })
}

/// The request of a debit card.
pub fn request(world: &World) -> Value {
    json!({
        "userInfo": {
            "userId": world.user_id(),
            "userName": "홍길동",
            "engName": "HONG GILDONG",
            "socialNo": "9001011234567",
            "mobileNumber": "01000000000",
            "existOcrFile": "N",
            "addressInfo": applying::example_address(),
        },
        "serviceId": world.product.service_id().as_str(),
    })
}

fn with_cash_ic(world: &World) -> Value {
    let mut request = request(world);
    request["userInfo"]["existOcrFile"] = json!("Y");
    request
}

const FIELDS: &[&str] =
    &["cardApplyNo", "mobileCardNo", "mobileCardCVC", "physicalCardNo", "expiryDate"];

#[rustfmt::skip]
fn scenarios() -> Vec<Scenario> {
    let example = |number, name, title| {
        Scenario::of(World::new(number), name, title).given(|world| {
            world.card = Card::None;
            world.product = given::DEBIT;
        })
    };
    vec![
        example(871, "issued", "200 - With a cash IC")
            .given(|world| world.product = given::DEBIT_WITH_CASH_IC)
            .succeeds(with_cash_ic, "Success.", FIELDS),
        example(872, "without-cash-ic", "200 - Without a cash IC")
            .succeeds(request, "Success.", FIELDS),
        example(873, "invalid-input", "400 - Invalid input parameter")
            .refuses_field(|world| {
                let mut request = request(world);
                request["userInfo"]["userId"] = json!(0);
                request
            }, Error::InvalidInput, "userId"),
        example(874, "membership-cancelled",
            "400 - Non-member or a member who has canceled membership")
            .given(|world| world.is_member = false)
            .refuses(request, Error::WalletUserNotFound),
        example(875, "not-debit", "400 - A prepaid product")
            .given(|world| world.product = given::FREE)
            .refuses(request, Error::NotDebit),
        example(876, "bank-account-not-found", "400 - No bank account")
            .given(|world| world.bank = Bank::None)
            .refuses(request, Error::BankAccountNotFound),
        example(877, "bank-account-invalid", "400 - Invalid member account")
            .given(|world| world.bank = Bank::ConsentEnded)
            .refuses(request, Error::BankAccountInvalid),
        example(878, "other-bank", "400 - The product is of another bank")
            .given(|world| world.product = given::DEBIT_OF_ANOTHER_BANK)
            .refuses(request, Error::OtherBank),
        example(879, "no-cash-ic", "400 - A cash IC of a product without")
            .refuses(with_cash_ic, Error::NoCashIc),
    ]
}
