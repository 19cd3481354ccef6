//! Cases that are known to go another way in the real kernel: `xtask/data/vm-differences.tsv`, one
//! a line: case, series (`*`: all), why it must be so.

use crate::oracle::rows;
use crate::project;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;

pub struct Known {
    reasons: BTreeMap<(String, String), String>,
}

const ALL: &str = "*";

impl Known {
    pub fn load() -> Result<Known> {
        let path = project::root().join("xtask/data/vm-differences.tsv");
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Known::parse(&text).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> Result<Known> {
        let mut reasons = BTreeMap::new();
        for (number, [case, series, reason]) in rows(text)? {
            let key = (case.to_owned(), series.to_owned());
            if reasons.insert(key, reason.to_owned()).is_some() {
                bail!("line {number}: {case} stands here twice");
            }
        }
        Ok(Known { reasons })
    }

    pub fn reason(&self, case: &str, series: &str) -> Option<&str> {
        let of = |series: &str| self.reasons.get(&(case.to_owned(), series.to_owned()));
        of(series).or_else(|| of(ALL)).map(String::as_str)
    }

    /// What is wrong with such an outcome of a case, if anything.
    pub fn judge(&self, case: &str, series: &str, difference: Option<&str>) -> Result<()> {
        match (difference, self.reason(case, series)) {
            (None, None) | (Some(_), Some(_)) => Ok(()),
            (Some(difference), None) => bail!("{difference}"),
            (None, Some(_)) => {
                bail!("the same now: take it out of vm-differences.tsv and SUPPORT.md")
            }
        }
    }

    #[cfg(test)]
    pub fn rows(&self) -> impl Iterator<Item = (&str, &str)> {
        self.reasons.iter().map(|((case, _), reason)| (case.as_str(), reason.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_needs_a_reason_and_a_reason_a_difference() {
        let known = Known::parse("# head\na\t*\twhy\nb\t6.1\twhy\n").unwrap();
        assert!(known.judge("a", "6.12", Some("log")).is_ok());
        assert!(known.judge("b", "6.1", Some("log")).is_ok());
        assert!(known.judge("c", "6.1", None).is_ok());
        assert!(known.judge("b", "6.12", Some("log")).is_err());
        assert!(known.judge("a", "6.1", None).is_err());
        assert!(Known::parse("a\t*\tx\na\t*\ty\n").is_err());
    }

    #[test]
    fn support_has_the_same_reasons() {
        let text = std::fs::read_to_string(project::root().join("SUPPORT.md")).unwrap();
        let told: Vec<(&str, &str)> = text
            .lines()
            .skip_while(|line| *line != "### Cases that go another way in a virtual machine")
            .skip(1)
            .take_while(|line| !line.starts_with('#'))
            .filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | "))
            .collect();
        let known = Known::load().unwrap();
        assert_eq!(told, known.rows().collect::<Vec<_>>());
    }
}
