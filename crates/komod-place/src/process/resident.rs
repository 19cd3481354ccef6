//! The client's side of a kernel that stays.

use super::background;
use super::log_ring::LogEntry;
use super::runtime_dir::{RuntimeDir, check_name};
use super::wire::{About, Answer, Ask, Info, Role, What};
use crate::place::Events;
use crate::{Channel, PlaceError};
use komod_process::protocol::{self, Event, Reply, Request};
use std::io;
use std::ops::ControlFlow;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long another `up` of the same name may take.
const UP_PATIENCE: Duration = Duration::from_secs(120);

/// A connection to a kernel that stays.
pub struct Resident {
    stream: UnixStream,
    name: String,
}

/// Which part of the log to show.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogRequest {
    /// Go on with what comes.
    pub follow: bool,
    /// Also what was cleared.
    pub all: bool,
    /// Nothing that was there before.
    pub only_new: bool,
    /// Hide from later readers what was there before.
    pub clear: bool,
}

/// What [`up`] has found or done.
#[derive(Debug, Clone)]
pub struct UpReport {
    pub info: Info,
    /// It was up before.
    pub already: bool,
}

/// Starts a kernel that stays, unless one of this name is up.
pub fn up(dir: &RuntimeDir, name: &str, what: What, about: About) -> Result<UpReport, PlaceError> {
    check_name(name)?;
    dir.sweep();
    let _lock = dir.lock(name, UP_PATIENCE)?.ok_or_else(|| {
        PlaceError::Background(format!("another command has been starting `{name}` for too long"))
    })?;
    match Resident::connect(dir, name) {
        Ok(mut there) => return Ok(UpReport { info: there.info()?, already: true }),
        Err(PlaceError::NotUp { .. }) => {}
        Err(e) => return Err(e),
    }
    let role = Role::Supervisor { dir: dir.path().to_owned(), name: name.to_owned(), what, about };
    match background::start(&role, dir.stderr_file(name)?)? {
        Some(info) => Ok(UpReport { info, already: false }),
        None => Err(PlaceError::Background("the supervisor said nothing of its kernel".into())),
    }
}

/// Stops a kernel that stays; returns when it is gone.
pub fn down(dir: &RuntimeDir, name: &str) -> Result<(), PlaceError> {
    let mut there = Resident::connect(dir, name)?;
    there.ask(&Ask::Down, &[])?;
    loop {
        match protocol::receive::<Answer>(&mut there.stream) {
            Ok(Some((Answer::Failed(why), _))) => return Err(PlaceError::Background(why)),
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => break,
        }
    }
    let _ = std::fs::remove_file(dir.path().join(format!("{name}.stderr")));
    Ok(())
}

impl Resident {
    pub fn connect(dir: &RuntimeDir, name: &str) -> Result<Resident, PlaceError> {
        check_name(name)?;
        let socket = dir.socket(name);
        match UnixStream::connect(&socket) {
            Ok(stream) => Ok(Resident { stream, name: name.to_owned() }),
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
                ) =>
            {
                Err(PlaceError::NotUp { name: name.to_owned() })
            }
            Err(e) => Err(PlaceError::file(socket)(e)),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn info(&mut self) -> Result<Info, PlaceError> {
        self.ask(&Ask::Info, &[])?;
        match self.answer()? {
            (Answer::Info(info), _) => Ok(*info),
            (other, _) => unexpected("asking for its status", &other),
        }
    }

    /// Lets the supervisor remember which file a module comes from.
    pub fn note_file(&mut self, module: &str, path: &Path) -> Result<(), PlaceError> {
        let (module, path) = (module.to_owned(), path.to_owned());
        self.ask(&Ask::File { module, path }, &[])?;
        match self.answer()? {
            (Answer::Done, _) => Ok(()),
            (other, _) => unexpected("noting a file", &other),
        }
    }

    /// Gives the log's entries to `each` until they end or it has enough.
    pub fn log(
        &mut self,
        what: LogRequest,
        each: &mut dyn FnMut(LogEntry) -> ControlFlow<()>,
    ) -> Result<(), PlaceError> {
        let LogRequest { follow, all, only_new, clear } = what;
        self.ask(&Ask::Log { follow, all, only_new, clear }, &[])?;
        loop {
            match self.answer() {
                Ok((Answer::Log(entry), _)) => {
                    if each(entry).is_break() {
                        return Ok(());
                    }
                }
                Ok((Answer::Done, _)) => return Ok(()),
                Ok((other, _)) => return unexpected("reading the log", &other),
                // `down` ends a follower.
                Err(PlaceError::NotUp { .. }) if follow => return Ok(()),
                Err(e) => return Err(e),
            }
        }
    }

    fn ask(&mut self, ask: &Ask, payload: &[u8]) -> Result<(), PlaceError> {
        protocol::send(&mut self.stream, ask, payload).map_err(PlaceError::Supervisor)
    }

    fn answer(&mut self) -> Result<(Answer, Vec<u8>), PlaceError> {
        match protocol::receive(&mut self.stream) {
            Ok(Some((Answer::Failed(why), _))) => Err(PlaceError::Background(why)),
            Ok(Some((Answer::Died { status, doing, restarted }, _))) => {
                Err(PlaceError::Died { status, doing, restarted: Some(restarted) })
            }
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(PlaceError::NotUp { name: self.name.clone() }),
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof
                ) =>
            {
                Err(PlaceError::NotUp { name: self.name.clone() })
            }
            Err(e) => Err(PlaceError::Supervisor(e)),
        }
    }
}

fn unexpected<T>(doing: &str, answer: &Answer) -> Result<T, PlaceError> {
    let mut got = format!("{answer:?}");
    if let Some((cut, _)) = got.char_indices().nth(200) {
        got.truncate(cut);
    }
    Err(PlaceError::Unexpected { doing: doing.to_owned(), got })
}

impl Channel for Resident {
    fn call(
        &mut self,
        request: &Request,
        payload: &[u8],
        events: Events<'_>,
    ) -> Result<(Reply, Vec<u8>), PlaceError> {
        let doing = crate::channel::doing(request);
        self.ask(&Ask::Kernel(request.clone()), payload)?;
        loop {
            match self.answer()? {
                (Answer::Event(Event::Reply(reply)), data) => return Ok((reply, data)),
                (Answer::Event(event), _) => events(&event),
                (other, _) => return unexpected(&doing, &other),
            }
        }
    }
}
