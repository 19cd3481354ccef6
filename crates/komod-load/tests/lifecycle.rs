//! The module list over the life of modules that use each other.

mod elf_builder;

use elf_builder::{ElfBuilder, GLOBAL, hello, kernel, versions};
use komod_load::RefusalCode::{AlreadyLoaded, OwnerBusy, ProprietaryOwner};
use komod_load::{
    Config, Described, Errno, InitOutcome, Kernel, RegionBases, Request, State, Taint, Unloading,
    Version, link, plan,
};
use komod_object::elf::*;

const VERSION: Version = Version::new(6, 1, 192);

/// A module of this name; it exports `<name>_helper` and uses the helpers of `uses`.
fn module(name: &str, license: &str, uses: &[&str]) -> ElfBuilder {
    let mut elf = hello(VERSION);
    let vermagic = kernel(VERSION).facts.vermagic;
    let info =
        format!("license={license}\0vermagic={vermagic}\0name={name}\0intree=Y\0retpoline=Y\0");
    elf.get(".modinfo").data = info.into_bytes();
    let this = &mut elf.get(".gnu.linkonce.this_module").data;
    this[24..80].fill(0);
    this[24..24 + name.len()].copy_from_slice(name.as_bytes());

    let table = elf.section("__ksymtab", SHT_PROGBITS, SHF_ALLOC, 4, &[0; 12]);
    elf.section("__kcrctab", SHT_PROGBITS, SHF_ALLOC, 4, &9_u32.to_le_bytes());
    let strings = format!("{name}_helper\0\0");
    let end = strings.len() as i64 - 1;
    let strings = elf.section("__ksymtab_strings", SHT_PROGBITS, SHF_ALLOC, 1, strings.as_bytes());
    let base = elf.symbol("", STT_SECTION, strings as u16, 0);
    let helper = elf.symbol_index("helper");
    elf.rela(table, 0, R_X86_64_PC32, helper, 0);
    elf.rela(table, 4, R_X86_64_PC32, base, 0);
    elf.rela(table, 8, R_X86_64_PC32, base, end);

    let text = elf.index_of(".text");
    let mut crcs = elf.get("__versions").data.clone();
    for (index, used) in uses.iter().enumerate() {
        let name = format!("{used}_helper");
        let symbol = elf.symbol(&name, GLOBAL, SHN_UNDEF, 0);
        elf.rela(text, index as u64 * 4, R_X86_64_PLT32, symbol, -4);
        crcs.extend(versions(&[(9, &name)]));
    }
    elf.get("__versions").data = crcs;
    elf
}

/// Loads up to the call of init.
fn begin(kernel: &mut Described, elf: &ElfBuilder) {
    let bytes = elf.build();
    let plan = plan(&bytes, kernel, &Request::default()).unwrap();
    let mut next = 0x2000_0000 + 0x10_0000 * kernel.modules.modules().count() as u64;
    let bases = RegionBases::allocate(&plan, |region| {
        next += region.size;
        next - region.size
    });
    let image = link(&plan, &bases).unwrap();
    kernel.modules.begin(&plan, &image).unwrap();
}

fn load(kernel: &mut Described, elf: &ElfBuilder, name: &str) {
    begin(kernel, elf);
    let outcome = kernel.modules.init_returned(name, 0);
    assert!(matches!(outcome, Some(InitOutcome::Live { .. })));
}

