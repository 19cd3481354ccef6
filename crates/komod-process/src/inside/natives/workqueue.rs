//! Workqueues: one FIFO of work items and as many workers as it takes, so that an item may wait
//! for another.

use super::natives;
use super::timer::{self, Timer};
use crate::inside::clock;
use crate::inside::kernel;
use crate::inside::machine;
use crate::inside::offsets::offsets;
use crate::inside::ptr::Ptr;
use crate::inside::sched::{self, TaskId};
use crate::inside::single::Single;
use std::collections::VecDeque;

/// `WORK_STRUCT_PENDING` of include/linux/workqueue.h: bit 0 of `data`.
const PENDING: u64 = 1;

struct Worker {
    task: TaskId,
    task_struct: Ptr,
    /// The item it works on.
    busy: Option<Ptr>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Ptr>,
    workers: Vec<Worker>,
    started: u32,
}

static STATE: Single<State> = Single::new();

pub fn setup() {
    STATE.set(State::default());
}

fn set_pending(work: Ptr, pending: bool) -> bool {
    let data = work.at(offsets().work_data);
    let old = data.read::<u64>();
    data.write(if pending { old | PENDING } else { old & !PENDING });
    old & PENDING != 0
}

/// Queues an item whose time has come, and sees to a worker for it.
pub fn put(work: Ptr) {
    STATE.with(|s| s.queue.push_back(work));
    let idle = STATE.with(|s| s.workers.iter().find(|w| w.busy.is_none()).map(|w| w.task_struct));
    match idle {
        Some(task) => {
            sched::wake(task, u32::MAX);
        }
        None => start_worker(|s| s.started == 0),
    }
}

/// Nothing is ready, yet items wait: every worker sleeps inside one, so another is needed.
pub fn rescue() -> bool {
    let stuck = STATE.with(|s| !s.queue.is_empty());
    if stuck {
        start_worker(|_| true);
    }
    stuck
}

fn start_worker(wanted: impl Fn(&State) -> bool) {
    let number = STATE.with(|s| {
        wanted(s).then(|| {
            s.started += 1;
            s.started - 1
        })
    });
    if let Some(number) = number {
        sched::spawn(&format!("kworker/0:{number}"), Box::new(work_loop));
    }
}

fn work_loop() {
    let me = sched::current().expect("a worker is a task");
    let task_struct = sched::current_struct();
    STATE.with(|s| s.workers.push(Worker { task: me, task_struct, busy: None }));
    loop {
        while let Some(work) = take(me) {
            if super::patch::is_unmapped(work.0) {
                crate::inside::exceptions::gone("process_one_work", work.0);
            }
            set_pending(work, false);
            let function = work.at(offsets().work_func).read::<Ptr>();
            if function.is_null() {
                let at = machine::symbolize(work.0);
                kernel::print(4, &format!("WARNING: work item {at} without a function was queued"));
            } else {
                kernel::call_at(function, &[work.0]);
            }
            set_busy(me, None);
        }
        task_struct.at(offsets().task_state).write(0x402u32); // TASK_IDLE
        sched::block();
    }
}

fn take(me: TaskId) -> Option<Ptr> {
    let work = STATE.with(|s| s.queue.pop_front())?;
    set_busy(me, Some(work));
    Some(work)
}

fn set_busy(me: TaskId, work: Option<Ptr>) {
    STATE.with(|s| {
        if let Some(w) = s.workers.iter_mut().find(|w| w.task == me) {
            w.busy = work;
        }
    });
}

/// A fault ended this worker.
pub fn forget_worker(task: TaskId) {
    STATE.with(|s| s.workers.retain(|w| w.task != task));
}

fn queue(work: Ptr, delay_jiffies: u64) -> bool {
    if set_pending(work, true) {
        return false;
    }
    if delay_jiffies == 0 {
        put(work);
    } else {
        let delay = delay_jiffies.saturating_mul(clock::tick_ns());
        timer::arm(Timer::Work(work), clock::now().saturating_add(delay));
    }
    true
}

fn cancel(work: Ptr) -> bool {
    let timed = timer::disarm(Timer::Work(work));
    let queued = STATE.with(|s| {
        let before = s.queue.len();
        s.queue.retain(|w| *w != work);
        s.queue.len() != before
    });
    if timed || queued {
        set_pending(work, false);
    }
    timed || queued
}

fn is_running(work: Ptr) -> bool {
    STATE.with(|s| s.workers.iter().any(|w| w.busy == Some(work)))
}

fn is_queued(work: Ptr) -> bool {
    STATE.with(|s| s.queue.contains(&work))
}

