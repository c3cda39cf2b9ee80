//! What a world begins with, and who joins it: partners with their products, members with their
//! bank accounts and cards, written as the sandbox writes them.

use crypto::pan::Pan;
use crypto::secret::Secret;
use crypto::tran_token::TokenKey;
use domain::card::CardState as StoredState;
use domain::product::{
    BalanceLimits, Charge, Fees, Issuance, MobileOnly, PaysAbroad, ProductState, ReturnedFee,
};
use domain::{AspId, CardAccountId, CardId, Expiry, Money, ServiceId, Timestamp, UserId};
use platen::cards::{self, Order};
use platen::context::{Core, place};
use platen::directory::access_key_digest;
use platen::op::Done;
use platen::sandbox::given::{self, CardIds, NoRefusal, Opening};
use platen::supply::IDS;
use store::tables::access_keys::{self, FIRST, NewKey};
use store::tables::bank_accounts::{self, BankAccountState, NewBankAccount};
use store::tables::cards::Form;
use store::tables::log::Moment;
use store::tables::number_ranges::{self, NewRange};
use store::tables::{counters, products};
use store::{DbError, Tx, TxError};

use crate::call::Credentials;
use crate::model::{BankAccount, CardState, Fees as ModelFees, Month, Product};
use crate::rng::Rng;
use crate::server::EPOCH_MS;

/// First digits of the numbers of cards that members come with.
const GIVEN_PREFIX: &str = "94913390";
/// How far a caller's clock may be off, milliseconds.
const TRAN_TIME_WINDOW_MS: i64 = 3_600_000;
/// How long calls are remembered: shortly in some worlds, so that they are forgotten too.
const REPLAY_WINDOWS_MS: [i64; 3] = [20_000, 120_000, 86_400_000];
/// Serials of a product's number range; of a short one, which is used up before long.
const RANGE_CAPACITY: i64 = 10_000_000;
const SHORT_RANGE_CAPACITY: i64 = 700;
/// What a card may hold, won.
const BALANCES_WON: [i64; 4] = [0, 1, 25_000, 499_999];
/// What a card may cost, won.
const FEES_WON: [i64; 5] = [0, 1, 1_000, 2_999, 3_000];
/// Months for which the cards of a product are valid: some end before long.
const VALIDITY_MONTHS: [i64; 4] = [1, 1, 2, 60];
/// Months after the present one in which the cards end that members come with: some have ended,
/// some may be renewed.
const GIVEN_MONTHS: [i64; 5] = [-1, 0, 0, 1, 60];

/// A partner to be written.
#[derive(Debug, Clone)]
pub struct NewPartner {
    /// Its place in a world.
    pub place: usize,
    /// Its id.
    pub asp: String,
    /// Its access key.
    pub access_key: String,
    /// Its secret key.
    pub secret: String,
    /// Whether another body under the same correlation id is refused.
    pub is_strict: bool,
    /// How long its calls are remembered, milliseconds.
    pub replay_window_ms: i64,
    /// Its products.
    pub products: Vec<(String, Product)>,
    /// Place of a product whose number range is short.
    pub short_range: usize,
}

/// A member to be written.
#[derive(Debug, Clone)]
pub struct NewMember {
    /// Its id.
    pub user: u64,
    /// Whether the membership stands.
    pub is_active: bool,
    /// Whether the ID card was verified.
    pub is_verified: bool,
    /// Bank accounts.
    pub banks: Vec<BankAccount>,
    /// Cards.
    pub cards: Vec<NewCard>,
    /// Plastic that lies about where the member shops.
    pub stock: Option<Stock>,
}

/// A card to be written.
#[derive(Debug, Clone)]
pub struct NewCard {
    /// Its product.
    pub service: String,
    /// Its state.
    pub state: CardState,
    /// What it holds, won.
    pub balance: i64,
    /// When it ends.
    pub expiry: Month,
    /// Serials of its number and, where it has one, of its plastic twin's.
    pub serials: (u64, Option<u64>),
}

/// Plastic to be written that was made for nobody.
#[derive(Debug, Clone)]
pub struct Stock {
    /// Its product.
    pub service: String,
    /// When it ends.
    pub expiry: Month,
    /// Serial of its number.
    pub serial: u64,
}

