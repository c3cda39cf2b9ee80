//! `prepaid-card.reissue`: a card reported lost is replaced, for a fee where its product asks for
//! one, and its balance moves to the new card.

use contract::{Digits, Object, Spec, UInt, at, catalogue, errors, input};
use domain::application::{Event, State as ApplicationState};
use domain::card::CardEvent;
use domain::delivery;
use domain::ledger::Journal;
use domain::product::Product;
use domain::reissue::{Facts, OldCard, Refusal, decide};
use domain::terms::{Delivery, Terms};
use domain::{ApplyNo, UserId};
use serde_json::{Value, json};
use store::Tx;
use store::tables::applications::Open;
use store::tables::bank_accounts::Chargeable;
use store::tables::card_accounts::CardAccount;
use store::tables::dossier::{self, Dossier};
use store::tables::log::Remembered;
use store::tables::members::{self, Member};

use crate::applying::{self, AddressInfo, Granted, Response};
use crate::fee::{Begun, Saga};
use crate::issuing;
use crate::op::{Changes, Cx, Done, Operation, OrStop, refuse, remembered_refusal};
use crate::ops::platen::defect_report::{self, DefectReport};
use crate::sandbox::world::{Also, Bank, Card, Scenario, Step, World, products as given};

/// The operation.
pub struct Reissue;

input! {
    /// A reissue.
    pub struct Request {
        /// Member information.
        user_info: Object = at("userInfo"),
        /// Member id given at registration.
        user_id: UInt<1, 9_999_999_999_999_999_999> = at("userInfo.userId").named("userId"),
        /// Card information.
        card_info: Object = at("cardInfo"),
        /// Number of the card to be reissued, mobile or physical.
        old_card_no: Digits<16> = at("cardInfo.oldCardNo"),
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
        InvalidCardInfo = catalogue::INVALID_CARD_INFO.assigned_use(),
        AlreadyReissued = catalogue::CARD_ALREADY_REISSUED,
        AlreadyTerminated = catalogue::CARD_ALREADY_TERMINATED
            .meaning("The card was discarded and has no successor.")
            .assigned_use(),
        FeeInProgress = catalogue::FEE_IN_PROGRESS,
        ReissueInProgress = catalogue::REISSUE_IN_PROGRESS,
        NotSuspended = catalogue::CARD_NOT_SUSPENDED,
        DeliveryRequired = catalogue::CARD_DELIVERY_REQUIRED.assigned_use(),
        InvalidNextService = catalogue::INVALID_NEXT_SERVICE_ID,
        NotAuthenticated = catalogue::USER_NOT_AUTHENTICATED,
        BankAccountNotFound = catalogue::BANK_ACCOUNT_NOT_FOUND,
        BankAccountInvalid = catalogue::USER_BANK_ACCOUNT_INVALID,
        NetworkIssue = catalogue::FEE_NETWORK_ISSUE,
        InvalidBankAccount = catalogue::FEE_INVALID_BANK_ACCOUNT,
        OwnerMismatch = catalogue::FEE_OWNER_MISMATCH,
        WithdrawFailure = catalogue::FEE_WITHDRAW_FAILURE,
        InsufficientBalance = catalogue::FEE_INSUFFICIENT_BALANCE,
        TermsNotAgreed = catalogue::FEE_TERMS_NOT_AGREED,
        MessageError = catalogue::FEE_MESSAGE_ERROR,
        FeeFailed = catalogue::FEE_FAILED,
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotAMember => Error::WalletUserNotFound,
            Refusal::NoSuchCard => Error::InvalidCardInfo,
            Refusal::AlreadyReissued => Error::AlreadyReissued,
            Refusal::Terminated => Error::AlreadyTerminated,
            Refusal::FeeInProgress => Error::FeeInProgress,
            Refusal::ReissueInProgress => Error::ReissueInProgress,
            Refusal::NotSuspended => Error::NotSuspended,
            Refusal::DeliveryRequired => Error::DeliveryRequired,
            Refusal::InvalidNextProduct => Error::InvalidNextService,
            Refusal::NotVerified => Error::NotAuthenticated,
            Refusal::NoBankAccount => Error::BankAccountNotFound,
            Refusal::BankAccountInvalid => Error::BankAccountInvalid,
        }
    }
}

