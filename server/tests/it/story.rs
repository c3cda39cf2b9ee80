//! The life of a card over HTTP, as its partner sees it: issue, deliver, register, suspend,
//! reissue, deliver, register, renew, deliver, register, discard.

use crypto::jwe::{self, PrivateKey};
use domain::{AspId, Timestamp};
use platen::applying::example_address;
use platen::audit::sealer::round;
use platen::audit::verify::verify;
use platen::delivery::writing::write;
use platen::ops::prepaid_card::issue;
use platen::sandbox::ASP_ID;
use platen::sandbox::world::products::{ALL_FEES, ORDINARY_WITH_FEE, ProductKey};
use platen::sandbox::world::{Card, World};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::delivery::files::{Back, maker, order, read, row};
use crate::given::given;
use crate::raw::Raw;
use crate::support::{REISSUE, STATE, TestBank, TestServer, aside, code, on_each_engine};

const ISSUE: &str = "/api/v1/prepay-card/issue/delivery";
const REGISTER: &str = "/api/v1/prepay-card/physical/register";
const RENEW: &str = "/api/v1/prepay-card/expired/reissue";
const TERMINATE: &str = "/api/v1/card/terminate";
const LIST: &str = "/api/v1/user/card/list";
const DELIVERY: &str = "/api/v1/card/delivery/inquiry";
const EVENTS: &str = "/platen/v1/events";

const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// What the member keeps on the card, won.
const BALANCE: i64 = 12_345;

