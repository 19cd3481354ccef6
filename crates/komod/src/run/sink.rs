//! Takes what the kernel says: shows it at once, keeps it for the report.

use crate::console;
use crate::text::narrator::Narrator;
use komod_process::protocol::{Event, Location, LogRecord, Oops, OutputStream};

pub struct Sink {
    /// Print nothing: the report is JSON, or the log is not wanted.
    pub silent: bool,
    pub narrator: Narrator,
    pub log: Vec<LogRecord>,
    pub oopses: Vec<Oops>,
    /// First lines of reports of misuse.
    pub complaints: Vec<String>,
    /// Where the kernel warned.
    pub warnings: Vec<Location>,
}

impl Sink {
    pub fn new(silent: bool, release: &str) -> Sink {
        Sink {
            silent,
            narrator: Narrator::new(release, console::color_on_stdout()),
            log: Vec::new(),
            oopses: Vec::new(),
            complaints: Vec::new(),
            warnings: Vec::new(),
        }
    }

    pub fn take(&mut self, event: &Event) {
        match event {
            Event::Log(record) => {
                let line = self.narrator.record(record);
                self.show(Some(line));
                self.log.push(record.clone());
            }
            Event::Oops(oops) => {
                let before = self.narrator.oops(oops);
                self.show(before);
                self.oopses.push((**oops).clone());
            }
            Event::Complaint { text } => self.complaints.push(text.clone()),
            Event::Warning { at } => self.warnings.push(at.clone()),
            Event::Booted { .. }
            | Event::BootFailed { .. }
            | Event::Reply(_)
            | Event::Part(_)
            | Event::Output { .. } => {}
        }
    }

    /// What a program in the place writes.
    pub fn output(&self, stream: OutputStream, bytes: &[u8]) {
        if self.silent {
            return;
        }
        match stream {
            OutputStream::Out => console::data(bytes),
            OutputStream::Err => console::error_data(bytes),
        }
    }

    /// The call is over: what is left to say about an Oops is said now.
    pub fn end(&mut self) {
        let rest = self.narrator.end();
        self.show(rest);
    }

    fn show(&self, text: Option<String>) {
        if let Some(text) = text
            && !self.silent
        {
            console::line(&text);
        }
    }
}