impl Operation for Reissue {
    const SPEC: Spec = Spec {
        id: "prepaid-card.reissue",
        title: "Reissuance of Prepaid Card (Replacement Issuance)",
        group: "Prepaid cards",
        path: "/api/v1/prepay-card/reissue/delivery",
        version: "v1",
        about: "Replaces a card that its member has reported lost (suspended) and delivers the \
                new one to the address given. By the product's policy a fee is charged to the \
                member's bank account at the request. Of a pre-issuance product the new mobile \
                card is issued and the balance moves at once; of another, when the delivered card \
                is registered.",
        request_encrypted: true,
        response_encrypted: true,
        success_message: "Success.",
        since: "2026-11-22",
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

impl Saga for Reissue {
    const FEE_IN_PROGRESS: Error = Error::FeeInProgress;

    fn begin(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Begun<Response>, Error> {
        let asked = Asked {
            user: UserId(request.user_id.get()),
            old_card_no: request.old_card_no.as_str(),
            delivery: applying::delivery(request.is_delivery_required),
        };
        let grant = match weigh::<Error>(cx, tx, &asked, Hold::Claim)? {
            Weighed::Awaiting(awaited) => return Ok(Begun::Awaiting(awaited)),
            Weighed::Granted(grant) => *grant,
        };
        let account = grant.account;
        let granted = Granted {
            old_account: Some(account.id),
            delivery_to: request.address_info.as_ref().map(AddressInfo::postal),
            member: grant.member,
            terms: grant.terms,
            product: grant.product,
            chargeable: grant.chargeable,
        };
        let application = applying::apply(cx, tx, &granted)?;
        if application.state == ApplicationState::CostPaying {
            return Ok(Begun::Charging(application.apply_no));
        }
        let made = issuing::settle(cx, tx, &application, Some(&account), Journal::default())?;
        Response::of(&application.apply_no, made).map(Begun::Done)
    }

    fn recall(cx: &Cx, tx: &mut Tx<'_>, remembered: &Remembered) -> Done<Response, Error> {
        remembered_refusal(remembered)?;
        let apply_no = ApplyNo::new(&remembered.subject);
        let made = issuing::recall(cx, tx, &apply_no)?;
        Response::of(&apply_no, made)
    }
}

/// What a reissue is asked for.
pub(crate) struct Asked<'a> {
    /// Who asks.
    pub(crate) user: UserId,
    /// Number of the card to be replaced, mobile or physical.
    pub(crate) old_card_no: &'a str,
    /// Whether plastic is asked for.
    pub(crate) delivery: Delivery,
}

/// How the card to be replaced is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// It is claimed, so that it stays as it is read until the transaction ends.
    Claim,
    /// It is looked at; nothing is written.
    Look,
}

/// What a reissue that is asked for comes to, unless it is refused.
pub(crate) enum Weighed {
    /// The same call is charging the fee of this application already.
    Awaiting(ApplyNo),
    /// It is granted.
    Granted(Box<Grant>),
}

/// A reissue that is granted.
pub(crate) struct Grant {
    /// The account of the card to be replaced.
    pub(crate) account: CardAccount,
    /// Who holds it.
    pub(crate) member: Member,
    /// The product of the new card.
    pub(crate) product: Product,
    /// What is promised.
    pub(crate) terms: Terms,
    /// What a fee is drawn from; looked up where one is due.
    pub(crate) chargeable: Chargeable,
}

/// Reads what a reissue is decided on, and decides: for the reissue itself, and for its quote.
pub(crate) fn weigh<E: From<Refusal>>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    asked: &Asked<'_>,
    hold: Hold,
) -> Done<Weighed, E> {
    let (asp, user) = (&cx.call.asp, asked.user);
    let account = match hold {
        Hold::Claim => applying::claim(cx, tx, user, asked.old_card_no)?,
        Hold::Look => applying::look(cx, tx, user, asked.old_card_no)?,
    };
    let Dossier { member, open, next_product: product } = match &account {
        Some(account) => dossier::read(tx, asp, account.id)?,
        None => Dossier::of_member(members::find(tx, asp, user)?),
    };
    if let Some(awaited) = applying::awaited(cx, open.as_ref()) {
        return Ok(Weighed::Awaiting(awaited));
    }
    let price = match (&product, &account) {
        (Some(product), Some(account)) => Some(product.reissue_price(asked.delivery, account.past)),
        (Some(_), None) | (None, _) => None,
    };
    let chargeable = applying::chargeable(cx, tx, user, price)?;
    let facts = Facts {
        membership: Member::membership(member.as_ref()),
        old_card: account.as_ref().map(|account| old_card(account, open.as_ref())),
        next_product: product.as_ref(),
        delivery: asked.delivery,
        bank_accounts: chargeable.known(),
    };
    let terms = decide(&facts).or_else(|refusal| refuse(refusal.into()))?;
    Ok(Weighed::Granted(Box::new(Grant {
        account: account.or_stop()?,
        member: member.or_stop()?,
        product: product.or_stop()?,
        terms,
        chargeable,
    })))
}

