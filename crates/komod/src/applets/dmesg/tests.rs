//! `dmesg` on a kernel for tests.

use super::super::work::tried;
use super::*;
use komod_kernel::host::FakeHost;

fn host() -> FakeHost {
    let mut host = FakeHost::default();
    host.records = ["6,1,1000000,-;a: x\n", "3,2,2000000,-;b: y\\x0az\n", "14,3,2500000,-;user\n"]
        .map(Into::into)
        .to_vec();
    host.syslog = b"<6>[    1.000000] a: x\n<6>[    1.500000] a: x\n".to_vec();
    host
}

fn said(host: &FakeHost, arguments: &[&str]) -> (bool, String, Vec<String>) {
    let command: Vec<&str> = std::iter::once("dmesg").chain(arguments.iter().copied()).collect();
    tried(dmesg, host, &command)
}

#[test]
fn records_are_chosen() {
    let out = |arguments: &[&str]| said(&host(), arguments).1;
    assert_eq!(out(&["-l", "err", "-p"]), "[    2.000000] b: y\n[    2.000000] z\n");
    assert_eq!(out(&["-u", "-t"]), "user\n");
    assert_eq!(out(&["-k", "-x", "--level=info"]), "kern  :info  : [    1.000000] a: x\n");
    assert_eq!(out(&["--module", "a"]), "[    1.000000] a: x\n");
    assert_eq!(out(&["--since", "+1h"]), "");
    assert_eq!(out(&["-S", "--fold"]), "[    1.000000] a: x (2 times)\n");
    assert_eq!(out(&["-J", "-l", "crit"]), "");
}

#[test]
fn the_log_is_controlled() {
    let host = host();
    for arguments in [&["-C"][..], &["-D"], &["-E"], &["-n", "err"], &["-n8"], &["-c"], &["-W"]] {
        assert!(said(&host, arguments).0);
    }
    assert_eq!(
        *host.calls.borrow(),
        [
            "log Clear",
            "log ConsoleOff",
            "log ConsoleOn",
            "log ConsoleLevel(4)",
            "log ConsoleLevel(8)",
            "kmsg Cleared false",
            "log Clear",
            "kmsg End true",
        ]
    );
}

#[test]
fn a_log_that_may_not_be_read() {
    let (good, out, messages) = said(&FakeHost::default(), &[]);
    assert!(!good && out.is_empty());
    assert_eq!(messages, ["dmesg: read kernel buffer failed: Operation not permitted"]);
}

#[test]
fn what_is_not_understood() {
    for (arguments, message) in [
        (&["-r", "-x"][..], "dmesg: mutually exclusive arguments: --raw --decode"),
        (&["-l", "err,x"], "dmesg: unknown level 'x'"),
        (&["-L=x"], "dmesg: unsupported color mode: 'x'"),
        (&["-n", "9"], "dmesg: unknown level '9'"),
        (&["--until", "x"], "dmesg: invalid time value \"x\""),
        (&["-s", "-5"], "dmesg: invalid buffer size argument: '-5': Numerical result out of range"),
        (&["-ew", "-S"], "dmesg: mutually exclusive arguments: --syslog --follow"),
        (&["--fold", "-w"], "dmesg: --fold must know what follows: not with --follow"),
    ] {
        let (good, _, messages) = said(&host(), arguments);
        assert_eq!((good, messages.as_slice()), (false, &[message.to_owned()][..]));
    }
    let (_, _, messages) = said(&host(), &["x"]);
    assert_eq!(messages, ["dmesg: bad usage", "Try 'dmesg --help' for more information."]);
}
