//! `prepaid-card.renew`: a card that expires within 30 days is replaced, and its balance moves to
//! the new one.
//!
//! The reference shows the request up to the address, and a message that names
//! `cardInfo.oldCardNo`. When the balance moves it does not say: here, as with a reissue, at the
//! request for pre-issuance products, else when the plastic is registered. The new mobile card is
//! told by the operations that list cards.

use contract::{Digits, Object, Spec, UInt, at, catalogue, errors, input, output};
use domain::application::{Event, State as ApplicationState};
use domain::card::CardEvent;
use domain::delivery;
use domain::ledger::Journal;
use domain::renew::{Facts, OldCard, Refusal, decide};
use domain::{ApplyNo, UserId};
use serde_json::{Value, json};
use store::Tx;
use store::tables::applications::Open;
use store::tables::card_accounts::CardAccount;
use store::tables::dossier::{self, Dossier};
use store::tables::log::Remembered;
use store::tables::members::{self, Member};

use super::reissue::{Reissue, with_plastic as reissued};
use crate::applying::{self, AddressInfo, Granted};
use crate::fee::{Begun, Saga};
use crate::issuing;
use crate::op::{Changes, Cx, Done, Operation, OrStop, refuse, remembered_refusal};
use crate::sandbox::world::{Bank, Card, Expires, Scenario, Step, World, products as given};

/// The operation.
pub struct Renew;

input! {
    /// A renewal.
    pub struct Request {
        /// Member information.
        user_info: Object = at("userInfo"),
        /// Member id given at registration.
        user_id: UInt<1, 9_999_999_999_999_999_999> = at("userInfo.userId").named("userId"),
        /// Delivery address.
        address_info: AddressInfo = at("userInfo.addressInfo").or_at("addressInfo"),
        /// Card information.
        card_info: Object = at("cardInfo"),
        /// Number of the card that expires, mobile or physical.
        old_card_no: Digits<16> = at("cardInfo.oldCardNo"),
    }
}

output! {
    /// A renewal.
    pub struct Response {
        /// Card application number.
        card_apply_no: Digits<22> = "cardApplyNo",
    }
}

errors! {
    /// Refusals in order of precedence.
    pub enum Error {
        InvalidInput = catalogue::INVALID_INPUT,
        WalletUserNotFound = catalogue::WALLET_USER_NOT_FOUND,
        ParNotFound = catalogue::PAR_NOT_FOUND_FROM_CARD_NO.assigned_use(),
        AlreadyRenewed = catalogue::NOT_ALLOWED_TO_REISSUE,
        FeeInProgress = catalogue::FEE_IN_PROGRESS,
        ReissueInProgress = catalogue::REISSUE_IN_PROGRESS.assigned_use(),
        NotInUse = catalogue::CARD_NOT_ACTIVE_OR_SUSPENDED,
        TooEarly = catalogue::EXPIRY_NOT_PROPER,
        NotValidProduct = catalogue::NOT_VALID_PRODUCT,
        NotAuthenticated = catalogue::USER_NOT_AUTHENTICATED.assigned_use(),
        FeeFailed = catalogue::REISSUE_FEE_FAILED,
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotAMember => Error::WalletUserNotFound,
            Refusal::NoSuchCard => Error::ParNotFound,
            Refusal::AlreadyRenewed => Error::AlreadyRenewed,
            Refusal::FeeInProgress => Error::FeeInProgress,
            Refusal::ReissueInProgress => Error::ReissueInProgress,
            Refusal::NotInUse => Error::NotInUse,
            Refusal::TooEarly => Error::TooEarly,
            Refusal::InvalidNextProduct => Error::NotValidProduct,
            Refusal::NotVerified => Error::NotAuthenticated,
            Refusal::NoBankAccount | Refusal::BankAccountInvalid => Error::FeeFailed,
        }
    }
}

impl Operation for Renew {
    const SPEC: Spec = Spec {
        id: "prepaid-card.renew",
        title: "Reissuance & Renewal of Prepaid Card to be Expired",
        group: "Prepaid cards",
        path: "/api/v1/prepay-card/expired/reissue",
        version: "v1",
        about: "Replaces a card in its last 30 days and delivers the new one. Some products \
                charge a fee. Of a pre-issuance product the new mobile card is issued and the \
                balance moves at once; of another, when the delivered card is registered.",
        request_encrypted: true,
        response_encrypted: false,
        success_message: "Success",
        since: "2026-11-25",
        same_as: &[],
    };
    const CHANGES: Changes = Changes {
        card: &[CardEvent::Replace],
        application: &[Event::ChargeFee, Event::FeeTaken, Event::FeeRefused, Event::IssueMobile],
        delivery: &[delivery::Event::Order],
    };
    type Request = Request;
    type Response = Response;
    type Error = Error;

    fn scenarios() -> Vec<Scenario> {
        scenarios()
    }
}

impl Saga for Renew {
    const FEE_IN_PROGRESS: Error = Error::FeeInProgress;

