//! A board on which komod itself does not run: its shell and its own tools do what is asked for.

mod forms;
mod log;
mod texts;

use super::super::RealError;
use super::board::Board;
use super::carried::{pack, random_name};
use super::connection::Connection;
use super::quoting::quoted;
use crate::channel::{doing, stage};
use crate::hearing::Hearing;
use crate::place::Events;
use crate::vm::agent;
use crate::{Channel, PlaceError};
use forms::{entries, octal, split};
use komod_kernel::host::insert::{Force, loosen};
use komod_object::Module;
use komod_process::protocol::{LogRecord, Reply, Request, Stage};
use log::LogStream;
use rustix::io::Errno;
use std::ops::ControlFlow;
use std::process::Output;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How often the log is looked at during a call.
const LOOK: Duration = Duration::from_millis(20);
/// When the log is quiet for so long after a call, all of it has come.
const QUIET: Duration = Duration::from_millis(100);
/// A board that does not answer a simple question for so long hangs.
const SILENCE: Duration = Duration::from_secs(10);
/// What is written at once with the shell's printf; more goes through cat.
const PRINTED: usize = 1024;

pub struct Shell {
    // Before the connection it goes through.
    log: Result<LogStream, String>,
    connection: Arc<Connection>,
    board: Board,
    patience: Duration,
    tidy: bool,
    /// What was loaded and not unloaded, the latest last.
    loaded: Vec<String>,
    hearing: Hearing,
    gone: bool,
}

impl Shell {
    pub fn new(
        connection: &Arc<Connection>,
        board: Board,
        manners: super::Manners,
    ) -> Result<Shell, RealError> {
        let log = LogStream::open(connection, &board).map(|mut log| {
            log.old();
            log
        });
        Ok(Shell {
            log,
            connection: connection.clone(),
            board,
            patience: manners.patience,
            tidy: manners.tidy,
            loaded: Vec::new(),
            hearing: Hearing::default(),
            gone: false,
        })
    }

    pub fn release(&self) -> &str {
        &self.board.release
    }

    pub fn log_trouble(&self) -> Option<&str> {
        self.log.as_ref().err().map(String::as_str)
    }

