//! What is given before a scenario: a member with a bank account and a card, all its own. Numbers
//! are constants, the same in every sandbox.

use contract::errors::{Code, ErrorSet};
use contract::scenario::Scenario as Told;
use crypto::pan::Pan;
use domain::delivery::DeliveryState;
use domain::discard::Role;
use domain::{ApplyNo, UserId};
use serde_json::Value;

use super::given::{fintech_use_num, unreachable_fintech_use_num};

/// First digits of the scenarios' card numbers: a range of its own, from which nothing is issued.
pub const GIVEN_PREFIX: &str = "94913395";
/// Expiry of the scenarios' plastic.
pub const GIVEN_EXPIRY_YYMM: &str = "3108";
/// The plastic of scenario `n` has this serial and `n`.
const PLASTIC_SERIAL_BASE: u32 = 1_000_000;
/// Day in the application numbers of scenarios, on which none was made.
const GIVEN_APPLY_DAY: &str = "20000101";
/// The member of scenario `n` has this id and `n`.
const USER_ID_BASE: u64 = 50_000_000_000;

/// The sandbox's products.
pub mod products {
    /// A product, by the last digits of its id.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct ProductKey(pub u16);

    /// Pre-issuance; 3,000 won with plastic, mobile only free. The published product.
    pub const STANDARD: ProductKey = ProductKey(2_000);
    /// Pre-issuance, mobile only allowed, no fee.
    pub const FREE: ProductKey = ProductKey(2_001);
    /// Ordinary, no fee.
    pub const ORDINARY: ProductKey = ProductKey(2_002);
    /// Ordinary, 3,000 won.
    pub const ORDINARY_WITH_FEE: ProductKey = ProductKey(2_003);
    /// Pays abroad, no fee.
    pub const ABROAD: ProductKey = ProductKey(2_004);
    /// Its next product is not on offer.
    pub const WITHOUT_NEXT: ProductKey = ProductKey(2_005);
    /// Not on offer.
    pub const NOT_ON_OFFER: ProductKey = ProductKey(2_006);
    /// Pre-issuance, mobile only allowed; 3,000 won with plastic, 1,000 won without.
    pub const WITH_FEES: ProductKey = ProductKey(2_007);
    /// Pre-issuance; 2,000 won a first card, 3,000 won a reissue, 1,000 won a renewal; the first
    /// reissue and that of a defective card are free.
    pub const ALL_FEES: ProductKey = ProductKey(2_008);
    /// Debit, of the bank of the scenarios' accounts; its plastic is no cash card.
    pub const DEBIT: ProductKey = ProductKey(2_009);
    /// The same, and its plastic can be a cash card.
    pub const DEBIT_WITH_CASH_IC: ProductKey = ProductKey(2_010);
    /// Debit, of another bank.
    pub const DEBIT_OF_ANOTHER_BANK: ProductKey = ProductKey(2_011);

    impl ProductKey {
        /// Its id, 15 digits.
        pub fn service_id(self) -> domain::ServiceId {
            domain::ServiceId::new(format!("000170000{:06}", self.0))
        }
    }
}

/// The card given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Card {
    /// None: its number belongs to nobody.
    None,
    /// In use.
    Active,
    /// Reported lost.
    Suspended,
    /// Discarded.
    Terminated,
    /// Plastic that belongs to no account yet, with [`GIVEN_EXPIRY_YYMM`] and
    /// [`World::given_cvc`].
    Unregistered,
}

/// The member's bank account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bank {
    /// None is registered.
    None,
    /// The consent to withdrawals has ended.
    ConsentEnded,
    /// It holds less than any fee.
    Short,
    /// Its gateway does not answer connections.
    Unreachable,
    /// It holds money and the bank behaves like this, in the simulator's words.
    Behaving(&'static str),
}

/// When a card expires, as seen from the day on which it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expires {
    /// In years.
    InYears,
    /// At the end of a month, in 30 days or less.
    Within30Days,
}

/// Something that has happened before a scenario.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// This operation was called with this request.
    Call(&'static str, fn(&World) -> Value),
    /// A day has passed since the scenario's application was made.
    ADayPasses,
    /// The plastic of the scenario's application has [`World::plastic_no`],
    /// [`GIVEN_EXPIRY_YYMM`] and [`World::given_cvc`].
    GivePlastic,
    /// The mobile card of the scenario's application has [`World::par`].
    GivePar,
    /// This was reported of the delivery of the scenario's application.
    Report(DeliveryState),
}

