//! However a move is cut short, the platform is in one database or in the other.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use platen::context::Clock;
use platen::keys::change::Change;
use platen::moving::{Kind, Moving, migrate};
use platen::operator::Mode;
use platen::sandbox::keys;
use store::moving::{MoveError, Reached};
use store::schema::MIGRATIONS;
use store::testing::{TestDatabase, engines, run};
use store::{OpenError, Options, Store, Target, Tx, TxError, Value, params};

use super::{args, other, rows_of, same_but_for_the_note};
use crate::process::{database_arg, platen, stdout_of};
use crate::support::filled;

/// A sandbox with little in it: its keys, and rows with every kind of value.
fn small(target: &Target) {
    let store = Store::open(target, MIGRATIONS, Options::default()).unwrap();
    keys::open(&store, true).unwrap();
    let fill = |tx: &mut Tx<'_>| -> Result<(), TxError<()>> {
        for number in 0..600 {
            // Written in no order of the bytes, with what COPY has signs for.
            let name = format!("{}\t\\N\r\n\"é카{number}", if number % 2 == 0 { 'b' } else { 'B' });
            tx.execute(
                "INSERT INTO merchant (asp_id, merchant_id, name) VALUES ($1, $2, $3)",
                params!["000170000000000", &name, &name],
            )?;
            tx.execute(
                "INSERT INTO bank_account (asp_id, user_id, bank_account_id, state, is_primary,
                     bank_code, fintech_use_num, account_no_sealed, registered_at)
                 VALUES ('000170000000000', $1, $2, 'REGISTERED', $3, '', '', $4, $5)",
                params![
                    number - 300,
                    i64::MIN + number,
                    number % 3 == 0,
                    &number.to_be_bytes(),
                    i64::MAX
                ],
            )?;
        }
        tx.execute(
            "INSERT INTO card_maker (asp_id, maker_id, name, public_key, next_sequence,
                 next_return_sequence) VALUES ('1', 'm', '', $1, 1, 1)",
            &[Value::Blob(&[])],
        )?;
        Ok(())
    };
    store.write_blocking(fill).unwrap();
    store.close();
}

/// Some megabytes more.
fn large(target: &Target) {
    let store = Store::open(target, MIGRATIONS, Options::default()).unwrap();
    let fill = |tx: &mut Tx<'_>| -> Result<(), TxError<()>> {
        for number in 0..100 {
            tx.execute(
                "INSERT INTO merchant (asp_id, merchant_id, name) VALUES ('1', $1, $2)",
                params![&format!("{number}"), &"x".repeat(50_000)],
            )?;
        }
        Ok(())
    };
    store.write_blocking(fill).unwrap();
    store.close();
}

/// Moves it; `stop` says at which step that ends as a process would that is killed there.
fn moved(
    (from, to): (&Target, &Target),
    mut stop: impl FnMut(&Reached) -> bool,
) -> Result<(), MoveError> {
    let change =
        Change { by: "kim".to_owned(), reason: "more servers".to_owned(), now: Clock.now() };
    let on_step = Box::new(move |step: &Reached| match stop(step) {
        true => Err(MoveError::Refused("killed here".to_owned())),
        false => Ok(()),
    });
    let moving = Moving { from, to, kind: Kind::Sandbox, change, on_step };
    migrate(moving, Mode::Real).map(drop)
}

/// An empty database of the same engine.
fn like(database: &TestDatabase) -> TestDatabase {
    match database.target() {
        Target::Sqlite(_) => TestDatabase::sqlite(),
        Target::Postgres(_) => TestDatabase::postgres().unwrap(),
    }
}

fn opens(target: &Target) -> Result<(), OpenError> {
    Store::open(target, MIGRATIONS, Options::default()).map(|store| store.close())
}

#[test]
fn at_every_step_it_is_in_one_place_and_the_command_goes_on() {
    type At = fn(&Reached) -> bool;
    let steps: [(At, bool); 6] = [
        (|step| *step == Reached::Held, false),
        (|step| matches!(step, Reached::Copied(table, _) if table == "merchant"), false),
        (|step| matches!(step, Reached::Compared(table, _) if table == "merchant"), false),
        (|step| *step == Reached::Verified, false),
        (|step| *step == Reached::SourceGivenUp, true),
        (|step| *step == Reached::Done, true),
    ];
    for source in engines() {
        small(source.target());
        for kind in engines() {
            for (number, (at, is_given_up)) in steps.into_iter().enumerate() {
                let (source, target) = (source.copy(), like(&kind));
                let ends = (source.target(), target.target());
                let before = rows_of(ends.0);
                let cut = moved(ends, at).unwrap_err();
                assert_eq!(cut.to_string(), "killed here");
                let is_done = number == 5;
                match (opens(ends.0), opens(ends.1), is_given_up) {
                    (Ok(()), Err(OpenError::Incomplete { .. }), false) => {
                        assert!(rows_of(ends.0) == before, "the source has changed");
                        moved(ends, |_| false).unwrap();
                    }
                    (Err(OpenError::Moved { .. }), Err(OpenError::Incomplete { .. }), true) => {
                        assert!(!is_done);
                        moved(ends, |_| false).unwrap();
                    }
                    (Err(OpenError::Moved { .. }), Ok(()), true) => assert!(is_done),
                    (from, to, _) => panic!("step {number}: {from:?} {to:?}"),
                }
                let again = moved(ends, |_| false).unwrap_err();
                assert!(matches!(again, MoveError::MovedAlready(..)), "{again}");
                same_but_for_the_note(&before, &rows_of(ends.1));
            }
        }
    }
}

