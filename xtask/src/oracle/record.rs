//! Recorded outcomes: one TSV file per kernel, so that the truth is booted only once.

use super::outcome::Outcome;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The outcomes known so far, by module.
pub struct Record {
    path: PathBuf,
    outcomes: BTreeMap<String, Outcome>,
}

impl Record {
    /// Opens the record. Outcomes written under another `fingerprint` (another machine, another
    /// build of the kernel) are no longer valid and are dropped.
    pub fn open(path: &Path, fingerprint: &str) -> Result<Record> {
        let head = format!("# {fingerprint}");
        let text = fs::read_to_string(path).unwrap_or_default();
        let mut outcomes = BTreeMap::new();
        if text.lines().next() == Some(&head) {
            // A line torn by an interrupted run is not an outcome.
            outcomes = text.lines().filter_map(parse).collect();
        }
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
        }
        let mut text = format!("{head}\n");
        for (key, outcome) in &outcomes {
            text.push_str(&render(key, outcome));
        }
        fs::write(path, text).with_context(|| path.display().to_string())?;
        Ok(Record { path: path.to_owned(), outcomes })
    }

    pub fn get(&self, key: &str) -> Option<&Outcome> {
        self.outcomes.get(key)
    }

    /// Writes at once: an interrupted run loses nothing.
    pub fn add(&mut self, key: &str, outcome: Outcome) -> Result<()> {
        let mut file = OpenOptions::new().append(true).open(&self.path)?;
        file.write_all(render(key, &outcome).as_bytes())?;
        self.outcomes.insert(key.to_owned(), outcome);
        Ok(())
    }
}

fn render(key: &str, outcome: &Outcome) -> String {
    let exit = outcome.exit.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    let mut line = format!("{key}\t{}\t{exit}\t{}", outcome.init, outcome.log.len());
    for entry in &outcome.log {
        line.push('\t');
        line.push_str(&escape(entry));
    }
    line.push('\n');
    line
}

fn parse(line: &str) -> Option<(String, Outcome)> {
    let mut fields = line.split('\t');
    let key = fields.next()?.to_owned();
    let init = fields.next()?.parse().ok()?;
    let exit = match fields.next()? {
        "-" => None,
        text => Some(text.parse().ok()?),
    };
    let count: usize = fields.next()?.parse().ok()?;
    let log: Vec<String> = fields.map(unescape).collect();
    (log.len() == count).then_some((key, Outcome { init, exit, log }))
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r")
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            (_, Some('t')) => out.push('\t'),
            (_, Some('n')) => out.push('\n'),
            (_, Some('r')) => out.push('\r'),
            (_, Some(other)) => out.push(other),
            (c, None) => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::outcome::Verdict;
    use super::*;

    fn outcome() -> Outcome {
        Outcome {
            init: Verdict::Code(0),
            exit: Some(Verdict::Hang),
            log: vec!["<6>a\tb\\n".into(), "<4>two\nlines\r".into(), String::new()],
        }
    }

    #[test]
    fn outcomes_survive_the_trip() {
        let line = render("lib/x.ko", &outcome());
        assert_eq!(parse(line.trim_end_matches('\n')), Some(("lib/x.ko".into(), outcome())));
        let none = Outcome { init: Verdict::Crash, exit: None, log: vec![] };
        assert_eq!(parse(render("y.ko", &none).trim_end()), Some(("y.ko".into(), none)));
    }

    #[test]
    fn torn_lines_are_dropped() {
        let line = render("lib/x.ko", &outcome());
        let torn = line.rsplit_once('\t').unwrap().0;
        assert_eq!(parse(torn), None);
        assert_eq!(parse("# comment"), None);
    }

    #[test]
    fn a_new_fingerprint_starts_anew() {
        let dir = std::env::temp_dir().join(format!("komod-record-{}", std::process::id()));
        let path = dir.join("r.tsv");
        Record::open(&path, "one").unwrap().add("lib/x.ko", outcome()).unwrap();
        assert_eq!(Record::open(&path, "one").unwrap().get("lib/x.ko"), Some(&outcome()));
        assert_eq!(Record::open(&path, "two").unwrap().get("lib/x.ko"), None);
        fs::remove_dir_all(&dir).unwrap();
    }
}
