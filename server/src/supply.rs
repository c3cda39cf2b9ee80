//! Ids and card-number serials. Each is taken from the database in blocks, in a short transaction
//! of its own, and handed out from memory: no business transaction locks a shared counter.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::{AspId, ServiceId};
use store::tables::number_ranges::{self, SerialBlock};
use store::tables::{PLATFORM, counters};
use store::{Store, TxError, WriteError};

/// Ids in a block.
const ID_BLOCK: i64 = 1_000;
/// Counter of ids of a partner's rows.
pub const IDS: &str = "id";
/// Counter of the platform's bank transaction ids.
pub const BANK_TRAN_IDS: &str = "bank-tran-id";

/// What has run out and must be taken from the database before the transaction runs again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// Values of a counter.
    Counter(AspId, &'static str),
    /// Serials of a product's number ranges.
    Serials(AspId, ServiceId),
}

/// A card number reserved, not made yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservedNumber {
    /// First digits.
    pub prefix: String,
    /// Serial within the range.
    pub serial: u64,
    /// The key that makes a number of the serial.
    pub number_key_id: i64,
}

/// Why a supply could not be taken.
#[derive(Debug)]
pub enum SupplyError {
    /// Every number range of the product is used up.
    UsedUp,
    /// The database could not be used.
    Store(WriteError<()>),
}

/// What this process has taken and not handed out. Callers that run out at the same time take a
/// block each, and all of them are kept: card numbers are scarce.
#[derive(Default)]
pub struct Supply {
    counters: Mutex<Blocks<&'static str, Range<i64>>>,
    serials: Mutex<Blocks<ServiceId, SerialBlock>>,
}

/// Blocks of a partner's supplies, the first to be used first.
type Blocks<K, B> = HashMap<(AspId, K), VecDeque<B>>;

impl Supply {
    /// An id for a row of this partner.
    pub fn id(&self, asp: &AspId) -> Result<i64, Need> {
        self.next(asp.clone(), IDS)
    }

    /// A serial for a bank transaction id, unique across all partners.
    pub fn bank_tran_serial(&self) -> Result<u64, Need> {
        let serial = self.next(AspId::new(PLATFORM), BANK_TRAN_IDS)?;
        Ok(serial.unsigned_abs())
    }

    fn next(&self, asp: AspId, name: &'static str) -> Result<i64, Need> {
        let key = (asp, name);
        let mut counters = locked(&self.counters);
        let blocks = counters.entry(key.clone()).or_default();
        while let Some(block) = blocks.front_mut() {
            if let Some(value) = block.next() {
                return Ok(value);
            }
            blocks.pop_front();
        }
        Err(Need::Counter(key.0, name))
    }

    /// A card number of this product.
    pub fn number(&self, asp: &AspId, service: &ServiceId) -> Result<ReservedNumber, Need> {
        let mut serials = locked(&self.serials);
        let blocks = serials.entry((asp.clone(), service.clone())).or_default();
        while let Some(block) = blocks.front_mut() {
            if block.first < block.end {
                block.first += 1;
                return Ok(ReservedNumber {
                    prefix: block.prefix.clone(),
                    serial: (block.first - 1).unsigned_abs(),
                    number_key_id: block.number_key_id,
                });
            }
            blocks.pop_front();
        }
        Err(Need::Serials(asp.clone(), service.clone()))
    }

    /// Takes what a transaction needed from the database.
    pub async fn refill(&self, store: &Store, need: Need) -> Result<(), SupplyError> {
        match need {
            Need::Counter(asp, name) => {
                let key = (asp.clone(), name);
                let first = store
                    .write(move |tx| Ok(counters::take(tx, &asp, name, ID_BLOCK)?))
                    .await
                    .map_err(SupplyError::Store)?;
                let block = first..first + ID_BLOCK;
                locked(&self.counters).entry(key).or_default().push_back(block);
            }
            Need::Serials(asp, service) => {
                let key = (asp.clone(), service.clone());
                let block = store
                    .write(move |tx| {
                        number_ranges::take(tx, &asp, &service)?.ok_or(TxError::Refused(()))
                    })
                    .await;
                match block {
                    Ok(block) => {
                        locked(&self.serials).entry(key).or_default().push_back(block);
                    }
                    Err(WriteError::Refused(())) => return Err(SupplyError::UsedUp),
                    Err(error) => return Err(SupplyError::Store(error)),
                }
            }
        }
        Ok(())
    }
}

/// A panic while a map was locked leaves it whole: each change is one step.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use store::schema::MIGRATIONS;
    use store::tables::number_ranges::{BLOCK, NewRange};
    use store::testing::TestDatabase;
    use store::{Options, Tx};

    use super::*;

    /// Three callers run out at the same time and each takes a block: none is lost.
    #[tokio::test]
    async fn no_block_is_lost() {
        let database = TestDatabase::sqlite();
        let store = Store::open(database.target(), MIGRATIONS, Options::default()).unwrap();
        let (asp, service) = (AspId::new("000170000000000"), ServiceId::new("000170000002001"));
        let (of, its) = (asp.clone(), service.clone());
        let put = move |tx: &mut Tx<'_>| -> Result<(), TxError<()>> {
            let range = NewRange {
                service_id: &its,
                prefix: "9491401",
                kind: "ISSUE",
                number_key_id: 1,
                capacity: 3 * BLOCK,
            };
            Ok(number_ranges::insert(tx, &of, &range)?)
        };
        store.write(put).await.unwrap();
        let supply = Supply::default();
        let serials = Need::Serials(asp.clone(), service.clone());
        let ids = Need::Counter(asp.clone(), IDS);
        for _ in 0..3 {
            supply.refill(&store, serials.clone()).await.unwrap();
            supply.refill(&store, ids.clone()).await.unwrap();
        }
        let number = || supply.number(&asp, &service).map(|number| number.serial);
        let numbers: BTreeSet<u64> = (0..3 * BLOCK).map(|_| number().unwrap()).collect();
        assert_eq!(numbers, (0..300).collect());
        assert_eq!(number(), Err(serials.clone()));
        let all = 3 * ID_BLOCK;
        let taken: BTreeSet<i64> = (0..all).map(|_| supply.id(&asp).unwrap()).collect();
        assert_eq!(i64::try_from(taken.len()), Ok(all));
        assert_eq!(supply.id(&asp), Err(ids));
        let end = supply.refill(&store, serials).await;
        assert!(matches!(end, Err(SupplyError::UsedUp)));
    }
}
