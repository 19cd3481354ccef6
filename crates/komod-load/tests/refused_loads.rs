//! Refusals for what a module needs: every one with the kernel's error number and words.

mod elf_builder;
mod refused;

use elf_builder::{GLOBAL, LAYOUT_CRC, PRINTK_CRC, WEAK, hello, kernel, versions};
use komod_load::RefusalCode::*;
use komod_load::{Errno, plan, survey};
use komod_object::elf::*;
use refused::{BOTH, NEW, OLD, Setting, UNSIGNED, V6_1, V6_12, refuse};

const WX: u64 = SHF_ALLOC | SHF_WRITE | SHF_EXECINSTR;

#[test]
fn module_layout_and_vermagic() {
    let other = |s: &mut Setting| {
        s.elf.get("__versions").data = versions(&[(1, "module_layout"), (PRINTK_CRC, "_printk")]);
    };
    let text = &["hello: disagrees about version of symbol module_layout"];
    refuse(BOTH, other, ModuleLayoutCrc, Errno::ENOEXEC, text);
    let empty = |s: &mut Setting| s.elf.get("__versions").data.clear();
    let text = &["hello: no symbol version for module_layout"];
    refuse(BOTH, empty, NoModuleLayoutVersion, Errno::ENOEXEC, text);
    let none = |s: &mut Setting| {
        s.elf.get("__versions").name = ".none".into();
        s.kernel.facts.config.force_load = false;
    };
    refuse(BOTH, none, NoVersions, Errno::ENOEXEC, &[]);
    let flags = |s: &mut Setting| s.modinfo("vermagic", Some("6.1.0-56-amd64 SMP "));
    for &version in BOTH {
        let wanted = kernel(version).facts.vermagic;
        let text = format!("hello: version magic '6.1.0-56-amd64 SMP ' should be '{wanted}'");
        refuse(&[version], flags, VersionMagic, Errno::ENOEXEC, &[&text]);
    }
    let absent = |s: &mut Setting| {
        s.modinfo("vermagic", None);
        s.kernel.facts.config.force_load = false;
    };
    refuse(BOTH, absent, NoVersionMagic, Errno::ENOEXEC, &[]);
    let livepatch = |s: &mut Setting| {
        s.modinfo("livepatch", Some("Y"));
        s.kernel.facts.config.livepatch = false;
    };
    let text = &["hello: module is marked as livepatch module, but livepatch support is disabled"];
    refuse(BOTH, livepatch, Livepatch, Errno::ENOEXEC, text);
}

#[test]
fn other_release_with_checksums_is_fine_and_force_taints() {
    for &version in BOTH {
        let mut setting = Setting::new(version);
        let magic = "5.0.0 SMP preempt mod_unload modversions ";
        setting.modinfo("vermagic", Some(magic));
        let bytes = setting.bytes();
        assert!(plan(&bytes, &setting.kernel, &setting.request).is_ok());

        setting.request.ignore_vermagic = true;
        setting.request.ignore_modversions = true;
        let plan = plan(&bytes, &setting.kernel, &setting.request).unwrap();
        assert_eq!(plan.dmesg[0].text, "hello: module_layout: kernel tainted.");
        assert_eq!(plan.taint.module_letters(), "FE");
        let others = plan.dmesg.iter().filter(|line| line.text.contains("kernel tainted.")).count();
        assert_eq!(others, 1, "said once only");
    }
}

