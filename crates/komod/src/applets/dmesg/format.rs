//! How a record looks. All forms are those of util-linux 2.38.

use super::clock::{self, Boot};
use super::escape;
use super::names;
use super::record::{Priority, Record};
use komod_kernel::host::LocalTime;
use std::io::{self, Write};

/// What stands before a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeFormat {
    None,
    /// The kernel's clock.
    #[default]
    Time,
    TimeDelta,
    Delta,
    /// The time of day once a minute, else what passed.
    Reltime,
    Ctime,
    CtimeDelta,
    Iso,
}

/// How records are to look.
#[derive(Clone, Debug, Default)]
pub struct Style {
    pub time: TimeFormat,
    /// `<6>` before records.
    pub raw: bool,
    /// Facility and level by their names.
    pub decode: bool,
    pub json: bool,
    pub color: bool,
    /// Not `--noescape`.
    pub escape: bool,
    /// Letters beyond ASCII can be printed.
    pub utf8: bool,
    /// Each line of a record is one of its own.
    pub split: bool,
}

const RESET: &[u8] = b"\x1b[0m";
const TIME: &[u8] = b"\x1b[32m";
const TIME_BREAK: &[u8] = b"\x1b[32m\x1b[1m";
const SUBSYSTEM: &[u8] = b"\x1b[33m";
const SEGFAULT: &[u8] = b"\x1b[2m\x1b[31m";

fn level_color(level: usize) -> Option<&'static [u8]> {
    match level {
        1 => Some(b"\x1b[7m\x1b[31m"),
        2 => Some(b"\x1b[1m\x1b[31m"),
        3 => Some(b"\x1b[31m"),
        4 => Some(b"\x1b[1m"),
        _ => None,
    }
}

/// Writes records.
#[derive(Debug)]
pub struct Printer {
    pub style: Style,
    boot: Boot,
    /// Of the record before.
    last: Option<(i64, Option<LocalTime>)>,
    /// Records of JSON so far.
    count: usize,
}

fn stamp(us: i64) -> String {
    format!("{:5}.{:06}", us / 1_000_000, us % 1_000_000)
}

/// Seconds with a sign, where `plus` says so also with that of positive ones.
fn seconds(us: i64, plus: bool) -> String {
    let sign = match (us < 0, plus) {
        (true, _) => "-",
        (false, true) => "+",
        (false, false) => "",
    };
    format!("{sign}{}.{:06}", us.abs() / 1_000_000, us.abs() % 1_000_000)
}

impl Printer {
    pub fn new(style: Style, boot: Boot) -> Self {
        Printer { style, boot, last: None, count: 0 }
    }

    /// What stands behind the last one.
    pub fn end(&self, out: &mut dyn Write) -> io::Result<()> {
        match (self.style.json, self.count) {
            (false, _) | (true, 0) => Ok(()),
            (true, _) => out.write_all(b"\n      }\n   ]\n}\n"),
        }
    }

    pub fn record(&mut self, out: &mut dyn Write, record: &Record) -> io::Result<()> {
        match (record.text.is_empty(), self.style.json) {
            (true, true) => return Ok(()),
            (true, false) => return out.write_all(b"\n"),
            (false, true) => return self.json(out, record),
            (false, false) => {}
        }
        let (time, breaks) = self.time(record.us);
        if !self.style.split {
            return self.line(out, record.priority, (&time, breaks), &record.text);
        }
        let lines = record.text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        for line in lines {
            self.line(out, record.priority, (&time, breaks), line)?;
        }
        Ok(())
    }

