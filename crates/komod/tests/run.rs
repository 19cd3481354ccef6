//! `komod run` and `komod build` with real kernels.
#![forbid(unsafe_code)]

mod common;

use common::{Kernel, User, kernels, project};
use serde_json::Value;

fn run(user: &User, kernel: &Kernel, what: &str, more: &[&str]) -> common::Said {
    let path = project(what);
    let mut args = vec!["run", path.to_str().unwrap(), "--kernel", kernel.root.to_str().unwrap()];
    args.extend(more);
    user.komod(&args)
}

fn texts(report: &Value) -> Vec<&str> {
    report["log"].as_array().unwrap().iter().map(|r| r["text"].as_str().unwrap()).collect()
}

/// A module of a few lines.
fn module(init: &str) -> String {
    format!(
        "#include <linux/module.h>\n#include <linux/slab.h>\n\
         static int __init t_init(void)\n{{\n{init}\n}}\n\
         static void __exit t_exit(void)\n{{\n\tpr_info(\"t: out\\n\");\n}}\n\
         module_init(t_init);\nmodule_exit(t_exit);\nMODULE_LICENSE(\"GPL\");\n"
    )
}

#[test]
fn hello_says_hello_and_goodbye() {
    for kernel in kernels() {
        let user = User::new("hello");
        run(&user, &kernel, "examples/hello", &["--no-zygote"])
            .good()
            .logs(&[
                "hello: loading out-of-tree module taints kernel.",
                "===Test Module Start!===",
                "===Test Module End!===",
            ])
            .complains("ok: hello loaded and unloaded")
            .complains("nothing left behind");
    }
}

#[test]
fn a_new_module_lives_at_once() {
    for kernel in kernels() {
        let user = User::new("new");
        user.komod(&["new", "my-drv"]).good().complains("komod run my-drv");
        user.komod(&["new", "my-drv"]).ends_with(1).complains("exists already");
        user.komod(&["new", "my drv"]).ends_with(2).complains("cannot be a module's name");
        user.komod(&["run", "my-drv", "--kernel", kernel.root.to_str().unwrap()])
            .good()
            .logs(&["my-drv: hello", "my-drv: goodbye"]);
    }
}

#[test]
fn the_log_has_the_kernels_format_and_quiet_has_none() {
    let user = User::new("format");
    for kernel in kernels() {
        let said = run(&user, &kernel, "examples/hello", &[]).good();
        for line in said.out.lines() {
            let (stamp, _) = line.split_once("] ").expect("a stamp");
            let (seconds, micros) = stamp.strip_prefix('[').unwrap().split_once('.').unwrap();
            assert!(seconds.trim().parse::<u32>().is_ok() && seconds.len() == 5, "{line}");
            assert!(micros.parse::<u32>().is_ok() && micros.len() == 6, "{line}");
        }
        assert_eq!(run(&user, &kernel, "examples/hello", &["-q"]).good().out, "");
    }
}

#[test]
fn a_zygote_is_started_and_used_and_changes_nothing() {
    for kernel in kernels() {
        let user = User::new("zygote");
        let report = |more: &[&str]| {
            let mut args = vec!["--json"];
            args.extend(more);
            run(&user, &kernel, "examples/hello", &args).good().json("komod-run")
        };
        let first = report(&[]);
        let second = report(&[]);
        let cold = report(&["--no-zygote"]);
        assert_eq!(first["start"], "forked-new");
        assert_eq!(second["start"], "forked");
        assert_eq!(cold["start"], "cold");
        assert_eq!(first["log"], second["log"], "a run repeats exactly");
        assert_eq!(texts(&first), texts(&cold));
        let ended = user.komod(&["down", "--all", "--json"]).good().json("komod-down");
        assert_eq!(ended["zygotes"], 1);
        assert_eq!(report(&[])["start"], "forked-new");
    }
}

#[test]
fn both_loaders_give_the_same_log() {
    let user = User::new("loaders");
    for kernel in kernels() {
        let report = |loader: &str| {
            run(&user, &kernel, "examples/export", &["--json", "--loader", loader])
                .good()
                .json("komod-run")
        };
        let (ours, theirs) = (report("komod"), report("kernel"));
        assert_eq!(texts(&ours), texts(&theirs));
    }
}

#[test]
fn parameters_reach_the_module_they_are_for() {
    let user = User::new("params");
    for kernel in kernels() {
        run(&user, &kernel, "examples/params", &["count=2", "name=Ada Lovelace"]).good().logs(&[
            "Hello, Ada Lovelace.",
            "Hello, Ada Lovelace.",
            "Goodbye, Ada Lovelace.",
        ]);
        run(&user, &kernel, "examples/params", &["params.count=1", "name=Bob"])
            .good()
            .logs(&["Hello, Bob."]);
        run(&user, &kernel, "examples/params", &["other.count=1"])
            .ends_with(2)
            .complains("no module `other`");
        run(&user, &kernel, "examples/params", &["count=many"])
            .ends_with(1)
            .logs(&["params: `many' invalid for parameter `count'"])
            .complains("EINVAL");
    }
}

