//! The command line of `depmod`.

use crate::applets::Call;
use crate::applets::getopt::{self, Item, Opt, Order, Value};
use crate::applets::log::{Level, Log};
use crate::applets::module_dir::absolute;
use komod_kernel::host::{Host, RealHost};
use std::ffi::OsString;
use std::num::NonZero;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Id {
    All,
    Quick,
    Basedir,
    Moduledir,
    Outdir,
    Config,
    Symvers,
    Filesyms,
    Errsyms,
    Verbose,
    Show,
    Prefix,
    Warn,
    Version,
    Help,
    Ignored,
    Incremental,
    Threads,
    Json,
}

const OPTIONS: [Opt<Id>; 23] = [
    Opt::both(Id::All, b'a', "all", Value::No),
    Opt::both(Id::Quick, b'A', "quick", Value::No),
    Opt::both(Id::Basedir, b'b', "basedir", Value::Required),
    Opt::both(Id::Moduledir, b'm', "moduledir", Value::Required),
    Opt::both(Id::Outdir, b'o', "outdir", Value::Required),
    Opt::both(Id::Config, b'C', "config", Value::Required),
    Opt::both(Id::Symvers, b'E', "symvers", Value::Required),
    Opt::both(Id::Filesyms, b'F', "filesyms", Value::Required),
    Opt::both(Id::Errsyms, b'e', "errsyms", Value::No),
    Opt::both(Id::Verbose, b'v', "verbose", Value::No),
    Opt::both(Id::Show, b'n', "show", Value::No),
    Opt::long(Id::Show, "dry-run", Value::No),
    Opt::both(Id::Prefix, b'P', "symbol-prefix", Value::Required),
    Opt::both(Id::Warn, b'w', "warn", Value::No),
    Opt::both(Id::Version, b'V', "version", Value::No),
    Opt::both(Id::Help, b'h', "help", Value::No),
    // kmod 33 and older took these without using them.
    Opt::both(Id::Ignored, b'u', "unresolved-error", Value::No),
    Opt::both(Id::Ignored, b'q', "quiet", Value::No),
    Opt::both(Id::Ignored, b'r', "root", Value::No),
    Opt::long(Id::Ignored, "map", Value::No),
    Opt::long(Id::Incremental, "incremental", Value::No),
    Opt::long(Id::Threads, "threads", Value::Required),
    Opt::long(Id::Json, "json", Value::No),
];

/// A command line that makes sense.
#[derive(Clone, Debug)]
pub struct Options {
    /// The kernel.
    pub version: OsString,
    /// The folder of its modules.
    pub directory: PathBuf,
    /// Where the indexes go.
    pub output: PathBuf,
    /// Only these files.
    pub files: Vec<PathBuf>,
    /// `-C`.
    pub config: Vec<PathBuf>,
    /// `-A`: only if a module is newer than the indexes.
    pub quick: bool,
    /// `-E`.
    pub symvers: Option<PathBuf>,
    /// `-F`.
    pub system_map: Option<PathBuf>,
    /// `-e`, with one of the two before.
    pub check: bool,
    /// `-v`.
    pub verbose: bool,
    /// `-n`.
    pub show: bool,
    /// `-w`.
    pub warn: bool,
    /// `-P`.
    pub prefix: Option<u8>,
    /// Keep what the files said, and read only those that changed.
    pub incremental: bool,
    /// Read on so many threads.
    pub threads: NonZero<usize>,
    /// `-n` as JSON.
    pub json: bool,
}

/// What the user wants.
pub enum Asked {
    Work(Box<Options>),
    Help,
    Version,
}

/// The command line is wrong; the message is out.
pub struct Refused;

