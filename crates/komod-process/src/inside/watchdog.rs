//! Endless loops: a tick of consumed CPU time moves the clock for code that spins on it, and
//! stops a task that used up its share.

use std::sync::atomic::{AtomicU32, Ordering};

/// Length of a tick.
const TICK_MS: u32 = 10;
/// Every so many ticks a busy kernel looks whether anybody still waits for it.
const LOOK_TICKS: u32 = 10;
/// Quiet time at the start: short runs are not disturbed, so they repeat exactly.
const GRACE_TICKS: u32 = 20;

static TICKS: AtomicU32 = AtomicU32::new(0);
static LIMIT: AtomicU32 = AtomicU32::new(u32::MAX);
static RUNNING: AtomicU32 = AtomicU32::new(0);

/// What a tick found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Fine,
    /// The limit is reached: stop the task if it is in a place where that can be done.
    Stop,
    /// Twice the limit: nothing helps.
    Hopeless,
    /// Nobody waits for the answer any more.
    Unwanted,
}

/// Starts the interval timer of this process (a fork starts without one).
pub fn start(cpu_seconds: u32) {
    LIMIT.store(cpu_seconds.saturating_mul(1000 / TICK_MS), Ordering::Relaxed);
    let tick = libc::timeval { tv_sec: 0, tv_usec: libc::suseconds_t::from(TICK_MS * 1000) };
    let timer = libc::itimerval { it_interval: tick, it_value: tick };
    // SAFETY: a valid structure; the SIGVTALRM handler is installed (traps::setup).
    unsafe { libc::setitimer(libc::ITIMER_VIRTUAL, &timer, std::ptr::null_mut()) };
    renew();
}

/// Gives the process CPU time for one more request, several times the limit: when not even our
/// own signals get through any more, the system ends it (SIGXCPU).
pub fn renew() {
    const TIMES: u64 = 4;
    let mut used = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: valid structures to write to.
    let known = unsafe {
        libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut used) == 0
            && libc::prlimit(0, libc::RLIMIT_CPU, std::ptr::null(), &mut limit) == 0
    };
    if known {
        let allowed = TIMES * u64::from(limit_seconds()).max(1);
        limit.rlim_cur = (used.tv_sec as u64 + 1).saturating_add(allowed).min(limit.rlim_max);
        // SAFETY: a valid structure.
        unsafe { libc::prlimit(0, libc::RLIMIT_CPU, &limit, std::ptr::null_mut()) };
    }
}

/// A task is resumed.
pub fn begin() {
    TICKS.store(0, Ordering::Relaxed);
    RUNNING.store(1, Ordering::Relaxed);
}

/// It gave the CPU back.
pub fn end() {
    RUNNING.store(0, Ordering::Relaxed);
}

/// Counts a tick (in the signal handler).
pub fn tick() -> Verdict {
    if RUNNING.load(Ordering::Relaxed) == 0 {
        return Verdict::Fine;
    }
    let ticks = TICKS.fetch_add(1, Ordering::Relaxed) + 1;
    if ticks > GRACE_TICKS {
        super::clock::tick();
    }
    if ticks.is_multiple_of(LOOK_TICKS) && super::out::client_is_gone() {
        return Verdict::Unwanted;
    }
    let limit = LIMIT.load(Ordering::Relaxed);
    match ticks {
        t if t >= limit.saturating_mul(2) => Verdict::Hopeless,
        t if t >= limit => Verdict::Stop,
        _ => Verdict::Fine,
    }
}

/// CPU seconds a task may use without giving the CPU back.
pub fn limit_seconds() -> u32 {
    LIMIT.load(Ordering::Relaxed) / (1000 / TICK_MS)
}
