//! Tests counted from the closing lines of cargo's and Node's test runners.

use std::fmt;
use std::ops::AddAssign;

/// How many tests passed and failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Tally {
    /// What a line of a test runner's output adds: nothing, unless it is a closing line.
    pub(crate) fn of_line(line: &str) -> Self {
        let line = line.trim();
        if let Some(result) = line.strip_prefix("test result: ") {
            return Tally {
                passed: number_before(result, " passed;"),
                failed: number_before(result, " failed;"),
            };
        }
        let Some(result) = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ ")) else {
            return Tally::default();
        };
        match result.split_once(' ') {
            Some(("pass", number)) => Tally { passed: number.parse().unwrap_or(0), failed: 0 },
            Some(("fail" | "cancelled", number)) => {
                Tally { passed: 0, failed: number.parse().unwrap_or(0) }
            }
            Some(_) | None => Tally::default(),
        }
    }

    /// A step counts at least once, and one that failed has a failure.
    pub(crate) fn of_step(self, succeeded: bool) -> Self {
        match self {
            Tally { passed: 0, failed: 0 } if succeeded => Tally { passed: 1, failed: 0 },
            Tally { passed, failed: 0 } if !succeeded => Tally { passed, failed: 1 },
            counted => counted,
        }
    }
}

fn number_before(text: &str, mark: &str) -> u64 {
    let before = text.split_once(mark).map_or("", |(before, _)| before);
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_counted_and_others_are_not() {
        for (line, passed, failed) in [
            ("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out", 12, 0),
            ("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured", 3, 2),
            ("# pass 7", 7, 0),
            ("ℹ pass 7", 7, 0),
            ("ℹ fail 2", 0, 2),
            ("# cancelled 1", 0, 1),
            ("# tests 9", 0, 0),
            ("test it::passes ... ok", 0, 0),
            ("pass 7", 0, 0),
            ("", 0, 0),
        ] {
            assert_eq!(Tally::of_line(line), Tally { passed, failed }, "{line}");
        }
    }

    #[test]
    fn a_step_without_tests_counts_once() {
        let none = Tally::default();
        assert_eq!(none.of_step(true), Tally { passed: 1, failed: 0 });
        assert_eq!(none.of_step(false), Tally { passed: 0, failed: 1 });
        let some = Tally { passed: 5, failed: 0 };
        assert_eq!(some.of_step(true), some);
        assert_eq!(some.of_step(false), Tally { passed: 5, failed: 1 });
        let mut sum = some;
        sum += Tally { passed: 1, failed: 2 };
        assert_eq!(sum.to_string(), "6 passed, 2 failed");
    }
}
