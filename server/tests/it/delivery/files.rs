//! Files to a card maker and back: golden, refused, interrupted.

use std::path::{Path, PathBuf};

use crypto::digest::Sha256;
use crypto::jwe::{self, PrivateKey};
use crypto::pan::Pan;
use data_encoding::HEXLOWER;
use domain::{AspId, Timestamp};
use platen::cards;
use platen::context::place;
use platen::delivery::file::{Header, key_name};
use platen::delivery::reading::{self, Read, ReadError};
use platen::delivery::writing::{Order, WriteError, again, claim, unfinished, write};
use platen::delivery::{file, makers};
use platen::jobs::{Job, finish};
use platen::op::{Done, NoRefusal};
use platen::sandbox::ASP_ID;
use platen::sandbox::clock::{Forward, move_forward};
use platen::sandbox::world::products::FREE;
use platen::settings::Settings;
use serde_json::Value;
use store::Tx;

use super::{delivery, history, ordered};
use crate::process::{database_arg, stdout_of};
use crate::support::{TestServer, aside, on_each_database, on_each_engine, quick};

/// A card maker, its private key: nothing waits for it yet.
pub async fn maker(server: &TestServer, id: &'static str) -> PrivateKey {
    let key = aside(|| PrivateKey::generate_2048().unwrap()).await;
    let der = key.public_key().to_spki_der().unwrap();
    let add = move |tx: &mut Tx<'_>| -> Done<(), NoRefusal> {
        Ok(makers::add(tx, &AspId::new(ASP_ID), id, "Seoul Card", &der)?)
    };
    server.app.store.write(add).await.unwrap();
    // What scenarios have ordered is not the test's.
    server.exec("UPDATE delivery SET state = 'ETC' WHERE asp_id = $1", &[]).await;
    key
}

pub fn order(server: &TestServer, maker: &str, folder: &Path) -> Order {
    let (asp, now) = (AspId::new(ASP_ID), server.app.now());
    Order { asp, maker: maker.to_owned(), folder: folder.to_owned(), now }
}

/// A file from a maker.
pub struct Back<'a> {
    pub maker: &'a str,
    pub sequence: i64,
    pub key: &'a PrivateKey,
}

impl Back<'_> {
    /// The text with these rows.
    pub fn text(&self, rows: &[String]) -> String {
        let header = Header {
            asp: ASP_ID.to_owned(),
            maker: self.maker.to_owned(),
            sequence: self.sequence,
            made_at: Timestamp(1_800_000_000_000_000),
            key: key_name(&self.key.public_key().to_spki_der().unwrap()),
        };
        format!("{}{}T,{}\n", header.line(), rows.concat(), rows.len())
    }
}

pub fn row(server: &TestServer, apply_no: &str, state: &str, attempt: u32) -> String {
    let at = file::told(server.app.now());
    format!("R,{apply_no},{attempt},{state},{at},\"우체국, 특급\",6890,서울,\n")
}

pub async fn read(server: &TestServer, path: &Path, text: &str) -> Result<Read, ReadError> {
    std::fs::write(path, text).unwrap();
    let app = &server.app;
    reading::read(&app.store, &app.core, &AspId::new(ASP_ID), path, app.moment()).await
}

