//! The part of regular expressions that the cases use: alternatives of plain texts, `(?i)`.

use anyhow::{Result, bail};
use std::fmt;

#[derive(Debug)]
pub struct Pattern {
    any_case: bool,
    alternatives: Vec<String>,
}

impl Pattern {
    pub fn parse(text: &str) -> Result<Pattern> {
        let (any_case, rest) = match text.strip_prefix("(?i)") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        // The point may stay what it is: the files' names have it.
        if let Some(c) = rest.chars().find(|c| r"\*+?[](){}^$".contains(*c)) {
            bail!("{text}: {c:?} has a meaning in regular expressions that is not supported here");
        }
        let alternatives: Vec<String> = rest.split('|').map(str::to_owned).collect();
        if alternatives.iter().any(String::is_empty) {
            bail!("{text}: an empty alternative is in every text");
        }
        Ok(Pattern { any_case, alternatives })
    }

    pub fn is_in(&self, text: &str) -> bool {
        let lower = text.to_lowercase();
        self.alternatives.iter().any(|a| match self.any_case {
            true => lower.contains(&a.to_lowercase()),
            false => text.contains(a.as_str()),
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.alternatives.join(" or "))
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn alternatives_and_case() {
        let pattern = Pattern::parse("(?i)deadlock|hung").unwrap();
        assert!(pattern.is_in("a DeadLock") && pattern.is_in("Hung") && !pattern.is_in("dead"));
        let pattern = Pattern::parse("init-bug.c").unwrap();
        assert!(pattern.is_in("at init-bug.c:7") && !pattern.is_in("at INIT-BUG.C"));
        for bad in ["a.*b", "a|", "", "(a)"] {
            assert!(Pattern::parse(bad).is_err(), "{bad:?}");
        }
    }
}
