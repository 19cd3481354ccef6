//! Provokes the failures of the rules with the real kbuild and checks what komod makes of them.
//!
//! Damaged kernel trees are copies made of links; the trees themselves are only read.
#![forbid(unsafe_code)]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{
    HELLO, Scratch, builds, fails, fails_with, find, is_complete, options, shown, trees_in_turn,
};
use komod_build::{Options, Project, Tree, apply_fixes, build};
use komod_diag::{Applicability, Evidence, Severity};

#[test]
fn b01_b02_the_tree_has_lost_its_configuration() {
    for tree in trees_in_turn() {
        for (code, file, other) in [
            ("B-01", "include/config/auto.conf", "B-02"),
            ("B-02", "include/generated/autoconf.h", "B-01"),
        ] {
            let scratch = Scratch::new(code);
            let module = scratch.write("p/x.c", HELLO);
            let broken = scratch.tree_without(&tree, &[file]);
            let error = fails(&module, &broken);
            let diagnostic = find(&error.diagnostics, code);
            is_complete(diagnostic, "configuration is invalid", file);
            assert!(diagnostic.hints.iter().any(|hint| hint.contains("komod kernel fetch")));
            assert!(!error.diagnostics.iter().any(|d| d.code == other || d.code == "B-00"));
        }
        let scratch = Scratch::new("both");
        let module = scratch.write("p/x.c", HELLO);
        let files = ["include/config/auto.conf", "include/generated/autoconf.h"];
        let error = fails(&module, &scratch.tree_without(&tree, &files));
        find(&error.diagnostics, "B-03");
        assert_eq!(error.diagnostics.len(), 1, "the cause alone");
    }
}

#[test]
fn b05_b06_no_module_symvers() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b05");
        let module = scratch.write("p/x.c", HELLO);
        let broken = scratch.tree_without(&tree, &["Module.symvers"]);
        let error = fails(&module, &broken);
        is_complete(find(&error.diagnostics, "B-05"), "undefined!", "Module.symvers");
        assert!(!error.diagnostics.iter().any(|d| d.code == "B-31"), "that is a consequence");
        // Linux 6.1 made a module, so that there is nothing left to do; it is refused all the same.
        find(&fails(&module, &broken).diagnostics, "B-05");
        fs::write(broken.file("Module.symvers"), "").unwrap();
        let error = fails(&module, &broken);
        is_complete(find(&error.diagnostics, "B-06"), "undefined!", "Module.symvers");
        let text = fs::read(tree.file("Module.symvers")).unwrap();
        fs::write(broken.file("Module.symvers"), text).unwrap();
        builds(&module, &broken);
    }
}

#[test]
fn b08_b10_b11_programs_of_kbuild_are_missing() {
    for tree in trees_in_turn() {
        for (code, file) in [
            ("B-08", "scripts/mod/modpost"),
            ("B-10", "scripts/basic/fixdep"),
            ("B-11", "tools/objtool/objtool"),
        ] {
            let scratch = Scratch::new(code);
            let module = scratch.write("p/x.c", HELLO);
            let error = fails(&module, &scratch.tree_without(&tree, &[file]));
            is_complete(find(&error.diagnostics, code), file, file);
            assert_eq!(error.diagnostics.iter().filter(|d| d.is_error()).count(), 1);
        }
    }
}

#[test]
fn b18_b19_there_is_no_tree() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b19");
        let module = scratch.write("p/x.c", HELLO);
        let nowhere = Tree { path: scratch.0.join("modules/build"), ..tree.clone() };
        let error = fails(&module, &nowhere);
        let diagnostic = find(&error.diagnostics, "B-19");
        is_complete(diagnostic, "No such file or directory", "modules/build");
        assert!(diagnostic.title.contains(&tree.release));
        fs::create_dir(scratch.0.join("modules")).unwrap();
        std::os::unix::fs::symlink("/usr/src/gone", &nowhere.path).unwrap();
        assert!(shown(&fails(&module, &nowhere).diagnostics).contains("link to /usr/src/gone"));
        let bare = scratch.tree_without(&tree, &["Makefile"]);
        find(&fails(&module, &bare).diagnostics, "B-18");
        scratch.write("tree/Makefile", "include /usr/src/linux-headers-0-common/Makefile\n");
        let error = fails(&module, &bare);
        is_complete(find(&error.diagnostics, "B-18"), "linux-headers-0-common", "Makefile");
    }
}

