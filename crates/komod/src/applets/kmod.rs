//! `kmod`: the other name of the tools, and two commands of its own (kmod(8)).

use super::getopt::{Opt, Order, Value};
use super::work::{self, Ended, Work};
use super::{Call, lsmod, static_nodes};
use std::process::ExitCode;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Id {
    Help,
    Version,
}

const OPTIONS: [Opt<Id>; 2] = [
    Opt::both(Id::Help, b'h', "help", Value::No),
    Opt::both(Id::Version, b'V', "version", Value::No),
];

pub fn main(call: &Call) -> ExitCode {
    work::run(call, kmod)
}

fn help(name: &str) -> String {
    format!(
        "kmod - Manage kernel modules: list, load, unload, etc
Usage:
	{name} [options] command [command_options]

Options:
	-V, --version     show version
	-h, --help        show this help

Commands:
  help         Show help message
  list         list currently loaded modules
  static-nodes outputs the static-node information installed with the currently running kernel

kmod also handles gracefully if called from following symlinks:
  lsmod        compat lsmod command
  rmmod        compat rmmod command
  insmod       compat insmod command
  modinfo      compat modinfo command
  modprobe     compat modprobe command
  depmod       compat depmod command
"
    )
}

fn kmod(work: &mut Work<'_>) -> Ended {
    let name = work.call.name();
    let mut parsed = work.options(&OPTIONS, Order::OptionsFirst);
    if let Some(item) = parsed.items.into_iter().next() {
        return match work.option(item) {
            Some((Id::Help, _)) => work.say(&help(&name)),
            Some((Id::Version, _)) => work.version(),
            None => Ok(false),
        };
    }
    if parsed.operands.is_empty() {
        work.log.line("missing command");
        work.say(&help(&name))?;
        return Ok(false);
    }
    let program = parsed.operands.remove(0);
    let tool: fn(&mut Work<'_>) -> Ended = match program.to_str() {
        Some("help") => {
            let program = program.to_string_lossy();
            return work.say(&help(&program));
        }
        Some("list") => lsmod::lsmod,
        Some("static-nodes") => static_nodes::static_nodes,
        _ => {
            work.log.line(format_args!("invalid command '{}'", program.display()));
            work.say(&help(&name))?;
            return Ok(false);
        }
    };
    let call = Call { program, arguments: parsed.operands };
    work.log.program = call.name();
    let (log, limits) = (work.log.clone(), work.limits.clone());
    tool(&mut Work { call: &call, host: work.host, log, out: work.out, limits })
}

#[cfg(test)]
mod tests {
    use super::super::work::tried;
    use super::*;
    use komod_kernel::host::FakeHost;

    #[test]
    fn commands() {
        let host = FakeHost::default();
        let (good, out, messages) = tried(kmod, &host, &["kmod"]);
        assert!(!good && out.contains("\tkmod [options] command"));
        assert_eq!(messages, ["missing command"]);
        let (good, _, messages) = tried(kmod, &host, &["kmod", "insert"]);
        assert!(!good);
        assert_eq!(messages, ["invalid command 'insert'"]);
        let (good, out, _) = tried(kmod, &host, &["kmod", "list"]);
        assert!(good);
        assert_eq!(out, "Module                  Size  Used by\n");
        let (good, out, _) = tried(kmod, &host, &["kmod", "help", "x"]);
        assert!(good && out.contains("\thelp [options] command"));
    }

    #[test]
    fn options_end_at_the_command() {
        let host = FakeHost::default();
        let (good, out, _) = tried(kmod, &host, &["kmod", "-V", "--nothing"]);
        assert!(good && out.starts_with("kmod version 34\n"));
        let (good, _, messages) = tried(kmod, &host, &["kmod", "list", "--nothing"]);
        assert!(!good);
        assert_eq!(messages, ["list: unrecognized option '--nothing'"]);
    }
}
