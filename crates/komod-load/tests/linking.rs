//! Linked images byte by byte: relocations, `struct module`, symbol tables, exports, per-CPU data,
//! and plain objects.

mod elf_builder;

use elf_builder::{ElfBuilder, GLOBAL, GLOBAL_FUNC, PRINTK, WEAK, hello, kernel};
use komod_load::object_link::{link_object, plan_object};
use komod_load::{
    Described, Errno, Facts, Image, Plan, Protection, RefusalCode, RegionBases, RegionId, Request,
    Version, link, plan,
};
use komod_object::elf::*;

const V6_1: Version = Version::new(6, 1, 192);
const V6_12: Version = Version::new(6, 12, 117);
const PERCPU: u64 = 0x2_1000;

fn bases(plan: &Plan<'_>, start: u64) -> RegionBases {
    let mut next = start;
    let mut bases = RegionBases::allocate(plan, |region| {
        let address = next;
        next += region.size.next_multiple_of(4096);
        address
    });
    bases.percpu = PERCPU;
    bases
}

/// Plans and links at 0x2000_0000 and hands both over.
fn linked<R>(elf: &ElfBuilder, kernel: &Described, then: impl FnOnce(&Plan<'_>, &Image) -> R) -> R {
    let bytes = elf.build();
    let plan = plan(&bytes, kernel, &Request::default()).unwrap();
    let image = link(&plan, &bases(&plan, 0x2000_0000)).unwrap();
    then(&plan, &image)
}

fn u64_at(image: &Image, address: u64) -> u64 {
    u64::from_le_bytes(image.read(address, 8).unwrap().try_into().unwrap())
}

fn u32_at(image: &Image, address: u64) -> u32 {
    u32::from_le_bytes(image.read(address, 4).unwrap().try_into().unwrap())
}

#[test]
fn every_relocation_type_stores_its_value() {
    for version in [V6_1, V6_12] {
        let mut elf = hello(version);
        let data = elf.section(".reloc", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, 16, &[0; 64]);
        let absolute = elf.symbol("absolute", GLOBAL, SHN_ABS, 0x1234);
        let weak = elf.symbol("weak", WEAK, SHN_UNDEF, 0);
        let helper = elf.symbol_index("helper");
        let printk = elf.symbol_index("_printk");
        for (offset, r_type, symbol, addend) in [
            (0, R_X86_64_64, printk, 5),
            (8, R_X86_64_32, absolute, 1),
            (12, R_X86_64_32S, absolute, -0x2000),
            (16, R_X86_64_PC32, helper, -4),
            (20, R_X86_64_PLT32, printk, -4),
            (24, R_X86_64_PC64, printk, 0),
            (32, R_X86_64_NONE, printk, 7),
            (40, R_X86_64_64, weak, 0x77),
        ] {
            elf.rela(data, offset, r_type, symbol, addend);
        }
        linked(&elf, &kernel(version), |_, image| {
            let text = image.section(".text").unwrap().address;
            let at = image.section(".reloc").unwrap().address;
            assert_eq!(u64_at(image, at), PRINTK + 5);
            assert_eq!(u32_at(image, at + 8), 0x1235);
            assert_eq!(u32_at(image, at + 12), 0x1234_u32.wrapping_sub(0x2000));
            let from = |place: u64| (at + place) as u32;
            assert_eq!(u32_at(image, at + 16), (text as u32 + 8 - 4).wrapping_sub(from(16)));
            assert_eq!(u32_at(image, at + 20), (PRINTK as u32 - 4).wrapping_sub(from(20)));
            assert_eq!(u64_at(image, at + 24), PRINTK.wrapping_sub(at + 24));
            assert_eq!(u64_at(image, at + 32), 0, "nothing to do");
            assert_eq!(u64_at(image, at + 40), 0x77, "a weak symbol nobody defines is zero");
        });
    }
}

#[test]
fn values_that_do_not_fit_are_refused() {
    for (version, r_type) in
        [(V6_1, R_X86_64_32), (V6_1, R_X86_64_32S), (V6_12, R_X86_64_32), (V6_12, R_X86_64_32S)]
    {
        let mut elf = hello(version);
        let data = elf.index_of(".data");
        let far = elf.symbol("far", GLOBAL, SHN_ABS, 0x1_2345_6789);
        elf.rela(data, 0, r_type, far, 0);
        let bytes = elf.build();
        let kernel = kernel(version);
        let plan = plan(&bytes, &kernel, &Request::default()).unwrap();
        let refusal = link(&plan, &bases(&plan, 0x2000_0000)).unwrap_err();
        assert_eq!(
            (refusal.code, refusal.errno),
            (RefusalCode::RelocationOverflow, Errno::ENOEXEC)
        );
        let lines: Vec<_> = refusal.dmesg.iter().rev().take(2).map(|l| l.text.clone()).collect();
        let overflow = format!("module: overflow in relocation type {r_type} val 123456789");
        assert_eq!(lines[1], overflow);
        assert_eq!(lines[0], "module: `hello' likely not compiled with -mcmodel=kernel");
        assert_eq!(refusal.evidence.section.as_ref().unwrap().name, ".data");
    }
}

#[test]
fn distances_beyond_two_gigabytes_are_refused() {
    let elf = hello(V6_1);
    let bytes = elf.build();
    let kernel = kernel(V6_1);
    let plan = plan(&bytes, &kernel, &Request::default()).unwrap();
    // Far from the kernel, and 32-bit absolute references to the module do not fit either.
    let refusal = link(&plan, &bases(&plan, 0x7000_0000_0000)).unwrap_err();
    assert!(matches!(refusal.code, RefusalCode::RelocationOverflow | RefusalCode::Unchecked));
    assert!(link(&plan, &RegionBases::default()).is_err(), "no addresses at all");
}

#[test]
fn two_relocations_of_one_place_collide() {
    let mut elf = hello(V6_1);
    let data = elf.index_of(".data");
    let printk = elf.symbol_index("_printk");
    elf.rela(data, 0, R_X86_64_64, printk, 0);
    elf.rela(data, 0, R_X86_64_64, printk, 0);
    let bytes = elf.build();
    let kernel = kernel(V6_1);
    let plan = plan(&bytes, &kernel, &Request::default()).unwrap();
    let refusal = link(&plan, &bases(&plan, 0x2000_0000)).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::RelocationTarget);
    let text = "module: x86/modules: Skipping invalid relocation target, existing value is \
                nonzero for type 1, loc (____ptrval____), val 10002340";
    assert_eq!(refusal.dmesg.last().unwrap().text, text);
}

