//! How many servers there are, and how they end.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use komod_build::warm::{Limits, NotWarm};

use crate::bench::{
    assert_same, await_server, await_that, compiler, for_one_tree, for_tree_in_turn, limits, source,
};
use crate::trouble::processes;

#[test]
fn the_first_build_is_plain_and_the_second_is_warm() {
    for_tree_in_turn("second", |bench| {
        let command = bench.write("second", &source("int x;\n"));
        assert!(matches!(bench.warm.compile(&command), Err(NotWarm::NoServer { .. })));
        assert!(processes(&command).is_empty(), "nothing runs beside the first build");
        assert_eq!(bench.warm.settle(), 1);
        assert_eq!(bench.warm.settle(), 0);
        await_server(&bench.warm, &command);
        assert_same(bench, &command, "the second");
        // Another komod finds it.
        let other = compiler(&bench.scratch, limits());
        assert!(other.is_ready(&command) && other.compile(&command).is_ok());
    });
}

#[test]
fn two_hundred_modules() {
    let few = Limits { servers: 2, ..limits() };
    for_one_tree("many", few, |bench| {
        let commands: Vec<_> = (0..200)
            .map(|i| {
                fs::write(
                    bench.scratch.0.join(format!("src/m{i}.c")),
                    source(&format!("int x{i};\n")),
                )
                .unwrap();
                bench.command(&format!("m{i}"))
            })
            .collect();
        for command in &commands {
            assert!(matches!(bench.warm.compile(command), Err(NotWarm::NoServer { .. })));
        }
        assert_eq!(bench.warm.settle(), 0, "building all of them is no edit");
        // Edits, one after the other.
        for command in &commands[..5] {
            let _ = bench.warm.compile(command);
            assert_eq!(bench.warm.settle(), 1);
            await_server(&bench.warm, command);
        }
        let running = || commands[..5].iter().filter(|c| !processes(c).is_empty()).count();
        await_that("two servers stay", || running() == 2);
        for command in &commands[3..5] {
            assert_same(bench, command, "one of the last two");
        }
        assert!(bench.warm.compile(&commands[0]).is_err());
        bench.warm.end_all();
        await_that("all are gone", || running() == 0);
    });
}

#[test]
fn idle_servers_end() {
    let short = Limits { idle: Duration::from_secs(1), ..limits() };
    for_one_tree("idle", short, |bench| {
        let command = bench.write("idle", &source("int x;\n"));
        bench.start(&command);
        await_that("it ends", || processes(&command).is_empty());
        assert!(matches!(bench.warm.compile(&command), Err(NotWarm::NoServer { .. })));
    });
}

#[test]
fn no_server_outlives_its_time_or_its_socket() {
    let short = Limits { lifetime: Duration::from_secs(1), ..limits() };
    for_one_tree("lifetime", short, |bench| {
        let command = bench.write("lifetime", &source("int x;\n"));
        bench.start(&command);
        // It is busy all the time, and ends all the same.
        await_that("it ends", || {
            let _ = bench.warm.compile(&command);
            processes(&command).is_empty()
        });
    });
    for_one_tree("socket", limits(), |bench| {
        let command = bench.write("socket", &source("int x;\n"));
        bench.start(&command);
        fs::remove_dir_all(bench.scratch.0.join("run/warm")).unwrap();
        await_that("it ends", || processes(&command).is_empty());
    });
}

#[test]
fn a_server_that_cannot_work_is_not_started_again() {
    for_one_tree("refused", limits(), |bench| {
        let text = "#include <linux/module.h>\n#warning \"said at each compilation\"\n#include <linux/usb.h>\nint x;\n";
        let command = bench.write("refused", text);
        bench.warm.start(&command).unwrap();
        await_that("it gives up", || bench.warm.refusal(&command).is_some());
        await_that("it ends", || processes(&command).is_empty());
        assert!(matches!(bench.warm.compile(&command), Err(NotWarm::NoServer { .. })));
        let again = bench.warm.start(&command);
        assert!(matches!(again, Err(NotWarm::Refused { .. })), "{again:?}");
        // Without the reason it is.
        let command = bench.write("refused", &text.replace("#warning", "#define SAID"));
        bench.start(&command);
        assert_same(bench, &command, "without the warning");
    });
}

#[test]
fn commands_that_are_not_for_it() {
    for_one_tree("unsuitable", limits(), |bench| {
        let good = bench.write("unsuitable", &source("int x;\n"));
        for extra in [
            "-save-temps",
            "-pipe",
            "-fstack-usage",
            "-E",
            "-S",
            "-gsplit-dwarf",
            "-no-such-option",
            "-flto",
        ] {
            let mut command = good.clone();
            command.argv.push(extra.into());
            assert!(matches!(bench.warm.start(&command), Err(NotWarm::Unsuitable(_))), "{extra}");
        }
        let mut command = good.clone();
        command.env.push(("LD_PRELOAD".into(), "libx.so".into()));
        assert!(matches!(bench.warm.start(&command), Err(NotWarm::Unsuitable(_))));
        for program in ["true", "no-such-compiler", "/no/compiler", ""] {
            let mut command = good.clone();
            command.argv[0] = OsString::from(program);
            assert!(bench.warm.start(&command).is_err(), "{program}");
        }
        bench.write("unsuitable", "int x;\n#include <linux/module.h>\n");
        assert!(matches!(bench.warm.start(&good), Err(NotWarm::Unsuitable(_))));
        assert!(processes(&good).is_empty());
    });
}

#[test]
fn its_files_are_the_users_alone() {
    for_one_tree("private", limits(), |bench| {
        let command = bench.write("private", &source("int x;\n"));
        bench.start(&command);
        for file in fs::read_dir(bench.scratch.0.join("run/warm")).unwrap().flatten() {
            let mode = file.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}: {mode:o}", file.path().display());
        }
        let folder = bench.scratch.0.join("run/warm");
        fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).unwrap();
        let opened = komod_build::warm::Compiler::new(
            &bench.scratch.0.join("cache"),
            &bench.scratch.0.join("run"),
            limits(),
        );
        assert!(matches!(opened, Err(NotWarm::NotPrivate(_))));
    });
}
