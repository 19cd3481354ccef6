//! Scheduling: deterministic coroutines on one CPU.
//!
//! Every piece of kernel code runs on a task's stack. [`run_until`] is the CPU: it lives on the
//! process's own stack, resumes tasks in turn, and when none is ready lets virtual time pass to
//! the next timer.

use super::clock;
use super::natives::timer as timers;
use super::offsets::offsets;
use super::ptr::Ptr;
use super::region::PERCPU;
use super::single::Single;
use super::stubs::IRQ_FLAG;
use super::task::{self, STACK, Stacks};
use super::{kernel, region};
use std::collections::{HashMap, VecDeque};

/// `PREEMPT_ENABLED`: the inverted need-resched bit (arch/x86/include/asm/preempt.h).
const PREEMPT_ENABLED: u32 = 0x8000_0000;
const PREEMPT_BITS: u32 = 0x7fff_ffff;
/// `THREAD_SIZE` of x86-64 without KASAN: 4 pages.
const THREAD_SIZE: u64 = 16 * 1024;
/// `STACK_END_MAGIC` of include/uapi/linux/magic.h.
const STACK_END_MAGIC: u64 = 0x57AC_6E9D;

pub type TaskId = u32;

/// What a task does when it first runs.
pub enum Entry {
    Kthread { function: Ptr, data: Ptr },
    Native(Box<dyn FnOnce()>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    Ready,
    Blocked,
    Dead,
}

struct Task {
    /// The kernel's `task_struct`.
    task: Ptr,
    stack: Ptr,
    sp: u64,
    run: Run,
    preempt: u32,
    irq_flag: u64,
    entry: Option<Entry>,
    crashed: bool,
    is_kthread: bool,
}

/// Where the kernel keeps the CPU's state: (`current`, `preempt_count`, stack top) differ in
/// place between versions.
struct Cpu {
    current: Ptr,
    preempt: Ptr,
    top_of_stack: Option<Ptr>,
}

struct Sched {
    cpu: Cpu,
    tasks: HashMap<TaskId, Task>,
    by_struct: HashMap<u64, TaskId>,
    ready: VecDeque<TaskId>,
    current: Option<TaskId>,
    /// The stack pointer of [`run_until`].
    home: u64,
    stacks: Stacks,
    next: TaskId,
    next_pid: i32,
    init_task: Ptr,
    kthread_ready: bool,
}

static SCHED: Single<Sched> = Single::new();

/// Finds the CPU's variables; `current` becomes the boot task.
pub fn setup() -> Result<(), String> {
    let o = offsets();
    let per_cpu = |name: &str| kernel::symbol(name).map(|p| Ptr(PERCPU + p.0));
    let cpu = match (per_cpu("pcpu_hot"), o.hot_current, o.hot_preempt_count) {
        (Some(hot), Some(current), Some(preempt)) => Cpu {
            current: hot.at(current),
            preempt: hot.at(preempt),
            top_of_stack: o.hot_top_of_stack.map(|f| hot.at(f)),
        },
        _ => Cpu {
            current: per_cpu("current_task").ok_or("no current_task")?,
            preempt: per_cpu("__preempt_count").ok_or("no __preempt_count")?,
            top_of_stack: per_cpu("cpu_current_top_of_stack"),
        },
    };
    let init_task = kernel::function("init_task").ok_or("no init_task")?;
    cpu.current.write(init_task);
    cpu.preempt.write(PREEMPT_ENABLED);
    SCHED.set(Sched {
        cpu,
        tasks: HashMap::new(),
        by_struct: HashMap::new(),
        ready: VecDeque::new(),
        current: None,
        home: 0,
        stacks: Stacks::default(),
        next: 1,
        next_pid: 1,
        init_task,
        kthread_ready: false,
    });
    Ok(())
}

/// From now on tasks get a `struct kthread` (its cache exists).
pub fn set_kthread_ready() {
    SCHED.with(|s| s.kthread_ready = true);
}

/// The first task: the boot itself, which is `init_task` (swapper).
pub fn spawn_boot(body: Box<dyn FnOnce()>) -> TaskId {
    let init_task = SCHED.with(|s| s.init_task);
    adopt(init_task, Entry::Native(body), Run::Ready)
}

/// A new task in the kernel's eyes: a copy of `init_task` with a name and a pid.
fn new_task_struct(name: &str) -> Ptr {
    let (init, pid) = SCHED.with(|s| {
        s.next_pid += 1;
        (s.init_task, s.next_pid)
    });
    super::task_struct::copy(init, name, pid)
}

fn adopt(task: Ptr, entry: Entry, run: Run) -> TaskId {
    let (id, stack) = SCHED.with(|s| {
        let id = s.next;
        s.next += 1;
        (id, s.stacks.take().expect("stacks for 8,000 tasks"))
    });
    let base = stack.0 + STACK - THREAD_SIZE;
    Ptr(base).write(STACK_END_MAGIC);
    task.at(offsets().task_stack).write(base);
    let sp = task::prepare(stack, enter);
    SCHED.with(|s| {
        let is_kthread = matches!(entry, Entry::Kthread { .. });
        let new = Task {
            is_kthread,
            task,
            stack,
            sp,
            run,
            preempt: PREEMPT_ENABLED,
            irq_flag: 0x200,
            entry: Some(entry),
            crashed: false,
        };
        s.tasks.insert(id, new);
        s.by_struct.insert(task.0, id);
        if run == Run::Ready {
            s.ready.push_back(id);
        }
    });
    id
}

/// A ready task that runs Rust code in kernel context (a request, a worker).
pub fn spawn(name: &str, body: Box<dyn FnOnce()>) -> TaskId {
    let task = new_task_struct(name);
    give_kthread(task);
    adopt(task, Entry::Native(body), Run::Ready)
}

/// A ready task that does what a user's process would: it is no kthread.
pub fn spawn_user(name: &str, body: Box<dyn FnOnce()>) -> TaskId {
    /// `PF_KTHREAD` of include/linux/sched.h.
    const PF_KTHREAD: u32 = 0x0020_0000;
    let task = new_task_struct(name);
    let flags = task.at(offsets().task_flags);
    flags.write(flags.read::<u32>() & !PF_KTHREAD);
    adopt(task, Entry::Native(body), Run::Ready)
}

/// A kthread as `kthread_create` leaves it: asleep until it is woken. `None` without memory.
pub fn spawn_kthread(name: &str, function: Ptr, data: Ptr) -> Option<Ptr> {
    let task = new_task_struct(name);
    if !give_kthread(task) {
        return None;
    }
    // TASK_UNINTERRUPTIBLE, as after kthread_create_on_node.
    task.at(offsets().task_state).write(2u32);
    adopt(task, Entry::Kthread { function, data }, Run::Blocked);
    Some(task)
}

fn give_kthread(task: Ptr) -> bool {
    if !SCHED.with(|s| s.kthread_ready) {
        return true;
    }
    let o = offsets();
    let ok = kernel::call("set_kthread_struct", &[task.0]).is_none_or(|r| r & 0xff != 0);
    let kthread = task.at(o.task_worker_private).read::<Ptr>();
    if ok && !kthread.is_null() {
        task.at(o.task_vfork_done).write(kthread.at(o.kthread_exited));
    }
    ok
}

/// The first code of every task.
extern "C" fn enter() -> ! {
    let entry = SCHED.with(|s| {
        let id = s.current.expect("a task runs");
        s.tasks.get_mut(&id).and_then(|t| t.entry.take())
    });
    match entry {
        Some(Entry::Native(body)) => {
            body();
            exit(None)
        }
        Some(Entry::Kthread { function, data }) => {
            let result = kernel::call_at(function, &[data.0]) as i32;
            exit(Some(result))
        }
        None => exit(None),
    }
}

/// The running task ends; whoever waits for a kthread's end is told (as `do_exit` does).
pub fn exit(kthread_result: Option<i32>) -> ! {
    let o = offsets();
    let task = current_struct();
    let kthread = task.at(o.task_worker_private).read::<Ptr>();
    if let Some(result) = kthread_result.filter(|_| !kthread.is_null()) {
        kthread.at(o.kthread_result).write(result);
    }
    SCHED.with(|s| s.cpu.preempt.write(PREEMPT_ENABLED));
    IRQ_FLAG.write(0x200u64);
    let done = task.at(o.task_vfork_done).read::<Ptr>();
    if !done.is_null() {
        task.at(o.task_vfork_done).write(0u64);
        kernel::call("complete", &[done.0]);
    }
    // TASK_DEAD of include/linux/sched.h.
    task.at(o.task_state).write(0x80u32);
    SCHED.with(|s| {
        if let Some(t) = s.current.and_then(|id| s.tasks.get_mut(&id)) {
            t.run = Run::Dead;
        }
    });
    go_home();
    unreachable!("a dead task was resumed")
}

/// Marks the running task as ended by a fault.
pub fn mark_crashed() {
    SCHED.with(|s| {
        if let Some(t) = s.current.and_then(|id| s.tasks.get_mut(&id)) {
            t.crashed = true;
        }
    });
}

/// Gives the CPU back: `schedule()`. A task whose state is not running sleeps until woken.
pub fn block() {
    super::signal::before_wait(current_struct());
    let state = current_struct().at(offsets().task_state).read::<u32>();
    SCHED.with(|s| {
        let Some(id) = s.current else { return };
        if let Some(t) = s.tasks.get_mut(&id) {
            if state == 0 {
                t.run = Run::Ready;
                s.ready.push_back(id);
            } else {
                t.run = Run::Blocked;
            }
        }
    });
    go_home();
}

/// Lets others run; the caller stays ready.
pub fn yield_now() {
    let state = current_struct().at(offsets().task_state);
    let before = state.read::<u32>();
    state.write(0u32);
    block();
    state.write(before);
}

fn go_home() {
    let (save, home) = SCHED.with(|s| {
        let id = s.current.expect("only tasks give the CPU back");
        let preempt = s.cpu.preempt.read::<u32>();
        let t = s.tasks.get_mut(&id).expect("the running task exists");
        t.preempt = preempt;
        t.irq_flag = IRQ_FLAG.read();
        (&raw mut t.sp, s.home)
    });
    // SAFETY: `home` was saved when this task was resumed, and `run_until` waits there. The
    // place to save to stays: the map is not touched between here and the switch.
    unsafe { task::switch(save, home) }
}

fn resume(id: TaskId) {
    let switch = SCHED.with(|s| {
        let t = s.tasks.get_mut(&id)?;
        if t.run == Run::Dead {
            return None;
        }
        s.current = Some(id);
        s.cpu.current.write(t.task);
        s.cpu.preempt.write(t.preempt);
        if let Some(top) = s.cpu.top_of_stack {
            top.write(t.stack.0 + STACK);
        }
        IRQ_FLAG.write(t.irq_flag);
        Some((&raw mut s.home, t.sp))
    });
    let Some((home, sp)) = switch else { return };
    super::watchdog::begin();
    // SAFETY: `sp` was made by `prepare` or saved by `go_home`, and the task does not run. `home`
    // lies in a static that stays where it is.
    unsafe { task::switch(home, sp) };
    super::watchdog::end();
    SCHED.with(|s| {
        s.current = None;
        s.cpu.current.write(s.init_task);
        s.cpu.preempt.write(PREEMPT_ENABLED);
        IRQ_FLAG.write(0x200u64);
        if s.tasks.get(&id).is_some_and(|t| t.run == Run::Dead)
            && let Some(t) = s.tasks.get(&id)
        {
            let (stack, task, is_kthread) = (t.stack, t.task, t.is_kthread);
            s.stacks.give_back(stack);
            s.by_struct.remove(&task.0);
            if is_kthread {
                s.tasks.remove(&id);
            }
        }
    });
}

/// Wakes a task if its state is in `mask`; tells whether it did.
pub fn wake(task: Ptr, mask: u32) -> bool {
    let state = task.at(offsets().task_state);
    if state.read::<u32>() & mask == 0 {
        return false;
    }
    let Some(id) = SCHED.with(|s| s.by_struct.get(&task.0).copied()) else { return false };
    state.write(0u32);
    SCHED.with(|s| {
        if let Some(t) = s.tasks.get_mut(&id)
            && t.run == Run::Blocked
        {
            t.run = Run::Ready;
            s.ready.push_back(id);
        }
    });
    true
}

/// Why [`run_until`] came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Done,
    /// Virtual time reached the deadline.
    TimeUp,
    /// Nothing is ready and no timer is set.
    Idle,
}

