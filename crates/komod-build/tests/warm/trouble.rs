//! Things that go wrong while a server runs: the caller always learns it, and what is compiled warm
//! afterwards is right.

use std::fs;
use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command as Process;
use std::time::{Duration, Instant};

use komod_build::warm::{Command, Limits, NotWarm};
use rustix::fs::MemfdFlags;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};

use crate::bench::plain;
use crate::bench::{
    Bench, assert_same, await_server, await_that, compiler, for_one_tree, for_tree_in_turn, limits,
    source, warm, write_anew,
};
use crate::probed::{depfile, outcome};

/// The sockets of the servers.
fn sockets(bench: &Bench) -> Vec<PathBuf> {
    let entries = fs::read_dir(bench.scratch.0.join("run/warm")).unwrap().flatten();
    entries.map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "sock")).collect()
}

/// The processes of the servers: those with the file in their arguments.
pub fn processes(command: &Command) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let pid = entry.file_name().into_string().unwrap();
        let arguments = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        if arguments.contains("/cc1")
            && arguments.split('\0').any(|a| a == command.source.to_str().unwrap())
        {
            found.push(pid);
        }
    }
    found
}

fn signal(name: &str, pids: &[String]) {
    assert!(!pids.is_empty());
    assert!(Process::new("kill").arg(name).args(pids).status().unwrap().success());
}

#[test]
fn a_header_changes_under_it() {
    for_tree_in_turn("header", |bench| {
        let header = bench.scratch.0.join("src/mine.h");
        write_anew(&header, "#define MINE 1\n");
        let text = "#include <linux/module.h>\n#include \"mine.h\"\nint x = MINE;\nMODULE_LICENSE(\"GPL\");\n";
        let command = bench.write("header", text);
        bench.start(&command);
        let one = assert_same(bench, &command, "before");

        // The same length, and the old time: only the time of the change of the inode differs.
        let time = fs::metadata(&header).unwrap().modified().unwrap();
        write_anew(&header, "#define MINE 2\n");
        fs::File::options().write(true).open(&header).unwrap().set_modified(time).unwrap();
        let got = bench.warm.compile(&command);
        assert!(matches!(&got, Err(NotWarm::HeaderChanged(path)) if *path == header), "{got:?}");
        let two = plain(&command);
        assert_ne!(one.object, two.object);

        assert!(matches!(bench.warm.compile(&command), Err(NotWarm::NoServer { .. })));
        std::thread::sleep(Duration::from_millis(60));
        bench.warm.settle();
        await_server(&bench.warm, &command);
        assert_eq!(assert_same(bench, &command, "after"), two);

        fs::remove_file(&header).unwrap();
        let got = bench.warm.compile(&command);
        assert!(matches!(got, Err(NotWarm::HeaderChanged(_))), "{got:?}");
    });
}

#[test]
fn a_header_appears_before_the_one_it_read() {
    for_one_tree("appears", limits(), |bench| {
        let dir = bench.scratch.0.join("src");
        for sub in ["early", "late"] {
            fs::create_dir(dir.join(sub)).unwrap();
        }
        write_anew(&dir.join("late/mine.h"), "#define MINE 1\n");
        let text = "#include <linux/module.h>\n#include \"mine.h\"\nint x = MINE;\nMODULE_LICENSE(\"GPL\");\n";
        let mut command = bench.write("appears", text);
        for sub in ["missing", "early", "late"] {
            command.argv.extend(["-I".into(), dir.join(sub).into_os_string()]);
        }
        for new in ["early", "missing"] {
            bench.start(&command);
            assert_same(bench, &command, new);
            fs::create_dir_all(dir.join(new)).unwrap();
            write_anew(&dir.join(new).join("mine.h"), &format!("#define MINE sizeof({new:?})\n"));
            let got = bench.warm.compile(&command);
            assert!(matches!(got, Err(NotWarm::HeaderChanged(_))), "{new}: {got:?}");
        }
    });
}

