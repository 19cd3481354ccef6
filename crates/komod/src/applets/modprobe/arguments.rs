//! The command line of modprobe, with `$MODPROBE_OPTIONS` before it.

use crate::applets::Call;
use crate::applets::getopt::{self, Item, Opt, Order, Value};
use crate::applets::log::{Level, Log};
use komod_kernel::host::Force;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::ExitCode;
use std::time::Duration;

/// Options that come before those of the command line; modprobes that a command starts find
/// there what this one was told.
const OPTIONS_VARIABLE: &str = "MODPROBE_OPTIONS";

const HELP: &str = "\
Usage:
	modprobe [options] [-i] [-b] modulename
	modprobe [options] -a [-i] [-b] modulename [modulename...]
	modprobe [options] -r [-i] modulename
	modprobe [options] -r -a [-i] modulename [modulename...]
	modprobe [options] -c
	modprobe [options] --dump-modversions filename
Management Options:
	-a, --all                   Consider every non-argument to
	                            be a module name to be inserted
	                            or removed (-r)
	-r, --remove                Remove modules instead of inserting
	    --remove-dependencies   Deprecated: use --remove-holders
	    --remove-holders        Also remove module holders (use together with -r)
	-w, --wait <MSEC>           When removing a module, wait up to MSEC for
	                            module's refcount to become 0 so it can be
	                            removed (use together with -r)
	    --first-time            Fail if module already inserted or removed
	-i, --ignore-install        Ignore install commands
	-i, --ignore-remove         Ignore remove commands
	-b, --use-blacklist         Apply blacklist to resolved alias.
	-f, --force                 Force module insertion or removal.
	                            implies --force-modversions and
	                            --force-vermagic
	    --force-modversion      Ignore module's version
	    --force-vermagic        Ignore module's version magic

Query Options:
	-R, --resolve-alias         Only lookup and print alias and exit
	-D, --show-depends          Only print module dependencies and exit
	-c, --showconfig            Print out known configuration and exit
	-c, --show-config           Same as --showconfig
	    --json                  With -D or -c: as JSON (komod)
	    --show-modversions      Dump module symbol version and exit
	    --dump-modversions      Same as --show-modversions
	    --show-exports          Only print module exported symbol versions and exit

General Options:
	-n, --dry-run               Do not execute operations, just print out
	-n, --show                  Same as --dry-run
	-C, --config=FILE           Use FILE instead of default search paths
	-d, --dirname=DIR           Use DIR as filesystem root for /lib/modules
	-S, --set-version=VERSION   Use VERSION instead of `uname -r`
	-s, --syslog                print to syslog, not stderr
	-q, --quiet                 disable messages
	-v, --verbose               enables more messages
	-V, --version               show version
	-h, --help                  show this help
";

const OPTIONS: [Opt<u8>; 31] = [
    Opt::both(b'a', b'a', "all", Value::No),
    Opt::both(b'r', b'r', "remove", Value::No),
    Opt::long(HOLDERS, "remove-dependencies", Value::No),
    Opt::long(HOLDERS, "remove-holders", Value::No),
    Opt::both(b'w', b'w', "wait", Value::Required),
    Opt::both(b'R', b'R', "resolve-alias", Value::No),
    Opt::long(b'R', "show-alias", Value::No),
    Opt::long(FIRST_TIME, "first-time", Value::No),
    Opt::both(b'i', b'i', "ignore-install", Value::No),
    Opt::long(b'i', "ignore-remove", Value::No),
    Opt::both(b'b', b'b', "use-blacklist", Value::No),
    Opt::both(b'f', b'f', "force", Value::No),
    Opt::long(FORCE_MODVERSION, "force-modversion", Value::No),
    Opt::long(FORCE_VERMAGIC, "force-vermagic", Value::No),
    Opt::both(b'D', b'D', "show-depends", Value::No),
    Opt::both(b'c', b'c', "showconfig", Value::No),
    Opt::long(b'c', "show-config", Value::No),
    Opt::long(VERSIONS, "show-modversions", Value::No),
    Opt::long(VERSIONS, "dump-modversions", Value::No),
    Opt::long(EXPORTS, "show-exports", Value::No),
    Opt::both(b'n', b'n', "dry-run", Value::No),
    Opt::long(b'n', "show", Value::No),
    Opt::both(b'C', b'C', "config", Value::Required),
    Opt::both(b'd', b'd', "dirname", Value::Required),
    Opt::both(b'S', b'S', "set-version", Value::Required),
    Opt::both(b's', b's', "syslog", Value::No),
    Opt::both(b'q', b'q', "quiet", Value::No),
    Opt::both(b'v', b'v', "verbose", Value::No),
    Opt::both(b'V', b'V', "version", Value::No),
    Opt::both(b'h', b'h', "help", Value::No),
    Opt::long(JSON, "json", Value::No),
];
const HOLDERS: u8 = 1;
const FIRST_TIME: u8 = 2;
const FORCE_MODVERSION: u8 = 3;
const FORCE_VERMAGIC: u8 = 4;
const VERSIONS: u8 = 5;
const EXPORTS: u8 = 6;
const JSON: u8 = 7;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    Insert,
    Remove,
    /// `-c`
    Config,
    /// `--show-modversions`
    Versions,
    /// `--show-exports`
    Exports,
}