#[test]
fn b21_spaces_instead_of_tabs() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b21");
        scratch.write("p/test.c", HELLO);
        let text = "obj-m := test.o\nKERNEL := /lib/modules/$(shell uname -r)/build\n\nall:\n        \
                    make -C $(KERNEL) M=$(PWD) modules\nclean:\n        make -C $(KERNEL) M=$(PWD) clean\n";
        let makefile = scratch.write("p/Makefile", text);
        let project = scratch.0.join("p");
        // What the user sees without komod.
        let plain = || Command::new("make").args(["-n", "clean"]).current_dir(&project).output();
        let words = String::from_utf8_lossy(&plain().unwrap().stderr).into_owned();
        assert!(words.contains("missing separator"), "{words}");
        let built = builds(&project, &tree);
        let diagnostic = find(&built.diagnostics, "B-21");
        assert_eq!(diagnostic.severity, Severity::Warning);
        let place = diagnostic.evidence.first().unwrap();
        assert!(matches!(place, Evidence::Source { span, .. } if span.line == 5), "{place:?}");
        let applied = apply_fixes(&built.diagnostics).unwrap();
        assert_eq!(applied.files, std::slice::from_ref(&makefile));
        assert_eq!(fs::read_to_string(&makefile).unwrap(), text.replace("        ", "\t"));
        assert!(plain().unwrap().status.success());
        assert!(builds(&project, &tree).diagnostics.iter().all(|d| d.code != "B-21"));
        // A line that is nothing at all.
        scratch.write("p/Makefile", "obj-m := test.o\nwhat is this\n");
        let error = fails(&project, &tree);
        let diagnostic = find(&error.diagnostics, "B-21");
        let place = diagnostic.evidence.first().unwrap();
        let Evidence::Source { path, span, text, .. } = place else { panic!("{place:?}") };
        assert_eq!((path, span.line, text.as_str()), (&makefile, 2, "what is this"));
    }
}

#[test]
fn b28_the_tutorials_exit_function() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b28");
        let text = HELLO
            .replace("static void __exit test_exit", "static int test_exit")
            .replace("End!===\\n\");\n", "End!===\\n\");\n\treturn 0;\n");
        let source = scratch.write("p/test.c", &text);
        scratch.write("p/Makefile", "obj-m := test.o\n");
        let project = scratch.0.join("p");
        let error = fails(&project, &tree);
        let diagnostic = find(&error.diagnostics, "B-28");
        assert_eq!(error.diagnostics.len(), 1, "nothing else is wrong");
        let places: Vec<_> = diagnostic
            .evidence
            .iter()
            .filter_map(|evidence| match evidence {
                Evidence::Source { path, span, .. } if *path == source => Some(span.line),
                _ => None,
            })
            .collect();
        assert_eq!(places, [10, 17], "the function and its use, under the user's own path");
        let fix = diagnostic.safe_fix().expect("a safe fix");
        let diff = komod_diag::unified::diff(fix, &source, &text).unwrap();
        assert!(
            diff.contains("-static int test_exit(void)\n+static void test_exit(void)\n"),
            "{diff}"
        );
        assert!(diff.contains("\n-\treturn 0;\n }\n"), "{diff}");
        assert_eq!(apply_fixes(&error.diagnostics).unwrap().files, std::slice::from_ref(&source));
        let built = builds(&project, &tree);
        assert!(!built.log.contains("warning:"), "{}", built.log.text());
    }
}

