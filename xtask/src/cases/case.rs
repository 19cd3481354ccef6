//! A case: what its directives say, and whether the report of a run agrees.

use super::pattern::Pattern;
use super::report::Report;
use anyhow::{Result, bail};

/// The directives on top of a source: `// key: value` lines before the first line that is no
/// comment.
#[derive(Debug, Default)]
pub struct Case {
    /// Beginnings of the releases it is for; none: all.
    kernels: Vec<String>,
    /// `name=value` arguments for the module, quotes taken off.
    pub params: Vec<String>,
    /// Milliseconds after the last exit.
    pub after: Option<u64>,
    /// Variables for make's command line.
    pub make: Vec<String>,
    /// Texts that lines of the log contain, in this order.
    log: Vec<String>,
    errno: Option<String>,
    unload_errno: Option<String>,
    oopses: Vec<Pattern>,
    leaks: usize,
    exit: Option<i32>,
}

/// No line of any log contains this.
const NEVER: &str = "must not";

impl Case {
    pub fn parse(source: &str) -> Result<Case> {
        let mut case = Case::default();
        for line in source.lines() {
            let Some(comment) = line.strip_prefix("//") else { break };
            let Some((key, value)) = comment.split_once(':') else { continue };
            let value = value.trim();
            match key.trim() {
                "about" | "SPDX-License-Identifier" => {}
                "kernel" => case.kernels = value.split_whitespace().map(str::to_owned).collect(),
                "params" => case.params = split(value),
                "after" => case.after = Some(value.parse()?),
                "make" => case.make.push(value.to_owned()),
                "expect-log" => case.log.push(value.to_owned()),
                "expect-errno" => case.errno = Some(value.to_owned()),
                "expect-unload-errno" => case.unload_errno = Some(value.to_owned()),
                "expect-oops" => case.oopses.push(Pattern::parse(value)?),
                "expect-leak" => case.leaks = value.parse()?,
                "expect-exit" => case.exit = Some(value.parse()?),
                other => bail!("unknown directive {other:?}"),
            }
        }
        Ok(case)
    }

    pub fn is_for(&self, release: &str) -> bool {
        self.kernels.is_empty() || self.kernels.iter().any(|k| release.starts_with(k.as_str()))
    }

    /// `code` is the exit status of the run that gave the report.
    pub fn check(&self, report: &Report, code: i32) -> Result<()> {
        let log: Vec<&str> = report.log_lines().collect();
        let log = log.join("\n");
        let mut rest = log.as_str();
        for wanted in &self.log {
            let Some((_, after)) = rest.split_once(wanted.as_str()) else {
                bail!("expected in the log (in this order): {wanted}");
            };
            rest = after;
        }
        if let Some(line) = report.log_lines().find(|line| line.contains(NEVER)) {
            bail!("in the log: {line}");
        }
        problem("load", self.errno.as_deref(), report)?;
        problem("unload", self.unload_errno.as_deref(), report)?;
        let faults = report.faults();
        if faults.is_empty() && !self.oopses.is_empty() {
            bail!("expected a crash");
        }
        // The kernel's own words about it are in the log.
        let words = format!("{faults}\n{log}");
        if let Some(wanted) = self.oopses.iter().find(|wanted| !wanted.is_in(&words)) {
            bail!("expected in the report of the crash: {wanted}");
        }
        if self.oopses.is_empty() && !faults.is_empty() {
            bail!("not expected: {}", faults.lines().next().unwrap_or_default());
        }
        if report.leaks() != self.leaks {
            bail!("expected {} leaks, not {}", self.leaks, report.leaks());
        }
        let trouble = self.errno.is_some()
            || self.unload_errno.is_some()
            || !self.oopses.is_empty()
            || self.leaks > 0;
        match self.exit.unwrap_or(i32::from(trouble)) {
            wanted if wanted != code => bail!("expected exit status {wanted}, not {code}"),
            _ => Ok(()),
        }
    }
}

/// Is there a problem of this kind exactly when one is expected, and with the right errno?
fn problem(kind: &str, errno: Option<&str>, report: &Report) -> Result<()> {
    let found = report.refusal(kind);
    match (errno, found) {
        (None, None) => Ok(()),
        (Some(errno), Some(message)) if message.contains(errno) => Ok(()),
        (Some(errno), None) => bail!("expected the {kind} to fail with {errno}"),
        (Some(errno), Some(message)) => bail!("expected {errno}, not: {message}"),
        (None, Some(message)) => bail!("the {kind} failed: {message}"),
    }
}