fn old_card(account: &CardAccount, open: Option<&Open>) -> OldCard {
    OldCard {
        state: account.state,
        has_successor: account.has_successor,
        open_application: open.map(|open| open.state),
        past: account.past,
    }
}

/// The request of a reissue with plastic.
pub fn with_plastic(world: &World) -> Value {
    json!({
        "userInfo": {
            "userId": world.user_id(),
            "addressInfo": applying::example_address(),
        },
        "cardInfo": { "oldCardNo": world.card_no() },
        "isDeliveryRequired": true,
    })
}

/// A card with plastic that was reported defective, of a product that replaces those for nothing.
pub fn defective(world: &mut World) {
    world.product = given::ALL_FEES;
    world.also = vec![Also::Plastic];
    world.before = vec![Step::Call(DefectReport::SPEC.id, defect_report::request)];
}

/// The request of a reissue without plastic.
pub fn mobile_only(world: &World) -> Value {
    json!({
        "userInfo": { "userId": world.user_id() },
        "cardInfo": { "oldCardNo": world.card_no() },
        "isDeliveryRequired": false,
    })
}

const MOBILE_FIELDS: &[&str] = &["cardApplyNo", "mobileCardNo", "mobileCardCVC", "mobileCardPar"];

#[rustfmt::skip]
fn scenarios() -> Vec<Scenario> {
    let example = |number, name, title| Scenario::of(World::new(number), name, title);
    let mut all = vec![
        example(101, "reissued", "200 - Test succeeded")
            .succeeds(with_plastic, "Success.", MOBILE_FIELDS),
        example(102, "mobile-only", "200 - Test succeeded_Issuing only a mobile card")
            .succeeds(mobile_only, "Success.", MOBILE_FIELDS),
        example(103, "ordinary", "200 - Test succeeded_Mobile card follows the registration")
            .given(|world| world.product = given::ORDINARY)
            .succeeds(with_plastic, "Success.", &["cardApplyNo"]),
        example(104, "invalid-input", "400 - Invalid input parameter")
            .refuses_field(|world| {
                let mut request = with_plastic(world);
                request["userInfo"]["userId"] = json!(0);
                request
            }, Error::InvalidInput, "userId"),
        example(105, "membership-cancelled",
            "400 - Non-member or a member who has canceled membership")
            .given(|world| world.is_member = false)
            .refuses(with_plastic, Error::WalletUserNotFound),
        example(106, "unknown-card", "400 - No such card of the member")
            .given(|world| world.card = Card::None)
            .refuses(with_plastic, Error::InvalidCardInfo),
        example(107, "already-reissued", "400 - This card has been reissued before.")
            .given(|world| world.before = vec![Step::Call(Reissue::SPEC.id, with_plastic)])
            .refuses(with_plastic, Error::AlreadyReissued),
        example(108, "already-terminated", "400 - The card was discarded")
            .given(|world| world.card = Card::Terminated)
            .refuses(with_plastic, Error::AlreadyTerminated),
        example(109, "reissue-in-progress", "400 - Card reissuance in progress")
            .given(|world| {
                world.product = given::ORDINARY;
                world.before = vec![Step::Call(Reissue::SPEC.id, with_plastic)];
            })
            .refuses(with_plastic, Error::ReissueInProgress),
        example(110, "not-suspended", "400 - The card was not reported lost")
            .given(|world| world.card = Card::Active)
            .refuses(with_plastic, Error::NotSuspended),
        example(111, "delivery-required", "400 - A mobile card alone of an ordinary product")
            .given(|world| world.product = given::ORDINARY)
            .refuses(mobile_only, Error::DeliveryRequired),
        example(112, "invalid-next-service", "400 - 재발급으로 유효한 카드 상품 ID가 아닙니다.")
            .given(|world| world.product = given::WITHOUT_NEXT)
            .refuses(with_plastic, Error::InvalidNextService),
        example(113, "not-authenticated",
            "400 - 사용자 신분증 인증이 되지 않을 경우 발생(해외결제카드 신청시)")
            .given(|world| {
                world.product = given::ABROAD;
                world.is_verified = false;
            })
            .refuses(with_plastic, Error::NotAuthenticated),
        example(114, "bank-account-not-found", "400 - 등록된 계좌가 없음.")
            .given(|world| world.bank = Bank::None)
            .refuses(with_plastic, Error::BankAccountNotFound),
        example(115, "bank-account-invalid", "400 - Invalid member account")
            .given(|world| world.bank = Bank::ConsentEnded)
            .refuses(with_plastic, Error::BankAccountInvalid),
        example(125, "defective", "200 - A card reported defective is replaced free of charge")
            .given(defective)
            .succeeds(with_plastic, "Success.", MOBILE_FIELDS),
    ];
    all.extend(bank_scenarios());
    all
}

