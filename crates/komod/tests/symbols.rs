//! `komod symbols`: exports and users are those that depmod and the kernels' own files tell.
#![forbid(unsafe_code)]

mod common;

use common::{Kernel, User, kernels};
use std::collections::BTreeMap;
use std::process::Command;

/// Exporting modules by symbol, from kmod's depmod (`-n`: it prints its files, and writes none).
fn owners(kernel: &Kernel) -> BTreeMap<String, String> {
    let root = kernel.root.to_str().unwrap();
    let output = Command::new("depmod").args(["-n", "-b", root, &kernel.release]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let pairs = text.lines().filter_map(|line| {
        let (symbol, owner) = line.strip_prefix("alias symbol:")?.split_once(' ')?;
        Some((symbol.to_owned(), owner.to_owned()))
    });
    pairs.collect()
}

#[test]
fn owners_of_symbols_are_those_that_depmod_finds() {
    for kernel in kernels() {
        let user = User::new("owners");
        let root = kernel.root.to_str().unwrap();
        let said = user.komod(&["symbols", "--json", "-k", root, "*"]).good();
        let answer = said.json("komod-exports");
        let mut ours = BTreeMap::new();
        for symbol in answer["symbols"].as_array().unwrap() {
            let owner = symbol["kernels"][0]["export"]["owner"].as_str().unwrap();
            if owner != "vmlinux" {
                let owner = owner.rsplit('/').next().unwrap().replace('-', "_");
                ours.insert(symbol["name"].as_str().unwrap().to_owned(), owner);
            }
        }
        let theirs = owners(&kernel);
        assert!(theirs.len() > 1000, "depmod tells only {}", theirs.len());
        for (symbol, owner) in &theirs {
            assert_eq!(ours.get(symbol), Some(owner), "{symbol} in {}", kernel.release);
        }
    }
}

#[test]
fn an_unknown_name_is_answered_with_names_like_it() {
    for kernel in kernels() {
        let user = User::new("unknown");
        let root = kernel.root.to_str().unwrap();
        let known = user.komod(&["symbols", "_printk", "-k", root]).good();
        known.logs(&["_printk in", "int _printk(const char *, ...)", "used by"]);
        let of_module = user.komod(&["symbols", "jbd2__journal_start", "-k", root]).good();
        of_module.logs(&["from fs/jbd2/jbd2", "handle_t *jbd2__journal_start(journal_t *, int"]);
        let unknown = user.komod(&["symbols", "printk", "-k", root]).ends_with(1);
        unknown.logs(&["printk in", "names like it: _printk"]);
        let hidden = user.komod(&["symbols", "do_sys_openat2", "-k", root]).ends_with(1);
        hidden.logs(&["not exported: modules cannot use it"]);
        user.komod(&["symbols", "--diff", "-k", root]).ends_with(2).complains("two kernels");
        user.komod(&["symbols", "nothing*", "-k", root]).ends_with(1);
    }
}

#[test]
fn users_of_a_symbol_are_told_and_two_kernels_compared() {
    let kernels = kernels();
    for kernel in &kernels {
        let user = User::new("users");
        let root = kernel.root.to_str().unwrap();
        let said = user.komod(&["symbols", "--json", "usb_register_driver", "-k", root]).good();
        let answer = said.json("komod-exports");
        let users = answer["symbols"][0]["kernels"][0]["users"].as_array().unwrap();
        assert!(users.iter().any(|name| name == "usbhid"), "{users:?}");
        assert!(!users.iter().any(|name| name == "loop"), "{users:?}");
    }
    if let [old, .., new] = &kernels[..] {
        let user = User::new("compared");
        let (old, new) = (old.root.to_str().unwrap(), new.root.to_str().unwrap());
        let there = user.komod(&["symbols", "--diff", "-k", old, "-k", new]).good();
        let back = user.komod(&["symbols", "--diff", "-k", new, "-k", old]).good();
        let count = |text: &str, what: &str| text.lines().filter(|l| l.contains(what)).count();
        assert!(count(&there.out, ": gone") > 0);
        assert_eq!(count(&there.out, ": gone"), count(&back.out, ": new"));
    }
}

/// Renames between Linux 6.1 and 6.12 that its history tells, in modules' exports and the kernel's.
const RENAMED: [(&str, &str); 12] = [
    // "mm: introduce __alloc_pages_noprof" and the rest of memory allocation profiling (6.10).
    ("__kmalloc", "__kmalloc_noprof"),
    ("kmem_cache_alloc", "kmem_cache_alloc_noprof"),
    ("vmalloc", "vmalloc_noprof"),
    ("alloc_pages", "alloc_pages_noprof"),
    // Block devices (6.8).
    ("freeze_bdev", "bdev_freeze"),
    ("thaw_bdev", "bdev_thaw"),
    // The lock's class moved into the class (6.4).
    ("__class_create", "class_create"),
    // Splicing (6.5).
    ("generic_file_splice_read", "filemap_splice_read"),
    // Why packets are dropped (6.4).
    ("skb_queue_purge", "skb_queue_purge_reason"),
    ("__dev_kfree_skb_irq", "dev_kfree_skb_irq_reason"),
    // Folios.
    ("set_bh_page", "folio_set_bh"),
    ("__pagevec_release", "__folio_batch_release"),
];

#[test]
fn renames_are_told_by_prototype_words_and_users() {
    let kernels = kernels();
    let of = |series: &str| kernels.iter().find(|kernel| kernel.release.starts_with(series));
    let (Some(old), Some(new)) = (of("6.1."), of("6.12.")) else {
        return eprintln!(
            "SKIPPED: renames are known between 6.1 and 6.12, which are not both here"
        );
    };
    let user = User::new("renamed");
    let (old, new) = (old.root.to_str().unwrap(), new.root.to_str().unwrap());
    let names: Vec<&str> = RENAMED.iter().map(|(gone, _)| *gone).collect();
    let args = ["symbols", "--json", "-k", old, "-k", new];
    let said = user.komod(&[&args[..], &names].concat()).ends_with(1);
    let answer = said.json("komod-exports");
    for (symbol, (gone, wanted)) in answer["symbols"].as_array().unwrap().iter().zip(RENAMED) {
        let at = &symbol["kernels"][1];
        assert_eq!((&symbol["name"], &at["export"]), (&gone.into(), &serde_json::Value::Null));
        assert_eq!(at["perhaps"][0]["name"], wanted, "{gone}: {:#}", at["perhaps"]);
    }
    let back = user.komod(&["symbols", "bdev_freeze", "-k", old, "-k", new]).ends_with(1);
    back.logs(&["bdev_freeze in 6.1.", "perhaps freeze_bdev here: same prototype, used by"]);
    let diff = user.komod(&["symbols", "--diff", "freeze_*", "-k", old, "-k", new]).good();
    diff.logs(&["freeze_bdev: gone, perhaps bdev_freeze"]);
    // What is only gone has no successor.
    let gone = user.komod(&["symbols", "inet_sendpage", "-k", old, "-k", new]).ends_with(1);
    assert!(!gone.out.contains("perhaps"), "{gone:#?}");
}

#[test]
fn an_index_that_is_damaged_or_stale_is_made_again() {
    let Some(kernel) = kernels().pop() else { return };
    let user = User::without_cache("index");
    let below =
        |root: &std::path::Path| root.join("lib/modules").join(&kernel.release).join("kernel");
    // A kernel of its own: the build tree, and some modules.
    let root = user.dir.join("root");
    let modules = below(&root);
    let root_of_modules = modules.parent().unwrap().to_owned();
    let copy = |name: &str, to: &str| {
        let stock = below(&kernel.root).join("fs").join(name);
        let mut entries = std::fs::read_dir(stock).unwrap().map(|entry| entry.unwrap().file_name());
        let file = entries.find(|file| file.to_str().unwrap().starts_with(&format!("{name}.ko")));
        let (to, file) = (modules.join(to), file.unwrap());
        std::fs::create_dir_all(&to).unwrap();
        let from = below(&kernel.root).join("fs").join(name).join(&file);
        std::fs::copy(from, to.join(file)).unwrap();
    };
    copy("ext4", "a");
    for folder in ["boot", "usr"] {
        std::os::unix::fs::symlink(kernel.root.join(folder), root.join(folder)).unwrap();
    }
    let root = root.to_str().unwrap();
    let users = || {
        let said = user.komod(&["symbols", "jbd2_journal_stop", "--json", "-k", root]);
        let answer = said.json("komod-exports");
        answer["symbols"][0]["kernels"][0]["users"].as_array().unwrap().len()
    };
    assert_eq!(users(), 1);
    let kept = std::fs::read_dir(user.dir.join("cache/modules")).unwrap().next().unwrap();
    let kept = kept.unwrap().path();
    let whole = std::fs::read(&kept).unwrap();
    let mut damaged = whole.clone();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    for bytes in [&damaged[..], &whole[..100], b""] {
        // Replaced, as the cache's files are never changed in place.
        std::fs::remove_file(&kept).unwrap();
        std::fs::write(&kept, bytes).unwrap();
        assert_eq!(users(), 1);
        assert!(std::fs::read(&kept).unwrap().len() == whole.len(), "made again");
    }
    copy("ocfs2", "b");
    assert_eq!(users(), 2, "a new module");
    std::fs::remove_dir_all(modules.join("a")).unwrap();
    assert_eq!(users(), 1, "one less");
    // Outside of the distribution's modules a file may be changed in place.
    let own = root_of_modules.join("updates/own.ko");
    std::fs::create_dir_all(own.parent().unwrap()).unwrap();
    std::fs::write(&own, "nothing").unwrap();
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    for folder in [&root_of_modules, own.parent().unwrap(), &modules, &modules.join("b")] {
        std::fs::File::open(folder).unwrap().set_modified(old).unwrap();
    }
    assert_eq!(users(), 1, "no module");
    let stock = std::fs::read_dir(modules.join("b")).unwrap().next().unwrap().unwrap().path();
    std::fs::write(&own, std::fs::read(stock).unwrap()).unwrap();
    assert_eq!(users(), 2, "changed in place");
}
