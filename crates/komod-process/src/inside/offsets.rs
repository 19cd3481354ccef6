//! Where the fields lie that natives touch: read from the kernel's own BTF at start, never from
//! headers, so that one binary serves every kernel.

use super::single::Single;
use komod_kernel::btf::Btf;

macro_rules! offsets {
    (
        required { $($name:ident = $st:literal . $field:literal,)* }
        optional { $($oname:ident = $ost:literal . $ofield:literal,)* }
        sizes { $($sname:ident = $sst:literal,)* }
    ) => {
        #[derive(Debug, Clone, Copy)]
        pub struct Offsets {
            $(pub $name: u32,)*
            $(pub $oname: Option<u32>,)*
            $(pub $sname: u32,)*
        }

        impl Offsets {
            /// Resolves every field; the error lists the required ones this kernel lacks.
            pub fn resolve(btf: &Btf) -> Result<Offsets, Vec<String>> {
                let mut missing = Vec::new();
                let offsets = Offsets {
                    $($name: btf.field($st, $field).map(|f| f.offset).unwrap_or_else(|| {
                        missing.push(format!("{}.{}", $st, $field));
                        0
                    }),)*
                    $($oname: btf.field($ost, $ofield).map(|f| f.offset),)*
                    $($sname: btf.struct_size($sst).unwrap_or_else(|| {
                        missing.push(format!("sizeof({})", $sst));
                        0
                    }),)*
                };
                if missing.is_empty() { Ok(offsets) } else { Err(missing) }
            }
        }
    };
}

offsets! {
    required {
        task_comm = "task_struct"."comm",
        task_pid = "task_struct"."pid",
        task_tgid = "task_struct"."tgid",
        task_state = "task_struct"."__state",
        task_stack = "task_struct"."stack",
        task_usage = "task_struct"."usage",
        task_flags = "task_struct"."flags",
        task_vfork_done = "task_struct"."vfork_done",
        task_signals = "task_struct"."pending.signal",
        task_worker_private = "task_struct"."worker_private",
        kthread_result = "kthread"."result",
        kthread_exited = "kthread"."exited",
        timer_pprev = "timer_list"."entry.pprev",
        timer_expires = "timer_list"."expires",
        timer_function = "timer_list"."function",
        work_data = "work_struct"."data",
        work_func = "work_struct"."func",
        delayed_work_work = "delayed_work"."work",
        hrtimer_expires = "hrtimer"."node.expires",
        hrtimer_softexpires = "hrtimer"."_softexpires",
        hrtimer_function = "hrtimer"."function",
        hrtimer_state = "hrtimer"."state",
        page_flags = "page"."flags",
        page_refcount = "page"."_refcount",
        page_mapcount = "page"."_mapcount",
        page_compound_head = "page"."compound_head",
        page_lru = "page"."lru",
        cache_size = "kmem_cache"."size",
        cache_object_size = "kmem_cache"."object_size",
        cache_align = "kmem_cache"."align",
        cache_ctor = "kmem_cache"."ctor",
        cache_name = "kmem_cache"."name",
        cache_flags = "kmem_cache"."flags",
        console_name = "console"."name",
        console_write = "console"."write",
        console_flags = "console"."flags",
        console_index = "console"."index",
        cpu_capability = "cpuinfo_x86"."x86_capability",
        cpu_clflush_size = "cpuinfo_x86"."x86_clflush_size",
        cpu_cache_alignment = "cpuinfo_x86"."x86_cache_alignment",
        cpu_loops_per_jiffy = "cpuinfo_x86"."loops_per_jiffy",
        node_id = "pglist_data"."node_id",
        node_zones = "pglist_data"."node_zones",
        zone_pgdat = "zone"."zone_pgdat",
        pv_irq = "paravirt_patch_template"."irq",
        pv_lock = "paravirt_patch_template"."lock",
        pv_mmu = "paravirt_patch_template"."mmu",
        pv_save_fl = "pv_irq_ops"."save_fl",
        pv_irq_disable = "pv_irq_ops"."irq_disable",
        pv_irq_enable = "pv_irq_ops"."irq_enable",
    }
    optional {
        hot_current = "pcpu_hot"."current_task",
        hot_preempt_count = "pcpu_hot"."preempt_count",
        hot_top_of_stack = "pcpu_hot"."top_of_stack",
        hot_hardirq_stack = "pcpu_hot"."hardirq_stack_ptr",
        irq_softirq_pending = "irq_cpustat_t"."__softirq_pending",
        hrtimer_is_soft = "hrtimer"."is_soft",
        args_align = "kmem_cache_args"."align",
        args_ctor = "kmem_cache_args"."ctor",
        page_compound_order = "page"."compound_order",
        folio_nr_pages = "folio"."_folio_nr_pages",
    }
    sizes {
        sizeof_task = "task_struct",
        sizeof_page = "page",
        sizeof_console = "console",
        sizeof_cache = "kmem_cache",
        sizeof_zone = "zone",
        sizeof_node = "pglist_data",
        sizeof_workqueue = "workqueue_struct",
    }
}

static OFFSETS: Single<&'static Offsets> = Single::new();

pub fn set(offsets: Offsets) {
    OFFSETS.set(Box::leak(Box::new(offsets)));
}

/// The offsets of the kernel that runs in this process.
pub fn offsets() -> &'static Offsets {
    OFFSETS.with(|o| *o)
}
