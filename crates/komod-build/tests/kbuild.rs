//! Builds with the real kbuild of real kernel trees.
#![forbid(unsafe_code)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{HELLO, Scratch, find, options, shown, trees, trees_in_turn};
use komod_build::{Built, Options, Project, Tree, build, compile_builtin};

fn make(project: &Path, tree: &Tree, options: &Options) -> Built {
    let project = Project::open(project).unwrap();
    match build(&project, tree, options) {
        Ok(built) => built,
        Err(error) => panic!("{}\n{}", shown(&error.diagnostics), error.log.text()),
    }
}

fn names(built: &Built) -> Vec<String> {
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    built.modules.iter().map(name).collect()
}

/// All files below a folder but those in `target`.
fn listing(dir: &Path) -> BTreeSet<PathBuf> {
    let mut all = BTreeSet::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        if entry.file_name() == "target" {
            continue;
        }
        if entry.path().is_dir() {
            all.extend(listing(&entry.path()));
        }
        all.insert(entry.path());
    }
    all
}

fn tool(program: &str, args: &[&str], file: &Path) -> String {
    let output = Command::new(program).args(args).arg(file).output().unwrap();
    assert!(output.status.success(), "{program} {}", file.display());
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_folder_with_a_makefile() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("folder");
        scratch.write("p/hello.c", HELLO);
        scratch.write("p/Makefile", "obj-m := hello.o\nall:\n\tmake -C /nowhere M=$(PWD)\n");
        let project = scratch.0.join("p");
        let before = listing(&project);
        let built = make(&project, &tree, &options());
        assert_eq!(names(&built), ["hello.ko"]);
        let place = project.join("target/komod").join(&tree.release);
        assert_eq!(built.modules, [place.join("hello.ko")]);
        assert_eq!(listing(&project), before, "nothing is written beside the sources");
        let info = tool("modinfo", &["-F", "vermagic"], &built.modules[0]);
        assert!(info.starts_with(&tree.release), "{info}");
        let strings = tool("strings", &["-a"], &built.modules[0]);
        assert!(!strings.contains(&*place.join("hello.c").to_string_lossy()));
        assert!(
            strings.contains(&*project.to_string_lossy()),
            "debug information names the source"
        );
    }
}

#[test]
fn a_single_file_needs_no_makefile() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("single");
        let file = scratch.write("p/one.c", &format!("#include \"own.h\"\n{HELLO}"));
        scratch.write("p/own.h", "#include \"below/deep.h\"\n");
        scratch.write("p/below/deep.h", "#include \"../../above.h\"\n");
        scratch.write("above.h", "");
        assert_eq!(names(&make(&file, &tree, &options())), ["one.ko"]);
        assert_eq!(names(&make(&scratch.0.join("p"), &tree, &options())), ["one.ko"]);
        scratch.write("p/two.c", HELLO);
        assert_eq!(
            names(&make(&file, &tree, &options())),
            ["one.ko"],
            "its neighbour is not built"
        );
    }
}

#[test]
fn several_modules_come_exporters_first() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("several");
        let export = HELLO.replace("module_init", "int z_answer(void);\nint z_answer(void)\n{\n\treturn 42;\n}\nEXPORT_SYMBOL(z_answer);\nmodule_init");
        let user = HELLO
            .replace("\treturn 0;", "\treturn z_answer() - 42;")
            .replace("static int", "int z_answer(void);\nstatic int");
        scratch.write("p/a-user.c", &user);
        scratch.write("p/z_base.c", &export);
        scratch.write("p/sub/part1.c", HELLO);
        scratch.write("p/sub/part2.c", "#include \"part.h\"\nint part(void)\n{\n\treturn 1;\n}\n");
        scratch.write("p/sub/part.h", "int part(void);\n");
        scratch.write("p/sub/Makefile", "obj-m := whole.o\nwhole-y := part1.o part2.o\n");
        scratch.write("p/Makefile", "obj-m := a-user.o z_base.o sub/\n");
        let built = make(&scratch.0.join("p"), &tree, &options());
        let names = names(&built);
        let place = |name: &str| names.iter().position(|known| known == name).unwrap();
        assert_eq!(names.len(), 3);
        assert!(place("z_base.ko") < place("a-user.ko"), "{names:?}");
        assert!(built.modules[place("whole.ko")].parent().unwrap().ends_with("sub"));
    }
}

