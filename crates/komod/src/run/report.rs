//! What a run has shown, as data: the JSON answer of `komod run`, and what the verdict is made of.

use super::Sink;
use crate::explained::Explained;
use crate::json;
use komod_process::protocol::{Leak, Location, LogRecord, Oops};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Instant;

#[derive(Debug, Serialize)]
pub struct Report {
    pub ok: bool,
    pub kernel: String,
    /// `process`, `vm`, `host` or `ssh`.
    pub place: &'static str,
    /// What ssh calls the board.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
    /// Linked into the boot instead of loaded.
    pub builtin: bool,
    /// `cold`, `forked` (of a zygote that was there) or `forked-new` (of one started now); of a
    /// machine `booted`, `restored` or `restored-new`; of a kernel that was there before `agent` or
    /// `shell`: by what it was spoken to.
    pub start: &'static str,
    pub modules: Vec<ModuleReport>,
    /// What was run in the machine.
    pub programs: Vec<ProgramReport>,
    pub problems: Vec<Problem>,
    pub log: Vec<LogRecord>,
    pub oopses: Vec<Oops>,
    /// Where the kernel warned (`WARN_ON`); the verdict stays good.
    pub warnings: Vec<Location>,
    /// Microseconds from the start of komod to the kernel that could take modules, and to the end.
    pub ready_us: u64,
    pub total_us: u64,
}

impl Report {
    /// At the end of a run, with all that was heard; which kernel it was, and where, stands beside it.
    pub fn of(
        modules: Vec<ModuleReport>,
        problems: Vec<Problem>,
        sink: &mut Sink,
        started: Instant,
    ) -> Report {
        Report {
            ok: problems.is_empty(),
            kernel: String::new(),
            place: "process",
            board: None,
            builtin: false,
            start: "cold",
            modules,
            programs: Vec::new(),
            problems,
            log: std::mem::take(&mut sink.log),
            oopses: std::mem::take(&mut sink.oopses),
            warnings: std::mem::take(&mut sink.warnings),
            ready_us: 0,
            total_us: micros(started),
        }
    }
}

#[derive(Debug, Default, Serialize)]
pub struct ModuleReport {
    pub name: String,
    #[serde(serialize_with = "json::path")]
    pub path: PathBuf,
    pub params: String,
    /// Asked for by the user, not only needed by such a module.
    pub given: bool,
    pub loaded: bool,
    pub load_us: Option<u64>,
    pub init_us: Option<u64>,
    pub unloaded: bool,
    pub leaks: Vec<Leak>,
}

#[derive(Debug, Default, Serialize)]
pub struct ProgramReport {
    pub command: Vec<String>,
    pub status: Option<i32>,
    /// Of what killed it.
    pub signal: Option<i32>,
    pub out: String,
    pub err: String,
}

/// The microseconds since then, as reports count them.
pub fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// Something that makes the verdict bad.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// `load`, `exec`, `unload`, `leak`, `misuse`, `oops`, `background`, `died`.
    pub kind: &'static str,
    pub module: Option<String>,
    pub message: String,
    pub hints: Vec<String>,
}

impl Problem {
    pub fn new(kind: &'static str, module: Option<&str>, e: Explained) -> Problem {
        Problem { kind, module: module.map(str::to_owned), message: e.message, hints: e.hints }
    }
}
