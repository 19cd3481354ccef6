//! The three errors that a beginner's tutorial warns of, on damaged copies of kernel trees: each
//! ends in a module that works, and nobody had to do anything.
#![forbid(unsafe_code)]

mod common;

use common::{Kernel, User, kernels, kernels_in_turn, project};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// A copy of the kernel's build tree, made of links, without these files.
fn damaged(user: &User, kernel: &Kernel, missing: &[&str]) -> PathBuf {
    let source = kernel.root.join("usr/src");
    let copy = user.dir.join("usr/src");
    std::fs::create_dir_all(&copy).unwrap();
    symlink(kernel.root.join("usr/lib"), user.dir.join("usr/lib")).unwrap();
    let own = format!("linux-headers-{}", kernel.release);
    for entry in std::fs::read_dir(&source).unwrap().flatten() {
        if *entry.file_name() != *own {
            symlink(entry.path(), copy.join(entry.file_name())).unwrap();
        }
    }
    links(&source.join(&own), &copy.join(&own), Path::new(""), missing);
    copy.join(own)
}

fn links(from: &Path, to: &Path, at: &Path, missing: &[&str]) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let relative = at.join(entry.file_name());
        let target = to.join(entry.file_name());
        if missing.iter().any(|path| Path::new(path) == relative) {
            continue;
        }
        if missing.iter().any(|path| Path::new(path).starts_with(&relative)) {
            links(&entry.path(), &target, &relative, missing);
        } else {
            symlink(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn the_tutorials_three_errors_end_in_a_module_that_works() {
    let cases: [(&str, &[&str]); 3] = [
        ("B-03", &["include/config/auto.conf", "include/generated/autoconf.h"]),
        ("B-05", &["Module.symvers"]),
        ("B-08", &["scripts/mod/modpost"]),
    ];
    for kernel in kernels_in_turn() {
        for (code, missing) in cases {
            let user = User::without_cache("tutorial");
            // A cache of the test's own, with the kernels of the real one.
            let cache = user.dir.join("cache/kernels");
            std::fs::create_dir_all(&cache).unwrap();
            symlink(&kernel.root, cache.join(&kernel.release)).unwrap();
            let tree = damaged(&user, &kernel, missing);
            let tree = tree.to_str().unwrap();
            let hello = project("examples/hello");
            let hello = hello.to_str().unwrap();
            let said = user.komod(&["build", hello, "--kernel", tree]).good();
            let said = said.complains(code).complains("repaired for this build");
            let module = said.out.trim();
            for file in missing {
                assert!(!Path::new(tree).join(file).exists(), "the tree is as it was");
            }
            // The kernel itself takes it, and takes it back.
            let root = kernel.root.to_str().unwrap();
            user.komod(&["run", module, "--kernel", root])
                .good()
                .logs(&["===Test Module Start!===", "===Test Module End!==="]);
        }
    }
}

#[test]
fn komod_stands_in_for_a_modpost_that_is_nowhere() {
    for kernel in kernels_in_turn() {
        for (code, missing, by) in [
            ("B-08", "scripts/mod/modpost", None),
            ("B-08", "scripts/mod/modpost", Some("--kbuild")),
            ("B-09", "scripts/mod/modpost.real-lsb-64", Some("--kbuild")),
        ] {
            let user = User::without_cache("modpost");
            let tree = damaged(&user, &kernel, &[missing]);
            let hello = project("examples/hello");
            let mut words = vec!["build", hello.to_str().unwrap(), "--kernel"];
            words.push(tree.to_str().unwrap());
            words.extend(by);
            let said = user.komod(&words).good().complains(code).complains("komod's own modpost");
            assert!(!tree.join(missing).exists(), "the tree is as it was");
            let root = kernel.root.to_str().unwrap();
            user.komod(&["run", said.out.trim(), "--kernel", root])
                .good()
                .logs(&["===Test Module Start!===", "===Test Module End!==="]);
        }
    }
}

#[test]
fn fix_shows_what_it_changes_and_builds() {
    let Some(kernel) = kernels().into_iter().next() else { return };
    let user = User::new("fix");
    let source = "#include <linux/module.h>\nstatic int __init start(void) { return 0; }\n\
                  static int stop(void) { return 0; }\nmodule_init(start);\nmodule_exit(stop);\n";
    let path = user.file("p/test.c", source);
    let makefile = user.file(
        "p/Makefile",
        "obj-m := test.o\ntest-y := test.o\nall:\n\tmake -C /x SUBDIRS=$(PWD) modules\n",
    );
    let dir = user.dir.join("p");
    let root = kernel.root.to_str().unwrap();
    let said = user.komod(&["build", dir.to_str().unwrap(), "--kernel", root, "--fix"]).good();
    for text in
        ["-test-y := test.o", "+static void stop(void)", "+MODULE_LICENSE(\"GPL\");", "fixed: "]
    {
        assert!(said.err.contains(text), "{text}: {said:#?}");
    }
    let diff = said.err.find("+MODULE_LICENSE").unwrap();
    let done = said.err.find("fixed: say that its licence").unwrap();
    assert!(diff < done, "the diff comes first: {said:#?}");
    assert!(std::fs::read_to_string(path).unwrap().ends_with("MODULE_LICENSE(\"GPL\");\n"));
    assert!(!std::fs::read_to_string(makefile).unwrap().contains("test-y"));
}
