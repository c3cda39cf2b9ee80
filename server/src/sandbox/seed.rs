//! What a sandbox holds from its start: a partner with a project and its keys, products with their
//! number ranges, the published test data, and every scenario armed.

use std::sync::Arc;

use bank::sim::Admin;
use crypto::number;
use crypto::pan::Pan;
use crypto::par::Par;
use domain::debit::CashIc;
use domain::partner::{CorrelationIds, PlainRequests, ProjectKind, ProjectState};
use domain::product::{
    BalanceLimits, Charge, Fees, Issuance, MobileOnly, PaysAbroad, Product, ProductState,
    ReturnedFee,
};
use domain::{AspId, Money, Timestamp, UserId};
use store::tables::bank_accounts::BankAccountState;
use store::tables::number_ranges::{self, NewRange};
use store::tables::products as rows;
use store::tables::{partners, projects};
use store::{DbError, Tx, TxError, Value};

use super::arm::{ArmError, arm};
use super::given::{
    self, BALANCE_LIMIT_WON, BANK_BALANCE_WON, BANK_CODE, BankAccount, NAMED_BALANCE_LIMIT_WON,
    NoRefusal, SHORT_BALANCE_WON, VALIDITY_MONTHS,
};
use super::keys::NewProject;
use super::published::{self, CARD_EXPIRY_YYMM, CARD_PREFIX};
use super::seeded::{self, Seeded};
use super::world::products::{
    ABROAD, ALL_FEES, DEBIT, DEBIT_OF_ANOTHER_BANK, DEBIT_WITH_CASH_IC, FREE, NOT_ON_OFFER,
    ORDINARY, ORDINARY_WITH_FEE, ProductKey, STANDARD, WITH_FEES, WITHOUT_NEXT,
};
use super::world::{GIVEN_PREFIX, World};
use super::{ASP_ID, PROJECT_ID};
use crate::context::{App, Core};
use crate::keys::access::AccessKeys;
use crate::keys::change::Change;
use crate::op::{Done, OrStop, fault, transact};

/// What the numbers that the sandbox issues begin with, by the place of their product's policy.
const PREFIXES: [&str; 12] = [
    "9491400", "9491401", "9491402", "9491403", "9491404", "9491405", "9491406", "9491407",
    "9491408", "9491409", "9491412", "9491413",
];
/// A bank at which no scenario has an account.
const ANOTHER_BANK_CODE: &str = "088";
/// A day: the sandbox's window for Tran-Time and for repeated calls, milliseconds.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// How often the arming of a scenario is tried when a sandbox is made.
const ARM_ATTEMPTS: u32 = 5;

