//! What interrupts would do: timers, RCU callbacks and irq_work, run by a task of their own in
//! soft-interrupt context.

use super::kernel;
use super::offsets::offsets;
use super::ptr::Ptr;
use super::region::PERCPU;
use super::sched::{self, TaskId};
use super::single::Single;
use super::stubs::IRQ_FLAG;
use std::collections::VecDeque;

/// `SOFTIRQ_OFFSET` of include/linux/preempt.h.
const SOFTIRQ_OFFSET: i32 = 0x100;
/// `HARDIRQ_OFFSET` of the same.
const HARDIRQ_OFFSET: i32 = 0x1_0000;

pub enum Job {
    /// Call a function with one argument.
    Call { function: Ptr, argument: Ptr },
    /// A high-resolution timer: its function may ask to be started again.
    HrTimer(Ptr),
    /// What a kernel function would work on is gone, with its module.
    Gone { function: &'static str, object: Ptr },
    /// `irq_work_run()`, in hard-interrupt context.
    IrqWork,
    /// RCU callbacks whose grace period is over.
    Rcu,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    task: Option<(TaskId, Ptr)>,
}

static STATE: Single<State> = Single::new();

pub fn setup() {
    STATE.set(State::default());
}

pub fn push(job: Job) {
    STATE.with(|s| s.jobs.push_back(job));
}

/// Starts the task that runs the jobs, if there are any and it does not run already.
pub fn start_if_needed() {
    let Some(task) = STATE.with(|s| (!s.jobs.is_empty()).then_some(s.task)) else { return };
    match task {
        Some((id, task)) if !sched::is_finished(id) => {
            sched::wake(task, u32::MAX);
        }
        old => {
            if let Some((id, _)) = old {
                sched::reap(id);
            }
            let id = sched::spawn("swapper/0", Box::new(run_all));
            STATE.with(|s| s.task = sched::struct_of(id).map(|task| (id, task)));
        }
    }
}

fn run_all() {
    let me = sched::current_struct();
    loop {
        while let Some(job) = STATE.with(|s| s.jobs.pop_front()) {
            run(job);
        }
        me.at(offsets().task_state).write(1u32); // TASK_INTERRUPTIBLE
        sched::block();
    }
}

fn run(job: Job) {
    match job {
        Job::Call { function, argument } => {
            in_softirq(|| {
                kernel::call_at(function, &[argument.0]);
            });
        }
        Job::Gone { function, object } => {
            in_softirq(|| super::exceptions::gone(function, object.0));
        }
        Job::HrTimer(timer) if super::natives::timer::is_soft(timer) => {
            in_softirq(|| super::natives::timer::run_hrtimer(timer));
        }
        Job::HrTimer(timer) => in_hardirq(|| super::natives::timer::run_hrtimer(timer)),
        Job::Rcu => super::natives::rcu::flush(),
        Job::IrqWork => in_hardirq(|| {
            kernel::call("irq_work_run", &[]);
        }),
    }
}

/// Runs `f` as a soft interrupt would.
pub fn in_softirq(f: impl FnOnce()) {
    sched::with_preempt(SOFTIRQ_OFFSET, f);
}

/// Runs `f` as an interrupt would: other interrupts are off.
fn in_hardirq(f: impl FnOnce()) {
    let before = IRQ_FLAG.read::<u64>();
    IRQ_FLAG.write(0u64);
    sched::with_preempt(HARDIRQ_OFFSET, f);
    IRQ_FLAG.write(before);
    // `irq_exit`: soft interrupts that it asked for run now; ksoftirqd does it here.
    let pending = offsets().irq_softirq_pending;
    let at = kernel::symbol("irq_stat").zip(pending).map(|(s, o)| Ptr(PERCPU + s.0).at(o));
    if at.is_some_and(|p| p.read::<u16>() != 0) {
        kernel::call("wakeup_softirqd", &[]);
    }
}
