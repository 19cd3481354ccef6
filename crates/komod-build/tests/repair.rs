//! Damaged copies of real kernel trees, repaired: the module is the one that the whole tree makes.
#![forbid(unsafe_code)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{HELLO, Scratch, find, options, shown, trees_in_turn};
use komod_build::overlay::{Repair, Spares};
use komod_build::{Built, Options, Project, Tree, build};
use komod_diag::Severity;
use komod_object::Module;
use komod_object::diff::{self, Level};
use komod_object::symvers::Symvers;

/// What is left when nothing but the damaged tree is there.
fn nothing(scratch: &Scratch) -> Spares {
    Spares { cache: Some(scratch.0.join("cache")), ..Spares::default() }
}

/// The folder that the packages of the tree's kernel were unpacked to.
fn root(tree: &Tree) -> &Path {
    tree.path.ancestors().nth(3).unwrap()
}

fn image(tree: &Tree) -> PathBuf {
    root(tree).join(format!("boot/vmlinuz-{}", tree.release))
}

fn stock_modules(tree: &Tree) -> PathBuf {
    root(tree).join("lib/modules").join(&tree.release)
}

fn with(spares: Spares) -> Options {
    Options { repair: Repair::From(spares), ..options() }
}

fn builds(project: &Path, tree: &Tree, options: &Options) -> Built {
    match build(&Project::open(project).unwrap(), tree, options) {
        Ok(built) => built,
        Err(error) => panic!("{}\n{}", shown(&error.diagnostics), error.log.text()),
    }
}

/// The module that the undamaged tree makes of the same source.
fn whole(scratch: &Scratch, tree: &Tree, source: &Path) -> Vec<u8> {
    let options = Options { out: Some(scratch.0.join("whole")), ..options() };
    fs::read(&builds(source, tree, &options).modules[0]).unwrap()
}

/// Equal but for debugging information, which names the folder of the overlay.
#[track_caller]
fn same_module(a: &[u8], b: &[u8]) {
    let found = diff::compare(a, b, &diff::Options::default()).unwrap();
    let texts: Vec<String> = found.differences.iter().map(ToString::to_string).collect();
    assert!(found.level >= Level::Stripped, "{texts:#?}");
}

/// Uses an exported symbol of the kernel with a licence, and one of a module.
fn demanding() -> String {
    HELLO
        .replace(
            "#include <linux/module.h>\n",
            "#include <linux/module.h>\n#include <linux/slab.h>\n#include <linux/workqueue.h>\n",
        )
        .replace("\treturn 0;", "\tkfree(kmalloc(8, GFP_KERNEL));\n\treturn system_wq ? 0 : -1;")
}

/// Every note of the repair says from what, and leaves the tree alone.
#[track_caller]
fn is_noted(built: &Built, code: &str, origin: &str) {
    let note = find(&built.diagnostics, code);
    assert_eq!(note.severity, Severity::Note);
    let text = shown(std::slice::from_ref(note));
    assert!(text.contains("repaired for this build") && text.contains(origin), "{text}");
}

#[test]
fn the_configuration_is_made_anew() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("conf");
        let source = scratch.write("p/test.c", &demanding());
        let files = ["include/config/auto.conf", "include/generated/autoconf.h"];
        let broken = scratch.tree_without(&tree, &files);
        let built = builds(&source, &broken, &with(nothing(&scratch)));
        is_noted(&built, "B-03", ".config");
        same_module(&fs::read(&built.modules[0]).unwrap(), &whole(&scratch, &tree, &source));
        for file in files {
            assert!(!broken.file(file).exists(), "the tree is as it was");
        }
        // A second time nothing is made anew.
        let before = fs::metadata(&built.modules[0]).unwrap().modified().unwrap();
        let again = builds(&source, &broken, &with(nothing(&scratch)));
        assert_eq!(fs::metadata(&again.modules[0]).unwrap().modified().unwrap(), before);
    }
}

