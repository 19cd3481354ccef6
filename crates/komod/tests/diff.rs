//! `komod diff` on modules built with one known difference each.
#![forbid(unsafe_code)]

mod common;

use common::{Kernel, User, kernels_in_turn};
use std::path::Path;
use std::process::Command;

const SOURCE: &str = r#"#include <linux/delay.h>
#include <linux/module.h>
#include <linux/pci.h>
static const struct pci_device_id ids[] = { { PCI_DEVICE(0x1234, 0x11) }, { } };
MODULE_DEVICE_TABLE(pci, ids);
int known_difference(int x);
int known_difference(int x) { return x * 3; }
EXPORT_SYMBOL_GPL(known_difference);
static int __init start(void) { pr_info("start\n"); return known_difference(0); }
static void __exit stop(void) { pr_info("stop\n"); }
module_init(start);
module_exit(stop);
MODULE_LICENSE("GPL");
"#;

/// The module of `SOURCE` with one text replaced, built in a folder of its own.
fn build(user: &User, kernel: &Kernel, folder: &str, change: (&str, &str)) -> String {
    let source = SOURCE.replacen(change.0, change.1, 1);
    assert!(change.0.is_empty() || source != SOURCE);
    user.file(&format!("{folder}/Makefile"), "obj-m := same.o\n");
    user.file(&format!("{folder}/same.c"), source);
    let mut built = user.build(kernel, &user.dir.join(folder), &[]);
    assert_eq!(built.len(), 1);
    built.remove(0)
}

#[test]
fn known_differences_are_named() {
    for kernel in kernels_in_turn() {
        let user = User::new("diff");
        let base = build(&user, &kernel, "base", ("", ""));
        user.komod(&["diff", &base, &base]).good().logs(&["L0: the files are equal"]);

        let path = build(&user, &kernel, "another/path", ("", ""));
        user.komod(&["diff", &base, &path]).ends_with(1).logs(&["L1: ", "debug "]);
        user.komod(&["diff", "--level", "L1", &base, &path]).good();
        user.komod(&["diff", "--level", "l2", &base, &path]).good();
        let json = user.komod(&["diff", "--json", &base, &path]).ends_with(1).json("komod-diff");
        assert_eq!((&json["level"], &json["alike"]), (&"L1".into(), &false.into()), "{json}");
        let all = json["differences"].as_array().unwrap();
        assert!(!all.is_empty() && all.iter().all(|d| d["level"] == "L1"), "{json}");

        let code = build(&user, &kernel, "code", ("x * 3", "x * 5"));
        user.komod(&["diff", "--level", "L2", &base, &code])
            .ends_with(1)
            .logs(&["different: ", "code .text known_difference+"]);

        let alias = build(&user, &kernel, "alias", ("0x11)", "0x12)"));
        user.komod(&["diff", "--level", "L2", &base, &alias]).ends_with(1).logs(&[
            "different: ",
            "modinfo .modinfo alias: pci:v00001234d00000011sv*sd*bc*sc*i* -> \
             pci:v00001234d00000012sv*sd*bc*sc*i*",
            "code .rodata __mod_pci__ids_device_table+0x4: 11 ",
        ]);

        let (from, to) = ("return known", "msleep(1); return known");
        let import = build(&user, &kernel, "import", (from, to));
        user.komod(&["diff", &base, &import]).ends_with(1).logs(&[
            "version __versions msleep crc: only in B: 0x",
            "import msleep: only in B",
            "code .init.text ",
            "PLT32 msleep-0x4",
        ]);

        let export = build(&user, &kernel, "export", ("EXPORT_SYMBOL_GPL", "EXPORT_SYMBOL"));
        user.komod(&["diff", &base, &export])
            .ends_with(1)
            .logs(&["export __ksymtab_gpl known_difference licence: GPL only -> any"]);

        crc(&user, &base);
        stripped_and_packed(&user, &base);
    }
}

/// Another checksum for `module_layout`, as the other configuration of a kernel has.
fn crc(user: &User, base: &str) {
    let mut bytes = std::fs::read(base).unwrap();
    let name = b"module_layout\0\0\0";
    let at = bytes.windows(name.len()).position(|w| w == name).unwrap();
    bytes[at - 8] ^= 0xff;
    let other = user.file("crc.ko", bytes);
    let said = user.komod(&["diff", base, other.to_str().unwrap()]).ends_with(1);
    assert_eq!(said.out.lines().count(), 2, "{said:#?}");
    said.logs(&["different: ", "version __versions module_layout crc: 0x"]);
}

/// What an installed module went through.
fn stripped_and_packed(user: &User, base: &str) {
    let packed = user.file("installed.ko", std::fs::read(base).unwrap());
    let tool = |command: &[&str]| {
        assert!(
            Command::new(command[0]).args(&command[1..]).arg(&packed).status().unwrap().success()
        );
    };
    tool(&["strip", "-g"]);
    tool(&["xz", "--check=crc32"]);
    let packed = format!("{}.xz", packed.display());
    user.komod(&["diff", "--level", "L1", base, &packed]).good().logs(&["L1: "]);
    std::fs::remove_file(packed).unwrap();
}

#[test]
fn what_is_no_module_is_status_2() {
    let user = User::without_cache("diff-usage");
    let junk = user.file("junk.ko", "no ELF file");
    let other = user.file("other.ko", "another text");
    let (junk, other) = (junk.to_str().unwrap(), other.to_str().unwrap());
    user.komod(&["diff", junk, other]).ends_with(2).complains("junk.ko is not a module");
    user.komod(&["diff", junk, "missing.ko"]).ends_with(2).complains("missing.ko");
    user.komod(&["diff", junk]).ends_with(2);
    user.komod(&["diff", "--level", "L9", junk, junk]).ends_with(2);
    user.komod(&["diff", junk, junk]).good();
    assert!(Path::new(junk).exists());
}
