//! Builds compile warm where they can, plainly where not.

use std::ffi::OsString;
use std::io;

use super::{Command, Compiler};
use crate::execute::{Compile, Finished, Job, Plain};

impl Compile for Compiler {
    fn compile(&self, job: &Job<'_>) -> io::Result<Finished> {
        match Compiler::compile(self, &command(job)) {
            Ok(done) => {
                let said = String::from_utf8_lossy(&done.stderr);
                let lines = said.lines().map(str::to_owned).collect();
                Ok(Finished { status: Some(0), lines })
            }
            Err(_) => Plain.compile(job),
        }
    }
}

fn command(job: &Job<'_>) -> Command {
    let word = |text: &String| OsString::from(text);
    Command {
        argv: job.arguments.iter().map(word).collect(),
        cwd: job.directory.to_owned(),
        env: job.environment.iter().map(|(name, value)| (word(name), word(value))).collect(),
        source: job.source.to_owned(),
        output: job.output.to_owned(),
    }
}
