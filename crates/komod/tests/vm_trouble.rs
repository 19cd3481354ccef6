//! Trouble of every kind in a real kernel: it is recognised, told with its log, and the next run is
//! none the worse for it.
#![forbid(unsafe_code)]

mod common;

use common::machine::kernel_in_turn;
use common::{Kernel, User, project};
use serde_json::Value;

/// How the module gets into trouble, what komod makes of it: kind of problem, its words, what the
/// log has. All end with 1.
const TROUBLE: &[(&str, &str, &str, &str)] = &[
    ("panic", "died", "led to the kernel's end: because it was asked for", "Kernel panic"),
    ("null", "load", "init of trouble crashed", "BUG: kernel NULL pointer dereference"),
    ("timer", "died", "led to the kernel's end: Fatal exception in interrupt", "BUG: kernel NULL"),
    ("bug", "load", "init of trouble crashed", "kernel BUG at"),
    ("atomic", "misuse", "BUG: scheduling while atomic: insmod/", "Call Trace:"),
    ("exhaust", "load", "returned -12, ENOMEM", "trouble: exhaust"),
    ("oom", "died", "led to the kernel's end: System is deadlocked on memory", "Mem-Info:"),
    ("loop", "died", "init of trouble hangs", "Kernel panic - not syncing: NMI"),
    ("loop-off", "died", "init of trouble hangs", "Kernel panic - not syncing: NMI"),
];

/// As above; these need shorter limits of the kernel's own, and so a boot, and a processor that sees
/// the other one loop.
const STALLS: &[(&str, &str, &str)] = &[
    ("soft-lockup", "rcupdate.rcu_cpu_stall_suppress=1 watchdog_thresh=1", "soft lockup - CPU#"),
    ("rcu-stall", "nosoftlockup rcupdate.rcu_cpu_stall_timeout=3", "rcu: INFO: rcu_preempt"),
];

#[test]
fn trouble_is_told_and_over_with_its_machine() {
    let Some(kernel) = kernel_in_turn() else { return };
    let user = User::new("trouble");
    let source = std::fs::read(project("crates/komod/tests/vm/trouble.c")).unwrap();
    let source = user.file("trouble.c", source);
    let module = user.build(&kernel, &source, &[]).remove(0);
    for (how, kind, words, log) in TROUBLE {
        let report = run(&user, &kernel, &module, how, &[]);
        has_problem(&report, kind, words, how);
        assert!(texts(&report).iter().any(|t| t.contains(log)), "{how}: {report:#}");
        // Where it was is in the module, and so told by line.
        let oopses = report["oopses"].as_array().unwrap();
        let here = oopses.iter().any(|o| o["rip"]["module"] == "trouble");
        let somewhere = ["null", "timer", "bug", "loop", "loop-off"].contains(how);
        assert!(here || !somewhere, "{how}: {oopses:#?}");
    }
    for (how, append, words) in STALLS {
        let report = run(&user, &kernel, &module, how, &["--cpus", "2", "--append", append]);
        has_problem(&report, "misuse", words, how);
        assert_eq!(report["modules"][0]["unloaded"], true, "it goes on after that");
    }

    // The next one is well, and is a copy of the same snapshot.
    let well = user.komod(&args(&kernel, &module, "well", &[])).good().json("komod-run");
    assert_eq!((well["ok"].as_bool(), well["start"].as_str()), (Some(true), Some("restored")));
    assert!(texts(&well).contains(&"trouble: out"));
}

/// A kernel gives an error number; the reason is found by its files.
#[test]
fn refusals_have_their_reasons() {
    let Some(kernel) = kernel_in_turn() else { return };
    let user = User::new("reasons");
    let root = kernel.root.to_str().unwrap();
    let case = |name: &str| {
        let text = std::fs::read(project(&format!("tests/cases/{name}.c"))).unwrap();
        user.file(&format!("{name}.c"), text)
    };
    let bad = user.build(&kernel, &case("param-bad"), &[]).remove(0);
    let make = ["--make", "KBUILD_MODPOST_WARN=1"];
    let missing = user.build(&kernel, &case("missing-symbol"), &make).remove(0);
    let mut elf = std::fs::read(&bad).unwrap();
    // The release does not count where symbols have checksums.
    let at = elf.windows(5).position(|w| w == b" SMP ").unwrap();
    elf[at + 1] = b'X';
    let other = user.file("other.ko", elf);
    let run = ["run", "--on", "vm", "--kernel", root];
    for (words, told) in [
        (vec![bad.as_str(), "count=many"], "(EINVAL) [L-40]: a parameter has a bad value"),
        (vec![missing.as_str()], "(ENOENT) [L-10]: an imported symbol exists nowhere"),
        (vec![other.to_str().unwrap()], "(ENOEXEC) [L-03]: the version magic differs"),
    ] {
        let said = user.komod(&[&run[..], &words].concat()).ends_with(1);
        said.complains(told).complains("hint: `komod explain L-");
    }

    // The same in a machine that stays.
    user.komod(&["up", "--on", "vm", "--kernel", root]).good();
    user.komod(&["load", &missing]).ends_with(1).complains("[L-10]");
    user.komod(&["load", &bad, "count=2"]).good();
    user.komod(&["load", &bad]).ends_with(1).complains("(EEXIST) [L-24]");
    user.komod(&["down"]).good();
}

fn args<'a>(kernel: &'a Kernel, module: &'a str, how: &str, more: &[&'a str]) -> Vec<&'a str> {
    // Leaked: few and short.
    let how: &'static str = Box::leak(format!("how={how}").into_boxed_str());
    let root = kernel.root.to_str().unwrap();
    let mut args = vec!["run", module, how, "--on", "vm", "--json", "--kernel", root];
    args.extend(more);
    args
}

fn run(user: &User, kernel: &Kernel, module: &str, how: &str, more: &[&str]) -> Value {
    user.komod(&args(kernel, module, how, more)).ends_with(1).json("komod-run")
}

fn has_problem(report: &Value, kind: &str, words: &str, how: &str) {
    let problems = report["problems"].as_array().unwrap();
    let found = problems
        .iter()
        .any(|p| p["kind"] == kind && p["message"].as_str().unwrap().contains(words));
    assert!(found, "{how}: no {kind:?} {words:?} in {problems:#?}");
}

fn texts(report: &Value) -> Vec<&str> {
    report["log"].as_array().unwrap().iter().map(|r| r["text"].as_str().unwrap()).collect()
}
