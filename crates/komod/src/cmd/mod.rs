//! The commands, one file each or per family.

pub mod build;
mod build_output;
mod build_several;
pub mod check;
mod check_how;
pub mod clean;
pub mod diff;
pub mod exec;
pub mod explain;
pub mod files;
pub mod graph;
pub mod info;
pub mod install_applets;
mod ioctl_number;
pub mod kernel;
pub mod log;
pub mod modules;
pub mod new;
pub mod run;
mod said;
mod standing;
pub mod symbols;
mod symbols_up;
pub mod up;
pub mod watch;

use crate::building::How;
use crate::explained::Explained;
use crate::ground::{BoardFlags, Ground};
use crate::text::failure::{self, Doing};
use anyhow::Result;
use clap::Args;
use komod_place::PlaceError;
use komod_place::process::{Resident, RuntimeDir};
use komod_place::vm::{HostFile, Spec};
use standing::Standing;
use std::fmt;
use std::num::NonZero;
use std::str::FromStr;
use std::time::Duration;

/// How a command that did its work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Good,
    /// The answer is no: exit status 1.
    Bad,
    /// That of a program that was run.
    Status(u8),
}

/// The kernel to build for.
#[derive(Debug, Clone, Args)]
pub struct OneKernel {
    /// The kernel: a release or its beginning (6.1), a build tree, an image, a folder with both,
    /// or `running`
    #[arg(short, long, value_name = "K")]
    pub kernel: Option<String>,
}

/// Flags of all commands that build.
#[derive(Debug, Clone, Args)]
pub struct BuildFlags {
    /// Apply the safe fixes of what keeps it from building, and go on
    #[arg(long)]
    fix: bool,
    /// A variable for make's command line; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    make: Vec<(String, String)>,
    /// Build with the kernel's own build system, even where komod makes the same by itself
    #[arg(long)]
    kbuild: bool,
    /// Start the compiler anew for every file, instead of keeping one that has read its headers
    #[arg(long)]
    no_warm: bool,
    /// How many jobs at a time, over all kernels; without it, those of the make that started komod,
    /// or as many as there are processors
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZero<usize>>,
    /// Give up when make still reads the makefile after so many seconds, or the kernel's build
    /// system has been silent for so long
    #[arg(long, value_name = "SECONDS", default_value_t = 300,
          value_parser = clap::value_parser!(u64).range(1..=365 * 24 * 3_600))]
    patience: u64,
}

impl BuildFlags {
    pub fn how(&self) -> How {
        How {
            fix: self.fix,
            variables: self.make.clone(),
            kbuild: self.kbuild,
            no_warm: self.no_warm,
            jobs: self.jobs,
            patience: Some(Duration::from_secs(self.patience)),
            ..How::default()
        }
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("want NAME=VALUE".into()),
    }
}

/// Where modules run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum On {
    Process,
    Vm,
    /// This machine's own kernel.
    Host,
    /// The kernel of a board that ssh reaches by this name.
    Ssh(String),
}

impl FromStr for On {
    type Err = String;

    fn from_str(text: &str) -> Result<On, String> {
        match (text, text.strip_prefix("ssh:")) {
            ("process", _) => Ok(On::Process),
            ("vm", _) => Ok(On::Vm),
            ("host", _) => Ok(On::Host),
            // What begins with a dash, ssh would take for an option.
            (_, Some(board)) if !board.is_empty() && !board.starts_with('-') => {
                // ssh://USER@BOARD:PORT is a name that ssh knows as it is.
                let whole = board.starts_with("//");
                Ok(On::Ssh(if whole { text } else { board }.to_owned()))
            }
            _ => Err("want process, vm, host or ssh:BOARD".into()),
        }
    }
}

impl fmt::Display for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            On::Process => f.write_str("process"),
            On::Vm => f.write_str("vm"),
            On::Host => f.write_str("host"),
            On::Ssh(board) if board.starts_with("ssh:") => f.write_str(board),
            On::Ssh(board) => write!(f, "ssh:{board}"),
        }
    }
}

impl On {
    /// A kernel that was there before us, and goes on after us.
    pub fn is_real(&self) -> bool {
        matches!(self, On::Host | On::Ssh(_))
    }

    /// Its name in reports.
    pub fn word(&self) -> &'static str {
        match self {
            On::Process => "process",
            On::Vm => "vm",
            On::Host => "host",
            On::Ssh(_) => "ssh",
        }
    }
}

