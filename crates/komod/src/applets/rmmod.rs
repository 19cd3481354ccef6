//! `rmmod`: removes modules (rmmod(8)).

use super::Call;
use super::getopt::{Opt, Order, Value};
use super::log::Level;
use super::module_dir::{ModuleDir, name_of_file, normal_name};
use super::work::{self, Ended, Work};
use komod_kernel::host::{Removal, loaded, strerror};
use std::ffi::{CString, OsStr};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::ExitCode;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Id {
    Force,
    Syslog,
    Verbose,
    Version,
    Help,
}

const OPTIONS: [Opt<Id>; 5] = [
    Opt::both(Id::Force, b'f', "force", Value::No),
    Opt::both(Id::Syslog, b's', "syslog", Value::No),
    Opt::both(Id::Verbose, b'v', "verbose", Value::No),
    Opt::both(Id::Version, b'V', "version", Value::No),
    Opt::both(Id::Help, b'h', "help", Value::No),
];

pub fn main(call: &Call) -> ExitCode {
    work::run(call, rmmod)
}

fn help(name: &str) -> String {
    format!(
        "Usage:
	{name} [options] modulename ...
Options:
	-f, --force       forces a module unload and may crash your
	                  machine. This requires Forced Module Removal
	                  option in your kernel. DANGEROUS
	-s, --syslog      print to syslog, not stderr
	-v, --verbose     enables more messages
	-V, --version     show version
	-h, --help        show this help
"
    )
}

fn rmmod(work: &mut Work<'_>) -> Ended {
    let mut how = Removal::Gentle;
    work.log.level = Level::Error;
    let parsed = work.options(&OPTIONS, Order::Any);
    for item in parsed.items {
        let Some((id, _)) = work.option(item) else { return Ok(false) };
        match id {
            Id::Force => how = Removal::Forced,
            Id::Syslog => work.log.syslog = true,
            Id::Verbose => work.log.level = work.log.level.more(),
            Id::Version => return work.version(),
            Id::Help => return work.say(&help(&work.call.name())),
        }
    }
    if parsed.operands.is_empty() {
        work.log.error("missing module name.");
        return Ok(false);
    }
    let mut good = true;
    for operand in &parsed.operands {
        good &= remove(work, operand, how);
    }
    Ok(good)
}

/// Removes one module; what keeps it is told.
fn remove(work: &Work<'_>, operand: &OsStr, how: Removal) -> bool {
    let path = Path::new(operand);
    let name = match std::fs::metadata(path) {
        Ok(_) => name_of_file(path),
        Err(_) => normal_name(up_to_dot(operand)),
    };
    if how == Removal::Gentle
        && let Err(why) = removable(work, &name)
    {
        work.log.error(why);
        return false;
    }
    // No argument of a program has a NUL.
    let text = CString::new(name.clone().into_vec()).unwrap_or_default();
    if let Err(error) = work.host.delete_module(&text, how) {
        let why = strerror(error.raw_os_error().unwrap_or(0));
        work.log.error(format_args!("could not remove module {}: {why}", name.display()));
        return false;
    }
    true
}

/// A name has no dot: `rmmod x.ko` means `x`.
fn up_to_dot(name: &OsStr) -> &OsStr {
    OsStr::from_bytes(name.as_bytes().split(|byte| *byte == b'.').next().unwrap_or_default())
}

/// May it be removed? What the kernel would say, in words.
fn removable(work: &Work<'_>, name: &OsStr) -> Result<(), String> {
    let shown = name.display();
    if ModuleDir::running(work.host).is_some_and(|dir| dir.has_builtin(name)) {
        return Err(format!("Module {shown} is builtin."));
    }
    match loaded::state(work.host, name) {
        Ok(Some(_)) => {}
        Ok(None) => return Err(format!("Module {shown} is not currently loaded")),
        Err(error) => return Err(error.to_string()),
    }
    // A module that just went away has none.
    let holders = loaded::holders(work.host, name).unwrap_or_default();
    if !holders.is_empty() {
        let holders = holders.join(OsStr::new(" "));
        return Err(format!("Module {shown} is in use by: {}", holders.display()));
    }
    match loaded::uses(work.host, name) {
        Ok(0) => Ok(()),
        Ok(uses) if uses > 0 => Err(format!("Module {shown} is in use")),
        Ok(_) => Ok(()),
        Err(error) if error.is_gone() => Err("Module unloading is not supported".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::work::tried;
    use super::*;
    use komod_kernel::host::{FakeHost, FakeModule};

    fn host() -> FakeHost {
        let host = FakeHost::default();
        let module = |uses, holders: &[&str]| FakeModule {
            uses,
            holders: holders.iter().map(|name| (*name).to_owned()).collect(),
            ..FakeModule::default()
        };
        let all = [
            ("hid", module(0, &[])),
            ("usb", module(2, &["hid", "other"])),
            ("b_2", module(3, &[])),
            ("last", module(0, &[])),
        ];
        host.modules.borrow_mut().extend(all.map(|(name, module)| (name.to_owned(), module)));
        host
    }

    #[test]
    fn what_is_in_use_stays_and_the_rest_goes() {
        let host = host();
        let command = ["rmmod", "usb", "b-2", "nothing", "last", "hid"];
        let (good, out, messages) = tried(rmmod, &host, &command);
        assert_eq!((good, out.as_str()), (false, ""));
        assert_eq!(
            messages,
            [
                "rmmod: ERROR: Module usb is in use by: hid other",
                "rmmod: ERROR: Module b_2 is in use",
                "rmmod: ERROR: Module nothing is not currently loaded",
            ]
        );
        assert_eq!(host.calls.borrow()[..], ["delete last Gentle", "delete hid Gentle"]);
    }

    #[test]
    fn force_asks_the_kernel_at_once() {
        let mut host = host();
        host.refusals.insert("-hid".into(), (1, vec![]));
        let (good, _, messages) = tried(rmmod, &host, &["rmmod", "-f", "usb", "hid"]);
        assert!(!good);
        assert_eq!(
            messages,
            ["rmmod: ERROR: could not remove module hid: Operation not permitted"]
        );
        assert_eq!(host.calls.borrow()[..], ["delete usb Forced", "delete hid Forced"]);
    }

    #[test]
    fn kernels_that_cannot_remove() {
        let mut host = host();
        host.missing.push("/sys/module/hid/refcnt".into());
        let (_, _, messages) = tried(rmmod, &host, &["rmmod", "hid"]);
        assert_eq!(messages, ["rmmod: ERROR: Module unloading is not supported"]);
        let (good, _, messages) = tried(rmmod, &host, &["rmmod"]);
        assert!(!good);
        assert_eq!(messages, ["rmmod: ERROR: missing module name."]);
    }

    #[test]
    fn a_file_stands_for_its_module() {
        let host = host();
        let path = std::env::temp_dir().join(format!("hid.{}.ko", std::process::id()));
        std::fs::write(&path, b"").unwrap();
        let (good, _, messages) = tried(rmmod, &host, &["rmmod", path.to_str().unwrap()]);
        std::fs::remove_file(&path).unwrap();
        assert!(good, "{messages:?}");
        assert_eq!(host.calls.borrow()[..], ["delete hid Gentle"]);
    }
}
