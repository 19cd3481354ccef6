//! Why a place did not do what it was asked for.

use crate::vm::VmError;
use komod_process::client::ClientError;
use komod_process::protocol::Stage;
use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The kernel said no; `code` is komod's for the reason (`L-08`), where the loader knows it.
    #[error("refused with errno {errno}")]
    Refused { errno: i32, stage: Stage, code: Option<String> },
    /// Kernel or module code faulted; the Oops came as an event.
    #[error("{} crashed", stage_name(*.stage))]
    Crashed { stage: Stage },
    /// The kernel panicked in it, with these words, and is gone.
    #[error("{} led to a panic: {text}", stage_name(*.stage))]
    Panicked { stage: Stage, text: String },
    #[error("{} ran for more than {cpu_seconds} s of CPU time and was stopped", stage_name(*.stage))]
    Stopped { stage: Stage, cpu_seconds: u32 },
    #[error("{} waits for ever (deadlock or lost wake-up): {}", stage_name(*.stage), .waiting.join(", "))]
    Deadlock { stage: Stage, waiting: Vec<String> },
    /// The kernel process ended. `restarted` is set by a supervisor: whether a new one runs.
    #[error("the kernel died{} while {doing}{}", in_brackets(.status), restart_words(.restarted))]
    Died { status: Option<String>, doing: String, restarted: Option<Result<(), String>> },
    #[error("no kernel named `{name}` is up")]
    NotUp { name: String },
    #[error("`{name}` is not a name for a kernel: use up to 32 letters, digits, `.`, `_` or `-`")]
    BadName { name: String },
    #[error("the answer to {doing} makes no sense: {got}")]
    Unexpected { doing: String, got: String },
    #[error("{}: {source}", .path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{}: {why}", .path.display())]
    RuntimeDir { path: PathBuf, why: &'static str },
    /// The background process reported this.
    #[error("{0}")]
    Background(String),
    /// The machine used up this much processor time and said nothing; it is gone.
    #[error("{} hangs: nothing was heard for {cpu_seconds} s of CPU time", stage_name(*.stage))]
    Hung { stage: Stage, cpu_seconds: u32 },
    /// The machine is gone, without a panic.
    #[error("the machine came to its end while {doing}")]
    Ended { doing: String },
    /// The agent said nothing for so long, not even that it is alive.
    #[error("{} hangs: nothing was heard for {seconds} s", stage_name(*.stage))]
    Silent { stage: Stage, seconds: u64 },
    /// The line to a kernel that we did not start ended.
    #[error("the line ended while {doing}: {why}")]
    LineEnded { doing: String, why: String },
    /// Only komod's own agent does this.
    #[error("{doing} is beyond the board's shell")]
    NotByShell { doing: String },
    #[error(transparent)]
    Kernel(#[from] ClientError),
    #[error(transparent)]
    Vm(#[from] VmError),
    #[error("talking to the kernel's supervisor: {0}")]
    Supervisor(io::Error),
}

impl PlaceError {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> PlaceError {
        let path = path.into();
        move |source| PlaceError::File { path, source }
    }

    /// Whether the kernel the call went to is gone with all its modules.
    pub fn is_death(&self) -> bool {
        matches!(
            self,
            PlaceError::Died { .. }
                | PlaceError::Panicked { .. }
                | PlaceError::Hung { .. }
                | PlaceError::Ended { .. }
                | PlaceError::Silent { .. }
                | PlaceError::LineEnded { .. }
        )
    }
}

fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Load => "the loader",
        Stage::Init => "the module's init",
        Stage::Exit => "the module's exit",
        Stage::Call => "the file operation",
        Stage::Background => "background work",
    }
}

fn in_brackets(status: &Option<String>) -> String {
    status.as_deref().map(|s| format!(" ({s})")).unwrap_or_default()
}

fn restart_words(restarted: &Option<Result<(), String>>) -> String {
    match restarted {
        None => String::new(),
        Some(Ok(())) => "; restarted: its modules are gone".into(),
        Some(Err(e)) => format!("; it could not be restarted: {e}"),
    }
}