#[test]
fn the_includes_change() {
    for_one_tree("includes", limits(), |bench| {
        let command = bench.write("includes", &source("int x;\n"));
        bench.start(&command);
        for text in [
            source("int x;\n").replace("module.h>", "usb.h>"),
            source("int x;\n").replace("// SPDX", "// spdx"),
            "#include <linux/module.h>\n".into(),
            String::new(),
        ] {
            fs::write(&command.source, text).unwrap();
            let got = bench.warm.compile(&command);
            assert!(matches!(got, Err(NotWarm::PreambleChanged(_))), "{got:?}");
            fs::write(&command.source, source("int x;\n")).unwrap();
            bench.start(&command);
        }
        fs::remove_file(&command.source).unwrap();
        assert!(matches!(bench.warm.compile(&command), Err(NotWarm::Unsuitable(_))));
    });
}

#[test]
fn two_builds_at_once() {
    for_one_tree("at-once", limits(), |bench| {
        let command = bench.write("atonce", &source("int x(void) { int u; return __LINE__; }\n"));
        bench.start(&command);
        let expected = plain(&command);
        std::thread::scope(|scope| {
            let builds: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        (0..5)
                            .map(|_| bench.warm.compile(&command).unwrap().stderr)
                            .collect::<Vec<_>>()
                    })
                })
                .collect();
            for build in builds {
                for stderr in build.join().unwrap() {
                    assert_eq!(String::from_utf8(stderr).unwrap(), expected.stderr);
                }
            }
        });
        assert_eq!(outcome(&command, expected.stderr.as_bytes()), expected);

        // Two that start the same server at once, and one that starts it again.
        bench.warm.end_all();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| compiler(&bench.scratch, limits()).start(&command));
            }
        });
        await_server(&bench.warm, &command);
        assert_same(bench, &command, "started by several");
        await_that("one server stays", || processes(&command).len() == 1);
    });
}

#[test]
fn a_killed_server() {
    for_one_tree("killed", limits(), |bench| {
        let command = bench.write("killed", &source("int x;\n"));
        bench.start(&command);
        signal("-KILL", &processes(&command));
        // A process has no name any more some time before its sockets are closed.
        let gone = || processes(&command).is_empty() && !bench.warm.is_ready(&command);
        await_that("it is gone", gone);
        assert!(matches!(bench.warm.compile(&command), Err(NotWarm::NoServer { .. })));
        assert_eq!(sockets(bench).len(), 0, "the dead socket is removed");
        assert_eq!(bench.warm.settle(), 1);
        await_server(&bench.warm, &command);
        assert_same(bench, &command, "a new one");

        // Killed while it starts: it is not waited for.
        bench.warm.end_all();
        bench.warm.start(&command).unwrap();
        signal("-KILL", &processes(&command));
        await_that("it is gone, too", gone);
        assert!(matches!(bench.warm.compile(&command), Err(NotWarm::NoServer { .. })));
    });
}

#[test]
fn a_server_that_hangs() {
    let hasty = Limits { patience: Duration::from_millis(700), ..limits() };
    for_one_tree("hangs", hasty, |bench| {
        let command = bench.write("hangs", &source("int x;\n"));
        bench.start(&command);
        let server = processes(&command);
        signal("-STOP", &server);
        let started = Instant::now();
        let got = bench.warm.compile(&command);
        assert!(matches!(got, Err(NotWarm::Lost(_))), "{got:?}");
        assert!(started.elapsed() < Duration::from_secs(5));
        await_that("it is ended", || processes(&command).is_empty());
        // What it was asked in vain it has not done.
        assert!(!depfile(&command).exists());
        assert_eq!(bench.warm.settle(), 1);
        await_that("another serves", || warm(&bench.warm, &command).is_ok());
    });
}

#[test]
fn a_compilation_that_takes_too_long() {
    let hasty = Limits { patience: Duration::from_millis(300), ..limits() };
    for_one_tree("long", hasty, |bench| {
        let command = bench.write("long", &source("int x;\n"));
        bench.start(&command);
        fs::write(&command.source, source(&long_body())).unwrap();
        let got = bench.warm.compile(&command);
        assert!(matches!(got, Err(NotWarm::TimedOut(_))), "{got:?}");
        assert_eq!(processes(&command).len(), 1, "the fork is gone, the server stays");
        fs::write(&command.source, source("int y;\n")).unwrap();
        await_that("it serves again", || warm(&bench.warm, &command).is_ok());
    });
}