impl NewPartner {
    /// The partner of this place in a world.
    pub fn choose(rng: &mut Rng, place: usize) -> Self {
        let services = 3 + rng.below(3);
        let id = |number: usize| format!("0001700000020{number:02}");
        let fee = |rng: &mut Rng| rng.pick(&FEES_WON).copied().unwrap_or(0);
        let products = (0..services).map(|number| {
            let is_pre_issuance = rng.percent(75);
            let product = Product {
                is_active: rng.percent(92),
                is_pre_issuance,
                is_mobile_only_allowed: rng.percent(75),
                is_abroad: rng.percent(20),
                fees: ModelFees {
                    issue: (fee(rng), fee(rng)),
                    reissue: (fee(rng), fee(rng)),
                    renewal: fee(rng),
                },
                is_first_free: rng.percent(20),
                is_refunded: rng.percent(50),
                validity: rng.pick(&VALIDITY_MONTHS).copied().unwrap_or(60),
                next: rng.percent(25).then(|| id(rng.below(services + 1))),
            };
            (id(number), product)
        });
        let products = products.collect();
        NewPartner {
            place,
            asp: format!("00017000000000{place}"),
            access_key: format!("{place:07}-{:032x}", rng.bits()),
            secret: format!("{:064x}", rng.bits()),
            products,
            short_range: rng.below(12),
            is_strict: rng.percent(30),
            replay_window_ms: rng.pick(&REPLAY_WINDOWS_MS).copied().unwrap_or(86_400_000),
        }
    }

    /// A partner with this product alone, of which there are numbers enough.
    pub fn of_one_product(rng: &mut Rng, service: &str, product: Product) -> Self {
        let chosen = NewPartner::choose(rng, 0);
        let products = vec![(service.to_owned(), product)];
        NewPartner { products, short_range: usize::MAX, replay_window_ms: 86_400_000, ..chosen }
    }

    /// What signs its calls.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        Credentials {
            asp: self.asp.clone(),
            access_key: self.access_key.clone(),
            token: TokenKey::new(&Secret::new(self.secret.clone())),
        }
    }

    /// Writes it.
    pub fn put(&self, core: &Core, tx: &mut Tx<'_>) -> Result<(), TxError<String>> {
        let (asp, ring) = (AspId::new(&self.asp), core.keys.ring());
        tx.execute(
            "INSERT INTO partner (asp_id, name, state) VALUES ($1, 'Partner', 'ACTIVE')",
            &[asp.as_str().into()],
        )?;
        let secret = core.seal(place(&asp, "project.secret_key", "1"), self.secret.as_bytes());
        let secret = secret.map_err(|error| TxError::Refused(error.to_string()))?;
        tx.execute(
            "INSERT INTO project (asp_id, project_id, kind, state, access_key_digest,
                 digest_key_id, secret_key_sealed, plain_requests, correlation_ids,
                 tran_time_window_ms, replay_window_ms)
             VALUES ($1, 1, 'SANDBOX', 'ACTIVE', $2, $3, $4, 'ACCEPTED', $5, $6, $7)",
            &[
                asp.as_str().into(),
                access_key_digest(ring.digest_key(), &asp, &self.access_key).as_slice().into(),
                ring.digest_key().id().into(),
                secret.as_slice().into(),
                if self.is_strict { "STRICT" } else { "LENIENT" }.into(),
                TRAN_TIME_WINDOW_MS.into(),
                self.replay_window_ms.into(),
            ],
        )?;
        let key = NewKey {
            key_no: FIRST,
            access_key_digest: &access_key_digest(ring.digest_key(), &asp, &self.access_key),
            digest_key_id: ring.digest_key().id(),
            secret_key_sealed: &secret,
            made_at: Timestamp(0),
        };
        access_keys::insert(tx, &asp, 1, key)?;
        for (number, (service, product)) in self.products.iter().enumerate() {
            put_product(tx, &asp, service, product)?;
            let range = NewRange {
                service_id: &ServiceId::new(service),
                // No two partners have the same numbers.
                prefix: &format!("94914{}{number}", self.place),
                kind: "ISSUE",
                number_key_id: ring.active_permuter().0,
                capacity: match number == self.short_range {
                    true => SHORT_RANGE_CAPACITY,
                    false => RANGE_CAPACITY,
                },
            };
            if !number_ranges::insert(tx, &asp, &range)? {
                return Err(TxError::Refused(format!("range {} overlaps", range.prefix)));
            }
        }
        Ok(())
    }
}

