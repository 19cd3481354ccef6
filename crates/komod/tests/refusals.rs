//! What the loader refuses: told with its code, and explained.
#![forbid(unsafe_code)]

mod common;

use common::{User, kernels_in_turn, project};

#[test]
fn every_code_of_the_loader_has_a_page() {
    let user = User::without_cache("pages");
    let codes = user.komod(&["explain"]).good().out;
    assert!(codes.lines().filter(|l| l.starts_with("L-")).count() > 30, "{codes}");
    let page = user.komod(&["explain", "l-08"]).good();
    page.logs(&["L-08: ", "# What", "disagrees about version of symbol", "# Why", "# Way out"]);
    let json = user.komod(&["explain", "L-08", "--json"]).good().json("komod-explain");
    assert!(json["page"].as_str().unwrap().starts_with("L-08: "), "{json}");
}

#[test]
fn a_refusal_names_its_code() {
    for kernel in kernels_in_turn() {
        let user = User::new("code");
        let root = kernel.root.to_str().unwrap();
        let empty = user.file("empty.ko", "");
        let empty = empty.to_str().unwrap();
        let said = user.komod(&["run", "--kernel", root, empty]).ends_with(1);
        let said = said.complains("cannot load empty").complains("[L-02]");
        let said = said.complains("komod explain L-02");
        assert!(!said.err.contains("log line"), "there is none: {said:#?}");

        user.komod(&["up", "--kernel", root]).good();
        user.komod(&["load", empty]).ends_with(1).complains("[L-02]");
        // The kernel's own loader does not say why; its files foretell it.
        user.komod(&["load", "--loader", "kernel", empty]).ends_with(1).complains("[L-02]");
        let run = ["run", "--kernel", root, "--loader", "kernel", empty];
        user.komod(&run).ends_with(1).complains("[L-02]");
        let hello = project("examples/hello");
        let hello = hello.to_str().unwrap();
        user.komod(&["load", hello]).good();
        user.komod(&["load", hello]).ends_with(1).complains("[L-24]").complains("unload hello");
    }
}

/// The kernel does not look at the class byte of the header.
#[test]
fn a_module_is_unloaded_by_the_name_it_has() {
    for kernel in kernels_in_turn() {
        let user = User::new("class");
        let built = user.build(&kernel, &project("examples/hello"), &[]).remove(0);
        let mut elf = std::fs::read(built).unwrap();
        elf[4] = 1;
        let odd = user.file("odd.ko", elf);
        let args = |loader| {
            let root = kernel.root.to_str().unwrap();
            ["run", "--loader", loader, "--kernel", root, odd.to_str().unwrap()]
        };
        for loader in ["kernel", "komod"] {
            user.komod(&args(loader)).good().complains("loaded and unloaded");
        }
    }
}

#[test]
fn a_refused_parameter_is_not_inits_fault() {
    let source = "#include <linux/module.h>\n\
         static int set(const char *v, const struct kernel_param *p) { return -ERANGE; }\n\
         static const struct kernel_param_ops ops = { .set = set };\n\
         module_param_cb(cb, &ops, NULL, 0600);\n\
         static bool flag;\nmodule_param(flag, bool, 0600);\n\
         static int __init t_init(void) { pr_info(\"flag %d\\n\", flag); return 0; }\n\
         static void __exit t_exit(void) { }\n\
         module_init(t_init);\nmodule_exit(t_exit);\nMODULE_LICENSE(\"GPL\");\n";
    for kernel in kernels_in_turn() {
        let user = User::new("param");
        let root = kernel.root.to_str().unwrap();
        let par = user.file("par.c", source);
        let run = |more: &[&str]| {
            user.komod(&[&["run", "--kernel", root, par.to_str().unwrap()], more].concat())
        };
        let said = run(&["cb=x"]).ends_with(1).complains("cannot load par").complains("ERANGE");
        assert!(!said.err.contains("init of par"), "{said:#?}");
        run(&["--", "flag"]).good().logs(&["flag 1"]);
        run(&["--", "par.flag"]).good().logs(&["flag 1"]);
        run(&["--", "./x"]).ends_with(2).complains("no parameter");
    }
}