#[test]
fn symbols() {
    let unknown = |s: &mut Setting| {
        s.import("nowhere");
        s.import("nor_here");
    };
    refuse(
        BOTH,
        unknown,
        UnknownSymbol,
        Errno::ENOENT,
        &[
            UNSIGNED,
            "hello: Unknown symbol nowhere (err -2)",
            "hello: Unknown symbol nor_here (err -2)",
        ],
    );
    let crc = |s: &mut Setting| {
        let entries = [(LAYOUT_CRC, "module_layout"), (7, "_printk"), (1, "param_ops_int")];
        s.elf.get("__versions").data = versions(&entries);
    };
    refuse(
        BOTH,
        crc,
        SymbolCrc,
        Errno::EINVAL,
        &[
            UNSIGNED,
            "hello: disagrees about version of symbol _printk",
            "hello: Unknown symbol _printk (err -22)",
        ],
    );
    let gap = |s: &mut Setting| {
        s.elf.get("__versions").data = versions(&[(LAYOUT_CRC, "module_layout")]);
    };
    refuse(
        BOTH,
        gap,
        NoSymbolVersion,
        Errno::EINVAL,
        &[
            UNSIGNED,
            "hello: no symbol version for _printk",
            "hello: Unknown symbol _printk (err -22)",
        ],
    );
    let namespace = |s: &mut Setting| {
        s.kernel.export("_printk", 0).namespace = Some("PRIVATE".into());
    };
    refuse(
        BOTH,
        namespace,
        Namespace,
        Errno::EINVAL,
        &[
            UNSIGNED,
            "hello: module uses symbol (_printk) from namespace PRIVATE, but does not import it.",
            "hello: Unknown symbol _printk (err -22)",
        ],
    );
    let common = |s: &mut Setting| {
        s.elf.symbol("shared", GLOBAL, SHN_COMMON, 8);
    };
    refuse(
        BOTH,
        common,
        CommonSymbol,
        Errno::ENOEXEC,
        &[UNSIGNED, "hello: please compile with -fno-common"],
    );
    let index = |s: &mut Setting| {
        s.elf.symbol("lost", GLOBAL, 500, 0);
    };
    let max = hello(V6_1).build()[60] - 1;
    let text = format!("hello: Symbol lost has an invalid section index 500 (max {max})");
    refuse(BOTH, index, CorruptElf, Errno::ENOEXEC, &[UNSIGNED, &text]);
}

#[test]
fn weak_symbols_and_namespaces_may_be_allowed() {
    for &version in BOTH {
        let mut setting = Setting::new(version);
        setting.elf.symbol("maybe", WEAK, SHN_UNDEF, 0);
        setting.elf.symbol("_GLOBAL_OFFSET_TABLE_", GLOBAL, SHN_UNDEF, 0);
        setting.kernel.export("_printk", 0).namespace = Some("PRIVATE".into());
        setting.modinfo("import_ns", Some("PRIVATE"));
        let bytes = setting.bytes();
        assert!(plan(&bytes, &setting.kernel, &setting.request).is_ok());

        setting.modinfo("import_ns", None);
        setting.kernel.facts.config.allow_missing_namespace_imports = true;
        let bytes = setting.bytes();
        let plan = plan(&bytes, &setting.kernel, &setting.request).unwrap();
        assert!(plan.dmesg[1].text.contains("but does not import it."));
        assert_eq!(plan.dmesg[1].level, 4);
    }
}

#[test]
fn licences() {
    let gpl_only = |s: &mut Setting| {
        s.modinfo("license", Some("Proprietary"));
        s.kernel.export("_printk", 0).gpl_only = true;
    };
    let license = "hello: module license 'Proprietary' taints kernel.";
    let unknown = "hello: Unknown symbol _printk (err -2)";
    let locks = "Disabling lock debugging due to kernel taint";
    refuse(OLD, gpl_only, GplOnly, Errno::ENOENT, &[license, locks, UNSIGNED, unknown]);
    let again = "hello: module license taints kernel.";
    refuse(NEW, gpl_only, GplOnly, Errno::ENOENT, &[license, locks, UNSIGNED, again, unknown]);
}

