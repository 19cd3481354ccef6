//! The host's side of the talk with a machine: questions, answers, and what to make of silence.

use super::VmError;
use super::console::{self, Mark};
use super::oops::Reports;
use super::qemu::Machine;
use super::wire::{self, Answer, Ask};
use crate::PlaceError;
use crate::channel::{doing, stage};
use crate::place::Events;
use komod_process::protocol::{self, Event, Reply, Request};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::json;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How often a machine that says nothing is looked after.
const LOOK: Duration = Duration::from_millis(250);
/// A machine that says nothing while QEMU uses up this much processor time hangs: the agent says
/// twice a second that all is well.
const SILENT_CPU: f64 = 10.0;
/// The rest of a message is on its way when it has begun.
const MESSAGE: Duration = Duration::from_secs(20);
/// How long a machine may take to wake up.
const WAKING: Duration = Duration::from_secs(20);
/// How long one that hangs may take to say where.
const LAST_WORDS: Duration = Duration::from_secs(10);
/// Enough for any random number generator's key.
const SEED: u64 = 64;

pub struct Conversation {
    machine: Machine,
    mark: Mark,
    reports: Reports,
    /// A report since the call began has a module's init in its trace.
    in_init: bool,
    /// The machine is gone.
    gone: bool,
}

enum Heard {
    Answer(Answer, Vec<u8>),
    /// QEMU, or the line to it, has ended.
    End,
    /// Nothing for too long.
    Silence,
}

impl Conversation {
    /// Wakes a machine whose agent is ready.
    /// Its log is told from now on, or from its first record.
    pub fn begin(
        machine: Machine,
        patience: Duration,
        whole_log: bool,
    ) -> Result<Conversation, VmError> {
        machine.port.set_read_timeout(Some(MESSAGE)).map_err(VmError::Agent)?;
        machine.port.set_write_timeout(Some(MESSAGE)).map_err(VmError::Agent)?;
        let (mark, reports) = (Mark::default(), Reports::default());
        let mut conversation = Conversation { machine, mark, reports, in_init: false, gone: false };
        let mut seed = Vec::new();
        let random = File::open("/dev/urandom");
        random
            .and_then(|file| file.take(SEED).read_to_end(&mut seed))
            .map_err(VmError::file("/dev/urandom"))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wake = Ask::Wake {
            version: wire::VERSION,
            unix_ns: u64::try_from(now.as_nanos()).unwrap_or_default(),
            patience_ms: u64::try_from(patience.as_millis()).unwrap_or(u64::MAX),
            whole_log,
        };
        protocol::send(&mut conversation.machine.port, &wake, &seed).map_err(VmError::Agent)?;
        let why = match conversation.hear(Some(WAKING)) {
            Ok(Heard::Answer(Answer::Awake { log_us }, _)) => {
                conversation.mark = Mark::at(log_us);
                return Ok(conversation);
            }
            Ok(Heard::Answer(Answer::Trouble(why), _)) => why,
            Ok(Heard::Answer(other, _)) => format!("the agent says {other:?}"),
            Ok(Heard::End) => "it ended when it was to wake up".into(),
            Ok(Heard::Silence) => "it does not wake up".into(),
            Err(e) => e.to_string(),
        };
        let console = conversation.machine.last_words();
        Err(VmError::NotUp { why, console })
    }

    pub fn call(
        &mut self,
        request: &Request,
        payload: &[u8],
        events: Events<'_>,
    ) -> Result<(Reply, Vec<u8>), PlaceError> {
        if self.gone {
            return Err(ended(request));
        }
        self.in_init = false;
        let ask = Ask::Do(request.clone());
        if protocol::send(&mut self.machine.port, &ask, payload).is_err() {
            return Err(self.end(request, false, events));
        }
        loop {
            match self.hear(None).map_err(PlaceError::Vm)? {
                Heard::Answer(Answer::Event(Event::Reply(reply)), data) => {
                    if let Some(event) = self.reports.end() {
                        events(&event);
                    }
                    return Ok((reply, data));
                }
                Heard::Answer(Answer::Event(event), _) => self.pass(event, events),
                Heard::Answer(Answer::Alive, _) => {}
                Heard::Answer(other, _) => {
                    let got = format!("{other:?}");
                    return Err(PlaceError::Unexpected { doing: doing(request), got });
                }
                Heard::End => return Err(self.end(request, false, events)),
                Heard::Silence => return Err(self.end(request, true, events)),
            }
        }
    }