#[test]
fn one_module_holds_another() {
    let config = Config::default();
    let mut kernel = kernel(VERSION);
    load(&mut kernel, &module("lib", "GPL", &[]), "lib");
    load(&mut kernel, &module("user", "GPL", &["lib"]), "user");
    let order: Vec<_> = kernel.modules.modules().map(|module| module.name.as_str()).collect();
    assert_eq!(order, ["user", "lib"]);
    assert_eq!(kernel.modules.module("lib").unwrap().references, 1);
    let holders: Vec<_> = kernel.modules.holders("lib").map(|m| m.name.as_str()).collect();
    assert_eq!(holders, ["user"]);

    assert_eq!(kernel.modules.unload("lib", false, &config), Err(Errno::EAGAIN));
    assert_eq!(kernel.modules.unload("lib", true, &config), Err(Errno::EAGAIN), "even by force");
    assert_eq!(kernel.modules.unload("none", false, &config), Err(Errno::ENOENT));
    let unloading = Unloading { call_exit: true, forced: false };
    assert_eq!(kernel.modules.unload("user", false, &config), Ok(unloading));
    assert_eq!(kernel.modules.unload("user", false, &config), Err(Errno::EBUSY), "going already");
    let gone = kernel.modules.unloaded("user").unwrap();
    assert_eq!(gone.uses, ["lib"]);
    assert_eq!(kernel.modules.module("lib").unwrap().references, 0);
    assert!(kernel.lookup("user_helper").is_none(), "exports go with the module");
    assert!(kernel.lookup("lib_helper").is_some());
    kernel.modules.unload("lib", false, &config).unwrap();
    kernel.modules.unloaded("lib").unwrap();
    assert_eq!(kernel.modules.modules().count(), 0);
}

#[test]
fn names_are_unique() {
    let mut kernel = kernel(VERSION);
    let elf = module("lib", "GPL", &[]);
    let bytes = elf.build();
    begin(&mut kernel, &elf);
    let refusal = plan(&bytes, &kernel, &Request::default()).unwrap_err();
    assert_eq!((refusal.code, refusal.errno), (AlreadyLoaded, Errno::EBUSY), "still coming");
    kernel.modules.init_returned("lib", 0).unwrap();
    let refusal = plan(&bytes, &kernel, &Request::default()).unwrap_err();
    assert_eq!((refusal.code, refusal.errno), (AlreadyLoaded, Errno::EEXIST));
    assert!(kernel.modules.init_returned("lib", 0).is_none(), "init returns once");
}

#[test]
fn init_memory_is_freed_when_init_has_succeeded() {
    let mut kernel = kernel(VERSION);
    begin(&mut kernel, &module("lib", "GPL", &[]));
    let before = kernel.modules.module("lib").unwrap();
    assert_eq!((before.state, before.references), (State::Coming, 1));
    assert_eq!(before.flags(), "(E+)");
    let size = before.size();
    let Some(InitOutcome::Live { freed, dmesg }) = kernel.modules.init_returned("lib", 5) else {
        panic!("a positive return value is accepted");
    };
    assert!(freed.iter().all(|memory| memory.id.is_init()));
    let freed: u64 = freed.iter().map(|memory| memory.size).sum();
    let module = kernel.modules.module("lib").unwrap();
    assert_eq!(module.size() + freed, size);
    assert_eq!((module.references, module.flags().as_str()), (0, "(E)"));
    assert_eq!(
        dmesg[0].text,
        "do_init_module: 'lib'->init suspiciously returned 5, it should follow 0/-E convention"
    );
}

#[test]
fn failing_init_is_unwound() {
    let mut kernel = kernel(VERSION);
    load(&mut kernel, &module("lib", "GPL", &[]), "lib");
    begin(&mut kernel, &module("user", "GPL", &["lib"]));
    assert_eq!(kernel.modules.module("lib").unwrap().references, 1);
    let Some(InitOutcome::Unwound { errno, module }) = kernel.modules.init_returned("user", -19)
    else {
        panic!("-ENODEV fails the load");
    };
    assert_eq!(errno, Errno::ENODEV);
    assert_eq!(module.name, "user");
    assert!(module.memory.iter().any(|memory| memory.id.is_init()), "all memory is to be freed");
    assert_eq!(kernel.modules.module("lib").unwrap().references, 0, "no longer held");
    assert!(kernel.modules.module("user").is_none());
    assert!(kernel.lookup("user_helper").is_none());
}

