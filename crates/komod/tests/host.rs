//! `--on host`: this machine's own kernel. The tests' machine is not at risk: the host is a virtual
//! machine that has komod in it.
#![forbid(unsafe_code)]

mod common;

use common::guest::{self, Files, part};
use common::{Kernel, User, kernels_in_turn, project};
use serde_json::Value;

/// What is done in the machine; each line is `NAME COMMAND`.
const STEPS: &str = "\
run komod run --on host /m/hello.ko
json komod run --on host --json /m/hello.ko
two komod run --on host /m/reader.ko
stock komod run --on host cordic
load komod load --on host /m/params.ko count=7
list komod list --on host
info komod info --on host params
cat komod cat --on host /sys/module/params/parameters/count
write komod write --on host /proc/sys/kernel/hostname there
cat2 hostname
ls komod ls --on host /sys/module/params
again komod load --on host /m/params.ko
unload komod unload --on host params
log komod log --on host
ioctl komod load --on host /m/chardev.ko && komod ioctl --on host /dev/chardev '_IO(k, 0)'; komod unload --on host chardev
foreign komod run --on host /m/foreign.ko
foreign2 grep -c foreign /proc/modules
missing komod run --on host /m/missing.ko
forced komod run --on host --force /m/missing.ko
errno komod run --on host /m/init_errno.ko
user su nobody -c 'komod run --on host /m/hello.ko'
reading su nobody -c 'komod cat --on host /proc/version'
killed komod run --on host --time 60000 /m/hello.ko & sleep 8; grep hello /proc/modules; kill -9 $!; sleep 4; grep -c hello /proc/modules
rest ls /sys/kernel/tracing/instances; ls /tmp; cut -d' ' -f1 /proc/modules
crash komod run --on host /m/init_null.ko
waits komod run --on host /m/sleep_forever.ko";

#[test]
fn the_kernel_of_a_machine() {
    for kernel in kernels_in_turn() {
        if guest::busybox().is_some() {
            in_a_machine(&kernel);
        }
    }
}