#[test]
fn struct_module_is_filled() {
    for version in [V6_1, V6_12] {
        let kernel = kernel(version);
        let mut elf = hello(version);
        let pcpu = SHF_ALLOC | SHF_WRITE;
        elf.section(".data..percpu", SHT_PROGBITS, pcpu, 16, b"percpu init data");
        linked(&elf, &kernel, |plan, image| {
            let this = image.this_module;
            let layout = &kernel.facts.layout;
            let at = |path: &str| this + u64::from(layout.offset(path).unwrap());
            assert_eq!(u32_at(image, at("state")), 1, "coming");
            assert_eq!(image.string(at("name")).unwrap(), "hello");
            assert_eq!(u64_at(image, at("source_list")), at("source_list"));
            assert_eq!(u64_at(image, at("source_list") + 8), at("source_list"));
            assert_eq!(u32_at(image, at("refcnt")), 2);
            assert_eq!(u64_at(image, at("taints")), plan.taint.0);
            assert_eq!(u64_at(image, at("percpu")), PERCPU);
            assert_eq!(u32_at(image, at("percpu_size")), 16);
            assert_eq!(image.percpu, b"percpu init data");
            assert_eq!(u64_at(image, at("init")), image.init.unwrap());
            assert_eq!(image.init, Some(image.section(".init.text").unwrap().address));
            assert_eq!(image.exit, Some(image.section(".exit.text").unwrap().address));
            assert_eq!(u64_at(image, at("kp")), 0);
            for (region, linked) in plan.regions.iter().zip(&image.regions) {
                let path = match (region.id, region.id.mod_mem_type()) {
                    (_, Some(index)) => format!("mem[{index}]"),
                    (RegionId::Core, _) => "core_layout".into(),
                    _ => "init_layout".into(),
                };
                let base = if region.size > 0 { linked.address } else { 0 };
                assert_eq!(u64_at(image, at(&format!("{path}.base"))), base, "{path}");
                let size = u32_at(image, at(&format!("{path}.size")));
                assert_eq!(u64::from(size), region.size, "{path}");
            }
        });
    }
}

