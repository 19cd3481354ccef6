//! The line to an agent that is no virtual machine's: it goes over the standard files of a program
//! (the agent itself, or an `ssh` to it).

use crate::channel::{doing, stage};
use crate::hearing::Hearing;
use crate::place::Events;
use crate::vm::wire::{self, Answer, Ask};
use crate::{Channel, PlaceError};
use komod_process::protocol::{self, Event, LogRecord, Reply, Request, Stage};
use std::io;
use std::ops::ControlFlow;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// An agent says twice a second that all is well while a call goes on.
const SILENCE: Duration = Duration::from_secs(15);
/// How long it may take to begin: a board's slow storage, `sudo`.
const BEGINNING: Duration = Duration::from_secs(30);
/// How long it may take to end when nothing more comes.
const ENDING: Duration = Duration::from_secs(3);

/// What the agent is to do with the machine.
#[derive(Debug, Clone, Copy)]
pub struct Manners {
    /// How long a call may wait in the kernel.
    pub patience: Duration,
    /// Unload what was loaded over this line when it ends.
    pub tidy: bool,
}

/// Why there is no line.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    #[error("cannot start {program}: {source}")]
    Start { program: String, source: io::Error },
    #[error("the agent does not begin: {why}")]
    NotReady { why: String },
}

pub struct AgentLine {
    child: Child,
    input: Option<ChildStdin>,
    heard: Receiver<Heard>,
    hearing: Hearing,
    gone: bool,
    pub release: String,
    /// Why the kernel's log cannot be read, if so.
    pub log: Result<(), String>,
}

enum Heard {
    Answer(Answer, Vec<u8>),
    End,
}

impl AgentLine {
    /// Starts a program that becomes an agent.
    pub fn start(mut command: Command, manners: Manners) -> Result<AgentLine, LineError> {
        let program = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let failed = |source| LineError::Start { program: program.clone(), source };
        let mut child = command.spawn().map_err(failed)?;
        let (Some(input), Some(mut output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed(io::ErrorKind::BrokenPipe.into()));
        };
        let (tell, heard) = mpsc::channel();
        std::thread::spawn(move || {
            loop {
                let heard = match protocol::receive(&mut output) {
                    Ok(Some((answer, data))) => Heard::Answer(answer, data),
                    Ok(None) | Err(_) => Heard::End,
                };
                let ends = matches!(heard, Heard::End);
                if tell.send(heard).is_err() || ends {
                    return;
                }
            }
        });
        let mut line = AgentLine {
            child,
            input: Some(input),
            heard,
            hearing: Hearing::default(),
            gone: false,
            release: String::new(),
            log: Ok(()),
        };
        line.begin(manners)?;
        Ok(line)
    }

    fn begin(&mut self, manners: Manners) -> Result<(), LineError> {
        let patience_ms = u64::try_from(manners.patience.as_millis()).unwrap_or(u64::MAX);
        let ask = Ask::Begin { version: wire::VERSION, patience_ms, tidy: manners.tidy };
        let _ = self.ask(&ask, &[]);
        let why = match self.heard.recv_timeout(BEGINNING) {
            Ok(Heard::Answer(Answer::Here { version: wire::VERSION, release, log }, _)) => {
                self.release = release;
                self.log = log;
                return Ok(());
            }
            Ok(Heard::Answer(Answer::Trouble(why), _)) => why,
            Ok(Heard::Answer(other, _)) => format!("it says {other:?}"),
            Ok(Heard::End) | Err(RecvTimeoutError::Disconnected) => self.last_words(),
            Err(RecvTimeoutError::Timeout) => {
                format!("it said nothing for {} s", BEGINNING.as_secs())
            }
        };
        self.gone = true;
        Err(LineError::NotReady { why })
    }

