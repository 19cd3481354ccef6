//! `komod build` for several kernels at once.
#![forbid(unsafe_code)]

mod common;

use common::{Kernel, User, kernels};
use std::path::Path;
use std::process::Command;

const MODULE: &str = "\
#include <linux/module.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0) && defined(ONLY_OLD)
#error not for this kernel
#endif
static int __init s_init(void)
{
\treturn 0;
}
static void __exit s_exit(void)
{
}
module_init(s_init);
module_exit(s_exit);
MODULE_DESCRIPTION(\"for several\");
MODULE_LICENSE(\"GPL\");
";

/// Two kernels, the older one first; nothing if there are not two.
fn two() -> Option<[Kernel; 2]> {
    let mut found = kernels();
    found.sort_by_key(|kernel| !kernel.release.starts_with("6.1."));
    match <[Kernel; 2]>::try_from(found) {
        Ok(two) => Some(two),
        Err(_) => {
            eprintln!("SKIPPED: there are not two kernels");
            None
        }
    }
}

fn root(kernel: &Kernel) -> &str {
    kernel.root.to_str().unwrap()
}

fn folder(user: &User, makefile: &str) {
    user.file("m/Makefile", makefile);
    user.file("m/a.c", MODULE);
    user.file("m/b.c", MODULE);
}

#[test]
fn the_products_are_those_of_single_builds() {
    let Some([old, new]) = two() else { return };
    for more in [&[][..], &["--kbuild"]] {
        let user = User::new("both");
        folder(&user, "obj-m := a.o b.o\n");
        let single = |kernel: &Kernel| user.build(kernel, Path::new("m"), more);
        let (first, second) = (single(&old), single(&new));
        let expected: Vec<String> = first.into_iter().chain(second).collect();
        let bytes = |paths: &[String]| {
            paths.iter().map(|path| std::fs::read(path).unwrap()).collect::<Vec<_>>()
        };
        let before = bytes(&expected);
        assert_eq!(before.len(), 4);
        std::fs::remove_dir_all(user.dir.join("out")).unwrap();
        let args = ["build", "m", "-j2", "-k", root(&old), "-k", root(&new), "-k", root(&old)];
        let args: Vec<&str> = args.iter().chain(more).copied().collect();
        let said = user.komod(&args).good();
        assert_eq!(said.out.lines().collect::<Vec<_>>(), expected);
        for (path, (now, then)) in expected.iter().zip(bytes(&expected).iter().zip(&before)) {
            let at = now.iter().zip(then).position(|(a, b)| a != b);
            let lengths = (now.len(), then.len());
            assert!(now == then, "{more:?}: {path}: lengths {lengths:?}, different at {at:?}");
        }
        for kernel in [&old, &new] {
            assert!(said.err.contains(&format!("built 2 modules for {}", kernel.release)));
        }
    }
}

#[test]
fn a_failure_for_one_does_not_stop_the_other() {
    let Some([old, new]) = two() else { return };
    let user = User::new("one");
    folder(&user, "obj-m := a.o\nccflags-y := -DONLY_OLD\n");
    let args = ["build", "m", "-k", root(&new), "-k", root(&old)];
    let said = user.komod(&args).ends_with(1);
    let modules: Vec<&str> = said.out.lines().collect();
    assert!(matches!(modules.as_slice(), [only] if only.contains(&old.release)), "{said:#?}");
    let said = said.complains(&format!("for {}:\nerror", new.release));
    let said = said.complains("not for this kernel").complains("not built for");
    said.complains(&format!("built 1 module for {}", old.release));

    let args = [&args[..], &["--json"]].concat();
    let answer = user.komod(&args).ends_with(1).json("komod-build");
    assert_eq!(answer["ok"], false);
    let builds = answer["builds"].as_array().unwrap();
    let of = |number: usize| (builds[number]["kernel"].as_str(), builds[number]["ok"].as_bool());
    assert_eq!(of(0), (Some(new.release.as_str()), Some(false)));
    assert_eq!(of(1), (Some(old.release.as_str()), Some(true)));
    assert!(!builds[0]["diagnostics"].as_array().unwrap().is_empty(), "{answer}");
    assert!(builds[0]["output"].as_str().unwrap().contains("not for this kernel"), "{answer}");
    assert_eq!(builds[1]["modules"].as_array().unwrap().len(), 1);
}

#[test]
fn fixes_are_made_once() {
    let Some([old, new]) = two() else { return };
    let user = User::new("fix");
    folder(&user, "obj-m := a.o\n");
    let text = MODULE.replace("MODULE_LICENSE(\"GPL\");\n", "");
    let source = user.file("m/a.c", &text);
    let args = ["build", "m", "--fix", "-k", root(&old), "-k", root(&new)];
    let said = user.komod(&args).good();
    assert_eq!(said.err.matches("fixed: ").count(), 1, "{said:#?}");
    let text = std::fs::read_to_string(source).unwrap();
    assert_eq!(text.matches("MODULE_LICENSE").count(), 1, "{text}");
}

#[test]
fn the_jobs_of_a_make_above_are_shared() {
    let Some([old, new]) = two() else { return };
    for more in ["", "--kbuild"] {
        let user = User::new("make");
        folder(&user, "obj-m := a.o b.o\n");
        let komod = env!("CARGO_BIN_EXE_komod");
        let (old, new) = (root(&old), root(&new));
        let rules = format!(
            "all: modules other\nmodules:\n\t+@{komod} build m {more} -k {old} -k {new}\n\
             other:\n\t@sleep 0.1\n"
        );
        user.file("Makefile", rules);
        let environment = user.command(&[]);
        let mut make = Command::new("make");
        make.arg("-j2").arg("--no-print-directory").current_dir(&user.dir);
        make.env_remove("MAKEFLAGS").env_remove("MAKELEVEL");
        for (name, value) in environment.get_envs() {
            match value {
                Some(value) => make.env(name, value),
                None => make.env_remove(name),
            };
        }
        let output = make.output().unwrap();
        let out = String::from_utf8_lossy(&output.stdout);
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{out}\n{err}");
        assert_eq!(out.lines().filter(|line| line.ends_with(".ko")).count(), 4, "{out}");
        // make says so itself when tokens were lost or came from nowhere.
        assert!(!err.contains("jobserver") && !err.contains("okens"), "{err}");
    }
}

#[test]
fn only_build_takes_several() {
    let user = User::without_cache("several");
    for command in ["watch", "run"] {
        user.komod(&[command, "x.c", "-k", "6.1", "-k", "6.12"])
            .ends_with(2)
            .complains("cannot be used multiple times");
    }
    user.komod(&["build", "x.c", "-k", "9.8", "-k", "9.9"]).ends_with(1).complains("9.8");
    user.komod(&["build", "x.c", "-j", "0"]).ends_with(2);
}
