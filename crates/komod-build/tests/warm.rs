//! Warm compiling against the plain compiler, byte for byte, and under everything that can go wrong.

#[path = "common/mod.rs"]
mod common;
#[path = "common/probed.rs"]
mod probed;

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use common::Scratch;
use komod_build::warm::{Command, Compiler, Limits, NotWarm};
use probed::{Outcome, Probed, depfile, outcome, plain, run_plain};

/// One tree, one folder for sources, one family of servers.
struct Bench {
    scratch: Scratch,
    probed: Probed,
    warm: Compiler,
}

/// The test's limits: a machine that runs tests may be short of memory.
fn limits() -> Limits {
    Limits { memory: 128 << 20, ..Limits::default() }
}

impl Bench {
    fn new(tree: &komod_build::Tree, name: &str, limits: Limits) -> Bench {
        let scratch = Scratch::new(name);
        for dir in ["probe", "run", "src"] {
            fs::create_dir(scratch.0.join(dir)).unwrap();
        }
        let probed = Probed::new(&tree.path, &scratch.0.join("probe"));
        let warm = compiler(&scratch, limits);
        Bench { scratch, probed, warm }
    }

    fn command(&self, name: &str) -> Command {
        self.probed.command(&self.scratch.0.join("src"), name)
    }

    /// Writes a source that is old enough to have been there before any compilation.
    fn write(&self, name: &str, text: &str) -> Command {
        write_old(&self.scratch.0.join("src").join(format!("{name}.c")), text);
        self.command(name)
    }

    /// Starts the command's server and waits until it is there.
    fn start(&self, command: &Command) {
        self.warm.start(command).unwrap();
        await_server(&self.warm, command);
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.warm.end_all();
    }
}

fn compiler(scratch: &Scratch, limits: Limits) -> Compiler {
    Compiler::new(&scratch.0.join("cache"), &scratch.0.join("run"), limits).unwrap()
}

/// A server refuses headers that changed a moment before it read them.
fn write_old(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    std::thread::sleep(Duration::from_millis(60));
}

fn await_server(warm: &Compiler, command: &Command) {
    await_that("the server is ready", || {
        assert_eq!(warm.refusal(command), None);
        warm.is_ready(command)
    });
}

fn await_that(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn warm(warm: &Compiler, command: &Command) -> Result<Outcome, NotWarm> {
    warm.compile(command).map(|done| outcome(command, &done.stderr))
}

#[track_caller]
fn assert_same(bench: &Bench, command: &Command, what: &str) -> Outcome {
    let expected = plain(command);
    assert!(!expected.object.is_empty() && !expected.depfile.is_empty());
    let got = warm(&bench.warm, command).unwrap_or_else(|e| panic!("{what}: {e}"));
    assert!(got == expected, "{what}: {got:?} instead of {expected:?}");
    got
}

fn for_each_tree(name: &str, test: impl Fn(&Bench)) {
    for tree in common::trees() {
        test(&Bench::new(&tree, name, limits()));
    }
}

fn for_one_tree(name: &str, limits: Limits, test: impl Fn(&Bench)) {
    if let Some(tree) = common::trees().first() {
        test(&Bench::new(tree, name, limits));
    }
}

const HEAD: &str = "// SPDX-License-Identifier: GPL-2.0\n#include <linux/module.h>\n";
const TAIL: &str = "MODULE_LICENSE(\"GPL\");\n";

fn source(body: &str) -> String {
    format!("{HEAD}{body}{TAIL}")
}

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
        ("a warning", format!("static int unused;\nint a(void) {{ int u; }}\n#warning \"told\"\n{TAIL}")),
        ("inline assembly", format!("asm(\".globl here; here: nop\");\n{TAIL}")),
        ("an export", format!("int a(void) {{ return 1; }}\nEXPORT_SYMBOL_GPL(a);\nmodule_param_named(x, v, int, 0);\nstatic int v;\n{TAIL}").replace("module_param_named(x, v, int, 0);\nstatic int v;", "static int v;\nmodule_param_named(x, v, int, 0);")),
    ];
    for_each_tree("edits", |bench| {
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
