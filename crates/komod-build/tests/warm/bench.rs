//! What these tests share: a tree's command line, sources, and servers of their own.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use komod_build::warm::{Command, Compiler, Limits, NotWarm};

use crate::common::{self, Scratch};
use crate::probed::{Outcome, Probed, outcome, run_plain};

/// One tree, one folder for sources, one family of servers.
pub struct Bench {
    pub scratch: Scratch,
    pub probed: Probed,
    pub warm: Compiler,
}

/// The test's limits: a machine that runs tests may be short of memory.
pub fn limits() -> Limits {
    Limits { memory: 128 << 20, ..Limits::default() }
}

impl Bench {
    pub fn new(tree: &komod_build::Tree, name: &str, limits: Limits) -> Bench {
        let scratch = Scratch::new(name);
        for dir in ["probe", "run", "src"] {
            fs::create_dir(scratch.0.join(dir)).unwrap();
        }
        let probed = Probed::new(&tree.path, &scratch.0.join("probe"));
        let warm = compiler(&scratch, limits);
        Bench { scratch, probed, warm }
    }

    pub fn command(&self, name: &str) -> Command {
        self.probed.command(&self.scratch.0.join("src"), name)
    }

    /// Writes a source.
    pub fn write(&self, name: &str, text: &str) -> Command {
        write_anew(&self.scratch.0.join("src").join(format!("{name}.c")), text);
        self.command(name)
    }

    /// Starts the command's server and waits until it is there.
    pub fn start(&self, command: &Command) {
        self.warm.start(command).unwrap();
        await_server(&self.warm, command);
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.warm.end_all();
    }
}

pub fn compiler(scratch: &Scratch, limits: Limits) -> Compiler {
    Compiler::new(&scratch.0.join("cache"), &scratch.0.join("run"), limits).unwrap()
}

/// Writes a file so that its times differ from those it had before.
pub fn write_anew(path: &Path, text: &str) {
    std::thread::sleep(Duration::from_millis(20));
    fs::write(path, text).unwrap();
}

pub fn await_server(warm: &Compiler, command: &Command) {
    await_that("the server is ready", || {
        assert_eq!(warm.refusal(command), None);
        warm.is_ready(command)
    });
}

pub fn await_that(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub fn warm(warm: &Compiler, command: &Command) -> Result<Outcome, NotWarm> {
    warm.compile(command).map(|done| outcome(command, &done.stderr))
}

/// What the plain compiler makes.
pub fn plain(command: &Command) -> Outcome {
    let output = run_plain(command);
    let outcome = outcome(command, &output.stderr);
    assert!(output.status.success(), "{}", outcome.stderr);
    outcome
}

#[track_caller]
pub fn assert_same(bench: &Bench, command: &Command, what: &str) -> Outcome {
    let expected = plain(command);
    assert!(!expected.object.is_empty() && !expected.depfile.is_empty());
    let got = warm(&bench.warm, command).unwrap_or_else(|e| panic!("{what}: {e}"));
    assert!(got == expected, "{what}: {got:?} instead of {expected:?}");
    got
}

pub fn for_tree_in_turn(name: &str, test: impl Fn(&Bench)) {
    for tree in common::trees_in_turn() {
        test(&Bench::new(&tree, name, limits()));
    }
}

pub fn for_one_tree(name: &str, limits: Limits, test: impl Fn(&Bench)) {
    if let Some(tree) = common::trees().first() {
        test(&Bench::new(tree, name, limits));
    }
}

pub const HEAD: &str = "// SPDX-License-Identifier: GPL-2.0\n#include <linux/module.h>\n";
pub const TAIL: &str = "MODULE_LICENSE(\"GPL\");\n";

pub fn source(body: &str) -> String {
    format!("{HEAD}{body}{TAIL}")
}