/// Writes a product's policy.
pub fn put_product(
    tx: &mut Tx<'_>,
    asp: &AspId,
    service: &str,
    product: &Product,
) -> Result<(), DbError> {
    let won = |amount| Money::won(amount).unwrap_or(Money::ZERO);
    let row = domain::product::Product {
        service_id: ServiceId::new(service),
        name: "Product".to_owned(),
        state: if product.is_active { ProductState::Active } else { ProductState::Suspended },
        issuance: match product.is_pre_issuance {
            true => Issuance::PreIssuance,
            false => Issuance::Ordinary,
        },
        mobile_only: match product.is_mobile_only_allowed {
            true => MobileOnly::Allowed,
            false => MobileOnly::Refused,
        },
        pays_abroad: if product.is_abroad { PaysAbroad::Yes } else { PaysAbroad::No },
        fees: Fees {
            issue_with_plastic: won(product.fees.issue.0),
            issue_mobile_only: won(product.fees.issue.1),
            reissue_with_plastic: won(product.fees.reissue.0),
            reissue_mobile_only: won(product.fees.reissue.1),
            renewal: won(product.fees.renewal),
            first_reissue: if product.is_first_free { Charge::Free } else { Charge::Charged },
            defective_card: Charge::Charged,
        },
        returned_fee: match product.is_refunded {
            true => ReturnedFee::Refunded,
            false => ReturnedFee::Kept,
        },
        validity_months: u16::try_from(product.validity).unwrap_or(1),
        limits: BalanceLimits { unnamed: won(500_000), named: won(2_000_000) },
    };
    products::put(tx, asp, &row, product.next.as_ref().map(ServiceId::new).as_ref())
}

impl NewMember {
    /// A member of a partner with these products; `serials` are those of given card numbers.
    pub fn choose(
        rng: &mut Rng,
        user: u64,
        services: &[String],
        serials: &mut u64,
        now_ms: u64,
    ) -> Self {
        let month = Month::at(i64::try_from((EPOCH_MS + now_ms) * 1_000).unwrap_or(0));
        let mut banks = Vec::new();
        for id in 1..=rng.weighed(&[1, 6, 3]) {
            banks.push(BankAccount {
                id: i64::try_from(id).unwrap_or(1),
                state: if rng.percent(85) { "REGISTERED" } else { "PENDING" },
                is_primary: id == 1,
                registered_ms: now_ms + u64::try_from(id).unwrap_or(0),
                pseudonym: format!("1{:011}{user:011}{id}", rng.bits() % 100_000_000_000),
            });
        }
        let mut serial = || {
            *serials += 1;
            *serials
        };
        let mut cards = Vec::new();
        for _ in 0..=rng.below(2) {
            let Some(service) = rng.pick(services) else { continue };
            cards.push(NewCard {
                service: service.clone(),
                state: match rng.weighed(&[45, 45, 10]) {
                    0 => CardState::Active,
                    1 => CardState::Suspended,
                    _ => CardState::Terminated,
                },
                balance: rng.pick(&BALANCES_WON).copied().unwrap_or(0),
                expiry: month.plus(rng.pick(&GIVEN_MONTHS).copied().unwrap_or(60)),
                serials: (serial(), rng.percent(40).then(&mut serial)),
            });
        }
        let service = if rng.percent(50) { rng.pick(services) } else { None };
        let stock = service.map(|service| Stock {
            service: service.clone(),
            expiry: month.plus(if rng.percent(10) { -1 } else { 24 }),
            serial: serial(),
        });
        let (is_active, is_verified) = (rng.percent(97), rng.percent(70));
        NewMember { user, is_active, is_verified, banks, cards, stock }
    }