/// The two files say what the kernel's own say.
#[test]
fn the_configuration_is_the_same() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("conf-same");
        let files = ["include/config/auto.conf", "include/generated/autoconf.h"];
        let broken = scratch.tree_without(&tree, &files);
        let repaired =
            komod_build::overlay::repair(&broken, &Repair::From(nothing(&scratch)), None);
        for file in files {
            let lines = |tree: &Tree| {
                let text = fs::read_to_string(tree.file(file)).unwrap();
                let mut lines: Vec<String> = text
                    .lines()
                    .filter(|line| line.contains("CONFIG_"))
                    // A hexadecimal zero may be written without its 0x.
                    .map(|line| line.replace("=0x0", "=0").replace(" 0x0", " 0"))
                    .collect();
                lines.sort();
                lines
            };
            let (ours, theirs) = (lines(&repaired.tree), lines(&tree));
            assert!(theirs.len() > 5000);
            let other: Vec<_> = ours.iter().filter(|line| !theirs.contains(line)).collect();
            assert!(other.is_empty() && ours.len() == theirs.len(), "{file}: {other:?}");
        }
    }
}

#[test]
fn module_symvers_comes_from_the_kernel_itself() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("symvers");
        let source = scratch.write("p/test.c", &demanding());
        let broken = scratch.tree_without(&tree, &["Module.symvers"]);
        let spares = Spares {
            images: vec![image(&tree)],
            modules: vec![stock_modules(&tree)],
            ..nothing(&scratch)
        };
        let built = builds(&source, &broken, &with(spares.clone()));
        is_noted(&built, "B-05", "vmlinuz-");
        let bytes = fs::read(&built.modules[0]).unwrap();
        same_module(&bytes, &whole(&scratch, &tree, &source));
        let module = Module::parse(&bytes).unwrap();
        assert!(module.versions().unwrap().get("module_layout").is_some());
        // The list is the kernel's own, symbol by symbol.
        let repaired = komod_build::overlay::repair(&broken, &Repair::From(spares), None);
        let ours = fs::read(repaired.tree.file("Module.symvers")).unwrap();
        let theirs = fs::read(tree.file("Module.symvers")).unwrap();
        let (ours, theirs) = (Symvers::parse(&ours).unwrap(), Symvers::parse(&theirs).unwrap());
        assert_eq!(ours.entries().len(), theirs.entries().len());
        for entry in theirs.entries() {
            assert_eq!(ours.get(entry.name), Some(entry));
        }
    }
}

#[test]
fn module_symvers_comes_from_checksums_of_modules() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("harvest");
        let source = scratch.write("p/test.c", &demanding());
        let broken = scratch.tree_without(&tree, &["Module.symvers"]);
        fs::write(broken.file("Module.symvers"), "").unwrap();
        let spares = Spares { modules: vec![stock_modules(&tree)], ..nothing(&scratch) };
        let built = builds(&source, &broken, &with(spares.clone()));
        is_noted(&built, "B-06", "licences and namespaces are not known");
        same_module(&fs::read(&built.modules[0]).unwrap(), &whole(&scratch, &tree, &source));
        let repaired = komod_build::overlay::repair(&broken, &Repair::From(spares), None);
        let ours = fs::read(repaired.tree.file("Module.symvers")).unwrap();
        let theirs = fs::read(tree.file("Module.symvers")).unwrap();
        let (ours, theirs) = (Symvers::parse(&ours).unwrap(), Symvers::parse(&theirs).unwrap());
        println!("{}: {} of {}", tree.release, ours.entries().len(), theirs.entries().len());
        assert!(ours.entries().len() * 10 > theirs.entries().len() * 7);
        for entry in ours.entries() {
            assert_eq!(theirs.get(entry.name).map(|e| e.crc), Some(entry.crc), "{}", entry.name);
        }
    }
}

