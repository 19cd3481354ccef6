//! The commands of `install` and `remove` lines: the shell runs them, as system(3) does.

use super::{Run, os};
use komod_kernel::modprobe::Module;
use std::io::Write;
use std::process::Command;

/// Runs a command for a module; its exit status. One that was ended by a signal counts as done,
/// as in kmod.
pub fn run(run: &mut Run<'_>, module: &Module, command: &[u8]) -> std::io::Result<i32> {
    let _ = run.out.flush();
    let status = Command::new("/bin/sh")
        .arg("-c")
        .arg(os(command))
        .env("MODPROBE_MODULE", os(&module.name))
        .env("MODPROBE_OPTIONS", &run.arguments.for_commands)
        .status()?;
    Ok(status.code().unwrap_or(0))
}
