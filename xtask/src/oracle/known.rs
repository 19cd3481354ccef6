//! Differences that are understood: `xtask/data/known-differences-SERIES.tsv`, one a line:
//! module, what differs (`init`, `exit`, `log`), why it may.

use super::compare::{Aspect, Difference};
use super::reasons::rows;
use crate::project;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;

pub struct Known {
    reasons: BTreeMap<(String, Aspect), String>,
}

impl Known {
    pub fn load(series: &str) -> Result<Known> {
        let path = project::root().join(format!("xtask/data/known-differences-{series}.tsv"));
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Known::parse(&text).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> Result<Known> {
        let mut reasons = BTreeMap::new();
        for (number, [key, aspect, reason]) in rows(text)? {
            let Some(aspect) = Aspect::ALL.into_iter().find(|a| a.name() == aspect) else {
                bail!("line {}: no such aspect: {aspect:?}", number);
            };
            if reasons.insert((key.to_owned(), aspect), reason.to_owned()).is_some() {
                bail!("line {}: {key} stands here twice", number);
            }
        }
        Ok(Known { reasons })
    }

    pub fn reason(&self, difference: &Difference) -> Option<&str> {
        self.reasons.get(&(difference.key.clone(), difference.aspect)).map(String::as_str)
    }

    /// Entries for compared modules that no longer differ so.
    pub fn stale<'a>(
        &'a self,
        compared: &'a [String],
        differences: &'a [Difference],
    ) -> impl Iterator<Item = &'a str> {
        self.reasons.keys().filter_map(move |(key, aspect)| {
            let differs = differences.iter().any(|d| d.key == *key && d.aspect == *aspect);
            (compared.contains(key) && !differs).then_some(key.as_str())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_found() {
        let known = Known::parse("# head\n\na.ko\tlog\tprints the clock\n").unwrap();
        let mut difference = Difference {
            key: "a.ko".into(),
            aspect: Aspect::Log,
            text: String::new(),
            lines: vec![],
        };
        assert_eq!(known.reason(&difference), Some("prints the clock"));
        let compared = ["a.ko".to_owned(), "b.ko".to_owned()];
        assert_eq!(known.stale(&compared, std::slice::from_ref(&difference)).count(), 0);
        assert_eq!(known.stale(&compared, &[]).collect::<Vec<_>>(), ["a.ko"]);
        assert_eq!(known.stale(&compared[1..], &[]).count(), 0);
        difference.aspect = Aspect::Init;
        assert_eq!(known.reason(&difference), None);
    }

    #[test]
    fn the_file_is_checked() {
        for bad in ["a.ko\tlog\n", "a.ko\tlook\twhy\n", "a.ko\tlog\t \n", "a\tlog\tx\na\tlog\ty\n"]
        {
            assert!(Known::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_committed_files_are_sound() {
        for (series, _) in crate::kernels::SERIES {
            Known::load(series).unwrap();
        }
    }
}
