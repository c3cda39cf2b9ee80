//! For how long the platform's keys have been in use. They have no end of their own.

use crypto::keyring::KeyPurpose;
use domain::{AspId, Timestamp};
use store::tables::PLATFORM;
use store::{Tx, TxError, WriteError};

use crate::audit::sealer::sealed_at;
use crate::context::App;
use crate::keys::{KeysError, rows, unwrapped};
use crate::metrics::age_s;

/// Reads it.
pub async fn measure(app: &App) -> Result<(), WriteError<()>> {
    let now = app.clock.now();
    let read = app.store.read(move |tx: &mut Tx<'_>| -> Result<_, TxError<KeysError>> {
        let keys = rows::read(tx)?;
        // A key from the beginning does not say when that was: the first seal does.
        let beginning = sealed_at(tx, &AspId::new(PLATFORM), 1)?.unwrap_or(now);
        let mut ages = Vec::new();
        for purpose in KeyPurpose::ALL {
            let Some(key) = rows::active(&keys, purpose, now) else { continue };
            let since = match key.active_from {
                Timestamp(0) => beginning,
                since => since,
            };
            ages.push((purpose, age_s(Some(since), now)));
        }
        Ok(ages)
    });
    match read.await {
        Ok(ages) => ages.into_iter().for_each(|(purpose, age)| app.metrics.key_age(purpose, age)),
        Err(WriteError::Unavailable(cause)) => return Err(WriteError::Unavailable(cause)),
        Err(error) => {
            let error = unwrapped(error);
            tracing::warn!(%error, "the age of the keys could not be read");
        }
    }
    Ok(())
}