#[test]
fn the_second_build_does_only_what_is_needed() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("again");
        let a = scratch.write("p/a.c", HELLO);
        scratch.write("p/b.c", HELLO);
        scratch.write("p/Makefile", "obj-m := a.o b.o\n");
        let project = scratch.0.join("p");
        let compiled =
            |built: &Built| built.log.lines.iter().filter(|line| line.contains("CC [M]")).count();
        let first = make(&project, &tree, &options());
        assert!(compiled(&first) >= 4, "{}", first.log.text());
        let ko = first.modules[0].clone();
        let time = fs::metadata(&ko).unwrap().modified().unwrap();
        let second = make(&project, &tree, &options());
        assert_eq!(compiled(&second), 0, "{}", second.log.text());
        assert_eq!(fs::metadata(&ko).unwrap().modified().unwrap(), time);
        fs::write(&a, HELLO.replace("Start", "Again")).unwrap();
        let third = make(&project, &tree, &options());
        assert_eq!(compiled(&third), 1, "{}", third.log.text());
        assert!(tool("strings", &["-a"], &ko).contains("===Test Module Again!==="));
        fs::remove_file(project.join("b.c")).unwrap();
        scratch.write("p/Makefile", "obj-m := a.o\n");
        let fourth = make(&project, &tree, &options());
        assert_eq!(names(&fourth), ["a.ko"]);
        assert!(!fourth.folder.join("b.ko").exists() && !fourth.folder.join("b.o").exists());
    }
}

#[test]
fn the_environment_of_the_user_does_not_reach_kbuild() {
    // Set by a parent, since a test must not change its own environment.
    if std::env::var_os("KOMOD_TEST_HOSTILE").is_none() {
        let this = std::env::current_exe().unwrap();
        let name = "the_environment_of_the_user_does_not_reach_kbuild";
        let status = Command::new(this)
            .args(["--exact", name, "--nocapture"])
            .envs([("KOMOD_TEST_HOSTILE", "1"), ("ARCH", "arm64"), ("CC", "no-such-cc")])
            .envs([("CROSS_COMPILE", "aarch64-linux-gnu-"), ("MAKEFLAGS", "-n"), ("O", "/nowhere")])
            .envs([("KBUILD_OUTPUT", "/nowhere"), ("KBUILD_EXTMOD", "/nowhere"), ("M", "/nowhere")])
            .envs([("CPATH", "/nowhere"), ("KCFLAGS", "-Wno-such-option-at-all"), ("LLVM", "1")])
            .status();
        assert!(status.unwrap().success());
        return;
    }
    for tree in trees_in_turn() {
        let scratch = Scratch::new("hostile");
        let file = scratch.write("p/x.c", HELLO);
        assert_eq!(names(&make(&file, &tree, &options())), ["x.ko"]);
    }
}

#[test]
fn paths_that_make_cannot_take() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("odd");
        scratch.write("my module: 50%/x.c", HELLO);
        scratch.write("my module: 50%/Makefile", "obj-m := x.o\n");
        let project = scratch.0.join("my module: 50%");
        let options = Options { out: Some(project.join("out")), ..options() };
        let built = make(&project, &tree, &options);
        assert_eq!(names(&built), ["x.ko"]);
        assert!(!built.folder.starts_with(&project));
        let note = find(&built.diagnostics, "B-22");
        assert!(note.title.contains(&*built.folder.to_string_lossy()));
        scratch.write("my module: 50%/x.c", "#include <linux/module.h>\nint x = y;\n");
        let project = Project::open(&project).unwrap();
        let error = build(&project, &tree, &options).unwrap_err();
        let text = shown(&error.diagnostics);
        assert!(text.contains("my module: 50%/x.c:2:9"), "{text}");
        fs::remove_dir_all(built.folder.parent().unwrap()).unwrap();
    }
}

#[test]
fn builds_at_the_same_time_do_not_disturb_each_other() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("parallel");
        let file = scratch.write("p/x.c", HELLO);
        std::thread::scope(|scope| {
            let builds: Vec<_> =
                (0..3).map(|_| scope.spawn(|| names(&make(&file, &tree, &options())))).collect();
            for build in builds {
                assert_eq!(build.join().unwrap(), ["x.ko"]);
            }
        });
    }
}

#[test]
fn one_folder_serves_every_kernel() {
    let trees = trees();
    let scratch = Scratch::new("kernels");
    scratch.write("p/x.c", HELLO);
    scratch.write("p/Makefile", "obj-m := x.o\n");
    for _ in 0..2 {
        for tree in &trees {
            let built = make(&scratch.0.join("p"), tree, &options());
            let magic = tool("modinfo", &["-F", "vermagic"], &built.modules[0]);
            assert!(magic.starts_with(&tree.release), "{magic}");
        }
    }
}

