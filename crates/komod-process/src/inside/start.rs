//! From a prepared image to a machine that can boot.

use super::builtin;
use super::natives::{self, Installed};
use super::offsets::{self, Offsets};
use super::ptr::Ptr;
use super::region::{self, IMAGE, PERCPU};
use super::{
    clock, exceptions, kernel, leaks, machine, memory_map, module_events, modules, patching, sched,
    softirq, stubs, traps,
};
use komod_kernel::prepared::Prepared;

/// Maps the image, sets up every part of the machine and installs the natives. The error is for
/// people.
pub fn start(prepared: Prepared) -> Result<Installed, String> {
    let path = prepared.image_path();
    let text = |e: std::io::Error| format!("{}: {e}", path.display());
    let file = std::fs::File::open(&path).map_err(text)?;
    memory_map::map_all(&file, prepared.image_len()).map_err(text)?;
    let prepared = kernel::set(prepared);
    let btf = prepared.btf();
    let found = Offsets::resolve(btf)
        .map_err(|missing| format!("this kernel's BTF lacks {}", missing.join(", ")))?;
    if u64::from(found.sizeof_page) != region::STRUCT_PAGE {
        return Err(format!("struct page has {} bytes, not 64", found.sizeof_page));
    }
    offsets::set(found);
    let percpu = prepared.percpu();
    Ptr(PERCPU).copy_from(Ptr(IMAGE + percpu.offset), percpu.len);
    patching::setup();
    natives::memory::setup();
    natives::percpu::setup(percpu.len);
    natives::random::setup(0x6b6f_6d6f_6400_0001);
    natives::timer::setup();
    natives::workqueue::setup();
    natives::rcu::setup();
    natives::patch::setup();
    softirq::setup();
    machine::setup();
    leaks::setup();
    module_events::setup();
    modules::setup();
    builtin::setup();
    exceptions::setup();
    cpu()?;
    sched::setup()?;
    clock::setup();
    traps::setup().map_err(|e| format!("signal handlers: {e}"))?;
    let fixed = stubs::setup();
    let installed = natives::all(&fixed, btf)
        .install(btf)
        .map_err(|errors| format!("natives that do not fit this kernel: {}", errors.join("; ")))?;
    super::boot::variables(&fixed);
    Ok(installed)
}

/// The per-CPU base, the stack canary and GS.
fn cpu() -> Result<(), String> {
    if let Some(offset) = kernel::symbol("this_cpu_off") {
        Ptr(PERCPU + offset.0).write(PERCPU);
    }
    // The canary lies at GS:40 (arch/x86/include/asm/stackprotector.h, 6.1).
    Ptr(PERCPU + 40).write(0x6b6f_6d6f_6421_0a00u64);
    if let Some(table) = kernel::function("__per_cpu_offset") {
        table.write(PERCPU);
    }
    memory_map::set_gs(PERCPU).map_err(|e| format!("cannot set GS: {e}"))
}
