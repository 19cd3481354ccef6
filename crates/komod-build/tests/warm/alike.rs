//! Sources that begin alike share a compiler, and their objects are the plain compiler's.

use std::fs;

use komod_build::warm::{Command, Done, NotWarm};

use crate::bench::{Bench, for_one_tree, for_tree_in_turn, limits, plain, write_anew};
use crate::probed::{depfile, outcome, run_plain};

const HEAD: &str = "#include <linux/module.h>\n#include <linux/pci.h>\n";
const TAIL: &str = "MODULE_LICENSE(\"GPL\");\n";

/// Compiles as a build does: by a server, or plainly. `true` if a server did it.
fn build(bench: &Bench, command: &Command) -> bool {
    match bench.warm.compile(command) {
        Ok(Done { stderr }) => {
            assert!(stderr.is_empty());
            true
        }
        Err(_) => {
            let unproven = bench.warm.share(command);
            assert!(run_plain(command).status.success());
            unproven.into_iter().for_each(|unproven| drop(unproven.prove()));
            false
        }
    }
}

/// What was built must be what the plain compiler makes.
fn assert_plain(command: &Command, what: &str) {
    let got = outcome(command, b"");
    let wanted = plain(command);
    assert!(!wanted.object.is_empty() && got.object == wanted.object, "{what}: {got:?} {wanted:?}");
    assert_eq!(got.files(), wanted.files(), "{what}");
}

/// So many files start a server, if there is none.
fn start(bench: &Bench, head: &str) {
    for number in 0..3 {
        let name = format!("first{number}");
        let command = bench.write(&name, &format!("{head}int first{number} = {number};\n{TAIL}"));
        build(bench, &command);
        assert_plain(&command, &name);
    }
}

#[test]
fn many_modules_are_compiled_as_by_the_plain_compiler() {
    let long = "a_module_with_a_long_name_that_fills_all_of_the_name_field_of_mod";
    let bodies = [
        ("a", "static int __init a_init(void) { pr_info(\"%s\\n\", KBUILD_MODNAME); return 0; }\nmodule_init(a_init);\n".into()),
        ("lines", "\n\n\nint a(void); int a(void) { WARN_ON(1); return __LINE__ + __COUNTER__; }\n".into()),
        ("files", "const char *f = __FILE__;\nconst char *m = KBUILD_MODNAME \" \" KBUILD_BASENAME;\n".into()),
        ("b-with-dashes", "int a = sizeof(KBUILD_MODNAME);\nint b = sizeof(__FILE__);\n".into()),
        ("late.mod", "int b;\n#include <linux/usb.h>\n#include <linux/delay.h>\nint a = USB_DIR_IN;\n".into()),
        (long, "extern struct module *who; struct module *who = THIS_MODULE;\n".into()),
        ("param", "static int x; module_param(x, int, 0444);\nint e(void); int e(void) { return x; }\nEXPORT_SYMBOL_GPL(e);\n".into()),
        ("ids", "static const struct pci_device_id ids[] = { { PCI_DEVICE(1, 2) }, { } };\nMODULE_DEVICE_TABLE(pci, ids);\n".into()),
        ("debug", "void d(struct device *dev);\nvoid d(struct device *dev) { dev_dbg(dev, \"x\"); pr_debug(\"y\"); }\n".into()),
        ("elsewhere", "#line 3 \"other.c\"\nint a(void); int a(void) { return __LINE__; }\n".into()),
        ("no_newline", "int a;\n/* no newline */".into()),
        ("big", (0..2000).fold(String::new(), |text, i| text + &format!("int v{i} = __LINE__;\n"))),
    ];
    let comments = ["", "// SPDX-License-Identifier: GPL-2.0\n", "/*\n * A module.\n *\n */\n\n"];
    for_tree_in_turn("alike", |bench| {
        start(bench, HEAD);
        for (turn, (name, body)) in bodies.iter().enumerate() {
            let comment = comments[turn % comments.len()];
            let head = HEAD.replace("\n#", &format!("\n{comment}#"));
            let end = if *name == "no_newline" { "" } else { TAIL };
            let license = if end.is_empty() { TAIL } else { "" };
            let command = bench.write(name, &format!("{comment}{head}\n{license}{body}{end}"));
            assert!(build(bench, &command), "{name} was compiled plainly");
            assert_plain(&command, name);
        }
    });
}

#[test]
fn what_is_not_alike_is_compiled_plainly() {
    for_one_tree("unlike", limits(), |bench| {
        start(bench, HEAD);
        let bodies = [
            ("warns", format!("{HEAD}static int unused;\nvoid a(void) {{ int u; }}\n{TAIL}")),
            ("base", format!("{HEAD}const char *b = __BASE_FILE__;\n{TAIL}")),
            ("other", format!("#include <linux/init.h>\n{HEAD}{TAIL}")),
            ("defined", format!("#define DEBUG\n{HEAD}{TAIL}")),
            ("itself", format!("{HEAD}#if 0\n#include \"itself.c\"\n#endif\n{TAIL}")),
        ];
        for (name, text) in &bodies {
            let command = bench.write(name, text);
            assert!(!build(bench, &command), "{name}");
            assert_plain(&command, name);
        }
        let mut command = bench.write("flags", &format!("{HEAD}int flags;\n{TAIL}"));
        command.argv.push("-DOTHER".into());
        assert!(!build(bench, &command));
        assert_plain(&command, "flags");
        let fails = bench.write("fails", &format!("{HEAD}int x = ;\n{TAIL}"));
        assert!(matches!(bench.warm.compile(&fails), Err(NotWarm::NoServer { .. })));
        let good = bench.write("good", &format!("{HEAD}int good;\n{TAIL}"));
        assert!(build(bench, &good), "the server is still there");
        assert_plain(&good, "good");
    });
}