    fn ask(&mut self, ask: &Ask, payload: &[u8]) -> io::Result<()> {
        match &mut self.input {
            Some(input) => protocol::send(input, ask, payload),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// What the program said of itself when it has ended.
    fn last_words(&mut self) -> String {
        self.input = None;
        let ended = self.ends_within(ENDING);
        let mut text = String::new();
        if let (true, Some(mut errors)) = (ended, self.child.stderr.take()) {
            let mut bytes = Vec::new();
            let _ = io::Read::read_to_end(&mut errors, &mut bytes);
            text = String::from_utf8_lossy(&bytes).trim().to_owned();
        }
        match (self.child.try_wait(), text.is_empty()) {
            (_, false) => text,
            (Ok(Some(status)), true) => format!("it ended ({status})"),
            _ => "its line ended".into(),
        }
    }

    fn ends_within(&mut self, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        loop {
            match self.child.try_wait() {
                Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(5)),
                Ok(None) => return false,
                Ok(Some(_)) | Err(_) => return true,
            }
        }
    }

    /// The log from its beginning, or only what is `new`; with `follow`, until `take` or the line ends it.
    pub fn log(
        &mut self,
        follow: bool,
        new: bool,
        take: &mut dyn FnMut(LogRecord) -> ControlFlow<()>,
    ) -> Result<(), PlaceError> {
        let what = Request::Read { path: "/dev/kmsg".into(), limit: 0 };
        if self.ask(&Ask::Log { follow, new }, &[]).is_err() {
            return Err(self.ended(&what));
        }
        let mut last = None;
        loop {
            match self.heard.recv() {
                Ok(Heard::Answer(Answer::Event(Event::Log(record)), _)) => {
                    // What is watched comes twice.
                    if last.is_none_or(|seq| record.seq > seq) {
                        last = Some(record.seq);
                        if take(record).is_break() {
                            return Ok(());
                        }
                    }
                }
                Ok(Heard::Answer(Answer::Event(Event::Reply(Reply::Failed { errno, .. })), _)) => {
                    return Err(PlaceError::Refused { errno, stage: Stage::Call, code: None });
                }
                Ok(Heard::Answer(Answer::Event(Event::Reply(_)), _)) => return Ok(()),
                Ok(Heard::Answer(..)) => {}
                Ok(Heard::End) | Err(_) => return Err(self.ended(&what)),
            }
        }
    }

    fn pass(&mut self, event: Event, events: Events<'_>) {
        match event {
            Event::Log(record) => self.hearing.pass(record, events),
            other => events(&other),
        }
    }

    fn ended(&mut self, request: &Request) -> PlaceError {
        self.gone = true;
        let why = self.last_words();
        match self.hearing.panic() {
            Some(text) => {
                PlaceError::Panicked { stage: stage(request, self.hearing.in_init), text }
            }
            None => PlaceError::LineEnded { doing: doing(request), why },
        }
    }
}

impl Channel for AgentLine {
    fn call(
        &mut self,
        request: &Request,
        payload: &[u8],
        events: Events<'_>,
    ) -> Result<(Reply, Vec<u8>), PlaceError> {
        if self.gone || self.ask(&Ask::Do(request.clone()), payload).is_err() {
            return Err(self.ended(request));
        }
        self.hearing.begin();
        loop {
            let heard = match self.heard.recv_timeout(SILENCE) {
                Ok(heard) => heard,
                Err(RecvTimeoutError::Disconnected) => Heard::End,
                Err(RecvTimeoutError::Timeout) => {
                    self.gone = true;
                    self.hearing.end(events);
                    let stage = stage(request, self.hearing.in_init);
                    return Err(match self.hearing.panic() {
                        Some(text) => PlaceError::Panicked { stage, text },
                        None => PlaceError::Silent { stage, seconds: SILENCE.as_secs() },
                    });
                }
            };
            match heard {
                Heard::Answer(Answer::Event(Event::Reply(reply)), data) => {
                    self.hearing.end(events);
                    return Ok((reply, data));
                }
                Heard::Answer(Answer::Event(event), _) => self.pass(event, events),
                Heard::Answer(Answer::Alive, _) => {}
                Heard::Answer(other, _) => {
                    let got = format!("{other:?}");
                    return Err(PlaceError::Unexpected { doing: doing(request), got });
                }
                Heard::End => {
                    self.hearing.end(events);
                    return Err(self.ended(request));
                }
            }
        }
    }
}

impl Drop for AgentLine {
    fn drop(&mut self) {
        // The end of its input is the end of the agent, which may have to tidy up.
        self.input = None;
        let patience = if self.gone { Duration::from_millis(200) } else { ENDING };
        if !self.ends_within(patience) {
            let _ = self.child.kill();
            // A thread that waits in the kernel for ever keeps its process from ending.
            self.ends_within(Duration::from_secs(1));
        }
    }
}
