//! Sections the kernel itself uses, and the fields of `struct module` that point at them.
//!
//! Source: `find_module_sections()`, `kernel/module/main.c`, and `module_bug_finalize()`,
//! `lib/bug.c`, Linux 6.1 and 6.12. A field the target's `struct module` does not have belongs to a
//! feature it was built without; such a row does nothing.

/// What a section is an array of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// Things of this many bytes.
    Bytes(u32),
    /// Structs of this name, see [`OBJECTS`](crate::struct_module::OBJECTS).
    Struct(&'static str),
}

/// One section with its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SectionField {
    /// Section.
    pub section: &'static str,
    /// Path of the pointer to its start.
    pub pointer: &'static str,
    /// Path of the number of elements; empty if there is none.
    pub count: &'static str,
    /// Element.
    pub element: Element,
    /// Also sections that take no memory count; the pointer then goes to the module file.
    pub any: bool,
}

const fn row(
    section: &'static str,
    pointer: &'static str,
    count: &'static str,
    element: Element,
) -> SectionField {
    SectionField { section, pointer, count, element, any: false }
}

const fn any(section: &'static str, pointer: &'static str, count: &'static str) -> SectionField {
    SectionField { section, pointer, count, element: Element::Bytes(1), any: true }
}

use Element::{Bytes, Struct};

/// A pointer.
const POINTER: Element = Bytes(8);

/// The sections the loader finds for the kernel.
pub const SECTION_FIELDS: &[SectionField] = &[
    row("__param", "kp", "num_kp", Struct("kernel_param")),
    row("__ksymtab", "syms", "num_syms", Struct("kernel_symbol")),
    row("__kcrctab", "crcs", "", Bytes(4)),
    row("__ksymtab_gpl", "gpl_syms", "num_gpl_syms", Struct("kernel_symbol")),
    row("__kcrctab_gpl", "gpl_crcs", "", Bytes(4)),
    row(".noinstr.text", "noinstr_text_start", "noinstr_text_size", Bytes(1)),
    row("__tracepoints_ptrs", "tracepoints_ptrs", "num_tracepoints", Bytes(4)),
    row("___srcu_struct_ptrs", "srcu_struct_ptrs", "num_srcu_structs", POINTER),
    row("__bpf_raw_tp_map", "bpf_raw_events", "num_bpf_raw_events", Struct("bpf_raw_event_map")),
    any(".BTF", "btf_data", "btf_data_size"),
    any(".BTF.base", "btf_base_data", "btf_base_data_size"),
    row("__jump_table", "jump_entries", "num_jump_entries", Struct("jump_entry")),
    row("_ftrace_events", "trace_events", "num_trace_events", POINTER),
    row("_ftrace_eval_map", "trace_evals", "num_trace_evals", POINTER),
    row("__trace_printk_fmt", "trace_bprintk_fmt_start", "num_trace_bprintk_fmt", POINTER),
    row("__mcount_loc", "ftrace_callsites", "num_ftrace_callsites", POINTER),
    row("_error_injection_whitelist", "ei_funcs", "num_ei_funcs", Struct("error_injection_entry")),
    row(".kprobes.text", "kprobes_text_start", "kprobes_text_size", Bytes(1)),
    row("_kprobe_blacklist", "kprobe_blacklist", "num_kprobe_blacklist", POINTER),
    row(".printk_index", "printk_index_start", "printk_index_size", POINTER),
    row(
        ".static_call_sites",
        "static_call_sites",
        "num_static_call_sites",
        Struct("static_call_site"),
    ),
    row(".kunit_test_suites", "kunit_suites", "num_kunit_suites", POINTER),
    row(".kunit_init_test_suites", "kunit_init_suites", "num_kunit_init_suites", POINTER),
    row("__ex_table", "extable", "num_exentries", Struct("exception_table_entry")),
    row("__dyndbg", "dyndbg_info.descs", "dyndbg_info.num_descs", Struct("_ddebug")),
    row(
        "__dyndbg_classes",
        "dyndbg_info.classes",
        "dyndbg_info.num_classes",
        Struct("ddebug_class_map"),
    ),
    SectionField {
        section: "__bug_table",
        pointer: "bug_table",
        count: "num_bugs",
        element: Struct("bug_entry"),
        any: true,
    },
];

/// The two sections that may hold constructors; the first that exists counts.
pub(crate) const CONSTRUCTORS: [&str; 2] = [".ctors", ".init_array"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::struct_module::{FIELDS, OBJECTS};

    #[test]
    fn every_path_is_one_that_callers_resolve() {
        for field in SECTION_FIELDS {
            assert!(FIELDS.contains(&field.pointer), "{}", field.pointer);
            assert!(field.count.is_empty() || FIELDS.contains(&field.count), "{}", field.count);
            if let Element::Struct(name) = field.element {
                assert!(OBJECTS.iter().any(|object| object.0 == name), "{name}");
            }
        }
    }
}
