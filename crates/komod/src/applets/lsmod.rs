//! `lsmod`: the modules that are loaded (lsmod(8)).

use super::Call;
use super::getopt::{Opt, Order, Value};
use super::log::Level;
use super::work::{self, Ended, Work};
use komod_kernel::host::{Host, loaded, strerror};
use serde::Serialize;
use std::process::ExitCode;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Id {
    Syslog,
    Verbose,
    Version,
    Help,
    Json,
}

const OPTIONS: [Opt<Id>; 5] = [
    Opt::both(Id::Syslog, b's', "syslog", Value::No),
    Opt::both(Id::Verbose, b'v', "verbose", Value::No),
    Opt::both(Id::Version, b'V', "version", Value::No),
    Opt::both(Id::Help, b'h', "help", Value::No),
    Opt::long(Id::Json, "json", Value::No),
];

pub fn main(call: &Call) -> ExitCode {
    work::run(call, lsmod)
}

fn help(name: &str) -> String {
    format!(
        "Usage:
	{name} [options]
Options:
	-s, --syslog      print to syslog, not stderr
	-v, --verbose     enables more messages
	-V, --version     show version
	-h, --help        show this help
	    --json        print JSON
"
    )
}

/// A module as `--json` shows it.
#[derive(Serialize)]
struct Row {
    name: String,
    size: u64,
    /// Absent in kernels that cannot remove modules.
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<i64>,
    used_by: Vec<String>,
}

/// As kmod's `list` and `lsmod`.
pub fn lsmod(work: &mut Work<'_>) -> Ended {
    let mut json = false;
    work.log.level = Level::Error;
    let parsed = work.options(&OPTIONS, Order::Any);
    for item in parsed.items {
        let Some((id, _)) = work.option(item) else { return Ok(false) };
        match id {
            Id::Syslog => work.log.syslog = true,
            Id::Verbose => work.log.level = work.log.level.more(),
            Id::Version => return work.version(),
            Id::Help => return work.say(&help(&work.call.name())),
            Id::Json => json = true,
        }
    }
    if !parsed.operands.is_empty() {
        work.log.line(format_args!("Usage: {}", work.call.program.display()));
        return Ok(false);
    }
    let rows = match rows(work.host) {
        Ok(rows) => rows,
        Err(error) => {
            let why = strerror(error.errno());
            work.log.error(format_args!("could not get list of modules: {why}"));
            return Ok(false);
        }
    };
    if json {
        return work.json("komod-lsmod", serde_json::json!({ "modules": rows }));
    }
    writeln!(work.out, "Module                  Size  Used by")?;
    for Row { name, size, used, used_by } in rows {
        write!(work.out, "{name:<19} {size:>8}  {}", used.unwrap_or(0))?;
        if !used_by.is_empty() {
            write!(work.out, " {}", used_by.join(","))?;
        }
        writeln!(work.out)?;
    }
    Ok(true)
}

/// What is loaded. `/sys` tells more exactly than the list; what it does not tell, because the
/// module just goes, stands in the list.
fn rows(host: &dyn Host) -> Result<Vec<Row>, loaded::LoadedError> {
    let modules = loaded::modules(host)?;
    let row = |module: loaded::Loaded| {
        let size = loaded::size(host, &module.name).unwrap_or(module.size);
        let used = loaded::uses(host, &module.name).ok().or(module.uses);
        let holders = loaded::holders(host, &module.name).unwrap_or(module.holders);
        let used_by = holders.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        Row { name: module.name.to_string_lossy().into_owned(), size, used, used_by }
    };
    Ok(modules.into_iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::super::work::tried;
    use super::*;
    use komod_kernel::host::FakeHost;

    fn host() -> FakeHost {
        let mut host = FakeHost::default();
        let list = "hid 16384 0 - Live 0x0\nusb 300000 2 hid,other, Live 0x0\n\
            a_module_with_a_name_too_long 4096 0 - Live 0x0\n";
        host.files.insert("/proc/modules".into(), list.as_bytes().to_vec());
        for (file, text) in [
            ("hid/coresize", "8192\n"),
            ("hid/refcnt", "-1\n"),
            ("usb/coresize", "200000\n"),
            ("usb/refcnt", "3\n"),
            ("usb/holders/zz/x", ""),
            ("usb/holders/hid/x", ""),
        ] {
            host.files.insert(format!("/sys/module/{file}").into(), text.into());
        }
        host
    }

    #[test]
    fn a_list() {
        let (good, out, messages) = tried(lsmod, &host(), &["lsmod"]);
        assert!(good && messages.is_empty());
        assert_eq!(
            out,
            "Module                  Size  Used by\n\
             hid                     8192  -1\n\
             usb                   200000  3 hid,zz\n\
             a_module_with_a_name_too_long     4096  0\n"
        );
    }

    /// A module may go between the list and its files in `/sys` (kmod shows `-2  -2` then).
    #[test]
    fn modules_that_go_meanwhile_are_shown_as_listed() {
        let mut host = host();
        host.files.retain(|file, _| !file.starts_with("/sys/module/usb"));
        let (good, out, messages) = tried(lsmod, &host, &["lsmod"]);
        assert!(good && messages.is_empty());
        assert!(out.contains("usb                   300000  2 hid,other\n"), "{out}");
    }

    #[test]
    fn json() {
        let (good, out, _) = tried(lsmod, &host(), &["lsmod", "--json"]);
        assert!(good);
        let value: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&value["format"], &value["version"]), (&"komod-lsmod".into(), &1.into()));
        let usb = serde_json::json!(
            { "name": "usb", "size": 200_000, "used": 3, "used_by": ["hid", "zz"] }
        );
        assert_eq!(value["modules"][1], usb);
    }

    #[test]
    fn what_is_not_understood() {
        let (good, _, messages) = tried(lsmod, &FakeHost::default(), &["/sbin/lsmod", "x"]);
        assert!(!good);
        assert_eq!(messages, ["Usage: /sbin/lsmod"]);
        let mut host = FakeHost::default();
        host.missing.push("/proc/modules".into());
        let (good, out, messages) = tried(lsmod, &host, &["lsmod"]);
        assert_eq!((good, out.as_str()), (false, ""));
        assert_eq!(
            messages,
            ["lsmod: ERROR: could not get list of modules: No such file or directory"]
        );
    }
}
