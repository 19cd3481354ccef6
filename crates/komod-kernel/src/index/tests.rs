//! What is found in sound indexes, and that damaged ones are refused in bounded time (the inputs
//! that make kmod 30 crash or hang).

use super::samples::{Layout, bytes, entries, header, index};
use super::{Index, IndexError, Problem};
use std::fmt::Write;
use std::path::Path;

const SAMPLE: [(&str, u32, &str); 8] = [
    ("pci:v1*d2*", 3, "a"),
    ("pci:v1d2", 2, "b"),
    ("pci:v[0-9]d?", 0, "c"),
    ("tie_*", 5, "t1"),
    ("tie_x", 5, "t2"),
    ("tie_x", 6, "t3"),
    ("usb", 9, "u"),
    ("usb_x", 2, "v"),
];

fn opened(bytes: &[u8]) -> Index {
    Index::new(Path::new("sample.bin"), bytes.into()).unwrap()
}

fn first(index: &Index, key: &str) -> Option<String> {
    let value = index.first(key.as_bytes()).unwrap();
    value.map(|value| String::from_utf8_lossy(value.text).into_owned())
}

fn matching(index: &Index, key: &str) -> String {
    let values = index.matching(key.as_bytes()).unwrap();
    let texts = values.iter().map(|value| String::from_utf8_lossy(value.text));
    texts.collect::<Vec<_>>().join(" ")
}

fn listed(index: &Index) -> String {
    let mut out = String::new();
    let each = |key: &[u8], value: super::Value<'_>| {
        let (key, text) = (String::from_utf8_lossy(key), String::from_utf8_lossy(value.text));
        write!(out, "{key} {text} {};", value.priority).unwrap();
    };
    index.for_each(each).unwrap();
    out
}

