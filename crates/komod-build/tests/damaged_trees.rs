//! Damaged copies of real kernel trees that are not repaired: kbuild's words, and what komod makes
//! of them.
#![forbid(unsafe_code)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use common::{
    HELLO, Scratch, builds, fails, fails_with, find, is_complete, options, shown, trees_in_turn,
};
use komod_build::overlay::{Repair, Spares, repair};
use komod_build::{Options, Tree};
use komod_diag::Evidence;

fn exporting() -> String {
    HELLO.replace(
        "module_init(",
        "void shared(void);\nvoid shared(void)\n{\n}\nEXPORT_SYMBOL(shared);\nmodule_init(",
    )
}

/// A program in the copy of a tree, in place of the real one.
fn program(path: &Path, bytes: &[u8]) {
    let _ = fs::remove_file(path);
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn b04_kbuild_with_an_empty_m() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b04");
        let source = scratch.write("p/test.c", HELLO);
        // A whole copy: kbuild writes into it.
        let packages = tree.path.ancestors().nth(3).unwrap();
        let status =
            Command::new("cp").arg("-a").arg(packages.join("usr")).arg(&scratch.0).status();
        assert!(status.unwrap().success());
        let copy = scratch.0.join("usr/src").join(tree.path.file_name().unwrap());
        assert!(copy.starts_with(std::env::temp_dir()) && copy.join("Makefile").exists());
        let copy = Tree { path: copy, ..tree.clone() };
        // The makefile is the first thing that kbuild replaces; the link would be followed.
        let common = copy.included_makefile().unwrap();
        assert!(fs::canonicalize(&common).unwrap().starts_with(&scratch.0));
        let output =
            Command::new("make").arg("-C").arg(&copy.path).args(["M=", "modules"]).output();
        let output = output.unwrap();
        let words =
            String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
        assert!(words.contains("Deleting file 'include/generated/autoconf.h'"), "{words}");
        let error = fails(&source, &copy);
        let diagnostic = find(&error.diagnostics, "B-04");
        is_complete(diagnostic, "configuration is invalid", "include/generated/autoconf.h");
        assert_eq!(error.diagnostics.iter().filter(|d| d.is_error()).count(), 1);
        let spares = Spares { cache: Some(scratch.0.join("cache")), ..Spares::default() };
        let built = builds_with(&source, &copy, spares);
        assert!(find(&built.diagnostics, "B-04").title.contains("repaired"));
    }
}

fn builds_with(source: &Path, tree: &Tree, spares: Spares) -> komod_build::Built {
    let options = Options { repair: Repair::From(spares), ..options() };
    let project = komod_build::Project::open(source).unwrap();
    match komod_build::build(&project, tree, &options) {
        Ok(built) => built,
        Err(error) => panic!("{}\n{}", shown(&error.diagnostics), error.log.text()),
    }
}

#[test]
fn b07_a_damaged_line() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b07");
        let module = scratch.write("p/x.c", HELLO);
        let broken = scratch.tree_without(&tree, &["Module.symvers"]);
        let text = fs::read_to_string(tree.file("Module.symvers")).unwrap();
        let damaged: Vec<String> = text
            .lines()
            .enumerate()
            .map(|(n, line)| if n == 6 { line.replace('\t', "    ") } else { line.to_owned() })
            .collect();
        fs::write(broken.file("Module.symvers"), damaged.join("\n")).unwrap();
        let error = fails(&module, &broken);
        let diagnostic = find(&error.diagnostics, "B-07");
        is_complete(diagnostic, "parse error in symbol dump file", "");
        assert!(
            diagnostic
                .evidence
                .iter()
                .any(|e| matches!(e, Evidence::Source { span, .. } if span.line == 7)),
            "{diagnostic:#?}"
        );
        let spares = Spares {
            trees: vec![tree.path.clone()],
            cache: Some(scratch.0.join("cache")),
            ..Spares::default()
        };
        let built = builds_with(&module, &broken, spares);
        assert!(find(&built.diagnostics, "B-07").title.contains("repaired"));
    }
}

#[test]
fn b09_b14_b15_b16_b17_files_of_the_tree() {
    for tree in trees_in_turn() {
        for (code, file, words) in [
            ("B-09", "scripts/mod/modpost.real-lsb-64", "Error 255"),
            ("B-14", "scripts/genksyms/genksyms", "scripts/genksyms/genksyms"),
            ("B-15", "arch/x86/module.lds", "cannot open linker script"),
            ("B-16", "include/generated/utsrelease.h", "utsrelease.h: No such file"),
            ("B-17", "arch/x86/include/generated/asm/rwonce.h", "asm/rwonce.h"),
        ] {
            let scratch = Scratch::new(code);
            let module = scratch.write("p/x.c", &exporting());
            let error = fails(&module, &scratch.tree_without(&tree, &[file]));
            is_complete(find(&error.diagnostics, code), words, file);
            let errors = error.diagnostics.iter().filter(|d| d.is_error()).count();
            assert_eq!(errors, 1, "{}", shown(&error.diagnostics));
        }
    }
}