#[test]
fn modules_without_exit_stay() {
    let mut elf = module("stay", "GPL", &[]);
    elf.relas.retain(|(_, rela)| rela.offset != 0x350);
    let mut kernel = kernel(VERSION);
    load(&mut kernel, &elf, "stay");
    let config = Config::default();
    assert_eq!(kernel.modules.unload("stay", false, &config), Err(Errno::EBUSY));
    let without = Config { force_unload: false, ..config };
    assert_eq!(kernel.modules.unload("stay", true, &without), Err(Errno::EBUSY));
    let forced = Unloading { call_exit: false, forced: true };
    assert_eq!(kernel.modules.unload("stay", true, &config), Ok(forced));
}

#[test]
fn references_from_outside_keep_a_module() {
    let config = Config::default();
    let mut kernel = kernel(VERSION);
    load(&mut kernel, &module("lib", "GPL", &[]), "lib");
    assert!(kernel.modules.get("lib"));
    assert!(!kernel.modules.get("none"));
    assert_eq!(kernel.modules.unload("lib", false, &config), Err(Errno::EAGAIN));
    kernel.modules.put("lib");
    assert!(kernel.modules.unload("lib", false, &config).is_ok());
    assert!(!kernel.modules.get("lib"), "a going module cannot be held");
}

#[test]
fn symbols_of_a_coming_module_are_out_of_reach() {
    let mut kernel = kernel(VERSION);
    begin(&mut kernel, &module("lib", "GPL", &[]));
    let bytes = module("user", "GPL", &["lib"]).build();
    let refusal = plan(&bytes, &kernel, &Request::default()).unwrap_err();
    assert_eq!((refusal.code, refusal.errno), (OwnerBusy, Errno::EBUSY));
    let lines: Vec<_> = refusal.dmesg.iter().skip(1).map(|line| line.text.as_str()).collect();
    assert_eq!(
        lines,
        [
            "user: gave up waiting for init of module lib.",
            "user: Unknown symbol lib_helper (err -16)"
        ]
    );
}

#[test]
fn proprietary_taint_is_inherited_or_refused() {
    let mut kernel = kernel(VERSION);
    load(&mut kernel, &module("blob", "Proprietary", &[]), "blob");
    let user = module("user", "GPL", &["blob"]).build();
    {
        let plan = plan(&user, &kernel, &Request::default()).unwrap();
        assert!(plan.taint.contains(Taint::PROPRIETARY));
        let text = "user: module uses symbols blob_helper from proprietary module blob, \
                    inheriting taint.";
        assert!(plan.dmesg.iter().any(|line| line.text == text));
    }
    kernel.export("_printk", 0).gpl_only = true;
    let refusal = plan(&user, &kernel, &Request::default()).unwrap_err();
    assert_eq!((refusal.code, refusal.errno), (ProprietaryOwner, Errno::ENOENT));
    let text = "user: module using GPL-only symbols uses symbols blob_helper from proprietary \
                module blob.";
    assert!(refusal.dmesg.iter().any(|line| line.text == text));
}

#[test]
fn a_used_module_may_have_gone_between_plan_and_load() {
    let config = Config::default();
    let mut kernel = kernel(VERSION);
    load(&mut kernel, &module("lib", "GPL", &[]), "lib");
    let bytes = module("user", "GPL", &["lib"]).build();
    let plan = plan(&bytes, &kernel, &Request::default()).unwrap();
    let bases = RegionBases::allocate(&plan, |_| 0x3000_0000);
    let image = link(&plan, &bases).unwrap();
    kernel.modules.unload("lib", false, &config).unwrap();
    assert_eq!(kernel.modules.begin(&plan, &image), Err(Errno::ENOENT));
    kernel.modules.unloaded("lib").unwrap();
    assert_eq!(kernel.modules.begin(&plan, &image), Err(Errno::ENOENT));
}
