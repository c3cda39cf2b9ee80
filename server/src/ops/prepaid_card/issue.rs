//! `prepaid-card.issue`: a member gets a first card of a product.
//!
//! The reference shows no code for a product that there is not: platen names `serviceId` as the
//! field at fault. It shows no fee for a first card either: where a product has one, it is charged
//! and refused as a reissue's is.

use contract::{Digits, Object, Spec, UInt, at, catalogue, errors, input};
use domain::application::{Event, State as ApplicationState};
use domain::delivery;
use domain::issue::{Facts, Refusal, decide};
use domain::ledger::Journal;
use domain::{ApplyNo, ServiceId, UserId};
use serde_json::{Value, json};
use store::Tx;
use store::tables::applications;
use store::tables::log::Remembered;
use store::tables::members::{self, Member};
use store::tables::products;

use crate::applying::{self, AddressInfo, Granted, Response};
use crate::fee::{Begun, Saga};
use crate::issuing;
use crate::op::{Changes, Cx, Done, Operation, OrStop, refuse, refuse_at, remembered_refusal};
use crate::sandbox::world::{Bank, Card, Scenario, World, products as given};

/// The operation.
pub struct Issue;

input! {
    /// A first card.
    pub struct Request {
        /// Member information.
        user_info: Object = at("userInfo"),
        /// Member id given at registration.
        user_id: UInt<1, 9_999_999_999_999_999_999> = at("userInfo.userId").named("userId"),
        /// The product whose card is wanted.
        service_id: Digits<15> = at("serviceId").or_at("cardInfo.serviceId"),
        /// Whether a physical card is made and delivered; false: a mobile card alone.
        is_delivery_required: bool =
            at("isDeliveryRequired").or_at("cardInfo.isDeliveryRequired").or_default(true),
        /// Delivery address; neither checked nor kept where no card is delivered.
        address_info: Option<AddressInfo> =
            at("userInfo.addressInfo").or_at("addressInfo").when("isDeliveryRequired"),
    }
}

errors! {
    /// Refusals in order of precedence.
    pub enum Error {
        InvalidInput = catalogue::INVALID_INPUT,
        WalletUserNotFound = catalogue::WALLET_USER_NOT_FOUND,
        DeliveryRequired = catalogue::CARD_DELIVERY_REQUIRED,
        NotAuthenticated = catalogue::USER_NOT_AUTHENTICATED.assigned_use(),
        BankAccountNotFound = catalogue::BANK_ACCOUNT_NOT_FOUND.assigned_use(),
        BankAccountInvalid = catalogue::USER_BANK_ACCOUNT_INVALID.assigned_use(),
        NetworkIssue = catalogue::FEE_NETWORK_ISSUE.assigned_use(),
        InvalidBankAccount = catalogue::FEE_INVALID_BANK_ACCOUNT,
        OwnerMismatch = catalogue::FEE_OWNER_MISMATCH,
        WithdrawFailure = catalogue::FEE_WITHDRAW_FAILURE,
        FeeInProgress = catalogue::FEE_IN_PROGRESS,
        InsufficientBalance = catalogue::FEE_INSUFFICIENT_BALANCE,
        TermsNotAgreed = catalogue::FEE_TERMS_NOT_AGREED,
        MessageError = catalogue::FEE_MESSAGE_ERROR,
        FeeFailed = catalogue::FEE_FAILED,
    }
}

