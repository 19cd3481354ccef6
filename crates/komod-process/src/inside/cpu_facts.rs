//! What the kernel believes about its CPU: the features of the real one that code in a process
//! can use.

use super::kernel;
use super::natives::memory;
use super::offsets::offsets;
use super::ptr::Ptr;
use super::region::PERCPU;
use std::arch::x86_64::__cpuid_count;

/// AVX-512 needs state that `kernel_fpu_begin` would have to save; nobody misses it here.
const AVX512: u32 = 1 << 16 | 1 << 17 | 1 << 21 | 1 << 26 | 1 << 27 | 1 << 28 | 1 << 30 | 1 << 31;

/// Fills `boot_cpu_data` and the FPU configuration. Capability words are numbered as in
/// arch/x86/include/asm/cpufeatures.h.
pub fn set() {
    let o = offsets();
    let Some(cpu) = kernel::function("boot_cpu_data") else { return };
    let leaf1 = __cpuid_count(1, 0);
    let leaf7 = __cpuid_count(7, 0);
    let extended = __cpuid_count(0x8000_0001, 0);
    let word = |n: u32| cpu.at(o.cpu_capability + 4 * n);
    word(0).write(leaf1.edx);
    word(1).write(extended.edx);
    word(4).write(leaf1.ecx);
    word(6).write(extended.ecx);
    word(9).write(leaf7.ebx & !AVX512);
    // X86_FEATURE_REP_GOOD, NOPL and ALWAYS of word 3 (Linux's own).
    let linux = word(3).read::<u32>();
    word(3).write(linux | 1 << 16 | 1 << 20 | 1 << 21 | 1 << 4);
    cpu.at(o.cpu_clflush_size).write(64u16);
    cpu.at(o.cpu_cache_alignment).write(64i32);
    const LOOPS: u64 = 4_000_000;
    cpu.at(o.cpu_loops_per_jiffy).write(LOOPS);
    kernel::set_variable("loops_per_jiffy", LOOPS);
    topology();
    // x87, SSE and AVX state: what AVX code in crypto asks for.
    let btf = kernel::prepared().btf();
    if let Some(config) = kernel::function("fpu_kernel_cfg") {
        for field in ["max_features", "default_features"] {
            if let Some(at) = btf.field("fpu_state_config", field) {
                Ptr(config.0).at(at.offset).write(7u64);
            }
        }
    }
}

/// One CPU is its own sibling, core, die and cache neighbour. With CONFIG_CPUMASK_OFFSTACK the
/// per-CPU variables are pointers to masks, which `smp_prepare_cpus` would allocate.
fn topology() {
    if kernel::function("alloc_cpumask_var_node").is_none() {
        return;
    }
    /// Bytes of a mask for 8,192 CPUs, the most there can be.
    const MASK: u64 = 1024;
    for name in [
        "cpu_sibling_map",
        "cpu_core_map",
        "cpu_die_map",
        "cpu_llc_shared_map",
        "cpu_l2c_shared_map",
    ] {
        if let Some(offset) = kernel::symbol(name) {
            let mask = memory::internal(MASK, 64);
            mask.write(1u64);
            Ptr(PERCPU + offset.0).write(mask);
        }
    }
}
