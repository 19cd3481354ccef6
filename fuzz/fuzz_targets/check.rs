//! Any bytes through the whole of `komod check`: verdict, conditions, explanations as text and JSON.
#![no_main]

use komod_check::{Checker, Links, LoadedModule, Machine, Request, State, Taint, Target, Verdict};
use komod_diag::{json, terminal};
use komod_kernel::find::{FoundKernel, Origin};
use libfuzzer_sys::fuzz_target;
use std::path::Path;
use std::sync::LazyLock;

/// What the seeds import, a symbol of a module, a GPL-only one and one in a namespace.
const SYMVERS: &str = "0x00000001\tmodule_layout\tvmlinux\tEXPORT_SYMBOL\t\n\
    0x00000002\t_printk\tvmlinux\tEXPORT_SYMBOL\t\n\
    0x00000003\tparam_ops_int\tvmlinux\tEXPORT_SYMBOL_GPL\t\n\
    0x00000004\tspaced\tvmlinux\tEXPORT_SYMBOL_GPL\tSPACE\n\
    0x00000005\tof_module\tdrivers/other\tEXPORT_SYMBOL\t\n";
const OPTIONS: &str = "CONFIG_SMP=y\nCONFIG_MODULE_UNLOAD=y\nCONFIG_MODULE_SIG=y\n\
    CONFIG_STRICT_MODULE_RWX=y\nCONFIG_KALLSYMS=y\nCONFIG_SYSFS=y\nCONFIG_RETPOLINE=y\n\
    CONFIG_MODULE_FORCE_LOAD=y\n";

/// An old and a new kernel, with and without checksums. Most of the way lies behind the checks for
/// the right kernel.
static TARGETS: LazyLock<[Target; 4]> = LazyLock::new(|| {
    let checked = format!("{OPTIONS}CONFIG_MODVERSIONS=y\nCONFIG_CONSTRUCTORS=y\n");
    [("6.1.0", OPTIONS), ("6.12.0", OPTIONS), ("6.1.0", &checked), ("6.12.0", &checked)]
        .map(|(release, options)| target(release, options))
});

/// A kernel is known from files only.
fn target(release: &str, options: &str) -> Target {
    let tree = std::env::temp_dir().join(format!("komod-fuzz-check-{}", std::process::id()));
    std::fs::create_dir_all(tree.join("include/config")).unwrap();
    std::fs::write(tree.join("Module.symvers"), SYMVERS).unwrap();
    std::fs::write(tree.join("include/config/auto.conf"), options).unwrap();
    let found = FoundKernel {
        release: release.into(),
        tree: Some(tree.clone()),
        image: None,
        modules: None,
        origin: Origin::Named,
        running: false,
        problems: Vec::new(),
    };
    let target = Target::of(&found, None).unwrap();
    std::fs::remove_dir_all(tree).unwrap();
    target
}

/// Full of what can be in the way.
fn busy() -> Machine {
    let other = LoadedModule { taints: Taint::PROPRIETARY, ..LoadedModule::live("other") };
    let going = LoadedModule { state: State::Going, ..LoadedModule::live("going") };
    Machine {
        sig_enforce: Some(false),
        lockdown: Some(false),
        blacklist: "a,b,,c".into(),
        taint: Taint::OUT_OF_TREE,
        loaded: vec![other, going],
        only_loaded: true,
        ..Machine::fresh()
    }
}

fn judge(verdict: &Verdict) {
    assert_eq!(verdict.loads(), verdict.diagnostics.is_empty(), "a refusal is explained");
    assert_eq!(verdict.loads(), verdict.refusal().is_none());
    for diagnostic in &verdict.diagnostics {
        assert!(!terminal::render(diagnostic, terminal::Options::plain()).is_empty());
    }
    json::render(&verdict.diagnostics).expect("any text can be JSON");
}

fuzz_target!(|data: &[u8]| {
    let path = Path::new("folder/module.ko");
    let links = [Links::of(data)];
    let forced = Request {
        ignore_vermagic: true,
        ignore_modversions: true,
        ..Request::with_params("a=1 b=\"2 3\" -- c")
    };
    for target in TARGETS.iter() {
        judge(&Checker::new(target, &links).check(path, data));
        let mut checker = Checker::new(target, &links).asking(forced.clone());
        let first = checker.check(path, data);
        judge(&first);
        *checker.machine() = busy();
        judge(&checker.check(path, data));
        if first.loads() {
            // It meets itself.
            checker.machine().loaded.push(LoadedModule::live(first.module.clone()));
            judge(&checker.check(path, data));
        }
    }
});
