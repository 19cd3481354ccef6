//! What travels between the commands, the supervisor of a kernel that stays, and the processes
//! that start in the background. Frames are those of [`komod_process::protocol`].

use super::log_ring::LogEntry;
use crate::vm;
use komod_process::protocol::{BootSpec, Event, Request};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

/// What a kernel is for people, and where its modules are; the supervisor only keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct About {
    pub release: String,
    /// `lib/modules/RELEASE` of this kernel, if there is one.
    pub modules_dir: Option<PathBuf>,
    /// Its build tree, if there is one.
    pub tree: Option<PathBuf>,
}

/// What kind of kernel is to stay.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum What {
    /// The kernel's code in a process.
    Process(BootSpec),
    /// A virtual machine.
    Machine(vm::Spec),
}

/// First frame to a background process: what it is to be.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Role {
    Zygote { dir: PathBuf, name: String, spec: BootSpec },
    Supervisor { dir: PathBuf, name: String, what: What, about: About },
}

/// A background process' only frame back.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Started {
    Ready(Option<Box<Info>>),
    Failed(String),
}

/// From a command to the supervisor; any number on one connection, one at a time.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Ask {
    /// Pass on to the kernel. Answers: any number of `Event`, of which the last is a reply, or
    /// `Died`.
    Kernel(Request),
    /// Answers: `Log` each, then `Done`; when following, not before the kernel is down.
    Log {
        follow: bool,
        /// Also what a clear has hidden.
        all: bool,
        /// Show nothing of what is there by now.
        only_new: bool,
        /// Move the clear mark behind what was shown.
        clear: bool,
    },
    Info,
    /// Remember which file a module is loaded from. Answer: `Done`.
    File {
        module: String,
        path: PathBuf,
    },
    /// Stop the kernel and the supervisor.
    Down,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Event(Event),
    Log(LogEntry),
    Info(Box<Info>),
    Done,
    /// The kernel died of the request.
    Died {
        status: Option<String>,
        doing: String,
        restarted: Result<(), String>,
    },
    Failed(String),
}

/// A kernel that stays, as its supervisor sees it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Info {
    pub name: String,
    /// The supervisor's process id.
    pub pid: u32,
    pub about: About,
    /// komod's version that started it.
    #[serde(rename = "komod_version")]
    pub version: String,
    /// Seconds since the epoch.
    pub started: u64,
    /// Microseconds the latest boot took.
    pub boot_us: u64,
    pub initcalls: u32,
    pub failed_initcalls: Vec<String>,
    /// How often a dead kernel was replaced.
    pub restarts: u32,
    /// How the latest one died.
    pub last_death: Option<String>,
    /// Why there is no kernel at the moment.
    pub broken: Option<String>,
    /// What the kernel is doing right now.
    pub busy: Option<String>,
    /// The panic that ended the kernel, until its death is noticed.
    #[serde(skip)]
    pub panic: Option<String>,
    /// Files that modules were loaded from, by name: for source lines in reports.
    pub files: BTreeMap<String, PathBuf>,
}

impl Info {
    /// Of a kernel that this process is about to keep, or speaks to itself.
    pub fn new(name: &str, about: About) -> Info {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Info {
            name: name.to_owned(),
            pid: std::process::id(),
            about,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: since_epoch.map_or(0, |d| d.as_secs()),
            boot_us: 0,
            initcalls: 0,
            failed_initcalls: Vec::new(),
            restarts: 0,
            last_death: None,
            broken: None,
            busy: None,
            panic: None,
            files: BTreeMap::new(),
        }
    }
}
