//! Modules that break kmod's depmod: each is told by name, all others are indexed.

mod depmod_trees;

use depmod_trees::elf::module;
use depmod_trees::{Root, bytes, text, trie};
use komod_kernel::depmod::error::DepmodError;
use std::io::Write;
use std::time::{Duration, Instant};

/// A root with two good modules, of which one needs the other.
fn root() -> Root {
    let root = Root::new("6.1.0").with_lists();
    root.write("good.ko", &module("good", "better").info("alias=g").bytes());
    root.write("better.ko", &module("better", "").bytes());
    root
}

/// The good modules are there, and exactly these remarks.
fn check(root: &Root, expected: &[&str]) {
    let started = Instant::now();
    let (ours, remarks) = root.good();
    assert!(started.elapsed() < Duration::from_secs(20));
    let dep = text(&ours, "modules.dep");
    assert!(dep.contains("good.ko: better.ko\n"), "{dep}");
    assert_eq!(remarks.len(), expected.len(), "{remarks:?}");
    for part in expected {
        assert!(remarks.iter().any(|remark| remark.contains(part)), "{part}: {remarks:?}");
    }
}

/// Bugs e1 to e3: a number of sections or of their names that is wrong.
#[test]
fn wrong_numbers_in_the_header() {
    let whole = module("x", "y").bytes();
    for (at, value, expected) in [
        (62, [0, 0], "e_shstrndx is 0, no section"),
        (62, [0xff, 0xff], "e_shstrndx is 65535, no section"),
        (60, [0, 0], "e_shnum is 0, there are no sections"),
        (60, [0xff, 0xff], "section headers of 4194240 bytes at "),
        (58, [63, 0], "e_shentsize is 63, not the size of a section header"),
    ] {
        let root = root();
        let mut bad = whole.clone();
        bad[at..at + 2].copy_from_slice(&value);
        root.write("bad.ko", &bad);
        check(&root, &[expected]);
        check(&root, &["bad.ko: Invalid argument ("]);
    }
}

/// Bugs e4 and e5: a text that ends with its section, or with the file, without a NUL. Every length
/// of a file is tried, too.
#[test]
fn cut_off_files() {
    let whole = module("first last", "better").info("alias=a").bytes();
    for len in 0..whole.len() {
        let root = root();
        root.write("cut.ko", &whole[..len]);
        let expected =
            if (1..4).contains(&len) { "cut.ko: Exec format" } else { "cut.ko: Invalid" };
        check(&root, &[expected]);
    }
    // Every byte of the table of sections and of the header, spoilt.
    for at in (0..64).chain(whole.len() - 64 * 6..whole.len()) {
        let root = root();
        let mut bad = whole.clone();
        bad[at] = !bad[at];
        root.write("bad.ko", &bad);
        let (ours, remarks) = root.good();
        assert!(text(&ours, "modules.dep").contains("good.ko: better.ko\n"));
        assert!(remarks.iter().all(|r| r.contains("bad.ko") || r.contains("'bad'")), "{remarks:?}");
    }
}

/// Bug c1: two circles that share a module; c2: everything needs everything.
#[test]
fn circles_end_with_an_error() {
    let root = root();
    for (name, needs) in [("a", "d b"), ("d", "a"), ("b", "c"), ("c", "b")] {
        root.write(&format!("{name}.ko"), &module(name, needs).bytes());
    }
    let Err(DepmodError::Cycles { cycles, modules }) = root.ours().0 else { panic!() };
    assert_eq!((cycles.len(), modules), (2, 4));
    assert!(cycles.iter().all(|cycle| cycle.len() == 2), "{cycles:?}");

    let root = Root::new("6.1.0").with_lists();
    for name in 0..8 {
        let needs = "s0 s1 s2 s3 s4 s5 s6 s7".replace(&format!("s{name}"), "");
        root.write(&format!("m{name}.ko"), &module(&format!("s{name}"), &needs).bytes());
    }
    let Err(DepmodError::Cycles { cycles, modules }) = root.ours().0 else { panic!() };
    assert_eq!((cycles.len(), cycles[0].len(), modules), (1, 2, 8));
}

