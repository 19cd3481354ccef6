//! `komod run --on vm`: the same command in a machine with the real kernel.
#![forbid(unsafe_code)]

mod common;

use common::machine::{kernel, left, qemu_of, runs, until};
use common::{User, project};
use serde_json::Value;
use std::process::Stdio;

fn texts(report: &Value) -> Vec<&str> {
    report["log"].as_array().unwrap().iter().map(|r| r["text"].as_str().unwrap()).collect()
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
    let left = left(user);
    assert!(left.is_empty(), "{left:?}");
}
