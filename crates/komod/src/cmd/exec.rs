//! `komod exec`: a program of this machine in a virtual machine that is up.

use super::said::Said;
use super::{Outcome, Which, place_error};
use crate::console;
use crate::explained::Explained;
use crate::text::{errno, failure::Doing};
use anyhow::{Context, Result};
use clap::Args;
use komod_place::vm::program;
use komod_place::{Place, PlaceError, Program};
use komod_process::protocol::{Event, Exit, OutputStream};
use std::io::{IsTerminal, Read};

/// Run a program of this machine in a virtual machine that is up
///
/// The program is copied there with its shared libraries (a script: with its interpreter), under
/// the same paths, and runs as root with `/` as its folder. Its output and its exit status come
/// back; standard input is passed on when it is a file or a pipe, all of it at once. What else it
/// opens must be there: `komod up --on vm --file`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  komod exec -- ls -l /sys/module/hello
  komod exec -- ./test-chardev /dev/chardev
  komod exec -- dd if=/dev/zero of=/dev/mydev count=1
  echo hello | komod exec -- tee /proc/procnote

Exit status: that of the program; 128 and the signal's number if it was killed by one; 126 or 127
if it cannot be run there; 1 if no kernel is up.")]
pub struct ExecArgs {
    #[command(flatten)]
    which: Which,
    /// The program, and its arguments
    #[arg(required = true, last = true, value_name = "PROGRAM")]
    command: Vec<String>,
}

pub fn run(args: &ExecArgs) -> Result<Outcome> {
    let mut input = Vec::new();
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        stdin.lock().read_to_end(&mut input).context("cannot read stdin")?;
    }
    let mut place = args.which.connect()?;
    let info = place.info().map_err(|e| place_error(&e, "asking the kernel"))?;
    let mut said = Said::new(&info);
    let exit = execute(&mut place, &args.command, &input, &mut |event| match event {
        Event::Output { stream: OutputStream::Out, bytes } => console::data(bytes),
        Event::Output { stream: OutputStream::Err, bytes } => console::error_data(bytes),
        event => said.take(event),
    });
    let name = args.command.first().map(String::as_str).unwrap_or_default();
    let status = match exit {
        Ok(Exit::Status(status)) => u8::try_from(status & 0xff).unwrap_or(1),
        Ok(Exit::Signal(signal)) => {
            said.show();
            console::people(&format!("{name} was killed by signal {signal}"));
            u8::try_from(128 + (signal & 0x7f)).unwrap_or(1)
        }
        Err(PlaceError::Refused { errno, .. }) if errno::name(errno) != Some("ENOSYS") => {
            console::people(&format!("error: cannot run {name} there: {}", errno::full(errno)));
            if errno::name(errno) == Some("ENOENT") { 127 } else { 126 }
        }
        Err(e) => {
            said.show();
            return Err(explained(&e).into());
        }
    };
    Ok(if status == 0 { Outcome::Good } else { Outcome::Status(status) })
}

/// Carries it there, if it is a program of this machine, and runs it.
pub fn execute(
    place: &mut dyn Place,
    command: &[String],
    input: &[u8],
    events: &mut dyn FnMut(&Event),
) -> Result<Exit, PlaceError> {
    let name = command.first().map(String::as_str).unwrap_or_default();
    let found = program::find(name);
    if let Some(path) = &found {
        program::carry(place, path)?;
    }
    let path = found.as_deref().and_then(|p| p.to_str()).unwrap_or(name);
    let environment: Vec<(String, String)> = [
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()),
        ("HOME", "/".to_owned()),
        ("TERM", std::env::var("TERM").unwrap_or_else(|_| "dumb".into())),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let program = Program { path, arguments: command, environment: &environment, input };
    place.exec(&program, events)
}

pub fn explained(error: &PlaceError) -> Explained {
    match error {
        PlaceError::Refused { errno, .. } if errno::name(*errno) == Some("ENOSYS") => {
            Explained::new("an in-process kernel has no processes that could run a program")
                .hint("use a virtual machine: komod up --on vm")
        }
        e => crate::text::failure::explain(e, Doing::Other("running the program")),
    }
}