#[test]
fn a_symbol_without_a_checksum_is_refused() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("refuse");
        let source = scratch.write("p/test.c", &demanding());
        let broken = scratch.tree_without(&tree, &["Module.symvers"]);
        // A kernel of which only one module is there, which knows little.
        let modules = scratch.0.join("few");
        let some = stock_modules(&tree).join("kernel/lib");
        fs::create_dir_all(modules.join("kernel")).unwrap();
        for entry in fs::read_dir(some).unwrap().flatten().take(3) {
            if entry.path().is_file() {
                fs::copy(entry.path(), modules.join("kernel").join(entry.file_name())).unwrap();
            }
        }
        let spares = Spares { modules: vec![modules], ..nothing(&scratch) };
        let error = build(&Project::open(&source).unwrap(), &broken, &with(spares)).unwrap_err();
        assert!(error.diagnostics.iter().any(|d| d.is_error()), "{}", shown(&error.diagnostics));
    }
}

#[test]
fn missing_programs_and_headers_come_from_a_tree_of_the_same_release() {
    for tree in trees_in_turn() {
        let damage = [
            ("B-08", "scripts/mod/modpost"),
            ("B-11", "tools/objtool/objtool"),
            ("B-14", "scripts/genksyms/genksyms"),
            ("B-15", "arch/x86/module.lds"),
            ("B-16", "include/generated/utsrelease.h"),
            ("B-17", "arch/x86/include/generated/asm"),
            ("B-18", "Makefile"),
        ];
        let scratch = Scratch::new("files");
        let text = HELLO.replace(
            "module_init(",
            "void shared(void);\nvoid shared(void) {}\nEXPORT_SYMBOL(shared);\nmodule_init(",
        );
        let source = scratch.write("p/test.c", &text);
        let broken = scratch.tree_without(&tree, &damage.map(|(_, file)| file));
        let spares = Spares { trees: vec![tree.path.clone()], ..nothing(&scratch) };
        let built = builds(&source, &broken, &with(spares));
        for (code, _) in damage {
            is_noted(&built, code, "");
        }
        same_module(&fs::read(&built.modules[0]).unwrap(), &whole(&scratch, &tree, &source));
    }
}

#[test]
fn debians_modpost_is_made_whole() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("b09");
        let broken = scratch.tree_without(&tree, &["scripts/mod/modpost.real-lsb-64"]);
        let spares = Spares { trees: vec![tree.path.clone()], ..nothing(&scratch) };
        let repaired = komod_build::overlay::repair(&broken, &Repair::From(spares), None);
        assert_eq!(repaired.diagnostics[0].code, "B-09");
        assert!(repaired.tree.has("scripts/mod/modpost.real-lsb-64"));
    }
}

#[test]
fn komod_has_a_fixdep_of_its_own() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("fixdep");
        let source = scratch.write("p/test.c", &demanding());
        let broken = scratch.tree_without(&tree, &["scripts/basic/fixdep"]);
        let built = builds(&source, &broken, &with(nothing(&scratch)));
        is_noted(&built, "B-10", "a script of komod's own");
        same_module(&fs::read(&built.modules[0]).unwrap(), &whole(&scratch, &tree, &source));
        // It notes what it must: nothing is compiled again, a changed source is.
        let time = |built: &Built| fs::metadata(&built.modules[0]).unwrap().modified().unwrap();
        let again = builds(&source, &broken, &with(nothing(&scratch)));
        assert_eq!(time(&built), time(&again));
        fs::write(&source, demanding().replace("Start", "Begin")).unwrap();
        let changed = builds(&source, &broken, &with(nothing(&scratch)));
        assert!(fs::read(&changed.modules[0]).unwrap().windows(5).any(|w| w == b"Begin"));
    }
}

#[test]
fn a_tree_that_is_gone_is_replaced_by_another_of_its_release() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("gone");
        let source = scratch.write("p/test.c", HELLO);
        let gone = Tree { path: scratch.0.join("modules/build"), ..tree.clone() };
        let spares = Spares { trees: vec![tree.path.clone()], ..nothing(&scratch) };
        let built = builds(&source, &gone, &with(spares));
        assert!(find(&built.diagnostics, "B-19").title.contains("built with another"));
    }
}

#[test]
fn whole_trees_are_left_alone() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("left");
        let repaired = komod_build::overlay::repair(&tree, &Repair::From(nothing(&scratch)), None);
        assert_eq!((repaired.tree, repaired.diagnostics.len()), (tree, 0));
        assert!(!scratch.0.join("cache").exists());
    }
}
