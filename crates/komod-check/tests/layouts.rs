//! Types as compiled, against the BTF of real kernels: nothing is said of modules that fit, a
//! stale object is found field by field.
#![forbid(unsafe_code)]

#[path = "../../komod-kernel/tests/kernels/mod.rs"]
mod kernels;

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use komod_check::layouts::{self, Change, Comparison, Source, TypeKind};
use komod_kernel::prepared::{Prepared, prepare};
use komod_object::{Module, compress};

const BASE: u64 = 0x1000_0000;

struct Kernel {
    kernel: kernels::TestKernel,
    prepared: Prepared,
}

impl std::ops::Deref for Kernel {
    type Target = kernels::TestKernel;

    fn deref(&self) -> &Self::Target {
        &self.kernel
    }
}

/// The test kernels with their types, unpacked once for all tests here.
fn all() -> &'static [Kernel] {
    static KERNELS: OnceLock<Vec<Kernel>> = OnceLock::new();
    KERNELS.get_or_init(|| {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("prepared");
        std::fs::create_dir_all(&cache).unwrap();
        let prepared = |kernel: kernels::TestKernel| Kernel {
            prepared: prepare(&kernel.vmlinuz(), BASE, &cache, &mut |_| {}).unwrap(),
            kernel,
        };
        kernels::kernels().into_iter().map(prepared).collect()
    })
}

fn compare(file: &Path, kernel: &Kernel) -> Comparison {
    let packed = std::fs::read(file).unwrap();
    let bytes = compress::decompress(&packed, 256 << 20).unwrap();
    let module = Module::parse(&bytes).unwrap();
    layouts::compare(&module, kernel.prepared.btf())
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Every module of a distribution fits its kernel. `KOMOD_TEST_STOCK` is how many are looked at.
#[test]
fn stock_modules_fit_their_kernel_and_no_other() {
    let most = std::env::var("KOMOD_TEST_STOCK").map_or(150, |text| text.parse().unwrap());
    for kernel in all() {
        let files = kernel.stock_modules();
        let step = files.len().div_ceil(most);
        let files: Vec<_> = files.into_iter().step_by(step).collect();
        let (mut compared, mut alarms, mut with_types) = (0, Vec::new(), 0);
        let (mut detected, mut tried) = (0, 0);
        for file in &files {
            let found = compare(file, kernel);
            assert_ne!(found.source, Source::ForeignBtf, "{}", file.display());
            with_types += usize::from(found.source == Source::Btf);
            compared += found.compared;
            let told = found.differences.iter().map(|difference| {
                format!("{}: {difference:?}", file.file_name().unwrap().to_string_lossy())
            });
            alarms.extend(told);
            for other in all().iter().filter(|other| other.release != kernel.release) {
                let foreign = compare(file, other);
                assert_eq!(foreign.differences, [], "{}", file.display());
                detected += usize::from(foreign.source == Source::ForeignBtf);
                tried += usize::from(found.source == Source::Btf);
            }
        }
        eprintln!(
            "{}: {} modules, {with_types} with BTF, {compared} types of kernel names, {} alarms; \
             against another kernel {detected} of {tried} told apart",
            kernel.release,
            files.len(),
            alarms.len(),
        );
        // A few have no name in their types at all.
        assert!(detected * 100 >= tried * 98, "{detected} of {tried}");
        assert!(with_types * 10 >= files.len() * 9, "{with_types}");
        assert_eq!(alarms, Vec::<String>::new());
    }
}

/// A unit compiled with debug information, with what makes a file a module.
fn compiled(name: &str, source: &str, flags: &[&str]) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("units");
    std::fs::create_dir_all(&folder).unwrap();
    let (c, object) = (folder.join(format!("{name}.c")), folder.join(format!("{name}.o")));
    let whole = format!(
        "{source}\n# 1 \"{name}.c\"\n\
         static const char info[] __attribute__((section(\".modinfo\"), used)) = \"license=GPL\";\n"
    );
    std::fs::write(&c, whole).unwrap();
    let mut gcc = Command::new("gcc");
    gcc.args(["-g", "-c", "-o"]).arg(&object).args(flags).arg(&c);
    assert!(gcc.status().unwrap().success());
    std::fs::read(object).unwrap()
}

