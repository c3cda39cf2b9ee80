//! How many calls a partner may make: a bucket of tokens each, kept by this process alone.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use domain::{AspId, Timestamp};

/// Parts of a token, so that a microsecond's share is a whole number.
const PARTS: u64 = 1_000_000;
/// Buckets kept at once; beyond it the full ones are dropped, which a new one is like, and where
/// none is full, all.
const BUCKETS_MAX: usize = 10_000;

/// The buckets.
pub struct Limits {
    rate_per_second: u64,
    capacity: u64,
    buckets: Mutex<HashMap<AspId, Bucket>>,
}

#[derive(Clone, Copy)]
struct Bucket {
    parts: u64,
    at: Timestamp,
}

/// A call too many, and when to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany {
    /// Whole seconds until there is a token again, at least one.
    pub retry_after_seconds: u64,
}

impl Limits {
    /// Buckets that fill by `rate_per_second` up to `burst` tokens, where that is 0 up to a
    /// second's; at a rate of 0 nothing is limited.
    pub fn new(rate_per_second: u64, burst: u64) -> Self {
        let tokens = if burst == 0 { rate_per_second } else { burst };
        let capacity = tokens.saturating_mul(PARTS);
        Limits { rate_per_second, capacity, buckets: Mutex::default() }
    }

    /// Takes a token of a partner, who must be known by now: nobody empties another's bucket.
    pub fn take(&self, asp: &AspId, now: Timestamp) -> Result<(), TooMany> {
        if self.rate_per_second == 0 {
            return Ok(());
        }
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS_MAX && !buckets.contains_key(asp) {
            buckets.retain(|_, bucket| self.filled(*bucket, now).parts < self.capacity);
            if buckets.len() >= BUCKETS_MAX {
                buckets.clear();
            }
        }
        let full = Bucket { parts: self.capacity, at: now };
        let bucket = buckets.entry(asp.clone()).or_insert(full);
        *bucket = self.filled(*bucket, now);
        match bucket.parts.checked_sub(PARTS) {
            Some(left) => {
                bucket.parts = left;
                Ok(())
            }
            None => {
                let wait_us = (PARTS - bucket.parts).div_ceil(self.rate_per_second);
                Err(TooMany { retry_after_seconds: wait_us.div_ceil(1_000_000) })
            }
        }
    }

    /// A bucket with what has come in until now; a clock that was set back brings nothing.
    fn filled(&self, bucket: Bucket, now: Timestamp) -> Bucket {
        let elapsed_us = u64::try_from(now.0.saturating_sub(bucket.at.0)).unwrap_or(0);
        let parts = bucket.parts.saturating_add(elapsed_us.saturating_mul(self.rate_per_second));
        Bucket { parts: parts.min(self.capacity), at: now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asp(number: usize) -> AspId {
        AspId::new(format!("{number:015}"))
    }

    fn at_ms(ms: i64) -> Timestamp {
        Timestamp(1_000_000_000 + ms * 1_000)
    }

    /// How many calls in a row are taken at a moment.
    fn taken(limits: &Limits, partner: usize, now: Timestamp) -> usize {
        (0..1_000).take_while(|_| limits.take(&asp(partner), now).is_ok()).count()
    }

    #[test]
    fn a_burst_then_the_rate() {
        let limits = Limits::new(10, 30);
        assert_eq!(taken(&limits, 1, at_ms(0)), 30);
        assert_eq!(taken(&limits, 1, at_ms(99)), 0);
        assert_eq!(taken(&limits, 1, at_ms(100)), 1);
        assert_eq!(taken(&limits, 1, at_ms(1_100)), 10);
        assert_eq!(taken(&limits, 1, at_ms(1_000_000)), 30, "no more than the burst");
        assert_eq!(taken(&limits, 2, at_ms(0)), 30, "another partner's own");
    }

    #[test]
    fn without_a_burst_a_second_s_worth_is_saved() {
        let limits = Limits::new(7, 0);
        assert_eq!(taken(&limits, 1, at_ms(0)), 7);
        assert_eq!(taken(&Limits::new(0, 5), 1, at_ms(0)), 1_000, "off");
    }

    #[test]
    fn told_when_to_come_back() {
        let limits = Limits::new(1, 1);
        let take = |ms| limits.take(&asp(1), at_ms(ms));
        assert_eq!(take(0), Ok(()));
        assert_eq!(take(0), Err(TooMany { retry_after_seconds: 1 }));
        assert_eq!(take(999), Err(TooMany { retry_after_seconds: 1 }));
        assert_eq!(take(1_000), Ok(()), "as was told");
    }

    #[test]
    fn a_clock_set_back_brings_and_takes_nothing() {
        let limits = Limits::new(1, 2);
        assert_eq!(limits.take(&asp(1), at_ms(5_000)), Ok(()));
        assert_eq!(taken(&limits, 1, at_ms(0)), 1);
        assert_eq!(taken(&limits, 1, at_ms(1_000)), 1);
        let much = Limits::new(1_000_000_000, 1_000_000_000);
        assert_eq!(much.take(&asp(1), Timestamp(i64::MIN)), Ok(()));
        assert_eq!(much.take(&asp(1), Timestamp(i64::MAX)), Ok(()));
    }

    #[test]
    fn buckets_are_bounded() {
        let limits = Limits::new(1, 2);
        for partner in 0..BUCKETS_MAX {
            assert_eq!(limits.take(&asp(partner), at_ms(0)), Ok(()));
        }
        let len = || limits.buckets.lock().unwrap().len();
        assert_eq!(len(), BUCKETS_MAX);
        // All but one are full again and go.
        assert_eq!(limits.take(&asp(1), at_ms(999)), Ok(()));
        assert_eq!(limits.take(&asp(BUCKETS_MAX), at_ms(1_000)), Ok(()));
        assert_eq!(len(), 2);
        assert_eq!(limits.take(&asp(1), at_ms(1_000)), Ok(()), "filled by a token since");
        assert_eq!(limits.take(&asp(1), at_ms(1_000)), Err(TooMany { retry_after_seconds: 1 }));
    }
}
