//! The same bytes as the plain compiler's, from edited sources too.

use std::fs;

use komod_build::warm::NotWarm;

use crate::bench::plain;
use crate::bench::{
    HEAD, TAIL, assert_same, for_one_tree, for_tree_in_turn, limits, source, write_anew,
};
use crate::common;
use crate::probed::run_plain;

#[test]
fn edits_are_compiled_as_by_the_plain_compiler() {
    let big = (0..3000).fold(String::new(), |text, i| text + &format!("int v{i} = __LINE__;\n"));
    let edits = [
        ("hello", format!("#include <linux/init.h>\n{}", &common::HELLO[common::HELLO.find("static").unwrap()..])),
        ("shorter", TAIL.into()),
        ("longer", format!("{big}{TAIL}")),
        ("macros", format!("int a = __COUNTER__ + __LINE__;\nconst char *f = __FILE__, *b = __BASE_FILE__;\n{TAIL}")),
        ("blank lines", format!("\n\n\n\nint a(void) {{ return __LINE__; }}\n{TAIL}")),
        ("late include", format!("int a;\n#include <linux/usb.h>\n#ifdef CONFIG_PCI\n#include <linux/pci.h>\n#endif\n{TAIL}")),
        ("no newline at the end", TAIL.trim_end().into()),
        ("a comment at the end", format!("{TAIL}/* end */")),
        ("a line comment at the end", format!("{TAIL}// end")),
        ("dos lines", TAIL.replace('\n', "\r\n") + "int a;\r\nint b;\r\n"),
        ("a splice at the end", format!("{TAIL}int a;\\\n")),
        ("a splice at the very end", format!("{TAIL}// a\\")),
        ("form feed, tabs, spaces", format!("\x0c\n\t \nint a;\n{TAIL}   ")),
        ("bytes that are no text", format!("char a[] = \"\u{fffd}\u{e9}\";\n{TAIL}")),
        ("a line directive", format!("#line 7 \"elsewhere.c\"\nint a(void) {{ return __LINE__; }}\n{TAIL}")),
        ("a warning", format!("static int unused;\nvoid a(void) {{ int u; }}\n#warning \"told\"\n{TAIL}")),
        ("inline assembly", format!("asm(\".globl here; here: nop\");\n{TAIL}")),
        ("an export", format!("int a(void) {{ return 1; }}\nEXPORT_SYMBOL_GPL(a);\nmodule_param_named(x, v, int, 0);\nstatic int v;\n{TAIL}").replace("module_param_named(x, v, int, 0);\nstatic int v;", "static int v;\nmodule_param_named(x, v, int, 0);")),
    ];
    for_tree_in_turn("edits", |bench| {
        let command = bench.write("edits", &source("int before;\n"));
        bench.start(&command);
        assert_same(bench, &command, "unedited");
        for (what, text) in &edits {
            fs::write(&command.source, format!("{HEAD}{text}")).unwrap();
            let got = assert_same(bench, &command, what);
            assert!(*what != "a warning" || got.stderr.contains("told"), "{what}: {}", got.stderr);
        }
    });
}

#[test]
fn options_that_change_what_is_read_or_said() {
    let head = "#include <linux/module.h>\n#include \"local.h\"\n#include \"deep.h\"\n";
    for_tree_in_turn("options", |bench| {
        let dir = bench.scratch.0.join("src");
        for sub in ["once", "next"] {
            fs::create_dir(dir.join(sub)).unwrap();
        }
        write_anew(&dir.join("next/deep.h"), "static int deep(void) { return __LINE__; }\n");
        write_anew(&dir.join("once/deep.h"), "#pragma once\n#include_next \"deep.h\"\n");
        write_anew(&dir.join("local.h"), "#define LOCAL __FILE__\n");
        write_anew(&dir.join("first.h"), "#define FIRST 3\n");
        let text = format!("{head}int x(void) {{ int u; return deep() + FIRST; }}\n{TAIL}");
        let mut command = bench.write("options", &text);
        let path = |p: &str| dir.join(p).into_os_string();
        command.argv.extend(["-I".into(), path("once"), "-I".into(), path("next")]);
        command.argv.extend(["-include".into(), path("first.h")]);
        command.argv.push("-fdiagnostics-color=always".into());
        bench.start(&command);
        let got = assert_same(bench, &command, "as written");
        assert!(got.stderr.contains("\x1b["), "no colours: {}", got.stderr);
        fs::write(&command.source, text.replace("+ FIRST", "+ 1\n+ __LINE__")).unwrap();
        assert_same(bench, &command, "edited");
    });
}

