//! Members made for one check: each with a card and a bank account of its own.

use std::sync::atomic::{AtomicU32, Ordering};

use bank::OrderKind;
use bank::sim::Scope;
use crypto::pan::Pan;
use crypto::par::Par;
use domain::{AspId, CardAccountId, CardId, Expiry};
use platen::cards;
use platen::op::Done;
use platen::ops::prepaid_card::reissue::{Error, with_plastic};
use platen::sandbox::ASP_ID;
use platen::sandbox::arm::arm;
use platen::sandbox::world::products::ProductKey;
use platen::sandbox::world::{GIVEN_PREFIX, World};
use serde_json::{Value, json};
use store::Tx;
use store::tables::cards::Form;

use crate::support::{TestBank, TestServer};

/// Numbers of members beyond the scenarios' own.
static NEXT: AtomicU32 = AtomicU32::new(10_000);
static NEXT_CALL: AtomicU32 = AtomicU32::new(1);

/// A new member as `change` wants it.
pub async fn given(server: &TestServer, bank: &TestBank, change: impl FnOnce(&mut World)) -> World {
    let mut world = World::new(NEXT.fetch_add(1, Ordering::Relaxed));
    change(&mut world);
    arm(&server.app, &bank.admin, &AspId::new(ASP_ID), &world).await.unwrap();
    world
}

/// A new member whose card is of this product.
pub async fn given_of(server: &TestServer, bank: &TestBank, product: ProductKey) -> World {
    given(server, bank, |world| world.product = product).await
}

/// A correlation id that no other call has.
pub fn new_id() -> String {
    format!("260101000000-{:07x}", NEXT_CALL.fetch_add(1, Ordering::Relaxed))
}

/// A reissue without plastic.
pub fn mobile_only(world: &World) -> Value {
    json!({
        "userInfo": { "userId": world.user_id() },
        "cardInfo": { "oldCardNo": world.card_no() },
        "isDeliveryRequired": false,
    })
}

/// A reissue with plastic, by this number.
pub fn by_number(world: &World, number: &str) -> Value {
    let mut request = with_plastic(world);
    request["cardInfo"]["oldCardNo"] = json!(number);
    request
}

/// A change of state.
pub fn change(world: &World, status: &str) -> Value {
    json!({ "userId": world.user_id(), "cardNo": world.card_no(), "status": status })
}

impl TestServer {
    /// The member's first card account.
    pub async fn account(&self, world: &World) -> i64 {
        let sql = "SELECT MIN(account_id) FROM card_account WHERE asp_id = $1 AND user_id = $2";
        self.row(sql, &[world.user_id().into()]).await.parse().unwrap()
    }

    /// Links plastic to the member's card; its number.
    pub async fn link_plastic(&self, world: &World) -> String {
        let account = CardAccountId(self.account(world).await);
        let (core, now) = (self.app.core.clone(), self.app.clock.now());
        let (service_id, asp) = (world.product.service_id(), AspId::new(ASP_ID));
        let pan = Pan::from_payload(&format!("{GIVEN_PREFIX}5{:06}", world.number)).unwrap();
        let number = pan.reveal().to_owned();
        let write = move |tx: &mut Tx<'_>| -> Done<(), Error> {
            let order = cards::Order {
                // Beyond what the supply hands out here.
                id: CardId(1_000_000_000 + account.0),
                account: Some(account),
                service_id: &service_id,
                form: Form::Physical,
                pan: pan.clone(),
                expiry: Expiry::after(now, 60),
                apply_no: None,
                now,
            };
            cards::make::<Error>(&core, tx, &asp, order).map(drop)
        };
        self.app.store.write(write).await.unwrap();
        number
    }
}

impl TestBank {
    /// Sets how the bank of the member behaves, or at the next order alone.
    pub async fn behave(&self, world: &World, words: &str, scope: Scope) {
        let number = world.fintech_use_num();
        self.admin.set_behaviour(&number, words.parse().unwrap(), scope).await.unwrap();
    }

    /// What was withdrawn from the member's account, each time.
    pub async fn withdrawn(&self, world: &World) -> Vec<i64> {
        self.moved(world, OrderKind::Withdrawal).await
    }

    /// What was given to the member's account, each time.
    pub async fn given_back(&self, world: &World) -> Vec<i64> {
        self.moved(world, OrderKind::Deposit).await
    }

    async fn moved(&self, world: &World, kind: OrderKind) -> Vec<i64> {
        let page = self.admin.ledger(Some(&world.fintech_use_num()), 0).await.unwrap();
        let entries = page.entries.iter().filter(|entry| entry.kind == kind);
        entries.map(|entry| entry.amount).collect()
    }
}

/// The new mobile card that an answer tells of: its number and its PAR, in form.
pub fn told_card(answer: &Value) -> (Pan, Par) {
    let pan = Pan::parse(answer["mobileCardNo"].as_str().unwrap()).unwrap();
    (pan, Par::parse(answer["mobileCardPar"].as_str().unwrap()).unwrap())
}