fn in_a_machine(kernel: &Kernel) {
    let user = User::new("host");
    let mut files = Files::default();
    files.program("/bin/komod", &guest::small_komod(&user));
    files.tree(kernel);
    let mut built = Vec::new();
    for example in ["hello", "params", "export", "chardev"] {
        built.extend(user.build(kernel, &project(&format!("examples/{example}")), &[]));
    }
    for case in ["init-null", "init-errno", "sleep-forever"] {
        let source = std::fs::read(project(&format!("tests/cases/{case}.c"))).unwrap();
        let source = user.file(&format!("{case}/{case}.c"), source);
        built.extend(user.build(kernel, &source, &[]));
    }
    for ko in &built {
        let name = ko.rsplit('/').next().unwrap().replace('-', "_");
        files.copy(&format!("/m/{name}"), ko);
    }
    let hello = std::fs::read(&built[0]).unwrap();
    // With symbol versions, the release alone would not matter.
    let vermagic = format!("vermagic={} SMP", kernel.release);
    let other = format!("vermagic={} UP ", kernel.release);
    files.put("/m/foreign.ko", changed(&hello, vermagic.as_bytes(), other.as_bytes()));
    files.put("/m/missing.ko", changed(&hello, b"\0_printk\0", b"\0_print0"));
    let modules = kernel.root.join(format!("lib/modules/{}", kernel.release));
    let stock = komod_place::dependencies::find_stock(&modules, "cordic").unwrap();
    files.copy(&format!("/{}", stock.strip_prefix(&kernel.root).unwrap().display()), &stock);
    let script: Vec<String> = STEPS
        .lines()
        .map(|line| {
            let (name, command) = line.split_once(' ').unwrap();
            format!("echo == {name}; {command}; echo rc=$?")
        })
        .collect();
    let said = guest::boot(&user, kernel, files, &script.join("\n"));
    if let Some(path) = std::env::var_os("KOMOD_TEST_KEEP") {
        std::fs::write(path, &said).unwrap();
    }
    let has = |name: &str, texts: &[&str]| {
        let part = part(&said, name);
        for text in texts {
            assert!(part.contains(text), "no {text:?} in {name}:\n{part}\nof:\n{said}");
        }
    };

    has("run", &["===Test Module Start!===", "===Test Module End!===", "rc=0"]);
    has("run", &["ok: hello loaded and unloaded in 6.", "on this machine"]);
    let line = part(&said, "json").lines().find(|l| l.starts_with('{')).unwrap();
    let report: Value = serde_json::from_str(line).unwrap();
    assert_eq!(report["place"], "host");
    assert_eq!(report["start"], "agent");
    let root = kernel.root.to_str().unwrap();
    let process = user.komod(&["run", &built[0], "--kernel", root, "--json"]).json("komod-run");
    // The kernel is tainted by now, which it says once.
    let texts = |report: &Value| -> Vec<String> {
        let texts = report["log"].as_array().unwrap().iter();
        let texts = texts.map(|r| r["text"].as_str().unwrap().to_owned());
        texts.filter(|t| !t.contains("taint")).collect()
    };
    assert_eq!(texts(&report), texts(&process));
    has("two", &["ok: reader loaded and unloaded", "rc=0"]);
    has("stock", &["ok: cordic loaded and unloaded", "rc=0"]);
    has("load", &["rc=0"]);
    has("list", &["Module                  Size  Used by\nparams "]);
    has("cat", &["7\nrc=0"]);
    has("cat2", &["there\nrc=0"]);
    has("info", &["it is not known which file params was loaded from", "rc=1"]);
    has("ls", &["parameters\n", "rc=0"]);
    has("again", &["cannot load params: File exists (EEXIST) [L-24]", "check foretold it", "rc=1"]);
    has("ioctl", &["0\nrc=0"]);
    has("log", &["Linux version 6.", "===Test Module End!==="]);
    has("foreign", &["[L-03]: the version magic differs", "hint: check foretold it", "rc=1"]);
    has("foreign2", &["0\nrc=1"]);
    has("missing", &["[L-10]", "so nothing was loaded; --force tries", "rc=1"]);
    has("forced", &["warning: check foretells that", "Unknown symbol", "ENOENT", "rc=1"]);
    has("errno", &["init of init_errno returned -", "rc=1"]);
    has("user", &["takes modules from root only (CAP_SYS_MODULE): EPERM", "hint: run it by sudo"]);
    has("user", &["rc=1"]);
    has("reading", &["Linux version 6.", "rc=0"]);
    has("killed", &["hello ", "\n0\nrc=1"]);
    let rest = part(&said, "rest");
    assert!(!rest.contains("komod-") && !rest.contains("hello"), "{rest}");
    has("waits", &["init of sleep_forever waits for something that never comes"]);
    has("waits", &["hint: waiting: insmod/", "rc=1"]);
    has("crash", &["BUG: kernel NULL pointer dereference", "init of init_null crashed", "rc=1"]);
}

/// The module with other bytes, wherever some stand that begin so.
fn changed(elf: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut elf = elf.to_vec();
    let at: Vec<usize> = (0..elf.len()).filter(|at| elf[*at..].starts_with(old)).collect();
    assert!(!at.is_empty(), "{}", String::from_utf8_lossy(old));
    at.iter().for_each(|at| elf[*at..*at + new.len()].copy_from_slice(new));
    elf
}

/// What the tests' machine itself answers: whoever it is, it is no machine to load modules into.
#[test]
fn who_may_not_is_told_why() {
    let user = User::new("refusal");
    let capable = std::fs::read_to_string("/proc/self/status").unwrap();
    let capable =
        capable.lines().find_map(|l| l.strip_prefix("CapEff:")).unwrap().trim().to_owned();
    let capable = u64::from_str_radix(&capable, 16).unwrap() >> 16 & 1 == 1;
    let modules = std::path::Path::new("/proc/modules").exists();
    if capable && modules {
        eprintln!("SKIPPED: this process could load modules into this machine");
        return;
    }
    let file = user.file("x.ko", b"no module");
    let said = user.komod(&["load", "--on", "host", file.to_str().unwrap()]).ends_with(1);
    let why = match modules {
        true => "this machine's kernel takes modules from root only (CAP_SYS_MODULE): EPERM",
        false => "this machine's kernel takes no modules: there is no /proc/modules",
    };
    said.complains(why).complains("hint: ");
    user.komod(&["up", "--on", "host"]).ends_with(2).complains("host needs no `up`");
    user.komod(&["list", "--on", "vm"]).ends_with(2).complains("want host or ssh:BOARD");
    user.komod(&["run", "--on", "host", "--append", "x", "y"]).ends_with(2).complains("has booted");
    user.komod(&["run", "--on", "ssh:-oX", "x"]).ends_with(2).complains("want process, vm, host");
}
