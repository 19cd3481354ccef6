//! Clocks: every reader sees virtual time.

use super::natives;
use crate::inside::clock::{self, BOOT_TIME};
use crate::inside::ptr::Ptr;

const SECOND: u64 = 1_000_000_000;
/// `TK_OFFS_REAL` and `TK_OFFS_TAI` of include/linux/timekeeping.h.
const OFFS_REAL: u32 = 0;
const OFFS_TAI: u32 = 2;

fn with_offset(clock: u32) -> u64 {
    let base = if clock == OFFS_REAL || clock == OFFS_TAI { BOOT_TIME * SECOND } else { 0 };
    base + clock::look()
}

/// `struct timespec64`: seconds and nanoseconds, 64 bits each.
fn store(at: Ptr, ns: u64) {
    at.write(ns / SECOND);
    at.at(8u64).write(ns % SECOND);
}

natives! {
    ["ktime_get", "ktime_get_raw"]
    fn ktime_get() -> i64 { clock::look() as i64 }

    ["ktime_get_mono_fast_ns", "ktime_get_raw_fast_ns", "ktime_get_boot_fast_ns", "sched_clock",
     "local_clock", "sched_clock_noinstr", "local_clock_noinstr"]
    fn ktime_get_fast() -> u64 { clock::look() }

    ["ktime_get_real_fast_ns"]
    fn ktime_get_real_fast_ns() -> u64 { BOOT_TIME * SECOND + clock::look() }

    ["sched_clock_cpu"]
    fn sched_clock_cpu(_cpu: i32) -> u64 { clock::look() }

    ["ktime_get_with_offset", "ktime_get_coarse_with_offset"]
    fn ktime_get_with_offset(clock: u32) -> i64 { with_offset(clock) as i64 }

    ["ktime_get_real_seconds"]
    fn ktime_get_real_seconds() -> i64 { (BOOT_TIME + clock::now() / SECOND) as i64 }

    ["ktime_get_seconds"]
    fn ktime_get_seconds() -> i64 { (clock::now() / SECOND) as i64 }

    ["ktime_get_real_ts64", "ktime_get_coarse_real_ts64"]
    fn ktime_get_real_ts64(at: Ptr) { store(at, BOOT_TIME * SECOND + clock::look()) }

    ["ktime_get_ts64", "ktime_get_raw_ts64", "ktime_get_coarse_ts64"]
    fn ktime_get_ts64(at: Ptr) { store(at, clock::look()) }

    ["__udelay"]
    fn udelay(us: u64) { clock::advance_by(us * 1000) }

    ["__ndelay"]
    fn ndelay(ns: u64) { clock::advance_by(ns) }

    /// The argument is microseconds * 2^32 / 10^6 (arch/x86/include/asm/delay.h and
    /// include/asm-generic/delay.h, 6.1).
    ["__const_udelay"]
    fn const_udelay(xloops: u64) { clock::advance_by(((u128::from(xloops) * 1_000_000_000) >> 32) as u64) }
}
