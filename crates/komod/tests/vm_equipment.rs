//! What a virtual machine can be given: files, programs, processors, modules before all else; and
//! that it stays when that is wanted.
#![forbid(unsafe_code)]

mod common;

use common::machine::{kernel_in_turn, left};
use common::{User, project};
use std::io::Write;
use std::process::Stdio;

#[test]
fn files_programs_and_processors() {
    let Some(kernel) = kernel_in_turn() else { return };
    let user = User::new("equip");
    let root = kernel.root.to_str().unwrap();
    let firmware = user.file("fw.bin", "\0firmware\n");
    user.file("folder/deep/one", "1\n");
    let file = format!("{}:/lib/firmware/my/fw.bin", firmware.display());
    let up = ["up", "--on", "vm", "--cpus", "2", "--kernel", root, "--file", &file];
    user.komod(&[&up[..], &["--file", "folder"]].concat()).good();

    let exec = |command: &[&str]| user.komod(&[&["exec", "--"], command].concat());
    assert_eq!(exec(&["cat", "/lib/firmware/my/fw.bin"]).good().out, "\0firmware\n");
    let folder = user.dir.join("folder/deep/one");
    assert_eq!(exec(&["cat", folder.to_str().unwrap()]).good().out, "1\n");
    let processors = exec(&["grep", "-c", "^processor", "/proc/cpuinfo"]).good().out;
    assert_eq!(processors, "2\n");

    // Output and exit status come back, apart from each other.
    let said = exec(&["sh", "-c", "echo out; echo err >&2; exit 7"]).ends_with(7);
    assert_eq!((said.out.as_str(), said.err.as_str()), ("out\n", "err\n"));
    exec(&["sh", "-c", "kill -11 $$"]).ends_with(128 + 11).complains("killed by signal 11");
    exec(&["/nowhere"]).ends_with(127).complains("ENOENT");
    let script = user.file("script", "#!/bin/sh\necho \"$0\" $#\n");
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let said = exec(&["./script", "a", "b c"]).good();
    assert_eq!(said.out, format!("{} 2\n", script.display()));

    // More than any pipe holds, both ways.
    let mut command = user.command(&["exec", "--", "sha256sum"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("komod starts");
    let input = vec![0x5a; 3 << 20];
    child.stdin.take().unwrap().write_all(&input).unwrap();
    let out = child.wait_with_output().unwrap();
    let here = sha256sum(&input);
    assert_eq!(String::from_utf8_lossy(&out.stdout), here);
    let long = exec(&["seq", "200000"]).good().out;
    assert_eq!((long.lines().count(), long.lines().last()), (200_000, Some("200000")));

    // One that runs keeps nobody else waiting, and ends with the command that started it.
    let mut sleeper = user.command(&["exec", "--", "sleep", "1000"]).spawn().unwrap();
    let asleep = || {
        let files = exec(&["sh", "-c", "cat /proc/[0-9]*/comm"]).out;
        files.lines().any(|l| l == "sleep")
    };
    common::machine::until(|| asleep().then_some(()));
    user.komod(&["list"]).good();
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    common::machine::until(|| (!asleep()).then_some(()));

    // The machine knows nothing of the host: no disk, no network, no files but those given.
    let disks = exec(&["sh", "-c", "cat /proc/partitions /proc/mounts; ls /sys/class/net"]).out;
    let devices = ["sda", "vda", "sr0", "nvme", "9p", "virtiofs", "eth", "ens", "enp"];
    assert!(devices.iter().all(|d| !disks.contains(d)), "{disks}");
    exec(&["cat", "/etc/passwd"]).ends_with(1).complains("No such file");
    user.komod(&["down"]).good();
    assert_eq!(left(&user), Vec::<String>::new());

    // Elsewhere there are no processes.
    user.komod(&["up", "--kernel", root]).good();
    exec(&["true"]).ends_with(1).complains("hint: use a virtual machine: komod up --on vm");
    user.komod(&["up", "x", "--kernel", root, "--file", "fw.bin"]).ends_with(2);
    user.komod(&["down"]).good();
}

fn sha256sum(input: &[u8]) -> String {
    let mut child = std::process::Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn it_stays_when_it_is_to_be_kept() {
    let Some(kernel) = kernel_in_turn() else { return };
    let user = User::new("keep");
    let root = kernel.root.to_str().unwrap();
    let case = |name: &str| {
        let text = std::fs::read(project(&format!("tests/cases/{name}.c"))).unwrap();
        let source = user.file(&format!("{name}.c"), text);
        user.build(&kernel, &source, &[]).remove(0)
    };
    let (good, stays) = (case("init-ok"), case("no-exit"));
    let run = |module: &str, keep: &str| {
        user.komod(&["run", module, "--on", "vm", "--kernel", root, keep])
    };
    run(&good, "--keep=failure").good().logs(&["init-ok: in", "init-ok: out"]);
    user.komod(&["log"]).ends_with(1).complains("is up");
    run(&stays, "--keep=failure").ends_with(1).complains("EBUSY").complains("the machine is up");
    assert!(user.komod(&["list"]).good().out.contains("no_exit"));
    run(&good, "--keep").ends_with(1).complains("is up already");
    user.komod(&["down"]).good();
    run(&good, "--keep").good();
    user.komod(&["log"]).good().logs(&["init-ok: in", "init-ok: out"]);
    user.komod(&["down"]).good();
    user.komod(&["run", &good, "--kernel", root, "--keep"]).ends_with(2);

    // Programs between load and unload.
    let exec = |command: &str| {
        let args = ["run", &good, "--on", "vm", "--kernel", root, "--exec", command];
        user.komod(&args)
    };
    let loaded = "cat /sys/module/init_ok/initstate; echo 'a  b'";
    exec(loaded).good().logs(&["init-ok: in", "live", "a  b", "init-ok: out"]);
    exec("false").ends_with(1).complains("false ended with status 1");
    exec("sh -c 'exit 3' && true").ends_with(1).complains("sh ended with status 3");
    user.komod(&["run", &good, "--kernel", root, "--exec", "true"]).ends_with(2);
}

/// Loaded before there is a user space: the log has the boot around it, and no exit.
#[test]
fn a_module_is_part_of_the_boot() {
    let Some(kernel) = kernel_in_turn() else { return };
    let user = User::new("early");
    let root = kernel.root.to_str().unwrap();
    let case = |name: &str| {
        user.file(
            &format!("{name}.c"),
            std::fs::read(project(&format!("tests/cases/{name}.c"))).unwrap(),
        )
    };
    let run = |name: &str, more: &[&str]| {
        let source = case(name);
        let args = ["run", source.to_str().unwrap(), "--builtin", "--on", "vm", "--json"];
        user.komod(&[&args[..], &["--kernel", root], more].concat())
    };
    let report = run("param-values", &["count=-5", "name=two words"]).good().json("komod-run");
    let texts: Vec<&str> =
        report["log"].as_array().unwrap().iter().map(|r| r["text"].as_str().unwrap()).collect();
    let at = |text: &str| texts.iter().position(|t| t.contains(text));
    let (first, init, ready) = (
        at("Linux version").expect("the boot's first line"),
        at("param-values: -5 [two words] 0").unwrap_or_else(|| panic!("{texts:#?}")),
        at("Run /komod-agent as init process").expect("what runs it"),
    );
    assert!(first < ready && ready < init, "{texts:#?}");
    assert!(texts[ready].contains("komod-agent"));
    assert_eq!(
        (report["modules"][0]["loaded"].as_bool(), report["builtin"].as_bool()),
        (Some(true), Some(true))
    );
    let exit = run("init-ok", &[]).good();
    assert!(exit.out.contains("init-ok: in") && !exit.out.contains("init-ok: out"));

    let fault = run("init-null", &[]).ends_with(1).json("komod-run");
    assert_eq!(fault["oopses"][0]["rip"]["symbol"], "case_init");
    assert_eq!(fault["problems"].as_array().unwrap().len(), 1, "{fault:#}");
    let refused = run("param-bad", &["count=many"]).ends_with(1);
    assert!(refused.out.contains("[L-40]"), "{refused:?}");
}
