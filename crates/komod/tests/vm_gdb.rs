//! `komod run --on vm --gdb`: the machine waits before init, for gdb or anything that speaks as it
//! does.
#![forbid(unsafe_code)]

mod common;

use common::machine::{kernel_in_turn, left};
use common::{User, project};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

#[test]
fn a_machine_waits_before_init() {
    let Some(kernel) = kernel_in_turn() else { return };
    let user = User::new("gdb");
    let source = std::fs::read(project("tests/cases/param-values.c")).unwrap();
    let source = user.file("param-values.c", source);
    let module = user.build(&kernel, &source, &[]).remove(0);
    let root = kernel.root.to_str().unwrap();
    let args = ["run", &module, "count=5", "--on", "vm", "--gdb", "--kernel", root];

    // By hand: it has stopped in the kernel, and init has not run.
    let (komod, script) = waits(user.command(&args));
    let text = std::fs::read_to_string(&script).unwrap();
    let word = |key: &str| text.lines().find_map(|l| l.strip_prefix(key)).unwrap().to_owned();
    let socket = PathBuf::from(word("target remote "));
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let init = word("thbreak *0x");
    let mut gdb = UnixStream::connect(&socket).unwrap();
    let rip = &ask(&mut gdb, "g")[16 * 16..17 * 16];
    assert!(rip.ends_with("ffffffff") && !rip.starts_with("00"), "in the kernel: {rip}");
    assert_ne!(ask(&mut gdb, &format!("m{init},4")), "00000000");
    assert_eq!(ask(&mut gdb, &format!("Z1,{init},1")), "OK");
    send(&mut gdb, "c");
    assert!(receive(&mut gdb).starts_with('T'));
    let registers = ask(&mut gdb, "g");
    let bytes: Vec<&str> = (16 * 16..17 * 16).step_by(2).map(|n| &registers[n..n + 2]).collect();
    assert_eq!(bytes.into_iter().rev().collect::<String>(), init);
    assert_eq!(ask(&mut gdb, &format!("z1,{init},1")), "OK");
    assert_eq!(ask(&mut gdb, "D"), "OK");
    goes_on(komod);
    assert_eq!(left(&user), Vec::<String>::new());

    // By gdb, with lines and variables.
    if Command::new("gdb").arg("--version").output().is_ok() {
        let (komod, script) = waits(user.command(&args));
        let gdb = Command::new("gdb")
            .args(["-nx", "-batch", "-x"])
            .arg(&script)
            .args(["-ex", "print count", "-ex", "next", "-ex", "detach"])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&gdb.stdout).into_owned();
        for text in ["case_init () at ", "param-values.c:", "$1 = 5", "param-values: %d [%s] %d"] {
            assert!(said.contains(text), "no {text:?} in {said}");
        }
        goes_on(komod);
    } else {
        eprintln!("SKIPPED: no gdb");
    }

    // Who is killed leaves files; the next run removes them. What is refused keeps nobody waiting.
    let (mut komod, _) = waits(user.command(&args));
    komod.kill().unwrap();
    komod.wait().unwrap();
    assert!(left(&user).iter().any(|name| name.ends_with(".gdb")));
    let refused = ["run", &module, "count=many", "--on", "vm", "--gdb", "--kernel", root];
    user.komod(&refused).ends_with(1).complains("[L-40]");
    assert_eq!(left(&user), Vec::<String>::new());
}

/// The run, as far as it comes, and the script for gdb.
fn waits(mut command: Command) -> (Child, PathBuf) {
    let mut komod = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let script = script(&mut komod);
    (komod, script)
}

fn script(komod: &mut Child) -> PathBuf {
    let mut said = String::new();
    for line in BufReader::new(komod.stderr.as_mut().unwrap()).lines() {
        let line = line.unwrap();
        if let Some(script) = line.trim().strip_prefix("gdb -x ") {
            return PathBuf::from(script);
        }
        said.push_str(&line);
    }
    panic!("it ended: {said}")
}

fn goes_on(komod: Child) {
    let output = komod.wait_with_output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && out.contains("param-values: 5 []"), "{output:?}");
}

fn send(line: &mut UnixStream, packet: &str) {
    let sum = packet.bytes().fold(0u8, u8::wrapping_add);
    write!(line, "${packet}#{sum:02x}").unwrap();
}

fn ask(line: &mut UnixStream, packet: &str) -> String {
    send(line, packet);
    loop {
        let answer = receive(line);
        // That it has stopped is told again to everyone who comes.
        if !answer.starts_with('T') {
            return answer;
        }
    }
}

fn receive(line: &mut UnixStream) -> String {
    let mut packet = Vec::new();
    let mut byte = [0];
    let mut inside = false;
    loop {
        line.read_exact(&mut byte).unwrap();
        match byte[0] {
            b'$' => inside = true,
            b'#' if inside => break,
            byte if inside => packet.push(byte),
            _ => {}
        }
    }
    line.read_exact(&mut [0; 2]).unwrap();
    line.write_all(b"+").unwrap();
    String::from_utf8(packet).unwrap()
}