    fn begin(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Begun<Response>, Error> {
        let (asp, user) = (&cx.call.asp, UserId(request.user_id.get()));
        let account = applying::claim(cx, tx, user, request.old_card_no.as_str())?;
        let Dossier { member, open, next_product: product } = match &account {
            Some(account) => dossier::read(tx, asp, account.id)?,
            None => Dossier::of_member(members::find(tx, asp, user)?),
        };
        if let Some(awaited) = applying::awaited(cx, open.as_ref()) {
            return Ok(Begun::Awaiting(awaited));
        }
        let price = product.as_ref().map(domain::product::Product::renewal_price);
        let chargeable = applying::chargeable(cx, tx, user, price)?;
        let terms = decide(&Facts {
            membership: Member::membership(member.as_ref()),
            old_card: account.as_ref().map(|account| old_card(cx, account, open.as_ref())),
            next_product: product.as_ref(),
            bank_accounts: chargeable.known(),
        });
        let terms = terms.or_else(|refusal| refuse(refusal.into()))?;
        let account = account.or_stop()?;
        let granted = Granted {
            old_account: Some(account.id),
            delivery_to: Some(request.address_info.postal()),
            member: member.or_stop()?,
            terms,
            product: product.or_stop()?,
            chargeable,
        };
        let application = applying::apply(cx, tx, &granted)?;
        if application.state == ApplicationState::CostPaying {
            return Ok(Begun::Charging(application.apply_no));
        }
        issuing::settle(cx, tx, &application, Some(&account), Journal::default())?;
        respond(&application.apply_no).map(Begun::Done)
    }

    fn recall(_: &Cx, _: &mut Tx<'_>, remembered: &Remembered) -> Done<Response, Error> {
        remembered_refusal(remembered)?;
        respond(&ApplyNo::new(&remembered.subject))
    }
}

fn old_card(cx: &Cx, account: &CardAccount, open: Option<&Open>) -> OldCard {
    OldCard {
        state: account.state,
        has_successor: account.has_successor,
        open_application: open.map(|open| (open.kind, open.state)),
        days_left: account.expiry.days_left(cx.call.now),
    }
}

fn respond(apply_no: &ApplyNo) -> Done<Response, Error> {
    Ok(Response { card_apply_no: Digits::new(apply_no.as_str()).or_stop()? })
}

/// The request of a renewal.
pub fn renewal(world: &World) -> Value {
    json!({
        "userInfo": {
            "userId": world.user_id(),
            "addressInfo": applying::example_address(),
        },
        "cardInfo": { "oldCardNo": world.card_no() },
    })
}

#[rustfmt::skip]
fn scenarios() -> Vec<Scenario> {
    let example = |number, name, title| {
        Scenario::of(World::new(number), name, title).given(|world| {
            world.card = Card::Active;
            world.expires = Expires::Within30Days;
            world.product = given::FREE;
        })
    };
    let ok: &[&str] = &["cardApplyNo"];
    vec![
        example(431, "renewed", "200 - Test succeeded").succeeds(renewal, "Success", ok),
        example(432, "ordinary", "200 - The balance moves at the registration")
            .given(|world| world.product = given::ORDINARY)
            .succeeds(renewal, "Success", ok),
        example(433, "with-fee", "200 - With a fee")
            .given(|world| world.product = given::ALL_FEES)
            .succeeds(renewal, "Success", ok),
        example(434, "invalid-input", "400 - Invalid input parameter")
            .refuses_field(|world| {
                let mut request = renewal(world);
                request["cardInfo"]["oldCardNo"] = json!("12");
                request
            }, Error::InvalidInput, "cardInfo.oldCardNo"),
        example(435, "membership-cancelled",
            "400 - Non-member or a member who has canceled membership")
            .given(|world| world.is_member = false)
            .refuses(renewal, Error::WalletUserNotFound),
        example(436, "unknown-card", "400 - No such card of the member")
            .given(|world| world.card = Card::None)
            .refuses(renewal, Error::ParNotFound),
        example(437, "already-renewed", "400 - The card was renewed before")
            .given(|world| world.before = vec![Step::Call(Renew::SPEC.id, renewal)])
            .refuses(renewal, Error::AlreadyRenewed),
        example(438, "fee-in-progress", "400 - The bank has not answered yet")
            .given(|world| {
                world.product = given::ALL_FEES;
                world.bank = Bank::Behaving("hold");
            })
            .refuses(renewal, Error::FeeInProgress),
        example(439, "reissue-in-progress", "400 - A reissue of the card is open")
            .given(|world| {
                world.product = given::ORDINARY;
                world.card = Card::Suspended;
                world.before = vec![Step::Call(Reissue::SPEC.id, reissued)];
            })
            .refuses(renewal, Error::ReissueInProgress),
        example(440, "not-in-use", "400 - The card has ended")
            .given(|world| world.card = Card::Terminated)
            .refuses(renewal, Error::NotInUse),
        example(441, "too-early", "400 - More than 30 days are left")
            .given(|world| world.expires = Expires::InYears)
            .refuses(renewal, Error::TooEarly),
        example(442, "not-valid-product", "400 - No valid product to renew into")
            .given(|world| world.product = given::WITHOUT_NEXT)
            .refuses(renewal, Error::NotValidProduct),
        example(443, "not-authenticated", "400 - The ID card was not verified")
            .given(|world| {
                world.product = given::ABROAD;
                world.is_verified = false;
            })
            .refuses(renewal, Error::NotAuthenticated),
        example(444, "fee-failed", "400 - The fee could not be charged")
            .given(|world| {
                world.product = given::ALL_FEES;
                world.bank = Bank::Short;
            })
            .refuses(renewal, Error::FeeFailed),
    ]
}
