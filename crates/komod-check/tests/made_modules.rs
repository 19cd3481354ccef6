//! Small made modules against a made build tree: what is foretold, and how it is explained.
#![forbid(unsafe_code)]

#[path = "../../komod-load/tests/elf_builder/mod.rs"]
mod elf_builder;

use elf_builder::{LAYOUT_CRC, PRINTK_CRC, hello};
use komod_check::{
    Checker, Links, LoadedModule, Machine, Request, State, Target, TargetError, Verdict,
};
use komod_kernel::find::{FoundKernel, Origin};
use komod_load::{RefusalCode, Version};
use std::fs;
use std::path::{Path, PathBuf};

const RELEASE: &str = "6.1.0-56-amd64";
const V6_1: Version = Version::new(6, 1, 0);

/// A build tree of its own, removed at the end.
struct Tree(PathBuf);

impl Tree {
    fn new(test: &str, symvers: &str) -> Tree {
        let dir = std::env::temp_dir().join(format!("komod-check-{}-{test}", std::process::id()));
        fs::create_dir_all(dir.join("include/config")).unwrap();
        fs::write(dir.join("Module.symvers"), symvers).unwrap();
        let options = ["SMP", "PREEMPT_BUILD", "MODULE_UNLOAD", "MODVERSIONS", "MODULE_SIG"];
        let config: String = options.iter().map(|name| format!("CONFIG_{name}=y\n")).collect();
        fs::write(dir.join("include/config/auto.conf"), config).unwrap();
        Tree(dir)
    }

    fn kernel(&self) -> FoundKernel {
        FoundKernel {
            release: RELEASE.into(),
            tree: Some(self.0.clone()),
            image: None,
            modules: None,
            origin: Origin::Named,
            running: false,
            problems: Vec::new(),
        }
    }

