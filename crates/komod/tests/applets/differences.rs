//! What SUPPORT.md lists as different from Debian's kmod 30 and is not tested elsewhere: both sides.

use crate::kernel::{Kernel, RELEASE, Said, peer};
use crate::modprobe::kernel;
use std::process::Command;

/// A call; how kmod 30 ends, and a part of what it says or asks the kernel; the same of komod.
type Row = (&'static str, (i32, &'static str), (i32, &'static str));

const ROWS: [Row; 13] = [
    ("rmmod -w hid", (1, "unexpected getopt_long() value 'w'"), (1, "invalid option -- 'w'")),
    ("lsmod -h", (1, "Usage: "), (0, "Usage:")),
    ("lsmod -V", (1, "Usage: "), (0, "kmod version 34")),
    ("lsmod -s", (1, "Usage: "), (0, "hid ")),
    ("lsmod -v", (1, "Usage: "), (0, "hid ")),
    ("insmod -v new/b.ko", (1, "invalid option -- 'v'"), (0, "finit  0\n")),
    ("insmod -s new/no.ko", (1, "ERROR: could not load module"), (1, "")),
    ("modprobe -n a", (0, ""), (0, "/kernel/a.ko \n")),
    ("modprobe -n -r a", (0, ""), (0, "")),
    ("modprobe -R --show-alias a", (1, "unrecognized option '--show-alias'"), (0, "a\n")),
    ("modprobe -R --resolve-alias a", (0, "a\n"), (0, "a\n")),
    ("depmod -n -q -r -u --map -b . 6.1.0-9-amd64", (0, "deprecated"), (0, "kernel/a.ko:\n")),
    ("kmod static-nodes -f devname", (0, "fuse ../x c10:229"), (1, "invalid devname entry")),
];

/// Is Debian 12's kmod on this machine?
fn kmod_30() -> bool {
    let output = peer("modprobe").and_then(|peer| Command::new(peer).arg("-V").output().ok());
    output.is_some_and(|output| output.stdout.starts_with(b"kmod version 30\n"))
}

#[track_caller]
fn holds(call: &str, said: &Said, (status, part): (i32, &str)) {
    let whole = [&*said.stdout, &said.stderr, &said.calls].concat();
    assert_eq!(said.status, Some(status), "{call}: {said:?}");
    assert!(whole.contains(part), "{call}: {said:?}");
    assert!(!part.is_empty() || whole.is_empty(), "{call}: {said:?}");
}

fn ask(kernel: &Kernel, call: &str, variables: &[(&str, &str)]) -> (Said, Option<Said>) {
    let mut words = call.split(' ');
    let tool = words.next().unwrap();
    let arguments: Vec<&str> = words.collect();
    let theirs = kmod_30().then(|| kernel.run_with(variables, &peer(tool).unwrap(), &arguments));
    (kernel.ours_with(variables, tool, &arguments), theirs)
}

#[test]
fn calls_that_end_otherwise() {
    let Some(kernel) = kernel("differences") else { return };
    kernel.module_dir("modules.devname", "fuse ../x c10:229\n");
    for (call, kmods, komods) in ROWS {
        let (ours, theirs) = ask(&kernel, call, &[]);
        holds(call, &ours, komods);
        if let Some(theirs) = theirs {
            holds(call, &theirs, kmods);
        }
    }
}

/// With `-w`, kmod 30 says nothing at the end, or does not come to one: only komod is asked.
#[test]
fn modules_that_stay_in_use() {
    let Some(kernel) = kernel("differences-wait") else { return };
    kernel.write("sys/module/a/initstate", "live\n");
    kernel.write("sys/module/a/refcnt", "1\n");
    kernel.write("errno", "11");
    let ours = kernel.ours("modprobe", &["-r", "-w", "5", "a"]);
    let text = "modprobe: ERROR: could not remove 'a': Resource temporarily unavailable";
    assert_eq!((ours.status, ours.stderr.as_str()), (Some(1), text));
    assert!(ours.calls.matches("delete a 04000\n").count() > 1, "{ours:?}");
}

/// kmod 30 takes an empty name besides.
#[test]
fn quotes_in_the_variable() {
    let Some(kernel) = kernel("differences-quotes") else { return };
    kernel.folder("c d");
    let options = [("MODPROBE_OPTIONS", "-C 'c d' -q")];
    let (ours, theirs) = ask(&kernel, "modprobe -D a", &options);
    let line = format!("insmod /lib/modules/{RELEASE}/kernel/a.ko \n");
    assert_eq!((ours.status, ours.stdout), (Some(0), line));
    if let Some(theirs) = theirs {
        assert_eq!((theirs.status, theirs.stdout.as_str()), (Some(1), ""));
    }
}