/// Waits until `pending` says no; a worker that waits for itself does not.
fn wait_while(pending: impl Fn() -> bool) {
    while pending() {
        if sched::others_ready() {
            sched::yield_now();
        } else {
            // Everybody sleeps: time can help, or another worker.
            super::schedule::sleep_until(clock::now() + clock::tick_ns());
        }
    }
}

fn flush_one(work: Ptr) -> bool {
    let me = sched::current();
    let mine = STATE.with(|s| s.workers.iter().any(|w| Some(w.task) == me && w.busy == Some(work)));
    let pending = || is_queued(work) || is_running(work);
    if mine || !pending() {
        return false;
    }
    wait_while(pending);
    true
}

fn flush_all() {
    let me = sched::current();
    wait_while(|| {
        STATE.with(|s| {
            !s.queue.is_empty() || s.workers.iter().any(|w| w.busy.is_some() && Some(w.task) != me)
        })
    });
}

/// Pulls a delayed item's delay in and waits for it.
fn flush_delayed(work: Ptr) -> bool {
    if timer::disarm(Timer::Work(work)) {
        put(work);
    }
    flush_one(work)
}

fn inner(delayed: Ptr) -> Ptr {
    delayed.at(offsets().delayed_work_work)
}

natives! {
    ["alloc_workqueue", "alloc_workqueue_noprof"]
    fn alloc_workqueue(_format: Ptr, _flags: u32, _max_active: i32) -> Ptr {
        let size = u64::from(offsets().sizeof_workqueue);
        super::memory::allocate(
            size, 64, crate::inside::heap::Kind::Kmalloc, crate::inside::stubs::CALLER.read(),
        )
    }

    ["destroy_workqueue"]
    fn destroy_workqueue(queue: Ptr) {
        flush_all();
        super::memory::free(queue, crate::inside::stubs::CALLER.read());
    }

    ["queue_work_on", "queue_work_node"]
    fn queue_work_on(_cpu: i32, _queue: Ptr, work: Ptr) -> bool { queue(work, 0) }

    ["queue_delayed_work_on"]
    fn queue_delayed_work_on(_cpu: i32, _queue: Ptr, work: Ptr, delay: u64) -> bool {
        queue(inner(work), delay)
    }

    ["mod_delayed_work_on"]
    fn mod_delayed_work_on(_cpu: i32, _queue: Ptr, work: Ptr, delay: u64) -> bool {
        let was = cancel(inner(work));
        queue(inner(work), delay);
        was
    }

    /// A `struct rcu_work` starts with its work item.
    ["queue_rcu_work"]
    fn queue_rcu_work(_queue: Ptr, work: Ptr) -> bool { queue(work, 0) }

    ["flush_work"]
    fn flush_work(work: Ptr) -> bool { flush_one(work) }

    ["flush_delayed_work", "flush_rcu_work"]
    fn flush_delayed_work(work: Ptr) -> bool { flush_delayed(inner(work)) }

    ["__flush_workqueue", "flush_workqueue", "drain_workqueue"]
    fn flush_workqueue(_queue: Ptr) { flush_all() }

    ["cancel_work"]
    fn cancel_work(work: Ptr) -> bool { cancel(work) }

    ["cancel_work_sync"]
    fn cancel_work_sync(work: Ptr) -> bool {
        let was = cancel(work);
        flush_one(work);
        was
    }

    ["cancel_delayed_work"]
    fn cancel_delayed_work(work: Ptr) -> bool { cancel(inner(work)) }

    ["cancel_delayed_work_sync"]
    fn cancel_delayed_work_sync(work: Ptr) -> bool {
        let was = cancel(inner(work));
        flush_one(inner(work));
        was
    }

    ["schedule_on_each_cpu"]
    fn schedule_on_each_cpu(function: Ptr) -> i32 {
        let work = super::memory::internal(64, 8);
        kernel::call_at(function, &[work.0]);
        super::memory::release(work);
        0
    }

    /// `WORK_BUSY_PENDING` is 1, `WORK_BUSY_RUNNING` 2 (include/linux/workqueue.h).
    ["work_busy"]
    fn work_busy(work: Ptr) -> u32 {
        let pending = is_queued(work) || timer::is_armed(Timer::Work(work));
        u32::from(pending) | u32::from(is_running(work)) << 1
    }

    ["current_work"]
    fn current_work() -> Ptr {
        let me = sched::current();
        STATE.with(|s| {
            s.workers.iter().find(|w| Some(w.task) == me).and_then(|w| w.busy).unwrap_or(Ptr::NULL)
        })
    }
}