#[test]
fn layout_and_sections() {
    let wx = |s: &mut Setting| s.elf.get(".init.text").flags = WX;
    let text = "hello: section .init.text (index 2) has invalid WRITE|EXEC flags";
    refuse(BOTH, wx, WriteExec, Errno::ENOEXEC, &[text]);
    let percpu = |s: &mut Setting| {
        s.elf.section(".data..percpu", SHT_NOBITS, SHF_ALLOC | SHF_WRITE, 8, &[]);
        s.elf.get(".data..percpu").size = Some(200_000);
    };
    refuse(
        BOTH,
        percpu,
        PerCpu,
        Errno::ENOMEM,
        &[
            UNSIGNED,
            "illegal size (200000) or align (8) for percpu allocation",
            "hello: Could not allocate 200000 bytes percpu data",
        ],
    );
    let uneven = |s: &mut Setting| {
        s.elf.section(".data..percpu", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, 24, &[0; 8]);
    };
    let text = "illegal size (8) or align (24) for percpu allocation";
    let no_room = "hello: Could not allocate 8 bytes percpu data";
    refuse(BOTH, uneven, PerCpu, Errno::ENOMEM, &[UNSIGNED, text, no_room]);
    let full = |s: &mut Setting| {
        percpu(s);
        s.elf.get(".data..percpu").size = Some(4096);
        s.kernel.facts.percpu_free = Some(4000);
    };
    let dump = "percpu: allocation failed, size=4096 align=8 atomic=0, alloc from reserved chunk \
                failed";
    let text = "hello: Could not allocate 4096 bytes percpu data";
    refuse(BOTH, full, PerCpu, Errno::ENOMEM, &[UNSIGNED, dump, text]);
    let large = |s: &mut Setting| s.elf.get(".bss").size = Some(1 << 60);
    refuse(BOTH, large, TooLarge, Errno::ENOMEM, &[]);
    // Each fits, but not both.
    let halves = |s: &mut Setting| {
        let half = Some(s.kernel.facts.module_area / 2 + 1);
        for (name, flags) in [(".a", SHF_ALLOC), (".b", SHF_ALLOC | SHF_WRITE)] {
            s.elf.section(name, SHT_NOBITS, flags, 8, &[]);
            s.elf.get(name).size = half;
        }
    };
    refuse(BOTH, halves, TooLarge, Errno::ENOMEM, &[]);
    let constructors = |s: &mut Setting| {
        s.kernel.facts.config.constructors = true;
        s.elf.section(".ctors", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, 8, &[0; 8]);
        s.elf.section(".init_array", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, 8, &[0; 8]);
    };
    let text = "hello: has both .ctors and .init_array.";
    refuse(BOTH, constructors, Constructors, Errno::EINVAL, &[UNSIGNED, text]);
    let exports = |s: &mut Setting| {
        s.elf.section("__ksymtab", SHT_PROGBITS, SHF_ALLOC, 4, &[0; 12]);
        s.kernel.facts.config.force_load = false;
    };
    refuse(BOTH, exports, NoExportVersions, Errno::ENOEXEC, &[UNSIGNED]);
}

#[test]
fn relocations() {
    let unknown = |s: &mut Setting| {
        let text = s.elf.index_of(".text");
        s.elf.rela(text, 4, 9, 1, 0);
    };
    let text = "module: hello: Unknown rela relocation: 9";
    refuse(BOTH, unknown, UnknownRelocation, Errno::ENOEXEC, &[UNSIGNED, text]);
    let rel = |s: &mut Setting| s.elf.rel_instead_of_rela = true;
    let text = "module hello: REL relocation unsupported";
    refuse(BOTH, rel, UnknownRelocation, Errno::ENOEXEC, &[UNSIGNED, text]);
    let dirty = |s: &mut Setting| s.elf.get(".init.text").data[9] = 0x90;
    let text =
        |what: &str| format!("module: x86/modules: {what} for type 4, loc (____ptrval____), val ?");
    let old = text("Skipping invalid relocation target, existing value is nonzero");
    refuse(OLD, dirty, RelocationTarget, Errno::ENOEXEC, &[UNSIGNED, &old]);
    let new = text("Invalid relocation target, existing value is nonzero");
    refuse(NEW, dirty, RelocationTarget, Errno::ENOEXEC, &[UNSIGNED, &new]);
    let outside = |s: &mut Setting| {
        let text = s.elf.index_of(".text");
        s.elf.rela(text, 29, R_X86_64_32S, 1, 0);
    };
    refuse(BOTH, outside, Unchecked, Errno::ENOEXEC, &[UNSIGNED]);
    let symbol = |s: &mut Setting| {
        let text = s.elf.index_of(".text");
        s.elf.rela(text, 0, R_X86_64_32S, 5000, 0);
    };
    refuse(BOTH, symbol, Unchecked, Errno::ENOEXEC, &[UNSIGNED]);
}