#[tokio::test(flavor = "multi_thread")]
async fn of_a_pre_issuance_product() {
    on_each_engine(async |server, bank, _| {
        // The first reissue is free.
        life(&server, &bank, ALL_FEES, &[2_000, 1_000]).await;
        assert_eq!(happened(&server).await, PRE_ISSUANCE);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_ordinary_product() {
    on_each_engine(async |server, bank, _| {
        life(&server, &bank, ORDINARY_WITH_FEE, &[3_000]).await;
        assert_eq!(happened(&server).await, ORDINARY);
    })
    .await;
}

async fn life(server: &TestServer, bank: &TestBank, product: ProductKey, fees: &[i64]) {
    let maker = Maker { key: maker(server, "M1").await, folder: TempDir::new().unwrap() };
    let world = given(server, bank, |world| {
        world.card = Card::None;
        world.product = product;
    })
    .await;
    let holder = Holder { server, world: &world };

    let first = holder.applies(ISSUE, issue::with_plastic(&world)).await;
    let plastic = maker.delivers(server, &first).await;
    holder.registers(&plastic).await;
    holder.charges(&first, ("opening", "card"), BALANCE).await;
    let card = holder.card().await;
    assert_eq!(card["physicalCardNo"], plastic["number"]);

    // Either number of the pair reports the loss.
    assert_eq!(holder.reports(&plastic["number"], "SUSPEND").await, "000_000");
    let second = holder.applies(REISSUE, holder.replacing(&card["mobileCardNo"])).await;
    let plastic = holder.receives(&second).await;
    holder.registers(&plastic).await;
    let successor = holder.card().await;
    assert_ne!(successor["par"], card["par"]);
    assert_eq!(holder.reports(&card["mobileCardNo"], "RESUME").await, "003_022");

    // Twenty days before it ends.
    let last_day = format!("{}000000", successor["expiryDate"].as_str().unwrap());
    let last_day = Timestamp::from_seoul_text(&last_day).unwrap();
    forward(server, Timestamp(last_day.0 - 20 * DAY_US)).await;
    let third = holder.applies(RENEW, holder.replacing(&plastic["number"])).await;
    let plastic = holder.receives(&third).await;
    holder.registers(&plastic).await;
    let renewed = holder.card().await;
    assert!(renewed["expiryDate"].as_str() > successor["expiryDate"].as_str());

    let discard = json!({ "userId": world.user_id(), "par": renewed["par"] });
    let refused = server.call(TERMINATE, &discard).await;
    assert_ne!(code(&refused), "000_000", "there is money on it");
    holder.charges(&third, ("card", "opening"), BALANCE).await;
    done(server, TERMINATE, &discard).await;
    let none = done(server, LIST, &json!({ "userId": world.user_id() })).await;
    assert_eq!(none["cardDataInfo"], json!([]));

    assert_eq!(bank.withdrawn(&world).await, fees);
    assert_eq!(bank.given_back(&world).await, [0_i64; 0]);
    server.assert_balances_derive().await;
    assert_eq!(bank.admin.totals().await.unwrap().taken(), server.fees_taken().await);
}

/// A call that succeeds.
pub async fn done(server: &TestServer, path: &str, body: &Value) -> Value {
    let answer = server.call(path, body).await;
    assert_eq!(code(&answer), "000_000", "{path}: {}", answer.body_clear);
    answer.json().unwrap()
}

/// The member and its partner.
struct Holder<'a> {
    server: &'a TestServer,
    world: &'a World,
}

impl Holder<'_> {
    /// Applies for a card: the number of the application, whose plastic is ordered.
    async fn applies(&self, path: &str, body: Value) -> String {
        let answer = done(self.server, path, &body).await;
        let apply_no = answer["cardApplyNo"].as_str().unwrap().to_owned();
        assert_eq!(self.delivery(&apply_no).await, "READY");
        apply_no
    }

    /// The request of a card in the place of this one.
    fn replacing(&self, number: &Value) -> Value {
        let user = json!({ "userId": self.world.user_id(), "addressInfo": example_address() });
        json!({ "userInfo": user, "cardInfo": { "oldCardNo": number } })
    }

    async fn delivery(&self, apply_no: &str) -> String {
        let body = json!({ "userId": self.world.user_id(), "cardApplyNo": apply_no });
        let answer = done(self.server, DELIVERY, &body).await;
        answer["status"].as_str().unwrap().to_owned()
    }

    /// The card comes by the sandbox's own carrier; what stands on it.
    async fn receives(&self, apply_no: &str) -> Value {
        let path = |what: &str| format!("/sandbox/v1/deliveries/{apply_no}/{what}");
        let plastic = Raw::plain(self.server, &path("plastic"), "").by("GET");
        for state in ["RECEIPT", "PRE_SHIPPING", "SHIPPING", "ARRIVAL"] {
            let early = plastic.send(self.server).await;
            assert_eq!(early.status, 409, "{}", early.json());
            let moved = Raw::plain(self.server, &path("advance"), "").send(self.server).await;
            assert_eq!((moved.status, &moved.json()["state"]), (200, &json!(state)));
        }
        assert_eq!(self.delivery(apply_no).await, "ARRIVAL");
        let told = plastic.send(self.server).await;
        assert_eq!((told.status, told.header("cache-control")), (200, Some("no-store")));
        let on_card = told.json();
        json!({
            "number": on_card["cardNo"],
            "expiry": on_card["expiry"],
            "cvc": on_card["cvc"],
        })
    }

    /// Registers the plastic, once: it cannot be registered again.
    async fn registers(&self, plastic: &Value) {
        let body = json!({
            "userId": self.world.user_id(),
            "physicalCardNo": plastic["number"],
            "physicalCardExpDate": plastic["expiry"],
            "physicalCardCVC": plastic["cvc"],
        });
        let answer = done(self.server, REGISTER, &body).await;
        assert_eq!(answer["mobileCardNo"], self.card().await["mobileCardNo"]);
        assert_eq!(code(&self.server.call(REGISTER, &body).await), "003_001");
    }

    /// The only card, in use, with its plastic and the member's money.
    async fn card(&self) -> Value {
        let told = done(self.server, LIST, &json!({ "userId": self.world.user_id() })).await;
        let [card] = told["cardDataInfo"].as_array().unwrap().as_slice() else {
            panic!("{told}");
        };
        assert_eq!(card["mobileCardStatus"], "ACTIVE");
        assert_eq!(card["physicalCardStatus"], "ACTIVE");
        let sql = "SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) FROM card_account
             WHERE asp_id = $1 AND user_id = $2";
        let all = self.server.row(sql, &[self.world.user_id().into()]).await;
        assert_eq!(card["balance"].to_string(), all, "all of it is on this card");
        card.clone()
    }

    async fn reports(&self, number: &Value, status: &str) -> String {
        let body = json!({ "userId": self.world.user_id(), "cardNo": number, "status": status });
        code(&self.server.call(STATE, &body).await).to_owned()
    }

    /// Money that no operation moves comes onto the card of this application, or leaves it.
    async fn charges(&self, apply_no: &str, (debit, credit): (&str, &str), won: i64) {
        let sql = "SELECT new_account_id FROM application WHERE asp_id = $1 AND apply_no = $2";
        let account = self.server.row(sql, &[apply_no.into()]).await;
        let key = |name: &str| match name {
            "card" => format!("card:{account}"),
            other => other.to_owned(),
        };
        let sign = if credit == "card" { 1 } else { -1 };
        let keys = [account.parse::<i64>().unwrap().into(), (sign * won).into()];
        let sql = "UPDATE card_account SET balance = balance + $3
             WHERE asp_id = $1 AND account_id = $2";
        assert_eq!(self.server.exec(sql, &keys).await, 1);
        let sql = "INSERT INTO posting (asp_id, log_id, line, debit, credit, amount, currency)
             SELECT asp_id, MAX(log_id), 90, $3, $4, $5, 'KRW' FROM operation_log
             WHERE asp_id = $1 AND subject = $2 GROUP BY asp_id";
        let (debit, credit) = (key(debit), key(credit));
        let keys = [apply_no.into(), debit.as_str().into(), credit.as_str().into(), won.into()];
        assert_eq!(self.server.exec(sql, &keys).await, 1);
    }
}

/// A card maker, who also carries the cards.
struct Maker {
    key: PrivateKey,
    folder: TempDir,
}

impl Maker {
    /// Takes the file with the card, and says that it was delivered; what stands on it.
    async fn delivers(&self, server: &TestServer, apply_no: &str) -> Value {
        let order = order(server, "M1", self.folder.path());
        let (store, core) = (&server.app.store, &server.app.core);
        let written = write(store, core, &order, 10).await.unwrap().unwrap();
        let text = std::fs::read_to_string(&written.path).unwrap();
        let line = text.lines().find(|line| line.contains(apply_no)).unwrap();
        let sealed = line.split(',').nth(5).unwrap();
        let (plain, _) = jwe::decrypt(sealed, &self.key).unwrap();
        let back = Back { maker: "M1", sequence: 1, key: &self.key };
        let states = ["RECEIPT", "SHIPPING", "ARRIVAL"];
        let rows = states.map(|state| row(server, apply_no, state, 1));
        let path = self.folder.path().join("back.csv");
        let done = read(server, &path, &back.text(&rows)).await.unwrap();
        assert_eq!((done.rows, done.changed), (3, 3));
        serde_json::from_slice(plain.expose()).unwrap()
    }
}

async fn forward(server: &TestServer, to: Timestamp) {
    let body = json!({ "forwardTo": to.seoul_text() }).to_string();
    let moved = Raw::plain(server, "/sandbox/v1/clock", body).send(server).await;
    assert_eq!(moved.status, 200, "{}", moved.json());
}

/// What the feed tells of the member's life, in its order, once the log is sealed; and the log
/// holds together.
async fn happened(server: &TestServer) -> Vec<String> {
    round(&server.app).await.unwrap();
    let (store, core) = (server.app.store.clone(), server.app.core.clone());
    let report = move || verify(&store, &core.keys, &AspId::new(ASP_ID), None).unwrap();
    assert_eq!(aside(report).await.breaks, []);
    let told = done(server, EVENTS, &json!({ "limit": 500 })).await;
    assert_eq!(told["hasMore"], false);
    let events = told["events"].as_array().unwrap();
    let user = events.last().unwrap()["userId"].clone();
    let own = events.iter().filter(|event| event["userId"] == user);
    own.map(|event| {
        let kind = event["type"].as_str().unwrap();
        event["state"].as_str().map_or_else(|| kind.to_owned(), |state| format!("{kind} {state}"))
    })
    .collect()
}

/// By file a carrier need not tell of every state.
const PRE_ISSUANCE: &[&str] = &[
    "card.issued",
    "delivery.changed RECEIPT",
    "delivery.changed SHIPPING",
    "delivery.changed ARRIVAL",
    "card.registered",
    "card.suspended",
    "card.reissued",
    "delivery.changed RECEIPT",
    "delivery.changed PRE_SHIPPING",
    "delivery.changed SHIPPING",
    "delivery.changed ARRIVAL",
    "card.registered",
    "card.renewed",
    "delivery.changed RECEIPT",
    "delivery.changed PRE_SHIPPING",
    "delivery.changed SHIPPING",
    "delivery.changed ARRIVAL",
    "card.registered",
    "card.discarded",
];

/// The cards come with the registration of their plastic.
const ORDINARY: &[&str] = &[
    "card.issue_applied",
    "delivery.changed RECEIPT",
    "delivery.changed SHIPPING",
    "delivery.changed ARRIVAL",
    "card.issued",
    "card.registered",
    "card.suspended",
    "card.reissue_applied",
    "delivery.changed RECEIPT",
    "delivery.changed PRE_SHIPPING",
    "delivery.changed SHIPPING",
    "delivery.changed ARRIVAL",
    "card.reissued",
    "card.registered",
    "card.renewal_applied",
    "delivery.changed RECEIPT",
    "delivery.changed PRE_SHIPPING",
    "delivery.changed SHIPPING",
    "delivery.changed ARRIVAL",
    "card.renewed",
    "card.registered",
    "card.discarded",
];