    fn line(
        &self,
        out: &mut dyn Write,
        priority: Option<Priority>,
        (time, breaks): (&str, bool),
        text: &[u8],
    ) -> io::Result<()> {
        let level = priority.map(|p| p.level);
        let lead = match priority {
            Some(p) if self.style.raw => format!("<{}>", p.number()),
            None if self.style.raw => "<-1>".to_owned(),
            Some(p) if self.style.decode => names::decoded(p.facility, p.level),
            _ => String::new(),
        };
        let indent = lead.len() + time.len();
        out.write_all(lead.as_bytes())?;
        if self.style.color && !time.is_empty() {
            out.write_all(if breaks { TIME_BREAK } else { TIME })?;
            out.write_all(time.as_bytes())?;
            out.write_all(RESET)?;
        } else {
            out.write_all(time.as_bytes())?;
        }
        let mut text = text;
        if self.style.color {
            if let Some(at) = text.windows(2).position(|pair| pair == b": ") {
                let (subsystem, rest) = text.split_at(at + 2);
                out.write_all(SUBSYSTEM)?;
                self.text(out, subsystem, indent)?;
                out.write_all(RESET)?;
                text = rest;
            }
            let segfault = || text.windows(11).any(|w| w == b"segfault at").then_some(SEGFAULT);
            if let Some(color) = level.and_then(level_color).or_else(segfault) {
                out.write_all(color)?;
                self.text(out, text, indent)?;
                out.write_all(RESET)?;
                return out.write_all(b"\n");
            }
        }
        self.text(out, text, indent)?;
        out.write_all(b"\n")
    }

    /// Further lines stand below the first.
    fn text(&self, out: &mut dyn Write, text: &[u8], indent: usize) -> io::Result<()> {
        for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
            if number > 0 {
                write!(out, "\n{:indent$}", "")?;
            }
            self.plain(out, line)?;
        }
        Ok(())
    }

    /// A text as it is, without what a terminal would obey.
    pub fn plain(&self, out: &mut dyn Write, text: &[u8]) -> io::Result<()> {
        match self.style.escape {
            true => escape::terminal(out, text, self.style.utf8),
            false => out.write_all(text),
        }
    }

    /// The time before a record, and whether it begins a minute.
    fn time(&mut self, us: i64) -> (String, bool) {
        let local = matches!(self.style.time, TimeFormat::Reltime).then(|| self.boot.local(us));
        let local = local.flatten();
        // Time 0 is none: nothing passed since.
        let delta = match &self.last {
            Some((last, _)) if *last != 0 => us - last,
            _ => 0,
        };
        let ctime = || self.boot.local(us).map(|t| clock::ctime(&t)).unwrap_or_default();
        let passed = || format!("<{:>12}>", seconds(delta, false));
        let mut breaks = false;
        let text = match self.style.time {
            _ if self.style.raw => format!("[{}] ", stamp(us)),
            TimeFormat::None => String::new(),
            TimeFormat::Time => format!("[{}] ", stamp(us)),
            TimeFormat::TimeDelta => format!("[{} {}] ", stamp(us), passed()),
            TimeFormat::Delta => format!("[{}] ", passed()),
            TimeFormat::Ctime => format!("[{}] ", ctime()),
            TimeFormat::CtimeDelta => format!("[{} {}] ", ctime(), passed()),
            TimeFormat::Iso => {
                let local = self.boot.local(us);
                local.map(|t| format!("{} ", clock::iso(&t, us))).unwrap_or_default()
            }
            TimeFormat::Reltime => match (&local, self.last.as_ref().and_then(|l| l.1.as_ref())) {
                (Some(now), Some(last)) if clock::same_minute(now, last) => {
                    // From ten seconds on there is one blank less, whatever the width.
                    let blanks = if delta < 10_000_000 { "  " } else { " " };
                    format!("[{blanks}{}] ", seconds(delta, true))
                }
                (Some(now), _) => {
                    breaks = true;
                    format!("[{}] ", clock::minute(now))
                }
                (None, _) => String::new(),
            },
        };
        self.last = Some((us, local));
        (text, breaks)
    }

    fn json(&mut self, out: &mut dyn Write, record: &Record) -> io::Result<()> {
        out.write_all(match self.count {
            0 => b"{\n   \"dmesg\": [\n      {\n",
            _ => b"\n      },{\n",
        })?;
        self.count += 1;
        if let Some(priority) = record.priority {
            match self.style.decode {
                true => write!(
                    out,
                    "         \"fac\": \"{}\",\n         \"pri\": \"{}\",\n",
                    priority.facility_name(),
                    priority.level_name()
                )?,
                false => writeln!(out, "         \"pri\": {},", priority.number())?,
            }
        }
        write!(out, "         \"time\": {},\n         \"msg\": ", stamp(record.us))?;
        escape::json(out, &record.text)
    }
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
