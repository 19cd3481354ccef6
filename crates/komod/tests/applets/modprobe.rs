//! modprobe on a kernel in a folder: what it asks the kernel, and what must not be loaded.

use crate::elf::module;
use crate::kernel::{Kernel, RELEASE, peer};
use std::process::Command;

/// With the modules a and b (which needs a), and an x outside that says it is called `evil`.
pub fn kernel(name: &str) -> Option<Kernel> {
    let kernel = Kernel::new(name);
    for list in ["modules.order", "modules.builtin", "modules.builtin.modinfo"] {
        kernel.module_dir(list, "");
    }
    kernel.write("proc/cmdline", "quiet\n");
    kernel.folder("etc/modprobe.d");
    kernel.module_dir("kernel/a.ko", module("fa", "").bytes());
    let aliases = module("fb", "fa").info("alias=usb-x*").info("alias=usb-x*");
    kernel.module_dir("kernel/b.ko", aliases.info("alias=pci:v[1-3]").bytes());
    kernel.write("new/b.ko", module("fb", "fa").bytes());
    kernel.write("new/x.ko", module("", "").info("name=evil").bytes());
    let done = Command::new(peer("depmod")?).arg("-b").arg(&kernel.0).arg(RELEASE).status();
    assert!(done.unwrap().success());
    Some(kernel)
}

/// Since kmod 31; 30 looks for a module of that name, as komod does with other paths.
#[test]
fn a_path_stands_for_its_file() {
    let Some(kernel) = kernel("modprobe-path") else { return };
    let full = kernel.0.join("new/b.ko").display().to_string();
    for path in ["./new/b.ko", &full] {
        let said = kernel.ours("modprobe", &[path, "x=1"]);
        assert_eq!((said.status, said.stderr.as_str()), (Some(0), ""));
        // What the module of this name needs comes first.
        assert_eq!(said.calls, "finit  0\nfinit x=1 0\n");
        let said = kernel.ours("modprobe", &["-n", path]);
        // The folder that the preloaded library leads to is not in the path.
        let needed = format!("/lib/modules/{RELEASE}/kernel/a.ko");
        assert_eq!(said.stdout, format!("insmod {needed} \ninsmod {full} \n"));
        if let Some(peer) = peer("modprobe") {
            let theirs = kernel.run(&peer, &[path]);
            assert_eq!((theirs.status, theirs.calls.as_str()), (Some(1), ""));
            let why = format!("modprobe: FATAL: Module {path} not found in directory ");
            assert!(theirs.stderr.starts_with(&why), "{theirs:?}");
        }
    }
    for nothing in ["./new/c.ko", "/nowhere/b.ko", "./new", "new/b.ko"] {
        let said = kernel.same("modprobe", &[nothing]);
        assert_eq!((said.status, said.calls.as_str()), (Some(1), ""));
    }
}

/// The first line stays as it is; the kernel's own words follow if they are wanted.
#[test]
fn a_refusal_with_its_reason() {
    let Some(kernel) = kernel("modprobe-hints") else { return };
    kernel.write("errno", "22");
    kernel.write("log", "3,1,1,-;a: disagrees about version of symbol usb_register\n");
    for name in ["a", "b"] {
        let plain = kernel.same("modprobe", &[name]).stderr;
        assert_eq!(plain, format!("modprobe: ERROR: could not insert '{name}': Invalid argument"));
        let hinted = |value: &str, arguments: &[&str]| {
            kernel.ours_with(&[("KOMOD_HINTS", value)], "modprobe", arguments).stderr
        };
        let hint = "hint: the kernel says \"a: disagrees about version of symbol usb_register\"; \
            `komod explain L-08` says more";
        assert_eq!(hinted("1", &[name]), format!("{plain}\n{hint}"));
        assert_eq!(hinted("0", &[name]), plain);
        assert_eq!(hinted("1", &["-q", name]), "");
    }
    kernel.write("errno", "17");
    let said = kernel.ours_with(&[("KOMOD_HINTS", "1")], "modprobe", &["a"]);
    assert_eq!((said.status, said.stderr.as_str()), (Some(0), ""));
}

