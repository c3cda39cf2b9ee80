//! `platen.reissue-quote`: what a reissue would cost and do, without doing it. The reference has no
//! such operation: path, fields and answers are platen's choice.
//!
//! What a reissue is refused for, its quote is refused for, with the same code: a partner then has
//! one way to read "not now, because", and does not have to look into a success for it. Both are
//! decided by one function, [`weigh`]; the quote looks at what the reissue claims. What the bank
//! would say is not asked: an account without money is quoted all the same.

use contract::{
    Digits, Object, Spec, Text, UInt, at, catalogue, choice, errors, input, out, output,
};
use domain::product::{Issuance, ReturnedFee, Waiver};
use domain::reissue::Refusal;
use domain::{Expiry, Money, UserId};
use serde_json::Value;
use store::Tx;
use store::tables::bank_accounts::Chargeable;

use crate::applying;
use crate::context::place;
use crate::op::{Changes, Cx, Done, Inquiry, Operation, OrStop, Ruling, refuse};
use crate::ops::prepaid_card::reissue::{
    Asked, Grant, Hold, Reissue, Weighed, defective, mobile_only, weigh, with_plastic,
};
use crate::sandbox::world::{Bank, Card, Scenario, Step, World, products as given};
use crate::telling::{self, Amount};

/// Digits of a bank account's number that are told.
const TOLD_DIGITS: usize = 4;

/// The operation.
pub struct ReissueQuote;

/// An amount of a fee, won.
type Fee = UInt<0, 9_999_999_999_999_999>;

choice! {
    /// When something happens.
    pub enum When {
        /// With the reissue, or once its fee is taken.
        AtOnce = "AT_ONCE",
        /// When the delivered plastic is registered.
        AtRegistration = "AT_REGISTRATION",
    }
}

choice! {
    /// Why a fee is waived.
    pub enum WaiverReason {
        /// The first reissue in a chain of cards is free.
        FirstReissue = "FIRST_REISSUE",
        /// The card was reported defective.
        DefectiveCard = "DEFECTIVE_CARD",
    }
}

choice! {
    /// What becomes of the fee where the plastic comes back undelivered.
    pub enum IfReturned {
        /// It is kept.
        Kept = "KEPT",
        /// It goes back to the member.
        Refunded = "REFUNDED",
    }
}

input! {
    /// A reissue that is thought of: the fields of a reissue. An address is not read.
    pub struct Request {
        /// Member information.
        user_info: Object = at("userInfo"),
        /// Member id given at registration.
        user_id: UInt<1, 9_999_999_999_999_999_999> = at("userInfo.userId").named("userId"),
        /// Card information.
        card_info: Object = at("cardInfo"),
        /// Number of the card to be reissued, mobile or physical.
        old_card_no: Digits<16> = at("cardInfo.oldCardNo"),
        /// Whether a physical card would be made and delivered; false: a mobile card alone.
        is_delivery_required: bool =
            at("isDeliveryRequired").or_at("cardInfo.isDeliveryRequired").or_default(true),
    }
}

output! {
    /// The account that the fee would be taken from.
    pub struct BankAccount {
        /// The bank.
        bank_code: Digits<3> = "bankCode",
        /// Its number, but for the last four digits masked.
        account_no: Text<1, 20> = out("accountNo").personal(),
    }
}

output! {
    /// What the reissue would cost and do, as things stand now. Nothing is promised: the reissue
    /// decides anew.
    pub struct Response {
        /// The fee, won, tax included; 0: none.
        fee: Fee = "fee",
        /// The value-added tax in it, won.
        vat: Fee = "vat",
        /// What the product asks for where nothing is waived, won, tax included.
        full_fee: Fee = "fullFee",
        /// Why the fee is waived, where it is.
        waiver: Option<WaiverReason> = "waiver",
        /// What becomes of the fee where the plastic comes back undelivered.
        if_returned: IfReturned = "ifReturned",
        /// The account that the fee would be taken from, where there is a fee.
        bank_account: Option<BankAccount> = "bankAccount",
        /// The product of the new card.
        service_id: Digits<15> = "serviceId",
        /// The product's name.
        service_name: Text<1, 80> = "serviceName",
        /// Whether plastic would be made and delivered.
        has_plastic: bool = "hasPlastic",
        /// When the new mobile card would be issued.
        mobile_card: When = "mobileCard",
        /// When the balance would move and the old card end.
        balance_move: When = "balanceMove",
        /// What would move as things stand, won.
        balance: Amount = "balance",
        /// The last day of the new card, yyyyMMdd, if it were reissued now.
        expiry_date: Digits<8> = "expiryDate",
    }
}

