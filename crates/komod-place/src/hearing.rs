//! A kernel's log as it comes from afar, passed on record by record, with what it means.

use crate::place::Events;
use crate::vm::{Reports, panic_text};
use komod_process::protocol::{Event, LogRecord};

#[derive(Default)]
pub struct Hearing {
    reports: Reports,
    /// A report since the call began has a module's init in its trace.
    pub in_init: bool,
    /// An Oops since the call began.
    pub oopsed: bool,
    panic: Option<String>,
}

impl Hearing {
    /// A call begins.
    pub fn begin(&mut self) {
        (self.in_init, self.oopsed) = (false, false);
    }

    pub fn pass(&mut self, record: LogRecord, events: Events<'_>) {
        self.panic = self.panic.take().or_else(|| panic_text(std::slice::from_ref(&record)));
        // The caller of all inits (`init/main.c`, Linux 6.1), sure or not.
        let frame = record.text.trim_start().trim_start_matches("? ");
        self.in_init |= frame.starts_with("do_one_initcall+");
        let report = self.reports.read(&record);
        events(&Event::Log(record));
        self.tell(report, events);
    }

    /// Nothing more comes of the call.
    pub fn end(&mut self, events: Events<'_>) {
        let report = self.reports.end();
        self.tell(report, events);
    }

    /// The kernel's last words, if it panicked.
    pub fn panic(&mut self) -> Option<String> {
        self.panic.take()
    }

    fn tell(&mut self, report: Option<Event>, events: Events<'_>) {
        if let Some(report) = report {
            self.oopsed |= matches!(report, Event::Oops(_));
            events(&report);
        }
    }
}
