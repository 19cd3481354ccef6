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
use ssh::{Board, Connection, Shell};
use std::ops::ControlFlow;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;

/// A kernel that is not ours alone.
pub struct Real {
    // Before the connection it goes through.
    speaker: Speaker,
    name: String,
    /// Why it is not spoken to by an agent.
    note: Option<String>,
    _connection: Option<Arc<Connection>>,
}

enum Speaker {
    Agent(Box<AgentLine>),
    Shell(Box<Shell>),
}

impl Real {
    /// The kernel of this machine, by an agent that is a process of its own: a call that does not
    /// come back must not keep us.
    pub fn host(manners: Manners) -> Result<Real, RealError> {
        let mut command = Command::new("/proc/self/exe");
        command.arg0("komod").arg(AGENT_OPTION);
        // What a terminal interrupts is us; the agent tidies up when its line ends.
        command.process_group(0);
        let speaker = Speaker::Agent(Box::new(AgentLine::start(command, manners)?));
        Ok(Real { speaker, name: "host".into(), note: None, _connection: None })
    }

    /// The kernel of a board that ssh reaches by this name; by an agent if `agent`, and if it runs
    /// there.
    pub fn board(
        name: &str,
        dir: &RuntimeDir,
        agent: bool,
        manners: Manners,
    ) -> Result<Real, RealError> {
        let connection = Arc::new(Connection::open(name, dir)?);
        let board = Board::ask(&connection)?;
        let line = match agent {
            true => ssh::agent(&connection, &board, manners)?.map_err(Some),
            false => Err(None),
        };
        let (speaker, note) = match line {
            Ok(line) => (Speaker::Agent(Box::new(line)), None),
            Err(why) => (Speaker::Shell(Box::new(Shell::new(&connection, board, manners)?)), why),
        };
        Ok(Real { speaker, name: name.to_owned(), note, _connection: Some(connection) })
    }

    /// `host`, or the board's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it is spoken to.
    pub fn way(&self) -> &'static str {
        match self.speaker {
            Speaker::Agent(_) => "agent",
            Speaker::Shell(_) => "shell",
        }
    }

    /// Why it is not spoken to by an agent, if one was wanted.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// What `uname -r` says there.
    pub fn release(&self) -> &str {
        match &self.speaker {
            Speaker::Agent(agent) => &agent.release,
            Speaker::Shell(shell) => shell.release(),
        }
    }

    /// Why its log cannot be read, if so.
    pub fn log_trouble(&self) -> Option<&str> {
        match &self.speaker {
            Speaker::Agent(agent) => agent.log.as_ref().err().map(String::as_str),
            Speaker::Shell(shell) => shell.log_trouble(),
        }
    }

    /// Its log from the beginning, or only what is `new`; with `follow`, until `take` or the line ends it.
    pub fn log(
        &mut self,
        follow: bool,
        new: bool,
        take: &mut dyn FnMut(LogRecord) -> ControlFlow<()>,
    ) -> Result<(), PlaceError> {
        match &mut self.speaker {
            Speaker::Agent(agent) => agent.log(follow, new, take),
            Speaker::Shell(shell) => shell.log(follow, new, take),
        }
    }
}

impl Channel for Real {
    fn call(
        &mut self,
        request: &Request,
        payload: &[u8],
        events: Events<'_>,
    ) -> Result<(Reply, Vec<u8>), PlaceError> {
        match &mut self.speaker {
            Speaker::Agent(agent) => agent.call(request, payload, events),
            Speaker::Shell(shell) => shell.call(request, payload, events),
        }
    }
}
