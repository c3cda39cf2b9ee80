//! For tests: a fresh database on each engine.
//!
//! PostgreSQL takes part where `PLATEN_TEST_POSTGRES` holds the URL of a server on which the
//! user may create databases. Without it that half is skipped, or fails where
//! `PLATEN_TEST_POSTGRES_REQUIRED=1`. Tests that need servers of their own find PostgreSQL's
//! programs in the folder that `PLATEN_TEST_POSTGRES_PROGRAMS` names, else where Debian has them.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::thread;

use rusqlite::Connection;
use tempfile::TempDir;
use tokio_postgres::NoTls;

use crate::error::DbError;
use crate::sqlite;
use crate::target::Target;

/// A connection as the store's writer has it, without a store: for what is measured beside one.
/// There is no thread to copy its log, so its commits do, as often.
pub fn sqlite_writer(path: &Path) -> Result<Connection, DbError> {
    sqlite::alone(path)
}

/// A database of one test's own; dropped with it.
pub struct TestDatabase {
    target: Target,
    place: Place,
}

enum Place {
    Sqlite { _folder: TempDir },
    Postgres { server: String, name: String },
}

impl TestDatabase {
    /// What to open.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// A new SQLite file in a folder of its own.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test without its database is to stop")]
    pub fn sqlite() -> Self {
        let folder = TempDir::new().expect("a temporary folder for a test");
        let target = Target::Sqlite(folder.path().join("test.db"));
        Self { target, place: Place::Sqlite { _folder: folder } }
    }

    /// A new PostgreSQL database, or none where no server is named.
    #[must_use]
    #[expect(clippy::print_stderr, reason = "the person who runs the tests is to see it")]
    #[expect(clippy::panic, reason = "a test without its database is to stop")]
    pub fn postgres() -> Option<Self> {
        let Some(server) = variable("PLATEN_TEST_POSTGRES") else {
            let required = variable("PLATEN_TEST_POSTGRES_REQUIRED");
            assert!(
                required.as_deref() != Some("1"),
                "PLATEN_TEST_POSTGRES_REQUIRED=1, but PLATEN_TEST_POSTGRES names no server"
            );
            eprintln!("skipped on PostgreSQL: PLATEN_TEST_POSTGRES is not set");
            return None;
        };
        let created = Self::on_server(&server, "template0");
        Some(created.unwrap_or_else(|error| {
            panic!("cannot create a database on PLATEN_TEST_POSTGRES: {error}")
        }))
    }

    /// A copy of this database, to which nobody may be connected.
    #[must_use]
    #[expect(clippy::expect_used, clippy::panic, reason = "as for the database itself")]
    pub fn copy(&self) -> Self {
        match (&self.target, &self.place) {
            (Target::Sqlite(from), _) => {
                let copy = Self::sqlite();
                if let Target::Sqlite(to) = copy.target() {
                    std::fs::copy(from, to).expect("a copy of a test's database");
                }
                copy
            }
            (Target::Postgres(_), Place::Postgres { server, name }) => {
                Self::on_server(server, name).unwrap_or_else(|error| panic!("{name}: {error}"))
            }
            (Target::Postgres(_), Place::Sqlite { .. }) => panic!("a database in two places"),
        }
    }

    /// A new database on this server, as `template` is.
    fn on_server(server: &str, template: &str) -> Result<Self, String> {
        let unique = RandomState::new().build_hasher().finish();
        let name = format!("platen_test_{}_{unique:x}", std::process::id());
        run(server, &format!("CREATE DATABASE {name} TEMPLATE {template}"))?;
        let target = Target::Postgres(with_database(server, &name));
        Ok(Self { target, place: Place::Postgres { server: server.to_owned(), name } })
    }

    /// Ends every connection to the database and lets none in until [`TestDatabase::restore`].
    /// False: this is SQLite, which cannot be cut.
    #[must_use]
    pub fn cut(&self) -> bool {
        self.allow_connections("false").is_some_and(|(server, name)| {
            let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ";
            run(server, &format!("{end}'{name}'")).is_ok()
        })
    }

    /// Lets connections in again after [`TestDatabase::cut`].
    pub fn restore(&self) {
        self.allow_connections("true");
    }

    fn allow_connections(&self, allow: &str) -> Option<(&str, &str)> {
        match &self.place {
            Place::Sqlite { .. } => None,
            Place::Postgres { server, name } => {
                run(server, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {allow}"))
                    .is_ok()
                    .then_some((server, name))
            }
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        match &self.place {
            Place::Sqlite { .. } => {}
            Place::Postgres { server, name } => {
                // What a failing test leaves behind is no reason to hide why it failed.
                let _ = run(server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
            }
        }
    }
}

/// A fresh database on each engine that is at hand.
#[must_use]
pub fn engines() -> Vec<TestDatabase> {
    [Some(TestDatabase::sqlite()), TestDatabase::postgres()].into_iter().flatten().collect()
}

/// Runs `check` on a fresh database of each engine that is at hand.
pub fn for_each_engine(mut check: impl FnMut(&Target)) {
    for database in engines() {
        check(database.target());
    }
}

/// Runs one statement on a PostgreSQL server, also from a test on an async runtime.
pub fn run(url: &str, sql: &str) -> Result<(), String> {
    let message = |error: tokio_postgres::Error| {
        let message = error.as_db_error().map(|server| server.message().to_owned());
        message.unwrap_or_else(|| error.to_string())
    };
    let connect_and_run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|error| error.to_string())?.block_on(async {
            let (client, connection) =
                tokio_postgres::connect(url, NoTls).await.map_err(message)?;
            let connection = tokio::spawn(connection);
            client.batch_execute(sql).await.map_err(message)?;
            drop(client);
            // What it still has to say is of no interest.
            let _ = connection.await;
            Ok(())
        })
    };
    let ran = thread::scope(|scope| scope.spawn(connect_and_run).join());
    ran.unwrap_or_else(|_| Err("the client panicked".to_owned()))
}

/// The URL with another database as its path.
fn with_database(url: &str, name: &str) -> String {
    let (address, query) = match url.split_once('?') {
        Some((address, query)) => (address, format!("?{query}")),
        None => (url, String::new()),
    };
    let start = address.find("://").map_or(0, |scheme| scheme + 3);
    let end = address[start..].find('/').map_or(address.len(), |slash| start + slash);
    format!("{}/{name}{query}", &address[..end])
}

/// Where `initdb` and `pg_basebackup` are; none where they are not found.
#[must_use]
pub fn postgres_programs() -> Option<PathBuf> {
    let given = variable("PLATEN_TEST_POSTGRES_PROGRAMS").map(PathBuf::from);
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    found.sort();
    given.into_iter().chain(found.into_iter().rev()).find(|folder| {
        ["initdb", "pg_basebackup"].iter().all(|program| folder.join(program).is_file())
    })
}

/// A variable of the environment that tells tests what there is to test with.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "only tests come here, and they have no settings")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn the_database_in_a_url_is_replaced() {
        for (url, expect) in [
            ("postgres://u@h:1/postgres", "postgres://u@h:1/x"),
            ("postgres://u@h:1", "postgres://u@h:1/x"),
            ("postgres://h/a?sslmode=disable", "postgres://h/x?sslmode=disable"),
        ] {
            assert_eq!(with_database(url, "x"), expect);
        }
    }
}
