//! Booting: what `start_kernel` does, minus the hardware, then every initcall.

use super::natives::memory;
use super::offsets::offsets;
use super::ptr::Ptr;
use super::region::{ARENA, ARENA_LEN, IMAGE, PAGE, PERCPU, VMALLOC, VMEMMAP};
use super::sched::{self, End};
use super::stubs::Fixed;
use super::{bootlist, clock, console, cpu_facts, files, kernel, machine};
use crate::protocol::FailedBuiltin;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Set `KOMOD_BOOT_DEBUG` to see each step on standard error.
fn debug(text: impl FnOnce() -> String) {
    if std::env::var_os("KOMOD_BOOT_DEBUG").is_some() {
        eprintln!("boot: {}", text());
    }
}

/// An initcall to run at a level beside the kernel's own.
#[derive(Debug, Clone)]
pub struct ExtraInitcall {
    /// Index of the kernel's group of initcalls at whose end it runs: early, then levels 0 to 7.
    pub group: usize,
    pub function: Ptr,
    /// The function's name, and that of the object it is in.
    pub name: String,
    pub object: String,
    /// The object's `__param` section: address and size.
    pub parameters: Option<(Ptr, u64)>,
}

/// What came of a boot.
#[derive(Debug, Default, Clone)]
pub struct Report {
    pub initcalls: u32,
    /// The kernel's own initcalls and early steps that faulted.
    pub failed: Vec<String>,
    pub failed_builtins: Vec<FailedBuiltin>,
}

/// Sets the variables that early code and inline functions read.
pub fn variables(fixed: &Fixed) {
    let o = offsets();
    let set64 = |name, value: u64| kernel::set_variable(name, value);
    set64("page_offset_base", 0);
    set64("phys_base", 0);
    set64("vmemmap_base", VMEMMAP);
    set64("vmalloc_base", VMALLOC);
    let pages = (ARENA + ARENA_LEN) / PAGE;
    set64("max_pfn", pages);
    set64("max_low_pfn", pages);
    set64("high_memory", ARENA + ARENA_LEN);
    set64("_totalram_pages", 1 << 20);
    kernel::set_variable("nr_cpu_ids", 1u32);
    kernel::set_variable("nr_online_nodes", 1u32);
    // RCU_SCHEDULER_RUNNING of include/linux/rcupdate.h.
    kernel::set_variable("rcu_scheduler_active", 2u32);
    kernel::set_variable("early_boot_irqs_disabled", 0u8);
    kernel::set_variable("acpi_disabled", 1i32);
    // With a panic the machine restarts at once, instead of waiting for somebody to look.
    kernel::set_variable("panic_timeout", -1i32);
    // Every task starts as a copy of init_task that takes no references of its own.
    for (name, structure, field) in [
        ("init_fs", "fs_struct", "users"),
        ("init_files", "files_struct", "count"),
        ("init_nsproxy", "nsproxy", "count"),
        ("init_cred", "cred", "usage"),
    ] {
        let at = kernel::prepared().btf().field(structure, field);
        if let (Some(object), Some(at)) = (kernel::function(name), at) {
            object.at(at.offset).write(1u32 << 24);
        }
    }
    paravirt(fixed);
    nodes();
    cpu_facts::set();
    // `kmalloc()` of constant size picks its cache by address; natives only ask for the size.
    if let Some(caches) = kernel::function("kmalloc_caches") {
        let size = kernel::prepared().symbols().nearest(caches.0).map_or(0, |(_, size)| size);
        for i in 0..size / 8 {
            let cache = memory::internal(u64::from(o.sizeof_cache), 64);
            let bytes = 1u32 << (3 + i % 14);
            cache.at(o.cache_size).write(bytes);
            cache.at(o.cache_object_size).write(bytes);
            cache.at(o.cache_name).write(memory::string(&format!("kmalloc-{bytes}")));
            caches.at(8 * i).write(cache);
        }
    }
    const IRQ_STACK: u64 = 64 * 1024;
    let irq_stack = memory::internal(IRQ_STACK, PAGE).0 + IRQ_STACK - 64;
    let slot = match (kernel::symbol("hardirq_stack_ptr"), kernel::symbol("pcpu_hot")) {
        (Some(p), _) => Some(Ptr(PERCPU + p.0)),
        (None, Some(hot)) => o.hot_hardirq_stack.map(|f| Ptr(PERCPU + hot.0).at(f)),
        _ => None,
    };
    if let Some(slot) = slot {
        slot.write(irq_stack);
    }
}