#[test]
fn b28_the_other_way_round() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b28-init");
        let text =
            HELLO.replace("static int __init", "static void __init").replace("\treturn 0;\n", "");
        let module = scratch.write("p/test.c", &text);
        let error = fails(&module, &tree);
        assert!(find(&error.diagnostics, "B-28").title.contains("test_init must return an int"));
    }
}

#[test]
fn b25_the_source_is_missing() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b25");
        scratch.write("p/test.c", HELLO);
        let makefile = scratch.write("p/Makefile", "obj-m := tset.o\n");
        let error = fails(&scratch.0.join("p"), &tree);
        let diagnostic = find(&error.diagnostics, "B-25");
        is_complete(diagnostic, "No rule to make target", "");
        assert!(diagnostic.hints.iter().any(|hint| hint.contains("test.c")));
        let fix = diagnostic.fixes.first().unwrap();
        assert_eq!(fix.applicability, Applicability::Unsafe);
        fix.apply().unwrap();
        assert_eq!(fs::read_to_string(makefile).unwrap(), "obj-m := test.o\n");
        builds(&scratch.0.join("p"), &tree);
    }
}

#[test]
fn b26_a_makefile_in_the_wrong_case() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b26");
        scratch.write("p/test.c", HELLO);
        scratch.write("p/makefile", "obj-m := test.o\n");
        let built = builds(&scratch.0.join("p"), &tree);
        assert_eq!(find(&built.diagnostics, "B-26").severity, Severity::Note);
    }
}

#[test]
fn b29_functions_that_are_not_there() {
    for tree in trees_in_turn() {
        for (call, word) in [
            ("printf(\"x\");", "pr_info"),
            ("init_timer(0);", "timer_setup"),
            ("request_firmware(0, 0, 0);", "#include <linux/firmware.h>"),
            ("prink(\"x\");", "did you mean"),
            ("frobnicate_it_all(1);", "does not declare it"),
        ] {
            let scratch = Scratch::new("b29");
            let text = HELLO.replace("\treturn 0;", &format!("\t{call}\n\treturn 0;"));
            let error = fails(&scratch.write("p/test.c", &text), &tree);
            let diagnostic = find(&error.diagnostics, "B-29");
            assert!(diagnostic.hints.iter().any(|hint| hint.contains(word)), "{call}");
            assert_eq!(error.diagnostics.iter().filter(|d| d.is_error()).count(), 1);
        }
    }
}

#[test]
fn b30_no_licence() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b30");
        let module = scratch.write("p/test.c", &HELLO.replace("MODULE_LICENSE(\"GPL\");\n", ""));
        let error = fails(&module, &tree);
        let diagnostic = find(&error.diagnostics, "B-30");
        assert!(diagnostic.safe_fix().unwrap().title.contains("GPL"));
        apply_fixes(&error.diagnostics).unwrap();
        builds(&module, &tree);
    }
}

#[test]
fn b31_undefined_symbols() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b31");
        let call = |name: &str| {
            HELLO
                .replace("static int", &format!("int {name}(void);\nstatic int"))
                .replace("return 0;", &format!("return {name}();"))
        };
        let module = scratch.write("p/test.c", &call("schedul"));
        let error = fails(&module, &tree);
        let diagnostic = find(&error.diagnostics, "B-31");
        assert!(diagnostic.hints.iter().any(|hint| hint.contains("did you mean schedule")));
        // Defined in a file that the makefile forgets.
        scratch.write("q/test.c", &call("helper_function"));
        scratch.write("q/help.c", "int helper_function(void)\n{\n\treturn 0;\n}\n");
        scratch.write("q/Makefile", "obj-m := test.o\n");
        let error = fails(&scratch.0.join("q"), &tree);
        let text = shown(&error.diagnostics);
        assert!(text.contains("help.c") && text.contains("NAME-y"), "{text}");
        // Exported by a module in the folder beside.
        let export = HELLO.replace("module_init(", "int far_away(void);\nint far_away(void)\n{\n\treturn 0;\n}\nEXPORT_SYMBOL(far_away);\nmodule_init(");
        builds(scratch.write("far/far.c", &export).parent().unwrap(), &tree);
        scratch.write("near/near.c", &call("far_away"));
        scratch.write("near/Makefile", "obj-m := near.o\n");
        let error = fails(&scratch.0.join("near"), &tree);
        let hint = find(&error.diagnostics, "B-31").hints.first().unwrap().clone();
        let (_, line) = hint.split_once(": ").unwrap();
        scratch.write("near/Makefile", &format!("obj-m := near.o\n{line}\n"));
        builds(&scratch.0.join("near"), &tree);
    }
}

