//! `modinfo`: what modules say of themselves (modinfo(8)).
//!
//! [`look_up`] finds what an argument means; [`told`] reads what a module tells, a [`builtin`] one
//! from `modules.builtin.modinfo`; [`show`] writes it.

mod builtin;
mod json;
mod look_up;
mod show;
mod told;

use super::Call;
use super::getopt::{Opt, Order, Value};
use super::log::Level;
use super::module_dir::ModuleDir;
use super::work::{self, Ended, Work};
use komod_kernel::host::strerror;
use komod_kernel::modprobe::Directory;
use look_up::{Found, NotFound};
use show::Manner;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;
use told::Told;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Id {
    Author,
    Description,
    License,
    Parameters,
    Filename,
    Null,
    Modname,
    Field,
    SetVersion,
    Basedir,
    Version,
    Help,
    Json,
}

const OPTIONS: [Opt<Id>; 13] = [
    Opt::both(Id::Author, b'a', "author", Value::No),
    Opt::both(Id::Description, b'd', "description", Value::No),
    Opt::both(Id::License, b'l', "license", Value::No),
    Opt::both(Id::Parameters, b'p', "parameters", Value::No),
    Opt::both(Id::Filename, b'n', "filename", Value::No),
    Opt::both(Id::Null, b'0', "null", Value::No),
    Opt::both(Id::Modname, b'm', "modname", Value::No),
    Opt::both(Id::Field, b'F', "field", Value::Required),
    Opt::both(Id::SetVersion, b'k', "set-version", Value::Required),
    Opt::both(Id::Basedir, b'b', "basedir", Value::Required),
    Opt::both(Id::Version, b'V', "version", Value::No),
    Opt::both(Id::Help, b'h', "help", Value::No),
    Opt::long(Id::Json, "json", Value::No),
];

pub fn main(call: &Call) -> ExitCode {
    work::run(call, modinfo)
}

fn help(name: &str) -> String {
    format!(
        "Usage:
	{name} [options] <modulename|filename> [args]
Options:
	-a, --author                Print only 'author'
	-d, --description           Print only 'description'
	-l, --license               Print only 'license'
	-p, --parameters            Print only 'parm'
	-n, --filename              Print only 'filename'
	-0, --null                  Use \\0 instead of \\n
	-m, --modname               Handle argument as module name instead of alias or filename
	-F, --field=FIELD           Print only provided FIELD
	-k, --set-version=VERSION   Use VERSION instead of `uname -r`
	-b, --basedir=DIR           Use DIR as filesystem root for /lib/modules
	    --json                  Print everything as JSON
	-V, --version               Show version
	-h, --help                  Show this help
"
    )
}

/// What the options ask for.
#[derive(Default)]
struct Asked {
    manner: Manner,
    /// Arguments are names of modules only.
    only_names: bool,
    version: Option<OsString>,
    root: Option<OsString>,
    json: bool,
}

fn modinfo(work: &mut Work<'_>) -> Ended {
    let mut asked = Asked::default();
    work.log.level = Level::Error;
    let parsed = work.options(&OPTIONS, Order::Any);
    for item in parsed.items {
        let Some((id, value)) = work.option(item) else { return Ok(false) };
        let value = value.unwrap_or_default();
        let field = match id {
            Id::Author => OsStr::new("author"),
            Id::Description => OsStr::new("description"),
            Id::License => OsStr::new("license"),
            Id::Parameters => OsStr::new("parm"),
            Id::Filename => OsStr::new("filename"),
            Id::Field => &value,
            Id::Null => {
                asked.manner.null = true;
                continue;
            }
            Id::Modname => {
                asked.only_names = true;
                continue;
            }
            Id::SetVersion => {
                asked.version = Some(value);
                continue;
            }
            Id::Basedir => {
                asked.root = Some(value);
                continue;
            }
            Id::Json => {
                asked.json = true;
                continue;
            }
            Id::Version => return work.version(),
            Id::Help => return work.say(&help(&work.call.name())),
        };
        asked.manner.field = Some(field.as_bytes().to_vec());
    }
    if parsed.operands.is_empty() {
        work.log.error("missing module or filename.");
        return Ok(false);
    }
    if asked.json && asked.manner.field.is_some() {
        work.log.error("--json prints everything; leave out the options that ask for a field");
        return Ok(false);
    }
    let release = match asked.version.take() {
        Some(version) => version,
        None => work.host.release().unwrap_or_default().into(),
    };
    let dir = ModuleDir::of(asked.root.as_ref().map(Path::new), release);
    all(work, &asked, &dir, &parsed.operands)
}

/// Tells about each argument.
fn all(work: &mut Work<'_>, asked: &Asked, dir: &ModuleDir, operands: &[OsString]) -> Ended {
    let directory = Directory::new(dir.0.clone());
    let mut builtin = builtin::Builtin::new(dir);
    let mut good = true;
    let mut modules = Vec::new();
    let mut text = Vec::new();
    for operand in operands {
        let found = match look_up::modules(operand, asked.only_names, &directory) {
            Ok(found) => found,
            Err(why) => {
                not_found(work, operand, asked.only_names, &why);
                good = false;
                continue;
            }
        };
        for found in &found {
            let told = match (found, &asked.manner.field) {
                // Nothing needs to be read.
                (_, Some(field)) if field == b"filename" => Ok(Told::default()),
                (Found::File(path), field) => told::of_file(path, field.as_deref()),
                (Found::Builtin(name), _) => builtin.told(name),
            };
            if asked.json {
                match told {
                    Ok(told) => modules.push(json::module(found, &told)),
                    Err(error) => good &= failed(work, found, error.errno()),
                }
                continue;
            }
            text.clear();
            show::place(&mut text, found, &asked.manner);
            match told {
                Ok(told) => {
                    let with_params = asked.manner.shows(b"parm");
                    for bad in told.bad_params.iter().filter(|_| with_params) {
                        let bad = String::from_utf8_lossy(bad);
                        work.log.error(format_args!("Found invalid \"{bad}\": missing ':'"));
                    }
                    show::module(&mut text, &told, &asked.manner);
                }
                Err(error) => good &= failed(work, found, error.errno()),
            }
            work.out.write_all(&text)?;
        }
    }
    if asked.json {
        work.json("komod-modinfo", serde_json::json!({ "modules": modules }))?;
    }
    Ok(good)
}

/// Tells that a module cannot be read. Never good.
fn failed(work: &Work<'_>, found: &Found, errno: i32) -> bool {
    let (name, why) = (found.name(), strerror(errno));
    work.log.error(format_args!("could not get modinfo from '{}': {why}", name.display()));
    false
}

fn not_found(work: &Work<'_>, operand: &OsStr, only_names: bool, why: &NotFound) {
    let what = if only_names { "Module name" } else { "Module" };
    match why {
        NotFound::Unknown => {
            work.log.error(format_args!("{what} {} not found.", operand.display()));
        }
        NotFound::Index(error) => work.log.error(error),
    }
}

#[cfg(test)]
mod tests;
