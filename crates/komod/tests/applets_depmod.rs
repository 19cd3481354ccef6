//! `depmod` as users and scripts call it, next to kmod's own.

#[path = "../../komod-kernel/tests/depmod_trees/elf.rs"]
#[allow(dead_code, reason = "made for tests of the library")]
mod elf;
#[path = "applets_depmod/fakechroot.rs"]
mod fakechroot;
#[path = "applets_depmod/incremental.rs"]
mod incremental;

use elf::{Made, module};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

const RELEASE: &str = "6.1.0";

/// A folder with a root and whatever a test needs.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("komod-applet-depmod-{}-{number}", std::process::id());
        let folder = Folder(std::env::temp_dir().join(name));
        let _ = std::fs::remove_dir_all(&folder.0);
        std::fs::create_dir_all(folder.modules()).unwrap();
        folder
    }

    /// With modules `a`, `b` that needs `a` and something unknown, and `c-d` with aliases.
    fn with_modules() -> Folder {
        let folder = Folder::new();
        folder.module("kernel/a.ko", &module("sa", "kernel_one"));
        folder
            .module("kernel/b.ko", &Made { versions: vec!["sa".into()], ..module("sb", "sa no") });
        let aliases = module("", "sb .kernel_two").info("alias=x-y").info("alias=x_y");
        folder.module("extra/c-d.ko", &aliases.info("softdep=pre: a"));
        folder.write("modules.order", b"kernel/a.ko\n");
        folder.write("modules.builtin", b"");
        folder.write("modules.builtin.modinfo", b"");
        folder
    }

    fn modules(&self) -> PathBuf {
        self.0.join("root/lib/modules").join(RELEASE)
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.modules().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn module(&self, path: &str, made: &Made) {
        self.write(path, &made.bytes());
    }

    fn ours(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_komod"));
        command.arg("depmod").args(arguments).current_dir(&self.0).output().unwrap()
    }

    /// What kmod says, if it is here; where it must be, its absence is a failure.
    fn kmod(&self, arguments: &[&str]) -> Option<Output> {
        let output = Command::new("depmod").args(arguments).current_dir(&self.0).output();
        assert!(output.is_ok() || std::env::var_os("CI").is_none(), "no kmod to compare with");
        output.ok()
    }

    /// Runs both and compares status, results and messages.
    fn same(&self, arguments: &[&str]) -> Output {
        let ours = self.ours(arguments);
        if let Some(theirs) = self.kmod(arguments) {
            assert_eq!(results(&ours), results(&theirs), "{arguments:?}");
            assert_eq!(messages(&ours), messages(&theirs), "{arguments:?}");
            assert_eq!(ours.status.code(), theirs.status.code(), "{arguments:?}");
        }
        ours
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// kmod 30 knows no weakdeps.
fn results(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().filter(|line| !line.starts_with("# Weak dep"));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Without those of kmod's library, which reads configuration that depmod does not use.
fn messages(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines = text.lines().filter(|line| !line.starts_with("libkmod:"));
    lines.map(|line| format!("{line}\n")).collect()
}

const BASE: [&str; 4] = ["-C", "none", "-b", "root"];

fn with(more: &[&'static str]) -> Vec<&'static str> {
    BASE.iter().chain(more).copied().collect()
}

#[test]
fn results_of_a_dry_run() {
    let folder = Folder::with_modules();
    for more in [
        &["-n", RELEASE][..],
        &["--dry-run", RELEASE],
        &["--show", "-a", RELEASE],
        &["-nv", RELEASE],
        &["-n", "-w", RELEASE],
        &["-n", "--sym", "none", RELEASE],
        &["-n", "--symb=_", RELEASE],
    ] {
        folder.same(&with(more));
    }
}

#[test]
fn single_files() {
    let folder = Folder::with_modules();
    let a = folder.modules().join("kernel/a.ko").into_os_string().into_string().unwrap();
    let b = folder.modules().join("kernel/b.ko").into_os_string().into_string().unwrap();
    folder.same(&["-C", "none", "-n", "-b", "root", RELEASE, &b]);
    let output = folder.same(&["-C", "none", "-n", "-b", "root", RELEASE, &b, &a]);
    assert!(results(&output).starts_with("kernel/a.ko:\nkernel/b.ko: kernel/a.ko\n"));
    folder.same(&["-C", "none", "-n", "-b", "root", RELEASE, "root/lib/modules/6.1.0/kernel/a.ko"]);
    folder.same(&["-C", "none", "-n", "-b", "root", RELEASE, "/none/x.ko"]);
}

#[test]
fn mistakes() {
    let folder = Folder::with_modules();
    for arguments in [
        &["foo"][..],
        &["6"],
        &[""],
        &["/a/b.ko"],
        &["-C", "none", "-b", "no-root", RELEASE],
        &["-P", "xx", RELEASE],
        &["-C", "none", "-b", "root", "-n", "-e", RELEASE],
        &["-C", "none", "-b", "root", "-n", "-e", "-E", "none", RELEASE],
        &["-C", "none", "-b", "root", "-n", "-F", "none", RELEASE],
    ] {
        folder.same(arguments);
    }
    // kmod is called by another name here: its messages begin as ours.
    for (arguments, message) in [
        (&["--foo"][..], "depmod: unrecognized option '--foo'\n"),
        (&["-s"], "depmod: invalid option -- 's'\n"),
        (&["-b"], "depmod: option requires an argument -- 'b'\n"),
    ] {
        let output = folder.same(arguments);
        assert_eq!((messages(&output), output.status.code()), (message.to_owned(), Some(1)));
    }
    let output = folder.ours(&["--json", RELEASE]);
    assert_eq!(messages(&output), "depmod: FATAL: --json is only for -n\n");
}

#[test]
fn symbols_of_the_kernel() {
    let folder = Folder::with_modules();
    let map = "c0 T no\nc1 R __ksymtab_kernel_one\nbad\nc2 R __ksymtab_kernel_two\n";
    std::fs::write(folder.0.join("map"), map).unwrap();
    let symvers = "0x00000000\tkernel_one\tvmlinux\tEXPORT_SYMBOL\t\n0x00000001\tkernel_two\tvmlinux\tE\n\
                   0x0\tno\tdrivers/x\tE\n\nbad\n";
    std::fs::write(folder.0.join("symvers"), symvers).unwrap();
    let output = folder.same(&with(&["-n", "-e", "-F", "map", RELEASE]));
    assert!(messages(&output).contains("kernel/b.ko needs unknown symbol no\n"));
    folder.same(&with(&["-n", "-F", "map", RELEASE]));
    folder.same(&with(&["-n", "-e", "-F", "map", "-P", "_", RELEASE]));
    let output = folder.same(&with(&["-n", "-e", "-E", "symvers", RELEASE]));
    assert!(messages(&output).contains("kernel/b.ko disagrees about version of symbol sa\n"));
    folder.same(&with(&["-n", "-v", "-e", "-E", "symvers", "-F", "map", RELEASE]));
    folder.same(&with(&["-n", "-E", "symvers", RELEASE]));
}

/// Which of several files counts, for many configurations.
#[test]
fn configurations() {
    let folder = Folder::new();
    folder.write("modules.order", b"");
    for place in ["kernel", "extra", "updates", "updates/dkms", "extra2", "weak", "aaa/bbb"] {
        folder.module(&format!("{place}/m-x.ko"), &module("m", ""));
        folder.module(&format!("{place}/n.ko"), &module("n", "m"));
    }
    folder.module("updates/dkms/a_b.ko", &module("", ""));
    folder.module("updates/a-b.ko", &module("", ""));
    let external = folder.0.join("external");
    std::fs::create_dir_all(external.join("sub")).unwrap();
    std::fs::write(external.join("sub/n.ko"), module("n", "").bytes()).unwrap();
    std::fs::write(external.join("o.ko"), module("o", "n").bytes()).unwrap();
    let configuration = folder.0.join("depmod.d");
    std::fs::create_dir_all(&configuration).unwrap();
    let searches = [
        "",
        "search built-in",
        "search updates built-in",
        "search built-in updates",
        "search extra updates",
        "search updates/dkms extra updates",
        "search updates extra updates/dkms",
        "search extra updates/dkms updates built-in weak",
        "search aaa\nsearch weak",
        "search aaa/bbb/ up \\\n weak",
        "search external built-in",
        "search weak external",
    ];
    let others = [
        "",
        "override m-x * weak\noverride m-x 6.1 extra",
        "override m_x * weak\noverride n ^5 extra\noverride n 6[.]1 aaa/bbb",
        "external * EXT",
        "external 6.1 EXT\nexclude weak dkms",
        "external ( EXT\nexclude\nexclude updates",
        "bad line\n # no comment\n#comment\noverride m\nexternal x\nexclude kernel",
    ];
    let mut compared = 0;
    for search in searches {
        for other in others {
            let text = format!("{search}\n{other}\n").replace("EXT", external.to_str().unwrap());
            std::fs::write(configuration.join("x.conf"), text).unwrap();
            folder.same(&["-C", "depmod.d", "-n", "-b", "root", RELEASE]);
            compared += 1;
        }
    }
    eprintln!("{compared} configurations");
}

/// Of the configuration's files, those of the same name in a later folder do not count.
#[test]
fn configuration_in_several_folders() {
    let folder = Folder::new();
    folder.write("modules.order", b"");
    for place in ["kernel", "one", "two", "three"] {
        folder.module(&format!("{place}/m.ko"), &module("m", ""));
    }
    for (path, text) in [
        ("first/b.conf", "search two\n"),
        ("second/b.conf", "search three\n"),
        ("second/a.conf", "search one\n"),
        ("second/0.txt", "search kernel\n"),
        ("second/.0.conf", "search kernel\n"),
    ] {
        let path = folder.0.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let output = folder.same(&["-C", "first", "-C", "second", "-n", "-b", "root", RELEASE]);
    assert!(results(&output).starts_with("one/m.ko:\n"), "{}", results(&output));
}

#[test]
fn only_if_a_module_is_newer() {
    let folder = Folder::with_modules();
    let index = folder.modules().join("modules.dep");
    let written = || std::fs::metadata(&index).unwrap().modified().unwrap();
    assert!(folder.ours(&with(&["-A", RELEASE])).status.success());
    let first = written();
    std::thread::sleep(Duration::from_millis(20));
    assert!(folder.ours(&with(&["-A", RELEASE])).status.success());
    assert_eq!(written(), first);
    let module = std::fs::File::open(folder.modules().join("kernel/a.ko")).unwrap();
    module.set_modified(SystemTime::now() + Duration::from_secs(1)).unwrap();
    assert!(folder.ours(&with(&["-A", RELEASE])).status.success());
    assert_ne!(written(), first);
}

#[test]
fn another_folder_for_modules_and_for_indexes() {
    let folder = Folder::with_modules();
    let output = folder.ours(&with(&["-o", "out", RELEASE]));
    assert!(output.status.success(), "{}", messages(&output));
    let made = folder.0.join("out/lib/modules").join(RELEASE);
    assert_eq!(std::fs::read_dir(&made).unwrap().count(), 11);
    assert!(!folder.modules().join("modules.dep").exists());
    let output = folder.ours(&["-C", "none", "-b", "root/lib", "-m", "modules", "-n", RELEASE]);
    let whole = folder.ours(&with(&["-n", RELEASE]));
    assert_eq!(results(&output), results(&whole));
}

#[test]
fn circles_leave_the_old_indexes() {
    let folder = Folder::with_modules();
    assert!(folder.ours(&with(&[RELEASE])).status.success());
    let before = snapshot(&folder.modules());
    folder.module("extra/e.ko", &module("e", "f"));
    folder.module("extra/f.ko", &module("f", "e"));
    let output = folder.same(&with(&[RELEASE]));
    assert_eq!(output.status.code(), Some(1));
    assert!(messages(&output).ends_with("ERROR: Found 2 modules in dependency cycles!\n"));
    let mut after = snapshot(&folder.modules());
    after.retain(|(name, _)| name != "e.ko" && name != "f.ko");
    assert_eq!(after, before);
}

/// Names and contents of the files in a folder.
fn snapshot(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let files = entries.filter(|entry| entry.path().is_file());
    let mut files: Vec<(String, Vec<u8>)> = files
        .map(|e| (e.file_name().into_string().unwrap(), std::fs::read(e.path()).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn everything_as_json() {
    let folder = Folder::with_modules();
    let output = folder.ours(&with(&["-n", "--json", RELEASE]));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&answer["format"], &answer["version"]), (&"depmod".into(), &1.into()));
    assert_eq!(answer["kernel"], RELEASE);
    let modules = answer["modules"].as_array().unwrap();
    let module = modules.iter().find(|module| module["name"] == "c_d").unwrap();
    assert_eq!(module["path"], "extra/c-d.ko");
    assert_eq!(module["depends"], serde_json::json!(["kernel/b.ko", "kernel/a.ko"]));
    assert_eq!(module["aliases"], serde_json::json!(["x-y", "x_y"]));
    assert_eq!(module["softdeps"], serde_json::json!(["pre: a"]));
}

#[test]
fn duplicates_are_told_on_demand() {
    let folder = Folder::with_modules();
    let output = folder.same(&with(&["-w", RELEASE]));
    assert_eq!(messages(&output), "depmod: WARNING: duplicate module alias:\nx_y c_d\n");
}