#[test]
fn b34_two_inits() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b34");
        scratch.write("p/a.c", HELLO);
        scratch.write("p/b.c", HELLO);
        scratch.write("p/Makefile", "obj-m := both.o\nboth-y := a.o b.o\n");
        let error = fails(&scratch.0.join("p"), &tree);
        is_complete(find(&error.diagnostics, "B-34"), "multiple definition", "");
    }
}

#[test]
fn b36_b37_compilers() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b37");
        let module = scratch.write("p/test.c", HELLO);
        let with = |name: &str, value: String| Options {
            variables: vec![(name.into(), value)],
            ..options()
        };
        let error = fails_with(&module, &tree, &with("CC", "gcc-3".into()));
        let diagnostic = find(&error.diagnostics, "B-37");
        is_complete(diagnostic, "gcc-3", "");
        assert!(diagnostic.title.contains("gcc-3 is not installed"));
        // A compiler that knows less than the kernel's.
        let old = scratch.write(
            "gcc-old",
            "#!/bin/sh\ncase \"$*\" in *-ftrivial-auto-var-init*) echo \"gcc-old: error: unrecognized \
             command-line option '-ftrivial-auto-var-init=zero'\" >&2; exit 1;; esac\nexec gcc-12 \"$@\"\n",
        );
        let status = Command::new("chmod").arg("+x").arg(&old).status().unwrap();
        assert!(status.success());
        let error = fails_with(&module, &tree, &with("CC", old.display().to_string()));
        let diagnostic = find(&error.diagnostics, "B-36");
        assert!(diagnostic.hints.iter().any(|hint| hint.contains("gcc-12")));
    }
}

#[test]
fn b42_the_folder_cannot_be_written() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b42");
        let module = scratch.write("p/x.c", HELLO);
        let blocked = scratch.write("blocked", "a file where a folder should be");
        let options = Options { out: Some(blocked.join("out")), ..options() };
        let built = build(&Project::open(&module).unwrap(), &tree, &options).unwrap();
        let note = find(&built.diagnostics, "B-42");
        assert!(note.title.contains(&*built.folder.to_string_lossy()));
        fs::remove_dir_all(built.folder.parent().unwrap()).unwrap();
    }
}

#[test]
fn b44_the_disk_is_full() {
    // A file system of 1 MiB, in a mount namespace of its own; the test runs itself inside.
    let Some(place) = std::env::var_os("KOMOD_TEST_TINY") else {
        let scratch = Scratch::new("b44");
        let this = std::env::current_exe().unwrap();
        let script = "mount -t tmpfs -o size=1m tiny \"$1\" && exec \"$2\" --exact \
                      b44_the_disk_is_full --nocapture";
        let output = Command::new("unshare")
            .args(["--mount", "--map-root-user", "sh", "-c", script, "sh"])
            .arg(&scratch.0)
            .arg(this)
            .env("KOMOD_TEST_TINY", &scratch.0)
            .output()
            .unwrap();
        let text =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        if text.contains("unshare failed") || text.contains("permission denied") {
            eprintln!("SKIPPED: no mount namespaces here: {text}");
            return;
        }
        assert!(output.status.success(), "{text}");
        println!("{text}");
        return;
    };
    for tree in trees_in_turn() {
        let place = Path::new(&place);
        let module = Scratch::new("b44-source");
        let options = Options { out: Some(place.join("out")), ..options() };
        fs::create_dir_all(place.join("out")).unwrap();
        // Leave room for the mirror, not for the objects.
        fs::write(place.join("ballast"), vec![0; 960 << 10]).unwrap();
        let error = fails_with(&module.write("x.c", HELLO), &tree, &options);
        is_complete(find(&error.diagnostics, "B-44"), "o", "");
        fs::remove_file(place.join("ballast")).unwrap();
        fs::remove_dir_all(place.join("out")).unwrap();
    }
}