#[test]
fn what_another_module_exports_is_loaded_first() {
    for kernel in kernels() {
        let user = User::new("export");
        let built = user.build(&kernel, &project("examples/export"), &[]);
        let reader = built.iter().find(|p| p.ends_with("reader.ko")).expect("reader.ko");
        // Only the user of the symbol is given; its neighbour is found.
        let said = user.komod(&["run", reader]).good();
        said.logs(&["counter: ready", "reader:", "reader: the last one", "counter: stopped"]);
    }
}

#[test]
fn stock_modules_are_found_by_name_with_what_they_need() {
    let user = User::new("stock");
    for kernel in kernels() {
        let root = kernel.root.to_str().unwrap();
        let report = user.komod(&["run", "crc7", "--json", "--kernel", root]).good();
        let report = report.json("komod-run");
        assert_eq!(report["modules"][0]["name"], "crc7");
        user.komod(&["run", "no_such_module", "--kernel", root])
            .ends_with(1)
            .complains("there is no module no_such_module in");
    }
}

#[test]
fn refusals_and_failures_end_with_1_and_a_reason() {
    for kernel in kernels() {
        let user = User::new("refused");
        let errno = user.file("t.c", module("\treturn -ENOMEM;"));
        let root = kernel.root.to_str().unwrap();
        let said = user.komod(&["run", errno.to_str().unwrap(), "--kernel", root]);
        said.ends_with(1).complains("init of t returned -12, ENOMEM (Cannot allocate memory)");

        let leak = user.file(
            "t.c",
            module("\tvoid *volatile p = kmalloc(100, GFP_KERNEL);\n\t(void)p;\n\treturn 0;"),
        );
        let said = user.komod(&["run", leak.to_str().unwrap(), "--kernel", root, "--json"]);
        let report = said.ends_with(1).json("komod-run");
        assert_eq!(report["problems"][0]["kind"], "leak", "{report}");
        assert_eq!(report["modules"][0]["leaks"][0]["size"], 100);

        let junk = user.file("junk.ko", "no ELF file, whatever its name says");
        user.komod(&["run", junk.to_str().unwrap(), "--kernel", root])
            .ends_with(1)
            .complains("cannot load junk: Invalid module format (ENOEXEC)");

        let hello = user.build(&kernel, &project("examples/hello"), &[]).remove(0);
        let bytes = std::fs::read(&hello).unwrap();
        let cut = user.file("cut.ko", &bytes[..bytes.len() / 2]);
        user.komod(&["run", cut.to_str().unwrap(), "--kernel", root])
            .ends_with(1)
            .complains("(ENOEXEC)");
    }
}

#[test]
fn another_kernels_module_is_refused() {
    let kernels = kernels();
    let [one, .., other] = kernels.as_slice() else { return };
    let user = User::new("other");
    let hello = user.build(one, &project("examples/hello"), &[]).remove(0);
    user.komod(&["run", &hello, "--kernel", other.root.to_str().unwrap()])
        .ends_with(1)
        .complains("Invalid module format (ENOEXEC)");
    // Without --kernel, a module's own kernel is taken, if it is known.
    let report = user.komod(&["run", &hello, "--json"]);
    if report.code == Some(0) {
        assert_eq!(report.json("komod-run")["kernel"], one.release.as_str());
    }
}

#[test]
fn a_crash_is_shown_with_its_line_of_source() {
    for kernel in kernels() {
        let user = User::new("crash");
        let source = module("\tint *volatile p = NULL;\n\n\treturn READ_ONCE(*p);");
        let c = user.file("t.c", &source);
        let line = 1 + source.lines().position(|l| l.contains("READ_ONCE")).unwrap();
        let root = kernel.root.to_str().unwrap();
        let said = user.komod(&["run", c.to_str().unwrap(), "--kernel", root]);
        said.ends_with(1)
            .logs(&[
                "BUG: kernel NULL pointer dereference, address: 0000000000000000",
                "RIP: 0010:t_init+",
                &format!("t.c:{line}"),
                "return READ_ONCE(*p);",
                "^",
            ])
            .complains("init of t crashed");
    }
}

