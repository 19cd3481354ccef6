//! Differences that are explained: `xtask/data/loader-exceptions.tsv`, one a line: the series, the
//! scene, the reason.

use crate::oracle::reasons::rows;
use crate::project;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;

pub struct Exceptions {
    reasons: BTreeMap<String, String>,
}

impl Exceptions {
    pub fn load(series: &str) -> Result<Exceptions> {
        let path = project::root().join("xtask/data/loader-exceptions.tsv");
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Exceptions::parse(&text, series).with_context(|| path.display().to_string())
    }

    fn parse(text: &str, series: &str) -> Result<Exceptions> {
        let mut reasons = BTreeMap::new();
        for (number, [of, scene, reason]) in rows(text)? {
            if of == series && reasons.insert(scene.to_owned(), reason.to_owned()).is_some() {
                bail!("line {number}: {scene} stands here twice");
            }
        }
        Ok(Exceptions { reasons })
    }

    pub fn reason(&self, scene: &str) -> Option<&str> {
        self.reasons.get(scene).map(String::as_str)
    }

    /// Entries for staged scenes that do not differ.
    pub fn stale<'a>(
        &'a self,
        staged: &'a [&str],
        differ: &'a [&str],
    ) -> impl Iterator<Item = &'a str> {
        let names = self.reasons.keys().map(String::as_str);
        names.filter(move |name| staged.contains(name) && !differ.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_have_reasons_and_belong_to_a_series() {
        let text = "# of\n6.1\ta b\tbecause\n6.12\tc\twhy not\n";
        let of = Exceptions::parse(text, "6.1").unwrap();
        assert_eq!((of.reason("a b"), of.reason("c")), (Some("because"), None));
        assert_eq!(of.stale(&["a b", "x"], &["x"]).collect::<Vec<_>>(), ["a b"]);
        assert_eq!(of.stale(&["x"], &[]).count(), 0);
        assert!(Exceptions::parse("6.1\ta\n", "6.1").is_err());
        assert!(Exceptions::parse("6.1\ta\t \n", "6.1").is_err());
    }
}
