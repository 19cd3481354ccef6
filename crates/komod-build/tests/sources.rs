//! Mistakes in the user's own files: kbuild's words, what komod makes of them, and its fixes.
#![forbid(unsafe_code)]

mod common;

use std::fs;
use std::time::{Duration, SystemTime};

use common::{
    HELLO, Scratch, builds, builds_by, fails, find, is_complete, options, shown, trees,
    trees_in_turn,
};
use komod_build::{Options, apply_fixes};
use komod_diag::Severity;

#[test]
fn b23_a_colon_in_the_path() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b23");
        let source = scratch.write("a:b/test.c", HELLO);
        let built = builds(&source, &tree);
        let note = find(&built.diagnostics, "B-23");
        assert!(note.title.contains(&*built.folder.to_string_lossy()));
        assert!(built.diagnostics.iter().all(|d| d.code != "B-22"));
        fs::remove_dir_all(built.folder.parent().unwrap()).unwrap();
    }
}

#[test]
fn b24_subdirs() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b24");
        scratch.write("p/test.c", HELLO);
        let text = "obj-m := test.o\n# SUBDIRS= in a comment stays\nall:\n\tmake -C /lib/modules/$(shell uname -r)/build SUBDIRS=$(PWD) modules\n";
        let makefile = scratch.write("p/Makefile", text);
        let built = builds(&scratch.0.join("p"), &tree);
        assert_eq!(find(&built.diagnostics, "B-24").severity, Severity::Warning);
        apply_fixes(&built.diagnostics).unwrap();
        let fixed = fs::read_to_string(&makefile).unwrap();
        assert_eq!(fixed, text.replace("build SUBDIRS=", "build M="));
    }
}

#[test]
fn b27_a_module_named_like_its_source() {
    for tree in trees_in_turn() {
        for (makefile, fixed, module) in [
            ("obj-m := test.o\ntest-y := test.o\n", "obj-m := test.o\n", "test.ko"),
            (
                "obj-m := test.o\ntest-objs := test.o other.o\n",
                "obj-m := test_mod.o\ntest_mod-objs := test.o other.o\n",
                "test_mod.ko",
            ),
        ] {
            let scratch = Scratch::new("b27");
            scratch.write("p/test.c", HELLO);
            scratch.write("p/other.c", "int other_thing;\n");
            let path = scratch.write("p/Makefile", makefile);
            let error = fails(&scratch.0.join("p"), &tree);
            is_complete(find(&error.diagnostics, "B-27"), "dependency dropped", "");
            apply_fixes(&error.diagnostics).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), fixed);
            let built = builds(&scratch.0.join("p"), &tree);
            assert!(built.modules[0].ends_with(module));
        }
    }
}

#[test]
fn b32_a_licence_that_forbids() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b32");
        let text = HELLO
            .replace(
                "#include <linux/module.h>",
                "#include <linux/module.h>\n#include <linux/debugfs.h>",
            )
            .replace("return 0;", "return debugfs_create_dir(\"x\", NULL) ? 0 : -1;")
            .replace("\"GPL\"", "\"Proprietary\"");
        let error = fails(&scratch.write("p/test.c", &text), &tree);
        let diagnostic = find(&error.diagnostics, "B-32");
        is_complete(diagnostic, "GPL-only symbol", "");
        let text = shown(std::slice::from_ref(diagnostic));
        assert!(text.contains("used here") && text.contains("not compatible"), "{text}");
        assert!(diagnostic.safe_fix().is_none(), "never by itself");
    }
}

#[test]
fn b33_a_namespace_is_not_imported() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b33");
        let text = HELLO
            .replace("static int", "int dma_buf_fd(void *, int);\nstatic int")
            .replace("return 0;", "return dma_buf_fd(0, 0);");
        let source = scratch.write("p/test.c", &text);
        let error = fails(&source, &tree);
        let diagnostic = find(&error.diagnostics, "B-33");
        is_complete(diagnostic, "does not import it", "");
        apply_fixes(&error.diagnostics).unwrap();
        assert!(fs::read_to_string(&source).unwrap().ends_with("MODULE_IMPORT_NS(DMA_BUF);\n"));
        builds(&source, &tree);
    }
}

#[test]
fn b35_a_long_name() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b35");
        let name = "a_name_of_fifty_six_or_more_characters_is_refused_by_modpost";
        let error = fails(&scratch.write(&format!("p/{name}.c"), HELLO), &tree);
        is_complete(find(&error.diagnostics, "B-35"), name, "");
    }
}

#[test]
fn b45_a_source_from_the_future() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b45");
        let source = scratch.write("p/test.c", HELLO);
        let file = fs::File::options().write(true).open(&source).unwrap();
        file.set_modified(SystemTime::now() + Duration::from_secs(9000)).unwrap();
        // komod looks whether a file is as it was, not how old it is.
        let built = builds(&source, &tree);
        assert!(built.diagnostics.iter().all(|d| d.code != "B-45"));
        let by_kbuild = Options { kbuild: true, ..options() };
        let built = builds_by(&source, &tree, &by_kbuild);
        let diagnostic = find(&built.diagnostics, "B-45");
        is_complete(diagnostic, "in the future", "test.c");
        assert!(diagnostic.hints[0].contains("touch "), "{diagnostic:#?}");
    }
}

#[test]
fn b47_symbols_of_a_module_that_is_not_built() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b47");
        scratch.write("other/Makefile", "obj-m := other.o\n");
        let missing = scratch.0.join("other/Module.symvers");
        scratch.write("p/test.c", HELLO);
        let makefile = format!("obj-m := test.o\nKBUILD_EXTRA_SYMBOLS := {}\n", missing.display());
        scratch.write("p/Makefile", &makefile);
        let error = fails(&scratch.0.join("p"), &tree);
        let diagnostic = find(&error.diagnostics, "B-47");
        is_complete(diagnostic, "No such file", "other/Module.symvers");
        assert!(diagnostic.hints[0].contains("komod build"), "{diagnostic:#?}");
    }
}

#[test]
fn b50_a_module_for_another_kernel_beside_the_sources() {
    let trees = trees();
    let [first, second, ..] = trees.as_slice() else {
        eprintln!("SKIPPED: one kernel tree is not enough");
        return;
    };
    let scratch = Scratch::new("b50");
    scratch.write("p/test.c", HELLO);
    scratch.write("p/Makefile", "obj-m := test.o\n");
    let project = scratch.0.join("p");
    let built = builds(&project, first);
    fs::copy(&built.modules[0], project.join("test.ko")).unwrap();
    assert!(builds(&project, first).diagnostics.iter().all(|d| d.code != "B-50"));
    let built = builds(&project, second);
    let note = find(&built.diagnostics, "B-50");
    assert!(shown(std::slice::from_ref(note)).contains(&first.release));
}
