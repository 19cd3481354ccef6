//! Static loading: modules as parts of the kernel, started by its initcalls.
#![forbid(unsafe_code)]

mod common;

use common::{Kernel, Said, User, kernels, project};
use std::path::Path;

fn boot(user: &User, kernel: &Kernel, what: &[&Path], more: &[&str]) -> Said {
    let mut args = vec!["run", "--builtin", "--kernel", kernel.root.to_str().unwrap()];
    args.extend(what.iter().map(|p| p.to_str().unwrap()));
    args.extend(more);
    user.komod(&args)
}

/// A module with this initcall in place of `module_init`.
fn at_level(initcall: &str, body: &str) -> String {
    format!(
        "#include <linux/init.h>\n#include <linux/module.h>\n#include <linux/printk.h>\n\
         static int __init start_{initcall}(void)\n{{\n{body}\n}}\n\
         {initcall}(start_{initcall});\n\
         MODULE_LICENSE(\"Dual MIT/GPL\");\n"
    )
}

#[test]
fn it_speaks_during_the_boot_and_never_ends() {
    let user = User::new("builtin");
    for kernel in kernels() {
        let said = boot(&user, &kernel, &[&project("examples/hello")], &[]).good();
        // devtmpfs comes before the devices' level, unused clocks are disabled at the last one.
        let said = said.logs(&[
            "devtmpfs: initialized",
            "===Test Module Start!===",
            "clk: Disabling unused clocks",
        ]);
        assert!(!said.out.contains("Test Module End"), "exit is never called: {said:#?}");
        assert!(!said.out.contains("taints kernel"), "what is built in taints nothing: {said:#?}");
        let ko = user.build(&kernel, &project("examples/hello"), &[]).remove(0);
        boot(&user, &kernel, &[Path::new(&ko)], &[]).ends_with(2).complains("compiles sources");
    }
}

#[test]
fn each_initcall_has_its_level() {
    for kernel in kernels() {
        let user = User::new("levels");
        // Given in the reverse order: the level decides, not the command line.
        let files: Vec<_> = ["late_initcall", "device_initcall", "core_initcall", "early_initcall"]
            .iter()
            .map(|level| {
                let said = format!("\tpr_info(\"at {level}\\n\");\n\treturn 0;");
                user.file(&format!("{level}.c"), at_level(level, &said))
            })
            .collect();
        let files: Vec<&Path> = files.iter().map(|p| p.as_path()).collect();
        boot(&user, &kernel, &files, &[]).good().logs(&[
            "at early_initcall",
            "at core_initcall",
            // The kernel's own, at the levels of file systems and of devices.
            "NET: Registered PF_INET protocol family",
            "at device_initcall",
            "at late_initcall",
        ]);
    }
}

#[test]
fn parameters_come_from_the_kernels_command_line() {
    let user = User::new("cmdline");
    for kernel in kernels() {
        let given = ["count=2", "name=Ada Lovelace"];
        boot(&user, &kernel, &[&project("examples/params")], &given)
            .good()
            .logs(&["Hello, Ada Lovelace.", "Hello, Ada Lovelace."]);
    }
}

#[test]
fn one_uses_what_the_other_exports() {
    let user = User::new("uses");
    for kernel in kernels() {
        let loaded = user.komod(&[
            "run",
            project("examples/export").to_str().unwrap(),
            "--kernel",
            kernel.root.to_str().unwrap(),
        ]);
        let says = |said: &Said| {
            let text = |l: &str| Some(l.split_once("] ")?.1.to_owned());
            let own = said.out.lines().filter_map(text);
            own.filter(|t| t.contains("counter")).collect::<Vec<_>>()
        };
        let loaded = says(&loaded.good());
        let built_in = says(&boot(&user, &kernel, &[&project("examples/export")], &[]).good());
        let started = loaded.iter().filter(|t| built_in.contains(t)).count();
        assert!(started > 0 && started == built_in.len(), "{loaded:?} {built_in:?}");
    }
}

#[test]
fn a_failing_initcall_is_told() {
    for kernel in kernels() {
        let user = User::new("fails");
        let file = user.file("no.c", at_level("device_initcall", "\treturn -ENOSPC;"));
        let said = boot(&user, &kernel, &[&file], &["--json"]).ends_with(1);
        let report = said.json("komod-run");
        let problem = &report["problems"][0];
        assert_eq!((&problem["kind"], &problem["module"]), (&"load".into(), &"no".into()));
        let text = problem["message"].as_str().unwrap();
        assert!(text.contains("start_device_initcall of no") && text.contains("-28"), "{text}");
        assert_eq!(report["modules"][0]["loaded"], false);

        let crash = "\t*(volatile int *)8 = 1;\n\treturn 0;";
        let file = user.file("null.c", at_level("late_initcall", crash));
        boot(&user, &kernel, &[&file], &[])
            .ends_with(1)
            .logs(&["BUG: kernel NULL pointer dereference", "start_late_initcall+", "null.c:"])
            .complains("start_late_initcall of null did not come to its end");
    }
}
