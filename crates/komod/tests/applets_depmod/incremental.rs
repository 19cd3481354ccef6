//! `--incremental`: what it leaves is what a whole run writes, whatever happened before; and it
//! leaves things alone where it can.

use super::{BASE, Folder, RELEASE, messages, module, results, snapshot, with};
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

const CACHE: &str = "modules.komod-cache";

impl Folder {
    fn path(&self, path: &str) -> PathBuf {
        self.modules().join(path)
    }

    /// Runs with `-C conf`, compares with a whole run, and tells whether indexes were written.
    fn writes(&self, step: &str) -> bool {
        let number = || std::fs::metadata(self.path("modules.dep.bin")).ok().map(|f| f.ino());
        let before = number();
        let base = ["-C", "conf", "-b", "root"];
        let ours = self.ours(&[&base[..], &["--incremental", RELEASE]].concat());
        let after = number();
        let whole = self.ours(&[&base[..], &["-o", "whole", RELEASE]].concat());
        assert!(ours.status.success() && whole.status.success(), "{step}: {}", messages(&ours));
        assert_eq!(
            (messages(&ours), results(&ours)),
            (messages(&whole), results(&whole)),
            "{step}"
        );
        let whole = snapshot(&self.0.join("whole/lib/modules").join(RELEASE));
        let mut incremental = snapshot(&self.modules());
        incremental.retain(|(name, _)| whole.iter().any(|(other, _)| other == name));
        assert_eq!(incremental.len(), 11, "{step}");
        assert!(incremental == whole, "{step}");
        before != after
    }

    /// Of a step after which the indexes are others.
    fn written_once(&self, step: &str) {
        assert!(self.writes(step), "{step}");
        assert!(!self.writes(step), "after {step}");
    }
}

/// Time for files to become old: what changed just now is looked into again.
fn settle() {
    std::thread::sleep(Duration::from_millis(150));
}

#[test]
fn nothing_is_written_if_modules_say_the_same() {
    let folder = Folder::with_modules();
    folder.written_once("first");
    settle();
    assert!(!folder.writes("all old"));
    let modified = |path: &str| std::fs::metadata(folder.path(path)).unwrap().modified().unwrap();
    for (step, made) in [
        ("the same again", module("sa", "kernel_one")),
        ("other contents", module("sa", "kernel_one").info("author=somebody")),
        ("a larger file", module("sa", "kernel_one").info("description=somewhat longer")),
    ] {
        folder.module("kernel/a.ko", &made);
        assert!(!folder.writes(step), "{step}");
        // So `-A` finds nothing to do, either.
        assert!(modified("modules.dep") >= modified("kernel/a.ko"), "{step}");
        settle();
        assert!(!folder.writes(step), "{step}, old");
    }
    // The time of the file tells nothing.
    let file = File::options().write(true).open(folder.path("kernel/b.ko")).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1)).unwrap();
    assert!(!folder.writes("an old time"));
}

#[test]
fn indexes_follow_what_changes() {
    let folder = Folder::with_modules();
    folder.written_once("first");
    settle();
    folder.module("kernel/a.ko", &module("sa", "kernel_one").info("alias=new"));
    folder.written_once("an alias");
    folder.module("kernel/a.ko", &module("sa sx", "kernel_one").info("alias=new"));
    folder.written_once("an export");
    folder.module("kernel/a.ko", &module("sa sx", "").info("alias=new").info("softdep=pre: b"));
    folder.written_once("a softdep");
    folder.module("kernel/new.ko", &module("", "sx sb"));
    folder.written_once("one more");
    std::fs::remove_file(folder.path("extra/c-d.ko")).unwrap();
    folder.written_once("one less");
    std::fs::rename(folder.path("kernel/new.ko"), folder.path("kernel/newer.ko")).unwrap();
    folder.written_once("another name");
    folder.module("updates/b.ko", &module("sb", "sx"));
    folder.written_once("one that counts more");
    std::fs::write(folder.0.join("conf"), "search built-in updates\n").unwrap();
    folder.written_once("configuration");
    folder.write("modules.order", b"kernel/newer.ko\nkernel/b.ko\nkernel/a.ko\n");
    folder.written_once("order");
    folder.write("modules.builtin", b"kernel/x/some.ko\n");
    folder.written_once("a part of the kernel");
    folder.write("modules.builtin.modinfo", b"some.alias=other\0");
    folder.written_once("its alias");
    // A file and a folder change their names: all is where it was, but read from another file.
    std::fs::create_dir_all(folder.path("kernel/deep")).unwrap();
    std::fs::rename(folder.path("kernel/a.ko"), folder.path("kernel/deep/a.ko")).unwrap();
    folder.written_once("another folder");
}

