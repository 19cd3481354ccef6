//! How many jobs run at a time, over all builds of this process and the makes they start (GNU make
//! manual, "POSIX Jobserver Interaction").
//!
//! One byte per job is in a pipe; a program takes one before it runs something besides its first
//! job, which it may run without, and puts it back afterwards. The pipe is that of the make that
//! started komod, or one of komod's own.

use std::env;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::num::NonZero;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};

/// The jobs of this process.
#[derive(Debug)]
pub struct Jobserver {
    from: File,
    to: File,
    own: AtomicBool,
    jobs: usize,
}

/// The right to run something.
pub struct Token<'a> {
    server: &'a Jobserver,
    byte: Option<u8>,
    own: bool,
}

/// How long to wait before looking again: the first job's end cannot be heard.
const PAUSE: Duration = Duration::from_millis(5);

/// What surely fits into a pipe (pipe(7): a page).
const MOST_JOBS: usize = 4096;

impl Jobserver {
    /// The one of the make above, or one of this process's own with so many jobs; as many as there
    /// are processors if not given. A number that is given counts more than the make above.
    pub fn open(jobs: Option<NonZero<usize>>) -> io::Result<Self> {
        match jobs {
            Some(jobs) => Self::new(jobs.get()),
            None => Self::inherited().map_or_else(|| Self::new(processors()), Ok),
        }
    }

    /// One with so many jobs.
    pub fn new(jobs: usize) -> io::Result<Self> {
        let jobs = jobs.clamp(1, MOST_JOBS);
        let (from, mut to) = io::pipe()?;
        to.write_all(&vec![b'+'; jobs - 1])?;
        let (from, to) = (File::from(OwnedFd::from(from)), File::from(OwnedFd::from(to)));
        // The makes that share it open it anew: not waiting is this process's own choice.
        rustix::fs::fcntl_setfl(&from, rustix::fs::fcntl_getfl(&from)? | OFlags::NONBLOCK)?;
        Ok(Jobserver { from, to, own: AtomicBool::new(true), jobs })
    }

    /// The one that the environment names, if it can be used.
    pub fn inherited() -> Option<Self> {
        Self::named(&env::var("MAKEFLAGS").ok()?)
    }

    fn named(flags: &str) -> Option<Self> {
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
        let flag = i32::try_from(OFlags::NONBLOCK.bits()).ok()?;
        let from = OpenOptions::new().read(true).custom_flags(flag).open(read).ok()?;
        let to = OpenOptions::new().write(true).open(write).ok()?;
        let fifo = from.metadata().ok()?;
        fifo.file_type().is_fifo().then(|| Jobserver {
            from,
            to,
            own: AtomicBool::new(true),
            jobs: processors(),
        })
    }

    /// More than this at a time is of no use.
    pub fn jobs(&self) -> usize {
        self.jobs
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
            let pause = Timespec { tv_sec: 0, tv_nsec: PAUSE.subsec_nanos().into() };
            let heard = poll(&mut [PollFd::new(&self.from, PollFlags::IN)], Some(&pause));
            if heard.is_err() {
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// Opens it for a make that is about to be started. The files are inherited by whatever starts
    /// before they are closed.
    pub fn share(&self) -> Shared {
        let open = |file: &File, flags: OFlags| {
            let path = format!("/proc/self/fd/{}", file.as_raw_fd());
            rustix::fs::open(path, flags, Mode::empty()).ok()
        };
        let ends = open(&self.from, OFlags::RDONLY | OFlags::NONBLOCK);
        Shared { ends: ends.zip(open(&self.to, OFlags::WRONLY)), jobs: self.jobs }
    }
}

/// A jobserver for a make to inherit.
pub struct Shared {
    ends: Option<(OwnedFd, OwnedFd)>,
    jobs: usize,
}

impl Shared {
    /// What the make finds in `MAKEFLAGS`. The older form, which every make since 4.2 knows.
    pub fn flags(&self) -> String {
        match &self.ends {
            Some((from, to)) => {
                let (from, to) = (from.as_raw_fd(), to.as_raw_fd());
                format!("-j{} --jobserver-auth={from},{to}", self.jobs)
            }
            // Without /proc it counts for itself.
            None => format!("-j{}", self.jobs),
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

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_from_make_and_go_back() {
        let (read, mut write) = io::pipe().unwrap();
        write.write_all(b"+").unwrap();
        let flags =
            format!("rR -j3 --jobserver-auth={},{} -- A=1", read.as_raw_fd(), write.as_raw_fd());
        let server = Jobserver::named(&flags).unwrap();
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
            assert!(Jobserver::named(flags).is_none(), "{flags}");
        }
    }

    #[test]
    fn a_make_takes_its_jobs_from_it_and_gives_them_back() {
        let server = Jobserver::new(3).unwrap();
        let dir = env::temp_dir().join(format!("komod-jobs-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        // Each rule says how many run besides itself.
        let rules = "all: 1 2 3 4 5 6\n1 2 3 4 5 6:\n\t@mkdir run$@; ls -d run* | wc -l; \
                     sleep 0.2; rmdir run$@\n";
        std::fs::write(dir.join("Makefile"), rules).unwrap();
        let most = |server: &Jobserver| {
            let mut make = std::process::Command::new("make");
            make.arg("-C").arg(&dir).env_remove("MAKEFLAGS").env_remove("MAKELEVEL");
            let manner =
                crate::child::Manner { jobserver: Some(server), ..crate::child::Manner::default() };
            let log = crate::child::run(make, &manner).unwrap();
            assert_eq!(log.status, Some(0), "{}", log.text());
            assert!(!log.contains("warning"), "{}", log.text());
            log.lines.iter().filter_map(|line| line.trim().parse::<usize>().ok()).max().unwrap()
        };
        {
            let _this_make = server.take(|| false);
            assert!((2..=3).contains(&most(&server)));
            let _other = server.take(|| false);
            let _another = server.take(|| false);
            assert_eq!(most(&server), 1, "others have all but the first");
        }
        let all: Vec<_> = (0..3).map(|_| server.take(|| true)).collect();
        assert!(all.iter().all(|token| token.own || token.byte.is_some()), "all are back");
        std::fs::remove_dir_all(dir).unwrap();
    }
}
