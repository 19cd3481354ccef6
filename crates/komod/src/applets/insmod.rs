//! `insmod`: loads a module's file (insmod(8)).

use super::Call;
use super::getopt::{Opt, Order, Value};
use super::hint::Hints;
use super::log::Level;
use super::work::{self, Ended, Work};
use komod_kernel::host::{Force, insert, strerror};
use rustix::io::Errno;
use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Id {
    Force,
    ForceModversion,
    ForceVermagic,
    Syslog,
    Verbose,
    Version,
    Help,
}

const OPTIONS: [Opt<Id>; 7] = [
    Opt::both(Id::Force, b'f', "force", Value::No),
    Opt::long(Id::ForceModversion, "force-modversion", Value::No),
    Opt::long(Id::ForceVermagic, "force-vermagic", Value::No),
    Opt::both(Id::Syslog, b's', "syslog", Value::No),
    Opt::both(Id::Verbose, b'v', "verbose", Value::No),
    Opt::both(Id::Version, b'V', "version", Value::No),
    Opt::both(Id::Help, b'h', "help", Value::No),
];

pub fn main(call: &Call) -> ExitCode {
    work::run(call, insmod)
}

fn help(name: &str) -> String {
    format!(
        "Usage:
	{name} [options] filename [module options]
Options:
	-f, --force       DANGEROUS: load it although it was built for another
	                  kernel. May crash your machine
	    --force-modversion   leave out the checksums of symbols
	    --force-vermagic     leave out the version magic
	-s, --syslog      print to syslog, not stderr
	-v, --verbose     enables more messages
	-V, --version     show version
	-h, --help        show this help
"
    )
}

fn insmod(work: &mut Work<'_>) -> Ended {
    let mut force = Force::default();
    work.log.level = Level::Error;
    let parsed = work.options(&OPTIONS, Order::Any);
    for item in parsed.items {
        let Some((id, _)) = work.option(item) else { return Ok(false) };
        match id {
            Id::Force => force = Force::ALL,
            Id::ForceModversion => force.modversions = true,
            Id::ForceVermagic => force.vermagic = true,
            Id::Syslog => work.log.syslog = true,
            Id::Verbose => work.log.level = work.log.level.more(),
            Id::Version => return work.version(),
            Id::Help => return work.say(&help(&work.call.name())),
        }
    }
    let Some((file, arguments)) = parsed.operands.split_first() else {
        work.log.error("missing filename.");
        return Ok(false);
    };
    if file == "-" {
        work.log.error("this tool does not support loading from stdin!");
        return Ok(false);
    }
    let path = Path::new(file);
    let shown = path.display();
    // A path without a name, `/`, is no file either.
    let missing = match std::fs::metadata(path) {
        Ok(_) if path.file_name().is_none() => Some(Errno::NOENT.raw_os_error()),
        Ok(_) => None,
        Err(error) => error.raw_os_error(),
    };
    if let Some(errno) = missing {
        let text = strerror(errno);
        work.log.error(format_args!("could not load module {shown}: {text}"));
        return Ok(false);
    }
    if let Some(refusal) = work.limits.refusal(path, &work.log) {
        work.log.error(format_args!("could not insert module {shown}: {refusal}"));
        return Ok(false);
    }
    let parameters = arguments.iter().map(|argument| parameter(argument)).collect::<Vec<_>>();
    // No argument of a program has a NUL.
    let parameters = CString::new(parameters.join(&b' ')).unwrap_or_default();
    let hints = Hints::begin(work.host, &work.log);
    if let Err(error) = insert::insert(work.host, path, &parameters, force) {
        let text = reason(error.errno());
        work.log.error(format_args!("could not insert module {shown}: {text}"));
        hints.tell(&work.log, &error);
        return Ok(false);
    }
    Ok(true)
}

/// What insmod calls an error.
fn reason(errno: i32) -> String {
    match Errno::from_raw_os_error(errno) {
        Errno::NOEXEC => "Invalid module format".to_owned(),
        Errno::NOENT => "Unknown symbol in module".to_owned(),
        Errno::SRCH => "Module has wrong symbol version".to_owned(),
        Errno::INVAL => "Invalid parameters".to_owned(),
        _ => strerror(errno),
    }
}

/// An argument as the kernel takes it: a value with a space is quoted, if it is not yet.
fn parameter(argument: &OsStr) -> Vec<u8> {
    let bytes = argument.as_bytes();
    let equals = bytes.iter().position(|byte| *byte == b'=');
    let (name, value) = bytes.split_at(equals.map_or(0, |equals| equals + 1));
    if equals.is_none() || !value.contains(&b' ') || value.starts_with(b"\"") {
        return bytes.to_vec();
    }
    [name, b"\"", value, b"\""].concat()
}