impl Operation for Issue {
    const SPEC: Spec = Spec {
        id: "prepaid-card.issue",
        title: "Application for Issuance and Delivery of Prepaid Card",
        group: "Prepaid cards",
        path: "/api/v1/prepay-card/issue/delivery",
        version: "v1",
        about: "Gives a member a first card of a product and delivers it to the address given. By \
                the product's policy a fee is charged to the member's bank account at the \
                request. Of a pre-issuance product the mobile card is issued at once; of another, \
                when the delivered card is registered. The member's first card is the main one.",
        request_encrypted: true,
        response_encrypted: true,
        success_message: "Success.",
        since: "2026-11-25",
        same_as: &[],
    };
    const CHANGES: Changes = Changes {
        application: &[Event::ChargeFee, Event::FeeTaken, Event::FeeRefused, Event::IssueMobile],
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

impl Saga for Issue {
    const FEE_IN_PROGRESS: Error = Error::FeeInProgress;

    fn begin(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Begun<Response>, Error> {
        let (asp, user) = (&cx.call.asp, UserId(request.user_id.get()));
        let member = members::claim(tx, asp, user)?;
        if let Some(member) = &member
            && let Some(awaited) = charging(cx, tx, member)?
        {
            return Ok(Begun::Awaiting(awaited));
        }
        let service_id = ServiceId::new(request.service_id.as_str());
        let product = products::find_prepaid(tx, asp, &service_id)?;
        let delivery = applying::delivery(request.is_delivery_required);
        let price = product.as_ref().map(|product| product.issue_price(delivery));
        let chargeable = applying::chargeable(cx, tx, user, price)?;
        let terms = decide(&Facts {
            membership: Member::membership(member.as_ref()),
            product: product.as_ref(),
            delivery,
            bank_accounts: chargeable.known(),
        });
        let terms = terms.or_else(refused)?;
        let granted = Granted {
            old_account: None,
            delivery_to: request.address_info.as_ref().map(AddressInfo::postal),
            member: member.or_stop()?,
            terms,
            product: product.or_stop()?,
            chargeable,
        };
        let application = applying::apply(cx, tx, &granted)?;
        if application.state == ApplicationState::CostPaying {
            return Ok(Begun::Charging(application.apply_no));
        }
        let made = issuing::settle(cx, tx, &application, None, Journal::default())?;
        Response::of(&application.apply_no, made).map(Begun::Done)
    }

    fn recall(cx: &Cx, tx: &mut Tx<'_>, remembered: &Remembered) -> Done<Response, Error> {
        remembered_refusal(remembered)?;
        let apply_no = ApplyNo::new(&remembered.subject);
        let made = issuing::recall(cx, tx, &apply_no)?;
        Response::of(&apply_no, made)
    }
}

/// The application by which the same call is charging its fee already.
fn charging(cx: &Cx, tx: &mut Tx<'_>, member: &Member) -> Done<Option<ApplyNo>, Error> {
    for keys in cx.call.all_keys() {
        let found = applications::charging(tx, &cx.call.asp, member.user_id, &keys.replay)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn refused<T>(refusal: Refusal) -> Done<T, Error> {
    match refusal {
        Refusal::NotAMember => refuse(Error::WalletUserNotFound),
        Refusal::InvalidProduct => refuse_at(Error::InvalidInput, "serviceId"),
        Refusal::DeliveryRequired => refuse(Error::DeliveryRequired),
        Refusal::NotVerified => refuse(Error::NotAuthenticated),
        Refusal::NoBankAccount => refuse(Error::BankAccountNotFound),
        Refusal::BankAccountInvalid => refuse(Error::BankAccountInvalid),
    }
}

/// The request of a card with plastic.
pub fn with_plastic(world: &World) -> Value {
    json!({
        "userInfo": {
            "userId": world.user_id(),
            "addressInfo": applying::example_address(),
        },
        "serviceId": world.product.service_id().as_str(),
        "isDeliveryRequired": true,
    })
}

/// The request of a mobile card alone.
pub fn mobile_only(world: &World) -> Value {
    json!({
        "userInfo": { "userId": world.user_id() },
        "serviceId": world.product.service_id().as_str(),
        "isDeliveryRequired": false,
    })
}

const MOBILE_FIELDS: &[&str] = &["cardApplyNo", "mobileCardNo", "mobileCardCVC", "mobileCardPar"];

#[rustfmt::skip]
fn scenarios() -> Vec<Scenario> {
    let example = |number, name, title| {
        Scenario::of(World::new(number), name, title).given(|world| {
            world.card = Card::None;
            world.product = given::FREE;
        })
    };
    let bank = |number, name, title, behaviour, error| {
        example(number, name, title)
            .given(move |world| {
                world.product = given::ALL_FEES;
                world.bank = Bank::Behaving(behaviour);
            })
            .refuses(with_plastic, error)
    };
    let paid = |number, name, title, bank| {
        example(number, name, title).given(move |world| {
            world.product = given::ALL_FEES;
            world.bank = bank;
        })
    };
    vec![
        example(401, "issued", "200 - Test succeeded")
            .succeeds(with_plastic, "Success.", MOBILE_FIELDS),
        example(402, "mobile-only", "200 - A mobile card alone")
            .succeeds(mobile_only, "Success.", MOBILE_FIELDS),
        example(403, "ordinary", "200 - The mobile card follows the registration")
            .given(|world| world.product = given::ORDINARY)
            .succeeds(with_plastic, "Success.", &["cardApplyNo"]),
        paid(404, "with-fee", "200 - With a fee", Bank::Behaving("answer"))
            .succeeds(with_plastic, "Success.", MOBILE_FIELDS),
        example(405, "invalid-input", "400 - Invalid input parameter")
            .given(|world| world.product = given::NOT_ON_OFFER)
            .refuses_field(with_plastic, Error::InvalidInput, "serviceId"),
        example(406, "membership-cancelled",
            "400 - Non-member or a member who has canceled membership")
            .given(|world| world.is_member = false)
            .refuses(with_plastic, Error::WalletUserNotFound),
        example(407, "delivery-required", "400 - A mobile card alone of an ordinary product")
            .given(|world| world.product = given::ORDINARY)
            .refuses(mobile_only, Error::DeliveryRequired),
        example(408, "not-authenticated", "400 - The ID card was not verified")
            .given(|world| {
                world.product = given::ABROAD;
                world.is_verified = false;
            })
            .refuses(with_plastic, Error::NotAuthenticated),
        paid(409, "bank-account-not-found", "400 - No bank account", Bank::None)
            .refuses(with_plastic, Error::BankAccountNotFound),
        paid(410, "bank-account-invalid", "400 - Invalid member account", Bank::ConsentEnded)
            .refuses(with_plastic, Error::BankAccountInvalid),
        paid(411, "fee-network-issue", "400 - The bank could not be reached", Bank::Unreachable)
            .refuses(with_plastic, Error::NetworkIssue),
        bank(412, "fee-invalid-bank-account", "400 - The bank refuses the account",
            "refuse:412", Error::InvalidBankAccount),
        bank(413, "fee-owner-mismatch", "400 - The account belongs to somebody else",
            "refuse:815", Error::OwnerMismatch),
        bank(414, "fee-withdraw-failure", "400 - The withdrawal failed",
            "refuse:S54", Error::WithdrawFailure),
        bank(415, "fee-in-progress", "400 - The bank has not answered yet",
            "hold", Error::FeeInProgress),
        paid(416, "fee-insufficient-balance", "400 - Not enough money", Bank::Short)
            .refuses(with_plastic, Error::InsufficientBalance),
        bank(417, "fee-terms-not-agreed", "400 - Open-banking terms not agreed to",
            "refuse:S57", Error::TermsNotAgreed),
        bank(418, "fee-message-error", "400 - The bank could not read the order",
            "refuse:S58", Error::MessageError),
        bank(419, "fee-failed", "400 - Any other cause", "refuse:S59", Error::FeeFailed),
    ]
}