errors! {
    /// Refusals in order of precedence: those of the reissue but for the bank's.
    pub enum Error {
        InvalidInput = catalogue::INVALID_INPUT,
        WalletUserNotFound = catalogue::WALLET_USER_NOT_FOUND,
        InvalidCardInfo = catalogue::INVALID_CARD_INFO,
        AlreadyReissued = catalogue::CARD_ALREADY_REISSUED,
        AlreadyTerminated = catalogue::CARD_ALREADY_TERMINATED
            .meaning("The card was discarded and has no successor."),
        FeeInProgress = catalogue::FEE_IN_PROGRESS
            .meaning("The fee of a reissue of the card is being charged."),
        ReissueInProgress = catalogue::REISSUE_IN_PROGRESS,
        NotSuspended = catalogue::CARD_NOT_SUSPENDED,
        DeliveryRequired = catalogue::CARD_DELIVERY_REQUIRED,
        InvalidNextService = catalogue::INVALID_NEXT_SERVICE_ID,
        NotAuthenticated = catalogue::USER_NOT_AUTHENTICATED,
        BankAccountNotFound = catalogue::BANK_ACCOUNT_NOT_FOUND,
        BankAccountInvalid = catalogue::USER_BANK_ACCOUNT_INVALID,
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

impl Operation for ReissueQuote {
    const SPEC: Spec = Spec {
        id: "platen.reissue-quote",
        title: "Quote of a Reissue",
        group: "platen extensions",
        path: "/platen/v1/reissue-quote",
        version: "v1",
        about: "Tells what the reissue of a card would cost and do: the fee with its tax, a \
                waiver, the bank account, the product of the new card, and when the mobile card \
                is issued and the balance moves. Nothing is done and nothing is reserved. Refused \
                with the code with which the reissue would be refused; the bank is not asked.",
        request_encrypted: true,
        response_encrypted: true,
        success_message: "Success",
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

impl Inquiry for ReissueQuote {
    fn ask(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Ruling<Response, Error>, Error> {
        let asked = Asked {
            user: UserId(request.user_id.get()),
            old_card_no: request.old_card_no.as_str(),
            delivery: applying::delivery(request.is_delivery_required),
        };
        match weigh::<Error>(cx, tx, &asked, Hold::Look)? {
            Weighed::Awaiting(_) => refuse(Error::FeeInProgress),
            Weighed::Granted(grant) => {
                let bank_account = bank_account(cx, tx, &grant)?;
                let has_plastic = request.is_delivery_required;
                answer(cx, &grant, bank_account, has_plastic).map(Ruling::Answered)
            }
        }
    }
}

fn answer(
    cx: &Cx,
    grant: &Grant,
    bank_account: Option<BankAccount>,
    has_plastic: bool,
) -> Done<Response, Error> {
    let (product, terms) = (&grant.product, &grant.terms);
    let vat_rate = u32::try_from(cx.core.settings.vat_basis_points).ok().or_stop()?;
    let when = match terms.issuance {
        Issuance::PreIssuance => When::AtOnce,
        Issuance::Ordinary => When::AtRegistration,
    };
    Ok(Response {
        fee: fee(terms.fee)?,
        vat: fee(terms.fee.tax_within(vat_rate))?,
        full_fee: fee(product.reissue_fee(terms.delivery))?,
        waiver: terms.waiver.map(|waiver| match waiver {
            Waiver::FirstReissue => WaiverReason::FirstReissue,
            Waiver::DefectiveCard => WaiverReason::DefectiveCard,
        }),
        if_returned: match terms.returned_fee {
            ReturnedFee::Kept => IfReturned::Kept,
            ReturnedFee::Refunded => IfReturned::Refunded,
        },
        bank_account,
        service_id: Digits::new(product.service_id.as_str()).or_stop()?,
        service_name: Text::new(&product.name).or_stop()?,
        has_plastic,
        mobile_card: when,
        balance_move: when,
        balance: telling::amount(grant.account.balance.minor())?,
        expiry_date: telling::last_day(Expiry::after(cx.call.now, product.validity_months))?,
    })
}

fn fee(amount: Money) -> Done<Fee, Error> {
    u64::try_from(amount.minor()).ok().and_then(UInt::new).or_stop()
}

/// The account that the fee would be taken from.
fn bank_account(cx: &Cx, tx: &mut Tx<'_>, grant: &Grant) -> Done<Option<BankAccount>, Error> {
    let Chargeable::Account(id) = grant.chargeable else { return Ok(None) };
    let (asp, user_id) = (&cx.call.asp, grant.member.user_id);
    let row = tx.query_one(
        "SELECT bank_code, account_no_sealed FROM bank_account
         WHERE asp_id = $1 AND user_id = $2 AND bank_account_id = $3",
        &[asp.as_str().into(), user_id.into(), id.into()],
    )?;
    let member = user_id.to_string();
    let at = place(asp, "bank_account.account_no", &member);
    let number = cx.core.open_text(at, row.blob(1)?).or_stop()?;
    Ok(Some(BankAccount {
        bank_code: Digits::new(row.text(0)?).or_stop()?,
        account_no: Text::new(&masked(number.expose())).or_stop()?,
    }))
}

/// A number of which the last digits alone are told; of a short one fewer.
fn masked(number: &str) -> String {
    let length = number.chars().count();
    let told = TOLD_DIGITS.min(length / 2);
    let each = |(place, digit)| if place + told < length { '*' } else { digit };
    number.chars().enumerate().map(each).collect()
}

/// What every quote says.
const QUOTED: &[&str] = &[
    "fee",
    "vat",
    "fullFee",
    "ifReturned",
    "serviceId",
    "serviceName",
    "hasPlastic",
    "mobileCard",
    "balanceMove",
    "balance",
    "expiryDate",
];
/// The same with a fee.
const WITH_FEE: &[&str] = &[
    "fee",
    "vat",
    "fullFee",
    "ifReturned",
    "bankAccount",
    "serviceId",
    "serviceName",
    "hasPlastic",
    "mobileCard",
    "balanceMove",
    "balance",
    "expiryDate",
];
/// The same with a fee that is waived.
const WAIVED: &[&str] = &[
    "fee",
    "vat",
    "fullFee",
    "waiver",
    "ifReturned",
    "serviceId",
    "serviceName",
    "hasPlastic",
    "mobileCard",
    "balanceMove",
    "balance",
    "expiryDate",
];

#[rustfmt::skip]
fn scenarios() -> Vec<Scenario> {
    let example = |number, name, title| Scenario::of(World::new(number), name, title);
    let mut all = vec![
        example(801, "quoted", "200 - With plastic, for a fee")
            .succeeds(with_plastic, "Success", WITH_FEE),
        example(802, "mobile-only", "200 - A mobile card alone, free of charge")
            .succeeds(mobile_only, "Success", QUOTED),
        example(803, "ordinary", "200 - The mobile card follows the registration")
            .given(|world| world.product = given::ORDINARY_WITH_FEE)
            .succeeds(with_plastic, "Success", WITH_FEE),
        example(804, "first-reissue", "200 - The first reissue is free")
            .given(|world| world.product = given::ALL_FEES)
            .succeeds(with_plastic, "Success", WAIVED),
        example(805, "defective", "200 - Replacing a defective card is free")
            .given(defective)
            .succeeds(with_plastic, "Success", WAIVED),
        example(806, "invalid-input", "400 - Invalid input parameter")
            .refuses_field(|world| {
                let mut request = with_plastic(world);
                request["cardInfo"]["oldCardNo"] = Value::from("12");
                request
            }, Error::InvalidInput, "cardInfo.oldCardNo"),
    ];
    all.extend(refused());
    all
}

/// What the reissue is refused for.
#[rustfmt::skip]
fn refused() -> Vec<Scenario> {
    let example = |number, name, title| Scenario::of(World::new(number), name, title);
    vec![
        example(807, "membership-cancelled", "400 - Membership cancelled")
            .given(|world| world.is_member = false)
            .refuses(with_plastic, Error::WalletUserNotFound),
        example(808, "unknown-card", "400 - No such card of the member")
            .given(|world| world.card = Card::None)
            .refuses(with_plastic, Error::InvalidCardInfo),
        example(809, "already-reissued", "400 - The card has been reissued before")
            .given(|world| world.before = vec![Step::Call(Reissue::SPEC.id, with_plastic)])
            .refuses(with_plastic, Error::AlreadyReissued),
        example(810, "already-terminated", "400 - The card was discarded")
            .given(|world| world.card = Card::Terminated)
            .refuses(with_plastic, Error::AlreadyTerminated),
        example(811, "fee-in-progress", "400 - The fee of a reissue is being charged")
            .given(|world| {
                world.bank = Bank::Behaving("hold");
                world.before = vec![Step::Call(Reissue::SPEC.id, with_plastic)];
            })
            .refuses(with_plastic, Error::FeeInProgress),
        example(812, "reissue-in-progress", "400 - A reissue is open")
            .given(|world| {
                world.product = given::ORDINARY;
                world.before = vec![Step::Call(Reissue::SPEC.id, with_plastic)];
            })
            .refuses(with_plastic, Error::ReissueInProgress),
        example(813, "not-suspended", "400 - The card was not reported lost")
            .given(|world| world.card = Card::Active)
            .refuses(with_plastic, Error::NotSuspended),
        example(814, "delivery-required", "400 - A mobile card alone of an ordinary product")
            .given(|world| world.product = given::ORDINARY)
            .refuses(mobile_only, Error::DeliveryRequired),
        example(815, "invalid-next-service", "400 - No valid product to reissue into")
            .given(|world| world.product = given::WITHOUT_NEXT)
            .refuses(with_plastic, Error::InvalidNextService),
        example(816, "not-authenticated", "400 - The ID card was not verified")
            .given(|world| {
                world.product = given::ABROAD;
                world.is_verified = false;
            })
            .refuses(with_plastic, Error::NotAuthenticated),
        example(817, "bank-account-not-found", "400 - No bank account")
            .given(|world| world.bank = Bank::None)
            .refuses(with_plastic, Error::BankAccountNotFound),
        example(818, "bank-account-invalid", "400 - The consent has ended")
            .given(|world| world.bank = Bank::ConsentEnded)
            .refuses(with_plastic, Error::BankAccountInvalid),
    ]
}

#[cfg(test)]
mod tests {
    use contract::ErrorSet;
    use domain::reissue::Refusal;

    use super::{Error, masked};
    use crate::ops::prepaid_card::reissue;

    #[test]
    fn a_quote_is_refused_with_the_reissues_code() {
        for refusal in [
            Refusal::NotAMember,
            Refusal::NoSuchCard,
            Refusal::AlreadyReissued,
            Refusal::Terminated,
            Refusal::FeeInProgress,
            Refusal::ReissueInProgress,
            Refusal::NotSuspended,
            Refusal::DeliveryRequired,
            Refusal::InvalidNextProduct,
            Refusal::NotVerified,
            Refusal::NoBankAccount,
            Refusal::BankAccountInvalid,
        ] {
            let (quote, real) = (Error::from(refusal), reissue::Error::from(refusal));
            assert_eq!(quote.code().code, real.code().code, "{refusal:?}");
            assert_eq!(quote.code().message, real.code().message, "{refusal:?}");
        }
    }

    #[test]
    fn a_bank_accounts_number_is_masked() {
        for (number, told) in
            [("333000000801", "********0801"), ("123456", "***456"), ("1", "*"), ("", "")]
        {
            assert_eq!(masked(number), told);
        }
    }
}