/// `struct list_head` and `struct kref` as they are, `struct timespec64` as it never was.
const STALE: &str = r#"
# 1 "include/linux/types.h"
struct list_head { struct list_head *next, *prev; };
enum pid_type { PIDTYPE_PID, PIDTYPE_NEW, PIDTYPE_TGID = 7 };
# 1 "include/linux/time64.h"
struct timespec64 { long long tv_sec; int tv_added; long tv_nsec; };
struct list_head head;
enum pid_type kind;
struct timespec64 time;
"#;

#[test]
fn a_stale_object_is_found_field_by_field() {
    let flags: [(&str, &[&str]); 4] = [
        ("dwarf5", &["-gdwarf-5"]),
        ("dwarf4", &["-gdwarf-4"]),
        ("dwarf2", &["-gdwarf-2", "-gstrict-dwarf"]),
        ("packed", &["-gdwarf-5", "-gz=zlib"]),
    ];
    for kernel in all() {
        for (name, flags) in flags {
            let bytes = compiled(name, STALE, flags);
            let module = Module::parse(&bytes).unwrap();
            let found = layouts::differences(&module, kernel.prepared.btf()).unwrap();
            let names: Vec<_> = found.iter().map(|d| (d.kind, d.name.as_str())).collect();
            let wanted = [(TypeKind::Enum, "pid_type"), (TypeKind::Struct, "timespec64")];
            assert_eq!(names, wanted, "{name}: {found:#?}");
            let time = &found[1];
            assert_eq!(time.header.as_deref(), Some("include/linux/time64.h"));
            assert_eq!((time.module_size, time.kernel_size), (24, 16));
            assert!(matches!(&time.changes[..], [
                Change::OnlyModule { name: added, place: Some(_) },
                Change::Field { name: moved, module, kernel },
            ] if added == "tv_added" && moved == "tv_nsec"
                && module.bit_offset == 128 && kernel.bit_offset == 64));
            let told = layouts::advice(&kernel.release, &found);
            let text = format!("{told:?}");
            assert!(text.contains("tv_nsec: at 16, in the kernel at 8"), "{text}");
            assert!(text.contains("PIDTYPE_TGID = 7, in the kernel 1"), "{text}");
        }
    }
}

#[test]
fn a_private_type_of_the_same_name_is_no_difference() {
    let private = STALE.replace("include/linux/", "");
    let bytes = compiled("private", &private, &[]);
    let module = Module::parse(&bytes).unwrap();
    for kernel in all() {
        assert_eq!(layouts::differences(&module, kernel.prepared.btf()).unwrap(), []);
    }
}

/// What a driver includes.
const DRIVER: &str = r#"
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/etherdevice.h>
#include <linux/pci.h>
#include <linux/usb.h>
#include <linux/blkdev.h>
#include <linux/fs.h>
struct net_device *device;
struct super_block *block;
"#;

/// Where a kernel's headers lie, in the order in which kbuild names them.
fn headers(kernel: &Kernel) -> Vec<String> {
    let src = kernel.root.join("usr/src");
    let own = src.join(format!("linux-headers-{}", kernel.release));
    let common = kernel.release.trim_end_matches("-amd64");
    let common = src.join(format!("linux-headers-{common}-common"));
    let mut flags = Vec::new();
    for folder in [
        common.join("arch/x86/include"),
        own.join("arch/x86/include/generated"),
        common.join("include"),
        own.join("include"),
        common.join("arch/x86/include/uapi"),
        own.join("arch/x86/include/generated/uapi"),
        common.join("include/uapi"),
        own.join("include/generated/uapi"),
    ] {
        flags.push(format!("-I{}", folder.display()));
    }
    for header in ["linux/compiler-version.h", "linux/kconfig.h", "linux/compiler_types.h"] {
        flags.push("-include".into());
        flags.push(common.join("include").join(header).display().to_string());
    }
    flags
}