#[test]
fn regions_and_protections() {
    use Protection::{Read, ReadExec, ReadWrite, ReadWriteUntilInit};
    let mut elf = hello(V6_1);
    elf.section("__jump_table", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, 8, &[0; 16]);
    elf.section(".init.data", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, 8, &[0; 16]);
    linked(&elf, &kernel(V6_1), |plan, image| {
        let parts = |index: usize| {
            let parts = plan.regions[index].parts.iter();
            parts.map(|p| (p.offset, p.size, p.protection)).collect::<Vec<_>>()
        };
        assert_eq!(
            parts(0),
            [
                (0, 4096, ReadExec),
                (4096, 4096, Read),
                (8192, 4096, ReadWriteUntilInit),
                (12288, 8192, ReadWrite)
            ]
        );
        assert_eq!(parts(1), [(0, 4096, ReadExec), (4096, 8192, ReadWrite)]);
        assert_eq!(plan.regions[1].id, RegionId::Init);
        let jump = image.section("__jump_table").unwrap();
        assert_eq!(jump.address, 0x2000_0000 + 8192);
    });
    let mut elf = hello(V6_12);
    elf.section("__jump_table", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, 8, &[0; 16]);
    linked(&elf, &kernel(V6_12), |plan, image| {
        let ids: Vec<_> = plan.regions.iter().map(|region| region.id).collect();
        use RegionId::*;
        assert_eq!(ids, [Text, Data, Rodata, RoAfterInit, InitText, InitData, InitRodata]);
        let sizes: Vec<_> = plan.regions.iter().map(|region| region.size / 4096).collect();
        assert_eq!(sizes, [1, 1, 1, 1, 1, 1, 0]);
        let jump = image.section("__jump_table").unwrap();
        assert_eq!(jump.region, Some(RoAfterInit));
    });
}

#[test]
fn symbol_tables_for_kallsyms() {
    for version in [V6_1, V6_12] {
        let kernel = kernel(version);
        linked(&hello(version), &kernel, |plan, image| {
            let layout = &kernel.facts.layout;
            let at = |path: &str| image.this_module + u64::from(layout.offset(path).unwrap());
            let count = u32_at(image, at("core_kallsyms.num_symtab"));
            let symbols = u64_at(image, at("core_kallsyms.symtab"));
            let strings = u64_at(image, at("core_kallsyms.strtab"));
            let types = u64_at(image, at("core_kallsyms.typetab"));
            let core: Vec<_> = (0..u64::from(count))
                .map(|index| {
                    let symbol = symbols + index * 24;
                    let name = image.string(strings + u64::from(u32_at(image, symbol))).unwrap();
                    let letter = image.read(types + index, 1).unwrap()[0] as char;
                    (name.to_string(), u64_at(image, symbol + 8), letter)
                })
                .collect();
            let text = image.section(".text").unwrap().address;
            let exit = image.exit.unwrap();
            let this = image.this_module;
            let expected = [
                (String::new(), 0, 'U'),
                ("helper".into(), text + 8, 't'),
                ("__this_module".into(), this, 'd'),
                ("cleanup_module".into(), exit, 't'),
            ];
            assert_eq!(core, expected, "init symbols and undefined ones do not stay");

            // While init runs, the full table is in use.
            let descriptor = u64_at(image, at("kallsyms"));
            let all = plan.elf().symbols().unwrap().len();
            assert_eq!(u32_at(image, descriptor + 8), all as u32);
            let table = u64_at(image, descriptor);
            let init = u64::from(elf_index(plan, "init_module"));
            assert_eq!(u64_at(image, table + init * 24 + 8), image.init.unwrap());
            let types = u64_at(image, descriptor + 24);
            assert_eq!(image.read(types + init, 1).unwrap(), b"t");
        });
    }
}

fn elf_index(plan: &Plan<'_>, name: &str) -> u32 {
    plan.elf().symbols().unwrap().by_name(name).unwrap().index as u32
}

