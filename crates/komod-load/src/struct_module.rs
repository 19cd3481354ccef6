//! `struct module`: which of its fields the loader fills, and where they are.
//!
//! Every kernel build lays `struct module` out in its own way, so no offset is written down here:
//! the caller resolves the paths in [`FIELDS`] against the target's own type information (BTF) and
//! hands the result over as a [`StructModule`]. A path the target does not have is a feature it was
//! built without; the loader then leaves it out.

use alloc::collections::BTreeMap;

/// Paths of the fields the loader reads or writes, relative to `struct module`, in C notation.
///
/// `core_layout`/`init_layout` exist before Linux 6.4, `mem[…]` from then on
/// (`include/linux/module.h`, Linux 6.1 and 6.12).
pub const FIELDS: &[&str] = &[
    "state",
    "list",
    "name",
    "build_id",
    "syms",
    "crcs",
    "num_syms",
    "param_lock.wait_list",
    "kp",
    "num_kp",
    "num_gpl_syms",
    "gpl_syms",
    "gpl_crcs",
    "using_gplonly_symbols",
    "sig_ok",
    "num_exentries",
    "extable",
    "init",
    "core_layout.base",
    "core_layout.size",
    "core_layout.text_size",
    "core_layout.ro_size",
    "core_layout.ro_after_init_size",
    "core_layout.mtn.mod",
    "init_layout.base",
    "init_layout.size",
    "init_layout.text_size",
    "init_layout.ro_size",
    "init_layout.ro_after_init_size",
    "init_layout.mtn.mod",
    "mem[0].base",
    "mem[0].size",
    "mem[0].mtn.mod",
    "mem[1].base",
    "mem[1].size",
    "mem[1].mtn.mod",
    "mem[2].base",
    "mem[2].size",
    "mem[2].mtn.mod",
    "mem[3].base",
    "mem[3].size",
    "mem[3].mtn.mod",
    "mem[4].base",
    "mem[4].size",
    "mem[4].mtn.mod",
    "mem[5].base",
    "mem[5].size",
    "mem[5].mtn.mod",
    "mem[6].base",
    "mem[6].size",
    "mem[6].mtn.mod",
    "taints",
    "num_bugs",
    "bug_list",
    "bug_table",
    "kallsyms",
    "core_kallsyms.symtab",
    "core_kallsyms.num_symtab",
    "core_kallsyms.strtab",
    "core_kallsyms.typetab",
    "args",
    "percpu",
    "percpu_size",
    "noinstr_text_start",
    "noinstr_text_size",
    "num_tracepoints",
    "tracepoints_ptrs",
    "num_srcu_structs",
    "srcu_struct_ptrs",
    "num_bpf_raw_events",
    "bpf_raw_events",
    "btf_data_size",
    "btf_data",
    "btf_base_data_size",
    "btf_base_data",
    "jump_entries",
    "num_jump_entries",
    "num_trace_bprintk_fmt",
    "trace_bprintk_fmt_start",
    "trace_events",
    "num_trace_events",
    "trace_evals",
    "num_trace_evals",
    "num_ftrace_callsites",
    "ftrace_callsites",
    "kprobes_text_start",
    "kprobes_text_size",
    "kprobe_blacklist",
    "num_kprobe_blacklist",
    "num_static_call_sites",
    "static_call_sites",
    "num_kunit_init_suites",
    "kunit_init_suites",
    "num_kunit_suites",
    "kunit_suites",
    "klp",
    "printk_index_size",
    "printk_index_start",
    "source_list",
    "target_list",
    "exit",
    "refcnt",
    "ctors",
    "num_ctors",
    "ei_funcs",
    "num_ei_funcs",
    "dyndbg_info.descs",
    "dyndbg_info.num_descs",
    "dyndbg_info.classes",
    "dyndbg_info.num_classes",
];

/// Structs whose size the loader divides sections by, with their size on x86-64 in Linux 6.1 and
/// 6.12, used if the target's type information does not have them.
pub const OBJECTS: &[(&str, u32)] = &[
    ("kernel_param", 40),
    ("kernel_symbol", 12),
    ("exception_table_entry", 12),
    ("bug_entry", 12),
    ("jump_entry", 16),
    ("static_call_site", 8),
    ("bpf_raw_event_map", 32),
    ("error_injection_entry", 16),
    ("_ddebug", 56),
    ("ddebug_class_map", 64),
    ("mod_kallsyms", 32),
];

/// The struct `mem[]` is an array of.
const MEMORY: &str = "module_memory";

/// `offsetof(struct module, name)` on every 64-bit kernel: after the state and a list head.
const NAME_OFFSET: u32 = 24;
/// `MODULE_NAME_LEN` on 64-bit machines.
pub(crate) const NAME_LEN: usize = 56;

