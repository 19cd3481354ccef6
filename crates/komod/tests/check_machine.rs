//! `komod check`: the machine, the load and modules of one's own, as options tell them.
#![forbid(unsafe_code)]

mod common;

use common::{Kernel, Said, User, kernels_in_turn, project};
use serde_json::Value;
use std::path::PathBuf;

fn root(kernel: &Kernel) -> &str {
    kernel.root.to_str().unwrap()
}

/// The verdicts of `komod check --json`, by module.
#[track_caller]
fn verdicts(said: &Said) -> Vec<(String, Value)> {
    let mut answer = said.json("komod-check");
    let list = answer["verdicts"].as_array_mut().unwrap();
    let pairs = list.iter_mut().map(|v| (v["module"].as_str().unwrap().to_owned(), v.take()));
    pairs.collect()
}

/// What becomes of one module: its code, or `loads`.
#[track_caller]
fn becomes(user: &User, kernel: &Kernel, args: &[&str], module: &str) -> String {
    let said = user.komod(&[&["check", "--json", "-k", root(kernel)], args].concat());
    let found = verdicts(&said).into_iter().find(|(name, _)| name == module);
    let (_, verdict) = found.unwrap_or_else(|| panic!("nothing about {module} in {said:#?}"));
    if verdict["loads"] == true {
        assert_eq!(verdict["code"], Value::Null);
        return "loads".into();
    }
    assert_eq!(said.code, Some(1), "{said:#?}");
    verdict["code"].as_str().unwrap().to_owned()
}

/// A folder with C files, built.
fn built(user: &User, kernel: &Kernel, name: &str, sources: &[(&str, &str)]) -> Vec<PathBuf> {
    let objects: String = sources.iter().map(|(module, _)| format!(" {module}.o")).collect();
    user.file(&format!("{name}/Makefile"), format!("obj-m :={objects}\n"));
    for (module, source) in sources {
        let text = format!("#include <linux/module.h>\n{source}\nMODULE_LICENSE(\"GPL\");\n");
        user.file(&format!("{name}/{module}.c"), text);
    }
    let paths = user.build(kernel, &user.dir.join(name), &[]);
    let named = sources.iter().map(|(module, _)| {
        let end = format!("/{module}.ko");
        PathBuf::from(paths.iter().find(|path| path.ends_with(&end)).unwrap())
    });
    named.collect()
}

const OWNER: &str = "int shared_thing(void);\nint shared_thing(void) { return 1; }\n\
                     EXPORT_SYMBOL_GPL(shared_thing);";
const USER: &str = "int shared_thing(void);\nint user_thing(void);\n\
                    int user_thing(void) { return shared_thing(); }\n\
                    EXPORT_SYMBOL_GPL(user_thing);";
const LAST: &str = "int user_thing(void);\nstatic int __init start(void) { return user_thing(); }\n\
                    module_init(start);";

fn words(paths: &[PathBuf]) -> Vec<&str> {
    paths.iter().map(|path| path.to_str().unwrap()).collect()
}

#[test]
fn switches_of_the_machine_refuse_what_would_load() {
    for kernel in kernels_in_turn() {
        let user = User::new("switches");
        let hello = user.build(&kernel, &project("examples/hello"), &[]).remove(0);
        let with =
            |more: &[&str]| becomes(&user, &kernel, &[&[hello.as_str()], more].concat(), "hello");
        assert_eq!(with(&[]), "loads");
        assert_eq!(with(&["--sig-enforce"]), "L-19");
        assert_eq!(with(&["--lockdown"]), "L-20");
        assert_eq!(with(&["--modules-disabled"]), "L-01");
        assert_eq!(with(&["--unprivileged"]), "L-01");
        assert_eq!(with(&["--blacklist", "other,hello"]), "L-26");
        assert_eq!(with(&["--blacklist", "hell"]), "loads");
        assert_eq!(with(&["--loaded", "hello"]), "L-24");
        assert_eq!(with(&["--loaded", "other"]), "loads");
        // What is known is no condition any more.
        let args = ["check", &hello, "--sig-enforce", "-k", root(&kernel)];
        let said = user.komod(&args).ends_with(1).complains("error[L-19]");
        assert!(!said.err.contains("if the machine demands"), "{said:#?}");
        let said = user.komod(&["check", &hello, "-k", root(&kernel)]).good();
        said.complains("if the machine demands signatures")
            .complains("if the kernel is locked down");
    }
}

