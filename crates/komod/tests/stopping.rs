//! Signals in the middle of a build: nothing goes on, nothing half-made is left.
#![forbid(unsafe_code)]

mod common;

use common::{User, kernels_in_turn};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;

/// A source that takes the compiler many seconds.
fn slow() -> String {
    let mut text = String::from("#include <linux/module.h>\n");
    for n in 0..6000 {
        text.push_str(&format!(
            "int slow_{n}(int a, int *b);\nint slow_{n}(int a, int *b)\n{{\n\tint i;\n\
             \tfor (i = 0; i < a; i++)\n\t\tb[i] = b[i + {n}] * a + (b[i + 1] ^ {n}) / (a | 1);\n\
             \treturn b[a % 7] + a;\n}}\n"
        ));
    }
    text + "MODULE_DESCRIPTION(\"slow\");\nMODULE_LICENSE(\"GPL\");\n"
}

const QUICK: &str = "#include <linux/module.h>\nMODULE_DESCRIPTION(\"quick\");\n\
                     MODULE_LICENSE(\"GPL\");\n";

/// Command lines, with this text in them, of processes that live.
fn running(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(text) {
            found.push(line);
        }
    }
    found
}

fn until(patience: u64, what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(patience);
    while !condition() {
        assert!(Instant::now() < end, "not within {patience} s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files(&entry.path())),
            false => found.push(entry.file_name().into_string().unwrap()),
        }
    }
    found
}

/// Starts komod with signals as in a terminal: what is started in a script's background ignores
/// SIGINT.
fn start(user: &User, args: &[&str]) -> Child {
    let komod = user.command(args);
    let mut command = Command::new("env");
    command.arg("--default-signal=INT,TERM").arg(komod.get_program()).args(komod.get_args());
    for (name, value) in komod.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if let Some(folder) = komod.get_current_dir() {
        command.current_dir(folder);
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("komod starts")
}

fn signal(child: &Child, signal: i32) {
    let pid = child.id().to_string();
    let sent = Command::new("kill").arg(format!("-{signal}")).arg(pid).status().unwrap();
    assert!(sent.success());
}

#[test]
fn signals_end_all_that_was_started_and_leave_nothing_behind() {
    for kernel in kernels_in_turn() {
        let root = kernel.root.to_str().unwrap();
        for (more, number) in [(&[][..], SIGTERM), (&["--kbuild"], SIGINT)] {
            let user = User::new("stop");
            user.file("m/Makefile", "obj-m := quick.o slow.o\n");
            user.file("m/quick.c", QUICK);
            let slow = user.file("m/slow.c", slow());
            let place = user.dir.to_str().unwrap();
            let args = [&["build", "m", "-k", root][..], more].concat();
            let child = start(&user, &args);
            let compiles = |line: &String| line.contains("cc1") && line.contains("slow");
            until(120, "compiling", || running(place).iter().any(compiles));
            signal(&child, number);
            let sent = Instant::now();
            let ended = child.wait_with_output().unwrap();
            let err = String::from_utf8_lossy(&ended.stderr).into_owned();
            assert_eq!(ended.status.signal(), Some(number), "{err}");
            assert!(sent.elapsed() < Duration::from_secs(3), "{:?}", sent.elapsed());
            assert!(ended.stdout.is_empty() && !err.contains("error"), "{err}");
            until(3, "all have ended", || running(place).is_empty());
            let left = files(&user.dir.join("out"));
            let half = |name: &&String| name.ends_with(".ko") || name.contains("-tmp-");
            assert_eq!(left.iter().find(half), None, "{left:?}");

            fs::write(&slow, QUICK).unwrap();
            let said = user.komod(&args).good();
            assert_eq!(said.out.lines().count(), 2, "{said:#?}");
        }
    }
}

#[test]
fn makefiles_without_end_are_bounded() {
    for kernel in kernels_in_turn() {
        let root = kernel.root.to_str().unwrap();
        for (makefile, more) in [
            ("obj-m := a.o\nx := $(shell while :; do :; done)\n", &[][..]),
            ("obj-m := a.o\nx := $(shell trap '' TERM; while :; do :; done)\n", &["--kbuild"]),
            ("obj-m := a.o\nx := $(shell $(MAKE) -f $(src)/Makefile src=$(src))\n", &[]),
        ] {
            let user = User::new("endless");
            user.file("m/a.c", QUICK);
            user.file("m/Makefile", "obj-m := a.o\n");
            // The kernel is known before it is measured.
            user.komod(&["build", "m", "-k", root]).good();
            user.file("m/Makefile", makefile);
            let started = Instant::now();
            let args = [&["build", "m", "-k", root, "--patience", "2"][..], more].concat();
            let said = user.komod(&args).ends_with(1).complains("error[B-54]");
            said.complains("--patience");
            assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
            let place = user.dir.join("out");
            until(3, "all have ended", || running(place.to_str().unwrap()).is_empty());
        }
    }
}
