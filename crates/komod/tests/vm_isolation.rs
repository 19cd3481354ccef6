//! Nothing of a virtual machine is open to others, and nothing stays when its komod is killed.
#![forbid(unsafe_code)]

mod common;

use common::machine::{kernel_in_turn, left, qemu_of, runs, until};
use common::{Kernel, User, project};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// A user whose snapshots are its own.
fn user(test: &str, kernel: &Kernel) -> User {
    let user = User::without_cache(test);
    let kernels = user.dir.join("cache/kernels");
    std::fs::create_dir_all(&kernels).unwrap();
    std::os::unix::fs::symlink(&kernel.root, kernels.join(&kernel.release)).unwrap();
    user
}

fn snapshots(user: &User) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(user.dir.join("cache/vm/snapshots"));
    folder.into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

fn spawn(user: &User, args: &[&str]) -> Child {
    user.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn kill(mut komod: Child) {
    komod.kill().unwrap();
    komod.wait().unwrap();
}

#[test]
fn the_killed_leave_nothing_that_runs() {
    let Some(kernel) = kernel_in_turn() else { return };
    let user = user("killed", &kernel);
    let root = kernel.root.to_str().unwrap();
    let hello = user.build(&kernel, &project("examples/hello"), &[]).remove(0);
    let run = ["run", &hello, "--kernel", root, "--on", "vm", "--time", "60000"];

    // While a snapshot is made: QEMU goes at once, what was written by the next run.
    let komod = spawn(&user, &run);
    let qemu = until(|| qemu_of(komod.id()));
    until(|| (!snapshots(&user).is_empty()).then_some(()));
    kill(komod);
    until(|| (!runs(qemu)).then_some(()));
    let torn = snapshots(&user);
    assert_eq!(torn.len(), 1);
    assert!(!torn[0].join("facts.json").exists());
    assert!(left(&user).iter().all(|name| name.ends_with(".lock")), "{:?}", left(&user));
    let good = ["run", &hello, "--kernel", root, "--on", "vm", "--json"];
    let report = user.komod(&good).good().json("komod-run");
    assert_eq!(report["start"], "restored-new");
    assert!(snapshots(&user).iter().all(|s| s.join("facts.json").exists()));
    assert_eq!(left(&user), Vec::<String>::new(), "locks go with their holders");
    closed(&user.dir.join("cache/vm/snapshots"));

    // In the middle of a run.
    let komod = spawn(&user, &run);
    let qemu = until(|| qemu_of(komod.id()));
    kill(komod);
    until(|| (!runs(qemu)).then_some(()));
    assert_eq!(left(&user), Vec::<String>::new());

    // One that is up: its socket is the user's alone, and goes with the next run if it was killed.
    let up = ["up", "--on", "vm", "--kernel", root, "--json"];
    let report: serde_json::Value = serde_json::from_str(&user.komod(&up).good().out).unwrap();
    let supervisor = report["pid"].as_u64().unwrap();
    closed(&user.dir.join("komod"));
    let supervisor = u32::try_from(supervisor).unwrap();
    let qemu = qemu_of(supervisor).expect("it has started QEMU");
    let killed = std::process::Command::new("kill").args(["-9", &supervisor.to_string()]).status();
    assert!(killed.unwrap().success());
    until(|| (!runs(qemu)).then_some(()));
    user.komod(&["list"]).ends_with(1).complains("is up");
    user.komod(&good).good();
    user.komod(&good).good();
    assert_eq!(left(&user), Vec::<String>::new());
}

/// Neither the group nor others may do anything with what is there.
fn closed(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", entry.path().display());
    }
}