fn driver(name: &str, before: &[String], kernel: &Kernel) -> Vec<u8> {
    let flags = ["-nostdinc", "-D__KERNEL__", "-DMODULE", "-std=gnu11", "-fshort-wchar", "-O2"];
    let more = ["-mno-sse", "-mcmodel=kernel", "-fno-pie", "-w", "-DKBUILD_MODNAME=\"driver\""];
    let mut all: Vec<String> = flags.iter().chain(&more).map(ToString::to_string).collect();
    all.extend(before.iter().cloned());
    all.extend(headers(kernel));
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    compiled(name, DRIVER, &all)
}

#[test]
fn a_driver_fits_the_kernel_of_its_headers_only() {
    for kernel in all() {
        let bytes = driver(
            &format!("driver-{}", kernel.release),
            &["-fno-eliminate-unused-debug-types".into()],
            kernel,
        );
        let module = Module::parse(&bytes).unwrap();
        let start = std::time::Instant::now();
        let found = layouts::compare(&module, kernel.prepared.btf()).unwrap();
        eprintln!(
            "{}: {} types compared in {:?} ({} bytes of DWARF)",
            kernel.release,
            found.compared,
            start.elapsed(),
            module.elf().section_by_name(".debug_info").unwrap().data().len(),
        );
        assert!(found.compared > 1000, "{}", found.compared);
        assert_eq!(found.differences, []);
        for other in all().iter().filter(|other| other.release != kernel.release) {
            let found = layouts::differences(&module, other.prepared.btf()).unwrap();
            assert!(found.iter().any(|d| d.name == "net_device"), "{}", found.len());
            eprintln!("  against {}: {} types differ", other.release, found.len());
        }
    }
}

/// One header is of yesterday: `struct kref` had a field more.
#[test]
fn a_driver_compiled_with_a_stale_header_is_found() {
    for kernel in all() {
        let name = format!("stale-{}", kernel.release);
        let overlay = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name).join("include");
        std::fs::create_dir_all(overlay.join("linux")).unwrap();
        let common = kernel.release.trim_end_matches("-amd64");
        let header = kernel.root.join("usr/src").join(format!("linux-headers-{common}-common"));
        let text = std::fs::read_to_string(header.join("include/linux/kref.h")).unwrap();
        let changed = text.replacen("struct kref {", "struct kref { long added;", 1);
        assert_ne!(text, changed);
        std::fs::write(overlay.join("linux/kref.h"), changed).unwrap();
        let bytes = driver(&name, &[format!("-I{}", overlay.display())], kernel);
        let module = Module::parse(&bytes).unwrap();
        let found = layouts::differences(&module, kernel.prepared.btf()).unwrap();
        let kref = found.iter().find(|d| d.name == "kref").unwrap();
        assert_eq!((kref.module_size, kref.kernel_size), (16, 4));
        assert_eq!(kref.header.as_deref(), Some("include/linux/kref.h"));
        let device = found.iter().find(|d| d.name == "kobject").unwrap();
        let moved = device
            .changes
            .iter()
            .any(|change| matches!(change, Change::Field { name, .. } if name == "kref"));
        assert!(moved, "{device:?}");
    }
}

/// Damaged debug information is an error or a comparison, never a panic.
#[test]
fn damage_does_no_harm() {
    let bytes = compiled("damaged", STALE, &[]);
    let whole = Module::parse(&bytes).unwrap();
    let sections = [".debug_info", ".debug_abbrev", ".debug_line", ".rela.debug_info"];
    for kernel in all().iter().take(1) {
        let mut errors = 0;
        for name in sections {
            let header = whole.elf().section_by_name(name).unwrap().header;
            let (start, size) = (header.offset as usize, header.size as usize);
            for at in start..start + size {
                for value in [0, 0x7f, 0xff] {
                    let mut damaged = bytes.clone();
                    damaged[at] = value;
                    let Ok(module) = Module::parse(&damaged) else { continue };
                    errors +=
                        usize::from(layouts::compare(&module, kernel.prepared.btf()).is_err());
                }
            }
        }
        assert!(errors > 100, "{errors}");
    }
}
