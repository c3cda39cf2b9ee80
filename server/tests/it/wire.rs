//! Headers, tokens and the standing of a project.

use contract::headers::{
    ACCESS_KEY, ASP_ID, CORRELATION_ID, CRYPTO_KEY_ID, TIME_ZONE, TRAN_TIME, TRAN_TOKEN,
};
use crypto::secret::Secret;
use crypto::tran_token;
use jiff::Timestamp;
use platen::context::Clock;
use platen::sandbox::world::World;
use platen::settings::Settings;
use serde_json::json;

use crate::bodies::idle_state;
use crate::raw::{Raw, RawAnswer};
use crate::support::{STATE, TestServer, change, on_sqlite, quick};

/// Projects are read anew for every call.
fn uncached() -> Settings {
    Settings { directory_ttl_ms: 0, ..quick() }
}

fn call(server: &TestServer) -> Raw {
    Raw::plain(server, STATE, idle_state().to_string())
}

async fn expect(server: &TestServer, raw: &Raw, status: u16, code: &str, what: &str) -> RawAnswer {
    let answer = raw.send(server).await;
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{what}");
    assert_eq!(answer.header("content-type"), Some("application/json"), "{what}");
    answer
}

async fn expect_at_fault(server: &TestServer, raw: &Raw, name: &str, what: &str) {
    let answer = expect(server, raw, 400, "000_901", what).await;
    assert_eq!(answer.description(), format!("Invalid request header. {name}"), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_is_missing_or_malformed_is_named() {
    on_sqlite(quick(), async |server| {
        let good = call(server);
        expect(server, &good, 200, "000_000", "as it should be").await;
        for header in [ASP_ID, CORRELATION_ID, ACCESS_KEY, TRAN_TIME, TIME_ZONE] {
            let name = header.name;
            expect_at_fault(server, &good.clone().without(name), name, "missing").await;
            let own = good.header(name).to_vec();
            expect_at_fault(server, &good.clone().doubled(name, &own), name, "doubled").await;
            let long = "1".repeat(header.len_max + 1);
            for value in ["", "   ", "a b", "카드", "\u{0}", "é", long.as_str()] {
                let raw = good.clone().with(name, value);
                if value.contains('\0') {
                    // Not even HTTP: the edge refuses it.
                    assert_eq!(raw.send(server).await.status, 400, "{name} {value:?}");
                } else {
                    expect_at_fault(server, &raw, name, value).await;
                }
            }
        }
        for (header, value) in [
            (ASP_ID, "00017000000000x"),
            (ASP_ID, "-00170000000000"),
            (TRAN_TIME, "2026112212040"),
            (TRAN_TIME, "20261322120405"),
            (TRAN_TIME, "20261122250405"),
            (TRAN_TIME, "20261122120460"),
            (TRAN_TIME, "20260230120405"),
            (TRAN_TIME, "00000000000000"),
            (TRAN_TIME, "99999999999999"),
            (TRAN_TIME, "+2026112212040"),
            (TRAN_TIME, "99991231235959"),
            (TIME_ZONE, "PST"),
            (TIME_ZONE, "kst"),
            (TIME_ZONE, "+09"),
            (CRYPTO_KEY_ID, "a b"),
            (CRYPTO_KEY_ID, "키"),
        ] {
            let raw = good.clone().with(header.name, value);
            expect_at_fault(server, &raw, header.name, value).await;
        }
        let doubled =
            good.clone().doubled(CRYPTO_KEY_ID.name, "0").doubled(CRYPTO_KEY_ID.name, "0");
        expect_at_fault(server, &doubled, CRYPTO_KEY_ID.name, "doubled").await;
        let raw = good.clone().without(TRAN_TOKEN.name);
        expect_at_fault(server, &raw, TRAN_TOKEN.name, "missing").await;
        let own = good.header(TRAN_TOKEN.name).to_vec();
        let raw = good.clone().doubled(TRAN_TOKEN.name, own);
        expect_at_fault(server, &raw, TRAN_TOKEN.name, "doubled").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_real_clients_send_is_taken() {
    on_sqlite(quick(), async |server| {
        let good = call(server);
        let at = Timestamp::from_microsecond(Clock.now().0).unwrap();
        let digits = at.strftime("%Y%m%d%H%M%S").to_string();
        for (header, value) in [
            (TRAN_TIME, format!("{digits}987")),
            (CORRELATION_ID, "221108120814-0a1b2c3d".to_owned()),
            (CORRELATION_ID, "x".to_owned()),
            (CORRELATION_ID, "~".repeat(64)),
            (TIME_ZONE, "GMT".to_owned()),
            (TIME_ZONE, "  UTC  ".to_owned()),
            (CRYPTO_KEY_ID, String::new()),
        ] {
            let raw = good.clone().with(header.name, &value);
            let answer = expect(server, &raw, 200, "000_000", &value).await;
            let echoed = answer.header(CORRELATION_ID.name).map(str::as_bytes);
            assert_eq!(echoed, Some(raw.header(CORRELATION_ID.name)), "{value}");
        }
        // A partner's id of 16 digits is taken, and belongs to nobody.
        for asp in ["1", "0001700000000000"] {
            let raw = good.clone().with(ASP_ID.name, asp);
            expect(server, &raw, 401, "000_902", asp).await;
        }
        let mut lower = good.clone();
        for (name, _) in &mut lower.headers {
            name.make_ascii_lowercase();
        }
        expect(server, &lower, 200, "000_000", "names in lower case").await;
        let mut upper = good;
        for (name, _) in &mut upper.headers {
            name.make_ascii_uppercase();
        }
        expect(server, &upper, 200, "000_000", "names in upper case").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_is_judged_in_its_zone() {
    on_sqlite(uncached(), async |server| {
        change(server, "UPDATE project SET tran_time_window_ms = 600000 WHERE asp_id = $1").await;
        let good = call(server);
        let at = |seconds: i64, zone_hours: i64| {
            let micros = Clock.now().0 + (seconds + zone_hours * 3_600) * 1_000_000;
            let at = Timestamp::from_microsecond(micros).unwrap();
            at.strftime("%Y%m%d%H%M%S").to_string()
        };
        for (zone, hours) in [("UTC", 0), ("GMT", 0), ("KST", 9), ("JST", 9)] {
            let raw = good.clone().with(TIME_ZONE.name, zone);
            for (seconds, status, code) in [
                (0, 200, "000_000"),
                (-500, 200, "000_000"),
                (500, 200, "000_000"),
                (-700, 401, "000_903"),
                (700, 401, "000_903"),
                (32_400, 401, "000_903"),
                (-32_400, 401, "000_903"),
            ] {
                let raw = raw.clone().with(TRAN_TIME.name, at(seconds, hours));
                expect(server, &raw, status, code, &format!("{zone} {seconds}")).await;
            }
        }
        for old in ["19700101000000", "00010101000000", "99981231235959"] {
            let raw = good.clone().with(TRAN_TIME.name, old);
            expect(server, &raw, 401, "000_903", old).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_does_not_belong_together_gets_one_answer() {
    on_sqlite(quick(), async |server| {
        let good = call(server);
        let token = String::from_utf8(good.header(TRAN_TOKEN.name).to_vec()).unwrap();
        let other = Secret::new("0".repeat(64));
        let key = String::from_utf8(good.header(ACCESS_KEY.name).to_vec()).unwrap();
        let wrong = good
            .clone()
            .with(TRAN_TOKEN.name, tran_token::issue(&other, "20261122120405999", &good.body));
        let first = wrong.send(server).await;
        assert_eq!((first.status, first.code().as_str()), (401, "000_902"));
        let first = first.comparable();
        let set = |name: &str, value: &str| good.clone().with(name, value);
        let mut tampered = good.clone();
        tampered.body[3] ^= 1;
        let mut spaced = good.clone();
        spaced.body.push(b' ');
        let mut emptied = good.clone();
        emptied.body.clear();
        let garbage = Raw { body: b"\xff{".to_vec(), ..good.clone() };
        for (what, raw) in [
            ("unknown key", set(ACCESS_KEY.name, "0000000-00000000000000000000000000000000")),
            ("key in capitals", set(ACCESS_KEY.name, &key.to_uppercase())),
            ("unknown partner", set(ASP_ID.name, "999999999999999")),
            ("no token", set(TRAN_TOKEN.name, "")),
            ("another version", set(TRAN_TOKEN.name, &token.replace("KMV1", "KMV2"))),
            ("no padding", set(TRAN_TOKEN.name, token.trim_end_matches('='))),
            ("longer", set(TRAN_TOKEN.name, &format!("{token}A"))),
            ("not ASCII", set(TRAN_TOKEN.name, "토큰")),
            ("no colon", set(TRAN_TOKEN.name, &token.replace(':', ";"))),
            ("long", set(TRAN_TOKEN.name, &"A".repeat(9_000))),
            ("tampered body", tampered),
            ("a space behind the body", spaced),
            ("body removed", emptied),
            ("garbage", garbage),
            ("wrong and late", wrong.clone().with(TRAN_TIME.name, "20000101000000")),
            ("wrong, of an unknown crypto key", wrong.with(CRYPTO_KEY_ID.name, "0")),
        ] {
            let answer = raw.send(server).await;
            let echoed = answer.header(CORRELATION_ID.name).map(str::as_bytes);
            assert_eq!(echoed, Some(raw.header(CORRELATION_ID.name)), "{what}");
            assert_eq!(answer.comparable(), first, "{what}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_signs_the_bytes_as_sent() {
    on_sqlite(quick(), async |server| {
        let body = idle_state().to_string();
        let pretty = serde_json::to_string_pretty(&idle_state()).unwrap();
        for text in [format!(" {body}"), format!("{body}\r\n\t "), pretty] {
            let raw = Raw::plain(server, STATE, &text);
            expect(server, &raw, 200, "000_000", &text).await;
            let mut other = raw.clone();
            other.body = body.clone().into_bytes();
            expect(server, &other, 401, "000_902", &text).await;
        }
        let mut early = Raw::plain(server, STATE, &body);
        let token = String::from_utf8(early.header(TRAN_TOKEN.name).to_vec()).unwrap();
        early.set(TRAN_TOKEN.name, format!("KMV1:{}{}", "0".repeat(17), &token[22..]));
        expect(server, &early, 200, "000_000", "nothing vouches for the token's time").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_has_to_be_active() {
    on_sqlite(uncached(), async |server| {
        let good = call(server);
        let mut forged = good.clone();
        forged.body.push(b' ');
        for (stop, start) in [
            (
                "UPDATE project SET state = 'INACTIVE' WHERE asp_id = $1",
                "UPDATE project SET state = 'ACTIVE' WHERE asp_id = $1",
            ),
            (
                "UPDATE project SET state = 'DISCARDED' WHERE asp_id = $1",
                "UPDATE project SET state = 'ACTIVE' WHERE asp_id = $1",
            ),
            (
                "UPDATE partner SET state = 'SUSPENDED' WHERE asp_id = $1",
                "UPDATE partner SET state = 'ACTIVE' WHERE asp_id = $1",
            ),
        ] {
            change(server, stop).await;
            expect(server, &good, 403, "000_904", stop).await;
            expect(server, &forged, 401, "000_902", stop).await;
            change(server, start).await;
            expect(server, &good, 200, "000_000", start).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_is_kept_for_its_time() {
    on_sqlite(Settings { directory_ttl_ms: 600_000, ..quick() }, async |server| {
        let good = call(server);
        expect(server, &good, 200, "000_000", "read").await;
        change(server, "UPDATE project SET state = 'INACTIVE' WHERE asp_id = $1").await;
        expect(server, &good, 200, "000_000", "kept").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_project_refuses_a_correlation_id_for_another_body() {
    on_sqlite(uncached(), async |server| {
        let world = World::new(201);
        let with = |status: &str, id: &str| {
            let body = json!({
                "userId": world.user_id(), "cardNo": world.card_no(), "status": status
            });
            Raw::plain(server, STATE, body.to_string()).with(CORRELATION_ID.name, id)
        };
        expect(server, &with("SUSPEND", "one"), 200, "000_000", "first").await;
        expect(server, &with("RESUME", "one"), 200, "000_000", "lenient").await;
        change(server, "UPDATE project SET correlation_ids = 'STRICT' WHERE asp_id = $1").await;
        expect(server, &with("SUSPEND", "two"), 200, "000_000", "first").await;
        expect(server, &with("RESUME", "two"), 400, "000_915", "another body").await;
        expect(server, &with("SUSPEND", "two"), 200, "000_000", "the same").await;
        expect(server, &with("RESUME", "three"), 200, "000_000", "another id").await;
    })
    .await;
}
