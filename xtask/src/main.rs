//! The project's own tasks: `cargo xtask TASK`.
//!
//! What CI runs, anyone can run: every check, test and measurement of the project is a task here,
//! with nothing but cargo, a C compiler, make and QEMU needed (`ci/setup` installs them).

#![forbid(unsafe_code)]

mod args;
mod bench;
mod bench_build;
mod bench_check;
mod bench_kmod;
mod bench_options;
mod bench_vm;
mod bench_vng;
mod cases;
mod ci;
mod draw;
mod examples;
mod fuzz;
mod guest_build;
mod kernels;
mod komod;
mod licences;
mod measure;
mod modules;
mod oracle;
mod parallel;
mod project;
mod qemu;
mod shell;
mod tally;
mod test_binaries;
mod tidy;

use anyhow::{Result, bail};
use args::Args;
use std::process::ExitCode;

const HELP: &str = "\
Usage: cargo xtask TASK [OPTIONS]

  ci [STEP…]      everything that must hold: fmt, clippy, tidy, licences, tests, cases, examples, oracle
  tidy            the house rules that a machine can see
  licences        every dependency's licence is one that deny.toml allows
  cases [NAME…]   run tests/cases on each kernel; with --on vm, compare with virtual machines
  examples        the examples must log the same in-process as in the real kernel
  oracle boot     compare stock modules in-process with the real kernel under QEMU
  oracle loaders  compare komod's loader with the kernel's own
  oracle kmod     compare modprobe with the machine's, for all stock modules and aliases
  oracle warm     compare drivers compiled warm with the plain compiler's
  oracle applets  have kmod's tools load and remove modules in the real kernel under QEMU
  oracle loader   compare what `komod check` foretells with the real kernel
  oracle modinfo  compare modinfo of stock modules with kmod's
  oracle modpost  compare komod's modpost with what all stock modules hold
  oracle clang    compare builds for kernels made with clang with kbuild's
  oracle srcversion
                  compare komod's checksum of sources with that of stock modules
  bench           measure komod against a plain QEMU boot
  bench build     measure builds against make
  bench check     measure verdicts against depmod and modinfo
  bench vm        measure virtual machines against plain boots and virtme-ng
  bench kmod      measure depmod, modprobe and modinfo against kmod's
  fuzz TARGET     run one fuzz target for a while

Each task explains itself with --help.";

fn main() -> ExitCode {
    // The oracle boots in-process kernels; they are processes of this very executable.
    let mut words = std::env::args();
    if words.next().is_some_and(|name| name == komod_process::client::KERNEL_ARGV0) {
        komod_process::child_main();
    }
    match run(Args::new(words)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut args: Args) -> Result<()> {
    let Some(task) = args.positional() else {
        println!("{HELP}");
        return Ok(());
    };
    match task.as_str() {
        "bench" => bench::main(args),
        "cases" => cases::main(args),
        "ci" => ci::main(args),
        "examples" => examples::main(args),
        "fuzz" => fuzz::main(args),
        "licences" => licences::main(args),
        "oracle" => oracle::main(args),
        "tidy" => tidy::main(args),
        _ => bail!("no task {task:?}\n{HELP}"),
    }
}
