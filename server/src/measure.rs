//! What the metrics tell of the database beside what jobs find on their way: read once a minute,
//! so that a scrape asks no database.

pub mod books;
pub mod certificates;
pub mod clock;
pub mod files;
pub mod keys;

use std::sync::Arc;
use std::time::Duration;

use store::WriteError;

use crate::context::App;
use crate::supply;

/// How often.
const EVERY: Duration = Duration::from_secs(60);

/// Runs until the server stops.
pub async fn run(app: Arc<App>) {
    loop {
        round(&app).await;
        tokio::time::sleep(EVERY).await;
    }
}

/// Reads everything once. What cannot be read keeps its last value, and does not stop the others.
pub async fn round(app: &App) {
    tell("the use of number ranges could not be read", supply::measure(app).await);
    tell("the age of the keys could not be read", keys::measure(app).await);
    tell("partners' certificates could not be counted", certificates::measure(app).await);
    tell("files to card makers could not be counted", files::measure(app).await);
    tell("the books could not be checked", books::measure(app).await);
    tell("the database's clock could not be read", clock::measure(app).await);
}

fn tell(what: &'static str, measured: Result<(), WriteError<()>>) {
    if let Err(error) = measured {
        tracing::warn!(%error, "{what}");
    }
}
