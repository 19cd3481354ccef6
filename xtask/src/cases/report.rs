//! The report of `komod run --json`, as far as cases ask for it.

use anyhow::{Context, Result};
use serde_json::Value;

#[derive(Debug)]
pub struct Report {
    json: Value,
}

/// Kinds of problems that are crashes or their like, not refusals.
const FAULTS: &[&str] = &["oops", "background", "died"];

impl Report {
    pub fn parse(text: &str) -> Result<Report> {
        let json: Value = serde_json::from_str(text.trim()).context("not a JSON report")?;
        for part in ["log", "oopses", "problems", "modules"] {
            json[part].as_array().with_context(|| format!("the report has no {part:?}"))?;
        }
        Ok(Report { json })
    }

    fn all(&self, part: &str) -> impl Iterator<Item = &Value> {
        self.json[part].as_array().into_iter().flatten()
    }

    pub fn log_lines(&self) -> impl Iterator<Item = &str> {
        self.all("log").filter_map(|record| record["text"].as_str())
    }

    /// The message of the problem of this kind, unless the crash it was part of is what counts.
    pub fn refusal(&self, kind: &str) -> Option<&str> {
        let problem = self.all("problems").find(|p| p["kind"] == kind)?;
        let message = problem["message"].as_str().unwrap_or_default();
        (!is_fault(message)).then_some(message)
    }

    /// Every text about crashes: the Oopses, and the problems that are no refusals, a line each.
    pub fn faults(&self) -> String {
        let mut texts = Vec::new();
        for oops in self.all("oopses") {
            collect(oops, &mut texts);
        }
        for problem in self.all("problems") {
            let kind = problem["kind"].as_str().unwrap_or_default();
            let message = problem["message"].as_str().unwrap_or_default();
            if FAULTS.contains(&kind) || is_fault(message) {
                collect(problem, &mut texts);
            }
        }
        texts.join("\n")
    }

    /// Where the Oopses were, and whose.
    pub fn crashes(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
        let crash = |oops: &Value| {
            let (rip, comm) = (&oops["rip"], text(&oops["comm"]));
            format!("{} [{}] in {comm}", text(&rip["symbol"]), text(&rip["module"]))
        };
        self.all("oopses").map(crash).collect()
    }

    /// How it ended, without the words that differ between places: each crash is one, a refusal is
    /// its error number.
    pub fn ends(&self) -> Vec<String> {
        let mut ends: Vec<String> = Vec::new();
        for problem in self.all("problems") {
            let kind = problem["kind"].as_str().unwrap_or_default();
            let message = problem["message"].as_str().unwrap_or_default();
            let end = match FAULTS.contains(&kind) || is_fault(message) {
                true => "crashed".to_owned(),
                false => {
                    let is_name = |w: &&str| {
                        let letters = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
                        w.len() > 2 && w.starts_with('E') && w.bytes().all(letters)
                    };
                    let mut words = message.split(|c: char| !c.is_ascii_alphanumeric());
                    let errno = words.find(is_name).unwrap_or_default();
                    format!("{kind} {errno}").trim_end().to_owned()
                }
            };
            if ends.last() != Some(&end) {
                ends.push(end);
            }
        }
        ends
    }

    pub fn leaks(&self) -> usize {
        self.all("modules").filter_map(|m| m["leaks"].as_array()).map(Vec::len).sum()
    }
}

/// komod's words for a load or unload that did not fail but fault.
fn is_fault(message: &str) -> bool {
    ["crashed", "was stopped after", "waits for something", "hangs", "led to the kernel's end"]
        .iter()
        .any(|w| message.contains(w))
}

/// All strings in a value.
fn collect<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(values) => values.iter().for_each(|v| collect(v, texts)),
        Value::Object(fields) => fields.values().for_each(|v| collect(v, texts)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::Report;

    #[test]
    fn what_cases_ask_for() {
        let report = Report::parse(
            r#"{"log":[{"text":"a"},{"text":"b"}],
            "oopses":[{"reason":"BUG","trace":[{"at":{"symbol":"f"}}]}],
            "problems":[{"kind":"load","message":"init of x crashed; …"},
                        {"kind":"unload","message":"EBUSY"},
                        {"kind":"died","message":"gone"}],
            "modules":[{"leaks":[{}]},{"leaks":[]},{}]}"#,
        )
        .unwrap();
        assert_eq!(report.log_lines().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((report.refusal("load"), report.refusal("unload")), (None, Some("EBUSY")));
        for text in ["BUG", "f", "init of x crashed", "gone"] {
            assert!(report.faults().contains(text), "{text}");
        }
        assert!(!report.faults().contains("EBUSY"));
        assert_eq!(report.leaks(), 1);
        assert!(Report::parse("{}").is_err());
        assert!(Report::parse("hello").is_err());
    }
}
