//! What the guest says: one report per line.

use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The guest's init runs.
    Booted { release: String },
    /// The job with this key begins.
    Start { key: String },
    /// A module was loaded; `result` is 0 or the negative errno.
    Loaded { name: String, result: i32 },
    /// A record of the kernel log, escaped as in `/dev/kmsg`.
    Log { level: u8, text: String },
    /// A file was read or written.
    File { path: String, result: i64 },
    /// A line of the file just read.
    Data { text: String },
    /// A module was removed; `result` is 0 or the negative errno.
    Unloaded { name: String, result: i32 },
    /// The job is over.
    End { key: String },
    /// All jobs are over.
    Done,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Report::Booted { release } => write!(f, "booted\t{release}"),
            Report::Start { key } => write!(f, "start\t{key}"),
            Report::Loaded { name, result } => write!(f, "loaded\t{name}\t{result}"),
            Report::Log { level, text } => write!(f, "log\t{level}\t{text}"),
            Report::File { path, result } => write!(f, "file\t{path}\t{result}"),
            Report::Data { text } => write!(f, "data\t{text}"),
            Report::Unloaded { name, result } => write!(f, "unloaded\t{name}\t{result}"),
            Report::End { key } => write!(f, "end\t{key}"),
            Report::Done => f.write_str("done"),
        }
    }
}

impl Report {
    /// Reads what [`Report`]'s `Display` writes. A line cut short by a crash is `None`.
    pub fn parse(line: &str) -> Option<Report> {
        if line == "done" {
            return Some(Report::Done);
        }
        let (verb, rest) = line.split_once('\t')?;
        let owned = || rest.to_owned();
        Some(match verb {
            "booted" => Report::Booted { release: owned() },
            "start" => Report::Start { key: owned() },
            "end" => Report::End { key: owned() },
            "data" => Report::Data { text: owned() },
            "log" => {
                let (level, text) = rest.split_once('\t')?;
                Report::Log { level: level.parse().ok()?, text: text.to_owned() }
            }
            "loaded" | "unloaded" | "file" => {
                let (name, result) = rest.rsplit_once('\t')?;
                let name = name.to_owned();
                match verb {
                    "loaded" => Report::Loaded { name, result: result.parse().ok()? },
                    "unloaded" => Report::Unloaded { name, result: result.parse().ok()? },
                    _ => Report::File { path: name, result: result.parse().ok()? },
                }
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_survive_the_trip() {
        for report in [
            Report::Booted { release: "6.1.0-56-amd64".into() },
            Report::Start { key: "kernel/lib/crc8.ko".into() },
            Report::Loaded { name: "crc8".into(), result: -17 },
            Report::Log { level: 6, text: "a\tb: c".into() },
            Report::File { path: "/proc/modules".into(), result: 812 },
            Report::Data { text: String::new() },
            Report::Unloaded { name: "crc8".into(), result: 0 },
            Report::End { key: "kernel/lib/crc8.ko".into() },
            Report::Done,
        ] {
            assert_eq!(Report::parse(&report.to_string()), Some(report));
        }
    }

    #[test]
    fn a_torn_line_is_no_report() {
        for line in ["", "load", "loaded\tcrc8", "loaded\tcrc8\t-", "log\t6", "what\tever"] {
            assert_eq!(Report::parse(line), None, "{line:?}");
        }
    }
}
