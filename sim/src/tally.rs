//! What was seen in a run, and the trace by which two runs are compared.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

/// Events kept for a failure's report.
const EVENTS_MAX: usize = 40;

/// Counts of what happened.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Steps.
    pub steps: u64,
    /// Worlds.
    pub worlds: u64,
    /// A digest of all events in their order.
    pub trace: u64,
    counts: BTreeMap<&'static str, BTreeMap<String, u64>>,
}

impl Tally {
    /// Counts one of a kind.
    pub fn count(&mut self, kind: &'static str, what: &str) {
        self.add(kind, what, 1);
    }

    /// Counts several of a kind.
    pub fn add(&mut self, kind: &'static str, what: &str, number: u64) {
        let kind = self.counts.entry(kind).or_default();
        match kind.get_mut(what) {
            Some(count) => *count += number,
            None => {
                kind.insert(what.to_owned(), number);
            }
        }
    }

    /// How often something of a kind was seen.
    #[must_use]
    pub fn of(&self, kind: &str, what: &str) -> u64 {
        self.counts.get(kind).and_then(|kind| kind.get(what)).copied().unwrap_or(0)
    }

    /// How often anything of a kind was seen.
    #[must_use]
    pub fn of_kind(&self, kind: &str) -> u64 {
        self.counts.get(kind).map_or(0, |kind| kind.values().sum())
    }

    /// Adds another world's.
    pub fn merge(&mut self, other: &Tally) {
        self.steps += other.steps;
        self.worlds += other.worlds;
        self.trace = mix(self.trace, &other.trace.to_le_bytes());
        for (kind, counts) in &other.counts {
            for (what, number) in counts {
                self.add(kind, what, *number);
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} steps, {} worlds, trace {:016x}", self.steps, self.worlds, self.trace)?;
        for (kind, counts) in &self.counts {
            let all = counts.iter().map(|(what, number)| format!("{what} {number}"));
            writeln!(f, "  {kind}: {}", all.collect::<Vec<_>>().join(", "))?;
        }
        Ok(())
    }
}

/// The last events, and a digest of all.
#[derive(Debug, Default)]
pub struct Trace {
    last: VecDeque<String>,
    digest: u64,
}

impl Trace {
    /// Notes an event: nothing random but what the seed decides may be in it.
    pub fn note(&mut self, event: String) {
        self.digest = mix(self.digest, event.as_bytes());
        if self.last.len() == EVENTS_MAX {
            self.last.pop_front();
        }
        self.last.push_back(event);
    }

    /// The digest of all events.
    #[must_use]
    pub const fn digest(&self) -> u64 {
        self.digest
    }

    /// The last events, a line each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.last.iter().cloned().collect()
    }
}

/// FNV-1a.
fn mix(start: u64, bytes: &[u8]) -> u64 {
    let start = start ^ 0xcbf2_9ce4_8422_2325;
    bytes
        .iter()
        .fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}