    pub fn port(&self) -> &UnixStream {
        &self.machine.port
    }

    /// Takes what the machine says between two calls, when it has something to say.
    pub fn idle(&mut self, events: Events<'_>) -> Result<(), PlaceError> {
        match self.hear(None).map_err(PlaceError::Vm)? {
            Heard::Answer(Answer::Event(event), _) => {
                self.pass(event, events);
                Ok(())
            }
            Heard::Answer(..) => Ok(()),
            Heard::End | Heard::Silence => Err(self.end(&Request::Status, false, events)),
        }
    }

    fn pass(&mut self, event: Event, events: Events<'_>) {
        let Event::Log(record) = &event else { return events(&event) };
        self.mark.pass(record);
        // The caller of all inits (`init/main.c`, Linux 6.1), sure or not.
        let frame = record.text.trim_start().trim_start_matches("? ");
        self.in_init |= frame.starts_with("do_one_initcall+");
        let report = self.reports.read(record);
        events(&event);
        if let Some(report) = report {
            events(&report);
        }
    }

    /// The next answer; without a limit, silence is judged by what QEMU does.
    fn hear(&mut self, limit: Option<Duration>) -> Result<Heard, VmError> {
        let before = self.machine.cpu_seconds();
        let mut waited = Duration::ZERO;
        while !self.may_read()? {
            waited += LOOK;
            if self.machine.ends_within(Duration::ZERO) {
                // What it said last may have come in between.
                return if self.may_read()? { self.receive() } else { Ok(Heard::End) };
            }
            let silent = match limit {
                Some(limit) => waited > limit,
                None => self.machine.cpu_seconds() - before > SILENT_CPU,
            };
            if silent {
                return Ok(Heard::Silence);
            }
        }
        self.receive()
    }

    fn may_read(&self) -> Result<bool, VmError> {
        let mut fds = [PollFd::new(&self.machine.port, PollFlags::IN)];
        let time = Timespec { tv_sec: 0, tv_nsec: LOOK.subsec_nanos().into() };
        match poll(&mut fds, Some(&time)) {
            Ok(n) => Ok(n > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(e) => Err(VmError::Agent(e.into())),
        }
    }

    fn receive(&mut self) -> Result<Heard, VmError> {
        match protocol::receive(&mut self.machine.port) {
            Ok(Some((answer, data))) => Ok(Heard::Answer(answer, data)),
            Ok(None) => Ok(Heard::End),
            Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(Heard::Silence),
            Err(e) if e.kind() == ErrorKind::InvalidData => Err(VmError::Agent(e)),
            Err(_) => Ok(Heard::End),
        }
    }

    /// The machine does not answer any more: what its console knows is passed on, and told by the
    /// error.
    fn end(&mut self, request: &Request, silent: bool, events: Events<'_>) -> PlaceError {
        self.gone = true;
        if silent {
            // It panics and says where it was (`unknown_nmi_panic`).
            let _ = self.machine.qmp.execute("inject-nmi", json!({}));
            self.machine.ends_within(LAST_WORDS);
        } else {
            self.machine.ends_within(Duration::from_secs(1));
        }
        let text = self.machine.last_words();
        let records = console::records(&text, &self.mark);
        for record in &records {
            self.pass(Event::Log(record.clone()), events);
        }
        if let Some(event) = self.reports.end() {
            events(&event);
        }
        let stage = stage(request, self.in_init);
        match console::panic_text(&records) {
            _ if silent => PlaceError::Hung { stage, cpu_seconds: SILENT_CPU as u32 },
            Some(text) => PlaceError::Panicked { stage, text },
            None => ended(request),
        }
    }
}

fn ended(request: &Request) -> PlaceError {
    PlaceError::Ended { doing: doing(request) }
}

#[cfg(test)]
mod tests;