/// Splits into arguments as a shell does: at white space outside double quotes, quotes taken off.
fn split(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut quoted = false;
    let mut inside = false;
    for c in text.chars() {
        if c == '"' {
            quoted = !quoted;
        } else if c.is_whitespace() && !quoted {
            inside = false;
            continue;
        }
        if !inside {
            words.push(String::new());
            inside = true;
        }
        if let Some(word) = words.last_mut().filter(|_| c != '"') {
            word.push(c);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "// SPDX-License-Identifier: MIT OR GPL-2.0\n\
        // about: parameters: of every kind\n// kernel: 6.1. 5\n// params: a=1 s=\"x y\" e=\"\"\n\
        // make: A=B\n// expect-log: one\n// expect-log: two\n\
        #include <linux/module.h>\n// expect-log: three\n";

    fn report(json: &str) -> Report {
        let log = r#"{"text":"one"},{"text":"x"},{"text":"two"}"#;
        let whole =
            format!(r#"{{"modules":[],"problems":[],"oopses":[],"log":[{log}],"ok":true}}"#);
        Report::parse(if json.is_empty() { &whole } else { json }).unwrap()
    }

    #[test]
    fn directives() {
        let case = Case::parse(SOURCE).unwrap();
        assert!(case.is_for("6.1.0-56-amd64") && !case.is_for("6.12.117"));
        assert_eq!(case.params, ["a=1", "s=x y", "e="]);
        assert_eq!(case.make, ["A=B"]);
        assert_eq!(case.log, ["one", "two"]);
        assert!(Case::parse("// expct-log: x\n").is_err());
        assert!(Case::parse("// expect-leak: many\n").is_err());
    }

    #[test]
    fn a_good_run_is_good() {
        let case = Case::parse(SOURCE).unwrap();
        case.check(&report(""), 0).unwrap();
        assert!(case.check(&report(""), 1).is_err(), "exit status");
        let other = Case::parse("// expect-log: two\n// expect-log: one\n").unwrap();
        assert!(other.check(&report(""), 0).is_err(), "order");
        let twice = Case::parse("// expect-log: one\n// expect-log: one\n").unwrap();
        assert!(twice.check(&report(""), 0).is_err(), "each must be there on its own");
        for line in ["expect-errno: EINVAL", "expect-unload-errno: EBUSY", "expect-oops: NULL"] {
            let other = Case::parse(&format!("// {line}\n")).unwrap();
            assert!(other.check(&report(""), 1).is_err(), "{line}");
        }
        assert!(Case::parse("// expect-leak: 1\n").unwrap().check(&report(""), 1).is_err());
    }

    #[test]
    fn every_kind_of_trouble_is_seen() {
        let trouble = report(
            r#"{"log":[{"text":"x: must not run"}],"oopses":[{"reason":"BUG: NULL pointer"}],
            "problems":[{"kind":"load","message":"init returned -22, EINVAL","hints":[]}],
            "modules":[{"leaks":[{},{}]}]}"#,
        );
        let check = |text: &str, code| Case::parse(text).unwrap().check(&trouble, code);
        let all = "// expect-errno: EINVAL\n// expect-oops: NULL\n// expect-leak: 2\n";
        assert!(check(all, 1).unwrap_err().to_string().contains("must not"));
        let trouble = report(
            r#"{"log":[],"oopses":[{"reason":"BUG: NULL pointer"}],
            "problems":[{"kind":"load","message":"init returned -22, EINVAL","hints":[]}],
            "modules":[{"leaks":[{},{}]}]}"#,
        );
        let check = |text: &str, code| Case::parse(text).unwrap().check(&trouble, code);
        check(all, 1).unwrap();
        assert!(check(all, 0).is_err());
        for line in all.lines() {
            assert!(check(&all.replace(&format!("{line}\n"), ""), 1).is_err(), "without {line}");
        }
        assert!(check(&all.replace("EINVAL", "ENOENT"), 1).is_err());
    }
}
