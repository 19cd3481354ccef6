//! What init functions return as their code shows it: no stock module is accused, the plain
//! mistakes are found.
#![forbid(unsafe_code)]

#[allow(dead_code)]
#[path = "../../komod-kernel/tests/kernels/mod.rs"]
mod kernels;

use komod_check::init_returns::advice;
use komod_object::{Module, compress};
use std::path::Path;
use std::process::Command;

/// Stock modules of which it is true: without ISA, advansys fails before it comes to PCI
/// (`advansys_init()`, `drivers/scsi/advansys.c`); plip returns 1 when its driver cannot be
/// registered (`plip_init()`, `drivers/net/plip/plip.c`; Linux 6.1 and 6.12).
const TRUE: [(&str, &str); 2] = [("advansys", "L-41"), ("plip", "L-42")];

/// `KOMOD_TEST_STOCK` is how many are looked at.
#[test]
fn stock_modules_return_what_they_should() {
    let most: usize = std::env::var("KOMOD_TEST_STOCK").map_or(400, |text| text.parse().unwrap());
    for kernel in kernels::kernels() {
        let mut folders = vec![kernel.root.join("lib/modules").join(&kernel.release)];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else if entry.file_name().to_string_lossy().contains(".ko") {
                    files.push(entry.path());
                }
            }
        }
        files.sort();
        let step = files.len().div_ceil(most);
        let (mut looked, mut told) = (0, Vec::new());
        for file in files.iter().step_by(step) {
            let packed = std::fs::read(file).unwrap();
            let bytes = compress::decompress(&packed, 256 << 20).unwrap();
            let module = Module::parse(&bytes).unwrap();
            looked += 1;
            let name = module.name();
            let codes = advice(&module).into_iter().map(|told| (name.to_string(), told.code));
            told.extend(codes.filter(|(name, code)| !TRUE.contains(&(name.as_str(), code))));
        }
        eprintln!("{}: {looked} modules, {told:?}", kernel.release);
        assert_eq!(told, []);
    }
}

/// Code and title of what is told of an init function with this body.
fn told(body: &str, flags: &[&str]) -> Vec<String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let name = format!("init{:?}", std::thread::current().id());
    let (c, object) = (folder.join(format!("{name}.c")), folder.join(format!("{name}.o")));
    let source = format!(
        "void said(const char *); int asked(int);\n\
         int init_module(void) {{ {body} }}\n\
         static const char info[] __attribute__((section(\".modinfo\"), used)) = \"license=GPL\";\n"
    );
    std::fs::write(&c, source).unwrap();
    let mut gcc = Command::new("gcc");
    gcc.args(["-O2", "-c", "-mcmodel=kernel", "-fno-pie", "-fcf-protection=branch"]);
    assert!(gcc.args(flags).arg("-o").arg(&object).arg(&c).status().unwrap().success());
    let bytes = std::fs::read(&object).unwrap();
    let module = Module::parse(&bytes).unwrap();
    advice(&module).into_iter().map(|told| format!("{}: {}", told.code, told.title)).collect()
}

#[test]
fn constants_are_found_with_and_without_thunks() {
    for flags in [&[][..], &["-mfunction-return=thunk-extern"], &["-mharden-sls=all"]] {
        let positive = "L-42: its init returns 22 on one of its ways";
        assert_eq!(told("return 22;", flags), [positive], "{flags:?}");
        assert_eq!(told("said(\"x\"); return 22;", flags), [positive], "{flags:?}");
        let no_device = "L-41: its init always returns -19 (ENODEV): it does not stay";
        assert_eq!(told("return -19;", flags), [no_device], "{flags:?}");
        assert_eq!(told("said(\"x\"); return -19;", flags), [no_device], "{flags:?}");
        for good in [
            "return 0;",
            "said(\"x\"); return 0;",
            "return asked(22);",
            "return asked(5) ? -19 : 0;",
            "if (asked(1)) return -12; said(\"x\"); return 0;",
        ] {
            assert_eq!(told(good, flags), Vec::<String>::new(), "{flags:?} {good}");
        }
    }
}
