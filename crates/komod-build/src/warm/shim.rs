//! The library that is preloaded into `cc1` (`shim.c`), compiled once into komod's cache.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};

use super::{Command, NotWarm};

const SOURCE: &str = include_str!("shim.c");
/// What a compiler into which the library is loaded ends with, when asked.
const PROBED: i32 = 77;

/// What the library is: goes into the names of all that depends on it.
pub fn version() -> String {
    crate::digest::of_bytes(SOURCE.as_bytes())
}

/// The compiled library, made by the command's own compiler if it is not there yet.
pub fn library(cache: &Path, command: &Command) -> Result<PathBuf, NotWarm> {
    let name = format!("warm-shim-{}", &version()[..16]);
    let library = cache.join(format!("{name}.so"));
    if library.exists() {
        return Ok(library);
    }
    fs::create_dir_all(cache).map_err(NotWarm::io(cache))?;
    // Written under a name of its own first: two builds may do this at once.
    let own = format!("{name}.{}", std::process::id());
    let (source, made) = (cache.join(format!("{own}.c")), cache.join(format!("{own}.so")));
    let result = compile(command, &source, &made)
        .and_then(|()| fs::rename(&made, &library).map_err(NotWarm::io(&library)));
    let _ = fs::remove_file(&source);
    let _ = fs::remove_file(&made);
    result.map(|()| library)
}

fn compile(command: &Command, source: &Path, made: &Path) -> Result<(), NotWarm> {
    fs::write(source, SOURCE).map_err(NotWarm::io(source))?;
    let mut process = Process::new(command.program()?);
    process.args(["-O2", "-fPIC", "-shared", "-o"]).arg(made).arg(source).arg("-ldl");
    command.place(&mut process);
    match run(&mut process) {
        Ok(Some(0)) => Ok(()),
        Ok(_) => {
            Err(NotWarm::Unsuitable("the compiler cannot make the library for warm compiling"))
        }
        Err(e) => Err(NotWarm::io(source)(e)),
    }
}

/// Is the library loaded into this `cc1`? It is not into a static or foreign one.
pub fn check(library: &Path, cc1: &Path, command: &Command) -> Result<(), NotWarm> {
    let mut process = Process::new(cc1);
    command.place(&mut process);
    process.arg("--version").env("LD_PRELOAD", library).env("KOMOD_WARM_PROBE", "1");
    match run(&mut process) {
        Ok(Some(PROBED)) => Ok(()),
        Ok(_) => Err(NotWarm::Unsuitable("nothing can be preloaded into the compiler")),
        Err(e) => Err(NotWarm::io(cc1)(e)),
    }
}

fn run(process: &mut Process) -> io::Result<Option<i32>> {
    process.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(process.status()?.code())
}
