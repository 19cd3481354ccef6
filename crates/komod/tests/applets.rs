//! The small tools of kmod against Debian's own, on a kernel in a folder.
//!
//! Both run with a library preloaded (`applets/kernel.c`) that leads `/proc` and `/sys` into the
//! folder and writes down what the kernel is asked to do. That komod can be led so is itself what
//! is tested: it goes through the symbols of the C library.

mod common;
#[path = "applets/differences.rs"]
mod differences;
#[path = "../../komod-kernel/tests/depmod_trees/elf.rs"]
mod elf;
#[path = "applets/kernel.rs"]
mod kernel;
#[path = "applets/modprobe.rs"]
mod modprobe;

use kernel::{Kernel, RELEASE, peer};
use std::path::Path;
use std::process::Command;

#[test]
fn lsmod_lists_the_same() {
    let kernel = Kernel::new("lsmod");
    let said = kernel.same("lsmod", &[]);
    assert!(said.stdout.contains("\nusb                     8192  2 "), "{}", said.stdout);
    kernel.same("kmod", &["list"]);
}

/// A module that went away meanwhile: kmod writes `-2  -2` and an error of its library.
#[test]
fn lsmod_shows_what_was_listed() {
    let kernel = Kernel::new("lsmod-race");
    kernel.write("proc/modules", "gone 5000 1 hid, Live 0x0000000000000000\n");
    let said = kernel.ours("lsmod", &[]);
    let row = "gone                    5000  1 hid\n";
    assert_eq!(said.stdout, format!("Module                  Size  Used by\n{row}"));
    assert_eq!((said.status, said.stderr.as_str()), (Some(0), ""));
}

#[test]
fn rmmod_decides_the_same() {
    let kernel = Kernel::new("rmmod");
    let said = kernel.same("rmmod", &["usb", "b2", "hid"]);
    assert_eq!((said.status, said.calls.as_str()), (Some(1), "delete hid 04000\n"));
    for arguments in [
        &["-f", "usb"][..],
        &["-v", "hid"],
        &["nothing", "a-b"],
        &["-f", "nothing"],
        &["coming"],
        &["some/where/hid.ko", "a.b"],
        &[],
        &["--nothing"],
        &["--forc", "hid"],
    ] {
        kernel.same("rmmod", arguments);
    }
    kernel.write("x-y.ko", "");
    kernel.same("rmmod", &["x-y.ko"]);
    for errno in [1, 2, 11, 16] {
        kernel.write("errno", errno.to_string());
        kernel.same("rmmod", &["hid", "usb"]);
        kernel.same("rmmod", &["-f", "hid"]);
    }
}

#[test]
fn insmod_says_the_same() {
    let kernel = Kernel::new("insmod");
    kernel.write("e.ko", b"\x7fELF, nearly");
    kernel.write("short.ko", b"abc");
    for errno in [0, 1, 2, 3, 8, 12, 16, 17, 22, 38, 65, 74, 126, 129] {
        kernel.write("errno", errno.to_string());
        // Without finit_module the contents are looked at: a file with a name only has no more.
        let file = if errno == 38 { "/bin/true" } else { "e.ko" };
        kernel.same("insmod", &[file]);
    }
    kernel.write("errno", "0");
    for arguments in [
        &["e.ko", "a=1", "b=x", "c", "d=\"x y\"", "e"][..],
        &["-f", "e.ko"],
        &["e.ko", "-f", "x=1"],
        &["short.ko"],
        &["nothing.ko"],
        &["/"],
        &["/dev/null"],
        &["-"],
        &[],
        &["--nothing", "e.ko"],
    ] {
        kernel.same("insmod", arguments);
    }
    // kmod 30 does not quote, 34 does.
    let said = kernel.ours("insmod", &["e.ko", "a=x y", "b=\"x y\"", "x y"]);
    assert_eq!(said.calls, "finit a=\"x y\" b=\"x y\" x y 0\n");
    // Of 34.
    assert_eq!(kernel.ours("insmod", &["--force-vermagic", "e.ko"]).calls, "finit  0x2\n");
    assert_eq!(kernel.ours("insmod", &["--force-modversion", "e.ko"]).calls, "finit  0x1\n");
}

#[test]
fn insmod_decompresses() {
    let kernel = Kernel::new("insmod-compressed");
    for (tool, ending) in [("xz", "xz"), ("zstd", "zst")] {
        let name = format!("true.ko.{ending}");
        let done = Command::new(tool).args(["-c", "/bin/true"]).output();
        let Ok(done) = done else { continue };
        kernel.write(&name, done.stdout);
        let said = kernel.same("insmod", &[&name, "x=1"]);
        assert!(said.calls.starts_with("init ELF"), "{said:?}");
    }
    let Ok(done) = Command::new("xz").args(["-c", "/bin/true"]).output() else { return };
    kernel.write("sys/module/compression", "xz\n");
    kernel.write("true.ko.xz", done.stdout);
    // kmod 30 knows nothing of it, 34 does.
    assert_eq!(kernel.ours("insmod", &["true.ko.xz"]).calls, "finit  0x4\n");
}

/// The first line stays as it is; the kernel's own words follow.
#[test]
fn a_refusal_with_its_reason() {
    let kernel = Kernel::new("hints");
    kernel.write("e.ko", b"\x7fELF, nearly");
    kernel.write("errno", "22");
    kernel.write("log", "3,1,1,-;e: disagrees about version of symbol usb_register\n");
    let said = kernel.ours_with(&[("KOMOD_HINTS", "1")], "insmod", &["e.ko"]);
    let stderr = said.stderr;
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines[0], "insmod: ERROR: could not insert module e.ko: Invalid parameters");
    assert_eq!(
        lines[1..],
        ["hint: the kernel says \"e: disagrees about version of symbol usb_register\"; \
          `komod explain L-08` says more"]
    );
}