#[test]
fn b48_the_compiler_refuses_the_code() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b48");
        scratch.write("p/test.c", &format!("#include \"sub/own.h\"\n{HELLO}"));
        let header = scratch.write("p/sub/own.h", "#include <stdio.h>\n");
        scratch.write("p/Makefile", "obj-m := test.o\n");
        let error = fails(&scratch.0.join("p"), &tree);
        let diagnostic = find(&error.diagnostics, "B-48");
        let place = diagnostic.evidence.first().unwrap();
        assert!(
            matches!(place, Evidence::Source { path, span, .. } if *path == header && span.line == 1),
            "{place:?}"
        );
        assert!(diagnostic.explanation.contains("no C library"));
    }
}

#[test]
fn b49_nothing_is_built() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b49");
        scratch.write("p/test.c", HELLO);
        scratch.write("p/Makefile", "obj-y := test.o\n");
        scratch.write("p/real/Makefile", "obj-m := other.o\n");
        let error = fails(&scratch.0.join("p"), &tree);
        let diagnostic = find(&error.diagnostics, "B-49");
        assert!(diagnostic.hints.iter().any(|hint| hint.contains("real")));
    }
}

#[test]
fn b00_what_no_rule_knows_is_shown_as_it_is() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b00");
        scratch.write("p/test.c", HELLO);
        scratch.write("p/Makefile", "obj-m := test.o\n$(error the user's own check)\n");
        let error = fails(&scratch.0.join("p"), &tree);
        is_complete(find(&error.diagnostics, "B-00"), "the user's own check", "");
    }
}

#[test]
fn b00_the_compiler_crashes() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("crash");
        let module = scratch.write("p/x.c", HELLO);
        // As GCC does for 400,000 nested parentheses.
        let crashing = scratch.write(
            "gcc-crash",
            "#!/bin/sh\ncase \"$*\" in *x.c) echo 'gcc: internal compiler error: Segmentation fault \
             signal terminated program cc1' >&2; exit 4;; esac\nexec gcc-12 \"$@\"\n",
        );
        let status = Command::new("chmod").arg("+x").arg(&crashing).status().unwrap();
        assert!(status.success());
        let variables = vec![("CC".to_owned(), crashing.display().to_string())];
        let error = fails_with(&module, &tree, &Options { variables, ..options() });
        let diagnostic = find(&error.diagnostics, "B-00");
        is_complete(diagnostic, "internal compiler error", "");
        assert!(diagnostic.title.contains("crashed"));
        let built = common::builds(&module, &tree);
        assert_eq!(built.modules.len(), 1);
    }
}

#[test]
fn b52_warnings_of_a_build_that_works() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b52");
        let text = HELLO.replace("\treturn 0;", "\tint unused_one;\n\n\treturn 0;");
        let source = scratch.write("p/test.c", &text);
        let built = builds(&source, &tree);
        let diagnostic = find(&built.diagnostics, "B-52");
        assert_eq!(diagnostic.severity, Severity::Warning);
        let place = diagnostic.evidence.first().unwrap();
        let Evidence::Source { path, span, label, .. } = place else { panic!("{place:?}") };
        assert_eq!((path, label.as_str()), (&source, "-Wunused-variable"));
        assert_eq!((span.line, span.column, span.end_column), (7, 6, 16), "behind a tab");
    }
}