#[test]
fn forced_loads_pass_over_magic_and_checksums() {
    for kernel in kernels_in_turn() {
        let user = User::new("forced");
        let hello = user.build(&kernel, &project("examples/hello"), &[]).remove(0);
        let whole = std::fs::read(&hello).unwrap();
        let find = |text: &[u8]| whole.windows(text.len()).position(|w| w == text).unwrap();
        let mut magic = whole.clone();
        magic[find(b" mod_unload ") + 1] = b'M';
        let magic = user.file("magic.ko", magic);
        let mut crc = whole.clone();
        crc[find(b"_printk\0\0\0\0\0\0") - 8] ^= 1;
        let crc = user.file("crc.ko", crc);
        let with = |file: &PathBuf, more: &[&str]| {
            becomes(&user, &kernel, &[&[file.to_str().unwrap()], more].concat(), "hello")
        };
        for (file, code, own, other) in [
            (&magic, "L-03", "--force-vermagic", "--force-modversion"),
            (&crc, "L-08", "--force-modversion", "--force-vermagic"),
        ] {
            assert_eq!(with(file, &[]), code);
            assert_eq!(with(file, &[own]), "loads");
            assert_eq!(with(file, &[other]), code);
            assert_eq!(with(file, &["--force"]), "loads");
        }
    }
}

#[test]
fn parameters_behind_two_dashes_are_checked() {
    for kernel in kernels_in_turn() {
        let user = User::new("params");
        let files =
            built(&user, &kernel, "p", &[("number", "static int n;\nmodule_param(n, int, 0);")]);
        let with = |params: &[&str]| {
            let args = [&words(&files)[..], &["--"], params].concat();
            becomes(&user, &kernel, &args, "number")
        };
        assert_eq!(with(&["n=5"]), "loads");
        assert_eq!(with(&["n=0x10", "unknown=1"]), "loads");
        assert_eq!(with(&["n=many"]), "L-40");
        let args = ["check", files[0].to_str().unwrap(), "-k", root(&kernel), "--", "unknown=1"];
        user.komod(&args).good().complains("unknown");
    }
}

#[test]
fn own_modules_find_each_other_in_any_order() {
    for kernel in kernels_in_turn() {
        let user = User::new("order");
        let sources = [("owner", OWNER), ("user", USER), ("last", LAST)];
        let files = built(&user, &kernel, "o", &sources);
        let [owner, using, last] = words(&files)[..] else { panic!("{files:?}") };
        for order in [[owner, using, last], [last, using, owner], [using, last, owner]] {
            for module in ["owner", "user", "last"] {
                assert_eq!(becomes(&user, &kernel, &order, module), "loads", "{order:?}");
            }
        }
        // The folder is as good, and in the order of its files.
        let folder = files[0].parent().unwrap().to_str().unwrap();
        assert_eq!(becomes(&user, &kernel, &[folder], "last"), "loads");
        assert_eq!(becomes(&user, &kernel, &[last, owner], "last"), "L-10");
        let args = ["check", "--json", "-k", root(&kernel), last, using, owner];
        let said = user.komod(&args).good();
        let (_, verdict) = verdicts(&said).into_iter().find(|(name, _)| name == "last").unwrap();
        assert_eq!(verdict["needs"], serde_json::json!(["user"]));
    }
}

