//! Why a kernel that is there cannot be spoken to.

pub use crate::agent_line::LineError;

use crate::PlaceError;
use crate::vm::VmError;
use std::io;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RealError {
    #[error(transparent)]
    Line(#[from] LineError),
    #[error("cannot start {program}: {source}")]
    Start { program: String, source: io::Error },
    #[error(
        "ssh is not there\nhint: install it: openssh-client (Debian, Ubuntu), openssh-clients (Fedora)"
    )]
    NoSsh,
    #[error(
        "ssh does not reach {board}: {why}\nhint: komod asks no questions: `ssh {board} true` must \
         work without any"
    )]
    Unreachable { board: String, why: String },
    #[error("the connection to {board} was cut{}", after(.why))]
    Cut { board: String, why: String },
    #[error("{board} did not answer for {seconds} s")]
    Silent { board: String, seconds: u64 },
    #[error("{board} has no POSIX shell for us; it says: {said}")]
    NoShell { board: String, said: String },
    #[error("{board} has no folder that programs can be copied to and run from")]
    NoFolder { board: String },
    #[error("copying to {board} failed: {why}")]
    Copy { board: String, why: String },
    #[error("komod's own binary: {0}")]
    Ourselves(VmError),
    #[error(transparent)]
    Place(#[from] PlaceError),
}

impl RealError {
    pub(super) fn ssh(program: &[String]) -> impl FnOnce(io::Error) -> RealError {
        let program = program.first().cloned().unwrap_or_default();
        move |source| match source.kind() {
            io::ErrorKind::NotFound if program == "ssh" => RealError::NoSsh,
            _ => RealError::Start { program, source },
        }
    }

    /// The board was there and is not any more.
    pub fn is_hang(&self) -> bool {
        match self {
            RealError::Silent { .. } | RealError::Cut { .. } => true,
            // The words of connect(2)'s error, which ssh passes on.
            RealError::Unreachable { why, .. } => why.contains("timed out"),
            _ => false,
        }
    }
}

fn after(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(": {why}") }
}
