//! Small trees of modules, compared with kmod's depmod, and what kmod cannot do but ours can.

mod depmod_trees;

use depmod_trees::elf::{Made, module};
use depmod_trees::{Root, bytes, compare, has_kmod, text};
use std::io::Write;

/// Writes modules and compares all files with kmod's.
fn same(modules: &[(&str, Made)], lists: &[(&str, &[u8])]) -> Root {
    let root = Root::new("6.1.0").with_lists();
    for (path, made) in modules {
        root.write(path, &made.bytes());
    }
    for (path, list) in lists {
        root.write(path, list);
    }
    if has_kmod() {
        let (ours, _) = root.good();
        assert!(root.kmod().status.success());
        compare(&root.modules(), &ours);
    }
    root
}

#[test]
fn dependencies_aliases_and_devices() {
    same(
        &[
            (
                "kernel/a-x.ko",
                module("sym_a", "")
                    .info("alias=pci:a-b[1-2]-*")
                    .info("alias=bad[x")
                    .info("softdep=pre: q post: r")
                    .info("alias=char-major-10-200")
                    .info("alias=devname:foo/bar")
                    .info("alias=devname:second"),
            ),
            ("kernel/b.ko", module("sym_b", "sym_a nosuch")),
            ("kernel/c.x.ko", module("sym_c", "sym_b").info("alias=x y").info("alias=")),
            ("updates/b.ko", module("sym_b sym_b2", "sym_a nosuch")),
            ("extra/z.ko", module("sym_b", "sym_c .sym_a")),
            ("extra/only-devname.ko", module("", "").info("alias=devname:x")),
            ("extra/twice.ko", module("", "").info("alias=x-y").info("alias=x_y")),
        ],
        &[
            ("modules.order", b"kernel/b.ko\nkernel/none.ko\nextra/z.ko\nkernel/b.ko\n"),
            (
                "modules.builtin",
                b"kernel/x/foo-bar.ko\n9k.ko\nkernel/z.ko\n\nkernel/x/foo-bar.ko\n",
            ),
            (
                "modules.builtin.modinfo",
                b"foo.alias=pci:a-b[x-y]-*\0foo.license=GPL\0bar-x.alias=z[1\0noeq\0e.alias=u=v\0\
                  foo.alias=second\0bar.alias=second\0e.alias=\0",
            ),
        ],
    );
}

#[test]
fn needs_also_come_from_versions_and_exports_from_strings() {
    let root = same(
        &[
            ("a.ko", Made { ksymtab_strings: true, ..module("one two", "") }),
            ("b.ko", Made { versions: vec!["x".into(), "two".into()], ..module("", "x y") }),
        ],
        &[],
    );
    let (ours, remarks) = root.good();
    assert_eq!(text(&ours, "modules.dep"), "b.ko: a.ko\na.ko:\n");
    assert_eq!(remarks, [""; 0]);
}

#[test]
fn every_word_size_and_byte_order() {
    for (narrow, big) in [(false, true), (true, false), (true, true)] {
        let made = |exports, needs| Made { narrow, big, ..module(exports, needs) };
        let modules = [
            ("a.ko", made("one two", "").info("alias=q")),
            ("b.ko", Made { versions: vec!["two".into()], ..made("", "three") }),
            ("c.ko", made("three", "one")),
        ];
        let root = same(&modules, &[]);
        let (ours, _) = root.good();
        let lines = text(&ours, "modules.dep");
        assert!(lines.contains("b.ko: c.ko a.ko\n"), "{lines}");
    }
}

/// kmod does not write indexes then, either.
#[test]
fn who_needs_itself_is_a_circle() {
    let root = Root::new("6.1.0").with_lists();
    root.write("s.ko", &module("ss", "ss").bytes());
    let error = root.ours().0.unwrap_err().to_string();
    assert_eq!(error, "Found 1 modules in dependency cycles!");
    if has_kmod() {
        let theirs = root.kmod();
        assert!(!theirs.status.success());
        let said = String::from_utf8(theirs.stderr).unwrap();
        assert!(said.ends_with(&format!("ERROR: {error}\n")), "{said}");
    }
}

/// Compressed by whatever, named in whatever way: the first bytes count. kmod 30 in Debian knows no
/// gzip, and no zstd frame without a size (bug d2).
#[test]
fn compressed_modules() {
    let root = Root::new("6.1.0").with_lists();
    let plain = module("one", "two").bytes();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 6);
    xz.write_all(&plain).unwrap();
    let mut streamed = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    streamed.include_contentsize(false).unwrap();
    streamed.write_all(&plain).unwrap();
    for (name, packed) in [
        ("a.ko.gz", gzip.finish().unwrap()),
        ("b.ko", xz.finish().unwrap()),
        ("c.ko.xz", zstd::encode_all(plain.as_slice(), 1).unwrap()),
        ("d.ko.zst", streamed.finish().unwrap()),
        ("e.ko.xz", plain.clone()),
    ] {
        root.write(name, &packed);
    }
    root.write("two.ko", &module("two", "").bytes());
    let (ours, remarks) = root.good();
    assert_eq!(remarks, [""; 0]);
    let mut lines: Vec<String> = text(&ours, "modules.dep").lines().map(String::from).collect();
    lines.sort();
    assert_eq!(
        lines,
        ["a.ko.gz", "b.ko", "c.ko.xz", "d.ko.zst", "e.ko.xz"]
            .map(|file| format!("{file}: two.ko"))
            .into_iter()
            .chain(["two.ko:".to_owned()])
            .collect::<Vec<_>>()
    );
}

/// New in kmod 33.
#[test]
fn weak_dependencies() {
    let root = Root::new("6.1.0").with_lists();
    root.write("a.ko", &module("", "").info("weakdep=b c").bytes());
    let (ours, _) = root.good();
    assert_eq!(
        text(&ours, "modules.weakdep"),
        "# Weak dependencies extracted from modules themselves.\nweakdep a b c\n"
    );
}

/// Without the kernel's lists their indexes are empty files, as kmod's.
#[test]
fn missing_lists_are_told() {
    let root = Root::new("6.1.0");
    root.write("a.ko", &module("x", "").bytes());
    let (ours, remarks) = root.good();
    assert_eq!(remarks.len(), 3, "{remarks:?}");
    assert!(remarks[0].starts_with("could not open modules.order at "), "{remarks:?}");
    assert!(bytes(&ours, "modules.builtin.bin").is_empty());
    if has_kmod() {
        assert!(root.kmod().status.success());
        compare(&root.modules(), &ours);
    }
}