struct Policy {
    key: ProductKey,
    name: &'static str,
    issuance: Issuance,
    mobile_only: MobileOnly,
    pays_abroad: PaysAbroad,
    state: ProductState,
    fee_won: i64,
    fee_mobile_only_won: i64,
    issue_fee_won: i64,
    renewal_fee_won: i64,
    /// Of the first reissue, and of a defective card's.
    waives: Charge,
    next: Option<ProductKey>,
    /// Of a debit product: its bank's code, and whether its plastic can be a cash card.
    debit: Option<(&'static str, CashIc)>,
}

impl Policy {
    fn fees(&self) -> Option<Fees> {
        Some(Fees {
            issue_with_plastic: Money::won(self.issue_fee_won)?,
            issue_mobile_only: Money::ZERO,
            reissue_with_plastic: Money::won(self.fee_won)?,
            reissue_mobile_only: Money::won(self.fee_mobile_only_won)?,
            renewal: Money::won(self.renewal_fee_won)?,
            first_reissue: self.waives,
            defective_card: self.waives,
        })
    }
}

const fn policy(key: ProductKey, name: &'static str) -> Policy {
    Policy {
        key,
        name,
        issuance: Issuance::PreIssuance,
        mobile_only: MobileOnly::Allowed,
        pays_abroad: PaysAbroad::No,
        state: ProductState::Active,
        fee_won: 0,
        fee_mobile_only_won: 0,
        issue_fee_won: 0,
        renewal_fee_won: 0,
        waives: Charge::Charged,
        next: None,
        debit: None,
    }
}

const fn debit(
    key: ProductKey,
    name: &'static str,
    (bank_code, cash_ic): (&'static str, CashIc),
) -> Policy {
    Policy {
        mobile_only: MobileOnly::Refused,
        debit: Some((bank_code, cash_ic)),
        ..policy(key, name)
    }
}

const fn ordinary(key: ProductKey, name: &'static str, fee_won: i64) -> Policy {
    Policy {
        issuance: Issuance::Ordinary,
        mobile_only: MobileOnly::Refused,
        fee_won,
        ..policy(key, name)
    }
}

const POLICIES: [Policy; PREFIXES.len()] = [
    Policy { fee_won: 3_000, ..policy(STANDARD, "Standard") },
    policy(FREE, "Free"),
    ordinary(ORDINARY, "Ordinary", 0),
    ordinary(ORDINARY_WITH_FEE, "Ordinary with a fee", 3_000),
    Policy { pays_abroad: PaysAbroad::Yes, ..policy(ABROAD, "Pays abroad") },
    Policy { next: Some(NOT_ON_OFFER), ..policy(WITHOUT_NEXT, "Without a next product") },
    Policy { state: ProductState::Suspended, ..policy(NOT_ON_OFFER, "Not on offer") },
    Policy { fee_won: 3_000, fee_mobile_only_won: 1_000, ..policy(WITH_FEES, "With fees") },
    Policy {
        fee_won: 3_000,
        issue_fee_won: 2_000,
        renewal_fee_won: 1_000,
        waives: Charge::Free,
        ..policy(ALL_FEES, "A fee for everything")
    },
    debit(DEBIT, "Debit", (BANK_CODE, CashIc::None)),
    debit(DEBIT_WITH_CASH_IC, "Debit with a cash IC", (BANK_CODE, CashIc::Supported)),
    debit(DEBIT_OF_ANOTHER_BANK, "Debit of another bank", (ANOTHER_BANK_CODE, CashIc::None)),
];

/// Why a sandbox could not be seeded.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// Keys could not be made.
    #[error(transparent)]
    Keys(#[from] super::keys::SandboxError),
    /// The database failed.
    #[error("the sandbox's data could not be written (code {0}); see the log")]
    Data(&'static str),
    /// A scenario could not be armed.
    #[error("scenario {name} could not be armed: {source}")]
    Scenario {
        /// The scenario.
        name: &'static str,
        /// Why.
        source: ArmError,
    },
    /// The bank simulator failed.
    #[error(transparent)]
    Bank(#[from] bank::sim::AdminError),
}

/// Writes partner, project, products and published data into a sandbox; what it has of them stays
/// as it is. `true` where it was new.
pub async fn base(app: &App) -> Result<bool, SeedError> {
    let project = Arc::new(NewProject::make()?);
    let written = transact(app, || {
        let (core, project, now) = (app.core.clone(), Arc::clone(&project), app.clock.now());
        move |tx: &mut Tx<'_>| put_base(&core, tx, &project, now)
    });
    written.await.map_err(|answer| SeedError::Data(answer.code()))
}

/// Gives the published members' accounts to the bank and arms the scenarios, of members that were
/// not given before. They are noted at the end: a seeding that was cut short is done again.
pub async fn members(app: &Arc<App>, bank: &Admin, seeded: Seeded) -> Result<(), SeedError> {
    let mut new = Vec::new();
    for (user, member) in seeded::published().filter(|(user, _)| !seeded.has(*user)) {
        let balance = if member.has_money { BANK_BALANCE_WON } else { SHORT_BALANCE_WON };
        bank.put_account(&bank_account(user, member).at_bank(balance)).await?;
        new.push(user);
    }
    let asp = AspId::new(ASP_ID);
    let scenarios = app.operations.handlers().iter().flat_map(|handler| &handler.scenarios);
    for scenario in scenarios {
        let (name, user) = (scenario.told.name, UserId(scenario.world.user_id()));
        if !seeded.has(user) {
            let armed = arm_patiently(app, bank, &asp, &scenario.world).await;
            armed.map_err(|source| SeedError::Scenario { name, source })?;
            new.push(user);
        }
    }
    seeded::note(app, new).await
}

/// Two servers that start on a new database both arm: one may find the other's rows in its way.
async fn arm_patiently(
    app: &Arc<App>,
    bank: &Admin,
    asp: &AspId,
    world: &World,
) -> Result<(), ArmError> {
    for _ in 1..ARM_ATTEMPTS {
        if arm(app, bank, asp, world).await.is_ok() {
            return Ok(());
        }
    }
    arm(app, bank, asp, world).await
}

fn bank_account(user: UserId, member: &published::Member) -> BankAccount<'static> {
    BankAccount {
        user,
        holder: member.name,
        fintech_use_num: given::fintech_use_num(user),
        bank_code: member.bank_code,
        account_no: member.bank_account,
    }
}

fn put_base(
    core: &Core,
    tx: &mut Tx<'_>,
    project: &NewProject,
    now: Timestamp,
) -> Done<bool, NoRefusal> {
    let asp = AspId::new(ASP_ID);
    let ring = core.keys.ring();
    // One server at a time looks what is missing.
    Change::lock(tx)?;
    let kept = project.credentials.keep(tx, &asp, &ring);
    let is_new = kept.map_err(|error| fault(format!("credentials: {error:?}")))?;
    if is_new {
        partners::insert(tx, &asp, "Sandbox partner")?;
        put_project(core, tx, &asp, project, now)?;
    }
    put_products(core, tx, &asp)?;
    put_published(core, tx, &asp, now)?;
    Ok(is_new)
}

/// Whether a row of the partner is there, by the query's `$2`.
fn has(tx: &mut Tx<'_>, asp: &AspId, sql: &'static str, key: Value<'_>) -> Result<bool, DbError> {
    Ok(tx.query_opt(sql, &[asp.as_str().into(), key])?.is_some())
}

/// Writes the products and ranges that are missing.
fn put_products(core: &Core, tx: &mut Tx<'_>, asp: &AspId) -> Done<(), NoRefusal> {
    for (policy, prefix) in POLICIES.iter().zip(PREFIXES) {
        let sql = "SELECT 1 FROM product WHERE asp_id = $1 AND service_id = $2";
        if !has(tx, asp, sql, policy.key.service_id().as_str().into())? {
            put_product(core, tx, asp, policy, prefix, "ISSUE")?;
        }
    }
    for prefix in [GIVEN_PREFIX, CARD_PREFIX] {
        let sql = "SELECT 1 FROM number_range WHERE asp_id = $1 AND prefix = $2";
        if !has(tx, asp, sql, prefix.into())? {
            put_range(core, tx, asp, STANDARD, prefix, "GIVEN")?;
        }
    }
    Ok(())
}

/// Writes the published data that are missing.
fn put_published(core: &Core, tx: &mut Tx<'_>, asp: &AspId, now: Timestamp) -> Done<(), NoRefusal> {
    for (user, member) in seeded::published() {
        if !seeded::is_member(tx, user)? {
            put_member(core, tx, asp, user, member, now)?;
        }
    }
    for card in &published::PHYSICAL_CARDS {
        let mut is_there = false;
        for index in core.pan_indexes(asp, card.card_no).or_stop()? {
            let sql = "SELECT 1 FROM card WHERE asp_id = $1 AND pan_index = $2";
            is_there |= has(tx, asp, sql, index.as_slice().into())?;
        }
        if !is_there {
            put_plastic(core, tx, asp, card, now)?;
        }
    }
    for (id, name) in published::MERCHANTS {
        tx.execute(
            "INSERT INTO merchant (asp_id, merchant_id, name) VALUES ($1, $2, $3)
             ON CONFLICT (asp_id, merchant_id) DO NOTHING",
            &[asp.as_str().into(), id.into(), name.into()],
        )?;
    }
    for id in published::TERMS {
        tx.execute(
            "INSERT INTO terms (asp_id, terms_id) VALUES ($1, $2)
             ON CONFLICT (asp_id, terms_id) DO NOTHING",
            &[asp.as_str().into(), id.into()],
        )?;
    }
    Ok(())
}

fn put_project(
    core: &Core,
    tx: &mut Tx<'_>,
    asp: &AspId,
    project: &NewProject,
    now: Timestamp,
) -> Done<(), NoRefusal> {
    let credentials = &project.credentials;
    let keys = AccessKeys {
        access_key: credentials.access_key.clone(),
        secret_key: credentials.secret_key.clone(),
    };
    let row = projects::Project {
        project_id: PROJECT_ID,
        kind: ProjectKind::Sandbox,
        state: ProjectState::Active,
        plain: PlainRequests::Accepted,
        correlation: CorrelationIds::Lenient,
        tran_time_window_ms: DAY_MS,
        replay_window_ms: DAY_MS,
        access: projects::Access::default(),
    };
    let made = keys
        .insert(tx, core, asp, (&row, now))
        .and_then(|_| project.pair.insert(tx, &core.keys.ring(), asp, PROJECT_ID, now));
    match made {
        Ok(()) => Ok(()),
        Err(TxError::Db(error)) => Err(TxError::Db(error)),
        Err(TxError::Refused(error)) => Err(fault(error.to_string())),
    }
}

fn put_product(
    core: &Core,
    tx: &mut Tx<'_>,
    asp: &AspId,
    policy: &Policy,
    prefix: &str,
    kind: &str,
) -> Done<(), NoRefusal> {
    let product = Product {
        service_id: policy.key.service_id(),
        name: policy.name.to_owned(),
        state: policy.state,
        issuance: policy.issuance,
        mobile_only: policy.mobile_only,
        pays_abroad: policy.pays_abroad,
        fees: policy.fees().or_stop()?,
        returned_fee: ReturnedFee::Refunded,
        validity_months: VALIDITY_MONTHS,
        limits: BalanceLimits {
            unnamed: Money::won(BALANCE_LIMIT_WON).or_stop()?,
            named: Money::won(NAMED_BALANCE_LIMIT_WON).or_stop()?,
        },
    };
    let next = policy.next.map(ProductKey::service_id);
    rows::put(tx, asp, &product, next.as_ref())?;
    if let Some(debit) = policy.debit {
        rows::set_debit(tx, asp, &product.service_id, debit)?;
    }
    put_range(core, tx, asp, policy.key, prefix, kind)
}

fn put_range(
    core: &Core,
    tx: &mut Tx<'_>,
    asp: &AspId,
    product: ProductKey,
    prefix: &str,
    kind: &str,
) -> Done<(), NoRefusal> {
    let capacity = number::capacity(prefix).map_err(|error| fault(error.to_string()))?;
    let range = NewRange {
        service_id: &product.service_id(),
        prefix,
        kind,
        number_key_id: core.keys.ring().active_permuter().0,
        capacity: i64::try_from(capacity).ok().or_stop()?,
    };
    match number_ranges::insert(tx, asp, &range)? {
        true => Ok(()),
        false => Err(fault(format!("number range {prefix} overlaps with another one"))),
    }
}

fn put_member(
    core: &Core,
    tx: &mut Tx<'_>,
    asp: &AspId,
    user: UserId,
    member: &published::Member,
    now: Timestamp,
) -> Done<(), NoRefusal> {
    let new = given::Member {
        user,
        name: member.name,
        phone: "01000000000",
        birth_date: member.birth_date,
        is_cancelled: false,
        is_verified: false,
    };
    given::put_member(core, tx, asp, &new, now)?;
    let account = bank_account(user, member);
    given::put_bank_account(core, tx, asp, &account, BankAccountState::Registered, now)
}

fn put_plastic(
    core: &Core,
    tx: &mut Tx<'_>,
    asp: &AspId,
    card: &published::PhysicalCard,
    now: Timestamp,
) -> Done<(), NoRefusal> {
    let plastic = given::Plastic {
        service_id: &STANDARD.service_id(),
        pan: Pan::parse(card.card_no).map_err(|error| fault(error.to_string()))?,
        expiry_yymm: CARD_EXPIRY_YYMM,
        cvc: card.cvc,
        par: &Par::parse(card.par).map_err(|error| fault(error.to_string()))?,
    };
    given::put_plastic(core, tx, asp, plastic, now)
}
