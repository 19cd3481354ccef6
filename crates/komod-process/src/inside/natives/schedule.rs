//! Scheduling: who runs, who sleeps, who is woken.

use super::natives;
use super::timer::{self, Timer};
use crate::inside::clock;
use crate::inside::kernel;
use crate::inside::machine;
use crate::inside::offsets::offsets;
use crate::inside::ptr::Ptr;
use crate::inside::sched;
use crate::inside::signal;
use crate::inside::stubs::CALLER_SP;

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
    let sp = CALLER_SP.read::<u64>();
    let me = sched::current_struct();
    let (comm, pid) = sched::comm_and_pid(me);
    // With the one of schedule() itself.
    let count = count + 1;
    machine::complain(&format!("BUG: scheduling while atomic: {comm}/{pid}/0x{count:08x}"));
    kernel::call("print_modules", &[]);
    call_trace(me, sp);
    // TAINT_WARN, LOCKDEP_STILL_OK (include/linux/panic.h, 6.1)
    kernel::call("add_taint", &[9, 0]);
    sched::reset_preempt();
}

/// What `dump_stack` prints, from the caller of a function on whose entry the stack pointer was
/// `sp`. To the unwinder every function's entry is the same.
fn call_trace(task: Ptr, sp: u64) {
    let ip = kernel::function("schedule").map_or(0, |f| f.0);
    let mut regs = [0u64; 21];
    (regs[16], regs[17], regs[18], regs[19], regs[20]) = (ip, 0x10, 0x202, sp, 0x18);
    let at = super::memory::internal(size_of_val(&regs) as u64, 16);
    for (i, word) in (0u64..).zip(regs) {
        at.at(8 * i).write(word);
    }
    // KERN_DEFAULT is SOH and 'c' (include/linux/kern_levels.h), here without a level.
    let level = super::memory::string("");
    kernel::call("dump_stack_print_info", &[level.0]);
    if kernel::call("show_trace_log_lvl", &[task.0, at.0, 0, level.0]).is_none() {
        // 6.12 has it inlined; this one starts at the current frame, which is ours.
        kernel::call("show_stack", &[task.0, sp, level.0]);
    }
    super::memory::release(level);
    super::memory::release(at);
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
        let end = clock::now() + u64::from(ms) * 1_000_000;
        let me = sched::current_struct();
        while clock::now() < end && !signal::is_pending(me) {
            me.at(offsets().task_state).write(1u32);
            timer::arm(Timer::Task(me), end);
            sched::block();
            timer::disarm(Timer::Task(me));
        }
        end.saturating_sub(clock::now()).div_ceil(1_000_000)
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