/// What is given beside member, card and bank account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Also {
    /// The card's payments count for the tax deduction.
    Deduction,
    /// The card has plastic, [`World::plastic_no`], which is registered.
    Plastic,
    /// A virtual account is connected to the card.
    VirtualAccount,
    /// The member's real name was verified.
    RealName,
    /// The scenario's product is its own, and as it was when it was made; nothing is issued of it.
    OwnProduct,
    /// No card number begins with these digits, unless some were issued.
    FreePrefix(&'static str),
    /// The same, where the digits are of a further range of a product that stays.
    FreeRange(&'static str),
}

/// What is given before a scenario.
#[derive(Debug, Clone)]
pub struct World {
    /// Number of the scenario, the same for ever: member and card have it in theirs.
    pub number: u32,
    /// The card's product.
    pub product: products::ProductKey,
    /// The card.
    pub card: Card,
    /// What the card holds, won.
    pub balance_won: i64,
    /// Whether the membership stands.
    pub is_member: bool,
    /// Whether the member's ID card was verified.
    pub is_verified: bool,
    /// The member's bank account.
    pub bank: Bank,
    /// How the card stands to others.
    pub role: Role,
    /// When the card expires.
    pub expires: Expires,
    /// What is given beside.
    pub also: Vec<Also>,
    /// What has happened before; arming really does it.
    pub before: Vec<Step>,
}

impl World {
    /// A verified member with a suspended card that holds 25,000 won, and a bank account with
    /// money.
    pub const fn new(number: u32) -> Self {
        World {
            number,
            product: products::STANDARD,
            card: Card::Suspended,
            balance_won: 25_000,
            is_member: true,
            is_verified: true,
            bank: Bank::Behaving("answer"),
            role: Role::Ordinary,
            expires: Expires::InYears,
            also: Vec::new(),
            before: Vec::new(),
        }
    }

    /// The member.
    pub fn user_id(&self) -> u64 {
        USER_ID_BASE + u64::from(self.number)
    }

    /// The card's number.
    pub fn card_no(&self) -> String {
        let payload = format!("{GIVEN_PREFIX}{:07}", self.number);
        Pan::from_payload(&payload).map(|pan| pan.reveal().to_owned()).unwrap_or_default()
    }

    /// The number of the plastic that is delivered to the member.
    pub fn plastic_no(&self) -> String {
        let payload = format!("{GIVEN_PREFIX}{:07}", PLASTIC_SERIAL_BASE + self.number);
        Pan::from_payload(&payload).map(|pan| pan.reveal().to_owned()).unwrap_or_default()
    }

    /// The number of the application that a step before makes.
    pub fn apply_no(&self) -> ApplyNo {
        // No seven of its digits stand in the scenario's card numbers.
        let mark = format!("5{:03}", self.number % 1_000);
        ApplyNo::new(format!("{GIVEN_APPLY_DAY}{mark}{mark}{mark}51"))
    }

    /// The card's PAR.
    pub fn par(&self) -> String {
        format!("Q1A{:024X}", self.number)
    }

    /// The CVC of its plastic.
    pub fn given_cvc(&self) -> String {
        format!("{:03}", self.number % 1_000)
    }

    /// The bank account's pseudonym in open banking.
    pub fn fintech_use_num(&self) -> String {
        let user = UserId(self.user_id());
        match self.bank {
            Bank::Unreachable => unreachable_fintech_use_num(user),
            Bank::None | Bank::ConsentEnded | Bank::Short | Bank::Behaving(_) => {
                fintech_use_num(user)
            }
        }
    }
}

/// A scenario with what is given before it.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What is given.
    pub world: World,
    /// What is asked and expected.
    pub told: Told,
}

/// A scenario in the making: what is given is still open.
#[derive(Debug, Clone)]
pub struct Draft {
    world: World,
    name: &'static str,
    title: &'static str,
}

impl Scenario {
    /// Begins a scenario.
    pub const fn of(world: World, name: &'static str, title: &'static str) -> Draft {
        Draft { world, name, title }
    }
}

impl Draft {
    /// Changes what is given.
    pub fn given(mut self, change: impl FnOnce(&mut World)) -> Self {
        change(&mut self.world);
        self
    }

    /// Succeeds, with these fields in the answer.
    pub fn succeeds(
        self,
        request: impl FnOnce(&World) -> Value,
        message: &'static str,
        fields: &'static [&'static str],
    ) -> Scenario {
        let request = request(&self.world);
        self.ends(request, 200, "000_000", message.to_owned(), fields)
    }

    /// Is refused.
    pub fn refuses(self, request: impl FnOnce(&World) -> Value, error: impl ErrorSet) -> Scenario {
        let (code, request) = (error.code(), request(&self.world));
        self.ends(request, code.http, code.code, code.description(None), &[])
    }

    /// Is refused because of a field.
    pub fn refuses_field(
        self,
        request: impl FnOnce(&World) -> Value,
        error: impl ErrorSet,
        field: &str,
    ) -> Scenario {
        let (code, request): (&Code, _) = (error.code(), request(&self.world));
        self.ends(request, code.http, code.code, code.description(Some(field)), &[])
    }

    fn ends(
        self,
        request: Value,
        status: u16,
        code: &'static str,
        description: String,
        fields: &'static [&'static str],
    ) -> Scenario {
        let Draft { world, name, title } = self;
        let told = Told { name, title, request, status, code, description, fields };
        Scenario { world, told }
    }
}