/// By no path: neither by name nor as a file, whatever the file is called.
#[test]
fn what_is_forbidden_is_not_loaded() {
    let Some(kernel) = kernel("forbidden") else { return };
    kernel.write("etc/modprobe.d/no.conf", "# never\nforbid evil a\n");
    let why = "forbidden by /etc/modprobe.d/no.conf line 2";
    let file = format!("lib/modules/{RELEASE}/kernel/a.ko");
    let needed = format!("'b': it depends on 'a', which is {why}");
    for (tool, asked, text) in [
        ("insmod", "new/x.ko", format!("module new/x.ko: {why}")),
        ("insmod", &*file, format!("module {file}: {why}")),
        ("modprobe", "./new/x.ko", format!("'x': {why}")),
        ("modprobe", "a", format!("'a': {why}")),
        ("modprobe", "b", needed),
    ] {
        // Never is never, in kmod's manner, too.
        for manner in ["", "kmod"] {
            let said = kernel.ours_with(&[("KOMOD_COMPAT", manner)], tool, &[asked]);
            assert_eq!(said.stderr, format!("{tool}: ERROR: could not insert {text}"));
            assert_eq!((said.status, said.calls.as_str()), (Some(1), ""));
        }
    }
    // A file of this name in a folder that comes first takes its place.
    kernel.write("run/modprobe.d/zz.conf", "allow-only b a\n");
    kernel.write("etc/modprobe.d/no.conf", "");
    assert_eq!(kernel.ours("insmod", &["new/b.ko"]).calls, "finit  0\n");
    let said = kernel.ours("insmod", &["new/x.ko"]);
    let why = "not in the list of allowed modules (/run/modprobe.d/zz.conf line 1)";
    assert_eq!(said.stderr, format!("insmod: ERROR: could not insert module new/x.ko: {why}"));
}

/// The configuration and the indexes' aliases, as a text and as JSON.
#[test]
fn the_configuration() {
    let Some(kernel) = kernel("modprobe-config") else { return };
    kernel.write("proc/cmdline", "quiet c.d=1 modprobe.blacklist=e\n");
    kernel.write("etc/modprobe.d/a.conf", "options a-x p=1 q\nalias n-* b\ninstall c run it\n");
    let said = kernel.same("modprobe", &["-c"]);
    let (text, indexes) = said.stdout.split_once("# End of configuration").unwrap();
    assert!(text.starts_with("blacklist e\ninstall c run it\nalias n_* b\n"), "{text}");
    let listed: Vec<[&str; 2]> = indexes
        .lines()
        .filter_map(|line| line.strip_prefix("alias ")?.split_once(' '))
        .map(|(alias, module)| [alias, module])
        .collect();
    assert_eq!(listed.len(), 5, "{indexes}");

    let said = kernel.ours("modprobe", &["-c", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((&json["format"], &json["version"]), (&"komod-modprobe-config".into(), &1.into()));
    let told = json["index_alias"].as_array().unwrap().iter();
    let told: Vec<[&str; 2]> =
        told.map(|one| ["pattern", "module"].map(|key| one[key].as_str().unwrap())).collect();
    assert_eq!(told, listed);
    assert_eq!(json["blacklist"], serde_json::json!(["e"]));
    assert_eq!(json["alias"], serde_json::json!([{ "pattern": "n_*", "module": "b" }]));
    assert_eq!(
        json["options"],
        serde_json::json!([
            { "module": "a_x", "value": "p=1 q" },
            { "module": "c", "value": "d=1" }
        ])
    );
    // Without the aliases there is no answer.
    kernel.module_dir("modules.alias.bin", "damaged");
    let said = kernel.ours("modprobe", &["-c", "--json"]);
    assert_eq!((said.status, said.stdout.as_str()), (Some(1), ""));
    assert!(said.stderr.contains("modules.alias.bin: offset 0x"), "{said:?}");
}