    fn target(&self) -> Target {
        Target::of(&self.kernel(), None).unwrap()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What [`hello`] needs of the kernel.
fn symvers(more: &str) -> String {
    format!(
        "{LAYOUT_CRC:#010x}\tmodule_layout\tvmlinux\tEXPORT_SYMBOL\t\n\
         {PRINTK_CRC:#010x}\t_printk\tvmlinux\tEXPORT_SYMBOL\t\n{more}"
    )
}

fn check(target: &Target, bytes: &[u8]) -> Verdict {
    let links = [Links::of(bytes)];
    Checker::new(target, &links).check(Path::new("hello.ko"), bytes)
}

#[test]
fn a_fitting_module_loads_unless_signatures_are_demanded() {
    let target = Tree::new("fits", &symvers("")).target();
    assert_eq!(target.vermagic(), "6.1.0-56-amd64 SMP preempt mod_unload modversions ");
    let verdict = check(&target, &hello(V6_1).build());
    assert!(verdict.loads(), "{verdict:#?}");
    assert!(verdict.diagnostics.is_empty() && verdict.needs.is_empty());
    let codes: Vec<_> = verdict.conditions.iter().map(|c| c.refusal.code).collect();
    assert_eq!(codes, [RefusalCode::SignatureRequired, RefusalCode::Lockdown]);
    // Without an image the size of struct module is unknown, and that is said.
    assert!(target.unknown()[0].contains("struct module"));
}

#[test]
fn another_checksum_is_refused_and_explained() {
    let text = symvers("").replace(&format!("{PRINTK_CRC:#010x}"), "0x00000007");
    let target = Tree::new("crc", &text).target();
    let verdict = check(&target, &hello(V6_1).build());
    let refusal = verdict.refusal().unwrap();
    assert_eq!((refusal.errno.to_string().as_str(), refusal.code.as_str()), ("EINVAL", "L-08"));
    let lines: Vec<&str> = verdict.dmesg().iter().map(|line| line.text.as_str()).collect();
    assert!(lines.contains(&"hello: disagrees about version of symbol _printk"), "{lines:?}");
    assert_eq!(lines.last(), Some(&"hello: Unknown symbol _printk (err -22)"));
    let told = &verdict.diagnostics[0];
    assert_eq!(told.code, "L-08");
    assert!(told.title.starts_with("hello does not load in 6.1.0-56-amd64: "), "{}", told.title);
    assert!(!told.explanation.is_empty());
    assert!(told.hints[0].contains("komod build --kernel 6.1.0-56-amd64"), "{:?}", told.hints);
}

#[test]
fn what_is_no_module_is_refused_without_a_panic() {
    let target = Tree::new("junk", &symvers("")).target();
    for (bytes, code) in [
        (&b""[..], "L-02"),
        (
            b"#!/bin/sh\necho no module at all, but a long file, \
        longer than an ELF header\n",
            "L-16",
        ),
    ] {
        let verdict = check(&target, bytes);
        assert_eq!(verdict.refusal().unwrap().code.as_str(), code);
        assert_eq!(verdict.diagnostics[0].code, code);
    }
    let whole = hello(V6_1).build();
    for length in (0..whole.len()).step_by(7) {
        assert!(!check(&target, &whole[..length]).loads(), "{length}");
    }
}

#[test]
fn the_licence_decides_about_gpl_only_symbols() {
    let text = symvers("")
        .replace("_printk\tvmlinux\tEXPORT_SYMBOL", "_printk\tvmlinux\tEXPORT_SYMBOL_GPL");
    let target = Tree::new("gpl", &text).target();
    assert!(check(&target, &hello(V6_1).build()).loads());
    let mut elf = hello(V6_1);
    let info = &mut elf.get(".modinfo").data;
    let at = info.windows(4).position(|word| word == b"GPL\0").unwrap();
    info[at..at + 3].copy_from_slice(b"NOT");
    let verdict = check(&target, &elf.build());
    assert_eq!(verdict.refusal().unwrap().code, RefusalCode::GplOnly);
    assert!(verdict.diagnostics[0].hints[0].contains("MODULE_LICENSE(\"NOT\")"));
}

#[test]
fn a_symbol_of_another_module_makes_it_needed() {
    let text = symvers("").replace("_printk\tvmlinux", "_printk\tdrivers/my-printer");
    let target = Tree::new("needs", &text).target();
    let verdict = check(&target, &hello(V6_1).build());
    assert!(verdict.loads(), "{verdict:#?}");
    assert_eq!(verdict.needs, ["my_printer"]);

    // If that module is checked along and does not load, neither does this one.
    let bytes = hello(V6_1).build();
    let provider =
        Links { name: "my_printer".into(), exports: vec!["_printk".into()], imports: Vec::new() };
    let mut checker = Checker::new(&target, &[provider, Links::of(&bytes)]);
    let verdict = checker.check(Path::new("hello.ko"), &bytes);
    let refusal = verdict.refusal().unwrap();
    assert_eq!((refusal.errno.to_string().as_str(), refusal.code.as_str()), ("ENOENT", "L-10"));
    assert_eq!(verdict.dmesg().last().unwrap().text, "hello: Unknown symbol _printk (err -2)");
}

#[test]
fn a_tree_that_says_too_little_is_an_error() {
    let tree = Tree::new("little", "0x00000001\tx\tdrivers/y\tEXPORT_SYMBOL\t\n");
    assert!(matches!(Target::of(&tree.kernel(), None), Err(TargetError::NoKernelSymbols { .. })));
    fs::write(tree.0.join("Module.symvers"), "nonsense\n").unwrap();
    assert!(matches!(Target::of(&tree.kernel(), None), Err(TargetError::Symvers { .. })));
    let none = FoundKernel { tree: None, ..tree.kernel() };
    assert!(matches!(Target::of(&none, None), Err(TargetError::NoTree { .. })));
}

/// The refusal on a machine, as code and last log line.
fn refused_on(target: &Target, machine: Machine, bytes: &[u8]) -> Option<(&'static str, String)> {
    let mut checker = Checker::new(target, &[Links::of(bytes)]).on(machine);
    let verdict = checker.check(Path::new("hello.ko"), bytes);
    let refusal = verdict.refusal()?;
    let last = refusal.dmesg.last().map(|line| line.text.clone()).unwrap_or_default();
    Some((refusal.code.as_str(), last))
}

#[test]
fn the_machine_decides_where_it_is_known() {
    let target = Tree::new("machine", &symvers("")).target();
    let bytes = hello(V6_1).build();
    let of = |change: fn(&mut Machine)| {
        let mut machine = Machine::fresh();
        change(&mut machine);
        refused_on(&target, machine, &bytes)
    };
    assert_eq!(of(|_| ()), None);
    let code = |found: Option<(&'static str, String)>| found.unwrap().0;
    assert_eq!(code(of(|machine| machine.capable = false)), "L-01");
    assert_eq!(code(of(|machine| machine.modules_disabled = true)), "L-01");
    assert_eq!(code(of(|machine| machine.loaded.push(LoadedModule::live("hello")))), "L-24");
    assert_eq!(
        of(|machine| machine.blacklist = "other,hello".into()),
        Some(("L-26", "Module hello is blacklisted".into()))
    );
    assert_eq!(
        of(|machine| machine.sig_enforce = Some(true)),
        Some(("L-19", "Loading of unsigned module is rejected".into()))
    );
    assert_eq!(code(of(|machine| machine.lockdown = Some(true))), "L-20");

    // What is known to be off is no condition any more.
    let known = Machine { sig_enforce: Some(false), lockdown: Some(false), ..Machine::fresh() };
    let verdict =
        Checker::new(&target, &[Links::of(&bytes)]).on(known).check(Path::new("hello.ko"), &bytes);
    assert!(verdict.loads() && verdict.conditions.is_empty(), "{:?}", verdict.conditions);
}

#[test]
fn with_insmod_only_loaded_modules_count() {
    let text = symvers("").replace("_printk\tvmlinux", "_printk\tdrivers/my-printer");
    let target = Tree::new("insmod", &text).target();
    let bytes = hello(V6_1).build();
    let with = |loaded: Vec<LoadedModule>| {
        let machine = Machine { only_loaded: true, loaded, ..Machine::fresh() };
        Checker::new(&target, &[Links::of(&bytes)]).on(machine).check(Path::new("h.ko"), &bytes)
    };
    let missing = with(Vec::new());
    assert_eq!(missing.refusal().unwrap().code, RefusalCode::UnknownSymbol);
    assert!(missing.diagnostics[0].hints[0].starts_with("my_printer: exported there"));
    assert!(with(vec![LoadedModule::live("my_printer")]).loads());
    // One that is still starting is waited for, half a minute.
    let starting = LoadedModule { state: State::Coming, ..LoadedModule::live("my_printer") };
    assert_eq!(with(vec![starting]).refusal().unwrap().code, RefusalCode::OwnerBusy);
}

#[test]
fn flags_and_parameters_are_asked_with() {
    let text = symvers("").replace(&format!("{PRINTK_CRC:#010x}"), "0x00000007");
    let target = Tree::new("force", &text).target();
    let bytes = hello(V6_1).build();
    let force = Request { ignore_modversions: true, ..Request::default() };
    let ask = |request: Request| {
        Checker::new(&target, &[Links::of(&bytes)]).asking(request).check(Path::new("h.ko"), &bytes)
    };
    assert!(!ask(Request::default()).loads());
    // The kernel of this tree has no MODULE_FORCE_LOAD: versions may not be ignored.
    assert_eq!(ask(force).refusal().unwrap().errno.to_string(), "ENOEXEC");
    let params = Request::with_params("nonsense=1");
    let lenient = Tree::new("params", &symvers("")).target();
    let verdict = Checker::new(&lenient, &[Links::of(&bytes)])
        .asking(params)
        .check(Path::new("h.ko"), &bytes);
    let lines: Vec<&str> = verdict.dmesg().iter().map(|line| line.text.as_str()).collect();
    assert!(lines.contains(&"hello: unknown parameter 'nonsense' ignored"), "{lines:?}");
}

/// Codes of the advice; each of `silent` has no log line to show.
fn advised(target: &Target, bytes: &[u8], silent: &[&str]) -> Vec<String> {
    let verdict = check(target, bytes);
    assert!(verdict.loads() && verdict.diagnostics.is_empty(), "{verdict:#?}");
    for told in &verdict.advice {
        assert_eq!(told.evidence.is_empty(), silent.contains(&&*told.code), "{told:?}");
        assert!(!told.is_error() && !told.explanation.is_empty() && !told.hints.is_empty());
    }
    verdict.advice.iter().map(|told| told.code.to_string()).collect()
}

#[test]
fn what_a_module_brings_along_is_advice_and_no_obstacle() {
    let tree = Tree::new("advice", &symvers(""));
    let config = tree.0.join("include/config/auto.conf");
    let unsigned = fs::read_to_string(&config).unwrap();
    let bytes = hello(V6_1).build();
    assert_eq!(advised(&tree.target(), &bytes, &[]), ["L-23"]);

    // A kernel that checks no signatures has nothing to say about them.
    fs::write(&config, unsigned.replace("CONFIG_MODULE_SIG=y\n", "")).unwrap();
    assert_eq!(advised(&tree.target(), &bytes, &[]), [""; 0]);

    let without = |word: &[u8]| {
        let mut elf = hello(V6_1);
        let info = &mut elf.get(".modinfo").data;
        let at = info.windows(word.len()).position(|found| found == word).unwrap();
        info[at] = b'x';
        elf
    };
    assert_eq!(advised(&tree.target(), &without(b"intree=Y").build(), &[]), ["L-47"]);
    let bare = without(b"retpoline=Y").build();
    assert_eq!(advised(&tree.target(), &bare, &[]), [""; 0]);
    fs::write(&config, unsigned + "CONFIG_RETPOLINE=y\n").unwrap();
    assert_eq!(advised(&tree.target(), &bare, &[]), ["L-23", "L-28"]);

    let mut elf = hello(V6_1);
    let exit = elf.symbols.iter_mut().find(|symbol| symbol.name == "cleanup_module");
    exit.unwrap().name = "other".into();
    assert_eq!(advised(&tree.target(), &elf.build(), &["L-43"]), ["L-23", "L-43"]);
}
