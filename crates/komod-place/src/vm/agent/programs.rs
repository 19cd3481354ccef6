//! Programs that run in the machine because the host asked for them.
//!
//! One that runs keeps nobody waiting: [`Programs::look`] gives what it has written so far, and
//! the host asks again.

use super::voice::Voice;
use crate::vm::wire::Answer;
use komod_process::protocol::{Event, Exit, OutputStream};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// How long one look may take.
const LOOK: Duration = Duration::from_millis(100);
/// How often its end is looked for in between.
const ROUND: Duration = Duration::from_millis(5);
/// Output may still be on its way when a program has ended. It is waited for as long as some comes,
/// but others may hold its pipes, and write, for ever.
const REST: Duration = Duration::from_millis(200);
const ALL_REST: Duration = Duration::from_secs(10);
const PIECE: usize = 64 << 10;

#[derive(Default)]
pub struct Programs {
    running: BTreeMap<u32, Running>,
    started: u32,
}

struct Running {
    child: Child,
    output: Receiver<(OutputStream, Vec<u8>)>,
}

/// The end of a program whose pipes are still open.
#[derive(Clone, Copy)]
struct Ended {
    exit: Exit,
    at: Instant,
    /// When something came last.
    heard: Instant,
}

impl Ended {
    fn now(status: ExitStatus) -> Ended {
        let now = Instant::now();
        Ended { exit: exit_of(status), at: now, heard: now }
    }

    fn is_over(&self) -> bool {
        self.heard.elapsed() > REST || self.at.elapsed() > ALL_REST
    }
}

/// What a look has shown.
pub enum Seen {
    Runs,
    Ended(Exit),
}

impl Programs {
    /// Starts one; gives its number.
    pub fn start(
        &mut self,
        path: &str,
        arguments: &[String],
        environment: Vec<(String, String)>,
        input: Vec<u8>,
    ) -> io::Result<u32> {
        let (name, arguments) =
            arguments.split_first().map_or((path, &[][..]), |(a, rest)| (a, rest));
        let mut child = Command::new(path)
            .arg0(name)
            .args(arguments)
            .env_clear()
            .envs(environment)
            .current_dir("/")
            // A signal to it is one to all that it starts.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // It may not want it all.
            std::thread::spawn(move || drop(stdin.write_all(&input)));
        }
        let (tell, output) = channel();
        if let Some(stdout) = child.stdout.take() {
            pass(stdout, OutputStream::Out, tell.clone());
        }
        if let Some(stderr) = child.stderr.take() {
            pass(stderr, OutputStream::Err, tell);
        }
        self.started += 1;
        self.running.insert(self.started, Running { child, output });
        Ok(self.started)
    }

    /// Passes on what it has written; `None` if there is no such program.
    pub fn look(&mut self, id: u32, voice: &Voice) -> io::Result<Option<Seen>> {
        let Some(running) = self.running.get_mut(&id) else { return Ok(None) };
        let end = Instant::now() + LOOK;
        let mut ended: Option<Ended> = None;
        let exit = loop {
            match running.output.recv_timeout(ROUND) {
                Ok((stream, bytes)) => {
                    if let Some(ended) = &mut ended {
                        ended.heard = Instant::now();
                    }
                    voice.say(&Answer::Event(Event::Output { stream, bytes }), &[])?;
                }
                // Its pipes are closed.
                Err(RecvTimeoutError::Disconnected) => match (ended, running.child.try_wait()?) {
                    (Some(ended), _) => break ended.exit,
                    (None, Some(status)) => break exit_of(status),
                    (None, None) => std::thread::sleep(ROUND),
                },
                Err(RecvTimeoutError::Timeout) => {}
            }
            match ended {
                Some(ended) if ended.is_over() => break ended.exit,
                Some(_) => {}
                None => ended = running.child.try_wait()?.map(Ended::now),
            }
            if ended.is_none() && Instant::now() > end {
                return Ok(Some(Seen::Runs));
            }
        };
        self.running.remove(&id);
        Ok(Some(Seen::Ended(exit)))
    }

    /// Nobody waits for it any more.
    pub fn interrupt(&mut self, id: u32) {
        let Some(mut running) = self.running.remove(&id) else { return };
        if let Some(group) =
            i32::try_from(running.child.id()).ok().and_then(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = running.child.kill();
        // One that hangs in the kernel does not die.
        std::thread::spawn(move || running.child.wait());
    }
}

fn pass(
    mut from: impl Read + Send + 'static,
    stream: OutputStream,
    to: Sender<(OutputStream, Vec<u8>)>,
) {
    std::thread::spawn(move || {
        let mut buf = vec![0; PIECE];
        while let Ok(n) = from.read(&mut buf)
            && n > 0
        {
            let bytes = buf.get(..n).unwrap_or_default().to_vec();
            if to.send((stream, bytes)).is_err() {
                return;
            }
        }
    });
}

fn exit_of(status: ExitStatus) -> Exit {
    match status.signal() {
        Some(signal) => Exit::Signal(signal),
        None => Exit::Status(status.code().unwrap_or(-1)),
    }
}