/// Runs tasks until `done`, or virtual time passes `deadline`, or nothing can happen any more.
pub fn run_until(mut done: impl FnMut() -> bool, deadline: Option<u64>) -> End {
    loop {
        if done() {
            return End::Done;
        }
        if super::machine::is_dead() {
            return End::Idle;
        }
        timers::fire_due();
        super::softirq::start_if_needed();
        if let Some(id) = SCHED.with(|s| s.ready.pop_front()) {
            resume(id);
            continue;
        }
        if super::natives::workqueue::rescue() {
            continue;
        }
        if super::natives::rcu::is_pending() {
            super::softirq::push(super::softirq::Job::Rcu);
            continue;
        }
        match (timers::next(), deadline) {
            (Some(at), limit) if limit.is_none_or(|l| at <= l) => clock::advance_to(at),
            (_, Some(limit)) => {
                clock::advance_to(limit);
                return End::TimeUp;
            }
            _ => return End::Idle,
        }
    }
}

pub fn is_finished(id: TaskId) -> bool {
    SCHED.with(|s| s.tasks.get(&id).is_none_or(|t| t.run == Run::Dead))
}

/// Forgets a finished task; tells whether a fault ended it.
pub fn reap(id: TaskId) -> bool {
    let (task, init) = SCHED.with(|s| (s.tasks.remove(&id), s.init_task));
    let Some(task) = task else { return false };
    // Nobody else holds a reference: its structure can go (a kthread's goes with its last one).
    let usage = task.task.at(offsets().task_usage).read::<i32>();
    if task.task != init && usage <= 2 && !task.is_kthread {
        super::natives::memory::release(task.task);
    }
    task.crashed
}

