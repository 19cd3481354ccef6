//! The commands of `install` and `remove` lines: the shell runs them, as system(3) does.

use super::{Run, os};
use komod_kernel::modprobe::Module;
use std::io::Write;
use std::process::Command;

/// Stands in a command for the module's options.
const OPTIONS: &[u8] = b"$CMDLINE_OPTS";

/// A command with the options in their place. They are put in once: one that contains the
/// placeholder itself does not start over.
pub fn expanded(command: &[u8], options: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(command.len() + options.len());
    let mut rest = command;
    while let Some((&byte, behind)) = rest.split_first() {
        match rest.strip_prefix(OPTIONS) {
            Some(behind) => {
                out.extend_from_slice(options);
                rest = behind;
            }
            None => {
                out.push(byte);
                rest = behind;
            }
        }
    }
    out
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_put_in_once() {
        let text = |command: &str, options: &str| {
            let text = expanded(command.as_bytes(), options.as_bytes());
            String::from_utf8(text).unwrap()
        };
        assert_eq!(text("x $CMDLINE_OPTS; y $CMDLINE_OPTS", "a=1"), "x a=1; y a=1");
        assert_eq!(text("x $CMDLINE_OPTS", "$CMDLINE_OPTS"), "x $CMDLINE_OPTS");
        assert_eq!(text("x $CMDLINE", "a"), "x $CMDLINE");
    }
}