/// A command line that was read.
#[derive(Debug)]
pub struct Arguments {
    pub task: Task,
    /// `-a`
    pub all: bool,
    /// `--remove-holders`
    pub holders: bool,
    /// `-w`
    pub wait: Option<Duration>,
    /// `-R`
    pub resolve: bool,
    pub first_time: bool,
    /// `-i`
    pub ignore_commands: bool,
    /// `-b`
    pub use_blacklist: bool,
    pub force: Force,
    /// `-D`
    pub show_depends: bool,
    /// `-n`
    pub dry_run: bool,
    /// `-v` or `-n`: say what is done.
    pub verbose: bool,
    pub json: bool,
    /// `-C`
    pub configs: Vec<OsString>,
    /// `-d`
    pub root: Option<OsString>,
    /// `-S`
    pub release: Option<OsString>,
    /// Modules, and the options of the first.
    pub operands: Vec<OsString>,
    /// `$MODPROBE_OPTIONS` for commands.
    pub for_commands: OsString,
}

/// Reads a command line; if there is nothing to do, the exit status.
pub fn read(call: &Call, log: &mut Log) -> Result<Arguments, ExitCode> {
    let variable = std::env::var_os(OPTIONS_VARIABLE);
    let mut words = variable.as_deref().map(split).unwrap_or_default();
    words.extend(call.arguments.iter().cloned());
    let parsed = getopt::parse(&call.program, &OPTIONS, Order::Any, &words);

    let mut arguments = Arguments {
        task: Task::Insert,
        all: false,
        holders: false,
        wait: None,
        resolve: false,
        first_time: false,
        ignore_commands: false,
        use_blacklist: false,
        force: Force::default(),
        show_depends: false,
        dry_run: false,
        verbose: false,
        json: false,
        configs: Vec::new(),
        root: None,
        release: None,
        operands: parsed.operands,
        for_commands: variable.unwrap_or_default(),
    };
    let mut verbosity = Level::Warning as i32;
    for item in parsed.items {
        let (option, value) = match item {
            Item::Option(option, value) => (option, value.unwrap_or_default()),
            Item::Mistake(text) => {
                eprintln!("{text}");
                return Err(ExitCode::FAILURE);
            }
        };
        match option {
            b'a' => arguments.all = true,
            b'r' => arguments.task = Task::Remove,
            HOLDERS => arguments.holders = true,
            b'w' => arguments.wait = Some(wait(&value, log)?),
            b'R' => arguments.resolve = true,
            FIRST_TIME => arguments.first_time = true,
            b'i' => arguments.ignore_commands = true,
            b'b' => arguments.use_blacklist = true,
            b'f' => arguments.force = Force::ALL,
            FORCE_MODVERSION => arguments.force.modversions = true,
            FORCE_VERMAGIC => arguments.force.vermagic = true,
            b'D' => arguments.show_depends = true,
            b'c' => arguments.task = Task::Config,
            VERSIONS => arguments.task = Task::Versions,
            EXPORTS => arguments.task = Task::Exports,
            b'n' => arguments.dry_run = true,
            b'C' => {
                hand_on(&mut arguments.for_commands, "-C");
                hand_on(&mut arguments.for_commands, &value);
                arguments.configs.push(value);
            }
            b'd' => arguments.root = Some(value),
            b'S' => arguments.release = Some(value),
            b's' => {
                hand_on(&mut arguments.for_commands, "-s");
                log.syslog = true;
            }
            b'q' => {
                hand_on(&mut arguments.for_commands, "-q");
                verbosity = 0;
            }
            b'v' => {
                hand_on(&mut arguments.for_commands, "-v");
                verbosity += 1;
            }
            b'V' => {
                print!("{}", crate::applets::work::VERSION);
                return Err(ExitCode::SUCCESS);
            }
            b'h' => {
                print!("{HELP}");
                return Err(ExitCode::SUCCESS);
            }
            _ => arguments.json = true,
        }
    }
    set_level(log, verbosity);
    let quiet = verbosity < Level::Warning as i32;
    arguments.verbose = verbosity > Level::Warning as i32 || (arguments.dry_run && !quiet);
    if arguments.operands.is_empty() && arguments.task != Task::Config {
        log.error("missing parameters. See -h.");
        return Err(ExitCode::FAILURE);
    }
    Ok(arguments)
}