/// The kernel's structure of a task.
pub fn struct_of(id: TaskId) -> Option<Ptr> {
    SCHED.with(|s| s.tasks.get(&id).map(|t| t.task))
}

/// Whether somebody else could run now.
pub fn others_ready() -> bool {
    SCHED.with(|s| !s.ready.is_empty())
}

/// Whether kernel code runs (else it is us, between tasks).
pub fn in_task() -> bool {
    SCHED.try_with(|s| s.current.is_some()).unwrap_or(true)
}

pub fn current() -> Option<TaskId> {
    SCHED.with(|s| s.current)
}

pub fn current_struct() -> Ptr {
    SCHED.with(|s| s.cpu.current.read())
}

/// The stack of the running task.
pub fn current_stack() -> Option<Ptr> {
    SCHED.with(|s| s.current.and_then(|id| s.tasks.get(&id)).map(|t| t.stack))
}

pub fn comm_and_pid(task: Ptr) -> (String, i32) {
    let o = offsets();
    (task.at(o.task_comm).read_string(16), task.at(o.task_pid).read())
}

pub fn preempt_count() -> u32 {
    SCHED.with(|s| s.cpu.preempt.read::<u32>()) & PREEMPT_BITS
}

/// Adds to the running context's preempt count (soft interrupt, hard interrupt).
pub fn add_preempt(delta: i32) {
    SCHED.with(|s| {
        let now = s.cpu.preempt.read::<u32>();
        s.cpu.preempt.write(now.wrapping_add_signed(delta));
    });
}