fn lines(path: &PathBuf) -> Vec<String> {
    std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

fn opened(cell: &str, key: &PrivateKey) -> Value {
    let (plain, enc) = jwe::decrypt(cell, key).unwrap();
    assert_eq!(enc, jwe::Enc::A256Gcm);
    serde_json::from_slice(plain.expose()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_written_as_promised_and_opens_with_the_makers_key() {
    on_each_engine(async |server, bank, _| {
        let (key, folder) = (maker(&server, "M1").await, tempfile::tempdir().unwrap());
        let (_, no) = ordered(&server, &bank, FREE).await;
        let order = order(&server, "M1", folder.path());
        let (store, core) = (&server.app.store, &server.app.core);
        let written = write(store, core, &order, 10).await.unwrap().unwrap();
        assert_eq!((written.sequence, written.rows), (1, 1));
        let name = format!("{ASP_ID}-M1-000001.csv");
        assert_eq!(written.path, folder.path().join(&name));
        assert_eq!(folder.path().read_dir().unwrap().count(), 1, "nothing else is left");
        let lines = lines(&written.path);
        let named = key_name(&key.public_key().to_spki_der().unwrap());
        let made = file::told(order.now);
        assert_eq!(lines[0], format!("H,1,{ASP_ID},M1,1,{made},{named}"));
        let cells: Vec<&str> = lines[1].split(',').collect();
        assert_eq!(cells.len(), 7);
        let sql = "SELECT c.par, c.service_id, c.expiry_yymm, c.cvc_key_id, c.pan_last4
             FROM delivery d JOIN card c ON c.asp_id = d.asp_id AND c.card_id = d.card_id
             WHERE d.asp_id = $1 AND d.apply_no = $2";
        let stored = server.row(sql, &[no.as_str().into()]).await;
        let stored: Vec<&str> = stored.split(' ').collect();
        assert_eq!(cells[..5], ["P", no.as_str(), "1", stored[0], stored[1]]);
        let card = opened(cells[5], &key);
        let pan = Pan::parse(card["number"].as_str().unwrap()).unwrap();
        assert_eq!((pan.last4(), card["expiry"].as_str()), (stored[4], Some(stored[2])));
        let key_id = stored[3].parse().unwrap();
        let cvc = cards::cvc::<NoRefusal>(core, &pan, stored[2], key_id).unwrap();
        assert_eq!(card["cvc"], cvc.reveal());
        let recipient = opened(cells[6], &key);
        for member in ["name", "phone", "address", "addressDetail", "zipCode"] {
            assert!(!recipient[member].as_str().unwrap().is_empty(), "{member}");
        }
        let mut digest = Sha256::default();
        digest.update(format!("{}\n", lines[1]).as_bytes());
        assert_eq!(lines[2], format!("T,1,{}", HEXLOWER.encode(&digest.finish())));
        assert_eq!(delivery(&server, &no).await, "READY 1 1 -", "writing moves nothing");
        assert_eq!(write(store, core, &order, 10).await.unwrap(), None, "nothing waits");
        // Written again until the maker has spoken of it.
        assert_eq!(again(store, core, &order, 1).await.unwrap(), written);
        assert!(matches!(again(store, core, &order, 2).await, Err(WriteError::UnknownFile(2))));
        let back = Back { maker: "M1", sequence: 1, key: &key };
        let text = back.text(&[row(&server, &no, "RECEIPT", 1)]);
        let done = read(&server, &folder.path().join("back.csv"), &text).await.unwrap();
        assert_eq!((done.rows, done.changed), (1, 1));
        assert_eq!(delivery(&server, &no).await, "RECEIPT 1 1 6890");
        assert!(matches!(again(store, core, &order, 1).await, Err(WriteError::Acknowledged(1))));
        let files = "SELECT direction, file_sequence, row_count, LENGTH(digest),
             acknowledged_at IS NULL FROM delivery_file WHERE asp_id = $1 ORDER BY direction";
        assert_eq!(server.rows(files, &[]).await, ["OUT 1 1 32 0", "RETURN 1 1 32 1"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_wrong_anywhere_changes_nothing() {
    on_each_engine(async |server, bank, _| {
        let (key, folder) = (maker(&server, "M1").await, tempfile::tempdir().unwrap());
        let other = maker(&server, "M2").await;
        let (_, no) = ordered(&server, &bank, FREE).await;
        let (_, unwritten) = ordered(&server, &bank, FREE).await;
        let order = order(&server, "M1", folder.path());
        let (store, core) = (&server.app.store, &server.app.core);
        write(store, core, &order, 1).await.unwrap().unwrap();
        let path = folder.path().join("back.csv");
        let good = row(&server, &no, "RECEIPT", 1);
        let back = |maker, sequence, key| Back { maker, sequence, key };
        let text = |rows: &[String]| back("M1", 1, &key).text(rows);
        let whole = text(std::slice::from_ref(&good));
        let unknown = row(&server, "1999010100000000000001", "RECEIPT", 1);
        let cases = [
            (whole[..whole.len() - 4].to_owned(), "line 3: the file is cut"),
            (whole[..whole.len() - 1].to_owned(), "line 3: the line is cut"),
            (whole.replace("T,1", "T,2"), "line 3: the trailer counts 2 rows, the file has 1"),
            (back("M1", 2, &key).text(std::slice::from_ref(&good)), "line 1: file 2 is too early"),
            (
                back("M1", 0, &key).text(std::slice::from_ref(&good)),
                "line 1: file 0 was read before",
            ),
            (
                back("M1", 1, &other).text(std::slice::from_ref(&good)),
                "line 1: the file names another key",
            ),
            (
                back("M2", 1, &other).text(std::slice::from_ref(&good)),
                "line 2: this card maker was not given",
            ),
            (
                back("M3", 1, &key).text(std::slice::from_ref(&good)),
                "line 1: there is no card maker M3",
            ),
            (whole.replacen(ASP_ID, "1", 1), "line 1: the file is of partner 1"),
            (text(&[good.clone(), unknown]), "line 3: this card maker was not given"),
            (text(&[good.clone(), row(&server, &unwritten, "RECEIPT", 1)]), "line 3: this card"),
            (text(&[good.clone(), row(&server, &no, "RECEIPT", 2)]), "line 3: this card maker"),
            (text(&[good.clone(), row(&server, &no, "CANCEL", 1)]), "line 3: the state is not"),
            (text(&[good.clone(), "R,1\n".to_owned()]), "line 3: the line is malformed"),
            (text(&[good.replace(",20", ",30")]), "line 2: `occurred at` lies in the future"),
        ];
        for (text, says) in cases {
            let refused = read(&server, &path, &text).await.unwrap_err().to_string();
            let expected = format!("the file is refused, nothing of it was applied: {says}");
            assert!(refused.starts_with(&expected), "{refused}");
            assert_eq!(delivery(&server, &no).await, "READY 1 1 -", "{says}");
            assert!(history(&server, &no).await.is_empty(), "{says}");
        }
        // Interrupted before it counted as read, it goes on; once read, it is not read again.
        let twice = text(&[good.clone(), good]);
        let done = read(&server, &path, &twice).await.unwrap();
        assert_eq!((done.rows, done.changed, done.known), (2, 1, 1));
        for sql in [
            "DELETE FROM delivery_file WHERE asp_id = $1 AND direction = 'RETURN'",
            "UPDATE card_maker SET next_return_sequence = 1 WHERE asp_id = $1",
        ] {
            server.exec(sql, &[]).await;
        }
        let done = read(&server, &path, &twice).await.unwrap();
        assert_eq!((done.rows, done.changed, done.known), (2, 0, 2));
        let repeated = read(&server, &path, &twice).await.unwrap_err().to_string();
        assert!(repeated.ends_with("line 1: file 1 was read before: the next one is 2"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_dies_loses_no_delivery() {
    on_each_engine(async |server, bank, _| {
        let (_key, folder) = (maker(&server, "M1").await, tempfile::tempdir().unwrap());
        let (_, one) = ordered(&server, &bank, FREE).await;
        let (_, two) = ordered(&server, &bank, FREE).await;
        let order = order(&server, "M1", folder.path());
        let (store, core) = (&server.app.store, &server.app.core);
        assert_eq!(claim(store, core, &order, 10).await.unwrap(), Some(1));
        assert_eq!(unfinished(store, &order.asp, "M1").await.unwrap(), [1]);
        let (_, three) = ordered(&server, &bank, FREE).await;
        let next = write(store, core, &order, 10).await.unwrap().unwrap();
        assert_eq!((next.sequence, next.rows), (2, 1));
        assert!(lines(&next.path)[1].contains(&three));
        let nowhere = Order { folder: folder.path().join("none"), ..order.clone() };
        let failed = again(store, core, &nowhere, 1).await.unwrap_err();
        assert!(failed.to_string().ends_with("write it again with --again 1"), "{failed}");
        let kept = again(store, core, &order, 1).await.unwrap();
        let lines = lines(&kept.path);
        assert_eq!(kept.rows, 2);
        for (line, no) in lines[1..3].iter().zip([one.min(two.clone()), two.clone()]) {
            assert!(line.starts_with("P,"), "{no}");
        }
        assert!(unfinished(store, &order.asp, "M1").await.unwrap().is_empty());
    })
    .await;
}

/// More than one page, and the last piece of a page not full.
const MANY: usize = 611;

#[tokio::test(flavor = "multi_thread")]
async fn a_long_file_has_every_delivery_once_in_order_with_its_own_recipient() {
    on_each_engine(async |server, bank, _| {
        let (key, folder) = (maker(&server, "M1").await, tempfile::tempdir().unwrap());
        let (_, no) = ordered(&server, &bank, FREE).await;
        let core = server.app.core.clone();
        let insert = move |tx: &mut Tx<'_>| -> Done<(), NoRefusal> {
            let asp = AspId::new(ASP_ID);
            // Ordered the other way round than the file is sorted.
            for number in (1..MANY).rev() {
                let other = format!("19990101{number:014}");
                let at = place(&asp, "delivery.recipient", &other);
                let sealed = core.seal(at, format!(r#"{{"name":"{other}"}}"#).as_bytes()).unwrap();
                tx.put(
                    "INSERT INTO delivery (asp_id, apply_no, state, card_id, attempt,
                         recipient_sealed, ordered_at, changed_at)
                     SELECT asp_id, $3, state, card_id, attempt, $4, ordered_at, changed_at
                     FROM delivery WHERE asp_id = $1 AND apply_no = $2",
                    &[
                        ASP_ID.into(),
                        no.as_str().into(),
                        other.as_str().into(),
                        sealed.as_slice().into(),
                    ],
                )?;
            }
            Ok(())
        };
        server.app.store.write(insert).await.unwrap();
        let (store, core) = (&server.app.store, &server.app.core);
        let order = order(&server, "M1", folder.path());
        let written = write(store, core, &order, 10_000).await.unwrap().unwrap();
        assert_eq!(written.rows, MANY as u64);
        let lines = lines(&written.path);
        let rows = &lines[1..=MANY];
        let named: Vec<&str> = rows.iter().map(|row| row.split(',').nth(1).unwrap()).collect();
        assert!(named.is_sorted_by(|one, next| one < next), "{named:?}");
        for (row, named) in rows.iter().zip(&named).take(MANY - 1).step_by(23) {
            let recipient = opened(row.split(',').nth(6).unwrap(), &key);
            assert_eq!(recipient["name"], *named);
        }
        let mut digest = Sha256::default();
        rows.iter().for_each(|row| digest.update(format!("{row}\n").as_bytes()));
        assert_eq!(lines[MANY + 1], format!("T,{MANY},{}", HEXLOWER.encode(&digest.finish())));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_made_ends_the_file_and_keeps_its_rows() {
    on_each_engine(async |server, bank, _| {
        let (_key, folder) = (maker(&server, "M1").await, tempfile::tempdir().unwrap());
        let (_, no) = ordered(&server, &bank, FREE).await;
        // Sealed for another place.
        let spoil = "UPDATE delivery SET recipient_sealed = (SELECT name_sealed FROM member
             WHERE asp_id = $1 ORDER BY user_id LIMIT 1) WHERE asp_id = $1 AND apply_no = $2";
        server.exec(spoil, &[no.as_str().into()]).await;
        let (store, core) = (&server.app.store, &server.app.core);
        let order = order(&server, "M1", folder.path());
        let failed = write(store, core, &order, 10).await.unwrap_err();
        assert!(failed.to_string().starts_with("sealing: "), "{failed}");
        assert_eq!(unfinished(store, &order.asp, "M1").await.unwrap(), [1]);
        assert_eq!(delivery(&server, &no).await, "READY 1 1 -");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_exchange_files_by_themselves() {
    on_each_database(async |target, bank| {
        let folder = tempfile::tempdir().unwrap();
        let delivery_folder = folder.path().to_str().unwrap().to_owned();
        let settings = Settings { delivery_folder, ..quick() };
        let one = TestServer::start(&target, &bank, settings.clone()).await;
        let two = TestServer::start(&target, &bank, settings).await;
        let key = maker(&one, "M1").await;
        let (_, no) = ordered(&one, &bank, FREE).await;
        // Of two at once one writes the file.
        let (at_one, at_two) = tokio::join!(
            finish(&one.app, Job::DeliveryFiles),
            finish(&two.app, Job::DeliveryFiles),
        );
        let (at_one, at_two) = (at_one.unwrap(), at_two.unwrap());
        assert_eq!((at_one.rows + at_two.rows, at_one.failures + at_two.failures), (1, 0));
        let own = folder.path().join(ASP_ID).join("M1");
        let out = own.join("out").join(format!("{ASP_ID}-M1-000001.csv"));
        assert!(std::fs::read_to_string(out).unwrap().contains(&no));
        // The second file comes first and waits; a refused one is put aside, what is under way of
        // being copied is left alone.
        let back = |sequence| Back { maker: "M1", sequence, key: &key };
        let put = |name: &str, text: &str| std::fs::write(own.join("in").join(name), text).unwrap();
        let [receipt, shipping] = ["RECEIPT", "SHIPPING"].map(|state| row(&one, &no, state, 1));
        put("2.csv", &back(2).text(&[shipping]));
        put("0.csv", "H,nonsense\n");
        put("3.csv.part", "H");
        assert_eq!(finish(&one.app, Job::DeliveryFiles).await.unwrap().failures, 0);
        assert!(delivery(&one, &no).await.starts_with("READY"));
        put("1.csv", &back(1).text(&[receipt]));
        assert_eq!(finish(&two.app, Job::DeliveryFiles).await.unwrap().rows, 2);
        assert!(delivery(&one, &no).await.starts_with("SHIPPING"));
        let mut names: Vec<_> = std::fs::read_dir(own.join("in")).unwrap().collect();
        names.sort_by_key(|entry| entry.as_ref().unwrap().file_name());
        let names = names.into_iter().map(|entry| entry.unwrap().file_name());
        let names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        assert_eq!(names, ["0.csv.refused", "1.csv.read", "2.csv.read", "3.csv.part"]);
        one.stop().await;
        two.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_clock_is_the_commands_too() {
    on_each_engine(async |server, bank, target| {
        let key = maker(&server, "M1").await;
        move_forward(&server.app, Forward::Days(40)).await.unwrap();
        let (_, no) = ordered(&server, &bank, FREE).await;
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().to_str().unwrap();
        let database = database_arg(&target);
        let command = |own: &[&str]| {
            let all = [&["delivery"], own, &["--database", &database]].concat();
            tokio::task::block_in_place(|| stdout_of(&all))
        };
        let ready = delivery(&server, &no).await;
        let tried = command(&["write", "--maker", "M1", "--out", out, "--dry-run"]);
        let wanted = "dry run, nothing is kept: 1 deliveries in a file\n";
        assert_eq!((tried.as_str(), &delivery(&server, &no).await), (wanted, &ready));
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
        command(&["write", "--maker", "M1", "--out", out]);
        let path = folder.path().join("back.csv");
        let rows = [row(&server, &no, "RECEIPT", 1)];
        std::fs::write(&path, Back { maker: "M1", sequence: 1, key: &key }.text(&rows)).unwrap();
        let written = delivery(&server, &no).await;
        let tried = command(&["read", path.to_str().unwrap(), "--dry-run"]);
        let wanted = "dry run, nothing is kept: file 1: 1 rows, all of them right\n";
        assert_eq!((tried.as_str(), &delivery(&server, &no).await), (wanted, &written));
        command(&["read", path.to_str().unwrap()]);
        assert!(delivery(&server, &no).await.starts_with("RECEIPT"));
    })
    .await;
}
