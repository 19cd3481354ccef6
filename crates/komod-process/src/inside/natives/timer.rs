//! Timers: `timer_list` (jiffies) and `hrtimer` (nanoseconds) in one queue of virtual time.

use super::natives;
use crate::inside::clock;
use crate::inside::kernel;
use crate::inside::offsets::offsets;
use crate::inside::ptr::Ptr;
use crate::inside::single::Single;
use crate::inside::softirq::{self, Job};
use std::collections::{BTreeMap, HashMap};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Timer {
    /// A `struct timer_list`.
    List(Ptr),
    /// A `struct hrtimer`.
    High(Ptr),
    /// A work item that becomes due.
    Work(Ptr),
    /// A sleeping task (`schedule_timeout`).
    Task(Ptr),
}

#[derive(Default)]
struct Queue {
    /// By time, then by order of arming.
    due: BTreeMap<(u64, u64), Timer>,
    armed: HashMap<Timer, (u64, u64)>,
    count: u64,
}

static QUEUE: Single<Queue> = Single::new();

pub fn setup() {
    QUEUE.set(Queue::default());
}

/// Arms (again) for a virtual time.
pub fn arm(timer: Timer, at: u64) {
    disarm(timer);
    if let Timer::List(t) = timer {
        // `timer_pending()` is `entry.pprev != NULL`, inlined into modules.
        t.at(offsets().timer_pprev).write(t.0);
    }
    QUEUE.with(|q| {
        q.count += 1;
        q.due.insert((at, q.count), timer);
        q.armed.insert(timer, (at, q.count));
    });
}

/// Tells whether it was armed.
pub fn disarm(timer: Timer) -> bool {
    let was = QUEUE.with(|q| q.armed.remove(&timer).map(|key| q.due.remove(&key)).is_some());
    if was {
        mark_idle(timer);
    }
    was
}

fn mark_idle(timer: Timer) {
    match timer {
        Timer::List(t) => t.at(offsets().timer_pprev).write(0u64),
        Timer::High(t) => t.at(offsets().hrtimer_state).write(0u8),
        Timer::Work(_) | Timer::Task(_) => {}
    }
}

pub fn is_armed(timer: Timer) -> bool {
    QUEUE.with(|q| q.armed.contains_key(&timer))
}

/// When the next timer is due.
pub fn next() -> Option<u64> {
    QUEUE.with(|q| q.due.keys().next().map(|k| k.0))
}

/// Takes every timer that is due and lets its function run.
pub fn fire_due() {
    let now = clock::now();
    while let Some(timer) = QUEUE.with(|q| {
        let (key, timer) = q.due.iter().next().map(|(k, t)| (*k, *t))?;
        if key.0 > now {
            return None;
        }
        q.due.remove(&key);
        q.armed.remove(&timer);
        Some(timer)
    }) {
        if let Timer::List(t) | Timer::High(t) = timer
            && super::patch::is_unmapped(t.0)
        {
            let function =
                if timer == Timer::High(t) { "hrtimer_interrupt" } else { "run_timer_softirq" };
            softirq::push(Job::Gone { function, object: t });
            continue;
        }
        mark_idle(timer);
        match timer {
            Timer::List(t) => {
                let function = t.at(offsets().timer_function).read::<Ptr>();
                if !function.is_null() {
                    softirq::push(Job::Call { function, argument: t });
                }
            }
            Timer::High(t) => softirq::push(Job::HrTimer(t)),
            Timer::Work(w) => super::workqueue::put(w),
            Timer::Task(t) => {
                crate::inside::sched::wake(t, u32::MAX);
            }
        }
    }
}

/// `HRTIMER_RESTART` of include/linux/hrtimer.h.
const RESTART: u32 = 1;

/// Whether its function runs as a soft interrupt (`HRTIMER_MODE_SOFT`), not as a hard one.
pub fn is_soft(timer: Ptr) -> bool {
    offsets().hrtimer_is_soft.is_some_and(|f| timer.at(f).read::<u8>() != 0)
}

pub fn run_hrtimer(timer: Ptr) {
    let o = offsets();
    let function = timer.at(o.hrtimer_function).read::<Ptr>();
    if function.is_null() {
        return;
    }
    let answer = kernel::call_at(function, &[timer.0]) as u32;
    if answer == RESTART && !is_armed(Timer::High(timer)) {
        let at = timer.at(o.hrtimer_expires).read::<u64>();
        start_hrtimer(timer, at.max(clock::now() + 1000));
    }
}

fn start_hrtimer(timer: Ptr, at: u64) {
    arm(Timer::High(timer), at);
    // HRTIMER_STATE_ENQUEUED
    timer.at(offsets().hrtimer_state).write(1u8);
}

fn modify(timer: Ptr, expires: u64) -> i32 {
    let was = disarm(Timer::List(timer));
    if timer.at(offsets().timer_function).read::<u64>() != 0 {
        timer.at(offsets().timer_expires).write(expires);
        arm(Timer::List(timer), clock::time_of_jiffies(expires));
    }
    i32::from(was)
}

fn add(timer: Ptr) {
    let expires = timer.at(offsets().timer_expires).read::<u64>();
    modify(timer, expires);
}

natives! {
    ["mod_timer", "timer_reduce"]
    fn mod_timer(timer: Ptr, expires: u64) -> i32 { modify(timer, expires) }

    ["mod_timer_pending"]
    fn mod_timer_pending(timer: Ptr, expires: u64) -> i32 {
        if is_armed(Timer::List(timer)) { modify(timer, expires) } else { 0 }
    }

    ["add_timer", "add_timer_local", "add_timer_global"]
    fn add_timer(timer: Ptr) { add(timer) }

    ["add_timer_on"]
    fn add_timer_on(timer: Ptr, _cpu: i32) { add(timer) }

    ["del_timer", "del_timer_sync", "timer_delete", "timer_delete_sync", "try_to_del_timer_sync"]
    fn timer_delete(timer: Ptr) -> i32 { i32::from(disarm(Timer::List(timer))) }

    /// After a shutdown the timer cannot be armed again: its function is gone.
    ["timer_shutdown", "timer_shutdown_sync"]
    fn timer_shutdown(timer: Ptr) -> i32 {
        let was = disarm(Timer::List(timer));
        timer.at(offsets().timer_function).write(0u64);
        i32::from(was)
    }

    ["hrtimer_start_range_ns"]
    fn hrtimer_start_range_ns(timer: Ptr, time: i64, _slack: u64, mode: u32) {
        // HRTIMER_MODE_REL is bit 0.
        let at = if mode & 1 == 1 {
            (clock::now() as i64).saturating_add(time.max(0))
        } else {
            time
        };
        let o = offsets();
        timer.at(o.hrtimer_expires).write(at);
        timer.at(o.hrtimer_softexpires).write(at);
        start_hrtimer(timer, at.max(0) as u64);
    }

    ["hrtimer_cancel", "hrtimer_try_to_cancel"]
    fn hrtimer_cancel(timer: Ptr) -> i32 {
        let was = disarm(Timer::High(timer));
        i32::from(was)
    }
}