#[test]
fn whoever_asked_dies() {
    for_one_tree("dies", limits(), |bench| {
        let command = bench.write("dies", &source("int x;\n"));
        bench.start(&command);
        fs::write(&command.source, source(&long_body())).unwrap();
        let mut stream = UnixStream::connect(&sockets(bench)[0]).unwrap();
        stream.read_exact(&mut [0; 5]).unwrap();
        let file = || rustix::fs::memfd_create("test", MemfdFlags::CLOEXEC).unwrap();
        let files = [file(), file(), file()];
        let fds = files.each_ref().map(|file| file.as_fd());
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&fds));
        let magic = [IoSlice::new(b"komod-warm-2")];
        rustix::net::sendmsg(&stream, &magic, &mut control, SendFlags::empty()).unwrap();
        await_that("it writes", || rustix::fs::fstat(&files[0]).unwrap().st_size > 0);
        assert_eq!(processes(&command).len(), 2);
        drop(stream);
        await_that("the fork is gone", || processes(&command).len() == 1);
        assert!(!depfile(&command).exists());
        fs::write(&command.source, source("int y;\n")).unwrap();
        assert_same(bench, &command, "the next");
    });
}

/// Code that takes seconds to compile.
fn long_body() -> String {
    let function = |i| format!("int f{i}(int a) {{ return a * {i} / (a + 3); }}\n");
    (0..20_000).map(function).collect()
}

#[test]
fn a_full_disk() {
    for_one_tree("full", limits(), |bench| {
        let command = bench.write("full", &source("int x;\n"));
        // No room for the server's own files.
        assert!(matches!(bench.warm.compile(&command), Err(NotWarm::NoServer { .. })));
        bench.start(&command);
        let plan =
            fs::read_dir(bench.scratch.0.join("run/warm")).unwrap().flatten().map(|e| e.path());
        let plan = plan.into_iter().find(|p| p.extension().is_some_and(|e| e == "plan")).unwrap();
        bench.warm.end_all();
        symlink("/dev/full", plan.with_extension("plan.new")).unwrap();
        let got = bench.warm.start(&command);
        assert!(matches!(got, Err(NotWarm::Io { .. })), "{got:?}");
        assert!(matches!(bench.warm.compile(&command), Err(NotWarm::NoServer { .. })));
        fs::remove_file(plan.with_extension("plan.new")).unwrap();

        // No room for what is compiled.
        bench.start(&command);
        symlink("/dev/full", depfile(&command)).unwrap();
        let got = bench.warm.compile(&command);
        assert!(matches!(got, Err(NotWarm::Failed(_))), "{got:?}");
        fs::remove_file(depfile(&command)).unwrap();
        let _ = fs::remove_file(&command.output);
        symlink("/dev/full", &command.output).unwrap();
        let got = bench.warm.compile(&command);
        assert!(matches!(got, Err(NotWarm::Assembler)), "{got:?}");
        let _ = fs::remove_file(&command.output);
        assert_same(bench, &command, "room again");
    });
}

#[test]
fn garbage_on_the_socket() {
    for_one_tree("garbage", limits(), |bench| {
        let command = bench.write("garbage", &source("int x;\n"));
        bench.start(&command);
        let socket = sockets(bench).remove(0);
        let mut open = Vec::new();
        for garbage in [&b""[..], b"x", b"komod-warm-1", b"komod-warm-2 and more", &[0; 100_000]] {
            for _ in 0..20 {
                let mut stream = UnixStream::connect(&socket).unwrap();
                stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
                let _ = stream.write_all(garbage);
                open.push(stream);
            }
            // While they are open, forks may be too many; then it is not warm, never wrong.
            if let Ok(got) = warm(&bench.warm, &command) {
                assert_eq!(got, plain(&command));
            }
        }
        drop(open);
        await_that("it serves again", || {
            warm(&bench.warm, &command).is_ok() || {
                bench.warm.settle();
                false
            }
        });
        assert_same(bench, &command, "after the garbage");
    });
}

#[test]
fn low_memory() {
    for_one_tree("memory", limits(), |bench| {
        let command = bench.write("memory", &source("int x;\n"));
        let poor = compiler(&bench.scratch, Limits { memory: u64::MAX / 2, ..limits() });
        assert!(matches!(poor.start(&command), Err(NotWarm::LowMemory { .. })));
        bench.start(&command);
        assert!(matches!(poor.compile(&command), Err(NotWarm::LowMemory { .. })));
        await_that("the server makes room", || processes(&command).is_empty());
    });
}