#[cfg(test)]
mod tests {
    use super::super::limits::Limits;
    use super::super::sample;
    use super::super::work::{tried, tried_under};
    use super::*;
    use crate::scratch::Folder;
    use komod_kernel::host::FakeHost;

    /// A file that a fake kernel takes for the module of its name.
    fn module(folder: &Folder, name: &str) -> String {
        text(&folder.file(name, b"\x7fELF, nearly"))
    }

    fn text(path: &Path) -> String {
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn arguments_become_parameters() {
        let (host, folder) = (FakeHost::default(), Folder::new("insmod"));
        let a = module(&folder, "a.ko");
        let command = ["insmod", &a, "x=1", "y=a b", "z=\"c d\"", "e f", "-f", "w="];
        assert_eq!(tried(insmod, &host, &command), (true, String::new(), vec![]));
        assert_eq!(host.calls.borrow()[0], "finit a.ko [x=1 y=\"a b\" z=\"c d\" e f w=] 3");
        let b = module(&folder, "b.ko");
        assert!(tried(insmod, &host, &["insmod", "--force-m", &b]).0);
        let c = module(&folder, "c.ko");
        assert!(tried(insmod, &host, &["insmod", "--force-verm", &c]).0);
        assert!(host.calls.borrow()[1].ends_with(" 1") && host.calls.borrow()[2].ends_with(" 2"));
    }

    #[test]
    fn errors_have_their_texts() {
        let (mut host, folder) = (FakeHost::default(), Folder::new("insmod"));
        let a = module(&folder, "e.ko");
        for (errno, text) in [
            (8, "Invalid module format"),
            (2, "Unknown symbol in module"),
            (3, "Module has wrong symbol version"),
            (22, "Invalid parameters"),
            (17, "File exists"),
            (129, "Key was rejected by service"),
        ] {
            host.refusals.insert("e".into(), (errno, vec![]));
            let (good, out, messages) = tried(insmod, &host, &["insmod", &a]);
            assert_eq!((good, out.as_str()), (false, ""));
            assert_eq!(messages, [format!("insmod: ERROR: could not insert module {a}: {text}")]);
        }
        let said = |command: &[&str]| tried(insmod, &host, command).2;
        assert_eq!(said(&["insmod"]), ["insmod: ERROR: missing filename."]);
        assert_eq!(
            said(&["/sbin/insmod", "-"]),
            ["insmod: ERROR: this tool does not support loading from stdin!"]
        );
        assert_eq!(
            said(&["insmod", "/nowhere/x.ko"]),
            ["insmod: ERROR: could not load module /nowhere/x.ko: No such file or directory"]
        );
    }

    #[test]
    fn what_is_forbidden_is_not_loaded() {
        let (host, folder) = (FakeHost::default(), Folder::new("insmod"));
        let conf = folder.file("a.conf", "options x y=1\nforbid evil* b-ad\n");
        let limits = Limits { directories: vec![conf.clone()] };
        let insmod =
            |file: &str| tried_under(limits.clone(), insmod, &host, &["insmod", file, "p=1"]);
        let good = module(&folder, "good.ko");
        let bad = module(&folder, "b_ad.ko");
        let hidden = text(&folder.file("good2.ko", sample::module(b"name=evil\0")));
        for file in [&bad, &hidden] {
            let (ended, _, messages) = insmod(file);
            assert!(!ended);
            let why = format!("forbidden by {} line 2", conf.display());
            let said = format!("insmod: ERROR: could not insert module {file}: {why}");
            assert_eq!(messages, [said]);
        }
        assert!(host.calls.borrow().is_empty(), "{:?}", host.calls);
        assert!(insmod(&good).0);
        assert_eq!(host.calls.borrow().len(), 1);
    }

    #[test]
    fn only_what_is_allowed_is_loaded() {
        let (host, folder) = (FakeHost::default(), Folder::new("insmod"));
        folder.file("list.conf", "allow-only good*\n");
        folder.file("other.txt", "forbid *\n");
        let limits = Limits { directories: vec![folder.to_owned()] };
        let insmod = |file: &str| tried_under(limits.clone(), insmod, &host, &["insmod", file]);
        assert!(insmod(&module(&folder, "good-one.ko")).0);
        for file in [
            module(&folder, "other.ko"),
            text(&folder.file("good2.ko", sample::module(b"name=evil\0"))),
        ] {
            let (ended, _, messages) = insmod(&file);
            assert!(!ended);
            let ending = "not in the list of allowed modules";
            let place = folder.join("list.conf");
            let ending = format!("{file}: {ending} ({} line 1)", place.display());
            assert!(messages[0].ends_with(&ending), "{messages:?}");
        }
        assert_eq!(host.calls.borrow().len(), 1);
    }
}