#[test]
fn b12_objtool_without_its_variable() {
    for tree in trees_in_turn() {
        // Debian's 6.1 has no wrapper that asks for it.
        if !tree.has("tools/objtool/objtool.real-x86") {
            continue;
        }
        let scratch = Scratch::new("b12");
        scratch.write("p/test.c", HELLO);
        scratch.write("p/Makefile", "obj-m := test.o\nunexport SRCARCH\n");
        builds(&scratch.0.join("p"), &tree); // komod itself gives objtool what it asks for
        let by_kbuild = Options { kbuild: true, ..options() };
        let error = fails_with(&scratch.0.join("p"), &tree, &by_kbuild);
        is_complete(find(&error.diagnostics, "B-12"), "SRCARCH", "");
    }
}

#[test]
fn b13_a_library_is_missing() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b13");
        let module = scratch.write("p/x.c", HELLO);
        // A library that is none: the loader's words differ from those for a missing one only
        // at the end.
        scratch.write("lib/libelf.so.1", "");
        let mut tree = tree.clone();
        tree.env.push(("LD_LIBRARY_PATH".into(), scratch.0.join("lib").into_os_string()));
        let error = fails(&module, &tree);
        let diagnostic = find(&error.diagnostics, "B-13");
        is_complete(diagnostic, "error while loading shared libraries", "");
        assert!(diagnostic.title.contains("lacks libelf.so.1"), "{}", diagnostic.title);
        assert!(diagnostic.hints.iter().any(|hint| hint.contains("libelf1")));
    }
}

#[test]
fn b20_programs_for_another_machine() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b20");
        let module = scratch.write("p/x.c", HELLO);
        let file = "scripts/basic/fixdep";
        let broken = scratch.tree_without(&tree, &[file]);
        let mut foreign = fs::read(tree.file(file)).unwrap();
        // e_machine: AArch64.
        foreign[18] = 183;
        program(&broken.file(file), &foreign);
        let error = fails(&module, &broken);
        is_complete(find(&error.diagnostics, "B-20"), "", file);
        let spares = Spares { cache: Some(scratch.0.join("cache")), ..Spares::default() };
        let repaired = repair(&broken, &Repair::From(spares.clone()), None);
        assert_eq!(repaired.diagnostics[0].code, "B-20");
        builds_with(&module, &broken, spares);
    }
}

#[test]
fn b38_a_compiler_of_another_family() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b38");
        let module = scratch.write("p/x.c", HELLO);
        // What clang 14 says to gcc's options.
        let clang = scratch.write(
            "clang",
            "#!/bin/sh\ncase \"$*\" in\n*-mrecord-mcount*|*-mpreferred-stack-boundary*)\n\
             echo \"clang: error: unknown argument: '-mrecord-mcount'\" >&2; exit 1;;\nesac\nexec gcc-12 \"$@\"\n",
        );
        fs::set_permissions(&clang, fs::Permissions::from_mode(0o755)).unwrap();
        let options =
            Options { variables: vec![("CC".into(), clang.display().to_string())], ..options() };
        let error = fails_with(&module, &tree, &options);
        is_complete(find(&error.diagnostics, "B-38"), "unknown argument", "");
    }
}

#[test]
fn b40_a_vmlinux_without_the_program_for_it() {
    for tree in trees_in_turn() {
        if tree.has("vmlinux") {
            continue;
        }
        let scratch = Scratch::new("b40");
        let module = scratch.write("p/x.c", HELLO);
        let copy = scratch.tree_without(&tree, &["vmlinux"]);
        fs::write(copy.file("vmlinux"), "copied from /sys/kernel/btf").unwrap();
        let built = builds(&module, &copy);
        let note = find(&built.diagnostics, "B-40");
        assert!(shown(std::slice::from_ref(note)).contains("resolve_btfids"));
        assert!(built.diagnostics.iter().all(|d| d.code != "B-39"));
    }
}

#[test]
fn b41_no_type_information_is_no_error() {
    for tree in trees_in_turn() {
        if tree.has("vmlinux") {
            continue;
        }
        let scratch = Scratch::new("b41");
        let built = builds(&scratch.write("p/x.c", HELLO), &tree);
        assert!(find(&built.diagnostics, "B-41").explanation.contains("no error"));
    }
}

#[test]
fn b46_a_kernel_without_modules() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b46");
        let module = scratch.write("p/x.c", HELLO);
        let file = "include/config/auto.conf";
        let copy = scratch.tree_without(&tree, &[file]);
        let text = fs::read_to_string(tree.file(file)).unwrap();
        fs::write(copy.file(file), text.replace("CONFIG_MODULES=y\n", "")).unwrap();
        let error = fails(&module, &copy);
        is_complete(find(&error.diagnostics, "B-46"), "The present kernel", "");
        assert_eq!(error.diagnostics.iter().filter(|d| d.is_error()).count(), 1);
    }
}
