//! Messages as kmod's tools write them: `modprobe: FATAL: Module x not found …`.

use std::fmt::Display;
use std::io::Write;

/// How grave a message is: `syslog(3)`'s priorities that the tools use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// No message is: with this level, none is shown.
    Silent = 0,
    Fatal = 2,
    Error = 3,
    Warning = 4,
    Notice = 5,
    Info = 6,
    Debug = 7,
}

impl Level {
    /// As it stands in a message.
    fn name(self) -> &'static str {
        match self {
            Level::Silent | Level::Fatal => "FATAL",
            Level::Error => "ERROR",
            Level::Warning => "WARNING",
            Level::Notice => "NOTICE",
            Level::Info => "INFO",
            Level::Debug => "DEBUG",
        }
    }
}

/// Where a tool's messages go, and which.
#[derive(Clone, Debug)]
pub struct Log {
    /// The tool, as it stands before a message.
    pub program: String,
    /// Up to this level.
    pub level: Level,
    /// To the system's log instead of stderr (`-s`).
    pub syslog: bool,
}

impl Log {
    /// Warnings and worse to stderr, unless `KMOD_LOG` says more.
    pub fn new(program: &str) -> Self {
        Log { program: program.to_owned(), level: Level::Warning, syslog: false }
    }

    pub fn error(&self, text: impl Display) {
        self.say(Level::Error, text);
    }

    pub fn warning(&self, text: impl Display) {
        self.say(Level::Warning, text);
    }

    pub fn info(&self, text: impl Display) {
        self.say(Level::Info, text);
    }

    /// A fatal message does not end the program: its caller returns exit status 1.
    pub fn fatal(&self, text: impl Display) {
        self.say(Level::Fatal, text);
    }

    pub fn say(&self, level: Level, text: impl Display) {
        if level > self.level {
            return;
        }
        // There is nobody left to tell that stderr is gone.
        let _ = writeln!(std::io::stderr().lock(), "{}: {}: {text}", self.program, level.name());
    }
}