#[test]
fn build_prints_paths_and_explains_failures() {
    for kernel in kernels() {
        let user = User::new("build");
        let root = kernel.root.to_str().unwrap();
        let built = user.build(&kernel, &project("examples/hello"), &[]);
        assert!(built.len() == 1 && built[0].ends_with("/hello.ko"), "{built:?}");

        // The tutorial's mistake, and its fix.
        let bad = module("\treturn 0;").replace("static void __exit", "static int __exit");
        let bad = bad.replace("out\\n\");", "out\\n\");\n\treturn 0;");
        let c = user.file("bad.c", bad);
        let c = c.to_str().unwrap();
        let failed = user.komod(&["build", c, "--kernel", root]).ends_with(1);
        failed.complains("B-28").complains("--fix").complains("komod explain B-28");
        let failed = user.komod(&["build", c, "--kernel", root, "--json"]).ends_with(1);
        assert_eq!(failed.json("komod-error")["diagnostics"][0]["code"], "B-28");
        user.komod(&["run", c, "--kernel", root, "--fix"]).good().complains("fixed:");
        assert!(std::fs::read_to_string(c).unwrap().contains("static void __exit"));
    }
}

#[test]
fn info_reads_as_modinfo_does() {
    for kernel in kernels() {
        let user = User::new("info");
        let ko = user.build(&kernel, &project("examples/params"), &[]).remove(0);
        let said = user.komod(&["info", &ko]).good();
        let vermagic = format!("vermagic:       {} ", kernel.release);
        let head = format!("filename:       {ko}");
        let said = said.logs(&[&head, &vermagic, "parm:           "]);
        assert!(
            said.out.lines().all(|l| l.get(15..16) == Some(" ") || l.contains(':')),
            "{said:#?}"
        );
        let field = user.komod(&["info", "-F", "name", &ko]).good();
        assert_eq!(field.out, "params\n");
        let json = user.komod(&["info", "--json", &ko]).good().json("komod-info");
        assert_eq!(json["modules"][0]["name"], "params");
    }
}

#[test]
fn a_panic_is_told_once_and_as_one() {
    for kernel in kernels() {
        let user = User::new("panic");
        let root = kernel.root.to_str().unwrap();
        let c = user.file("end.c", module("panic(\"of %d\", 5);"));
        let c = c.to_str().unwrap();
        let said = user.komod(&["run", c, "--kernel", root]).ends_with(1);
        let said = said.logs(&[
            "Kernel panic - not syncing: of 5",
            "---[ end Kernel panic - not syncing: of 5 ]---",
        ]);
        let said = said.complains("init of end led to the kernel's end: Kernel panic");
        let said = said.complains("failed: 1 problem");
        assert!(!said.err.contains("Oops"), "{said:#?}");

        user.komod(&["up", "--kernel", root]).good();
        user.komod(&["load", c]).ends_with(1).complains("led to the kernel's end");
        user.komod(&["list"]).good();
        let status = user.komod(&["status"]).good();
        status.complains("died (Kernel panic - not syncing: of 5)");
    }
}

#[test]
fn what_is_only_warned_of_is_fixed_too() {
    for kernel in kernels().into_iter().take(1) {
        let user = User::new("spaces");
        user.file("m/t.c", module("return 0;"));
        let all = "all:\n        make -C $(KERNEL) M=$(PWD) modules\n";
        let makefile = user.file("m/Makefile", format!("obj-m := t.o\n{all}"));
        let build = |more: &[&str]| {
            let root = kernel.root.to_str().unwrap();
            user.komod(&[&["build", "m", "--kernel", root], more].concat()).good()
        };
        build(&[]).complains("warning[B-21]");
        assert!(std::fs::read_to_string(&makefile).unwrap().contains("all:\n        make"));
        build(&["--fix"]).complains("fixed: begin recipes with a tab");
        assert!(std::fs::read_to_string(&makefile).unwrap().contains("all:\n\tmake"));
        let said = build(&["--fix"]);
        assert!(!said.err.contains("B-21"), "{said:#?}");
    }
}

#[test]
fn sources_may_lie_in_a_folder_whose_name_is_no_text() {
    use std::os::unix::ffi::OsStrExt;
    for kernel in kernels().into_iter().take(1) {
        let user = User::new("bytes");
        let ko = user.build(&kernel, &project("examples/hello"), &[]).remove(0);
        let folder = user.dir.join(std::ffi::OsStr::from_bytes(b"n\xff\xfe"));
        std::fs::create_dir(&folder).unwrap();
        let copy = folder.join("hello.ko");
        std::fs::copy(ko, &copy).unwrap();
        let run = |more: &[&str]| {
            let mut args = vec!["run", "--kernel", kernel.root.to_str().unwrap()];
            args.extend(more);
            let output = user.command(&args).arg(&copy).output().unwrap();
            assert!(output.status.success(), "{output:?}");
        };
        run(&[]);
        run(&["--json"]);
    }
}

#[test]
fn kernel_show_tells_facts_and_sources() {
    let user = User::new("show");
    for kernel in kernels() {
        let root = kernel.root.to_str().unwrap();
        let said = user.komod(&["kernel", "show", root]).good();
        assert!(said.out.contains(&kernel.release) && said.out.contains("CONFIG_"), "{said:#?}");
        let json = user.komod(&["kernel", "show", root, "--json"]).good();
        assert_eq!(json.json("komod-kernel-show")["kernel"]["release"], kernel.release.as_str());
    }
}
