//! What is built again after which change, and what is not.
#![forbid(unsafe_code)]

mod common;

use std::fs;
use std::path::Path;

use common::{Scratch, options, shown, trees_in_turn};
use komod_build::{Built, Options, Project, Tree, build};

const FIRST: &str = "\
#include <linux/module.h>
#include \"both.h\"

int second(int seed);

static int __init first_init(void)
{
\treturn second(BOTH) - second(BOTH);
}

static void __exit first_exit(void)
{
}

module_init(first_init);
module_exit(first_exit);
MODULE_DESCRIPTION(\"two files\");
MODULE_LICENSE(\"GPL\");
";

const SECOND: &str = "\
#include <linux/kernel.h>
#include \"both.h\"

int second(int seed);

int second(int seed)
{
\treturn seed + BOTH;
}
";

fn built(project: &Path, tree: &Tree, options: &Options) -> Built {
    match build(&Project::open(project).unwrap(), tree, options) {
        Ok(built) => built,
        Err(error) => panic!("{}\n{}", shown(&error.diagnostics), error.log.text()),
    }
}

/// What was done: the words and the products of the log's lines.
fn steps(built: &Built) -> Vec<String> {
    let mut steps = Vec::new();
    for line in &built.log.lines {
        let line = line.trim_start();
        let word = ["CC [M]", "AS [M]", "LD [M]", "MODPOST", "LIST"];
        if let Some(word) = word.iter().find(|word| line.starts_with(**word)) {
            let product = line.rsplit('/').next().unwrap_or_default();
            steps.push(format!("{word} {product}"));
        }
    }
    steps.sort();
    steps
}

#[test]
fn only_what_changed_is_built_again() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("again");
        scratch.write("p/Makefile", "obj-m := pair.o\npair-y := first.o second.o\n");
        scratch.write("p/first.c", FIRST);
        let second = scratch.write("p/second.c", SECOND);
        scratch.write("p/both.h", "#define BOTH 1\n");
        let project = scratch.0.join("p");
        let make = || built(&project, &tree, &options());
        let first = make();
        assert!(steps(&first).contains(&"CC [M] second.o".to_owned()), "{:?}", first.log.lines);
        let ko = first.modules.first().unwrap().clone();

        // Nothing; then the stamps of what was written just before are settled.
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert_eq!(steps(&make()), [""; 0]);
        assert_eq!(steps(&make()), [""; 0]);

        // The same text in another file.
        fs::remove_file(&second).unwrap();
        scratch.write("p/second.c", SECOND);
        assert_eq!(steps(&make()), [""; 0]);

        scratch.write("p/second.c", &SECOND.replace("seed + BOTH", "seed - BOTH"));
        let expected =
            ["CC [M] second.o", "LD [M] pair.ko", "LD [M] pair.o", "MODPOST Module.symvers"];
        assert_eq!(steps(&make()), expected);

        scratch.write("p/both.h", "#define BOTH 2\n");
        // A header that changed just before it was read is not trusted the next time.
        std::thread::sleep(std::time::Duration::from_millis(20));
        let done = steps(&make());
        assert!(
            done.contains(&"CC [M] first.o".into()) && done.contains(&"CC [M] second.o".into())
        );
        assert!(!done.contains(&"CC [M] pair.mod.o".into()), "{done:?}");

        let makefile = "obj-m := pair.o\npair-y := first.o second.o\nCFLAGS_first.o := -DX\n";
        scratch.write("p/Makefile", makefile);
        let done = steps(&make());
        assert!(
            done.contains(&"CC [M] first.o".into()) && !done.contains(&"CC [M] second.o".into())
        );

        fs::remove_file(&ko).unwrap();
        assert_eq!(steps(&make()), ["LD [M] pair.ko"]);
        let bytes = fs::read(&ko).unwrap();

        // A state that cannot be read counts as none, half a product is no product, and what an
        // interrupted build left goes.
        fs::write(first.folder.join(".komod-state.json"), "{").unwrap();
        fs::write(first.folder.join("second.o"), "half").unwrap();
        fs::write(first.folder.join(".komod-tmp-second.o"), "half").unwrap();
        assert!(steps(&make()).contains(&"CC [M] second.o".into()));
        assert!(!first.folder.join(".komod-tmp-second.o").exists());
        assert_eq!(fs::read(&ko).unwrap().len(), bytes.len());
    }
}

#[test]
fn kbuild_and_komod_do_not_trust_each_others_products() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("trust");
        scratch.write("p/Makefile", "obj-m := pair.o\npair-y := first.o second.o\n");
        scratch.write("p/first.c", FIRST);
        scratch.write("p/second.c", SECOND);
        scratch.write("p/both.h", "#define BOTH 1\n");
        let project = scratch.0.join("p");
        let kbuild = Options { kbuild: true, ..options() };
        built(&project, &tree, &options());
        let theirs = built(&project, &tree, &kbuild);
        assert!(theirs.log.contains("first.o"), "kbuild compiles: {}", theirs.log.text());
        let ours = built(&project, &tree, &options());
        assert!(steps(&ours).contains(&"CC [M] first.o".into()), "{}", ours.log.text());
    }
}

#[test]
fn a_failure_leaves_the_old_module_and_is_said_again() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("failure");
        let source = scratch.write("p/x.c", common::HELLO);
        let first = built(&source, &tree, &options());
        let ko = first.modules.first().unwrap();
        let bytes = fs::read(ko).unwrap();
        scratch.write("p/x.c", &common::HELLO.replace("return 0;", "return no_such_thing;"));
        for _ in 0..2 {
            let error = build(&Project::open(&source).unwrap(), &tree, &options()).unwrap_err();
            assert!(error.log.contains("no_such_thing"), "{}", error.log.text());
            assert!(error.log.command.starts_with("komod build"), "{}", error.log.command);
            assert_eq!(fs::read(ko).unwrap(), bytes);
        }
        scratch.write("p/x.c", common::HELLO);
        built(&source, &tree, &options());
    }
}

#[test]
fn a_makefile_that_takes_all_sources_finds_no_others() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("wildcard");
        let makefile = "obj-m := $(patsubst %.c,%.o,$(notdir $(wildcard $(src)/*.c)))\n";
        scratch.write("p/Makefile", makefile);
        scratch.write("p/one.c", common::HELLO);
        scratch.write("p/two.c", common::HELLO);
        let project = scratch.0.join("p");
        for kbuild in [false, true] {
            let options = komod_build::Options { kbuild, ..options() };
            for round in 0..3 {
                let made = built(&project, &tree, &options);
                assert_eq!(made.modules.len(), 2, "{kbuild} {round}: {:?}", made.modules);
                scratch.write("p/Makefile", &format!("{makefile}# {kbuild} {round}\n"));
            }
        }
    }
}