#[test]
fn insmod_needs_what_is_loaded_and_modprobe_does_not() {
    for kernel in kernels_in_turn() {
        let user = User::new("insmod");
        let stock = kernel.root.join("lib/modules").join(&kernel.release).join("kernel/fs/ext4");
        let file = std::fs::read_dir(stock).unwrap().map(|entry| entry.unwrap().path());
        let file = file.into_iter().find(|f| f.to_str().unwrap().contains("/ext4.ko")).unwrap();
        let file = file.to_str().unwrap();
        let with = |more: &[&str]| becomes(&user, &kernel, &[&[file], more].concat(), "ext4");
        assert_eq!(with(&[]), "loads");
        assert_eq!(with(&["--insmod"]), "L-10");
        assert_eq!(with(&["--insmod", "--loaded", "jbd2,mbcache"]), "L-10", "crc16 is missing");
        let all = "jbd2,mbcache,crc16,crc32c_generic,crypto,libcrc32c";
        assert_eq!(with(&["--insmod", "--loaded", all]), "loads");
        let line = |name: &str| format!("{name} 16384 0 - Live 0x0000000000000000\n");
        let listed = |names: &str| names.split(',').map(line).collect::<String>();
        user.file("proc", listed(all));
        user.file("few", listed("mbcache,crc16"));
        assert_eq!(with(&["--insmod", "--loaded", "./proc"]), "loads");
        assert_eq!(with(&["--insmod", "--loaded", "./few"]), "L-10");
        // One on the way out cannot be used.
        user.file("going", listed(all).replacen("Live", "Unloading", 1));
        assert_ne!(with(&["--insmod", "--loaded", "./going"]), "loads");
        user.komod(&["check", file, "--loaded", "./none"]).ends_with(1).complains("./none");
    }
}

#[test]
fn two_modules_with_the_same_symbol_exclude_each_other() {
    for kernel in kernels_in_turn() {
        let user = User::new("rivals");
        let mut files = built(&user, &kernel, "first", &[("owner", OWNER)]);
        files.extend(built(&user, &kernel, "second", &[("rival", OWNER)]));
        let args = [&["check", "--json", "-k", root(&kernel)], &words(&files)[..]].concat();
        let said = user.komod(&args).good();
        let found = verdicts(&said);
        let conditions = found.iter().flat_map(|(module, verdict)| {
            let conditions = verdict["conditions"].as_array().unwrap().iter();
            conditions.map(move |condition| (module.as_str(), condition))
        });
        let of_rivals: Vec<(&str, &Value)> =
            conditions.filter(|(_, condition)| condition["code"] == "L-33").collect();
        assert_eq!(of_rivals.len(), 2, "whichever comes second is refused: {of_rivals:?}");
        for (module, condition) in of_rivals {
            let other = if module == "owner" { "rival" } else { "owner" };
            assert_eq!(condition["when"], format!("{other} is loaded"));
            let last = condition["dmesg"].as_array().unwrap().last().unwrap();
            let line =
                format!("{module}: exports duplicate symbol shared_thing (owned by {other})");
            assert_eq!(last, &line);
        }

        // A symbol that the kernel has is refused at once. modpost would not build that, so the
        // name is changed afterwards.
        let (made, wanted) = ("register_reboot_notifieX", "register_reboot_notifier");
        let source = OWNER.replace("shared_thing", made);
        let files = built(&user, &kernel, "third", &[("twice", &source)]);
        let mut bytes = std::fs::read(&files[0]).unwrap();
        let at = |bytes: &[u8]| bytes.windows(made.len()).position(|w| w == made.as_bytes());
        assert!(at(&bytes).is_some());
        while let Some(at) = at(&bytes) {
            bytes[at..at + made.len()].copy_from_slice(wanted.as_bytes());
        }
        let twice = user.file("twice.ko", bytes);
        let args = ["check", twice.to_str().unwrap(), "-k", root(&kernel)];
        let said = user.komod(&args).ends_with(1).complains("error[L-33]");
        said.complains("hint: rename register_reboot_notifier: the kernel itself has it");
    }
}

