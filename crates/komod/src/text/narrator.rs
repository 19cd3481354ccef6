//! Log records and Oopses as text, in the order they come.
//!
//! An Oops comes twice: as data, and in most cases as lines of the log, printed by the kernel
//! itself. The log's lines are the kernel's own words and stay as they are; komod adds what the
//! kernel cannot know, the lines of source. Only an Oops the kernel does not print is printed
//! here, in the same form.

use super::source::Sources;
use super::{log, oops};
use komod_process::protocol::{LogRecord, Oops};
use std::collections::VecDeque;

/// So many lines back the kernel may have printed an Oops that comes as data only now.
const MEMORY: usize = 128;

pub struct Narrator {
    color: bool,
    /// Records begin with their times.
    pub times: bool,
    release: String,
    pub sources: Sources,
    /// An Oops whose lines in the log may still come.
    open: Option<Box<Oops>>,
    told: bool,
    recent: VecDeque<String>,
}

impl Narrator {
    pub fn new(release: &str, color: bool) -> Narrator {
        Narrator {
            color,
            times: true,
            release: release.to_owned(),
            sources: Sources::default(),
            open: None,
            told: false,
            recent: VecDeque::new(),
        }
    }

    pub fn record(&mut self, record: &LogRecord) -> String {
        if self.open.as_ref().is_some_and(|o| record.text.contains(&o.reason)) {
            self.told = true;
        }
        if self.recent.len() == MEMORY {
            self.recent.pop_front();
        }
        self.recent.push_back(record.text.clone());
        match self.times {
            true => log::record(record, self.color),
            false => log::without_time(record, self.color),
        }
    }

    /// Gives what is to be said of the Oops before, if there was one.
    pub fn oops(&mut self, oops: &Oops) -> Option<String> {
        let before = self.end();
        self.told = self.recent.iter().any(|line| line.contains(&oops.reason));
        self.open = Some(Box::new(oops.clone()));
        before
    }

    /// Nothing more belongs to the Oops that came last: gives what is to be said of it.
    pub fn end(&mut self) -> Option<String> {
        let open = self.open.take()?;
        self.recent.clear();
        let (sources, color) = (&mut self.sources, self.color);
        match std::mem::take(&mut self.told) {
            true => oops::sources(&open, sources, color),
            false => Some(oops::oops(&open, &self.release, sources, color)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use komod_process::protocol::Location;

    fn line(text: &str) -> LogRecord {
        LogRecord { facility: 0, level: 1, seq: 0, us: 0, text: text.into(), dict: vec![] }
    }

    fn fault() -> Oops {
        Oops {
            reason: "BUG: bad".into(),
            comm: "insmod".into(),
            pid: 1,
            rip: Location { symbol: Some("f".into()), ..Location::default() },
            code: String::new(),
            registers: vec![],
            trace: vec![],
        }
    }

    #[test]
    fn an_oops_is_told_once() {
        let mut n = Narrator::new("6.1", false);
        // By komod, when the kernel says nothing.
        assert_eq!(n.oops(&fault()), None);
        n.record(&line("something else"));
        assert!(n.end().unwrap().starts_with("BUG: bad\nCPU: 0 PID: 1"));
        assert_eq!(n.end(), None);
        // By the kernel, after the data.
        n.oops(&fault());
        n.record(&line("BUG: bad"));
        assert_eq!(n.end(), None);
        // By the kernel, before.
        n.record(&line("BUG: bad"));
        n.oops(&fault());
        assert_eq!(n.end(), None);
        // The next one is another one.
        n.oops(&fault());
        assert!(n.oops(&fault()).unwrap().starts_with("BUG: bad"));
    }
}
