//! `komod`: the commands, and the terminal.
//!
//! The same binary is also what runs in the background, told apart by `argv[0]`: the kernel
//! process itself (`komod_process::child_main`), and the supervisors and starters of zygotes
//! (`komod_place::process::background_main`). kbuild may know it as `modpost`.
//!
//! [`cli`] is the command line; `cmd` has a file per command. What `run` and `load` share:
//! [`targets`] reads their words, [`kernels`] chooses the kernel, [`gather`] builds and collects
//! the modules; `run` is the session of `komod run`; [`checking`] is the work of `komod check`,
//! [`symbols`] that of `komod symbols`, [`graph`] that of `komod graph`;
//! [`applets`] are kmod's tools; `text` is how kernels and failures are shown.
#![forbid(unsafe_code)]

mod applets;
mod build_progress;
mod building;
mod checking;
mod cli;
mod cmd;
mod compiler;
mod console;
mod explained;
mod fetching;
mod gather;
mod graph;
mod ground;
mod interruption;
mod jobs;
mod json;
mod kernels;
mod lent;
mod message_format;
mod progress;
mod refusal;
mod report_error;
mod run;
#[cfg(test)]
#[path = "../../komod-kernel/src/scratch.rs"]
mod scratch;
mod several;
mod symbols;
mod table;
mod targets;
mod text;
mod verdicts;
mod watching;

use clap::Parser;
use cmd::Outcome;
use komod_build::modpost;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let started = Instant::now();
    match std::env::args_os().next() {
        Some(name) if name == komod_process::client::KERNEL_ARGV0 => komod_process::child_main(),
        Some(name) if name == komod_place::process::BACKGROUND_ARGV0 => {
            komod_place::process::background_main()
        }
        // It comes back if this is no virtual machine's first process.
        Some(name) if name == komod_place::vm::AGENT_ARGV0 => komod_place::vm::agent_main(),
        _ if std::env::args_os()
            .nth(1)
            .is_some_and(|word| word == komod_place::vm::AGENT_OPTION) =>
        {
            let folder = std::env::args_os().nth(2);
            return match komod_place::vm::here_main(folder.as_ref().map(Path::new)) {
                Ok(()) => ExitCode::SUCCESS,
                Err(e) => {
                    console::people(&format!("error: the agent: {e}"));
                    ExitCode::from(1)
                }
            };
        }
        // kbuild calls it so, in a tree that lacks its own.
        Some(name) if modpost::program::is_name(Path::new(&name)) => {
            let arguments: Vec<String> =
                std::env::args_os().skip(1).map(|a| a.to_string_lossy().into_owned()).collect();
            return ExitCode::from(modpost::program::main(&arguments));
        }
        _ => {}
    }
    if let Some((main, call)) = applets::of(std::env::args_os()) {
        return main(&call);
    }
    let cli = cli::Cli::parse();
    let status = match cli.run(started) {
        Ok(Outcome::Good) => ExitCode::SUCCESS,
        Ok(Outcome::Bad) => ExitCode::from(1),
        Ok(Outcome::Status(status)) => ExitCode::from(status),
        Err(e) => ExitCode::from(report_error::report(&e, cli.json())),
    };
    compiler::settle();
    status
}
