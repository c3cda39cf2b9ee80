//! Databases as a new sandbox fills them, with the bank that belongs to them. That takes a while,
//! so it is done once for each engine, and every test gets copies.

use store::testing::TestDatabase;
use tokio::sync::OnceCell;

use super::{TestBank, TestServer, aside, quick};

/// A database that nobody is connected to, and its bank's file.
struct Original {
    database: TestDatabase,
    bank: Vec<u8>,
}

static SQLITE: OnceCell<Original> = OnceCell::const_new();
static POSTGRES: OnceCell<Option<Original>> = OnceCell::const_new();

impl Original {
    async fn fill(database: TestDatabase) -> Self {
        let bank = TestBank::start().await;
        TestServer::start(database.target(), &bank, quick()).await.stop().await;
        Original { database, bank: bank.stop_for_its_file().await }
    }

    async fn copy(&'static self) -> (TestDatabase, TestBank) {
        (aside(|| self.database.copy()).await, TestBank::start_with(&self.bank).await)
    }
}

/// On SQLite.
pub async fn on_sqlite() -> (TestDatabase, TestBank) {
    SQLITE.get_or_init(|| Original::fill(TestDatabase::sqlite())).await.copy().await
}

/// On PostgreSQL, where a server is named.
pub async fn on_postgres() -> Option<(TestDatabase, TestBank)> {
    let original = POSTGRES.get_or_init(|| async {
        match aside(TestDatabase::postgres).await {
            Some(database) => Some(Original::fill(database).await),
            None => None,
        }
    });
    match original.await {
        Some(original) => Some(original.copy().await),
        None => None,
    }
}
