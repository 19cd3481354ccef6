//! What a module was built with: nothing is said of stock modules, each mismatch is named.
#![forbid(unsafe_code)]

#[allow(dead_code)]
#[path = "../../komod-kernel/tests/kernels/mod.rs"]
mod kernels;

use komod_check::built_with::{Compiler, Family, KernelBuild, advice};
use komod_kernel::config::KernelConfig;
use komod_object::{Module, compress};

/// `KOMOD_TEST_STOCK` is how many are looked at.
#[test]
fn stock_modules_are_built_as_their_kernel() {
    let most: usize = std::env::var("KOMOD_TEST_STOCK").map_or(150, |text| text.parse().unwrap());
    for kernel in kernels::kernels() {
        let config = kernel.root.join("boot").join(format!("config-{}", kernel.release));
        let config = KernelConfig::parse(&std::fs::read_to_string(config).unwrap());
        let build = KernelBuild::from_options(config.get("CC_VERSION_TEXT"), |o| config.is_on(o));
        assert_eq!(build.compiler.as_ref().map(|c| (c.family, c.major)), Some((Family::Gcc, 12)));
        assert!(build.return_thunks && build.orc);
        let clang = KernelBuild {
            compiler: Compiler::of_text("Debian clang version 14.0.6"),
            cfi: true,
            ..build.clone()
        };
        let files = kernel.stock_modules();
        let step = files.len().div_ceil(most);
        let (mut looked, mut alarms) = (0, Vec::new());
        for file in files.iter().step_by(step) {
            let packed = std::fs::read(file).unwrap();
            let bytes = compress::decompress(&packed, 256 << 20).unwrap();
            let module = Module::parse(&bytes).unwrap();
            looked += 1;
            let told = advice(&module, &build);
            alarms
                .extend(told.iter().map(|d| format!("{}: {} {}", module.name(), d.code, d.title)));
            let codes: Vec<_> = advice(&module, &clang).into_iter().map(|d| d.code).collect();
            assert!(codes.contains(&"L-51".into()), "{codes:?}");
        }
        eprintln!("{}: {looked} modules, {} alarms", kernel.release, alarms.len());
        assert_eq!(alarms, Vec::<String>::new());
    }
}

/// Compiled by hand, without what the kernel's build system asks for.
#[test]
fn what_is_not_built_in_is_named() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (c, object) = (folder.join("plain.c"), folder.join("plain.o"));
    let source = "int init_module(void) { return 0; }\n\
        static const char info[] __attribute__((section(\".modinfo\"), used)) = \"license=GPL\";\n";
    std::fs::write(&c, source).unwrap();
    let codes = |flags: &[&str], kernel: &KernelBuild| -> Vec<String> {
        let mut gcc = std::process::Command::new("gcc");
        gcc.args(["-O2", "-c", "-o"]).arg(&object).args(flags).arg(&c);
        assert!(gcc.status().unwrap().success());
        let bytes = std::fs::read(&object).unwrap();
        let module = Module::parse(&bytes).unwrap();
        advice(&module, kernel).into_iter().map(|told| told.code.into_owned()).collect()
    };
    let on = |names: &'static [&'static str]| {
        KernelBuild::from_options(None, |option| names.contains(&option))
    };
    let all = on(&["RETPOLINE", "X86_KERNEL_IBT", "CFI_CLANG", "UNWINDER_ORC", "RETHUNK"]);
    let plain = ["-fcf-protection=none"];
    assert_eq!(codes(&plain, &all), ["L-53", "L-54", "L-55", "L-56"]);
    let hardened = ["-fcf-protection=branch", "-mfunction-return=thunk-extern"];
    assert_eq!(codes(&hardened, &all), ["L-54", "L-55"]);
    assert_eq!(codes(&plain, &on(&[])), Vec::<String>::new());
    let newer = KernelBuild { compiler: Compiler::of_text("gcc-99 (X) 99.1.0"), ..on(&[]) };
    assert_eq!(codes(&plain, &newer), ["L-51"]);
}
