//! Functions with nothing to do here: their hardware, page tables or CPUs do not exist, and the
//! answer is fixed.

use super::Table;
use crate::inside::abi::Class;
use crate::inside::stubs::Fixed;

const INT: Class = Class::Int { size: 4, signed: true };
const LONG: Class = Class::Int { size: 8, signed: true };
const ANY: &[Class] = &[Class::Void, Class::Bool, INT, LONG, Class::Pointer];

pub fn register(table: &mut Table, fixed: &Fixed) {
    table.stub(NOTHING_OR_ZERO, fixed.zero, ANY);
    table.stub(ONE, fixed.one, &[INT, LONG, Class::Bool]);
    table.stub(IDENTITY, fixed.ident, &[LONG]);
}

/// No effect; zero, false, NULL or nothing is the answer.
const NOTHING_OR_ZERO: &[&str] = &[
    // Preemption by others: there is no other CPU, and time does not interrupt.
    "preempt_schedule",
    "preempt_schedule_notrace",
    "preempt_schedule_irq",
    // Scheduling classes and affinity: one CPU, one policy.
    "kthread_bind",
    "kthread_bind_mask",
    "__kthread_bind_mask",
    "do_set_cpus_allowed",
    "__do_set_cpus_allowed",
    "__set_cpus_allowed_ptr",
    "set_cpus_allowed_ptr",
    "kthread_set_per_cpu",
    "set_user_nice",
    "sched_set_fifo",
    "sched_set_fifo_low",
    "sched_set_normal",
    "sched_setscheduler_nocheck",
    // Other CPUs.
    "smp_call_function_many",
    "smp_call_function",
    "kick_all_cpus_sync",
    "native_stop_other_cpus",
    "crash_smp_send_stop",
    // Caching modes, encryption, page tables.
    "set_memory_uc",
    "set_memory_wb",
    "set_memory_wc",
    "set_memory_encrypted",
    "set_memory_decrypted",
    "change_page_attr_set_clr",
    "vm_map_ram",
    // Addresses are linear: none is a vmalloc address, copies are checked by the traps.
    "is_vmalloc_addr",
    "is_vmalloc_or_module_addr",
    "__check_object_size",
    // The FPU is the process's own.
    "kernel_fpu_begin_mask",
    "kernel_fpu_end",
    // RCU's state machine.
    "rcu_read_unlock_special",
    "get_state_synchronize_rcu",
    "start_poll_synchronize_rcu",
    "cond_synchronize_rcu",
    "rcu_note_context_switch",
    "rcu_gp_is_expedited",
    // Entropy goes nowhere: random numbers are seeded.
    "add_device_randomness",
    "add_interrupt_randomness",
    "add_hwgenerator_randomness",
    "add_disk_randomness",
    // Function tracing: the call sites stay calls to an empty function.
    "ftrace_module_init",
    "ftrace_module_enable",
    "ftrace_release_mod",
    "ftrace_free_mem",
    // Attributes of workqueues.
    "set_worker_desc",
    "workqueue_set_max_active",
    "workqueue_sysfs_register",
    "apply_workqueue_attrs",
    "workqueue_congested",
];

/// Yes, or one.
const ONE: &[&str] = &[
    "wait_task_inactive",
    "irq_fpu_usable",
    "rcu_is_watching",
    "poll_state_synchronize_rcu",
    // Kernel addresses are low here, where these would take them for user space's.
    "is_valid_bugaddr",
    "copy_from_kernel_nofault_allowed",
];

/// The argument itself.
const IDENTITY: &[&str] = &["kmalloc_size_roundup"];