#[test]
fn preambles_of_all_kinds() {
    let heads = [
        ("short last line", "#include <linux/module.h>\n#include \"a.h\"\n"),
        ("short first line", "#include \"a.h\"\n"),
        (
            "conditions",
            "#if 1\n#include <linux/init.h>\n#include <linux/module.h>\n#else\n#include <x.h>\n#endif\n",
        ),
        ("an open condition", "#define A\n#ifdef A\n#include <linux/module.h>\n"),
        ("not reached", "#include <linux/module.h>\n#if 0\n#include <linux/usb.h>\n"),
        ("known already", "#include <linux/module.h>\n#include <linux/init.h>\n"),
        ("dos lines", "#include <linux/init.h>\r\n#include <linux/module.h>\r\n"),
        ("a byte order mark", "\u{feff}#include <linux/module.h>\n"),
        (
            "definitions between",
            "#define pr_fmt(fmt) \"x: \" fmt\n#include <linux/module.h>\n#define B \\\n 4\n#include <linux/delay.h>\n",
        ),
    ];
    for_one_tree("preambles", limits(), |bench| {
        write_anew(&bench.scratch.0.join("src/a.h"), "#include <linux/module.h>\n");
        let mut warm = 0;
        for (at, (what, head)) in heads.iter().enumerate() {
            let end = head.lines().filter(|l| l.starts_with("#if")).count()
                - head.lines().filter(|l| l.starts_with("#endif")).count();
            let text = |body: &str| format!("{head}{body}{}{TAIL}", "#endif\n".repeat(end));
            let command = bench.write(&format!("preamble{at}"), &text("int x;\n"));
            if let Err(why) = bench.warm.start(&command) {
                println!("{what}: {why}");
                continue;
            }
            crate::bench::await_that("ready or refused", || {
                bench.warm.is_ready(&command) || bench.warm.refusal(&command).is_some()
            });
            if bench.warm.refusal(&command).is_none() {
                warm += 1;
                assert_same(bench, &command, what);
                fs::write(&command.source, text("\nint y(void) { return __LINE__; }\n")).unwrap();
                assert_same(bench, &command, what);
            } else {
                println!("{what}: {:?}", bench.warm.refusal(&command));
            }
            bench.warm.end_all();
        }
        assert!(warm >= heads.len() - 1, "only {warm} of {} were warm", heads.len());
    });
}

#[test]
fn examples_and_cases() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut sources = Vec::new();
    for dir in ["examples", "tests/cases"] {
        for entry in fs::read_dir(root.join(dir)).unwrap().flatten() {
            let files = if entry.path().is_dir() {
                fs::read_dir(entry.path()).unwrap().flatten().map(|e| e.path()).collect()
            } else {
                vec![entry.path()]
            };
            sources.extend(files.into_iter().filter(|f| f.extension().is_some_and(|e| e == "c")));
        }
    }
    sources.sort();
    assert!(sources.len() > 25, "{}", sources.len());
    let turn = std::cell::Cell::new(0);
    for_tree_in_turn("sources", |bench| {
        // All on the first kernel, some on every other.
        let step = if turn.replace(1) == 0 { 1 } else { 5 };
        for file in sources.iter().step_by(step) {
            let name = file.file_stem().unwrap().to_str().unwrap();
            let text = fs::read_to_string(file).unwrap();
            let command = bench.write(name, &text);
            for header in fs::read_dir(file.parent().unwrap()).unwrap().flatten() {
                if header.path().extension().is_some_and(|e| e == "h") {
                    let copy = bench.scratch.0.join("src").join(header.file_name());
                    write_anew(&copy, &fs::read_to_string(header.path()).unwrap());
                }
            }
            if !run_plain(&command).status.success() {
                continue;
            }
            bench.start(&command);
            assert_same(bench, &command, name);
            fs::write(&command.source, format!("{text}\nint added = __LINE__;\n")).unwrap();
            assert_same(bench, &command, name);
        }
    });
}

#[test]
fn what_fails_is_left_to_the_plain_compiler() {
    for_one_tree("fails", limits(), |bench| {
        let mut command = bench.write("fails", &source("int before;\n"));
        command.argv.push("-Werror=unused-variable".into());
        bench.start(&command);
        for body in [
            "int x = ;\n",
            "void x(void) { int u; }\n",
            "/* open\n",
            "#ifdef A\n",
            "int x;\\",
            "#include <linux/no-such-file.h>\n",
            "#error no\n",
        ] {
            fs::write(&command.source, format!("{HEAD}{body}")).unwrap();
            let plain = run_plain(&command);
            assert!(!plain.status.success(), "{body}");
            let got = bench.warm.compile(&command);
            assert!(matches!(got, Err(NotWarm::Failed(1))), "{body}: {got:?}");
        }
        fs::write(&command.source, source("int after;\n")).unwrap();
        assert_same(bench, &command, "repaired");
    });
}

#[test]
fn times_are_not_warm() {
    for_one_tree("times", limits(), |bench| {
        let mut command = bench.write("times", &source("int before;\n"));
        command.argv.push("-Wno-date-time".into());
        bench.start(&command);
        for word in ["__TIME__", "__DATE__", "__TIMESTAMP__"] {
            fs::write(&command.source, source(&format!("char *now = {word};\n"))).unwrap();
            plain(&command);
            let got = bench.warm.compile(&command);
            assert!(matches!(got, Err(NotWarm::Unsuitable(_))), "{word}: {got:?}");
        }
    });
}
