//! One compilation asked of a server.
//!
//! The server forks for each connection. The fork tells its process id (`P` and four bytes), gets
//! the request (a word, and files: assembly, messages, other output; a shared server also gets the
//! text to go on with and a file for the dependencies), and answers `D` and the
//! compiler's exit status when all is written, or `N`, a reason and maybe a path before it has
//! written anything. A fork that answers neither in time is killed before anything else is tried,
//! so that it cannot write later.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IoSlice, Read, Seek, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::fs::MemfdFlags;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use rustix::process::{Pid, Signal};

use super::{Command, NotWarm};

/// `MAGIC` in `shim.c`.
const MAGIC: &[u8] = b"komod-warm-2";
/// A server that does not even fork within this time is not waited for.
const FORK: Duration = Duration::from_secs(5);
/// More than this no answer has.
const ANSWER: usize = 512;

/// What a successful compilation wrote.
pub struct Answer {
    /// The assembly, to be read from its beginning.
    pub assembly: File,
    /// Warnings.
    pub stderr: Vec<u8>,
    /// The list of dependencies, if the request brought the text.
    pub dependencies: Vec<u8>,
}

/// Compiles; a shared server needs the text.
pub fn compile(
    stream: &UnixStream,
    command: &Command,
    patience: Duration,
    text: Option<&[u8]>,
) -> Result<Answer, NotWarm> {
    let pid = fork(stream, patience.min(FORK))?;
    let [mut assembly, stderr, stdout] = [file()?, file()?, file()?];
    let brought = text.map(|text| Ok([filled(text)?, file()?])).transpose()?;
    let mut files = vec![&assembly, &stderr, &stdout];
    files.extend(brought.iter().flatten());
    send(stream, &files)?;
    match answer(stream, patience) {
        Ok(answer) => judge(&answer, command)?,
        Err(NotWarm::TimedOut(time)) => {
            // The connection is open, so the process lives and the number is its own.
            let _ = rustix::process::kill_process(pid, Signal::KILL);
            let _ = answer_end(stream);
            return Err(NotWarm::TimedOut(time));
        }
        Err(other) => return Err(other),
    }
    if !read(stdout)?.is_empty() {
        return Err(NotWarm::Unsuitable("the compiler writes to standard output"));
    }
    let stderr = read(stderr)?;
    assembly.rewind().map_err(NotWarm::io("assembly"))?;
    let dependencies = match brought {
        Some([_, list]) => read(list)?,
        None => Vec::new(),
    };
    Ok(Answer { assembly, stderr, dependencies })
}

/// Waits for the fork.
fn fork(stream: &UnixStream, patience: Duration) -> Result<Pid, NotWarm> {
    let mut hello = [0; 5];
    if let Err(error) = read_exact(stream, &mut hello, patience) {
        let silent = matches!(error, NotWarm::TimedOut(_));
        return Err(if silent { NotWarm::Lost("it does not answer") } else { error });
    }
    match hello {
        [b'P', pid @ ..] => Pid::from_raw(i32::from_ne_bytes(pid)),
        _ => None,
    }
    .ok_or(NotWarm::Lost("it speaks another language"))
}

fn send(stream: &UnixStream, files: &[&File]) -> Result<(), NotWarm> {
    let fds: Vec<_> = files.iter().map(|file| file.as_fd()).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(5))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&fds));
    let data = [IoSlice::new(MAGIC)];
    match rustix::net::sendmsg(stream, &data, &mut control, SendFlags::NOSIGNAL) {
        Ok(sent) if sent == MAGIC.len() => Ok(()),
        _ => Err(NotWarm::Lost("it does not take the request")),
    }
}

/// What the fork says: all until it ends, or until it is done.
fn answer(stream: &UnixStream, patience: Duration) -> Result<Vec<u8>, NotWarm> {
    let deadline = Instant::now() + patience;
    let mut answer = vec![0; ANSWER];
    let mut len = 0;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match receive(stream, &mut answer[len..], left)? {
            None => return Err(NotWarm::TimedOut(patience)),
            Some(0) => break,
            Some(got) => len += got,
        }
        if answer[..len].first() == Some(&b'D') && len >= 2 {
            break;
        }
    }
    answer.truncate(len);
    Ok(answer)
}

/// Is this the answer of a compiler that succeeded?
fn judge(answer: &[u8], command: &Command) -> Result<(), NotWarm> {
    match answer {
        [b'D', 0] => Ok(()),
        [b'D', status] => Err(NotWarm::Failed(*status)),
        [b'N', b'h', path @ ..] => {
            Err(NotWarm::HeaderChanged(OsString::from_vec(path.to_vec()).into()))
        }
        [b'N', b'p', ..] => Err(NotWarm::PreambleChanged(command.source.clone())),
        [b'N', b't', ..] => Err(NotWarm::Unsuitable("the source uses the time")),
        [b'N', b's', ..] => Err(NotWarm::Unsuitable("the source cannot be read")),
        [b'N', ..] => Err(NotWarm::Lost("it cannot go on")),
        [] => Err(NotWarm::Lost("it ended")),
        _ => Err(NotWarm::Lost("it speaks another language")),
    }
}

/// Waits, not for long, until the fork is gone.
fn answer_end(stream: &UnixStream) -> Result<(), NotWarm> {
    let mut rest = [0; ANSWER];
    while receive(stream, &mut rest, FORK)?.is_some_and(|got| got > 0) {}
    Ok(())
}

fn read_exact(stream: &UnixStream, to: &mut [u8], patience: Duration) -> Result<(), NotWarm> {
    let deadline = Instant::now() + patience;
    let mut len = 0;
    while len < to.len() {
        let left = deadline.saturating_duration_since(Instant::now());
        match receive(stream, &mut to[len..], left)? {
            None => return Err(NotWarm::TimedOut(patience)),
            Some(0) => return Err(NotWarm::Lost("it ended")),
            Some(got) => len += got,
        }
    }
    Ok(())
}

/// Reads what there is; `None` when the time is over.
fn receive(
    mut stream: &UnixStream,
    to: &mut [u8],
    patience: Duration,
) -> Result<Option<usize>, NotWarm> {
    if patience.is_zero() {
        return Ok(None);
    }
    loop {
        return match stream.set_read_timeout(Some(patience)).and_then(|()| stream.read(to)) {
            Ok(got) => Ok(Some(got)),
            Err(e) => match e.kind() {
                io::ErrorKind::Interrupted => continue,
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Ok(None),
                _ => Err(NotWarm::Lost("the connection broke")),
            },
        };
    }
}

/// A file in memory with this content.
pub fn filled(bytes: &[u8]) -> Result<File, NotWarm> {
    let mut file = file()?;
    file.write_all(bytes).and_then(|()| file.rewind()).map_err(NotWarm::io("memfd"))?;
    Ok(file)
}

/// A file in memory.
fn file() -> Result<File, NotWarm> {
    let fd = rustix::fs::memfd_create("komod-warm", MemfdFlags::CLOEXEC);
    Ok(File::from(fd.map_err(|e| NotWarm::io("memfd")(e.into()))?))
}

/// All that was written to it.
pub fn read(mut file: File) -> Result<Vec<u8>, NotWarm> {
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).map_err(NotWarm::io("memfd"))?;
    Ok(bytes)
}
