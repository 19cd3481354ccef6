//! Other CPUs, and running something on them: there is one, so a call is a call.

use super::natives;
use crate::inside::kernel;
use crate::inside::ptr::Ptr;
use crate::inside::softirq::{self, Job};

natives! {
    /// The interrupt that would run `irq_work` comes as soon as the caller gives the CPU back.
    ["arch_irq_work_raise"]
    fn arch_irq_work_raise() { softirq::push(Job::IrqWork) }

    ["smp_call_function_single"]
    fn smp_call_function_single(_cpu: i32, function: Ptr, info: Ptr, _wait: i32) -> i32 {
        kernel::call_at(function, &[info.0]);
        0
    }

    ["on_each_cpu_cond_mask"]
    fn on_each_cpu_cond_mask(_cond: Ptr, function: Ptr, info: Ptr, _wait: bool, _mask: Ptr) {
        kernel::call_at(function, &[info.0]);
    }

    ["stop_machine", "stop_machine_cpuslocked"]
    fn stop_machine(function: Ptr, data: Ptr, _cpus: Ptr) -> i32 {
        kernel::call_at(function, &[data.0]) as i32
    }

    ["stop_one_cpu"]
    fn stop_one_cpu(_cpu: u32, function: Ptr, data: Ptr) -> i32 {
        kernel::call_at(function, &[data.0]) as i32
    }
}
