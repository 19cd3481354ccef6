//! Why there is no virtual machine.

use crate::dependencies::DependencyError;
use komod_kernel::image::ImageError;
use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VmError {
    #[error(
        "there is no qemu-system-x86_64 here\n\
         hint: install it: qemu-system-x86 (Debian, Ubuntu), qemu-system-x86-core (Fedora), \
         qemu-system-x86 (Arch)\n\
         hint: or name the program by KOMOD_QEMU"
    )]
    NoQemu,
    #[error("{}: {source}", .path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{}: {source}", .path.display())]
    Image { path: PathBuf, source: ImageError },
    #[error("the drivers of the machine's serial port: {0}")]
    Drivers(#[from] DependencyError),
    #[error("QEMU did not start{}", last_lines(.said))]
    Start { said: String },
    #[error("talking to QEMU: {0}")]
    Qmp(io::Error),
    #[error("QEMU refuses {command}: {why}")]
    Refused { command: String, why: String },
    #[error("the machine did not come up: {why}{}", last_lines(.console))]
    NotUp { why: String, console: String },
    #[error("talking to the agent in the machine: {0}")]
    Agent(io::Error),
    #[error("{} cannot go into the machine: {source}", .path.display())]
    HostFile { path: PathBuf, source: io::Error },
    #[error("talking to the machine as a debugger: {0}")]
    Gdb(io::Error),
    #[error("this kernel cannot be stopped before an init: {0}")]
    NoStop(String),
    #[error("the snapshot in {}: {why}", .path.display())]
    Snapshot { path: PathBuf, why: String },
}

impl VmError {
    pub(super) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> VmError {
        let path = path.into();
        move |source| VmError::File { path, source }
    }
}

/// The last lines of what somebody said.
fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|l| !l.is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(12)..).unwrap_or_default();
    last.iter().map(|line| format!("\n  {line}")).collect()
}