#[test]
fn indexes_that_were_changed_are_written_again() {
    let folder = Folder::with_modules();
    folder.written_once("first");
    for settled in [false, true] {
        for name in ["modules.dep", "modules.alias.bin", "modules.softdep", "modules.builtin.bin"] {
            let path = folder.path(name);
            let old = std::fs::read(&path).unwrap();
            std::fs::remove_file(&path).unwrap();
            folder.written_once(name);
            settled.then(settle);
            let mut edited = old.clone();
            edited[5] ^= 1;
            std::fs::write(&path, edited).unwrap();
            folder.written_once(name);
            settled.then(settle);
            // The same contents in another file are all right.
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, old).unwrap();
            assert!(!folder.writes(name), "{name}");
        }
    }
    // Written by a run that does not know the cache.
    folder.module("kernel/a.ko", &module("sa sx", "").info("alias=new"));
    assert!(folder.ours(&with(&[RELEASE])).status.success());
    folder.written_once("after another run");
    assert!(folder.ours(&with(&["--incremental", "-P", "s", RELEASE])).status.success());
    folder.written_once("with other options");
}

/// What a whole run warns of, an incremental one does every time.
#[test]
fn warnings_are_repeated() {
    let folder = Folder::with_modules();
    folder.module("kernel/w.ko", &module("", "").info("alias=a[b"));
    for step in ["first", "second"] {
        folder.writes(step);
        let output = folder.ours(&with(&["--incremental", RELEASE]));
        assert!(messages(&output).contains("Unmatched bracket in a[b"), "{step}");
    }
    std::fs::remove_file(folder.path("kernel/w.ko")).unwrap();
    folder.written_once("without");
    std::fs::write(folder.path("kernel/w.ko"), "no module").unwrap();
    folder.writes("bad");
    folder.writes("bad, again");
    std::fs::remove_file(folder.path("kernel/w.ko")).unwrap();
    folder.written_once("without");
    for more in ["-w", "-v"] {
        let whole = folder.ours(&with(&[more, RELEASE]));
        let output = folder.ours(&with(&["--incremental", more, RELEASE]));
        assert_eq!((messages(&output), results(&output)), (messages(&whole), results(&whole)));
    }
}

#[test]
fn a_dry_run_writes_nothing() {
    let folder = Folder::with_modules();
    assert!(folder.writes("first"));
    settle();
    folder.module("kernel/a.ko", &module("sa", "kernel_one"));
    let look = || {
        let files = snapshot(&folder.modules());
        let times = files.iter().map(|(name, _)| {
            let file = std::fs::metadata(folder.path(name)).unwrap();
            (file.ino(), file.mtime(), file.mtime_nsec(), file.ctime_nsec())
        });
        (times.collect::<Vec<_>>(), files)
    };
    let before = look();
    for more in [&["-n"][..], &["-n", "--json"]] {
        let more = [&BASE[..], more, &["--incremental", RELEASE]].concat();
        assert!(folder.ours(&more).status.success());
        assert!(look() == before, "{more:?}");
    }
    assert!(!folder.writes("then"));
}

#[test]
fn a_damaged_cache_is_harmless() {
    let folder = Folder::with_modules();
    let cache = folder.path(CACHE);
    folder.module("kernel/a.ko", &module("sa sx", ""));
    settle();
    folder.written_once("first");
    let len = std::fs::metadata(&cache).unwrap().len();
    assert!(len > 300);
    for at in (0..len).step_by(23) {
        let exports = if at % 2 == 0 { "sa sx" } else { "sa sy" };
        let file = File::options().read(true).write(true).open(&cache).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
        folder.module("kernel/a.ko", &module(exports, ""));
        folder.writes("a byte");
    }
    let whole = std::fs::read(&cache).unwrap();
    std::fs::write(&cache, &whole[..whole.len() / 2]).unwrap();
    folder.written_once("cut off");
    std::fs::write(&cache, vec![0xff; whole.len()]).unwrap();
    folder.written_once("overwritten");
    std::fs::remove_file(&cache).unwrap();
    std::fs::create_dir(&cache).unwrap();
    let output = folder.ours(&with(&["--incremental", RELEASE]));
    assert!(messages(&output).contains(CACHE), "{}", messages(&output));
    std::fs::remove_dir(&cache).unwrap();
    folder.written_once("gone");
}
