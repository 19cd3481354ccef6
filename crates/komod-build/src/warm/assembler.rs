//! The step after the compiler: assembly to object.

use std::ffi::OsString;
use std::fs::File;
use std::process::{Command as Process, Stdio};

use super::{Command, NotWarm};

/// Assembles what the compiler wrote. The plan's assembly file, a temporary one of the driver, is
/// replaced by standard input; its name is in no object.
pub fn run(argv: &[OsString], command: &Command, assembly: File) -> Result<(), NotWarm> {
    let [program, args @ .., _] = argv else { return Err(NotWarm::Assembler) };
    let mut process = Process::new(command.find(program)?);
    command.place(&mut process);
    process.args(args).arg("-").stdin(Stdio::from(assembly));
    let output = process.output().map_err(NotWarm::io(program))?;
    let quiet = output.stdout.is_empty() && output.stderr.is_empty();
    if output.status.success() && quiet { Ok(()) } else { Err(NotWarm::Assembler) }
}