/// What the bank, or its silence, leads to.
#[rustfmt::skip]
fn bank_scenarios() -> Vec<Scenario> {
    let example = |number, name, title| Scenario::of(World::new(number), name, title);
    let bank = |number, name, title, behaviour, error| {
        example(number, name, title)
            .given(move |world| world.bank = Bank::Behaving(behaviour))
            .refuses(with_plastic, error)
    };
    vec![
        example(116, "fee-network-issue",
            "400 - 카드 비용 부과 실패. 외부 PG사와 네트워크 이슈")
            .given(|world| world.bank = Bank::Unreachable)
            .refuses(with_plastic, Error::NetworkIssue),
        bank(117, "fee-invalid-bank-account",
            "400 - 카드 비용 부과 실패. 회원의 은행 계좌가 유효하지 않음.",
            "refuse:412", Error::InvalidBankAccount),
        bank(118, "fee-owner-mismatch",
            "400 - 카드 비용 부과 실패. 은행 계좌의 소유주와 출금 요청한 회원이 일치하지 않음.",
            "refuse:815", Error::OwnerMismatch),
        bank(119, "fee-withdraw-failure", "400 - 카드 비용 부과 실패. 출금 실패",
            "refuse:S54", Error::WithdrawFailure),
        bank(120, "fee-in-progress",
            "400 - 카드 비용 부과 실패. 재발급을 위한 비용 부과가 진행 중임.",
            "hold", Error::FeeInProgress),
        example(121, "fee-insufficient-balance",
            "400 - 카드 비용 부과 실패. 계좌에 잔액이 충분하지 않음")
            .given(|world| world.bank = Bank::Short)
            .refuses(with_plastic, Error::InsufficientBalance),
        bank(122, "fee-terms-not-agreed",
            "400 - 카드 비용 부과 실패. 회원이 오픈뱅킹 약관 미동의",
            "refuse:S57", Error::TermsNotAgreed),
        bank(123, "fee-message-error",
            "400 - 카드 비용 부과 실패. 오픈뱅킹에서 전문 처리 시, 전문 오류로 발생",
            "refuse:S58", Error::MessageError),
        bank(124, "fee-failed", "400 - 카드 비용 부과 실패. 기타 원인",
            "refuse:S59", Error::FeeFailed),
    ]
}
