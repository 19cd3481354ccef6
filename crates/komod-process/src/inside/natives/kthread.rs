//! Kernel threads: creation and end. `kthread_stop`, parking and workers are the kernel's own.

use super::natives;
use crate::inside::kernel;
use crate::inside::machine;
use crate::inside::offsets::offsets;
use crate::inside::ptr::Ptr;
use crate::inside::sched;

/// The kernel's own formatting of a thread's name, by its own `vsnprintf`.
fn format_name(format: Ptr, arguments: Ptr) -> String {
    const ROOM: u64 = 64;
    let buffer = super::memory::internal(ROOM, 8);
    kernel::call("vsnprintf", &[buffer.0, ROOM, format.0, arguments.0]);
    let name = buffer.read_string(ROOM as usize);
    super::memory::release(buffer);
    name
}

natives! {
    ["__kthread_create_on_node"]
    fn kthread_create(function: Ptr, data: Ptr, _node: i32, name: Ptr, arguments: Ptr) -> Ptr {
        let name = format_name(name, arguments);
        // -ENOMEM
        sched::spawn_kthread(&name, function, data).unwrap_or(Ptr::error(12))
    }

    ["do_exit"]
    fn do_exit(_code: i64) { sched::exit(None) }

    ["make_task_dead"]
    fn make_task_dead(_signal: i32) {
        machine::task_died();
        sched::exit(None)
    }

    /// The last reference to a task: its memory goes.
    ["__put_task_struct"]
    fn put_task_struct(task: Ptr) {
        let kthread = task.at(offsets().task_worker_private).read::<Ptr>();
        if !kthread.is_null() {
            kernel::call("free_kthread_struct", &[task.0]);
        }
        super::memory::release(task);
    }

    ["call_usermodehelper_exec"]
    fn call_usermodehelper_exec(_info: Ptr, _wait: i32) -> i32 { -2 }

    ["call_usermodehelper"]
    fn call_usermodehelper(_path: Ptr, _argv: Ptr, _envp: Ptr, _wait: i32) -> i32 { -2 }

    /// Nobody serves requests for modules inside: komod loads dependencies itself (-ENOENT).
    ["__request_module"]
    fn request_module(_wait: bool, _format: Ptr) -> i32 { -2 }
}