/// The problem that all three ways to read an index end with, or that searches do not meet.
fn problem(bytes: &[u8], key: &[u8]) -> Problem {
    let index = match Index::new(Path::new("sample.bin"), bytes.into()) {
        Ok(index) => index,
        Err(IndexError::Damaged { problem, .. }) => return problem,
        Err(other) => panic!("{other}"),
    };
    let _ = index.first(key);
    let _ = index.matching(key);
    match index.for_each(|_, _| ()) {
        Err(IndexError::Damaged { problem, .. }) => problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn both_layouts_hold_the_same() {
    for layout in [Layout::Before, Layout::Behind] {
        let index = index(&entries(&SAMPLE), layout);
        assert_eq!(first(&index, "usb").as_deref(), Some("u"));
        assert_eq!(first(&index, "tie_x").as_deref(), Some("t2"));
        for absent in ["", "us", "usbx", "usb_xx", "zz", "\u{fc}"] {
            assert_eq!(first(&index, absent), None, "{absent}");
        }
        assert_eq!(matching(&index, "pci:v1d2"), "c b a");
        assert_eq!(matching(&index, "tie_x"), "t2 t1 t3");
        assert_eq!(matching(&index, "tie_"), "t1");
        assert_eq!(matching(&index, "usb"), "u");
        assert_eq!(
            listed(&index),
            "pci:v1*d2* a 3;pci:v1d2 b 2;pci:v[0-9]d? c 0;tie_* t1 5;tie_x t2 5;tie_x t3 6;\
             usb u 9;usb_x v 2;"
        );
    }
}

#[test]
fn an_empty_index_holds_nothing() {
    for root in [0, 0x2000_0000] {
        let index = opened(&header(root));
        assert_eq!(listed(&index), "");
        assert_eq!(first(&index, "x"), None);
    }
}

/// Each start of a file, and each byte changed: an answer or an error, no panic.
#[test]
fn every_damage_ends() {
    let sound = bytes(&entries(&SAMPLE), Layout::Before);
    let tried = |bytes: &[u8]| {
        if let Ok(index) = Index::new(Path::new("sample.bin"), bytes.into()) {
            for key in ["pci:v1d2", "tie_x", "usb"] {
                let _ = index.first(key.as_bytes());
                let _ = index.matching(key.as_bytes());
            }
            let _ = index.for_each(|_, _| ());
        }
    };
    for length in 0..sound.len() {
        tried(&sound[..length]);
        for value in [0, 0x20, 0x2a, 0x60, 0x7f, 0x80, 0xe0, 0xff] {
            let mut changed = sound.clone();
            changed[length] = value;
            tried(&changed);
        }
    }
}

#[test]
fn headers_are_checked() {
    assert_eq!(problem(b"", b""), Problem::PastEnd);
    assert_eq!(problem(&[0; 12], b""), Problem::Magic(0));
    let mut other = header(0);
    other[5] = 9;
    assert_eq!(problem(&other, b""), Problem::Version(0x0009_0001));
    assert_eq!(problem(&header(0)[..8], b""), Problem::PastEnd);
}

/// A child that is its own ancestor.
#[test]
fn circles_end() {
    let mut circle = header(0x2000_000c);
    circle.extend([b'*', b'a']);
    for _ in b'*'..=b'a' {
        circle.extend(0x2000_000c_u32.to_be_bytes());
    }
    assert_eq!(problem(&circle, b"aaaa"), Problem::Circular);
    let index = opened(&circle);
    assert!(matches!(index.matching(b"aa"), Err(IndexError::Damaged { offset: 12, .. })));
}

/// Nodes that share their children double the keys with each level.
#[test]
fn shared_children_are_refused() {
    let mut shared = header(0x2000_000c);
    for level in 1..=64_u32 {
        shared.extend(b"ab");
        let next = (0x2000_000c + level * 10).to_be_bytes();
        shared.extend(next);
        shared.extend(next);
    }
    shared.extend(b"aa");
    shared.extend(0_u32.to_be_bytes());
    assert_eq!(problem(&shared, b"aaaa"), Problem::Circular);
}

/// Nodes whose values overlap.
#[test]
fn shared_values_are_refused() {
    let mut shared = header(0x2000_000c);
    shared.extend(b"\0\x7f");
    for child in 0..128_u32 {
        shared.extend((0x4000_0000 | (14 + 128 * 4 + child % 2)).to_be_bytes());
    }
    shared.extend([0, 0, 0, 1, 0, 0, 0, 0]);
    shared.resize(4096, b'v');
    shared.push(0);
    assert_eq!(problem(&shared, b"a"), Problem::Circular);
}

/// As deep as a file of some megabytes can be: no recursion.
#[test]
fn deep_chains_are_walked() {
    const DEPTH: u32 = 200_000;
    let mut deep = header(0x2000_000c);
    for level in 1..=DEPTH {
        deep.extend(b"aa");
        let flag = if level == DEPTH { 0x4000_0000 } else { 0x2000_0000 };
        deep.extend((flag | (12 + level * 6)).to_be_bytes());
    }
    deep.extend([0, 0, 0, 1, 0, 0, 0, 0, b'v', 0]);
    let index = opened(&deep);
    let key = "a".repeat(DEPTH as usize);
    assert_eq!(first(&index, &key).as_deref(), Some("v"));
    assert_eq!(matching(&index, &key), "v");
    assert_eq!(listed(&index), format!("{key} v 0;"));
}

/// A value at every node of a deep chain: each key is a pattern, and they get longer and longer.
#[test]
fn long_patterns_are_not_all_tried() {
    let chain = |levels: usize| {
        let mut deep = header(0x2000_000c);
        // The root leads to `*`, each node behind it to another `[`.
        deep.extend(b"**");
        deep.extend((0x6000_0012_u32).to_be_bytes());
        for level in 0..levels {
            deep.extend(b"[[");
            let next = 0x12 + (level + 1) * 16;
            deep.extend((0x6000_0000 | u32::try_from(next).unwrap()).to_be_bytes());
            deep.extend([0, 0, 0, 1, 0, 0, 0, 0, b'v', 0]);
        }
        // The last one's child is none.
        deep.extend([b'[', b'[', 0, 0, 0, 0, 0, 0, 0, 0]);
        opened(&deep)
    };
    assert_eq!(matching(&chain(500), "[[["), "v v v v");
    let error = chain(20_000).matching(b"[[[[").unwrap_err();
    assert!(matches!(error, IndexError::Damaged { problem: Problem::Patterns, .. }), "{error}");
}

#[test]
fn strings_and_tables_end_in_the_file() {
    let mut prefix = header(0x8000_000c);
    prefix.resize(4096, b'a');
    assert_eq!(problem(&prefix, b"aaa"), Problem::PastEnd);
    let mut value = header(0x4000_000c);
    value.extend([0, 0, 0, 1, 0, 0, 0, 0, b'v', b'w']);
    assert_eq!(problem(&value, b""), Problem::PastEnd);
    let mut table = header(0x2000_000c);
    table.extend([0, 255, 0, 0]);
    assert_eq!(problem(&table, b"a"), Problem::PastEnd);
    assert_eq!(problem(&header(0xe000_ffff), b"a"), Problem::PastEnd);
    let mut swapped = header(0x2000_000c);
    swapped.extend([b'b', b'a', 0, 0, 0, 0]);
    assert_eq!(problem(&swapped, b"a"), Problem::Children(b'b', b'a'));
}

#[test]
fn counts_beyond_the_file_are_refused() {
    let mut many = header(0x4000_000c);
    many.extend([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, b'v', 0]);
    assert_eq!(problem(&many, b""), Problem::Values(u32::MAX));
    let error = opened(&many).first(b"").unwrap_err().to_string();
    assert_eq!(
        error,
        "sample.bin: offset 0xc: the file is too short for 4294967295 values; run depmod to write \
         it anew"
    );
}