#[test]
fn messages_go_to_the_systems_log() {
    let kernel = Kernel::new("syslog");
    // Without a daemon glibc writes to the console, which is not looked at here.
    let said = kernel.same("rmmod", &["-s", "nothing"]);
    assert_eq!((said.status, said.stderr.as_str()), (Some(1), ""));
}

#[test]
fn static_nodes_are_the_same() {
    let kernel = Kernel::new("static-nodes");
    kernel.same("kmod", &["static-nodes"]);
    kernel.module_dir(
        "modules.devname",
        "# Device nodes to trigger on-demand module loading.\n\
         fuse fuse c10:229\nsnd_seq snd/seq c116:1\nloop loop-control b7:0\n\
         bad\nbad2 x\nbad3 x q1:2\nbad4 x c1\ndeep a/b/c b1:4\nspace x c5: 6\nmore x c5:6 y\n",
    );
    for format in ["human", "tmpfiles", "devname"] {
        let said = kernel.same("kmod", &["static-nodes", "-f", format]);
        assert!(said.stdout.contains("fuse"), "{said:?}");
        kernel.same("kmod", &["static-nodes", &format!("--format={format}"), "-o", "out/nodes"]);
        let ours = kernel.0.join("out/nodes");
        std::fs::remove_file(&ours).unwrap();
        kernel.ours("kmod", &["static-nodes", "-f", format, "-o", "out/nodes"]);
        assert_eq!(std::fs::read_to_string(ours).unwrap(), said.stdout);
    }
    kernel.same("kmod", &["static-nodes", "-f", "other"]);
    kernel.same("kmod", &["static-nodes", "-h"]);
    kernel.same("kmod", &["static-nodes", "--nothing"]);
    kernel.same("kmod", &["static-nodes", "-o", "/proc/nothing/x"]);
}

#[test]
fn kmod_is_the_same() {
    let kernel = Kernel::new("kmod");
    for arguments in [
        &[][..],
        &["-h"],
        &["--hel"],
        &["help"],
        &["help", "list"],
        &["insert", "x"],
        &["lsmod"],
        &["-x"],
        &["--nothing"],
    ] {
        kernel.same("kmod", arguments);
    }
}

/// Built-in modules, which modinfo knows from files of depmod and of the kernel's build.
#[test]
fn built_in_modules_are_the_same() {
    let kernel = Kernel::new("builtin");
    kernel.module_dir("modules.builtin", "kernel/a/bi.ko\nkernel/fs/ext-4.ko\n");
    kernel.module_dir("modules.order", "");
    kernel.module_dir(
        "modules.builtin.modinfo",
        "bi.license=GPL\0bi.parm=x:A thing\0bi.parmtype=x:int\0bi.alias=pci:v*\0bi.file=a/bi\0\
         bi.alias=foo-bar\0bi.parmtype=zz:bool\0ext_4.license=MIT\0bi.author=Me\0",
    );
    let Some(depmod) = peer("depmod") else { return };
    let done = Command::new(depmod).arg("-b").arg(&kernel.0).arg(RELEASE).status().unwrap();
    assert!(done.success());
    for arguments in [
        &["bi"][..],
        &["-0", "bi"],
        &["-p", "bi"],
        &["-n", "bi", "ext_4", "ext-4"],
        &["foo-bar"],
        &["pci:v1"],
        &["-m", "foo-bar"],
        &["-m", "bi", "pci:v1"],
        &["-F", "name", "bi"],
        &["-F", "parmtype", "bi"],
        &["-F", "", "bi"],
        &["-l", "-a", "bi"],
        &["-l", "ext_4"],
        &["-k", "5", "bi"],
        &["nothing", "bi"],
        &["-m", "nothing"],
        &[],
    ] {
        kernel.same("modinfo", arguments);
    }
    kernel.same("rmmod", &["bi", "ext-4", "ext_4"]);
}

/// `komod insmod …` is insmod, `komod install-applets` makes the names.
#[test]
fn names_of_the_tools() {
    let kernel = Kernel::new("names");
    let komod = Path::new(env!("CARGO_BIN_EXE_komod"));
    let said = kernel.run(komod, &["lsmod"]);
    assert!(said.stdout.starts_with("Module "), "{said:?}");
    let said = kernel.run(komod, &["insmod"]);
    assert_eq!(said.stderr, "insmod: ERROR: missing filename.");
    let said = kernel.run(komod, &["install-applets", "made"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    let made = kernel.0.join("made");
    let said = kernel.run(&made.join("rmmod"), &[]);
    assert_eq!(said.stderr, "rmmod: ERROR: missing module name.");
    std::fs::remove_file(made.join("lsmod")).unwrap();
    std::fs::write(made.join("lsmod"), "mine").unwrap();
    let said = kernel.run(komod, &["install-applets", "made"]);
    assert_eq!(said.status, Some(1));
    assert!(said.stderr.contains("made/lsmod is a file, not a link to komod"), "{said:?}");
    assert!(said.stderr.contains("hint:"), "{said:?}");
    let version = kernel.run(&made.join("kmod"), &["-V"]);
    assert!(version.stdout.starts_with("kmod version 34\n+ZSTD +XZ +ZLIB "), "{version:?}");
}
