//! Messages as kmod's tools write them: `modprobe: FATAL: Module x not found …`.

use komod_kernel::host::SystemLog;
use std::fmt::Display;
use std::sync::OnceLock;

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

    /// What `-v` does: one more.
    pub fn more(self) -> Self {
        match self {
            Level::Silent => Level::Fatal,
            Level::Fatal => Level::Error,
            Level::Error => Level::Warning,
            Level::Warning => Level::Notice,
            Level::Notice => Level::Info,
            Level::Info | Level::Debug => Level::Debug,
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
    /// In tests, the messages.
    #[cfg(test)]
    pub kept: std::rc::Rc<std::cell::RefCell<Vec<String>>>,
}

impl Log {
    /// Warnings and worse to stderr.
    pub fn new(program: &str) -> Self {
        Log {
            program: program.to_owned(),
            level: Level::Warning,
            syslog: false,
            #[cfg(test)]
            kept: std::rc::Rc::default(),
        }
    }

    pub fn error(&self, text: impl Display) {
        self.say(Level::Error, text);
    }

    pub fn warning(&self, text: impl Display) {
        self.say(Level::Warning, text);
    }

    /// A fatal message does not end the program: its caller returns exit status 1.
    pub fn fatal(&self, text: impl Display) {
        self.say(Level::Fatal, text);
    }

    pub fn say(&self, level: Level, text: impl Display) {
        if level > self.level {
            return;
        }
        if self.syslog {
            static SYSTEM: OnceLock<SystemLog> = OnceLock::new();
            let system = SYSTEM.get_or_init(|| SystemLog::open(&self.program));
            system.write(level as i32, &format!("{}: {text}", level.name()));
        } else {
            self.line(format_args!("{}: {}: {text}", self.program, level.name()));
        }
    }

    /// A line on stderr that is no message of kmod's form: getopt's, a hint.
    pub fn line(&self, text: impl Display) {
        #[cfg(test)]
        self.kept.borrow_mut().push(text.to_string());
        // There is nobody left to tell that stderr is gone.
        #[cfg(not(test))]
        let _ = std::io::Write::write_fmt(&mut std::io::stderr().lock(), format_args!("{text}\n"));
    }
}
