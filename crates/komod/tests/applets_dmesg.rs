//! `dmesg` against util-linux's, on the running kernel's log and on files.

use std::path::{Path, PathBuf};
use std::process::Command;

/// util-linux's dmesg, if it is one whose behaviour this is.
fn peer() -> Option<&'static Path> {
    let path = ["/usr/bin/dmesg", "/bin/dmesg"].map(Path::new).into_iter().find(|p| p.exists())?;
    let version = Command::new(path).arg("--version").output().ok()?;
    String::from_utf8_lossy(&version.stdout).contains("util-linux 2.38").then_some(path)
}

/// What a program says: exit status, output, messages.
type Said = (Option<i32>, String, String);

fn said(program: &Path, locale: &str, arguments: &[&str]) -> Said {
    let output = Command::new(program)
        .args(arguments)
        .env("LC_ALL", locale)
        .env("TZ", "Europe/Berlin")
        .env_remove("POSIXLY_CORRECT")
        .output()
        .expect("a program");
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string().replace("\\n", "\n");
    // getopt tells the program's path.
    let folder = format!("{}/", program.parent().unwrap().display());
    (output.status.code(), text(&output.stdout), text(&output.stderr).replace(&folder, ""))
}

/// A folder of its own, with komod in it under the name `dmesg`.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("dmesg-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_komod"), folder.join("dmesg")).unwrap();
    folder
}

/// Both say the same. The log goes on meanwhile and the clock, too: three times it is tried again.
#[track_caller]
fn same(ours: &Path, peer: &Path, locale: &str, arguments: &[&str]) {
    let both = || (said(ours, locale, arguments), said(peer, locale, arguments));
    let mut got = both();
    for _ in 0..3 {
        if got.0 == got.1 {
            return;
        }
        got = both();
    }
    assert_eq!(got.0, got.1, "{arguments:?} (ours, then util-linux's)");
}

const LOOKS: [&[&str]; 34] = [
    &[],
    &["-x"],
    &["-d"],
    &["-e"],
    &["-T"],
    &["-t"],
    &["-H"],
    &["-r"],
    &["-p"],
    &["-p", "-x"],
    &["-t", "-x", "-p"],
    &["-L=always"],
    &["-L=always", "-e"],
    &["-L=always", "-x", "-d"],
    &["-L=always", "-p", "-T"],
    &["-T", "-d"],
    &["-t", "-d"],
    &["-t", "-T"],
    &["-T", "-H"],
    &["--time-format=iso"],
    &["--time-format", "iso", "-d"],
    &["--time-format=delta"],
    &["--time-format=reltime", "-k"],
    &["--noescape"],
    &["-u"],
    &["-k", "-u", "-x"],
    &["-l", "err,WARN", "-d"],
    &["-l", "err", "-e"],
    &["-l", ""],
    &["-f", "user,3", "-x"],
    &["--since", "-1000h"],
    &["--until", "yesterday"],
    &["--since", "2026-01-01 00:00:00", "--until=+1 hour"],
    &["-s", "10"],
];

#[test]
fn the_running_kernels_log() {
    let Some(peer) = peer() else {
        eprintln!("SKIPPED: no dmesg of util-linux 2.38");
        return;
    };
    if said(peer, "C", &[]).0 != Some(0) {
        eprintln!("SKIPPED: the kernel's log may not be read");
        return;
    }
    // Records of several lines and with odd characters; without the right, what is there will do.
    for text in ["<3>komod-test: a\nb\n\nc: d", "<12>komod-test: \t\x1b[1m \\ \x7f ä\u{85}", "<6>"]
    {
        let _ = std::fs::write("/dev/kmsg", text);
    }
    let ours = folder("live").join("dmesg");
    for arguments in LOOKS {
        same(&ours, peer, "C.UTF-8", arguments);
    }
    for arguments in [&["-J"][..], &["-J", "-x"], &["-J", "-l", "err"], &["-r", "-l", "err"]] {
        same(&ours, peer, "C", arguments);
    }
    for arguments in [&["-S"][..], &["-S", "-r"], &["-S", "-x", "-p"], &["-S", "-L=always"]] {
        same(&ours, peer, "C.UTF-8", arguments);
    }
}