    /// Writes it.
    pub fn put(
        &self,
        core: &Core,
        tx: &mut Tx<'_>,
        asp: &AspId,
        now: Timestamp,
    ) -> Result<(), TxError<String>> {
        let member = given::Member {
            user: UserId(self.user),
            name: "김시험",
            phone: "01000000000",
            birth_date: "19900101",
            is_cancelled: !self.is_active,
            is_verified: self.is_verified,
        };
        plain(given::put_member(core, tx, asp, &member, now))?;
        for bank in &self.banks {
            put_bank(core, tx, asp, self.user, bank)?;
        }
        for card in &self.cards {
            card.put(core, tx, asp, self.user, now)?;
        }
        match &self.stock {
            Some(stock) => stock.put(core, tx, asp, now),
            None => Ok(()),
        }
    }
}

/// Writes a bank account.
pub fn put_bank(
    core: &Core,
    tx: &mut Tx<'_>,
    asp: &AspId,
    user: u64,
    bank: &BankAccount,
) -> Result<(), TxError<String>> {
    let row = user.to_string();
    let sealed = core.seal(place(asp, "bank_account.account_no", &row), b"4440001");
    let sealed = sealed.map_err(|error| TxError::Refused(error.to_string()))?;
    let state = BankAccountState::parse(bank.state).unwrap_or(BankAccountState::Pending);
    let new = NewBankAccount {
        user_id: i64::try_from(user).unwrap_or(0),
        bank_account_id: bank.id,
        state,
        is_primary: bank.is_primary,
        bank_code: "003",
        fintech_use_num: &bank.pseudonym,
        account_no_sealed: &sealed,
        registered_at: Timestamp(i64::try_from(bank.registered_ms * 1_000).unwrap_or(0)),
    };
    Ok(bank_accounts::insert(tx, asp, &new)?)
}

impl NewCard {
    fn put(
        &self,
        core: &Core,
        tx: &mut Tx<'_>,
        asp: &AspId,
        user: u64,
        now: Timestamp,
    ) -> Result<(), TxError<String>> {
        let first = counters::take(tx, asp, IDS, 4)?;
        let account = CardAccountId(first);
        let service_id = ServiceId::new(&self.service);
        let card = given::Card {
            ids: CardIds { account, card: CardId(first + 1), log: first + 2 },
            user: UserId(user),
            service_id: &service_id,
            pan: given_number(self.serials.0)?,
            state: match self.state {
                CardState::Active => StoredState::Active,
                CardState::Suspended => StoredState::Suspended,
                CardState::Terminated => StoredState::Terminated,
            },
            balance_won: self.balance,
            expiry: expiry(self.expiry)?,
            par: None,
            opening: Opening { operation: "simulation", event: "simulation.opened" },
        };
        plain(given::put_card(core, tx, asp, card, Moment::plain(now)))?;
        let Some(twin) = self.serials.1 else { return Ok(()) };
        let order = Order {
            id: CardId(first + 3),
            account: Some(account),
            service_id: &service_id,
            form: Form::Physical,
            pan: given_number(twin)?,
            expiry: expiry(self.expiry)?,
            apply_no: None,
            now,
        };
        plain(cards::make(core, tx, asp, order)).map(drop)
    }
}

impl Stock {
    fn put(
        &self,
        core: &Core,
        tx: &mut Tx<'_>,
        asp: &AspId,
        now: Timestamp,
    ) -> Result<(), TxError<String>> {
        let order = Order {
            id: CardId(counters::take(tx, asp, IDS, 1)?),
            account: None,
            service_id: &ServiceId::new(&self.service),
            form: Form::Physical,
            pan: given_number(self.serial)?,
            expiry: expiry(self.expiry)?,
            apply_no: None,
            now,
        };
        plain(cards::make(core, tx, asp, order)).map(drop)
    }
}

fn expiry(month: Month) -> Result<Expiry, TxError<String>> {
    let yymm = month.yymm();
    Expiry::from_yymm(&yymm).ok_or_else(|| TxError::Refused(format!("{yymm} is no month")))
}

fn given_number(serial: u64) -> Result<Pan, TxError<String>> {
    let payload = format!("{GIVEN_PREFIX}{serial:07}");
    Pan::from_payload(&payload).map_err(|error| TxError::Refused(error.to_string()))
}

fn plain<T>(done: Done<T, NoRefusal>) -> Result<T, TxError<String>> {
    done.map_err(|error| match error {
        TxError::Db(error) => TxError::Db(error),
        TxError::Refused(stop) => TxError::Refused(format!("{stop:?}")),
    })
}
