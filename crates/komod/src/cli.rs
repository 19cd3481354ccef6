//! The command line.

use crate::cmd::{self, Outcome};
use anyhow::Result;
use clap::{Parser, Subcommand};
use std::time::Instant;

/// One program for the life of a Linux kernel module: build it, load it, look at it, unload it,
/// in the code of a real distribution kernel, in an ordinary process
#[derive(Debug, Parser)]
#[command(
    name = "komod",
    version,
    after_help = "\
Start here:
  komod run examples/hello     build, load, show the log, unload, judge; fetches a kernel if
                               there is none
  komod up                     a kernel that stays; then load, list, log, cat, unload, down

kmod's tools, for this machine's kernel: komod insmod, rmmod, lsmod, modinfo, modprobe, depmod and
kmod, with their own options; or by these names, with the links of `komod install-applets DIR`.

Results go to stdout, everything for people to stderr. `komod COMMAND --help` has examples.
Exit status: 0 fine, 1 not, 2 the command line is wrong."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(cmd::new::NewArgs),
    Run(cmd::run::RunArgs),
    Build(cmd::build::BuildArgs),
    Check(cmd::check::CheckArgs),
    Watch(cmd::watch::WatchArgs),
    Clean(cmd::clean::CleanArgs),
    Kernel(cmd::kernel::KernelArgs),
    Up(cmd::up::UpArgs),
    Down(cmd::up::DownArgs),
    Status(cmd::up::StatusArgs),
    Load(cmd::modules::LoadArgs),
    Unload(cmd::modules::UnloadArgs),
    List(cmd::modules::ListArgs),
    Info(cmd::info::InfoArgs),
    Diff(cmd::diff::DiffArgs),
    Log(cmd::log::LogArgs),
    Symbols(cmd::symbols::SymbolsArgs),
    Graph(cmd::graph::GraphArgs),
    Cat(cmd::files::CatArgs),
    Write(cmd::files::WriteArgs),
    Ls(cmd::files::LsArgs),
    Ioctl(cmd::files::IoctlArgs),
    Exec(cmd::exec::ExecArgs),
    Explain(cmd::explain::ExplainArgs),
    InstallApplets(cmd::install_applets::InstallAppletsArgs),
}

impl Cli {
    /// Whether errors, too, are to be JSON on stdout.
    pub fn json(&self) -> bool {
        match &self.command {
            Command::New(a) => a.json,
            Command::Run(a) => a.json,
            Command::Build(a) => a.json,
            Command::Check(a) => a.json,
            Command::Clean(a) => a.json,
            Command::Kernel(a) => a.json(),
            Command::Up(a) => a.json,
            Command::Down(a) => a.json,
            Command::Status(a) => a.json,
            Command::Load(a) => a.json,
            Command::Unload(a) => a.json,
            Command::List(a) => a.json,
            Command::Info(a) => a.json,
            Command::Diff(a) => a.json,
            Command::Log(a) => a.json,
            Command::Symbols(a) => a.json,
            Command::Graph(a) => a.json,
            Command::Ls(a) => a.json,
            Command::Ioctl(a) => a.json,
            Command::Explain(a) => a.json,
            Command::Watch(_)
            | Command::Cat(_)
            | Command::Exec(_)
            | Command::Write(_)
            | Command::InstallApplets(_) => false,
        }
    }

    pub fn run(&self, started: Instant) -> Result<Outcome> {
        match &self.command {
            Command::New(a) => cmd::new::run(a),
            Command::Run(a) => cmd::run::run(a, started),
            Command::Build(a) => cmd::build::run(a),
            Command::Check(a) => cmd::check::run(a),
            Command::Watch(a) => cmd::watch::run(a),
            Command::Clean(a) => cmd::clean::run(a),
            Command::Kernel(a) => cmd::kernel::run(a),
            Command::Up(a) => cmd::up::up(a, started),
            Command::Down(a) => cmd::up::down(a),
            Command::Status(a) => cmd::up::status(a),
            Command::Load(a) => cmd::modules::load(a),
            Command::Unload(a) => cmd::modules::unload(a),
            Command::List(a) => cmd::modules::list(a),
            Command::Info(a) => cmd::info::run(a),
            Command::Diff(a) => cmd::diff::run(a),
            Command::Log(a) => cmd::log::run(a),
            Command::Symbols(a) => cmd::symbols::run(a),
            Command::Graph(a) => cmd::graph::run(a),
            Command::Cat(a) => cmd::files::cat(a),
            Command::Write(a) => cmd::files::write(a),
            Command::Ls(a) => cmd::files::ls(a),
            Command::Ioctl(a) => cmd::files::ioctl(a),
            Command::Exec(a) => cmd::exec::run(a),
            Command::Explain(a) => cmd::explain::run(a),
            Command::InstallApplets(a) => cmd::install_applets::run(a),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
