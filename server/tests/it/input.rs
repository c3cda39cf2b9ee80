//! Bodies: what is no JSON object, and what each field takes.

use crypto::jwe::Enc;
use platen::sandbox::ASP_ID;
use platen::sandbox::world::World;
use serde_json::{Value, json};
use store::{Tx, TxError};

use crate::bodies::{REFUSED, idle_state, refused_reissue, with, without};
use crate::raw::{Raw, RawAnswer};
use crate::support::{REISSUE, STATE, TestServer, code, on_each_engine, on_sqlite, quick};

/// A whole number that no floating-point number holds.
const HUGE: &str = concat!(
    "99999999999999999999999999999999999999999999999999999999999999999999999999999999",
    "99999999999999999999999999999999999999999999999999999999999999999999999999999999",
    "99999999999999999999999999999999999999999999999999999999999999999999999999999999",
    "99999999999999999999999999999999999999999999999999999999999999999999999999999999",
);

async fn answer(server: &TestServer, path: &str, body: impl AsRef<[u8]>) -> RawAnswer {
    Raw::plain(server, path, body).send(server).await
}

async fn expect_code(server: &TestServer, path: &str, body: &Value, code: &str) {
    let answer = answer(server, path, body.to_string()).await;
    assert_eq!(answer.code(), code, "{body}");
    assert_eq!(answer.status, if code == "000_000" { 200 } else { 400 }, "{body}");
}

