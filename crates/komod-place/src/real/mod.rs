//! Kernels that were there before us and go on after us: that of this host, or of a board that is
//! reached by ssh. Nothing can be undone in them but what a module's exit undoes.

mod error;
mod ssh;

pub use crate::agent_line::Manners;
pub use error::RealError;

use crate::agent_line::AgentLine;
use crate::place::Events;
use crate::process::RuntimeDir;
use crate::vm::AGENT_OPTION;
use crate::{Channel, PlaceError};
use komod_process::protocol::{LogRecord, Reply, Request};
use ssh::{Board, Connection};
use std::ops::ControlFlow;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// A kernel that is not ours alone.
pub struct Real {
    // Before the connection it goes through.
    speaker: AgentLine,
    name: String,
    _connection: Option<Connection>,
}

impl Real {
    /// The kernel of this machine, by an agent that is a process of its own: a call that does not
    /// come back must not keep us.
    pub fn host(manners: Manners) -> Result<Real, RealError> {
        let mut command = Command::new("/proc/self/exe");
        command.arg0("komod").arg(AGENT_OPTION);
        // What a terminal interrupts is us; the agent tidies up when its line ends.
        command.process_group(0);
        let speaker = AgentLine::start(command, manners)?;
        Ok(Real { speaker, name: "host".into(), _connection: None })
    }

    /// The kernel of a board that ssh reaches by this name.
    pub fn board(name: &str, dir: &RuntimeDir, manners: Manners) -> Result<Real, RealError> {
        let connection = Connection::open(name, dir)?;
        let board = Board::ask(&connection)?;
        let speaker = match ssh::agent(&connection, &board, manners)? {
            Ok(speaker) => speaker,
            Err(why) => {
                return Err(RealError::Line(error::LineError::NotReady { why }));
            }
        };
        Ok(Real { speaker, name: name.to_owned(), _connection: Some(connection) })
    }

    /// `host`, or the board's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it is spoken to.
    pub fn way(&self) -> &'static str {
        "agent"
    }

    /// What `uname -r` says there.
    pub fn release(&self) -> &str {
        &self.speaker.release
    }

    /// Why its log cannot be read, if so.
    pub fn log_trouble(&self) -> Option<&str> {
        self.speaker.log.as_ref().err().map(String::as_str)
    }

    /// Its log from the beginning, or only what is `new`; with `follow`, until `take` or the line ends it.
    pub fn log(
        &mut self,
        follow: bool,
        new: bool,
        take: &mut dyn FnMut(LogRecord) -> ControlFlow<()>,
    ) -> Result<(), PlaceError> {
        self.speaker.log(follow, new, take)
    }
}

impl Channel for Real {
    fn call(
        &mut self,
        request: &Request,
        payload: &[u8],
        events: Events<'_>,
    ) -> Result<(Reply, Vec<u8>), PlaceError> {
        self.speaker.call(request, payload, events)
    }
}
