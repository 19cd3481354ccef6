//! The kernel log as records (`/dev/kmsg`, kernel `Documentation/ABI/testing/dev-kmsg`), passed on
//! as they come.

use super::voice::Voice;
use crate::vm::wire::Answer;
use komod_process::kmsg;
use komod_process::protocol::{Event, LogRecord};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

/// Records are at most this long (`CONSOLE_EXT_LOG_MAX` of Linux 6.1 is 8192).
const RECORD_MAX: usize = 8192;

/// The log, read by a thread of its own and by whoever needs it read up to now.
#[derive(Clone)]
pub struct Watched(Arc<Inner>);

struct Inner {
    fd: OwnedFd,
    /// Held while records are read and passed on, so that they keep their order; it is the time
    /// of the latest.
    latest: Mutex<u64>,
    voice: Voice,
}

/// What a wait has ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    Records,
    Other,
}

impl Watched {
    pub fn open(voice: Voice) -> io::Result<Watched> {
        let fd = open("/dev/kmsg", OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty())?;
        Ok(Watched(Arc::new(Inner { fd, latest: Mutex::new(0), voice })))
    }

    /// Passes over what is there; gives the time of the latest record.
    pub fn skip(&self) -> io::Result<u64> {
        self.read(&mut |_| Ok(()))
    }

    /// Passes on all records since the last time.
    pub fn drain(&self) -> io::Result<()> {
        self.read(&mut |record| self.0.voice.say(&Answer::Event(Event::Log(record)), &[]))?;
        Ok(())
    }

    /// Passes records on as they come, from now on.
    pub fn watch(&self) {
        let log = self.clone();
        std::thread::spawn(move || {
            loop {
                let mut fds = [PollFd::new(&log.0.fd, PollFlags::IN)];
                if poll(&mut fds, None).is_err() || log.drain().is_err() {
                    return;
                }
            }
        });
    }

    /// Waits until there are new records, or something comes over the other line.
    pub fn wait(&self, other: &File) -> io::Result<Came> {
        let mut fds = [PollFd::new(&self.0.fd, PollFlags::IN), PollFd::new(other, PollFlags::IN)];
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
        let [_, other] = fds.map(|fd| !fd.revents().is_empty());
        Ok(if other { Came::Other } else { Came::Records })
    }

    fn read(&self, take: &mut dyn FnMut(LogRecord) -> io::Result<()>) -> io::Result<u64> {
        let mut latest = self.0.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let mut buf = [0u8; RECORD_MAX];
        loop {
            match rustix::io::read(&self.0.fd, &mut buf) {
                Ok(n) => {
                    let text = String::from_utf8_lossy(buf.get(..n).unwrap_or_default());
                    if let Some(record) = kmsg::parse(&text) {
                        *latest = record.us;
                        take(record)?;
                    }
                }
                Err(Errno::AGAIN) => return Ok(*latest),
                // Records were overwritten before we came; the next read goes on after them.
                Err(Errno::PIPE) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
}
