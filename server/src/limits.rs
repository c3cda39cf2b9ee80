//! How many calls a partner may make: a bucket of tokens each, kept by this process alone.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use domain::{AspId, Timestamp};

/// Parts of a token, so that a microsecond's share is a whole number.
const PARTS: u64 = 1_000_000;
/// Buckets kept at once; beyond it the full ones are dropped, which a new one is like, and where
/// none is full, all.
const BUCKETS_MAX: usize = 10_000;

/// How fast a bucket fills, and how much it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Tokens a second; 0: nothing is limited.
    pub per_second: u64,
    /// Tokens at the most; 0: those of a second.
    pub burst: u64,
}

impl Rate {
    fn capacity(self) -> u64 {
        let tokens = if self.burst == 0 { self.per_second } else { self.burst };
        tokens.saturating_mul(PARTS)
    }
}

/// Whose bucket: a partner's, or one of its projects'.
type Owner = (AspId, Option<i64>);

/// The buckets.
pub struct Limits {
    of_partner: Rate,
    buckets: Mutex<HashMap<Owner, Bucket>>,
}

#[derive(Clone, Copy)]
struct Bucket {
    rate: Rate,
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
    /// Buckets of partners that fill by `rate_per_second` up to `burst` tokens, where that is 0 up
    /// to a second's; at a rate of 0 nothing is limited.
    pub fn new(rate_per_second: u64, burst: u64) -> Self {
        let of_partner = Rate { per_second: rate_per_second, burst };
        Limits { of_partner, buckets: Mutex::default() }
    }

    /// Takes a token of a partner, who must be known by now: nobody empties another's bucket.
    pub fn take(&self, asp: &AspId, now: Timestamp) -> Result<(), TooMany> {
        self.take_from((asp.clone(), None), self.of_partner, now)
    }

    /// Takes a token of a project, which has a rate of its own.
    pub fn take_of_project(
        &self,
        asp: &AspId,
        (project_id, rate): (i64, Rate),
        now: Timestamp,
    ) -> Result<(), TooMany> {
        self.take_from((asp.clone(), Some(project_id)), rate, now)
    }

    fn take_from(&self, owner: Owner, rate: Rate, now: Timestamp) -> Result<(), TooMany> {
        if rate.per_second == 0 {
            return Ok(());
        }
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS_MAX && !buckets.contains_key(&owner) {
            buckets.retain(|_, bucket| bucket.filled(now).parts < bucket.rate.capacity());
            if buckets.len() >= BUCKETS_MAX {
                buckets.clear();
            }
        }
        let full = Bucket { rate, parts: rate.capacity(), at: now };
        let bucket = buckets.entry(owner).or_insert(full);
        // The rate may be another one since.
        *bucket = Bucket { rate, ..bucket.filled(now) }.filled(now);
        match bucket.parts.checked_sub(PARTS) {
            Some(left) => {
                bucket.parts = left;
                Ok(())
            }
            None => {
                let wait_us = (PARTS - bucket.parts).div_ceil(rate.per_second);
                Err(TooMany { retry_after_seconds: wait_us.div_ceil(1_000_000) })
            }
        }
    }
}

impl Bucket {
    /// With what has come in until now; a clock that was set back brings nothing.
    fn filled(self, now: Timestamp) -> Bucket {
        let elapsed_us = u64::try_from(now.0.saturating_sub(self.at.0)).unwrap_or(0);
        let came_in = elapsed_us.saturating_mul(self.rate.per_second);
        let parts = self.parts.saturating_add(came_in).min(self.rate.capacity());
        Bucket { parts, at: now, ..self }
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
    fn a_project_has_a_bucket_of_its_own() {
        let limits = Limits::new(0, 0);
        let taken = |project, per_second, ms| {
            let of = (project, Rate { per_second, burst: 0 });
            let take = |_: &i32| limits.take_of_project(&asp(1), of, at_ms(ms)).is_ok();
            (0..1_000).take_while(take).count()
        };
        assert_eq!(taken(1, 5, 0), 5);
        assert_eq!(taken(2, 7, 0), 7, "another project's own");
        assert_eq!(taken(3, 0, 0), 1_000, "none");
        assert_eq!(taken(1, 2, 10_000), 2, "less since its rate was changed");
        assert_eq!(taken(1, 9, 11_000), 2, "filled at the rate that it had until now");
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
