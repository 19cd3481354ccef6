//! Running programs as a person would see it: what is run, what it says, whether it worked.

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Runs a program to its end; its output goes to ours.
pub fn run(command: &mut Command) -> Result<()> {
    eprintln!("+ {}", words(command));
    let status = command.status().with_context(|| words(command))?;
    if !status.success() {
        bail!("{}: {status}", words(command));
    }
    Ok(())
}

/// Runs a program, shows its standard output as it comes and hands each line to `see`. The result
/// says whether the program succeeded.
pub fn watch(command: &mut Command, see: &mut dyn FnMut(&str)) -> Result<bool> {
    eprintln!("+ {}", words(command));
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| words(command))?;
    let out = child.stdout.take().context("no pipe")?;
    for line in BufReader::new(out).lines() {
        let line = line?;
        println!("{line}");
        see(&line);
    }
    Ok(child.wait()?.success())
}

fn words(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        text.push(' ');
        text.push_str(&arg.to_string_lossy());
    }
    text
}
