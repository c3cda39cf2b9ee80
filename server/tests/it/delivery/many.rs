//! Many deliveries: two writers at once, and a file of thousands of rows.

use std::collections::BTreeSet;

use crypto::pan::Pan;
use domain::{AspId, CardId, Expiry, Timestamp};
use platen::cards;
use platen::context::{Core, place};
use platen::delivery::work::done;
use platen::delivery::writing::write;
use platen::op::{Done, NoRefusal, OrStop};
use platen::sandbox::ASP_ID;
use platen::sandbox::world::GIVEN_PREFIX;
use platen::sandbox::world::products::FREE;
use store::Tx;
use store::tables::cards::Form;

use super::files::{Back, maker, order, read, row};
use crate::support::{TestServer, on_each_engine};

const ROWS: i64 = 10_000;
const BATCH: i64 = 1_000;

fn apply_no(n: i64) -> String {
    format!("20000102{n:014}")
}

fn put(core: &Core, tx: &mut Tx<'_>, n: i64, now: Timestamp) -> Done<(), NoRefusal> {
    let (asp, no, id) = (AspId::new(ASP_ID), apply_no(n), 3_000_000_000 + n);
    let order = cards::Order {
        id: CardId(id),
        account: None,
        service_id: &FREE.service_id(),
        form: Form::Physical,
        pan: Pan::from_payload(&format!("{GIVEN_PREFIX}7{n:06}")).ok().or_stop()?,
        expiry: Expiry::after(now, 60),
        apply_no: Some(&no),
        now,
    };
    cards::make::<NoRefusal>(core, tx, &asp, order)?;
    let recipient = r#"{"name":"박채움","phone":"01000000000"}"#;
    let sealed = core.seal(place(&asp, "delivery.recipient", &no), recipient.as_bytes());
    let sealed = sealed.or_stop()?;
    tx.put(
        "INSERT INTO delivery (asp_id, apply_no, state, card_id, attempt, recipient_sealed,
             ordered_at, changed_at)
         VALUES ($1, $2, 'READY', $3, 1, $4, $5, $5)",
        &[ASP_ID.into(), no.as_str().into(), id.into(), sealed.as_slice().into(), now.0.into()],
    )?;
    tx.put(
        "INSERT INTO application (asp_id, apply_no, kind, state, user_id, holds_old_card,
             service_id, issuance, delivery, fee, returned_fee, balance_limit, vat_basis_points,
             currency, validity_months, number_key_id, applied_at, correlation_id)
         VALUES ($1, $2, 'ISSUE', 'DIGITAL_ISSUED', $3, FALSE, $4, 'PRE_ISSUANCE', 'PHYSICAL',
             0, 'KEPT', 0, 0, 'KRW', 60, 1, $5, '-')",
        &[
            ASP_ID.into(),
            no.as_str().into(),
            id.into(),
            FREE.service_id().as_str().into(),
            now.0.into(),
        ],
    )?;
    Ok(())
}

async fn many(server: &TestServer) {
    let (store, core, now) = (&server.app.store, &server.app.core, server.app.now());
    for first in (0..ROWS).step_by(usize::try_from(BATCH).unwrap()) {
        let batch = done(store, core, now, || {
            let core = core.clone();
            move |tx: &mut Tx<'_>| -> Done<(), NoRefusal> {
                (first..first + BATCH).try_for_each(|n| put(&core, tx, n, now))
            }
        });
        assert!(batch.await.unwrap().is_ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_writers_at_once_share_ten_thousand_deliveries() {
    on_each_engine(async |server, _, _| {
        let (one, _two) = (maker(&server, "M1").await, maker(&server, "M2").await);
        many(&server).await;
        let folder = tempfile::tempdir().unwrap();
        let (store, core) = (&server.app.store, &server.app.core);
        let orders = ["M1", "M2"].map(|maker| order(&server, maker, folder.path()));
        let (first, second) = tokio::join!(
            write(store, core, &orders[0], ROWS),
            write(store, core, &orders[1], ROWS)
        );
        let mut all = BTreeSet::new();
        let mut own = Vec::new();
        for written in [first.unwrap(), second.unwrap()].into_iter().flatten() {
            let text = std::fs::read_to_string(&written.path).unwrap();
            let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("P,")).collect();
            assert_eq!(u64::try_from(rows.len()).unwrap(), written.rows);
            for row in rows {
                let no = row.split(',').nth(1).unwrap().to_owned();
                if written.path.to_string_lossy().contains("-M1-") {
                    own.push(no.clone());
                }
                assert!(all.insert(no), "in two files: {row}");
            }
        }
        assert_eq!(i64::try_from(all.len()).unwrap(), ROWS);
        let back = Back { maker: "M1", sequence: 1, key: &one };
        let rows: Vec<String> = own.iter().map(|no| row(&server, no, "RECEIPT", 1)).collect();
        let read = read(&server, &folder.path().join("back.csv"), &back.text(&rows)).await;
        let read = read.unwrap();
        assert_eq!((read.rows, read.changed), (rows.len() as u64, rows.len() as u64));
        let received = "SELECT COUNT(*) FROM delivery WHERE asp_id = $1 AND state = 'RECEIPT'";
        assert_eq!(server.number(received).await, i64::try_from(own.len()).unwrap());
    })
    .await;
}
