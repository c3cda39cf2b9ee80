//! Access keys of a project: two serve at once, one is suspended and discarded, and the release
//! before finds what it may find.

use std::time::Duration;

use client::{Credentials, Encryption};
use crypto::secret::Secret;
use serde_json::{Value, json};
use store::Target;
use store::{Tx, TxError};

use super::{Desk, PARTNER, client, logged, names, rows, seeing, taken_on, texts};
use crate::process::run;
use crate::support::{TestServer, aside, code, on_each_database};

const OF: [&str; 4] = ["--partner", PARTNER, "--project", "1"];

/// A further access key.
fn further(desk: &Desk, old: &Credentials) -> Credentials {
    let told = desk.change(&[&["key", "create", "--json"], &OF[..]].concat());
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told.as_object().unwrap().len(), 3, "{told}");
    assert_eq!(told["aspId"], PARTNER);
    Credentials {
        access_key: told["accessKey"].as_str().unwrap().to_owned(),
        secret_key: Secret::new(told["secretKey"].as_str().unwrap().to_owned()),
        ..old.clone()
    }
}

fn of_key(verb: &'static str, key: &'static str) -> Vec<&'static str> {
    [&["key", verb, key], &OF[..]].concat()
}

/// How the release before finds a project: whether by its first key.
fn is_found_by_the_release_before(target: &Target) -> bool {
    let sql = format!(
        "SELECT CAST(COUNT(*) AS TEXT) FROM project p
         JOIN access_key k ON k.asp_id = p.asp_id AND k.project_id = p.project_id AND k.key_no = 1
         WHERE p.asp_id = '{PARTNER}' AND p.access_key_digest = k.access_key_digest
             AND p.digest_key_id = k.digest_key_id"
    );
    texts(target, sql) == "1\n"
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_changes_over_to_another_access_key() {
    on_each_database(async |target, bank| {
        let desk = Desk::at(&target);
        let old = taken_on(&desk, PARTNER, &[]);
        let tried = desk.change(&[&["key", "create", "--dry-run"], &OF[..]].concat());
        assert_eq!(tried, "dry run, nothing is kept: access key 2 of project 1 is made\n");
        let new = further(&desk, &old);
        assert!(desk.refused(&target, &[&["key", "create"], &OF[..]].concat()).contains("two"));
        let server = TestServer::start(&target, &bank, seeing()).await;
        let (first, second) = (client(&server, &old), client(&server, &new));
        let answered = async || {
            let one = code(&names(&first, Encryption::Plain, PARTNER).await).to_owned();
            [one, code(&names(&second, Encryption::Plain, PARTNER).await).to_owned()]
        };
        let (taken, refused) = ("000_000", "000_902");
        assert_eq!(answered().await, [taken, taken]);
        assert!(is_found_by_the_release_before(&target));
        let before = rows(&target);
        desk.change(&[&of_key("suspend", "1")[..], &["--dry-run"]].concat());
        assert_eq!(rows(&target), before);
        assert_eq!(answered().await, [taken, taken], "only tried");
        desk.change(&of_key("suspend", "1"));
        assert_eq!(answered().await, [refused, taken]);
        assert!(!is_found_by_the_release_before(&target));
        assert!(desk.change(&of_key("suspend", "1")).contains("already"));
        let last = desk.refused(&target, &of_key("discard", "2"));
        assert!(last.contains("--last"), "{last}");
        desk.change(&of_key("resume", "1"));
        assert_eq!(answered().await, [taken, taken]);
        assert!(is_found_by_the_release_before(&target));
        desk.change(&of_key("discard", "1"));
        assert_eq!(answered().await, [refused, taken]);
        assert!(!is_found_by_the_release_before(&target));
        for verb in ["suspend", "resume"] {
            assert!(desk.refused(&target, &of_key(verb, "1")).contains("for good"));
        }
        assert!(desk.refused(&target, &of_key("suspend", "7")).contains("no access key 7"));
        // The last one may be suspended as it is, and discarded where that is meant.
        desk.change(&of_key("suspend", "2"));
        assert_eq!(answered().await, [refused, refused]);
        assert!(desk.refused(&target, &of_key("discard", "2")).contains("--last"));
        desk.change(&[&of_key("discard", "2")[..], &["--last"]].concat());
        let wiped = "SELECT CAST(LENGTH(secret_key_sealed) AS TEXT) FROM access_key
             WHERE asp_id = '000990000000001' ORDER BY key_no";
        assert_eq!(texts(&target, wiped.to_owned()), "0\n0\n");
        let third = client(&server, &further(&desk, &old));
        assert_eq!(code(&names(&third, Encryption::Plain, PARTNER).await), taken);
        let listed = desk.json(&["key", "list", "--partner", PARTNER]);
        let states = listed["accessKeys"].as_array().unwrap().iter();
        let states: Vec<Value> =
            states.map(|key| json!([key["kind"], key["keyNo"], key["state"]])).collect();
        let wanted = json!([["SI", 1, "DISCARDED"], ["SI", 2, "DISCARDED"], ["SI", 3, "ACTIVE"]]);
        assert_eq!(Value::from(states), wanted);
        let shown = desk.done(&of_key("show", "3"));
        assert!(shown.starts_with("project 1  SI  access key 3  ACTIVE  made 2"), "{shown}");
        let events = logged(&target, "event");
        assert_eq!(events.matches("access_key.created").count(), 2, "{events}");
        assert_eq!(events.matches("access_key.discarded").count(), 2, "{events}");
        assert!(!logged(&target, "payload").contains(&new.access_key));
        desk.change(&[&["project", "discard"], &OF[..]].concat());
        let over = desk.refused(&target, &[&["key", "create"], &OF[..]].concat());
        assert!(over.contains("was discarded"), "{over}");
        server.stop().await;
    })
    .await;
}

/// Values are sealed anew and digests made anew, of every key.
#[tokio::test(flavor = "multi_thread")]
async fn the_platform_s_keys_are_rotated_under_two_access_keys() {
    on_each_database(async |target, bank| {
        let desk = Desk::at(&target);
        let old = taken_on(&desk, PARTNER, &[]);
        let new = further(&desk, &old);
        let server = TestServer::start(&target, &bank, seeing()).await;
        let of_keys = |args: &[&str]| {
            let why = ["--reason", "yearly", "--database", &desk.database];
            let output = run(&[&["keys"], args, &why[..]].concat());
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        for key in ["data_key", "digest"] {
            of_keys(&["rotate", key, "--active-in", "3"]);
        }
        tokio::time::sleep(Duration::from_millis(4_000)).await;
        let now = server.app.clock.now();
        server.app.core.keys.reload(&server.app.store, now).await.unwrap();
        of_keys(&["reseal", "data_key"]);
        assert!(of_keys(&["reseal", "data_key"]).starts_with("0 values"));
        for credentials in [&old, &new] {
            let caller = client(&server, credentials);
            assert_eq!(code(&names(&caller, Encryption::Plain, PARTNER).await), "000_000");
        }
        let all = "SELECT CAST(COUNT(*) AS TEXT) FROM access_key
             WHERE asp_id = '000990000000001' AND digest_key_id = (
                 SELECT MAX(key_id) FROM platform_key WHERE purpose = 'digest')";
        assert_eq!(texts(&target, all.to_owned()), "2\n");
        assert!(is_found_by_the_release_before(&target));
        let newest =
            "SELECT CAST(MAX(key_id) AS TEXT) FROM platform_key WHERE purpose = 'data_key'";
        let newest: u8 = texts(&target, newest.to_owned()).trim().parse().unwrap();
        let store = server.app.store.clone();
        let read = move |tx: &mut Tx<'_>| -> Result<Vec<u8>, TxError<()>> {
            let rows = tx.query(
                "SELECT secret_key_sealed FROM access_key WHERE asp_id = $1
                 UNION ALL SELECT secret_key_sealed FROM project WHERE asp_id = $1",
                &[PARTNER.into()],
            )?;
            // The last byte of the data key's number.
            Ok(rows.iter().map(|row| row.blob(0).unwrap()[4]).collect())
        };
        assert_eq!(store.read(read).await.unwrap(), [newest; 3]);
        server.stop().await;
    })
    .await;
}

/// The keys of a database of the release before are its projects' first ones.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_the_release_before_keeps_its_access_keys() {
    on_each_database(async |target, bank| {
        let desk = Desk::at(&target);
        let old = taken_on(&desk, PARTNER, &[]);
        let server = TestServer::start(&target, &bank, seeing()).await;
        for sql in [
            "DROP TABLE access_key",
            "DROP TABLE bank",
            "ALTER TABLE crypto_key DROP COLUMN suspended_at",
            "ALTER TABLE crypto_key DROP COLUMN client_not_after",
            "DELETE FROM schema_migration WHERE version = 9",
        ] {
            let back = move |tx: &mut Tx<'_>| -> Result<(), TxError<()>> { Ok(tx.batch(sql)?) };
            server.app.store.write(back).await.unwrap();
        }
        server.stop().await;
        let server = TestServer::start(&target, &bank, seeing()).await;
        let own = client(&server, &old);
        assert_eq!(code(&names(&own, Encryption::Plain, PARTNER).await), "000_000");
        let listed = desk.json(&["key", "show", "1", "--partner", PARTNER, "--project", "1"]);
        assert_eq!((&listed["state"], &listed["keyNo"]), (&json!("ACTIVE"), &json!(1)));
        server.stop().await;
    })
    .await;
}

/// Four at once: a project gets a second key, and no third.
#[tokio::test(flavor = "multi_thread")]
async fn changes_of_a_project_s_keys_come_one_after_another() {
    on_each_database(async |target, _| aside(move || four_at_once(&target)).await).await;
}

fn four_at_once(target: &Target) {
    let desk = Desk::at(target);
    taken_on(&desk, PARTNER, &[]);
    let create = [&["key", "create"], &OF[..], &super::WHY].concat();
    let ended = std::thread::scope(|scope| {
        let four = [0; 4].map(|_| scope.spawn(|| desk.run(&create).0));
        four.map(|one| one.join().unwrap())
    });
    assert_eq!(ended.iter().filter(|code| **code == Some(0)).count(), 1, "{ended:?}");
    let live = "SELECT CAST(COUNT(*) AS TEXT) FROM access_key
         WHERE asp_id = '000990000000001' AND state = 'ACTIVE'";
    assert_eq!(texts(target, live.to_owned()), "2\n");
}