/// Bug c5: a byte beyond ASCII. The text file has it, as kmod 30's; the binary index cannot.
#[test]
fn an_alias_beyond_ascii() {
    let root = root();
    root.write("bad.ko", &module("", "").info(b"alias=a\xffb").info("alias=fine").bytes());
    check(&root, &["Module 'bad' has an alias \"a\\xffb\" that modules.alias.bin cannot hold"]);
    let (ours, _) = root.good();
    assert!(bytes(&ours, "modules.alias").windows(12).any(|w| w == b"alias a\xffb ba"));
    let keys = trie::read(bytes(&ours, "modules.alias.bin")).entries();
    assert_eq!(keys.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), [&b"fine"[..], b"g"]);
}

/// Bug c8: a line break would begin a line of its own, which modprobe obeys.
#[test]
fn a_line_break_gets_into_no_file() {
    let root = root();
    let made = module("x\ny", "")
        .info("softdep=pre: a\ninstall a touch /tmp/x")
        .info("weakdep=a\ninstall a touch /tmp/x")
        .info("alias=a\ninstall a touch /tmp/x")
        .info("alias=devname:a\ninstall a touch /tmp/x")
        .info("alias=char-major-1-1");
    root.write("bad.ko", &made.bytes());
    root.write("ba\nd.ko", &module("", "").bytes());
    let (ours, remarks) = root.good();
    for index in &ours {
        let lines = index.bytes.split(|byte| *byte == b'\n');
        assert!(!lines.into_iter().any(|line| line.starts_with(b"install")), "{}", index.name);
    }
    for file in ["modules.softdep", "modules.weakdep", "modules.alias", "modules.devname"] {
        let told = |remark: &String| remark.contains(&format!("that {file} cannot hold"));
        assert!(remarks.iter().any(told), "{file}: {remarks:?}");
    }
    assert!(remarks.iter().any(|r| r.contains("a line break in the name")), "{remarks:?}");
    assert!(text(&ours, "modules.dep").lines().all(|line| line.contains(".ko:")));
}

/// Bug d1: 64 MiB are enough for a small compressed file.
#[test]
fn decompression_bombs() {
    let root = root();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 0);
    for _ in 0..80 {
        xz.write_all(&[0; 1 << 20]).unwrap();
    }
    let bomb = xz.finish().unwrap();
    assert!(bomb.len() < 64 << 10);
    root.write("bomb.ko.xz", &bomb);
    root.write("cut.ko.xz", &bomb[..bomb.len() / 2]);
    check(
        &root,
        &["bomb.ko.xz: xz data expands to more than 67108864 bytes", "cut.ko.xz: xz data"],
    );
}

/// Bug d3: links to folders in circles, and what is no file at all.
#[test]
fn links_in_circles_and_other_kinds_of_files() {
    let root = root();
    let modules = root.modules();
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(target, modules.join(name)).unwrap();
    };
    std::fs::create_dir_all(modules.join("sub/folder.ko")).unwrap();
    link(".", "loop");
    link("..", "sub/up");
    link("../..", "sub/folder.ko/up");
    link("nowhere", "dangling.ko");
    link("better.ko", "linked.ko");
    link("selfish.ko", "selfish.ko");
    link("nowhere", "build");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        modules.join("pipe.ko"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    check(
        &root,
        &[
            "dangling.ko: No such file or directory",
            "selfish.ko: Too many levels of symbolic links",
            "pipe.ko: 10000",
        ],
    );
    let (ours, _) = root.good();
    assert_eq!(text(&ours, "modules.dep").lines().count(), 3);
}

/// A file that is almost only a hole: nothing is read of a size that it only claims.
#[test]
fn sizes_beyond_all_modules() {
    let root = root();
    let mut bad = module("x", "y").bytes();
    // The size of .symtab, the first section of the table.
    let size = bad.len() - 64 * 5 + 32;
    bad[size..size + 8].copy_from_slice(&(1_u64 << 40).to_le_bytes());
    root.write("hole.ko", &bad);
    let file = std::fs::OpenOptions::new().write(true).open(root.modules().join("hole.ko"));
    file.unwrap().set_len(1 << 41).unwrap();
    check(&root, &["hole.ko: File too large (symbol table of 1099511627776 bytes)"]);
}
