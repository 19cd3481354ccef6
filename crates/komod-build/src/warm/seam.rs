//! Builds compile warm where they can, plainly where not.

use std::ffi::OsString;
use std::io;

use super::{Command, Compiler};
use crate::execute::{Compile, Finished, Job, Plain};

impl Compile for Compiler {
    fn compile(&self, job: &Job<'_>) -> io::Result<Finished> {
        let command = command(job);
        match Compiler::compile(self, &command) {
            Ok(done) => {
                let said = String::from_utf8_lossy(&done.stderr);
                let lines = said.lines().map(str::to_owned).collect();
                Ok(Finished { status: Some(0), lines })
            }
            Err(_) => {
                let unproven = self.share(&command);
                let finished = Plain.compile(job)?;
                let quiet = finished.status == Some(0) && finished.lines.is_empty();
                match unproven {
                    Some(unproven) if quiet => {
                        let _ = unproven.prove();
                    }
                    Some(unproven) => unproven.end(),
                    None => {}
                }
                Ok(finished)
            }
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