#[test]
fn files() {
    let Some(peer) = peer() else {
        eprintln!("SKIPPED: no dmesg of util-linux 2.38");
        return;
    };
    let folder = folder("files");
    let ours = folder.join("dmesg");
    let samples: [&[u8]; 4] = [
        b"<6>[    0.000000] Linux version 6\n<4>[    0.5] x\n<12>[   10.000000] user: warn\n\
          <11>[   30.123456] user: a\ncontinued\n\n<191>[   33.500000] local7\n<3>no time\n\
          <6>[  102.000000] esc \x1b[1m tab\t\x07 \x7f \xc3\xa4 \xff \xc2\x85 \\x41 end\n\
          <6>[  103.000000] \n<6>[12345678.123456] big: time\n",
        b"<1>[    1.000000] a: b: c\n<2>[    1.000001] : x\n<6>[    1.5] foo[1]: segfault at 0\n\
          <3>[    2.000000] foo: BUG: segfault at\n<30>[   62.000000] x:y z: w\n\
          <7>[   61.000000] back\n<5>[  200.000000]   indent: x\n",
        b"no header\nat all\n",
        b"<6>[    1.000000] last without newline",
    ];
    for (number, sample) in samples.iter().enumerate() {
        let file = folder.join(format!("sample{number}"));
        std::fs::write(&file, sample).unwrap();
        let file = file.to_str().unwrap();
        for arguments in LOOKS {
            // There -r shows the buffer as it is; memory behind one without newline is no measure.
            let arguments: Vec<&str> =
                ["-F", file].iter().chain(arguments.iter()).copied().collect();
            for locale in ["C.UTF-8", "C"] {
                if sample.ends_with(b"\n") {
                    same(&ours, peer, locale, &arguments);
                } else {
                    let (status, out, _) = said(&ours, locale, &arguments);
                    assert!(status == Some(0) && !out.contains("\\x00"), "{arguments:?}: {out}");
                }
            }
        }
    }
}

#[test]
fn mistakes() {
    let Some(peer) = peer() else {
        eprintln!("SKIPPED: no dmesg of util-linux 2.38");
        return;
    };
    let ours = folder("mistakes").join("dmesg");
    for arguments in [
        "-z",
        "--foo",
        "-T -r",
        "-r -T",
        "-c -C",
        "-H -r",
        "-S -w",
        "-D -E",
        "-n 3 -r",
        "-d -r",
        "-x -r",
        "-t -r",
        "-e -r",
        "-L -r",
        "-l foo",
        "-l err,foo",
        "-l err,",
        "-l err+",
        "-l +err",
        "-l ,err",
        "-l err,,warn",
        "-l 8",
        "-f foo",
        "-f 12",
        "foo",
        "-n foo",
        "-n 9",
        "-n 0",
        "-n",
        "--time-format x",
        "--time-format",
        "-L=x",
        "--color=x",
        "--since x",
        "--since 5",
        "--until 1:2:3:4",
        "--since -1x",
        "-F /no/such",
        "-s x",
        "-s -5",
        "-s 1k",
        "-V",
        "--no",
        "--c",
        "--s",
        "--u",
        "--h",
        "--r",
        "--noescape=1",
        "-C x",
        "-S -r -l err",
    ] {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        same(&ours, peer, "C", &arguments);
    }
}

/// A program that reads util-linux's help finds it all in ours.
#[test]
fn help_has_every_line() {
    let ours = folder("help").join("dmesg");
    let (status, help, _) = said(&ours, "C", &["--help"]);
    assert_eq!(status, Some(0));
    assert!(help.contains(" --module <name>") && help.contains(" --fold"));
    if let Some(peer) = peer() {
        let (_, theirs, _) = said(peer, "C", &["--help"]);
        let (start, end) = theirs.split_once("\nFor more details").unwrap();
        assert!(help.starts_with(start), "{help}\n---\n{theirs}");
        assert!(help.ends_with(&format!("\nFor more details{end}")));
    }
}

/// komod's own: what one module logs, and what comes again and again.
#[test]
fn own_options() {
    let folder = folder("own");
    let file = folder.join("log");
    let log = "<6>[    1.000000] no-such-x: one\n<6>[    1.000000] other: x\n\
        <6>[    2.000000] other: x\n<1>[    3.000000] RIP: f+0x1/0x2 [no_such_x]\n";
    std::fs::write(&file, log).unwrap();
    let ours = |arguments: &[&str]| {
        let file = ["-F", file.to_str().unwrap()];
        let all: Vec<&str> = file.iter().chain(arguments).copied().collect();
        said(&folder.join("dmesg"), "C", &all).1
    };
    assert_eq!(
        ours(&["-t", "--module", "no_such-x"]),
        "no-such-x: one\nRIP: f+0x1/0x2 [no_such_x]\n"
    );
    assert_eq!(ours(&["-t", "--fold", "-l", "info"]), "no-such-x: one\nother: x (2 times)\n");
    // As JSON of a file, each message is its own (util-linux's go on to the end of the buffer).
    let json = ours(&["-J", "--fold"]).replace("\\\"", "\"");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["dmesg"][1]["msg"], "other: x (2 times)");
}
