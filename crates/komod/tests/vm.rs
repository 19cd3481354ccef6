//! `komod run --on vm`: the same command in a machine with the real kernel.
#![forbid(unsafe_code)]

mod common;

use common::{Kernel, User, kernels, project};
use serde_json::Value;
use std::process::Stdio;
use std::time::{Duration, Instant};

fn texts(report: &Value) -> Vec<&str> {
    report["log"].as_array().unwrap().iter().map(|r| r["text"].as_str().unwrap()).collect()
}

/// The kernel to boot; none where there is no QEMU and that is acceptable.
fn kernel() -> Option<Kernel> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|p| p.join("qemu-system-x86_64").exists());
    let required = std::env::var_os("KOMOD_REQUIRE_KERNELS").is_some();
    assert!(found || !required, "no qemu-system-x86_64: ci/setup installs it");
    if !found {
        eprintln!("SKIPPED: no qemu-system-x86_64");
        return None;
    }
    kernels().into_iter().find(|k| k.release.starts_with("6.1."))
}

/// One machine is booted here, and copied as often as needed.
#[test]
fn a_machine_says_what_the_process_says() {
    let Some(kernel) = kernel() else { return };
    let user = User::new("vm");
    let root = kernel.root.to_str().unwrap();
    let hello = user.build(&kernel, &project("examples/hello"), &[]).remove(0);
    let run = |more: &[&str]| {
        let mut args = vec!["run", hello.as_str(), "--kernel", root, "--json"];
        args.extend(more);
        user.komod(&args).good().json("komod-run")
    };
    let process = run(&[]);
    let machine = run(&["--on", "vm"]);
    assert_eq!(texts(&process), texts(&machine));
    assert_eq!(
        (process["place"].as_str(), machine["place"].as_str()),
        (Some("process"), Some("vm"))
    );
    assert!(["restored", "restored-new"].contains(&machine["start"].as_str().unwrap()));
    for (a, b) in process["log"].as_array().unwrap().iter().zip(machine["log"].as_array().unwrap())
    {
        assert_eq!((&a["level"], &a["facility"]), (&b["level"], &b["facility"]), "{a} {b}");
    }

    // A fault is told as in the process, and the next machine is none the worse for it.
    let source = project("tests/cases/init-null.c");
    let source = user.file("init-null.c", std::fs::read(source).unwrap());
    let fault = user.build(&kernel, &source, &[]).remove(0);
    let said = user
        .komod(&["run", &fault, "--kernel", root, "--on", "vm"])
        .ends_with(1)
        .logs(&["init-null: about to write", "BUG: kernel NULL pointer dereference"])
        .complains("init of init_null crashed");
    assert!(said.err.contains("failed: 1 problem"), "{said:?}");
    let again = run(&["--on", "vm"]);
    assert_eq!(again["start"], "restored");
    assert_eq!(texts(&process), texts(&again));

    // What the kernel only warns of.
    let params = ["run", &hello, "nothing=1", "--kernel", root, "--on", "vm"];
    user.komod(&params).good().logs(&["unknown parameter 'nothing' ignored"]);

    stays(&user, root, &hello);
    leaves_nothing(&user, root, &hello);

    // No QEMU: what to install.
    let args = ["run", &hello, "--kernel", root, "--on", "vm"];
    let without = user.command(&args).env("KOMOD_QEMU", "/none").output();
    let without = String::from_utf8_lossy(&without.unwrap().stderr).into_owned();
    assert!(without.contains("hint: install it: qemu-system-x86"), "{without}");
}

/// The commands of a kernel that stays.
fn stays(user: &User, root: &str, hello: &str) {
    user.komod(&["up", "--on", "vm", "--kernel", root]).good();
    user.komod(&["load", hello]).good();
    let list = user.komod(&["list"]).good().out;
    assert!(list.contains("hello") && list.contains("virtio_console"), "{list}");
    let version = user.komod(&["cat", "/proc/version"]).good().out;
    assert!(version.starts_with("Linux version 6.1."), "{version}");
    user.komod(&["write", "/proc/sys/kernel/hostname", "there"]).good();
    assert_eq!(user.komod(&["cat", "/proc/sys/kernel/hostname"]).good().out.trim(), "there");
    user.komod(&["unload", "hello"]).good();
    user.komod(&["log"]).good().logs(&["===Test Module Start!===", "===Test Module End!==="]);
    user.komod(&["down"]).good();
}

/// A komod that is killed takes its machine with it.
fn leaves_nothing(user: &User, root: &str, hello: &str) {
    let args = ["run", hello, "--kernel", root, "--on", "vm", "--time", "60000"];
    let mut command = user.command(&args);
    let mut komod = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let qemu = until(|| qemu_of(komod.id()));
    komod.kill().unwrap();
    komod.wait().unwrap();
    until(|| (!runs(qemu)).then_some(()));
    let left: Vec<_> = std::fs::read_dir(user.dir.join("komod"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".lock") && name != "warm" && !name.starts_with("zygote-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited for too long");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The state and the parent of a process (proc(5)).
fn stat(pid: u32) -> Option<(char, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

fn runs(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != 'Z')
}

/// The QEMU that this process has started.
fn qemu_of(parent: u32) -> Option<u32> {
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).find(|pid| {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        name.starts_with("qemu-system") && stat(*pid).is_some_and(|(_, of)| of == parent)
    })
}
