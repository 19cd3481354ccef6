//! kmod's tools: `insmod`, `rmmod`, `lsmod`, `modinfo`, `modprobe`, `depmod` and `kmod`; and
//! util-linux's `dmesg`, with that one's options and texts.
//!
//! komod is one of them when called by its name (exactly), or as `komod insmod …`. They read their
//! options as getopt does ([`getopt`]), write messages in kmod's form ([`log`]) and end with kmod's
//! exit statuses, 0 and 1. Each tool is a file of its own; it does its [`work`] on a
//! `komod_kernel::host::Host`, and may tell the kernel's own reason of a refusal ([`hint`]). What must
//! not be loaded has its [`limits`].

mod depmod;
pub mod dmesg;
pub mod getopt;
pub mod hint;
mod insmod;
mod kmod;
pub mod limits;
pub mod log;
mod lsmod;
mod modinfo;
mod modprobe;
pub mod module_dir;
mod rmmod;
#[cfg(test)]
mod sample;
mod static_nodes;
pub mod work;

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

/// How a tool was called.
#[derive(Debug)]
pub struct Call {
    /// `argv[0]` as it is: getopt's messages begin with it.
    pub program: OsString,
    /// What follows.
    pub arguments: Vec<OsString>,
}

impl Call {
    /// The name in messages: without folders.
    pub fn program_name(&self) -> String {
        let name = Path::new(&self.program).file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

/// A tool's main function.
pub type Main = fn(&Call) -> ExitCode;

/// The tools by name.
const APPLETS: [(&str, Main); 8] = [
    ("depmod", depmod::main),
    ("dmesg", dmesg::main),
    ("insmod", insmod::main),
    ("kmod", kmod::main),
    ("lsmod", lsmod::main),
    ("modinfo", modinfo::main),
    ("modprobe", modprobe::main),
    ("rmmod", rmmod::main),
];

/// The tools' names.
pub fn names() -> impl Iterator<Item = &'static str> {
    APPLETS.iter().map(|(name, _)| *name)
}

/// The tool that this command line means, if it means one: `/sbin/insmod x.ko`, or
/// `komod insmod x.ko`.
pub fn of(mut arguments: impl Iterator<Item = OsString>) -> Option<(Main, Call)> {
    let program = arguments.next()?;
    if let Some(main) = by_name(Path::new(&program).file_name()?) {
        return Some((main, Call { program, arguments: arguments.collect() }));
    }
    let program = arguments.next()?;
    let main = by_name(&program)?;
    Some((main, Call { program, arguments: arguments.collect() }))
}

fn by_name(name: &OsStr) -> Option<Main> {
    APPLETS.iter().find(|(applet, _)| name == *applet).map(|(_, main)| *main)
}