#[test]
fn headers_that_use_the_names_are_not_shared() {
    for_one_tree("names", limits(), |bench| {
        let cases = [
            ("expanded", "static inline const char *who(void) { return KBUILD_MODNAME; }\n", false),
            ("asked", "#ifdef KBUILD_BASENAME\nextern int asked;\n#endif\n", false),
            (
                "pasted",
                "#define P(x) P2(x)\n#define P2(x) extern int p_##x\nP(__KBUILD_MODNAME);\n",
                false,
            ),
            ("undone", "#undef KBUILD_MODNAME\n#define KBUILD_MODNAME \"x\"\n", false),
            ("taken away", "#undef KBUILD_BASENAME\n", false),
            ("mentioned", "#define WHO KBUILD_MODNAME\n", true),
        ];
        for (what, header, shared) in cases {
            write_anew(&bench.scratch.0.join(format!("src/{what}.h")), header);
            let head = format!("{HEAD}#include \"{what}.h\"\n");
            start(bench, &head);
            let command =
                bench.write("after", &format!("{head}const char *a = KBUILD_MODNAME;\n{TAIL}"));
            assert_eq!(build(bench, &command), shared, "{what}");
            assert_plain(&command, what);
        }
    });
}

#[test]
fn headers_that_name_the_main_file_get_its_own_name() {
    for_one_tree("main", limits(), |bench| {
        let uses = "static inline int l(void) { return sizeof(__BASE_FILE__); }\n";
        write_anew(&bench.scratch.0.join("src/main.h"), "#define MAIN __BASE_FILE__\n");
        write_anew(&bench.scratch.0.join("src/late.h"), uses);
        let head = format!("{HEAD}#include \"main.h\"\n");
        start(bench, &head);
        let body = "int f(void);\n#include \"late.h\"\nint f(void) { return l(); }\nconst char *m = MAIN;\n";
        let command = bench.write("m", &format!("{head}{body}{TAIL}"));
        assert!(build(bench, &command));
        assert_plain(&command, "main");
        // As in komod's mirror; the last option counts.
        let dir = bench.scratch.0.join("src");
        let maps = ["/x", "/project"].map(|to| format!("-ffile-prefix-map={}={to}", dir.display()));
        for (number, shared) in [(0, false), (1, false), (2, false), (3, true)] {
            let name = format!("moved{number}");
            let mut moved = bench.write(&name, &format!("{head}{body}{TAIL}"));
            moved.argv.extend(maps.iter().map(Into::into));
            assert_eq!(build(bench, &moved), shared, "{name}");
            assert_plain(&moved, &name);
        }
        let mut mapped = bench.write("mapped", &format!("{head}{body}{TAIL}"));
        let map = format!("-fmacro-prefix-map={}=x.c", mapped.source.display());
        mapped.argv.push(map.into());
        for _ in 0..4 {
            assert!(!build(bench, &mapped));
        }
        assert_plain(&mapped, "mapped");
    });
}

#[test]
fn a_shared_header_changes() {
    for_one_tree("changing", limits(), |bench| {
        let header = bench.scratch.0.join("src/mine.h");
        write_anew(&header, "#define MINE 1\n");
        let head = format!("{HEAD}#include \"mine.h\"\n");
        start(bench, &head);
        let command = bench.write("mine", &format!("{head}int mine = MINE;\n{TAIL}"));
        assert!(build(bench, &command));
        assert_plain(&command, "before");
        write_anew(&header, "#define MINE 2\n");
        assert!(!build(bench, &command));
        assert_plain(&command, "changed");
        // Three more start another one.
        start(bench, &head);
        assert!(build(bench, &command));
        assert_plain(&command, "after");
    });
}

#[test]
fn a_server_that_makes_something_else_is_not_used() {
    for_one_tree("unproven", limits(), |bench| {
        for number in 0..3 {
            let text = format!("{HEAD}int unproven{number};\n{TAIL}");
            let command = bench.write(&format!("unproven{number}"), &text);
            assert!(bench.warm.compile(&command).is_err());
            let unproven = bench.warm.share(&command);
            assert_eq!(unproven.is_some(), number == 2);
            assert!(run_plain(&command).status.success());
            // As if the plain compiler had made this.
            fs::write(&command.output, "another object").unwrap();
            fs::write(depfile(&command), "another list").unwrap();
            if let Some(unproven) = unproven {
                assert!(matches!(unproven.prove(), Ok(false)));
                assert_eq!(fs::read(&command.output).unwrap(), b"another object");
                assert_eq!(fs::read(depfile(&command)).unwrap(), b"another list");
                assert!(matches!(bench.warm.compile(&command), Err(NotWarm::NoServer { .. })));
            }
            let _ = fs::remove_file(depfile(&command));
        }
    });
}
