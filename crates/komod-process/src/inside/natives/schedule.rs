//! Scheduling: who runs, who sleeps, who is woken.

use super::natives;
use super::timer::{self, Timer};
use crate::inside::clock;
use crate::inside::kernel;
use crate::inside::machine;
use crate::inside::offsets::offsets;
use crate::inside::ptr::Ptr;
use crate::inside::sched;
use crate::inside::stubs::CALLER;

/// `MAX_SCHEDULE_TIMEOUT` is `LONG_MAX`.
const FOREVER: i64 = i64::MAX;
/// `TASK_NORMAL`: interruptible or uninterruptible.
const NORMAL: u32 = 3;

/// Sleeping with preemption off: the words of `__schedule_bug` (kernel/sched/core.c, 6.1).
fn check_atomic() {
    let count = sched::preempt_count();
    if count == 0 || machine::is_dying() {
        return;
    }
    let (comm, pid) = sched::comm_and_pid(sched::current_struct());
    kernel::print(3, &format!("BUG: scheduling while atomic: {comm}/{pid}/0x{count:08x}"));
    kernel::print(3, &format!("Called from {}", machine::symbolize(CALLER.read())));
    sched::reset_preempt();
    machine::note_fault();
}

/// Sleeps to a virtual time, whoever wakes the task meanwhile.
pub fn sleep_until(at: u64) {
    let me = sched::current_struct();
    let state = me.at(offsets().task_state);
    while clock::now() < at {
        state.write(2u32);
        timer::arm(Timer::Task(me), at);
        sched::block();
        timer::disarm(Timer::Task(me));
    }
}

natives! {
    ["schedule", "io_schedule"]
    fn schedule() {
        check_atomic();
        sched::block();
    }

    ["schedule_preempt_disabled"]
    fn schedule_preempt_disabled() {
        sched::add_preempt(-1);
        check_atomic();
        sched::block();
        sched::add_preempt(1);
    }

    ["schedule_timeout", "io_schedule_timeout"]
    fn schedule_timeout(jiffies: i64) -> i64 {
        check_atomic();
        if jiffies == FOREVER {
            sched::block();
            return FOREVER;
        }
        let me = sched::current_struct();
        let tick = clock::tick_ns();
        let end = clock::now().saturating_add((jiffies.max(0) as u64).saturating_mul(tick));
        timer::arm(Timer::Task(me), end);
        sched::block();
        timer::disarm(Timer::Task(me));
        (end.saturating_sub(clock::now()) / tick) as i64
    }

    ["msleep"]
    fn msleep(ms: u32) {
        check_atomic();
        sleep_until(clock::now() + u64::from(ms) * 1_000_000);
    }

    ["msleep_interruptible"]
    fn msleep_interruptible(ms: u32) -> u64 {
        check_atomic();
        sleep_until(clock::now() + u64::from(ms) * 1_000_000);
        0
    }

    ["usleep_range_state"]
    fn usleep_range_state(min: u64, _max: u64, _state: u32) {
        check_atomic();
        sleep_until(clock::now() + min.saturating_mul(1000));
    }

    ["yield"]
    fn yield_cpu() { sched::yield_now() }

    /// A polite loop must let time pass and others run, or it would never end.
    ["__cond_resched"]
    fn cond_resched() -> i32 {
        clock::advance_by(1000);
        let due = timer::next().is_some_and(|at| at <= clock::now());
        if (sched::others_ready() || due) && sched::preempt_count() == 0 && sched::in_task() {
            sched::yield_now();
            return 1;
        }
        0
    }

    ["wake_up_process"]
    fn wake_up_process(task: Ptr) -> i32 { i32::from(sched::wake(task, NORMAL)) }

    ["wake_up_state"]
    fn wake_up_state(task: Ptr, state: u32) -> i32 { i32::from(sched::wake(task, state)) }

    ["try_to_wake_up"]
    fn try_to_wake_up(task: Ptr, state: u32, _flags: i32) -> i32 {
        i32::from(sched::wake(task, state))
    }

    /// `struct wait_queue_entry`: flags, then the task in `private` (include/linux/wait.h).
    ["default_wake_function"]
    fn default_wake_function(entry: Ptr, mode: u32, _flags: i32, _key: Ptr) -> i32 {
        i32::from(sched::wake(entry.at(8u64).read(), mode))
    }
}