/// Milliseconds.
fn wait(value: &OsStr, log: &Log) -> Result<Duration, ExitCode> {
    match value.to_str().and_then(|value| value.trim_start().parse().ok()) {
        Some(milliseconds) => Ok(Duration::from_millis(milliseconds)),
        None => {
            log.error(format_args!("unexpected wait value '{}'.", value.to_string_lossy()));
            Err(ExitCode::FAILURE)
        }
    }
}

fn set_level(log: &mut Log, verbosity: i32) {
    log.level = match verbosity {
        ..2 => Level::Silent,
        2 => Level::Fatal,
        3 => Level::Error,
        4 => Level::Warning,
        5 => Level::Notice,
        6 => Level::Info,
        7.. => Level::Debug,
    };
}

fn hand_on(options: &mut OsString, word: impl AsRef<OsStr>) {
    if !options.is_empty() {
        options.push(" ");
    }
    options.push(word);
}

/// The words of `$MODPROBE_OPTIONS`: spaces separate them, but not in quotes.
fn split(options: &OsStr) -> Vec<OsString> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    for &byte in options.as_bytes() {
        match (byte, quote) {
            (_, Some(open)) if byte == open => quote = None,
            (b'\'' | b'"', None) => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            (b' ', None) => words.extend(word.take()),
            _ => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    words.into_iter().map(OsString::from_vec).collect()
}

/// Options for a module from the operands behind its name: a value with a space is put into
/// quotes, unless it is already.
pub fn module_options(operands: &[OsString]) -> Vec<u8> {
    let quoted = |operand: &OsString| {
        let bytes = operand.as_bytes();
        let equals = bytes.iter().position(|byte| *byte == b'=');
        let Some((name, value)) = equals.map(|at| bytes.split_at(at + 1)) else {
            return bytes.to_vec();
        };
        if !value.contains(&b' ') || value.starts_with(b"\"") {
            return bytes.to_vec();
        }
        [name, b"\"", value, b"\""].concat()
    };
    operands.iter().map(quoted).collect::<Vec<_>>().join(&b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_variable() {
        let words = |text: &str| split(OsStr::new(text));
        assert_eq!(words(" -C  x -q "), ["-C", "x", "-q"]);
        assert_eq!(words("-C 'a b' \"c 'd\" e''f ''"), ["-C", "a b", "c 'd", "ef", ""]);
        assert!(words("").is_empty());
    }

    #[test]
    fn values_with_spaces_get_quotes() {
        let options = ["a=1", "b=x y", "c=\"p q\"", "d", "e f"].map(OsString::from);
        assert_eq!(module_options(&options), b"a=1 b=\"x y\" c=\"p q\" d e f");
        assert_eq!(module_options(&[]), b"");
    }
}
