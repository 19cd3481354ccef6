//! The seam behind which a source becomes an object.

use std::io;
use std::path::Path;
use std::process::Command;

use crate::child::{self, Manner};

/// One call of a compiler.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The program and its arguments. They name `source`, `output` and `depfile`.
    pub arguments: &'a [String],
    /// Where it runs.
    pub directory: &'a Path,
    /// Its whole environment.
    pub environment: &'a [(String, String)],
    /// The C or assembly file.
    pub source: &'a Path,
    /// The object to make: a temporary name beside its final place.
    pub output: &'a Path,
    /// The list of files read, to be written in make's form.
    pub depfile: &'a Path,
}

/// A compiler that has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finished {
    /// Its exit status; nothing if a signal ended it.
    pub status: Option<i32>,
    /// What it printed.
    pub lines: Vec<String>,
}

/// Compiles. The object must be what the command would have made, byte for byte.
pub trait Compile: std::fmt::Debug + Send + Sync {
    /// Does one job.
    fn compile(&self, job: &Job<'_>) -> io::Result<Finished>;
}

/// Runs the compiler.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl Compile for Plain {
    fn compile(&self, job: &Job<'_>) -> io::Result<Finished> {
        words(job.arguments, job.directory, job.environment)
    }
}

/// Runs a command given as words.
pub fn words(
    arguments: &[String],
    directory: &Path,
    environment: &[(String, String)],
) -> io::Result<Finished> {
    let Some((program, arguments)) = arguments.split_first() else {
        return Ok(Finished::default());
    };
    let mut command = Command::new(program);
    command.args(arguments);
    started(command, directory, environment).or_else(|error| {
        let lines = vec![super::start(program, &error)];
        Ok(Finished { status: Some(127), lines })
    })
}

/// Runs a command that takes a shell, as make does, and stops at the first failure.
pub fn shell(
    text: &str,
    directory: &Path,
    environment: &[(String, String)],
) -> io::Result<Finished> {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(format!("set -e; {text}"));
    started(command, directory, environment)
}

fn started(
    mut command: Command,
    directory: &Path,
    environment: &[(String, String)],
) -> io::Result<Finished> {
    command.current_dir(directory).env_clear().envs(environment.iter().map(|(n, v)| (n, v)));
    let log = child::run(command, &Manner::default())?;
    Ok(Finished { status: log.status, lines: log.lines })
}