/// The paravirt operations: flags are emulated, page-table values are themselves, the rest has
/// no hardware to reach. Spinlock operations stay the kernel's.
fn paravirt(fixed: &Fixed) {
    let o = offsets();
    let Some(ops) = kernel::function("pv_ops") else { return };
    for offset in (0..o.pv_lock).step_by(8) {
        if ops.at(offset).read::<u64>() >= IMAGE {
            ops.at(offset).write(fixed.zero);
        }
    }
    let irq = ops.at(o.pv_irq);
    irq.at(o.pv_save_fl).write(fixed.save_fl);
    irq.at(o.pv_irq_disable).write(fixed.irq_disable);
    irq.at(o.pv_irq_enable).write(fixed.irq_enable);
    let btf = kernel::prepared().btf();
    // An empty top-level page table, for whoever looks an address up (an Oops does).
    if let Some(field) = btf.field("pv_mmu_ops", "read_cr3") {
        let table = memory::internal(PAGE, PAGE);
        ops.at(o.pv_mmu).at(field.offset).write(super::stubs::constant(table.0));
    }
    for value in [
        "pte_val", "make_pte", "pgd_val", "make_pgd", "pmd_val", "make_pmd", "pud_val", "make_pud",
        "p4d_val", "make_p4d",
    ] {
        if let Some(field) = btf.field("pv_mmu_ops", value) {
            ops.at(o.pv_mmu).at(field.offset).write(fixed.ident);
        }
    }
}

/// One memory node with its zones, so that statistics have somewhere to go.
fn nodes() {
    let o = offsets();
    if let Some(data) = kernel::function("node_data") {
        let node = memory::internal(u64::from(o.sizeof_node), PAGE);
        data.write(node);
        node.at(o.node_id).write(0i32);
        const ZONES: u32 = 5;
        for zone in 0..ZONES {
            node.at(o.node_zones + zone * o.sizeof_zone + o.zone_pgdat).write(node);
        }
    }
    // Of all possible nodes (the first mask) only node 0 is real.
    if let Some(states) = kernel::function("node_states") {
        let prepared = kernel::prepared();
        let kinds = prepared.btf().enum_value(Some("node_states"), "NR_NODE_STATES").unwrap_or(7);
        let size = prepared.symbols().nearest(states.0).map_or(0, |(_, size)| size);
        states.fill(0, (size / kinds.max(1) as u64) & !7);
        states.write(1u64);
    }
}

/// Runs the early steps and every initcall.
pub fn boot(cmdline: &str, extra: &[ExtraInitcall]) -> Report {
    let mut report = Report::default();
    let line = memory::string(cmdline);
    for name in ["saved_command_line", "static_command_line", "boot_command_line_ptr"] {
        kernel::set_variable(name, line);
    }
    if let Some(text) = kernel::function("boot_command_line") {
        let mut bytes = cmdline.as_bytes().to_vec();
        bytes.truncate(2047);
        bytes.push(0);
        text.write_bytes(&bytes);
    }
    early(&mut report);
    sched::set_kthread_ready();
    let (line, parameters) = (cmdline.to_string(), extra.to_vec());
    let parse = move || {
        for area in parameters.iter().filter_map(|e| e.parameters) {
            super::builtin::parse_parameters(&line, area);
        }
    };
    run_steps(&[("built-in parameters", Box::new(parse))], &mut report);
    initcalls(extra, &mut report);
    run_steps(&[("finish", Box::new(finish))], &mut report);
    report
}

