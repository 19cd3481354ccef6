//! Virtual time: it moves when the kernel waits, never by itself.

use super::kernel;
use super::ptr::Ptr;
use super::single::Single;
use std::sync::atomic::{AtomicU64, Ordering};

/// Nanoseconds since boot.
static NOW: AtomicU64 = AtomicU64::new(0);
/// What the wall clock said at boot, in seconds: fixed, so that runs repeat.
pub const BOOT_TIME: u64 = 1_700_000_000;

struct Jiffies {
    variable: Ptr,
    initial: u64,
    tick_ns: u64,
}

static JIFFIES: Single<Jiffies> = Single::new();

/// Finds `jiffies`. `INITIAL_JIFFIES` is `(u32)(-300 * HZ)` (include/linux/jiffies.h), which
/// gives HZ away.
pub fn setup() {
    let variable = kernel::function("jiffies").expect("every kernel has jiffies");
    let initial = variable.read::<u64>();
    let hz = ((1u64 << 32) - (initial & 0xffff_ffff)) / 300;
    let hz = if (24..=2000).contains(&hz) { hz } else { 250 };
    JIFFIES.set(Jiffies { variable, initial, tick_ns: 1_000_000_000 / hz });
}

pub fn now() -> u64 {
    NOW.load(Ordering::Relaxed)
}

/// A look at the clock takes time, too: loops that wait for it to move come to an end.
pub fn look() -> u64 {
    NOW.fetch_add(50, Ordering::Relaxed) + 50
}

/// Runs `f` as if it took no time (it must not wait).
pub fn undisturbed<R>(f: impl FnOnce() -> R) -> R {
    let before = now();
    let result = f();
    NOW.store(before, Ordering::Relaxed);
    result
}

pub fn advance_to(ns: u64) {
    if ns > now() {
        NOW.store(ns, Ordering::Relaxed);
    }
    let now = now();
    JIFFIES.with(|j| j.variable.write(j.initial.wrapping_add(now / j.tick_ns)));
}

pub fn advance_by(ns: u64) {
    advance_to(now().saturating_add(ns));
}

/// One timer tick, from the signal handler: code spins on `jiffies`.
pub fn tick() {
    NOW.fetch_add(4_000_000, Ordering::Relaxed);
    if JIFFIES.is_set()
        && let Some((variable, value)) = jiffies_value()
    {
        variable.write(value);
    }
}

fn jiffies_value() -> Option<(Ptr, u64)> {
    let now = now();
    JIFFIES.try_with(|j| (j.variable, j.initial.wrapping_add(now / j.tick_ns)))
}

/// The length of a jiffy.
pub fn tick_ns() -> u64 {
    JIFFIES.with(|j| j.tick_ns)
}

/// When (virtual ns) `jiffies` will reach a value; past values are now.
pub fn time_of_jiffies(value: u64) -> u64 {
    JIFFIES.with(|j| {
        let distance = value.wrapping_sub(j.variable.read::<u64>()) as i64;
        match distance {
            d if d <= 0 => now() + 1,
            d => (now() / j.tick_ns + d as u64).saturating_mul(j.tick_ns),
        }
    })
}