/// Reads it.
pub fn read(call: &Call, log: &mut Log) -> Result<Asked, Refused> {
    let parsed = getopt::parse(&call.program, &OPTIONS, Order::Any, &call.arguments);
    let (mut all, mut quick, mut check, mut show, mut warn) = (false, false, false, false, false);
    let (mut incremental, mut json) = (false, false);
    let (mut basedir, mut outdir) = (None, None);
    let mut moduledir = OsString::from("/lib/modules");
    let (mut symvers, mut system_map, mut prefix) = (None, None, None);
    let mut config = Vec::new();
    let mut verbosity = 0;
    let mut threads = std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
    for item in parsed.items {
        let (id, value) = match item {
            Item::Option(id, value) => (id, value.unwrap_or_default()),
            Item::Mistake(text) => {
                crate::console::people(&text);
                return Err(Refused);
            }
        };
        match id {
            Id::All => all = true,
            Id::Quick => quick = true,
            Id::Basedir => basedir = Some(absolute(Path::new(&value))),
            Id::Moduledir => moduledir = value,
            Id::Outdir => outdir = Some(absolute(Path::new(&value))),
            Id::Config => config.push(PathBuf::from(value)),
            Id::Symvers => symvers = Some(PathBuf::from(value)),
            Id::Filesyms => system_map = Some(PathBuf::from(value)),
            Id::Errsyms => check = true,
            Id::Verbose => verbosity += 1,
            Id::Show => show = true,
            Id::Warn => warn = true,
            Id::Incremental => incremental = true,
            Id::Json => json = true,
            Id::Ignored => {}
            Id::Help => return Ok(Asked::Help),
            Id::Version => return Ok(Asked::Version),
            Id::Prefix => match value.as_bytes() {
                [character] => prefix = Some(*character),
                _ => return refused(log, "-P only takes a single char"),
            },
            Id::Threads => match value.to_str().and_then(|value| value.parse().ok()) {
                Some(number) => threads = number,
                None => return refused(log, "--threads takes a number from 1"),
            },
        }
    }
    log.level = match verbosity {
        0 => Level::Warning,
        1 => Level::Notice,
        2 => Level::Info,
        _ => Level::Debug,
    };
    if json && !show {
        return refused(log, "--json is only for -n");
    }
    let mut operands = parsed.operands.into_iter();
    let version = operands.next().unwrap_or_else(running_kernel);
    if !is_version(version.as_bytes()) {
        log.error(format_args!("Bad version passed {}", version.display()));
        return Err(Refused);
    }
    if check && symvers.is_none() && system_map.is_none() {
        log.warning("-e needs -E or -F");
        check = false;
    }
    let files: Vec<PathBuf> = operands.map(PathBuf::from).collect();
    let below = |root: &PathBuf| {
        let separator = if moduledir.as_bytes().starts_with(b"/") { "" } else { "/" };
        let parts = [root.as_os_str().as_bytes(), separator.as_bytes(), moduledir.as_bytes(), b"/"];
        PathBuf::from(OsString::from_vec([&parts.concat(), version.as_bytes()].concat()))
    };
    let directory = below(&basedir.unwrap_or_default());
    let output = outdir.as_ref().map_or_else(|| directory.clone(), below);
    if outdir.is_some()
        && !show
        && let Err(error) = std::fs::create_dir_all(&output)
    {
        let reason = komod_kernel::depmod::error::errno_text(&error);
        return refused(log, &format!("could not create {}: {reason}", output.display()));
    }
    let quick = quick && !all && files.is_empty();
    Ok(Asked::Work(Box::new(Options {
        version,
        directory,
        output,
        files,
        config,
        quick,
        symvers,
        system_map,
        check,
        verbose: verbosity > 0,
        show,
        warn,
        prefix,
        incremental,
        threads,
        json,
    })))
}

fn refused<T>(log: &Log, text: &str) -> Result<T, Refused> {
    log.fatal(text);
    Err(Refused)
}

/// `uname -r`.
fn running_kernel() -> OsString {
    RealHost.release().unwrap_or_default().into()
}

/// Two numbers with a dot between them, and anything behind.
fn is_version(text: &[u8]) -> bool {
    let number = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let major = number(text);
    let minor = text.get(major..).and_then(|rest| rest.strip_prefix(b"."));
    major > 0 && minor.is_some_and(|minor| number(minor) > 0)
}

/// `-h`.
pub fn usage(program: &str) -> String {
    format!(
        "Usage:
\t{program} -[aA] [options] [forced_version]

If no arguments (except options) are given, \"{program} -a\" is assumed

{program} will output a dependency list suitable for the modprobe utility.

Options:
\t-a, --all            Probe all modules
\t-A, --quick          Only does the work if there's a new module
\t-e, --errsyms        Report not supplied symbols
\t-n, --show           Write the dependency file on stdout only
\t-P, --symbol-prefix  Architecture symbol prefix
\t-C, --config=PATH    Read configuration from PATH
\t-v, --verbose        Enable verbose mode
\t-w, --warn           Warn on duplicates
\t-V, --version        show version
\t-h, --help           show this help

The following options are useful for people managing distributions:
\t-b, --basedir=DIR    Use an image of a module tree.
\t-m, --moduledir=DIR  Look for modules in DIR instead of /lib/modules.
\t-o, --outdir=DIR     Write the files below DIR instead of basedir.
\t-F, --filesyms=FILE  Use the file instead of the
\t                     current kernel symbols.
\t-E, --symvers=FILE   Use Module.symvers file to check
\t                     symbol versions.

Not in kmod:
\t--incremental        Read only modules that changed since the last run
\t                     with this option
\t--threads=NUMBER     Read modules on so many threads
\t--json               With -n: everything about the modules as JSON
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_begin_with_two_numbers() {
        for good in ["6.1.0-57-amd64", "6.1", "6.1x"] {
            assert!(is_version(good.as_bytes()), "{good}");
        }
        for bad in ["", "6", "6.", ".1", "foo", "/a/b.ko", "v6.1"] {
            assert!(!is_version(bad.as_bytes()), "{bad}");
        }
    }
}
