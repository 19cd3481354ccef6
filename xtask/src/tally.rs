//! Counting what passed and what failed.

use std::fmt;
use std::ops::AddAssign;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: usize,
    pub failed: usize,
}

impl Tally {
    pub fn one(ok: bool) -> Tally {
        Tally { passed: usize::from(ok), failed: usize::from(!ok) }
    }

    /// The closing line of one test binary: `test result: ok. 5 passed; 0 failed; …`.
    pub fn of_test_binary(line: &str) -> Option<Tally> {
        let counts = line.trim().strip_prefix("test result: ")?;
        let number = |what: &str| {
            counts
                .split([';', '.'])
                .find_map(|part| part.trim().strip_suffix(what).and_then(|n| n.trim().parse().ok()))
        };
        Some(Tally { passed: number("passed")?, failed: number("failed")? })
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
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
    fn reads_the_closing_line() {
        let line = "test result: FAILED. 23 passed; 1 failed; 0 ignored; 0 measured; 0 filtered \
                    out; finished in 0.09s";
        assert_eq!(Tally::of_test_binary(line), Some(Tally { passed: 23, failed: 1 }));
        assert_eq!(Tally::of_test_binary("test result: what"), None);
        assert_eq!(Tally::of_test_binary("23 passed; 1 failed"), None);
    }

    #[test]
    fn adds_up() {
        let mut all = Tally::one(true);
        all += Tally::one(false);
        all += Tally { passed: 3, failed: 0 };
        assert_eq!(all.to_string(), "4 passed, 1 failed");
    }
}