async fn expect_fault(server: &TestServer, path: &str, body: &str, field: &str) {
    let answer = answer(server, path, body).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "000_002"), "{body}");
    assert_eq!(answer.description(), format!("Invalid input parameter. {field}"), "{body}");
    let members = answer.json().as_object().map(serde_json::Map::len);
    assert_eq!(members, Some(1), "no other field in {body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_json_object_is_a_body() {
    on_sqlite(quick(), async |server| {
        let body = idle_state().to_string();
        let utf16: Vec<u8> = body.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let with_mark = [b"\xef\xbb\xbf".as_slice(), body.as_bytes()].concat();
        let nested = |levels: usize| {
            let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
            body.replacen('{', &format!("{{\"deep\":{open}{close},"), 1)
        };
        let in_objects = format!("{}{}", "{\"a\":".repeat(30_000 / 5), "1");
        let mut bad: Vec<Vec<u8>> = vec![utf16, with_mark, in_objects.into_bytes()];
        for text in [
            "",
            " ",
            "null",
            "true",
            "1",
            "\"x\"",
            "[]",
            "[{}]",
            "{",
            "}",
            "{]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{'a':1}",
            "{\"a\":01}",
            "{\"a\":+1}",
            "{\"a\":.5}",
            "{\"a\":NaN}",
            "{\"a\":Infinity}",
            "{\"a\":\"\n\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":tru}",
            "{}{}",
            "{} x",
            "{}\0",
            "\0",
            "{\"a\":1}//",
            "{\"a\":\"\u{0}\"}",
            "userId=1",
            "<a/>",
        ] {
            bad.push(text.as_bytes().to_vec());
        }
        bad.extend((1..body.len()).step_by(7).map(|cut| body.as_bytes()[..cut].to_vec()));
        bad.extend(
            [format!("{body},"), format!("{body}{body}"), nested(17), nested(60_000 / 2)]
                .map(String::into_bytes),
        );
        bad.push(b"{\"a\":\"\xff\"}".to_vec());
        bad.push(b"{\"a\":\"\xed\xa0\x80\"}".to_vec());
        bad.push(b"{\"a\":\"\xc0\xaf\"}".to_vec());
        for bytes in bad {
            let what = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
            let answer = answer(server, STATE, bytes).await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "000_909"), "{what}");
        }
        for good in
            [nested(16), format!("\t\r\n {body} \n"), body.replace("userId", "user\\u0049d")]
        {
            let answer = answer(server, STATE, &good).await;
            assert_eq!(answer.code(), "000_000", "{good}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_id_is_a_whole_number_of_up_to_nineteen_digits() {
    on_each_engine(async |server, _, _| {
        let (state, reissue) = (idle_state().to_string(), refused_reissue().to_string());
        let own = World::new(101).user_id().to_string();
        let card = World::new(110).user_id().to_string();
        for value in [
            "0",
            "-1",
            "-0",
            "1.5",
            "1.0",
            "1e3",
            "1E0",
            "\"1\"",
            "null",
            "true",
            "[1]",
            "{}",
            "\"\"",
            "10000000000000000000",
            "18446744073709551615",
            "18446744073709551616",
            "99999999999999999999999999",
            "-9223372036854775809",
            "1e400",
            "-1E+400",
            HUGE,
        ] {
            expect_fault(&server, STATE, &state.replace(&own, value), "userId").await;
            expect_fault(&server, REISSUE, &reissue.replace(&card, value), "userId").await;
        }
        // Beyond what is issued, beyond 64 bits with a sign: simply not found.
        for value in [
            "1",
            "9007199254740993",
            "9223372036854775807",
            "9223372036854775808",
            "9999999999999999999",
        ] {
            for (path, body) in
                [(STATE, state.replace(&own, value)), (REISSUE, reissue.replace(&card, value))]
            {
                let answer = answer(&server, path, &body).await;
                assert_eq!((answer.status, answer.code().as_str()), (400, "001_006"), "{body}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lengths_are_counted_in_characters() {
    on_sqlite(quick(), async |server| {
        let good = refused_reissue();
        for (path, name) in [
            ("/userInfo/addressInfo/address", "userInfo.addressInfo.address"),
            ("/userInfo/addressInfo/addressDetail", "userInfo.addressInfo.addressDetail"),
        ] {
            for unit in
                ["a", "가", "é", "😀", "e\u{301}", "\u{200d}", "\u{0}", "\"", "\\", "\u{7f}"]
            {
                let count = unit.chars().count();
                for length in [1, 254, 255] {
                    let text: String = unit.repeat(length).chars().take(length).collect();
                    expect_code(server, REISSUE, &with(&good, path, json!(text)), REFUSED).await;
                }
                let text: String = unit.repeat(256).chars().take(256).collect();
                let body = with(&good, path, json!(text)).to_string();
                expect_fault(server, REISSUE, &body, name).await;
                assert!(count <= 2, "{unit}");
            }
            let escaped = with(&good, path, json!("@")).to_string();
            let escaped = |length| escaped.replace('@', &"\\uac00".repeat(length));
            let answer = answer(server, REISSUE, escaped(255)).await;
            assert_eq!(answer.code(), REFUSED, "escapes are one character each");
            expect_fault(server, REISSUE, &escaped(256), name).await;
            for value in [json!(""), json!(null), json!(1), json!(["a"]), json!({}), json!(true)] {
                let body = with(&good, path, value).to_string();
                expect_fault(server, REISSUE, &body, name).await;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn digits_are_ascii_and_exactly_as_many() {
    on_sqlite(quick(), async |server| {
        let good = refused_reissue();
        let zip = "/userInfo/addressInfo/zipCode";
        for value in [
            json!("1234"),
            json!("123456"),
            json!("1234a"),
            json!("１２３４５"),
            json!("١٢٣٤٥"),
            json!(""),
            json!(" 1234"),
            json!("1234 "),
            json!("12 45"),
            json!("-1234"),
            json!("12345\u{0}"),
            json!("1234\u{0}"),
            json!(12_345),
            json!(null),
            json!(["12345"]),
        ] {
            let body = with(&good, zip, value).to_string();
            expect_fault(server, REISSUE, &body, "userInfo.addressInfo.zipCode").await;
        }
        for value in ["00000", "99999", "01234"] {
            expect_code(server, REISSUE, &with(&good, zip, json!(value)), REFUSED).await;
        }
        let own = World::new(110).card_no();
        let grouped = format!("{} {}", &own[..8], &own[8..]);
        let hyphens = format!("{}-{}", &own[..8], &own[8..]);
        for value in [
            json!(own[..15]),
            json!(format!("{own}0")),
            json!(grouped),
            json!(hyphens),
            json!(format!(" {own}")),
            json!(own.parse::<u64>().unwrap()),
            json!(null),
            json!(""),
            json!("９４９１３３９５００００１１０１"),
            json!("949133950000110x"),
            json!([own]),
        ] {
            let body = with(&good, "/cardInfo/oldCardNo", value).to_string();
            expect_fault(server, REISSUE, &body, "cardInfo.oldCardNo").await;
        }
        // Sixteen digits that are no card: a wrong check digit, another BIN, nothing at all.
        let last = if own.ends_with('0') { "1" } else { "0" };
        for value in [format!("{}{last}", &own[..15]), "4111111111111111".into(), "0".repeat(16)] {
            expect_code(
                server,
                REISSUE,
                &with(&good, "/cardInfo/oldCardNo", json!(value)),
                "003_001",
            )
            .await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn delivery_is_asked_for_in_either_place() {
    on_sqlite(quick(), async |server| {
        let good = refused_reissue();
        let bare = without(&without(&good, "/isDeliveryRequired"), "/userInfo/addressInfo");
        let (top, inner) = ("/isDeliveryRequired", "/cardInfo/isDeliveryRequired");
        let address = "userInfo.addressInfo";
        let both = |one: Value, other: Value| with(&with(&bare, top, one), inner, other);
        // True where it is left out, and then an address has to be there.
        for body in [
            bare.clone(),
            with(&bare, top, json!(null)),
            with(&bare, inner, json!(null)),
            both(json!(null), json!(null)),
            with(&bare, top, json!(true)),
            with(&bare, inner, json!(true)),
            both(json!(true), json!(true)),
            both(json!(null), json!(true)),
        ] {
            expect_fault(server, REISSUE, &body.to_string(), address).await;
        }
        for body in [
            with(&bare, top, json!(false)),
            with(&bare, inner, json!(false)),
            both(json!(false), json!(false)),
            both(json!(null), json!(false)),
            both(json!(false), json!(null)),
        ] {
            expect_code(server, REISSUE, &body, REFUSED).await;
            // No address is needed: what stands there is not even looked at.
            for junk in [json!(7), json!("x"), json!([]), json!({}), json!({ "zipCode": "x" })] {
                let junk_in = with(&body, "/userInfo/addressInfo", junk.clone());
                expect_code(server, REISSUE, &junk_in, REFUSED).await;
                expect_code(server, REISSUE, &with(&body, "/addressInfo", junk), REFUSED).await;
            }
        }
        let mut wrong = vec![both(json!(true), json!(false)), both(json!(false), json!(true))];
        for value in [json!("true"), json!(1), json!(0), json!([]), json!({}), json!("")] {
            wrong.extend([with(&bare, top, value.clone()), with(&bare, inner, value.clone())]);
            wrong.push(both(json!(false), value));
        }
        for body in wrong {
            expect_fault(server, REISSUE, &body.to_string(), "isDeliveryRequired").await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_taken_from_either_place() {
    on_sqlite(quick(), async |server| {
        let good = refused_reissue();
        let address = good["userInfo"]["addressInfo"].clone();
        let bare = without(&good, "/userInfo/addressInfo");
        let (inner, top) = ("/userInfo/addressInfo", "/addressInfo");
        let both =
            |one: &Value, other: &Value| with(&with(&bare, inner, one.clone()), top, other.clone());
        let mut more = address.clone();
        more["note"] = json!("unknown fields differ");
        for body in [
            with(&bare, top, address.clone()),
            with(&bare, inner, address.clone()),
            both(&address, &address),
            both(&json!(null), &address),
            both(&address, &json!(null)),
            both(&address, &more),
        ] {
            expect_code(server, REISSUE, &body, REFUSED).await;
        }
        let mut other = address.clone();
        other["zipCode"] = json!("00000");
        let name = "userInfo.addressInfo";
        for body in [
            both(&address, &other),
            both(&other, &address),
            with(&bare, top, json!([])),
            with(&bare, top, json!("x")),
            both(&address, &json!(1)),
            both(&json!(null), &json!(null)),
        ] {
            expect_fault(server, REISSUE, &body.to_string(), name).await;
        }
        let body = with(&with(&bare, top, address), "/addressInfo/zipCode", json!("x"));
        expect_fault(server, REISSUE, &body.to_string(), "userInfo.addressInfo.zipCode").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_field_comes_once_and_unknown_ones_do_not_matter() {
    on_sqlite(quick(), async |server| {
        let reissue = refused_reissue().to_string();
        let card = World::new(110).card_no();
        let twice = |own: &str, copy: &str| reissue.replacen(own, &format!("{copy},{own}"), 1);
        for (body, field) in [
            (twice("\"userInfo\":", "\"userInfo\":{}"), "userInfo"),
            (twice("\"userId\":", "\"userId\":1"), "userId"),
            (twice("\"userId\":", "\"userId\":null"), "userId"),
            (twice("\"userId\":", "\"user\\u0049d\":null"), "userId"),
            (twice("\"cardInfo\":", "\"cardInfo\":null"), "cardInfo"),
            (twice("\"oldCardNo\":", &format!("\"oldCardNo\":\"{card}\"")), "cardInfo.oldCardNo"),
            (twice("\"isDeliveryRequired\":", "\"isDeliveryRequired\":true"), "isDeliveryRequired"),
            (twice("\"zipCode\":", "\"zipCode\":\"06236\""), "userInfo.addressInfo.zipCode"),
            (twice("\"addressInfo\":", "\"addressInfo\":1"), "userInfo.addressInfo"),
        ] {
            expect_fault(server, REISSUE, &body, field).await;
        }
        for (own, unknown) in [
            ("\"userInfo\":", "\"x\":1,\"x\":[2]"),
            ("\"userInfo\":", "\"x\":1e400,\"x\":[-1e-400,1E+99999999999]"),
            ("\"userId\":", "\"USERID\":0,\"userid\":0,\"userId \":0"),
            ("\"oldCardNo\":", "\"cvc\":\"123\",\"\":null,\"\":null"),
            ("\"zipCode\":", "\"🙂\":{\"a\":{\"a\":{}}},\"zip\":1e9"),
            ("\"userInfo\":", "\"response\":{\"code\":\"000_000\"},\"__proto__\":{}"),
            ("\"userInfo\":", "\"userInfo.userId\":0,\"cardInfo.oldCardNo\":0"),
        ] {
            let body = twice(own, unknown);
            assert_eq!(answer(server, REISSUE, &body).await.code(), REFUSED, "{body}");
        }
    })
    .await;
}

/// The PAR of a scenario's card.
async fn par_of(server: &TestServer, scenario: u32) -> String {
    let user = i64::try_from(World::new(scenario).user_id()).unwrap();
    let read = move |tx: &mut Tx<'_>| -> Result<String, TxError<()>> {
        let row = tx.query_one(
            "SELECT c.par FROM card c
             JOIN card_account a ON a.asp_id = c.asp_id AND a.account_id = c.account_id
             WHERE a.asp_id = $1 AND a.user_id = $2",
            &[ASP_ID.into(), user.into()],
        )?;
        Ok(row.text(0)?.to_owned())
    };
    server.app.store.read(read).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_is_named_by_its_number_or_its_par() {
    on_each_engine(async |server, _, _| {
        let good = idle_state();
        let bare = without(&good, "/cardNo");
        let card = World::new(101).card_no();
        let par = format!("Q1{:025X}", 1);
        let name = |par: Value, card: Value| with(&with(&bare, "/par", par), "/cardNo", card);
        for (body, field) in [
            (bare.clone(), "cardNo"),
            (name(json!(null), json!(null)), "cardNo"),
            (with(&bare, "/par", json!(null)), "cardNo"),
            (name(json!(""), json!(card)), "par"),
            (name(json!("Q"), json!(null)), "par"),
            (with(&bare, "/par", json!(par[..26])), "par"),
            (with(&bare, "/par", json!(format!("{par}0"))), "par"),
            (with(&bare, "/par", json!(1)), "par"),
            (name(json!(par), json!("1")), "cardNo"),
            (name(json!(par), json!(1)), "cardNo"),
            (without(&good, "/status"), "status"),
            (with(&good, "/status", json!("suspend")), "status"),
            (with(&good, "/status", json!("SUSPEND ")), "status"),
            (with(&good, "/status", json!("")), "status"),
            (with(&good, "/status", json!(null)), "status"),
            (with(&good, "/status", json!(["SUSPEND"])), "status"),
        ] {
            expect_fault(&server, STATE, &body.to_string(), field).await;
        }
        // Twenty-seven characters that are no PAR: none is found, whatever they are.
        for text in
            [par.clone(), "\u{0}".repeat(27), "가".repeat(27), "'".repeat(27), par.to_lowercase()]
        {
            for card in [json!(null), json!(card)] {
                expect_code(&server, STATE, &name(json!(text), card), "003_021").await;
            }
        }
        let (own, foreign) = (par_of(&server, 101).await, par_of(&server, 102).await);
        for (par, card, code) in [
            (json!(null), json!(card), "000_000"),
            (json!(own), json!(null), "000_000"),
            (json!(own), json!(card), "000_000"),
            (json!(own), json!(World::new(102).card_no()), "003_001"),
            (json!(own), json!("4111111111111111"), "003_001"),
            (json!(own), json!("0123456789012345"), "003_001"),
            (json!(foreign), json!(null), "003_021"),
            (json!(foreign), json!(card), "003_021"),
        ] {
            expect_code(&server, STATE, &name(par, card), code).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_text_is_kept_on_each_engine() {
    on_each_engine(async |server, _, _| {
        let handler = server.app.operations.by_id("prepaid-card.reissue").unwrap();
        let scenarios = &handler.entry.scenarios;
        let scenario = scenarios.iter().find(|scenario| scenario.name == "reissued").unwrap();
        for text in ["\u{0}", "a\u{0}b", "\u{fffe}\u{feff}", "'; DROP TABLE card; --", "$1 ? :a %s"]
        {
            server.arm("prepaid-card.reissue", "reissued").await;
            let path = "/userInfo/addressInfo";
            let body = with(&scenario.request, &format!("{path}/address"), json!(text));
            let body = with(&body, &format!("{path}/addressDetail"), json!(text.repeat(10)));
            let exchange = server.call(REISSUE, &body).await;
            assert_eq!(code(&exchange), "000_000", "{text:?}");
            let again = Raw::encrypted(&server, REISSUE, body.to_string(), Enc::A256Gcm);
            let (clear, _) = again.send(&server).await.open(&server);
            assert_eq!(clear["response"]["code"], "003_018", "{text:?}");
        }
    })
    .await;
}
