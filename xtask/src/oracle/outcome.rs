//! What became of a module: the results of its load and its removal, and what it logged.

use std::fmt;
use std::str::FromStr;

/// How one step (init or exit) ended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// 0, or the negative errno.
    Code(i32),
    /// A module it depends on could not be loaded.
    Dependency { name: String, code: i32 },
    /// The kernel faulted.
    Crash,
    /// It did not come back in time.
    Hang,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Code(code) => write!(f, "{code}"),
            Verdict::Dependency { name, code } => write!(f, "{name}:{code}"),
            Verdict::Crash => f.write_str("crash"),
            Verdict::Hang => f.write_str("hang"),
        }
    }
}

impl FromStr for Verdict {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Verdict, Self::Err> {
        Ok(match text.split_once(':') {
            Some((name, code)) => {
                Verdict::Dependency { name: name.to_owned(), code: code.parse()? }
            }
            None if text == "crash" => Verdict::Crash,
            None if text == "hang" => Verdict::Hang,
            None => Verdict::Code(text.parse()?),
        })
    }
}

/// A module's whole turn. `exit` is there when the load succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub init: Verdict,
    pub exit: Option<Verdict>,
    /// `<LEVEL>TEXT` of every record, dependencies' included; what was done with files between.
    pub log: Vec<String>,
}

impl Outcome {
    /// Both results in words.
    pub fn results(&self) -> String {
        let exit = self.exit.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
        format!("init {}, exit {exit}", self.init)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_survive_the_trip() {
        for verdict in [
            Verdict::Code(0),
            Verdict::Code(-19),
            Verdict::Dependency { name: "scsi_mod".into(), code: -12 },
            Verdict::Crash,
            Verdict::Hang,
        ] {
            assert_eq!(verdict.to_string().parse(), Ok(verdict));
        }
        assert!("well".parse::<Verdict>().is_err());
    }
}
