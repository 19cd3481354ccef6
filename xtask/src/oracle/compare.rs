//! Comparing the truth with what happened in-process, and putting the result into words.

use super::mask::comparable;
use super::outcome::{Outcome, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// What of a module's turn differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    Init,
    Exit,
    Log,
}

impl Aspect {
    pub const ALL: [Aspect; 3] = [Aspect::Init, Aspect::Exit, Aspect::Log];

    pub fn name(self) -> &'static str {
        match self {
            Aspect::Init => "init",
            Aspect::Exit => "exit",
            Aspect::Log => "log",
        }
    }
}

/// One difference, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub key: String,
    pub aspect: Aspect,
    pub text: String,
    /// Of a log: the lines only there (`-`) and only here (`+`).
    pub lines: Vec<String>,
}

/// The differences of one module. The exit results are only compared where both inits succeeded,
/// the logs only where the results agree: one cause, one difference.
pub fn compare(key: &str, truth: &Outcome, ours: &Outcome) -> Option<Difference> {
    let difference =
        |aspect, text| Some(Difference { key: key.to_owned(), aspect, text, lines: Vec::new() });
    if truth.init != ours.init {
        return difference(Aspect::Init, format!("{} there, {} here", truth.init, ours.init));
    }
    if truth.exit != ours.exit {
        let word =
            |v: &Option<Verdict>| v.as_ref().map_or_else(|| "none".into(), |v| v.to_string());
        return difference(
            Aspect::Exit,
            format!("{} there, {} here", word(&truth.exit), word(&ours.exit)),
        );
    }
    let (there, here) = (comparable(&truth.log), comparable(&ours.log));
    (there != here).then(|| log_difference(key, &there, &here))
}

/// The lines that one log has and the other has not.
fn log_difference(key: &str, there: &[String], here: &[String]) -> Difference {
    let missing = |from: &[String], other: &[String]| {
        let mut other: Vec<&String> = other.iter().collect();
        from.iter()
            .filter(|line| {
                let found = other.iter().position(|o| o == line);
                found.map(|i| other.swap_remove(i)).is_none()
            })
            .cloned()
            .collect::<Vec<_>>()
    };
    let (lost, extra) = (missing(there, here), missing(here, there));
    let sample = |what: &str, lines: &[String]| {
        lines.first().map(|l| format!("{} {what}, e.g. {l:?}", lines.len()))
    };
    let parts: Vec<String> =
        [sample("only there", &lost), sample("only here", &extra)].into_iter().flatten().collect();
    let text =
        if parts.is_empty() { "same lines in another order".into() } else { parts.join("; ") };
    let lost = lost.into_iter().map(|l| format!("-{l}"));
    let lines = lost.chain(extra.into_iter().map(|l| format!("+{l}"))).collect();
    Difference { key: key.to_owned(), aspect: Aspect::Log, text, lines }
}

/// The agreement over a list of modules.
#[derive(Debug, Default)]
pub struct Agreement {
    pub modules: usize,
    /// Modules whose init succeeded in the real kernel, the ones with an exit to compare.
    pub loaded: usize,
    /// How the real kernel's inits ended, and how often.
    pub results: BTreeMap<Verdict, usize>,
    pub differences: Vec<Difference>,
}

impl Agreement {
    pub fn add(&mut self, key: &str, truth: &Outcome, ours: &Outcome) {
        self.modules += 1;
        self.loaded += usize::from(truth.init == Verdict::Code(0));
        let kind = match &truth.init {
            // Which one it was does not matter here.
            Verdict::Dependency { code, .. } => {
                Verdict::Dependency { name: "dependency".into(), code: *code }
            }
            other => other.clone(),
        };
        *self.results.entry(kind).or_default() += 1;
        self.differences.extend(compare(key, truth, ours));
    }

    /// The lines that differ in the most modules, with their numbers, most first.
    pub fn frequent_lines(&self, count: usize) -> Vec<(usize, &str)> {
        let mut modules: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for difference in &self.differences {
            for line in &difference.lines {
                modules.entry(line).or_default().insert(&difference.key);
            }
        }
        let mut lines: Vec<(usize, &str)> =
            modules.into_iter().map(|(line, modules)| (modules.len(), line)).collect();
        lines.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        lines.truncate(count);
        lines
    }

    pub fn differing(&self, aspect: Aspect) -> usize {
        self.differences.iter().filter(|d| d.aspect == aspect).count()
    }

    /// Modules without any difference, in percent.
    pub fn percent(&self) -> f64 {
        let differing: BTreeSet<&str> = self.differences.iter().map(|d| d.key.as_str()).collect();
        percent(self.modules - differing.len(), self.modules)
    }
}

pub fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 { 100.0 } else { 100.0 * part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(init: i32, exit: Option<i32>, log: &[&str]) -> Outcome {
        Outcome {
            init: Verdict::Code(init),
            exit: exit.map(Verdict::Code),
            log: log.iter().map(|l| (*l).to_owned()).collect(),
        }
    }

    fn aspect(truth: &Outcome, ours: &Outcome) -> Option<Aspect> {
        compare("x.ko", truth, ours).map(|d| d.aspect)
    }

    #[test]
    fn each_aspect_is_seen() {
        let truth = outcome(0, Some(0), &["<6>took 12 ms", "<4>bye"]);
        assert_eq!(aspect(&truth, &outcome(0, Some(0), &["<6>took 7 ms", "<4>bye"])), None);
        assert_eq!(aspect(&truth, &outcome(-19, None, &[])), Some(Aspect::Init));
        assert_eq!(aspect(&truth, &outcome(0, Some(-11), &[])), Some(Aspect::Exit));
        let level = outcome(0, Some(0), &["<5>took 7 ms", "<4>bye"]);
        assert_eq!(aspect(&truth, &level), Some(Aspect::Log));
        let order = outcome(0, Some(0), &["<4>bye", "<6>took 7 ms"]);
        let found = compare("x.ko", &truth, &order).unwrap();
        assert_eq!(found.text, "same lines in another order");
        let twice = outcome(0, Some(0), &["<6>took 7 ms", "<4>bye", "<4>bye"]);
        let found = compare("x.ko", &truth, &twice).unwrap();
        assert_eq!(found.text, r#"1 only here, e.g. "<4>bye""#);
    }

    #[test]
    fn frequent_lines() {
        let mut all = Agreement::default();
        let truth = outcome(0, None, &[]);
        all.add("a.ko", &truth, &outcome(0, None, &["<6>x", "<6>x", "<6>y"]));
        all.add("b.ko", &truth, &outcome(0, None, &["<6>y"]));
        assert_eq!(all.frequent_lines(9), [(2, "+<6>y"), (1, "+<6>x")]);
        assert_eq!(all.frequent_lines(1).len(), 1);
    }

    #[test]
    fn agreement_in_percent() {
        let mut all = Agreement::default();
        all.add("a.ko", &outcome(0, Some(0), &[]), &outcome(0, Some(0), &[]));
        all.add("b.ko", &outcome(-19, None, &[]), &outcome(0, Some(0), &[]));
        assert_eq!((all.modules, all.loaded, all.differing(Aspect::Init)), (2, 1, 1));
        assert!((all.percent() - 50.0).abs() < 1e-9);
        assert_eq!(percent(0, 0), 100.0);
    }
}
