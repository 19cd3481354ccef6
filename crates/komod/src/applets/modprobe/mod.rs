//! `modprobe`: inserts and removes modules with all that belongs to them, modprobe(8).
//!
//! [`arguments`] reads the command line, [`insert`] and [`remove`] carry out what
//! [`komod_kernel::modprobe`] decides, [`show`] prints configuration and symbols; [`run_command`]
//! is for `install` and `remove` commands.

mod arguments;
mod insert;
mod remove;
mod run_command;
mod show;

use super::Call;
use super::log::{Level, Log};
use arguments::{Arguments, Task};
use komod_kernel::host::{Host, RealHost};
use komod_kernel::modprobe::config::files::{self, DIRECTORIES};
use komod_kernel::modprobe::{Config, Directory, Manner, Modules};
use std::ffi::{OsStr, OsString};
use std::io::{BufWriter, Stdout, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// How much the configuration's reader says, before `-q` and `-v` count.
const KMOD_LOG: &str = "KMOD_LOG";

/// Set to `kmod`: decisions that differ on purpose are as kmod's.
const COMPAT: &str = "KOMOD_COMPAT";

/// Whose decisions are wanted.
fn manner() -> Manner {
    match std::env::var_os(COMPAT) {
        Some(value) if value == "kmod" => Manner::Kmod,
        _ => Manner::Komod,
    }
}

/// Something went wrong, and was told.
#[derive(Debug)]
pub struct Failed;

/// What all parts of a run share.
struct Run<'r> {
    arguments: &'r Arguments,
    log: &'r Log,
    host: &'r dyn Host,
    modules: Modules<'r>,
    /// Lines for stdout. Written out before anything else happens.
    out: BufWriter<Stdout>,
}

impl Run<'_> {
    /// A line for stdout.
    fn line(&mut self, parts: &[&[u8]]) {
        // Who does not read what is shown does not want it.
        let _ = self.out.write_all(&parts.join(&b' '));
        let _ = self.out.write_all(b"\n");
    }

    /// Fatal for one name alone, a warning among several.
    fn fatal(&self, text: impl std::fmt::Display) -> Failed {
        match self.arguments.all {
            true => self.log.warning(text),
            false => self.log.fatal(text),
        }
        Failed
    }
}

pub fn main(call: &Call) -> ExitCode {
    let mut log = Log::new("modprobe");
    let arguments = match arguments::read(call, &mut log) {
        Ok(arguments) => arguments,
        Err(status) => return status,
    };
    match run(&arguments, &log) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed) => ExitCode::FAILURE,
    }
}

fn run(arguments: &Arguments, log: &Log) -> Result<(), Failed> {
    let host = RealHost;
    let directory = match module_directory(arguments, &host) {
        Ok(path) => Directory::new(path),
        Err(error) => {
            log.fatal(error);
            return Err(Failed);
        }
    };
    match arguments.task {
        Task::Versions => return show::versions(arguments, log),
        Task::Exports => return show::exports(arguments, log),
        _ => {}
    }
    let config = config(arguments, &host, directory.path(), log)?;
    let manner = manner();
    let mut run = Run {
        arguments,
        log,
        host: &host,
        modules: Modules { config: &config, directory: &directory, manner },
        out: BufWriter::with_capacity(1 << 16, std::io::stdout()),
    };
    let result = match arguments.task {
        Task::Config => show::config(&mut run),
        Task::Remove => remove::all(&mut run),
        _ => insert::all(&mut run),
    };
    let _ = run.out.flush();
    result
}

/// `ROOT/lib/modules/RELEASE`, as kmod puts it together: the text of the root is kept.
fn module_directory(arguments: &Arguments, host: &dyn Host) -> anyhow::Result<PathBuf> {
    let mut path = Vec::new();
    if let Some(root) = &arguments.root {
        if !root.as_bytes().starts_with(b"/") {
            path.extend(std::env::current_dir()?.into_os_string().into_vec());
            path.push(b'/');
        }
        path.extend(root.as_bytes());
    }
    path.extend(b"/lib/modules/");
    match &arguments.release {
        Some(release) => path.extend(release.as_bytes()),
        None => path.extend(host.release()?.as_bytes()),
    }
    Ok(PathBuf::from(OsString::from_vec(path)))
}

fn config(
    arguments: &Arguments,
    host: &dyn Host,
    directory: &Path,
    log: &Log,
) -> Result<Config, Failed> {
    let usual = || DIRECTORIES.iter().map(PathBuf::from).collect();
    let directories: Vec<PathBuf> = match arguments.configs.is_empty() {
        true => usual(),
        false => arguments.configs.iter().map(PathBuf::from).collect(),
    };
    let sources = files::sources(&directories, Some(directory)).map_err(|error| {
        log.fatal(error);
        Failed
    })?;
    let command_line = host.command_line().ok();
    let config = Config::read(&sources, command_line.as_deref());
    if library_level() >= Level::Error as i64 && !config.complaints.is_empty() {
        for complaint in &config.complaints {
            eprintln!("libkmod: ERROR: kmod_config_parse: {complaint}");
        }
    }
    Ok(config)
}

/// The level of `$KMOD_LOG`: a number or the beginning of a name.
fn library_level() -> i64 {
    let Some(value) = std::env::var_os(KMOD_LOG) else { return Level::Error as i64 };
    let value = value.to_string_lossy();
    let named = [("err", Level::Error), ("info", Level::Info), ("debug", Level::Debug)];
    if let Some((_, level)) = named.iter().find(|(name, _)| value.starts_with(name)) {
        return *level as i64;
    }
    value.trim().parse().unwrap_or(0)
}

/// Bytes as they are shown in messages.
fn shown(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Bytes as the system's text.
fn os(bytes: &[u8]) -> &OsStr {
    OsStr::from_bytes(bytes)
}
