//! The connection to a board: the system's `ssh` with the user's own configuration, keys, agent and
//! jumps. One process holds it (`ControlMaster`, ssh_config(5)); all that is done goes through it.

use super::super::RealError;
use super::quoting::quoted;
use crate::process::RuntimeDir;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Names the program, and options before the board's name, as `GIT_SSH_COMMAND` does.
const PROGRAM: &str = "KOMOD_SSH";
/// ssh never asks; a board that is silent for 15 s is taken for gone.
const OPTIONS: [&str; 7] = [
    "BatchMode=yes",
    "ConnectTimeout=15",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
    "ControlPersist=no",
    // It is ours alone, and gives the board nothing of ours.
    "ForwardAgent=no",
    "ClearAllForwardings=yes",
];
/// With jumps and slow boards.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long something small may take that is done over a connection that stands.
const SMALL: Duration = Duration::from_secs(20);
const SUFFIX: &str = "ssh";

/// A connection that stands; it ends with this value.
pub struct Connection {
    program: Vec<String>,
    board: String,
    socket: PathBuf,
    master: Child,
    errors: File,
}

impl Connection {
    pub fn open(board: &str, dir: &RuntimeDir) -> Result<Connection, RealError> {
        remove_stale(dir.path());
        let text = std::env::var(PROGRAM).unwrap_or_default();
        let mut program: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        if program.is_empty() {
            program.push("ssh".into());
        }
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let socket = dir.path().join(format!("{}-{number}.{SUFFIX}", std::process::id()));
        let memfd = rustix::fs::memfd_create("komod-ssh-errors", rustix::fs::MemfdFlags::CLOEXEC);
        let mut errors = File::from(memfd.map_err(|e| RealError::ssh(&program)(e.into()))?);
        let mut command = ssh(&program, &socket);
        for option in OPTIONS {
            command.args(["-o", option]);
        }
        command.args(["-o", "ControlMaster=yes", "-N", "-T", board]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(errors.try_clone().map_err(RealError::ssh(&program))?);
        // It ends with us, however that comes, and with it all that goes through it.
        komod_process::bound_child::bind(&mut command, Vec::new());
        let mut master = command.spawn().map_err(RealError::ssh(&program))?;
        let end = Instant::now() + PATIENCE;
        let why = loop {
            if socket.exists() {
                return Ok(Connection { program, board: board.to_owned(), socket, master, errors });
            }
            match master.try_wait() {
                Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(10)),
                Ok(None) => break format!("no answer for {} s", PATIENCE.as_secs()),
                Ok(Some(status)) => break said(&mut errors).unwrap_or_else(|| status.to_string()),
                Err(e) => break e.to_string(),
            }
        };
        let _ = master.kill();
        let _ = master.wait();
        let _ = std::fs::remove_file(&socket);
        Err(RealError::Unreachable { board: board.to_owned(), why })
    }

    pub fn board(&self) -> &str {
        &self.board
    }

    /// An `ssh` that has the board's shell do a script.
    pub fn command(&self, script: &str) -> Command {
        let mut command = ssh(&self.program, &self.socket);
        // The user's login shell may be any: it only starts the one that is meant.
        command.args(["-o", "BatchMode=yes", "-o", "ControlMaster=no", "-T", &self.board]);
        command.arg(format!("exec sh -c {}", quoted(script)));
        command
    }

    /// Does a script with this input, in so much time.
    pub fn run(&self, script: &str, input: &[u8]) -> Result<Output, RealError> {
        // Slow lines do 100 kB in a second.
        let patience = SMALL + Duration::from_millis(input.len() as u64 / 50);
        self.run_within(script, input, patience)
    }

    pub fn run_within(
        &self,
        script: &str,
        input: &[u8],
        patience: Duration,
    ) -> Result<Output, RealError> {
        let failed = RealError::ssh(&self.program);
        let mut command = self.command(script);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        let stdin = child.stdin.take();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let input = input.to_vec();
        std::thread::spawn(move || {
            // One who does not want it all is told by what it says.
            stdin.map(|mut stdin| stdin.write_all(&input))
        });
        let stdout = std::thread::spawn(move || all(stdout));
        let stderr = std::thread::spawn(move || all(stderr));
        let end = Instant::now() + patience;
        let status = loop {
            match child.try_wait().map_err(RealError::ssh(&self.program))? {
                Some(status) => break status,
                None if Instant::now() < end => std::thread::sleep(Duration::from_millis(3)),
                None => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(RealError::Silent {
                        board: self.board.clone(),
                        seconds: patience.as_secs(),
                    });
                }
            }
        };
        let (stdout, stderr) = (stdout.join(), stderr.join());
        let (stdout, stderr) = (stdout.unwrap_or_default(), stderr.unwrap_or_default());
        let output = Output { status, stdout, stderr };
        // ssh's own failure (ssh(1), "EXIT STATUS").
        if status.code().is_none_or(|code| code == 255) {
            let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(RealError::Cut { board: self.board.clone(), why });
        }
        Ok(output)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut exit = ssh(&self.program, &self.socket);
        exit.args(["-O", "exit", &self.board]);
        exit.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let asked = exit.status().is_ok_and(|status| status.success());
        let end = Instant::now() + Duration::from_secs(2);
        while asked && Instant::now() < end && matches!(self.master.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.master.kill();
        let _ = self.master.wait();
        let _ = std::fs::remove_file(&self.socket);
        let _ = said(&mut self.errors);
    }
}

fn ssh(program: &[String], socket: &Path) -> Command {
    let mut words = program.iter();
    let mut command = Command::new(words.next().map_or("ssh", String::as_str));
    command.args(words).arg("-S").arg(socket);
    command
}

fn all(stream: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        let _ = stream.read_to_end(&mut bytes);
    }
    bytes
}

/// What ssh has said so far, if anything.
fn said(errors: &mut File) -> Option<String> {
    let mut text = Vec::new();
    errors.seek(SeekFrom::Start(0)).ok()?;
    errors.take(1 << 16).read_to_end(&mut text).ok()?;
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// Sockets of connections whose komod was killed.
fn remove_stale(dir: &Path) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(stem) = name.to_str().and_then(|n| n.strip_suffix(&format!(".{SUFFIX}"))) else {
            continue;
        };
        let pid = stem.split('-').next().unwrap_or_default();
        if !Path::new("/proc").join(pid).exists() {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
