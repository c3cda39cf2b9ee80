//! Servers of two releases on one database: the newer one migrates while the older one works.

use std::sync::{Arc, Barrier, LazyLock};

use platen::sandbox::world::products::FREE;
use store::schema::MIGRATIONS;
use store::testing::for_each_engine;
use store::{Migration, OpenError, Options, Store, Target, Tx, TxError};

use crate::given::{given_of, mobile_only, new_id};
use crate::process::{database_arg, run};
use crate::support::{REISSUE, TestServer, aside, code, on_each_database, quick};

/// What a next release may do to tables that a server of this one works on.
const EXPANDS: &str = "
ALTER TABLE member ADD COLUMN nickname TEXT;
ALTER TABLE card_account ADD COLUMN colour BIGINT NOT NULL DEFAULT 7;
ALTER TABLE application ADD COLUMN channel TEXT NOT NULL DEFAULT 'APP'
    CHECK (channel IN ('APP', 'DESK'));
ALTER TABLE operation_log ADD COLUMN note TEXT;
CREATE INDEX card_account_by_colour ON card_account (asp_id, colour, account_id);
CREATE TABLE colour (
    asp_id TEXT NOT NULL,
    colour BIGINT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (asp_id, colour)
);";

/// This release's schema, and that of a release that is not there yet.
static NEXT: LazyLock<&'static [Migration]> = LazyLock::new(|| {
    let version = MIGRATIONS.last().unwrap().version + 1;
    let mut all = MIGRATIONS.to_vec();
    all.push(Migration { version, name: "next", sql: EXPANDS });
    all.leak()
});

/// Two servers of the next release start at the same moment; how often its step was taken.
fn start_two(target: &Target) -> i64 {
    let together = Barrier::new(2);
    let start = || {
        together.wait();
        Store::open(target, *NEXT, Options::default()).unwrap()
    };
    let stores = std::thread::scope(|scope| {
        let both = [scope.spawn(start), scope.spawn(start)];
        both.map(|one| one.join().unwrap())
    });
    let count = stores[0]
        .read_blocking(|tx: &mut Tx<'_>| -> Result<i64, TxError<()>> {
            let sql = "SELECT COUNT(*) FROM schema_migration WHERE name = 'next'";
            Ok(tx.query_one(sql, &[])?.int(0)?)
        })
        .unwrap();
    for store in stores {
        store.close();
    }
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_on_while_a_newer_server_migrates() {
    on_each_database(async |target, bank| {
        let server = Arc::new(TestServer::start(&target, &bank, quick()).await);
        let mut worlds = Vec::new();
        for _ in 0..24 {
            worlds.push(given_of(&server, &bank, FREE).await);
        }
        let calls = worlds.chunks(8).map(|part| {
            let (server, worlds) = (Arc::clone(&server), part.to_vec());
            tokio::spawn(async move {
                for world in worlds {
                    let answer =
                        server.call_as(REISSUE, &mobile_only(&world), Some(&new_id())).await;
                    assert_eq!(code(&answer), "000_000");
                }
            })
        });
        let calls: Vec<_> = calls.collect();
        let newer = target.clone();
        assert_eq!(aside(move || start_two(&newer)).await, 1);
        for call in calls {
            call.await.unwrap();
        }
        // The older server goes on, and what it writes has the newer columns.
        let world = given_of(&server, &bank, FREE).await;
        assert_eq!(code(&server.call(REISSUE, &mobile_only(&world)).await), "000_000");
        let sql = "SELECT COUNT(*) FROM card_account WHERE asp_id = $1 AND colour <> 7";
        assert_eq!(server.number(sql).await, 0);
        let Ok(server) = Arc::try_unwrap(server) else { panic!("somebody holds the server") };
        server.stop().await;

        // It is not started again: it might have been away for longer than one release.
        let (older, said) = aside(move || {
            let older = Store::open(&target, MIGRATIONS, Options::default()).err().unwrap();
            (older, run(&["audit", "verify", "--database", &database_arg(&target)]))
        })
        .await;
        assert!(matches!(older, OpenError::Newer { .. }), "{older}");
        assert_eq!(said.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&said.stderr).contains("run the newer release"));
    })
    .await;
}

#[test]
fn servers_that_start_together_migrate_once() {
    for_each_engine(|target| {
        Store::open(target, MIGRATIONS, Options::default()).unwrap().close();
        assert_eq!(start_two(target), 1);
    });
}

/// The last version that was written before servers of two releases had to work side by side.
const BEFORE_THE_RULE: i64 = 5;

/// What a migration's text does that a server of the release before would not survive.
fn contracts(sql: &str) -> Vec<String> {
    let lines = sql.lines().map(|line| line.split("--").next().unwrap_or(line));
    let text = lines.collect::<Vec<_>>().join(" ").to_uppercase();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut found = Vec::new();
    for statement in text.split(';').map(str::trim) {
        let drops = statement.starts_with("DROP ") && !statement.starts_with("DROP INDEX ");
        let alters = statement.starts_with("ALTER TABLE ");
        let changes = [" DROP ", " RENAME ", " ALTER COLUMN ", " ADD CONSTRAINT ", " SET NOT NULL"];
        let changes = alters && changes.iter().any(|change| statement.contains(change));
        let demands = alters && statement.contains(" NOT NULL") && !statement.contains(" DEFAULT ");
        if drops || changes || demands {
            found.push(statement.to_owned());
        }
    }
    found
}

/// Expand in one release, contract in a later one, when no server of the one before is left.
#[test]
fn a_migration_only_adds() {
    for migration in MIGRATIONS.iter().filter(|one| one.version > BEFORE_THE_RULE) {
        let found = contracts(migration.sql);
        assert!(found.is_empty(), "migration {}: {found:?}", migration.version);
    }
    assert_eq!(contracts(EXPANDS), Vec::<String>::new());
    for bad in [
        "DROP TABLE card;",
        "ALTER TABLE card DROP COLUMN par;",
        "ALTER TABLE card RENAME TO cards;",
        "ALTER TABLE card RENAME COLUMN par TO par2;",
        "ALTER TABLE card\n    ADD COLUMN a BIGINT NOT NULL; -- DEFAULT 0",
        "ALTER TABLE card ALTER COLUMN par TYPE BIGINT;",
        "alter table card alter column par set not null",
    ] {
        assert_eq!(contracts(bad).len(), 1, "{bad}");
    }
    // The fifth is from before: it makes tables anew.
    assert!(!contracts(MIGRATIONS[4].sql).is_empty());
}