/// The place, for the commands that start one.
#[derive(Debug, Clone, Args)]
pub struct PlaceFlags {
    /// Where to run modules: `process`, the kernel's code in a process of ours; `vm`, the real
    /// kernel in a virtual machine (needs QEMU); `host`, this machine's own kernel (needs root);
    /// `ssh:BOARD`, that of another machine
    #[arg(long, value_name = "PLACE", default_value_t = On::Process)]
    pub on: On,
    /// Memory of the virtual machine, in MiB
    #[arg(long, value_name = "MB", default_value_t = Spec::MEGABYTES,
          value_parser = clap::value_parser!(u32).range(128..=1 << 20))]
    pub memory: u32,
    /// Processors of the virtual machine
    #[arg(long, value_name = "N", default_value_t = Spec::PROCESSORS,
          value_parser = clap::value_parser!(u32).range(1..=64))]
    pub cpus: u32,
    /// Give the virtual machine a copy of a file or a folder of this one, under the same path or
    /// GUEST (firmware: `fw.bin:/lib/firmware/fw.bin`); may be given several times
    #[arg(long = "file", value_name = "HOST[:GUEST]", value_parser = host_file)]
    pub files: Vec<HostFile>,
}

impl PlaceFlags {
    /// What only a virtual machine has is an error elsewhere.
    pub fn check(&self) -> Result<()> {
        if self.on != On::Vm && !self.files.is_empty() {
            let why = "--file is for virtual machines";
            return Err(Explained::usage(why).hint("add --on vm").into());
        }
        Ok(())
    }
}

fn host_file(text: &str) -> Result<HostFile, String> {
    let (host, guest) = match text.rsplit_once(":/") {
        Some((host, guest)) if !host.is_empty() => (host, Some(format!("/{guest}"))),
        _ => (text, None),
    };
    let host = std::fs::canonicalize(host).map_err(|e| format!("{host}: {e}"))?;
    let guest = guest.or_else(|| host.to_str().map(str::to_owned));
    Ok(HostFile { guest: guest.ok_or("a path that is no text needs :GUEST")?, host })
}

/// The kernel that a command goes to.
#[derive(Debug, Clone, Args)]
pub struct Which {
    /// The kernel to speak to, by the name it was started with
    ///
    /// Without it: the one called `default`, or the only one that is up.
    #[arg(long, value_name = "NAME", conflicts_with = "on")]
    name: Option<String>,
    /// Instead of a kernel that komod has started: `host`, this machine's own; `ssh:BOARD`, that
    /// of another machine
    #[arg(long, value_name = "PLACE", value_parser = real_place)]
    on: Option<On>,
    #[command(flatten)]
    board: BoardFlags,
}

fn real_place(text: &str) -> Result<On, String> {
    match text.parse() {
        Ok(on @ (On::Host | On::Ssh(_))) => Ok(on),
        Ok(_) => {
            Err("want host or ssh:BOARD; `komod up --on vm` starts a machine, which then has a \
                      --name"
                .into())
        }
        Err(why) => Err(why),
    }
}

impl Which {
    /// For commands that can do without; a kernel that is named must be up.
    pub fn connect_if_up(&self) -> Result<Option<Standing>> {
        let nothing = || RuntimeDir::open().map_or(true, |dir| names_up(&dir).is_empty());
        if self.on.is_none() && self.name.is_none() && nothing() {
            return Ok(None);
        }
        self.connect().map(Some)
    }

    pub fn connect(&self) -> Result<Standing> {
        self.connect_with(None)
    }

    /// `kernel` names the files of a kernel that was there before.
    pub fn connect_with(&self, kernel: Option<&str>) -> Result<Standing> {
        if let Some(on) = &self.on {
            return Ok(Standing::Real(Box::new(Ground::reach(on, &self.board, kernel, false)?)));
        }
        let dir = RuntimeDir::open().map_err(|e| place_error(&e, "connecting"))?;
        let name = match &self.name {
            Some(name) => name.clone(),
            None => the_one(&dir)?,
        };
        let resident = Resident::connect(&dir, &name).map_err(|e| place_error(&e, "connecting"))?;
        Ok(Standing::Resident(resident))
    }
}

/// Names of the kernels that are up.
pub fn names_up(dir: &RuntimeDir) -> Vec<String> {
    dir.names().into_iter().filter(|n| Resident::connect(dir, n).is_ok()).collect()
}

/// The kernel to speak to when none is named.
pub fn the_one(dir: &RuntimeDir) -> Result<String> {
    const DEFAULT: &str = "default";
    let names = names_up(dir);
    match names.as_slice() {
        names if names.iter().any(|n| n == DEFAULT) => Ok(DEFAULT.into()),
        [only] => Ok(only.clone()),
        [] => Err(failure::not_up(DEFAULT).into()),
        several => Err(Explained::usage(format!("several kernels are up: {}", several.join(", ")))
            .hint("say which: --name NAME")
            .into()),
    }
}

pub fn place_error(error: &PlaceError, doing: &str) -> Explained {
    failure::explain(error, Doing::Other(doing))
}
