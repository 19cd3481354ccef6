//! A part in the jobs of a make that started komod (GNU make manual, "POSIX Jobserver
//! Interaction").
//!
//! make puts one byte per job into a pipe; a program takes one before it runs something besides its
//! first job, which it may run without, and puts it back afterwards.

use std::env;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The jobs of the make above.
pub struct Jobserver {
    from: File,
    to: File,
    own: AtomicBool,
}

/// The right to run something.
pub struct Token<'a> {
    server: &'a Jobserver,
    byte: Option<u8>,
    own: bool,
}

/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(5);

impl Jobserver {
    /// The one that the environment names, if it can be used.
    pub fn inherited() -> Option<Self> {
        Self::open(&env::var("MAKEFLAGS").ok()?)
    }

    fn open(flags: &str) -> Option<Self> {
        let auth = flags.split_whitespace().rev().find_map(|word| {
            word.strip_prefix("--jobserver-auth=").or_else(|| word.strip_prefix("--jobserver-fds="))
        })?;
        let (read, write) = match auth.strip_prefix("fifo:") {
            Some(path) => (path.to_owned(), path.to_owned()),
            None => {
                let (read, write) = auth.split_once(',')?;
                let path =
                    |number: &str| Some(format!("/proc/self/fd/{}", number.parse::<u32>().ok()?));
                (path(read)?, path(write)?)
            }
        };
        // Opened afresh, so that not waiting on it is this process's own choice.
        let flag = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).ok()?;
        let from = OpenOptions::new().read(true).custom_flags(flag).open(read).ok()?;
        let to = OpenOptions::new().write(true).open(write).ok()?;
        let fifo = from.metadata().ok()?;
        use std::os::unix::fs::FileTypeExt;
        fifo.file_type().is_fifo().then(|| Jobserver { from, to, own: AtomicBool::new(true) })
    }

    /// Waits for a token, or until there is no need for one any more.
    pub fn take(&self, needless: impl Fn() -> bool) -> Token<'_> {
        loop {
            if self.own.swap(false, Ordering::AcqRel) {
                return Token { server: self, byte: None, own: true };
            }
            let mut byte = [0_u8];
            if let Ok(1) = (&self.from).read(&mut byte) {
                return Token { server: self, byte: byte.first().copied(), own: false };
            }
            if needless() {
                return Token { server: self, byte: None, own: false };
            }
            std::thread::sleep(PAUSE);
        }
    }
}

impl Drop for Token<'_> {
    fn drop(&mut self) {
        if let Some(byte) = self.byte {
            let _ = (&self.server.to).write_all(&[byte]);
        }
        if self.own {
            self.server.own.store(true, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn tokens_come_from_make_and_go_back() {
        let (read, mut write) = std::io::pipe().unwrap();
        write.write_all(b"+").unwrap();
        let flags =
            format!("rR -j3 --jobserver-auth={},{} -- A=1", read.as_raw_fd(), write.as_raw_fd());
        let server = Jobserver::open(&flags).unwrap();
        let first = server.take(|| false);
        let second = server.take(|| false);
        assert!(first.own && second.byte == Some(b'+'));
        let third = server.take(|| true);
        assert!(!third.own && third.byte.is_none(), "none left");
        drop(second);
        assert_eq!(server.take(|| true).byte, Some(b'+'));
        drop(first);
        assert!(server.take(|| true).own);
    }

    #[test]
    fn what_is_no_jobserver() {
        for flags in ["", "rR -j4", "--jobserver-auth=-2,-2", "--jobserver-auth=fifo:/no/where"] {
            assert!(Jobserver::open(flags).is_none(), "{flags}");
        }
    }
}
