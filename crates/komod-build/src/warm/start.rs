//! Starting a server.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};

use super::folder::Folder;
use super::plan::Plan;
use super::steps::Steps;
use super::{Command, Limits, NotWarm, memory, preamble, shim};

/// A server takes about this much memory: 55 to 140 MB were measured.
const SERVER: u64 = 160 << 20;
/// The longest path of a socket, and what the server adds for a while (unix(7)).
const SOCKET_PATH: usize = 108 - ".1234567".len() - 1;

/// A server to start.
pub struct Begin<'a> {
    /// What it is to compile.
    pub command: &'a Command,
    /// The server's name.
    pub name: &'a str,
    /// Where the preamble ends.
    pub split: usize,
    /// The digest of the preamble.
    pub preamble: String,
    /// For a shared server: the preamble, which is in no file, and the name of the list of
    /// dependencies.
    pub shared: Option<(&'a [u8], &'a Path)>,
}

/// Starts the server of a command, if there is none.
pub fn start(
    command: &Command,
    cache: &Path,
    folder: &Folder,
    limits: &Limits,
) -> Result<(), NotWarm> {
    let name = command.name()?;
    let source = command.cwd.join(&command.source);
    let text = fs::read(&source).map_err(NotWarm::io(&source))?;
    let split = preamble::end(&text)
        .ok_or(NotWarm::Unsuitable("the source does not begin with includes"))?;
    let preamble = crate::digest::of_bytes(&text[..split]);
    let _lock = folder.lock()?;
    if let Some(plan) = folder.plan(&name).filter(|plan| plan.preamble == preamble) {
        if folder.connect(&name).is_ok() || folder.is_starting(&name) {
            return Ok(());
        }
        // With the same preamble it would give up again.
        if let Some(why) = folder.complaint(&name) {
            return Err(NotWarm::Refused { source_file: command.source.clone(), why });
        }
        drop(plan);
    }
    begin(&Begin { command, name: &name, split, preamble, shared: None }, cache, folder, limits)
}

/// Starts a server, under [`Folder::lock`]. One of the same name ends.
pub fn begin(
    begin: &Begin<'_>,
    cache: &Path,
    folder: &Folder,
    limits: &Limits,
) -> Result<(), NotWarm> {
    let Begin { command, name, .. } = begin;
    memory::check(limits.memory.saturating_add(SERVER))?;
    let steps = Steps::ask(command)?;
    let library = shim::library(cache, command)?;
    let cc1 = command.find(&steps.cc1[0])?;
    let assembler = command.find(&steps.assembler[0])?;
    let watched = [command.program()?, cc1.clone(), assembler];
    let socket = folder.file(name, "sock");
    let awkward = |path: &Path| path.as_os_str().as_bytes().iter().any(|b| b" :".contains(b));
    if awkward(&library) || watched.iter().any(|path| awkward(path)) {
        return Err(NotWarm::Unsuitable("a path with a space or colon cannot be preloaded"));
    }
    if socket.as_os_str().len() > SOCKET_PATH {
        return Err(NotWarm::Unsuitable("the path of the socket is too long"));
    }
    shim::check(&library, &cc1, command)?;

    folder.keep(limits.servers.saturating_sub(1), limits.lifetime);
    folder.end(name);
    let log = folder.new_log(name)?;
    let plan = Plan { preamble: begin.preamble.clone(), assembler: steps.assembler.clone() };
    folder.write_plan(name, &plan)?;
    let (mut text, mut depfile) = (PathBuf::new(), PathBuf::new());
    if let Some((preamble, dependencies)) = begin.shared {
        text = folder.file(name, "c");
        depfile = dependencies.to_owned();
        // The compiler stops before the last line.
        fs::write(&text, [preamble, b";\n"].concat()).map_err(NotWarm::io(&text))?;
    }
    let assembly = folder.file(name, "s");
    let mut args = steps.cc1.clone();
    args[steps.assembly] = assembly.clone().into();

    let mut process = Process::new(&cc1);
    command.place(&mut process);
    let seconds = |time: std::time::Duration| time.as_secs().max(1).to_string();
    process
        .args(&args[1..])
        .env("LD_PRELOAD", &library)
        .env("KOMOD_WARM_SOURCE", &command.source)
        .env("KOMOD_WARM_SPLIT", begin.split.to_string())
        .env("KOMOD_WARM_TEXT", &text)
        .env("KOMOD_WARM_DEPFILE", &depfile)
        .env("KOMOD_WARM_SOCKET", &socket)
        .env("KOMOD_WARM_ASSEMBLY", &assembly)
        .env("KOMOD_WARM_IDLE", seconds(limits.idle))
        .env("KOMOD_WARM_LIFE", seconds(limits.lifetime))
        .env("KOMOD_WARM_CHILD", seconds(limits.patience))
        .env("KOMOD_WARM_FLOOR", (limits.memory / 1024).to_string())
        .env("KOMOD_WARM_WATCH", watched.map(OsString::from).join(":".as_ref()))
        .stdin(Stdio::null())
        .stdout(log.try_clone().map_err(NotWarm::io(&socket))?)
        .stderr(log);
    // What is waited for here only starts the server, in a process of its own.
    let started = process.status().map_err(NotWarm::io(&cc1))?;
    if started.success() {
        return Ok(());
    }
    let why = folder.complaint(name).unwrap_or_else(|| started.to_string());
    Err(NotWarm::Refused { source_file: command.source.clone(), why })
}
