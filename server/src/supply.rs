//! Ids and card-number serials. Each is taken from the database in blocks, in a short transaction
//! of its own, and handed out from memory: no business transaction locks a shared counter.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::{AspId, ServiceId};
use store::tables::number_ranges::{self, SerialBlock, Use};
use store::tables::{PLATFORM, counters, partners};
use store::{Store, Tx, TxError, WriteError};

use crate::context::App;

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

/// How much of its numbers a product has used, hundredths, when an operator is told: there is time
/// to add a range.
const WARN_AT_PERCENT: i64 = 80;
/// The same when it is urgent.
const ALARM_AT_PERCENT: i64 = 95;

/// What a block that was taken makes an operator be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alarm {
    /// Four fifths of the numbers are used.
    RunningLow,
    /// Nearly all of them are.
    NearlyUsedUp,
}

impl Alarm {
    /// The alarm that the last block crosses: each is crossed once as long as no range is added.
    pub fn crossed(used: Use) -> Option<Self> {
        let (before, now) = (used.percent_before(), used.percent());
        let crosses = |percent| before < percent && percent <= now;
        if crosses(ALARM_AT_PERCENT) {
            Some(Alarm::NearlyUsedUp)
        } else {
            crosses(WARN_AT_PERCENT).then_some(Alarm::RunningLow)
        }
    }
}

/// Tells what was crossed.
fn sound(asp: &AspId, service: &ServiceId, used: Use) {
    let (asp, service) = (asp.as_str(), service.as_str());
    let (percent, left) = (used.percent(), used.all - used.taken);
    match Alarm::crossed(used) {
        None => {}
        Some(Alarm::RunningLow) => {
            tracing::warn!(asp, service, percent, left, "a product's card numbers run low");
        }
        Some(Alarm::NearlyUsedUp) => {
            tracing::error!(
                asp,
                service,
                percent,
                left,
                "a product's card numbers are nearly used up"
            );
        }
    }
}

/// Reads how much of each product's numbers is used, for the metrics.
pub async fn measure(app: &App) -> Result<(), WriteError<()>> {
    let uses = app.store.read(|tx: &mut Tx<'_>| {
        let mut all = Vec::new();
        for asp in partners::all(tx)? {
            all.extend(number_ranges::uses(tx, &asp)?.into_iter().map(|each| (asp.clone(), each)));
        }
        Ok(all)
    });
    for (asp, (service, used)) in uses.await? {
        app.metrics.numbers_used(asp.as_str(), service.as_str(), used.percent());
    }
    Ok(())
}

/// What this process has taken and not handed out.
#[derive(Default)]
pub struct Supply {
    counters: Mutex<HashMap<(AspId, &'static str), Range<i64>>>,
    serials: Mutex<HashMap<(AspId, ServiceId), SerialBlock>>,
    /// Held while a block is taken: of many who need one at once, one takes it for all.
    refilling: tokio::sync::Mutex<()>,
}

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

    /// Hands out these values of a counter next: a command takes them within its own transaction.
    pub fn lend(&self, asp: &AspId, name: &'static str, values: Range<i64>) {
        locked(&self.counters).insert((asp.clone(), name), values);
    }

    fn next(&self, asp: AspId, name: &'static str) -> Result<i64, Need> {
        let key = (asp, name);
        match locked(&self.counters).get_mut(&key).and_then(Iterator::next) {
            Some(value) => Ok(value),
            None => Err(Need::Counter(key.0, name)),
        }
    }

    /// A card number of this product.
    pub fn number(&self, asp: &AspId, service: &ServiceId) -> Result<ReservedNumber, Need> {
        let mut serials = locked(&self.serials);
        let block = serials.get_mut(&(asp.clone(), service.clone()));
        match block.filter(|block| block.first < block.end) {
            Some(block) => {
                block.first += 1;
                Ok(ReservedNumber {
                    prefix: block.prefix.clone(),
                    serial: (block.first - 1).unsigned_abs(),
                    number_key_id: block.number_key_id,
                })
            }
            None => Err(Need::Serials(asp.clone(), service.clone())),
        }
    }

    /// Whether somebody has taken meanwhile what a transaction needed.
    fn has(&self, need: &Need) -> bool {
        match need {
            Need::Counter(asp, name) => {
                let counters = locked(&self.counters);
                counters.get(&(asp.clone(), *name)).is_some_and(|left| !left.is_empty())
            }
            Need::Serials(asp, service) => {
                let serials = locked(&self.serials);
                let block = serials.get(&(asp.clone(), service.clone()));
                block.is_some_and(|block| block.first < block.end)
            }
        }
    }

    /// Takes what a transaction needed from the database.
    pub async fn refill(&self, store: &Store, need: Need) -> Result<(), SupplyError> {
        let _turn = self.refilling.lock().await;
        if self.has(&need) {
            return Ok(());
        }
        match need {
            Need::Counter(asp, name) => {
                let key = (asp.clone(), name);
                let first = store
                    .write(move |tx| Ok(counters::take(tx, &asp, name, ID_BLOCK)?))
                    .await
                    .map_err(SupplyError::Store)?;
                locked(&self.counters).insert(key, first..first + ID_BLOCK);
            }
            Need::Serials(asp, service) => {
                let key = (asp.clone(), service.clone());
                let block = store
                    .write(move |tx| {
                        let block = number_ranges::take(tx, &asp, &service)?;
                        let block = block.ok_or(TxError::Refused(()))?;
                        Ok((block, number_ranges::use_of(tx, &asp, &service)?))
                    })
                    .await;
                match block {
                    Ok((block, used)) => {
                        sound(&key.0, &key.1, used);
                        locked(&self.serials).insert(key, block);
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
    use store::tables::number_ranges::BLOCK;

    use super::*;

    #[test]
    fn each_alarm_is_crossed_once() {
        for all in [1_000, 10_000, 1_000_000] {
            let uses = (1..=all / BLOCK).map(|blocks| Use { taken: blocks * BLOCK, all });
            let alarms: Vec<_> =
                uses.filter_map(|used| Some((used.percent(), Alarm::crossed(used)?))).collect();
            let urgent = if all == 1_000 { 100 } else { 95 };
            assert_eq!(alarms, [(80, Alarm::RunningLow), (urgent, Alarm::NearlyUsedUp)], "{all}");
        }
    }

    #[test]
    fn a_new_range_makes_room_for_the_alarm_to_be_crossed_again() {
        let used = |taken, all| Alarm::crossed(Use { taken, all });
        assert_eq!(used(800, 1_000), Some(Alarm::RunningLow));
        assert_eq!(used(900, 2_000), None);
        assert_eq!(used(1_600, 2_000), Some(Alarm::RunningLow));
    }
}