#[test]
fn built_in_objects() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("builtin");
        scratch.write("p/one.c", HELLO);
        scratch.write(
            "p/sub/a.c",
            &HELLO.replace("module_init", "device_initcall").replace(
                "module_exit(test_exit);",
                "void used(void);\nvoid used(void) { test_exit(); }",
            ),
        );
        scratch.write("p/sub/b.c", "int part(void);\nint part(void)\n{\n\treturn 1;\n}\n");
        scratch.write("p/sub/Kbuild", "obj-m := whole.o\nwhole-objs := a.o b.o\n");
        scratch.write(
            "p/Makefile",
            "ifneq ($(KERNELRELEASE),)\nobj-m := one.o sub/\nelse\nall:\n\tfalse\nendif\n",
        );
        let project = Project::open(scratch.0.join("p")).unwrap();
        let objects = match compile_builtin(&project, &tree, &options()) {
            Ok(objects) => objects,
            Err(error) => panic!("{}\n{}", shown(&error.diagnostics), error.log.text()),
        };
        let names: Vec<_> = objects.iter().map(|object| object.name.as_str()).collect();
        assert_eq!(names, ["one", "whole"]);
        for object in &objects {
            let sections = tool("readelf", &["-SW"], &object.object);
            assert!(sections.contains(".initcall6.init"), "{sections}");
            assert!(!sections.contains(".gnu.linkonce.this_module"));
            let symbols = tool("nm", &[], &object.object);
            assert!(!symbols.contains("init_module"), "{symbols}");
            assert!(!symbols.contains("__this_module"), "{symbols}");
        }
        assert!(tool("nm", &[], &objects[1].object).contains(" part\n"));
        // The modules of the same project are not disturbed.
        assert_eq!(make(&scratch.0.join("p"), &tree, &options()).modules.len(), 2);
    }
}

#[test]
fn every_example_builds_without_a_warning() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    for tree in trees_in_turn() {
        let scratch = Scratch::new("examples");
        for entry in fs::read_dir(&examples).unwrap().map(Result::unwrap) {
            if !entry.path().is_dir() {
                continue;
            }
            let out = scratch.0.join(entry.file_name());
            let options =
                Options { out: Some(out), variables: vec![("W".into(), "1".into())], ..options() };
            let built = make(&entry.path(), &tree, &options);
            assert!(!built.modules.is_empty());
            let log = built.log.text();
            assert!(!log.contains("warning:") && !log.contains("WARNING:"), "{log}");
        }
    }
}

#[test]
fn every_case_builds_without_a_warning() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases");
    for tree in trees_in_turn() {
        let scratch = Scratch::new("cases");
        let mut makefile = String::from("obj-m :=");
        for entry in fs::read_dir(&cases).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "c") {
                let name = path.file_stem().unwrap().to_string_lossy().into_owned();
                scratch.write(&format!("p/{name}.c"), &fs::read_to_string(&path).unwrap());
                makefile.push_str(&format!(" {name}.o"));
            }
        }
        scratch.write("p/Makefile", &makefile);
        let options =
            Options { variables: vec![("KBUILD_MODPOST_WARN".into(), "1".into())], ..options() };
        let built = make(&scratch.0.join("p"), &tree, &options);
        assert!(built.modules.len() > 15);
        let warnings: Vec<_> = built
            .log
            .lines
            .iter()
            .filter(|line| {
                (line.contains("warning:") || line.contains("WARNING:"))
                    && !line.contains("komod_has_no_such_function")
            })
            .collect();
        assert!(warnings.is_empty(), "{warnings:#?}");
    }
}

#[test]
fn folders_beside_the_project_are_found() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("beside");
        scratch.write("top/include/shared.h", "#define SHARED 1\n");
        scratch.write("top/config.mk", "ccflags-y += -DFROM_CONFIG\n");
        let source = "#include <shared.h>\n#include \"../include/shared.h\"\n#ifndef FROM_CONFIG\n#error\n#endif\n";
        scratch.write("top/driver/x.c", &format!("{source}{HELLO}"));
        let makefile =
            "include $(src)/../config.mk\nccflags-y += -I$(src)/../include\nobj-m := x.o\n";
        scratch.write("top/driver/Makefile", makefile);
        let built = make(&scratch.0.join("top/driver"), &tree, &options());
        assert_eq!(names(&built), ["x.ko"]);
        assert!(
            compile_builtin(
                &Project::open(scratch.0.join("top/driver")).unwrap(),
                &tree,
                &options()
            )
            .is_ok()
        );
    }
}

#[test]
fn nothing_is_written_to_the_kernel_tree() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("untouched");
        let file = scratch.write("p/x.c", HELLO);
        assert_eq!(
            names(&make(&file, &tree, &Options { out: Some(scratch.0.join("o")), ..options() })),
            ["x.ko"]
        );
        let tree_is_untouched = |path: &str| !tree.file(path).exists();
        for left in ["x.o", ".tmp_versions", "modules.order", ".module-common.o"] {
            assert!(tree_is_untouched(left), "{left} in the kernel tree");
        }
    }
}