    /// The log from its beginning, or only what is `new`; with `follow`, until `take` or the line
    /// ends it.
    pub fn log(
        &mut self,
        follow: bool,
        new: bool,
        take: &mut dyn FnMut(LogRecord) -> ControlFlow<()>,
    ) -> Result<(), PlaceError> {
        let failed = |why| PlaceError::LineEnded { doing: "reading the log".into(), why };
        let mut stream = LogStream::open(&self.connection, &self.board).map_err(failed)?;
        let old = stream.old();
        for record in old.into_iter().filter(|_| !new) {
            if take(record).is_break() {
                return Ok(());
            }
        }
        while follow && !stream.has_ended() {
            for record in stream.next(Duration::from_secs(1)) {
                if take(record).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn pass(&mut self, records: Vec<LogRecord>, events: Events<'_>) {
        records.into_iter().for_each(|record| self.hearing.pass(record, events));
    }

    /// Does a script as root, passing the log on as it comes.
    fn run(
        &mut self,
        script: &str,
        input: Vec<u8>,
        request: &Request,
        events: Events<'_>,
    ) -> Result<Output, PlaceError> {
        if self.gone {
            return Err(PlaceError::LineEnded { doing: doing(request), why: "it is gone".into() });
        }
        let script = self.rooted(script);
        let (tell, told) = mpsc::channel();
        let (connection, patience) = (self.connection.clone(), self.patience);
        std::thread::spawn(move || {
            let _ = tell.send(connection.run_within(&script, &input, patience));
        });
        let outcome = loop {
            match told.recv_timeout(LOOK) {
                Ok(outcome) => break outcome,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let board = self.connection.board().to_owned();
                    break Err(RealError::Cut { board, why: String::new() });
                }
            }
            self.pass_log(Duration::ZERO, events);
        };
        if let Ok(log) = &mut self.log {
            let records = log.until_quiet(QUIET);
            self.pass(records, events);
        }
        match outcome {
            Ok(output) => Ok(output),
            Err(e) => Err(self.lost(e, request, events)),
        }
    }

    fn pass_log(&mut self, patience: Duration, events: Events<'_>) {
        if let Ok(log) = &mut self.log {
            let records = log.next(patience);
            self.pass(records, events);
        }
    }

    /// What it means that no answer came.
    fn lost(&mut self, error: RealError, request: &Request, events: Events<'_>) -> PlaceError {
        self.hearing.end(events);
        let stage = stage(request, self.hearing.in_init);
        if let Some(text) = self.hearing.panic() {
            self.gone = true;
            return PlaceError::Panicked { stage, text };
        }
        match error {
            RealError::Silent { .. } => {
                let alive = self.connection.run_within("echo alive", &[], SILENCE);
                let waiting = vec![tool(request).to_owned()];
                if alive.is_ok() {
                    return PlaceError::Deadlock { stage, waiting };
                }
                self.gone = true;
                PlaceError::Silent { stage, seconds: (self.patience + SILENCE).as_secs() }
            }
            e => {
                self.gone = true;
                PlaceError::LineEnded { doing: doing(request), why: e.to_string() }
            }
        }
    }

    fn load(
        &mut self,
        elf: &[u8],
        request: &Request,
        events: Events<'_>,
    ) -> Result<Reply, PlaceError> {
        let Request::Load { file, params, force_vermagic, force_modversions, .. } = request else {
            return Ok(failed(Errno::INVAL, Stage::Load));
        };
        let name = random_name().map_err(|e| PlaceError::Background(e.to_string()))?;
        let module = Module::parse(elf).ok().map(|m| m.name().to_string_lossy().into_owned());
        let packed = self.board.has("gzip");
        let path = format!("/tmp/komod-{name}.ko");
        let unpack = if packed { "gzip -dc" } else { "cat" };
        let copy = format!("umask 077; {unpack} >{path} && [ -s {path} ]");
        let mut elf = elf.to_vec();
        // busybox's insmod has no `-f`.
        let force = Force { modversions: *force_modversions, vermagic: *force_vermagic };
        loosen(&mut elf, force);
        let bytes = if packed { pack(&elf) } else { elf };
        // The patience is for the kernel, not for the line.
        let copied = self.connection.run(&self.rooted(&copy), &bytes);
        match copied {
            Ok(output) if output.status.success() => {}
            Ok(output) => {
                let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                return Err(PlaceError::Background(format!("copying {file} failed: {why}")));
            }
            Err(e) => return Err(self.lost(e, request, events)),
        }
        let words: Vec<String> = split(params).iter().map(|word| quoted(word)).collect();
        let words = words.join(" ");
        // Its name is gone before anything can go wrong; what is open is still there. The shell
        // stays, to tell of a tool that was killed: to ssh that is the end of the connection.
        let script =
            format!("exec <{path} && rm -f {path} && insmod /proc/self/fd/0 {words}; exit $?");
        self.hearing.begin();
        let started = Instant::now();
        let output = self.run(&script, Vec::new(), request, events)?;
        let load_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        if output.status.success() {
            let name = module.unwrap_or_default();
            self.loaded.push(name.clone());
            return Ok(Reply::Loaded { name, load_us, init_us: 0 });
        }
        if self.hearing.oopsed {
            let stage = if self.hearing.in_init { Stage::Init } else { Stage::Load };
            return Ok(Reply::Crashed { stage });
        }
        let errno = texts::errno(&String::from_utf8_lossy(&output.stderr));
        Ok(failed(errno, agent::likely_stage(errno)))
    }

    fn rooted(&self, script: &str) -> String {
        match self.board.sudo {
            true => format!("exec sudo -n sh -c {}", quoted(script)),
            false => script.to_owned(),
        }
    }

    /// What a script says, or why it failed.
    fn said(
        &mut self,
        script: &str,
        input: Vec<u8>,
        request: &Request,
        events: Events<'_>,
    ) -> Result<Result<Vec<u8>, Reply>, PlaceError> {
        self.hearing.begin();
        let output = self.run(script, input, request, events)?;
        if output.status.success() {
            return Ok(Ok(output.stdout));
        }
        let stage = stage(request, false);
        if self.hearing.oopsed {
            return Ok(Err(Reply::Crashed { stage }));
        }
        let errno = texts::errno(&String::from_utf8_lossy(&output.stderr));
        Ok(Err(failed(errno, stage)))
    }
}

impl Channel for Shell {
    fn call(
        &mut self,
        request: &Request,
        payload: &[u8],
        events: Events<'_>,
    ) -> Result<(Reply, Vec<u8>), PlaceError> {
        let answer = self.answer(request, payload, events);
        self.hearing.end(events);
        answer
    }
}

impl Shell {
    fn answer(
        &mut self,
        request: &Request,
        payload: &[u8],
        events: Events<'_>,
    ) -> Result<(Reply, Vec<u8>), PlaceError> {
        let nothing = |reply| Ok((reply, Vec::new()));
        match request {
            Request::Load { .. } => nothing(self.load(payload, request, events)?),
            Request::Unload { name, force } => {
                let force = if *force { "-f " } else { "" };
                let script = format!("rmmod {force}{}", quoted(name));
                match self.said(&script, Vec::new(), request, events)? {
                    Ok(_) => {
                        self.loaded.retain(|n| n != name);
                        nothing(Reply::Done { result: 0 })
                    }
                    Err(reply) => nothing(reply),
                }
            }
            Request::Modules => match self.said("cat /proc/modules", vec![], request, events)? {
                Ok(text) => {
                    let text = String::from_utf8_lossy(&text).into_owned();
                    let list = text.lines().filter_map(agent::module).collect();
                    nothing(Reply::Modules(list))
                }
                Err(reply) => nothing(reply),
            },
            Request::Symbols { needle, limit } => {
                match self.said("cat /proc/kallsyms", vec![], request, events)? {
                    Ok(text) => match agent::symbols(text.as_slice(), needle, *limit) {
                        Ok((list, more)) => nothing(Reply::Symbols { list, more }),
                        Err(_) => nothing(failed(Errno::IO, Stage::Call)),
                    },
                    Err(reply) => nothing(reply),
                }
            }
            Request::Read { path, limit } => {
                let script = format!("cat {}", quoted(path));
                match self.said(&script, vec![], request, events)? {
                    Ok(mut data) => {
                        data.truncate(usize::try_from(*limit).unwrap_or(usize::MAX));
                        let len = data.len() as u64;
                        Ok((Reply::Data { len, result: len as i64 }, data))
                    }
                    Err(reply) => nothing(reply),
                }
            }
            Request::Write { path, append } => {
                let to = format!("{}{}", if *append { ">>" } else { ">" }, quoted(path));
                let (script, input) = match payload.len() {
                    // One write(2), as files of the kernel want it.
                    0..=PRINTED => (format!("printf %b {} {to}", quoted(&octal(payload))), vec![]),
                    _ => (format!("cat {to}"), payload.to_vec()),
                };
                match self.said(&script, input, request, events)? {
                    Ok(_) => nothing(Reply::Done { result: payload.len() as i64 }),
                    Err(reply) => nothing(reply),
                }
            }
            Request::List { path } => {
                let path = quoted(path);
                // The same order twice: inodes and names, then kinds.
                let script = format!(
                    "[ -d {path} ] || {{ ls {path}/. >/dev/null; exit 1; }}; \
                     ls -1ai {path} && echo // && ls -la {path}/"
                );
                match self.said(&script, vec![], request, events)? {
                    Ok(text) => nothing(Reply::Entries(entries(&String::from_utf8_lossy(&text)))),
                    Err(reply) => nothing(reply),
                }
            }
            Request::Advance { ns } => {
                let end = Instant::now() + Duration::from_nanos(*ns);
                while Instant::now() < end {
                    std::thread::sleep(LOOK.min(end.saturating_duration_since(Instant::now())));
                    self.pass_log(Duration::ZERO, events);
                }
                if let Ok(log) = &mut self.log {
                    let records = log.until_quiet(QUIET);
                    self.pass(records, events);
                }
                nothing(Reply::Done { result: 0 })
            }
            Request::Ioctl { .. }
            | Request::Status
            | Request::Leaks { .. }
            | Request::WatchModules
            | Request::Memory { .. }
            | Request::Continue { .. }
            | Request::Interrupt { .. }
            | Request::Put { .. }
            | Request::Exec { .. }
            | Request::Shutdown => Err(PlaceError::NotByShell { doing: doing(request) }),
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        while let (true, false, Some(name)) = (self.tidy, self.gone, self.loaded.pop()) {
            let script = self.rooted(&format!("rmmod {}", quoted(&name)));
            let _ = self.connection.run_within(&script, &[], SILENCE);
        }
    }
}

fn failed(errno: Errno, stage: Stage) -> Reply {
    Reply::Failed { errno: errno.raw_os_error(), stage }
}

fn tool(request: &Request) -> &'static str {
    match request {
        Request::Load { .. } => "insmod",
        Request::Unload { .. } => "rmmod",
        Request::List { .. } => "ls",
        _ => "cat",
    }
}
