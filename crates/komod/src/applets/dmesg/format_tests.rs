//! Tests of [`super`].

use super::*;

fn shown(style: Style, records: &[Record]) -> String {
    let mut printer = Printer::new(Style { escape: true, utf8: true, ..style }, Boot(0));
    let mut out = Vec::new();
    records.iter().for_each(|r| printer.record(&mut out, r).unwrap());
    printer.end(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn records() -> Vec<Record> {
    Record::of_buffer(
        b"<3>[    1.000000] a: b\nc\n<30>[   12.500000] d\n<6>[  13.000000] \n<200>e\n",
    )
}

#[test]
fn plain_and_decoded() {
    assert_eq!(
        shown(Style::default(), &records()),
        "[    1.000000] a: b\n               c\n[   12.500000] d\n\n[    0.000000] e\n"
    );
    assert_eq!(
        shown(Style { decode: true, time: TimeFormat::None, ..Style::default() }, &records()),
        "kern  :err   : a: b\n               c\ndaemon:info  : d\n\ne\n"
    );
}

#[test]
fn raw_and_split() {
    assert_eq!(
        shown(Style { raw: true, split: true, ..Style::default() }, &records()),
        "<3>[    1.000000] a: b\n<3>[    1.000000] c\n<7>[   12.500000] d\n\n<-1>[    0.000000] e\n"
    );
}

#[test]
fn what_passed() {
    let of = |time| shown(Style { time, ..Style::default() }, &records()[..2]);
    assert_eq!(
        of(TimeFormat::TimeDelta),
        "[    1.000000 <    0.000000>] a: b\n                              c\n\
         [   12.500000 <   11.500000>] d\n"
    );
    assert!(of(TimeFormat::Delta).contains("\n[<   11.500000>] d\n"));
    assert!(of(TimeFormat::Reltime).ends_with("\n[ +11.500000] d\n"));
    assert_eq!(seconds(-1, true), "-0.000001");
}

#[test]
fn colours() {
    assert_eq!(
        shown(Style { color: true, ..Style::default() }, &records()[..1]),
        "\x1b[32m[    1.000000] \x1b[0m\x1b[33ma: \x1b[0m\x1b[31mb\n               c\x1b[0m\n"
    );
    let fault = Record::of_buffer(b"<6>[    1.000000] x: segfault at 0\n");
    assert_eq!(
        shown(Style { color: true, time: TimeFormat::None, ..Style::default() }, &fault),
        "\x1b[33mx: \x1b[0m\x1b[2m\x1b[31msegfault at 0\x1b[0m\n"
    );
}

#[test]
fn json_is_json() {
    for decode in [false, true] {
        let text = shown(Style { json: true, decode, ..Style::default() }, &records()[..2]);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["dmesg"][1]["time"], 12.5);
        assert_eq!(value["dmesg"][0]["msg"], "a: b\nc");
        let pri = if decode { "err".into() } else { serde_json::json!(3) };
        assert_eq!(value["dmesg"][0]["pri"], pri);
    }
}