/// What is not the source's is found, whatever it is, and nothing passes for done.
#[test]
fn a_copy_that_differs_is_found() {
    if TestDatabase::postgres().is_none() {
        return;
    }
    for (sql, what) in [
        ("UPDATE merchant SET name = name || '.' WHERE merchant_id LIKE '%17'", "another value"),
        ("DELETE FROM merchant WHERE merchant_id LIKE '%599'", "missing in the copy"),
        ("INSERT INTO merchant VALUES ('000170000000000', 'x', '')", "not in the source"),
        ("UPDATE bank_account SET is_primary = NOT is_primary WHERE user_id = 3", "another value"),
        ("UPDATE merchant SET name = '' WHERE merchant_id LIKE 'b%'", "another value"),
    ] {
        let (source, target) = (TestDatabase::sqlite(), TestDatabase::postgres().unwrap());
        small(source.target());
        let ends = (source.target(), target.target());
        let url = database_arg(ends.1);
        let tampered = moved(ends, |step| {
            if matches!(step, Reached::Copied(table, _) if table == "virtual_account") {
                run(&url, sql).unwrap();
            }
            false
        });
        let error = tampered.unwrap_err();
        assert!(error.to_string().contains(what), "{sql}: {error}");
        opens(ends.0).unwrap();
        assert!(matches!(opens(ends.1), Err(OpenError::Incomplete { .. })));
        moved(ends, |_| false).unwrap();
        opens(ends.1).unwrap();
    }
}

/// No room for the copy: the system refuses to let its file grow.
#[test]
fn a_full_disk_leaves_the_source_in_use() {
    for source in engines() {
        let target = TestDatabase::sqlite();
        small(source.target());
        large(source.target());
        let (from, to) = (database_arg(source.target()), database_arg(target.target()));
        // Of 512 or 1,024 bytes: the schema has room, the rows have not.
        let limited = "trap '' XFSZ; ulimit -f 2000; exec \"$0\" \"$@\"";
        let mut command = std::process::Command::new("/bin/sh");
        command.args(["-c", limited, env!("CARGO_BIN_EXE_platen")]).args(args(&from, &to, &[]));
        let output = command.output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{err}");
        assert!(err.contains("run the command again"), "{err}");
        opens(source.target()).unwrap();
        assert!(matches!(opens(target.target()), Err(OpenError::Incomplete { .. })));
        let before = rows_of(source.target());
        stdout_of(&args(&from, &to, &[]));
        same_but_for_the_note(&before, &rows_of(target.target()));
    }
}

/// Two at once: one of them moves it, and the other says so.
#[test]
fn another_run_takes_an_unfinished_copy_over_and_the_first_one_notices() {
    for source in engines() {
        let Some(target) = other(source.target()) else { continue };
        let second = TestDatabase::sqlite();
        small(source.target());
        small(second.target());
        let ends = (source.target(), target.target());
        let others = (second.target(), target.target());
        let error = moved(ends, |step| {
            if matches!(step, Reached::Copied(table, _) if table == "bank_account") {
                // Of another platform, into the same database.
                moved(others, |_| false).unwrap();
            }
            false
        });
        let error = error.unwrap_err();
        assert!(
            matches!(error, MoveError::Overtaken(_) | MoveError::Db(_)),
            "two moves into one database: {error}"
        );
        opens(ends.0).unwrap();
        opens(ends.1).unwrap();
        assert!(matches!(opens(others.0), Err(OpenError::Moved { .. })));
    }
}

/// The process itself, killed while it copies: again and again, then not.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_leaves_a_database_that_goes_on() {
    let Some((database, bank)) = filled::on_postgres().await else { return };
    let killed = move || {
        let moved = TestDatabase::sqlite();
        let (from, to) = (database_arg(database.target()), database_arg(moved.target()));
        let before = rows_of(database.target());
        for wait_ms in [0, 40, 120, 250] {
            let mut child = platen(&args(&from, &to, &[])).stdout(Stdio::piped()).spawn().unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            assert!(lines.next().unwrap().unwrap().contains("takes no writes"));
            std::thread::sleep(Duration::from_millis(wait_ms));
            child.kill().unwrap();
            child.wait().unwrap();
            if opens(database.target()).is_err() {
                break;
            }
            assert!(matches!(opens(moved.target()), Err(OpenError::Incomplete { .. })));
        }
        if opens(moved.target()).is_err() {
            stdout_of(&args(&from, &to, &[]));
        }
        same_but_for_the_note(&before, &rows_of(moved.target()));
        drop(database);
    };
    crate::support::aside(killed).await;
    bank.stop().await;
}