type Step = (&'static str, Box<dyn Fn()>);

fn early(report: &mut Report) {
    let steps: Vec<Step> = bootlist::EARLY
        .iter()
        .map(|name| -> Step {
            let name: &'static str = name;
            match name {
                "console" => (name, Box::new(console::register)),
                "interrupts" => (name, Box::new(super::interrupts::provide)),
                "nodes" => (name, Box::new(init_nodes)),
                "parameters" => (name, Box::new(parse_parameters)),
                _ => (
                    name,
                    Box::new(move || {
                        kernel::call(name, &[]);
                    }),
                ),
            }
        })
        .collect();
    run_steps(&steps, report);
}

fn init_nodes() {
    if let Some(data) = kernel::function("node_data") {
        let node = data.read::<u64>();
        kernel::call("pgdat_init_internals", &[node]);
        kernel::call("lru_gen_init_pgdat", &[node]);
    }
}

/// The command line's parameters for built-in code, through the kernel's own `parse_args`.
fn parse_parameters() {
    let symbol = kernel::function;
    let (Some(start), Some(stop), Some(parse), Some(line)) = (
        symbol("__start___param"),
        symbol("__stop___param"),
        symbol("parse_args"),
        symbol("static_command_line"),
    ) else {
        return;
    };
    let size = kernel::prepared().btf().struct_size("kernel_param").unwrap_or(40);
    let count = (stop.0 - start.0) / u64::from(size);
    if Ptr(line.read()).read::<u8>() == 0 {
        return;
    }
    let doing = memory::string("Booting kernel");
    // Levels -1 to -1: the parameters that are read before any initcall.
    let minus_one = u64::from(u32::MAX);
    kernel::call_with_stack(
        parse,
        [doing.0, line.read(), start.0, count, minus_one, minus_one],
        [0, super::stubs::fixed().zero], // no argument; unknown words are for user space
    );
}

/// Runs steps in boot tasks, one after the other; a step that faults is noted and left out.
fn run_steps(steps: &[Step], report: &mut Report) {
    let next = Rc::new(Cell::new(0));
    // The steps live on this frame, which outlives every task that runs them; tasks want 'static.
    type Borrowed = (&'static str, *const dyn Fn());
    let all: Rc<Vec<Borrowed>> = Rc::new(steps.iter().map(|(n, f)| (*n, &raw const **f)).collect());
    while next.get() < all.len() {
        let (next_in, all_in) = (next.clone(), all.clone());
        let task = sched::spawn_boot(Box::new(move || {
            while let Some((name, step)) = all_in.get(next_in.get()) {
                next_in.set(next_in.get() + 1);
                debug(|| (*name).to_string());
                // SAFETY: `run_steps` holds the closures until every boot task has ended.
                unsafe { (**step)() };
                sched::reset_preempt();
            }
        }));
        let end = sched::run_until(|| sched::is_finished(task), Some(clock::now() + HOUR));
        let name = all.get(next.get().wrapping_sub(1)).map_or("?", |s| s.0);
        if sched::reap(task) || end != End::Done {
            debug(|| format!("{name} did not end well: {end:?}"));
            report.failed.push(name.to_string());
        }
    }
}

const HOUR: u64 = 3_600_000_000_000;

/// Every initcall, level by level, in link order; extra ones at the end of their level.
fn initcalls(extra: &[ExtraInitcall], report: &mut Report) {
    const LEVELS: [&str; 10] = [
        "__initcall_start",
        "__initcall0_start",
        "__initcall1_start",
        "__initcall2_start",
        "__initcall3_start",
        "__initcall4_start",
        "__initcall5_start",
        "__initcall6_start",
        "__initcall7_start",
        "__initcall_end",
    ];
    let mut list: Vec<Initcall> = Vec::new();
    for (index, pair) in LEVELS.windows(2).enumerate() {
        let (Some(from), Some(to)) = (kernel::function(pair[0]), kernel::function(pair[1])) else {
            continue;
        };
        for entry in (from.0..to.0).step_by(4) {
            // CONFIG_HAVE_ARCH_PREL32_RELOCATIONS: relative to the entry itself.
            let function = entry.wrapping_add(Ptr(entry).read::<i32>() as u64);
            let name = machine::locate(function).symbol.unwrap_or_default();
            if !bootlist::SKIP.contains(&name.as_str()) {
                list.push(Initcall { name, function: Ptr(function), object: None });
            }
        }
        let here = extra.iter().filter(|e| e.group == index);
        list.extend(here.map(|e| Initcall {
            name: e.name.clone(),
            function: e.function,
            object: Some(e.object.clone()),
        }));
    }
    let list = Rc::new(list);
    let next = Rc::new(Cell::new(0));
    let failed = Rc::new(RefCell::new(Vec::new()));
    while next.get() < list.len() {
        let (next_in, list_in, failed_in) = (next.clone(), list.clone(), failed.clone());
        let task = sched::spawn(
            "swapper/0",
            Box::new(move || {
                while let Some(initcall) = list_in.get(next_in.get()) {
                    next_in.set(next_in.get() + 1);
                    debug(|| initcall.name.clone());
                    let result = kernel::call_at(initcall.function, &[]) as i32;
                    if result < 0 {
                        failed_in.borrow_mut().extend(initcall.failure(Some(-result)));
                    }
                    sched::reset_preempt();
                }
            }),
        );
        let end = sched::run_until(|| sched::is_finished(task), Some(clock::now() + HOUR));
        if sched::reap(task) || end != End::Done {
            let Some(initcall) = list.get(next.get().wrapping_sub(1)) else { continue };
            debug(|| format!("initcall {} did not end well: {end:?}", initcall.name));
            match initcall.failure(None) {
                Some(failure) => failed.borrow_mut().push(failure),
                None => report.failed.push(initcall.name.clone()),
            }
        }
    }
    report.initcalls = list.len() as u32;
    report.failed_builtins = failed.take();
}

/// A function of the boot.
struct Initcall {
    name: String,
    function: Ptr,
    /// The built-in object that it is from; the kernel itself without one.
    object: Option<String>,
}

impl Initcall {
    /// The report of its failure, if it is a built-in object's.
    fn failure(&self, errno: Option<i32>) -> Option<FailedBuiltin> {
        let object = self.object.clone()?;
        Some(FailedBuiltin { object, function: self.name.clone(), errno })
    }
}

/// After the initcalls: the system runs.
fn finish() {
    // SYSTEM_RUNNING is the value after SYSTEM_FREEING_INITMEM (include/linux/kernel.h).
    let running = kernel::prepared().btf().enum_value(Some("system_states"), "SYSTEM_RUNNING");
    kernel::set_variable("system_state", running.unwrap_or(3) as u32);
    acpi_bus();
    kernel::call("regulator_has_full_constraints", &[]);
    files::mount_all();
    super::module_events::register();
    random_ready();
    seal();
}

/// The random generator is ready: who waited for that is told (`%p` hashes from then on).
/// `random_ready_notifier` of drivers/char/random.c (6.12).
fn random_ready() {
    if let Some(chain) = kernel::function("random_ready_notifier") {
        kernel::call("atomic_notifier_call_chain", &[chain.0, 0, 0]);
    }
}

/// Code and constants become read-only (`mark_rodata_ro`).
fn seal() {
    let range = |from: &str, to: &str| kernel::function(from).zip(kernel::function(to));
    if let Some((start, end)) = range("_text", "_etext") {
        super::patching::seal(start.0, end.0, true);
    }
    if let Some((start, end)) = range("__start_rodata", "__end_rodata") {
        super::patching::seal(start.0, end.0, false);
    }
}

/// An ACPI system without devices: the bus that many platform drivers register with exists.
fn acpi_bus() {
    let Some(bus) = kernel::function("acpi_bus_type") else { return };
    kernel::call("bus_register", &[bus.0]);
    kernel::set_variable("acpi_disabled", 0i32);
    let name = memory::string("acpi");
    if let Some(parent) = kernel::function("firmware_kobj") {
        let args = [name.0, parent.read::<u64>()];
        if let Some(object) = kernel::call("kobject_create_and_add", &args) {
            kernel::set_variable("acpi_kobj", object);
        }
    }
    if let Some(dir) = kernel::call("proc_mkdir", &[name.0, 0]) {
        kernel::set_variable("acpi_root_dir", dir);
    }
}