/// Runs `f` with more on the preempt count; what it was comes back, whatever `f` does to it.
pub fn with_preempt(more: i32, f: impl FnOnce()) {
    let before = SCHED.with(|s| s.cpu.preempt.read::<u32>());
    add_preempt(more);
    f();
    SCHED.with(|s| s.cpu.preempt.write(before));
}

pub fn reset_preempt() {
    SCHED.with(|s| s.cpu.preempt.write(PREEMPT_ENABLED));
    IRQ_FLAG.write(0x200u64);
}

/// Name, pid and state of every other living task, and where it waits.
pub fn describe() -> Vec<String> {
    let all: Vec<(Ptr, Run, u64)> = SCHED.with(|s| {
        let other = |id: &TaskId, t: &Task| t.run != Run::Dead && s.current != Some(*id);
        let mut ids: Vec<_> = s.tasks.iter().filter(|(id, t)| other(id, t)).collect();
        ids.sort_by_key(|(id, _)| **id);
        ids.into_iter().map(|(_, t)| (t.task, t.run, t.sp)).collect()
    });
    let line = |(task, run, sp): (Ptr, Run, u64)| {
        let (comm, pid) = comm_and_pid(task);
        if run == Run::Ready {
            return format!("{comm}/{pid} ready");
        }
        let place = super::machine::module_frame(sp).map(|at| format!(" in {at}"));
        format!("{comm}/{pid} waiting{}", place.unwrap_or_default())
    };
    all.into_iter().map(line).collect()
}

/// Whether an address lies on a task stack.
pub fn on_stack(address: u64) -> bool {
    address.wrapping_sub(region::STACKS) < region::STACKS_LEN
}
