//! The kernel's own structure of a task.

use super::natives::memory;
use super::offsets::offsets;
use super::ptr::Ptr;

/// A copy of `init_task` under another name and pid. It owns nothing: what `init_task` points at
/// (credentials, files, name spaces) is shared, with reference counts that never run out.
pub fn copy(init: Ptr, name: &str, pid: i32) -> Ptr {
    let o = offsets();
    let size = u64::from(o.sizeof_task);
    let task = memory::internal(size + 64, 64);
    task.copy_from(init, size);
    // List heads and other pointers of the structure into itself.
    for offset in (0..size / 8 * 8).step_by(8) {
        let value = task.at(offset).read::<u64>();
        if (init.0..init.0 + size).contains(&value) {
            task.at(offset).write(value - init.0 + task.0);
        }
    }
    let mut comm = [0; 16];
    let n = name.len().min(15);
    comm[..n].copy_from_slice(&name.as_bytes()[..n]);
    task.at(o.task_comm).write_bytes(&comm);
    task.at(o.task_pid).write(pid);
    task.at(o.task_tgid).write(pid);
    task.at(o.task_usage).write(2i32);
    task.at(o.task_state).write(0u32);
    task.at(o.task_worker_private).write(0u64);
    task.at(o.task_vfork_done).write(0u64);
    task
}
