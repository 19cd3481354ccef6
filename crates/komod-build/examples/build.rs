//! Builds a project for a kernel tree and says how long it took:
//! `cargo run --release --example build -- examples/hello /lib/modules/$(uname -r)/build`.
//! With `--builtin` as third argument, as part of the kernel.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::Instant;

use komod_build::{BuildError, Options, Project, Tree, build, compile_builtin};
use komod_diag::terminal;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [project, tree, rest @ ..] = args.as_slice() else {
        eprintln!("usage: build PROJECT TREE [--builtin]");
        return ExitCode::from(2);
    };
    let project = match Project::open(project) {
        Ok(project) => project,
        Err(error) => {
            eprint!("{}", terminal::render(&error.diagnostic(), terminal::Options::plain()));
            return ExitCode::FAILURE;
        }
    };
    let tree = Tree::open(tree).unwrap_or_else(|_| Tree::new("unknown", tree));
    let start = Instant::now();
    let result = if rest.first().is_some_and(|word| word == "--builtin") {
        let objects = compile_builtin(&project, &tree, &Options::default());
        objects.map(|all| (all.into_iter().map(|one| one.object).collect(), Vec::new()))
    } else {
        build(&project, &tree, &Options::default()).map(|built| (built.modules, built.diagnostics))
    };
    let (files, diagnostics, code) = match result {
        Ok((files, diagnostics)) => (files, diagnostics, ExitCode::SUCCESS),
        Err(BuildError { diagnostics, .. }) => (Vec::new(), diagnostics, ExitCode::FAILURE),
    };
    eprint!("{}", terminal::render_all(&diagnostics, terminal::Options::plain()));
    for file in files {
        println!("{}", file.display());
    }
    eprintln!("{:.0?}", start.elapsed());
    code
}