#[test]
fn live_patches() {
    let patch = |section: &'static str, symbol: &'static str, index: u16| {
        move |s: &mut Setting| {
            let symbol = s.elf.symbol(symbol, GLOBAL, index, 0);
            let text = s.elf.index_of(".text");
            s.elf.rela(text, 4, R_X86_64_PLT32, symbol, -4);
            s.elf.live_patch = Some(section);
        }
    };
    let good = ".klp.sym.vmlinux.ksize,0";
    for (change, line) in [
        (
            patch(".klp.rela..text", good, SHN_LIVEPATCH),
            "section .klp.rela..text has an incorrectly formatted name",
        ),
        (
            patch(".klp.rela.vmlinux..text", good, SHN_ABS),
            "symbol .klp.sym.vmlinux.ksize,0 is not marked as a livepatch symbol",
        ),
        (
            patch(".klp.rela.vmlinux..text", "ksize", SHN_LIVEPATCH),
            "symbol ksize has an incorrectly formatted name",
        ),
    ] {
        let line = format!("livepatch: {line}");
        refuse(BOTH, change, Livepatch, Errno::EINVAL, &[UNSIGNED, &line]);
        // Without live patching nobody looks.
        let mut setting = Setting::new(V6_12);
        change(&mut setting);
        setting.kernel.facts.config.livepatch = false;
        plan(&setting.bytes(), &setting.kernel, &setting.request).unwrap();
    }
    for section in [".klp.rela.vmlinux..text", ".klp.rela.ext4..text"] {
        let mut setting = Setting::new(V6_1);
        patch(section, good, SHN_LIVEPATCH)(&mut setting);
        plan(&setting.bytes(), &setting.kernel, &setting.request).unwrap();
    }
}

/// What looks wrong and is taken all the same.
#[test]
fn class_and_alignment_do_not_matter() {
    for version in [V6_1, V6_12] {
        let mut setting = Setting::new(version);
        setting.elf.patches.push((4, vec![1, 2]));
        setting.elf.get(".data").align = 6;
        let bytes = setting.bytes();
        let plan = plan(&bytes, &setting.kernel, &setting.request).unwrap();
        let index = plan.elf().section_by_name(".data").unwrap().index;
        assert!(plan.place(index).is_some());
    }
}

#[test]
fn names_in_sysfs() {
    let builtin = |s: &mut Setting| {
        s.kernel.builtin.insert("hello".into());
    };
    let text = "hello: module is already loaded";
    refuse(BOTH, builtin, NameTaken, Errno::EINVAL, &[UNSIGNED, text]);
}

#[test]
fn a_survey_finds_every_reason() {
    let mut setting = Setting::new(V6_12);
    setting.kernel.facts.blacklist = "hello".into();
    setting.modinfo("vermagic", Some("other"));
    setting.elf.get(".gnu.linkonce.this_module").data.push(0);
    setting.elf.get("__versions").data = versions(&[(2, "module_layout"), (3, "_printk")]);
    setting.import("nowhere");
    let bytes = setting.bytes();
    let survey = survey(&bytes, &setting.kernel, &setting.request);
    let codes: Vec<_> = survey.refusals.iter().map(|refusal| refusal.code).collect();
    assert_eq!(codes, [ThisModuleSize, Blacklisted, ModuleLayoutCrc, VersionMagic, UnknownSymbol]);
    let last = survey.refusals.last().unwrap();
    let findings: Vec<_> = last.findings.iter().map(|finding| finding.code).collect();
    assert_eq!(findings, [SymbolCrc, UnknownSymbol]);
    assert_eq!(last.findings[0].evidence.expected.as_deref(), Some("0x92728f9a"));
    assert_eq!(last.findings[0].evidence.found.as_deref(), Some("0x00000003"));
    assert!(survey.plan.is_some());
}