/// Adds an export of `helper` to a module.
fn export_helper(elf: &mut ElfBuilder, gpl: bool, namespace: &str) {
    let suffix = if gpl { "_gpl" } else { "" };
    let table = elf.section(&format!("__ksymtab{suffix}"), SHT_PROGBITS, SHF_ALLOC, 4, &[0; 12]);
    let crcs = format!("__kcrctab{suffix}");
    elf.section(&crcs, SHT_PROGBITS, SHF_ALLOC, 4, &0xabcd_u32.to_le_bytes());
    let strings = format!("helper\0{namespace}\0");
    let strings = elf.section("__ksymtab_strings", SHT_PROGBITS, SHF_ALLOC, 1, strings.as_bytes());
    let base = elf.symbol("", STT_SECTION, strings as u16, 0);
    let helper = elf.symbol_index("helper");
    elf.rela(table, 0, R_X86_64_PC32, helper, 0);
    elf.rela(table, 4, R_X86_64_PC32, base, 0);
    elf.rela(table, 8, R_X86_64_PC32, base, 7);
}

#[test]
fn exports_are_read_from_the_linked_tables() {
    for (version, gpl, namespace) in [(V6_1, false, ""), (V6_12, true, "OURS")] {
        let mut elf = hello(version);
        export_helper(&mut elf, gpl, namespace);
        linked(&elf, &kernel(version), |plan, image| {
            let [export] = &image.exports[..] else { panic!("{:?}", image.exports) };
            assert_eq!(export.name, "helper");
            assert_eq!(export.address, image.section(".text").unwrap().address + 8);
            assert_eq!(export.crc, Some(0xabcd));
            assert_eq!(export.gpl_only, gpl);
            assert_eq!(export.namespace.as_deref(), Some(namespace).filter(|ns| !ns.is_empty()));
            assert_eq!(plan.exports[0].name, "helper");
        });
    }
}

#[test]
fn an_export_somebody_has_already_is_refused() {
    let mut elf = hello(V6_1);
    export_helper(&mut elf, false, "");
    let mut kernel = kernel(V6_1);
    kernel.export("helper", 0x1000_9990);
    let bytes = elf.build();
    let refusal = plan(&bytes, &kernel, &Request::default()).unwrap_err();
    assert_eq!((refusal.code, refusal.errno), (RefusalCode::DuplicateExport, Errno::ENOEXEC));
    let text = "hello: exports duplicate symbol helper (owned by kernel)";
    assert_eq!(refusal.dmesg.last().unwrap().text, text);
}

/// A driver as the compiler leaves it when it is not a module.
fn builtin() -> ElfBuilder {
    let mut elf = ElfBuilder::new();
    let code = SHF_ALLOC | SHF_EXECINSTR;
    let init = elf.section(".init.text", SHT_PROGBITS, code, 16, &[0; 16]);
    let call = elf.section(".initcall6.init", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, 4, &[0; 4]);
    let start = elf.symbol("driver_init", GLOBAL_FUNC, init as u16, 0);
    let hidden = elf.symbol("not_exported", GLOBAL, SHN_UNDEF, 0);
    elf.rela(call, 0, R_X86_64_PC32, start, 0);
    elf.rela(init, 4, R_X86_64_PLT32, hidden, -4);
    let percpu = elf.section(".data..percpu", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, 8, &[0; 16]);
    let counter = elf.symbol("counter", GLOBAL, percpu as u16, 8);
    elf.rela(init, 10, R_X86_64_32S, counter, 0);
    elf.rela(percpu, 0, R_X86_64_64, start, 0);
    elf
}

#[test]
fn objects_link_as_built_in() {
    let facts = Facts::new(V6_1, "");
    let bytes = builtin().build();
    let lookup = |name: &str| (name == "not_exported").then_some(0x1000_0100);
    let place = |plan: &Plan<'_>| bases(plan, 0x2000_0000);
    let image = link_object("driver", &bytes, &facts, &lookup, place).unwrap();
    let call = image.section(".initcall6.init").unwrap().address;
    let init = image.section(".init.text").unwrap().address;
    assert_eq!(call.wrapping_add_signed((u32_at(&image, call) as i32).into()), init);
    let target = init + 8;
    assert_eq!(target.wrapping_add_signed((u32_at(&image, init + 4) as i32).into()), 0x1000_0100);
    assert_eq!((image.this_module, image.init), (0, None));
    assert_eq!(u32_at(&image, init + 10), PERCPU as u32 + 8, "a per-CPU offset");
    assert_eq!(image.percpu, [init.to_le_bytes(), [0; 8]].concat());

    let refusal = plan_object("driver", &bytes, &facts, &|_| None).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::UnknownSymbol);
    assert_eq!(refusal.evidence.symbol.as_deref(), Some("not_exported"));
}