/// What is loaded already is refused, but its symbols are there.
#[test]
fn the_symbols_of_a_loaded_module_are_those_of_its_file() {
    for kernel in kernels_in_turn() {
        let user = User::new("already");
        let mut files = built(&user, &kernel, "first", &[("owner", OWNER), ("user", USER)]);
        files.extend(built(&user, &kernel, "second", &[("rival", OWNER)]));
        let [owner, using, rival] = words(&files)[..] else { panic!("{files:?}") };
        let args = [owner, using, rival, "--loaded", "owner"];
        for (module, code) in [("owner", "L-24"), ("user", "loads"), ("rival", "L-33")] {
            assert_eq!(becomes(&user, &kernel, &args, module), code);
        }
        let args = [owner, using, "--insmod", "--loaded", "owner"];
        assert_eq!(becomes(&user, &kernel, &args, "user"), "loads");
    }
}

#[test]
fn a_namespace_that_is_not_imported_is_told_with_its_line() {
    for kernel in kernels_in_turn() {
        let user = User::new("namespace");
        // As a binary may be that was built where the symbol had no namespace.
        let source = "struct dma_buf;\nstruct dma_buf *dma_buf_get(int);\n\
                      static int __init start(void) { return !dma_buf_get(0); }\n\
                      module_init(start);\nMODULE_IMPORT_NS(DMA_BUF);";
        let files = built(&user, &kernel, "ns", &[("wants", source)]);
        let mut bytes = std::fs::read(&files[0]).unwrap();
        let import = b"import_ns=DMA_BUF";
        let at = bytes.windows(import.len()).position(|window| window == import).unwrap();
        bytes[at] = b'x';
        let bad = user.file("bad/wants.ko", bytes);
        assert_eq!(becomes(&user, &kernel, &words(&files), "wants"), "loads");
        let said = user.komod(&["check", bad.to_str().unwrap(), "-k", root(&kernel)]).ends_with(1);
        said.complains("error[L-12]")
            .complains("hint: add to the source: MODULE_IMPORT_NS(DMA_BUF);");
    }
}

#[test]
fn the_machine_at_hand_is_read() {
    for kernel in kernels_in_turn() {
        let user = User::new("here");
        let hello = user.build(&kernel, &project("examples/hello"), &[]).remove(0);
        // Whatever this machine is like, there is a verdict, and of it depends nothing else.
        let args = ["check", "--here", "--json", "-k", root(&kernel), hello.as_str()];
        let said = user.komod(&args);
        let (name, verdict) = verdicts(&said).remove(0);
        assert_eq!(name, "hello");
        let code = verdict["code"].as_str().unwrap_or("loads");
        // Refused only for what a machine may be: no right, switched off, signatures, loaded.
        let known = ["loads", "L-01", "L-19", "L-20", "L-24", "L-26"];
        assert!(known.contains(&code), "{verdict:#}");
        assert_eq!(said.code, Some(i32::from(code != "loads")));
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let bits = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        let capable =
            bits.is_none_or(|bits| u64::from_str_radix(bits.trim(), 16).unwrap() >> 16 & 1 == 1);
        assert!(capable || code == "L-01", "without CAP_SYS_MODULE: {code}");
        let args = ["check", "--here", "--loaded", "a", &hello];
        user.komod(&args).ends_with(2).complains("--loaded");
    }
    // Without a kernel named it is the running one, which may not be here.
    let user = User::without_cache("running");
    let file = user.file("x.ko", "nothing");
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let said = user.komod(&["check", "--here", file.to_str().unwrap()]).ends_with(1);
    let told = said.out.contains(release.trim()) || said.err.contains(release.trim());
    assert!(told, "no {release:?} in {said:#?}");
}