/// The layout of `struct module` in one kernel.
#[derive(Clone, Debug, Default)]
pub struct StructModule {
    size: Option<u32>,
    offsets: BTreeMap<&'static str, u32>,
    objects: BTreeMap<&'static str, u32>,
}

impl StructModule {
    /// Nothing is known: modules can be planned (without the check of the size), but the linked
    /// image's `struct module` stays as it is in the file.
    pub fn unknown() -> Self {
        StructModule::default()
    }

    /// Resolves [`FIELDS`] and [`OBJECTS`] against a kernel's type information.
    ///
    /// `size_of` answers with the size of a struct, `offset_of` with the byte offset of a field
    /// (`a`, `a.b`) in a struct; neither needs to know arrays. `None` if there is no `struct
    /// module`.
    ///
    /// ```
    /// # use komod_load::StructModule;
    /// let layout = StructModule::resolve(
    ///     |name| (name == "module").then_some(0x380),
    ///     |name, path| match (name, path) {
    ///         ("module", "init") => Some(0x138),
    ///         ("module", "exit") => Some(0x350),
    ///         _ => None,
    ///     },
    /// )
    /// .unwrap();
    /// assert_eq!(layout.offset("exit"), Some(0x350));
    /// assert_eq!(layout.object("kernel_param"), 40);
    /// ```
    pub fn resolve(
        size_of: impl Fn(&str) -> Option<u32>,
        offset_of: impl Fn(&str, &str) -> Option<u32>,
    ) -> Option<Self> {
        let size = size_of("module")?;
        let offset = |path: &str| match path.split_once('[') {
            None => offset_of("module", path),
            Some((array, element)) => {
                let (index, field) = element.split_once("].")?;
                let index: u32 = index.parse().ok()?;
                let start = size_of(MEMORY)?.checked_mul(index)?;
                let start = start.checked_add(offset_of("module", array)?)?;
                start.checked_add(offset_of(MEMORY, field)?)
            }
        };
        let inside = |offset: &u32| *offset < size;
        let offsets = FIELDS.iter().filter_map(|&path| Some((path, offset(path).filter(inside)?)));
        let objects = OBJECTS.iter().filter_map(|&(name, _)| Some((name, size_of(name)?)));
        Some(StructModule {
            size: Some(size),
            offsets: offsets.collect(),
            objects: objects.collect(),
        })
    }

    /// `sizeof(struct module)`, if known.
    pub fn size(&self) -> Option<u32> {
        self.size
    }

    /// Offset of the field with this path; only paths in [`FIELDS`] are ever known.
    pub fn offset(&self, path: &str) -> Option<u32> {
        let offset = self.offsets.get(path).copied();
        if path == "name" { offset.or(Some(NAME_OFFSET)) } else { offset }
    }

    /// Size of a struct in [`OBJECTS`]; 1 for others.
    pub fn object(&self, name: &str) -> u32 {
        let standard = || OBJECTS.iter().find(|object| object.0 == name).map(|object| object.1);
        self.objects.get(name).copied().or_else(standard).filter(|&size| size > 0).unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn paths_are_unique() {
        assert_eq!(FIELDS.iter().collect::<BTreeSet<_>>().len(), FIELDS.len());
    }

    #[test]
    fn sizes_fall_back_to_the_table() {
        let size_of = |name: &str| match name {
            "module" => Some(64),
            "_ddebug" => Some(99),
            _ => None,
        };
        let layout = StructModule::resolve(size_of, |_, _| None).unwrap();
        assert_eq!(layout.object("_ddebug"), 99);
        assert_eq!(layout.object("jump_entry"), 16);
        assert_eq!(layout.object("no such struct"), 1);
        assert_eq!(layout.offset("name"), Some(24));
        assert_eq!(layout.offset("state"), None);
        assert!(StructModule::resolve(|_| None, |_, _| Some(0)).is_none());
    }

    #[test]
    fn elements_of_arrays_are_found() {
        let size_of = |name: &str| match name {
            "module" => Some(0x500),
            "module_memory" => Some(72),
            _ => None,
        };
        let offset_of = |name: &str, path: &str| match (name, path) {
            ("module", "mem") => Some(0x140),
            ("module_memory", "base") => Some(0),
            ("module_memory", "mtn.mod") => Some(16),
            _ => None,
        };
        let layout = StructModule::resolve(size_of, offset_of).unwrap();
        assert_eq!(layout.offset("mem[0].base"), Some(0x140));
        assert_eq!(layout.offset("mem[6].mtn.mod"), Some(0x140 + 6 * 72 + 16));
        assert_eq!(layout.offset("mem[6].size"), None);
    }
}
