//! Ending a build in the middle.
//!
//! Each program that a build starts leads a process group of its own, which is known here as long
//! as it runs. [`stop`] ends them all and starts no more; the builds then come to an end by
//! themselves and take their temporary files away.

use std::collections::BTreeSet;
use std::io;
use std::process::Child;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

static STOPPED: AtomicBool = AtomicBool::new(false);
static KILLED: AtomicBool = AtomicBool::new(false);
static BUILDS: AtomicUsize = AtomicUsize::new(0);
static GROUPS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Compilers remove their temporary files and make its half-made targets when asked to end; what
/// has not ended after this time is killed.
const POLITE: Duration = Duration::from_millis(700);
/// Nobody waits longer for builds to end.
const LONGEST: Duration = Duration::from_millis(1_500);
const PAUSE: Duration = Duration::from_millis(5);

/// Ends all that this process's builds have started. Builds fail from now on. Returns when they
/// have ended, or after a second and a half.
pub fn stop() {
    STOPPED.store(true, Ordering::SeqCst);
    signal_all(Signal::TERM);
    let begin = Instant::now();
    let mut killed = false;
    while begin.elapsed() < LONGEST {
        if groups().is_empty() && BUILDS.load(Ordering::SeqCst) == 0 {
            return;
        }
        if !killed && begin.elapsed() >= POLITE {
            killed = true;
            KILLED.store(true, Ordering::SeqCst);
            signal_all(Signal::KILL);
        }
        std::thread::sleep(PAUSE);
    }
}

/// Has [`stop`] been called?
pub fn stopped() -> bool {
    STOPPED.load(Ordering::SeqCst)
}

/// Did [`stop`] have to kill? Then files may be incomplete.
pub fn killed() -> bool {
    KILLED.load(Ordering::SeqCst)
}

fn signal_all(signal: Signal) {
    for group in groups().iter() {
        end_group(*group, signal);
    }
}

fn end_group(group: i32, signal: Signal) {
    if let Some(group) = Pid::from_raw(group) {
        let _ = kill_process_group(group, signal);
    }
}

fn groups() -> MutexGuard<'static, BTreeSet<i32>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A build at work.
pub(crate) struct Build(());

impl Build {
    pub fn begins() -> Build {
        BUILDS.fetch_add(1, Ordering::SeqCst);
        Build(())
    }
}

impl Drop for Build {
    fn drop(&mut self) {
        BUILDS.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A program that runs, the leader of its process group. It ends with this value.
pub(crate) struct Running {
    child: Child,
    group: i32,
    waited: bool,
}

impl Running {
    /// Starts one. Only one at a time: `start` may have files open that only this program is to
    /// inherit.
    pub fn start(start: impl FnOnce() -> io::Result<Child>) -> io::Result<Running> {
        let mut groups = groups();
        if stopped() {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "the build was stopped"));
        }
        let child = start()?;
        let group = i32::try_from(child.id()).map_err(io::Error::other)?;
        groups.insert(group);
        Ok(Running { child, group, waited: false })
    }

    /// The number of its process group.
    pub fn group(&self) -> i32 {
        self.group
    }

    /// Ends it and all it has started.
    pub fn kill(&self) {
        end_group(self.group, Signal::KILL);
    }

    /// Asks it and all it has started to end, and sees to it.
    pub fn end(&mut self) {
        end_group(self.group, Signal::TERM);
        let begin = Instant::now();
        while begin.elapsed() < POLITE && !self.has_ended() {
            std::thread::sleep(PAUSE);
        }
        self.kill();
    }

    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        let ended = Pid::from_raw(self.group).map(|pid| waitid(WaitId::Pid(pid), options));
        !matches!(ended, Some(Ok(None)))
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> io::Result<std::process::ExitStatus> {
        // Its number must not be anybody else's while it stands in the list.
        if let Some(pid) = Pid::from_raw(self.group) {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while matches!(waitid(WaitId::Pid(pid), options), Err(rustix::io::Errno::INTR)) {}
        }
        let mut groups = groups();
        groups.remove(&self.group);
        self.waited = true;
        self.child.wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.waited {
            self.kill();
            let _ = self.wait();
        }
    }
}
