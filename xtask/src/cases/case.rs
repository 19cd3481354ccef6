//! A case: what its directives say, and whether what happened is that.

use anyhow::{Result, bail};

/// The directives on top of a source: `// key: value` lines before the first other line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Case {
    /// Kernel series it is for; none: all.
    kernels: Vec<String>,
    /// `name=value` arguments for the module.
    pub params: Vec<String>,
    /// Further options for `komod run`.
    pub arguments: Vec<String>,
    /// Texts that lines of the log contain, in this order.
    log: Vec<String>,
    /// Texts that no line contains.
    no_log: Vec<String>,
    /// An errno by name: what the load fails with.
    errno: Option<String>,
    /// A text of the Oops.
    oops: Option<String>,
    /// The exit status; 0 unless something is expected to go wrong.
    exit: Option<i32>,
}

impl Case {
    pub fn parse(source: &str) -> Result<Case> {
        let mut case = Case::default();
        for line in source.lines() {
            let Some(comment) = line.strip_prefix("//") else { break };
            let Some((key, value)) = comment.split_once(':') else { continue };
            let value = value.trim();
            match key.trim() {
                "kernel" => case.kernels = value.split_whitespace().map(str::to_owned).collect(),
                "params" => case.params = split(value),
                "arguments" => case.arguments = split(value),
                "expect-log" => case.log.push(value.to_owned()),
                "expect-no-log" => case.no_log.push(value.to_owned()),
                "expect-errno" => case.errno = Some(value.to_owned()),
                "expect-oops" => case.oops = Some(value.to_owned()),
                "expect-exit" => case.exit = Some(value.parse()?),
                "SPDX-License-Identifier" => {}
                // A sentence with a colon is a comment; a directive misspelt is an error.
                other if other.contains(' ') => {}
                other => bail!("unknown directive {other:?}"),
            }
        }
        let expects = !case.log.is_empty() || case.errno.is_some() || case.oops.is_some();
        if !expects && case.exit.is_none() {
            bail!("the case expects nothing");
        }
        Ok(case)
    }

    pub fn is_for(&self, series: &str) -> bool {
        self.kernels.is_empty() || self.kernels.iter().any(|k| k == series)
    }

    /// `said` is all that `komod run` printed, `code` its exit status.
    pub fn check(&self, said: &str, code: i32) -> Result<()> {
        let mut lines = said.lines();
        for wanted in &self.log {
            if !lines.any(|line| line.contains(wanted.as_str())) {
                bail!("expected in the log (in this order): {wanted}");
            }
        }
        for unwanted in &self.no_log {
            if said.contains(unwanted.as_str()) {
                bail!("not expected in the log: {unwanted}");
            }
        }
        for wanted in self.errno.iter().chain(&self.oops) {
            if !said.contains(wanted.as_str()) {
                bail!("expected: {wanted}");
            }
        }
        let trouble = self.errno.is_some() || self.oops.is_some();
        match self.exit {
            Some(wanted) if code != wanted => bail!("expected exit status {wanted}, not {code}"),
            None if trouble && code == 0 => bail!("expected a failure, not exit status 0"),
            None if !trouble && code != 0 => bail!("expected exit status 0, not {code}"),
            _ => Ok(()),
        }
    }
}

/// Splits at white space outside double quotes; the quotes stay, they are the kernel's to read.
fn split(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        quoted ^= c == '"';
        match words.last_mut() {
            Some(word) if quoted || !c.is_whitespace() => word.push(c),
            _ => words.push(String::new()),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "// SPDX-License-Identifier: MIT OR GPL-2.0\n\
        // Parameters of every kind.\n// kernel: 6.1\n// params: a=1 s=\"x y\"\n\
        // expect-log: one\n// expect-log: two\n// expect-no-log: leak\n\
        #include <linux/module.h>\n// expect-log: three\n";

    #[test]
    fn directives() {
        let case = Case::parse(SOURCE).unwrap();
        assert!(case.is_for("6.1") && !case.is_for("6.12"));
        assert_eq!(case.params, ["a=1", "s=\"x y\""]);
        assert_eq!(case.log, ["one", "two"]);
        assert!(Case::parse("// expct-log: x\n").is_err());
        assert!(Case::parse("// kernel: 6.1\n").is_err(), "expects nothing");
    }

    #[test]
    fn the_log_is_checked() {
        let case = Case::parse(SOURCE).unwrap();
        case.check("[1.0] one\n[2.0] x\n[3.0] two\n", 0).unwrap();
        assert!(case.check("two\none\n", 0).is_err(), "order");
        assert!(case.check("one\n", 0).is_err(), "missing");
        assert!(case.check("one\ntwo\nleak\n", 0).is_err(), "unwanted");
        assert!(case.check("one\ntwo\n", 1).is_err(), "exit status");
    }

    #[test]
    fn trouble_is_checked() {
        let case = Case::parse("// expect-errno: EINVAL\n").unwrap();
        case.check("init failed: EINVAL", 1).unwrap();
        assert!(case.check("init failed: EINVAL", 0).is_err());
        assert!(case.check("init failed: ENOENT", 1).is_err());
        let case = Case::parse("// expect-oops: NULL pointer\n// expect-exit: 3\n").unwrap();
        case.check("BUG: kernel NULL pointer dereference", 3).unwrap();
        assert!(case.check("BUG: kernel NULL pointer dereference", 1).is_err());
    }
}
