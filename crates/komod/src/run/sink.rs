//! Takes what the kernel says: shows it at once, keeps it for the report.

use crate::console;
use crate::text::{self, source::Sources};
use komod_process::protocol::{Event, LogRecord, Oops};

pub struct Sink {
    /// Print nothing: the report is JSON, or the log is not wanted.
    pub silent: bool,
    pub release: String,
    pub sources: Sources,
    pub log: Vec<LogRecord>,
    pub oopses: Vec<Oops>,
}

impl Sink {
    pub fn new(silent: bool, release: &str) -> Sink {
        Sink {
            silent,
            release: release.to_owned(),
            sources: Sources::default(),
            log: Vec::new(),
            oopses: Vec::new(),
        }
    }

    pub fn take(&mut self, event: &Event) {
        let color = console::color_on_stdout();
        match event {
            Event::Log(record) => {
                if !self.silent {
                    console::line(&text::log::record(record, color));
                }
                self.log.push(record.clone());
            }
            Event::Oops(oops) => {
                if !self.silent {
                    let (release, sources) = (&self.release, &mut self.sources);
                    console::line(&text::oops::oops(oops, release, sources, color));
                }
                self.oopses.push((**oops).clone());
            }
            Event::Booted { .. } | Event::BootFailed { .. } | Event::Reply(_) => {}
        }
    }
}
