//! `kmod static-nodes`: the device nodes in `modules.devname`, for people and for
//! systemd-tmpfiles (kmod(8), tmpfiles.d(5)).

use super::getopt::{Opt, Order, Value};
use super::module_dir::ModuleDir;
use super::work::{Ended, Work};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Id {
    Output,
    Format,
    Help,
}

const OPTIONS: [Opt<Id>; 3] = [
    Opt::both(Id::Output, b'o', "output", Value::Required),
    Opt::both(Id::Format, b'f', "format", Value::Required),
    Opt::both(Id::Help, b'h', "help", Value::No),
];

const HELP: &str = "Usage:
	kmod static-nodes [options]

kmod static-nodes outputs the static-node information of the currently running kernel.

Options:
	-f, --format=FORMAT  choose format to use: see \"Formats\"
	-o, --output=FILE    write output to file
	-h, --help           show this help

Formats:
	human        (default) a human readable format. Do not parse.
	tmpfiles     the tmpfiles.d(5) format used by systemd-tmpfiles.
	devname      the modules.devname format.
";

/// How a node is written.
type Format = fn(&mut String, &Node<'_>);

const FORMATS: [(&str, Format); 3] =
    [("human", human), ("tmpfiles", tmpfiles), ("devname", devname)];

/// A device node that loads a module when it is opened.
#[derive(Debug, PartialEq, Eq)]
struct Node<'a> {
    module: &'a str,
    /// Below `/dev`.
    path: &'a str,
    /// `c` or `b`.
    kind: char,
    major: u32,
    minor: u32,
}

impl<'a> Node<'a> {
    /// A line of `modules.devname`: `fuse fuse c10:229`. What would lead out of `/dev` is no node.
    fn read(line: &'a str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (module, path) = (words.next()?, words.next()?);
        let rest = words.next()?;
        let kind = rest.chars().next().filter(|kind| matches!(kind, 'c' | 'b'))?;
        let (major, minor) = rest.get(1..)?.split_once(':')?;
        // `c5: 6` is read like `c5:6`.
        let minor = if minor.is_empty() { words.next()? } else { minor };
        let digits = minor.find(|c: char| !c.is_ascii_digit()).unwrap_or(minor.len());
        let number = |text: &str| {
            text.starts_with(|c: char| c.is_ascii_digit()).then(|| text.parse().ok())?
        };
        let (major, minor) = (number(major)?, number(minor.get(..digits)?)?);
        let inside = !path.split('/').any(|part| part == "..") && !path.starts_with('/');
        inside.then_some(Node { module, path, kind, major, minor })
    }
}

fn human(out: &mut String, node: &Node<'_>) {
    let Node { module, path, kind, major, minor } = node;
    let kind = if *kind == 'c' { "character" } else { "block" };
    let _ = writeln!(
        out,
        "Module: {module}\n\tDevice node: /dev/{path}\n\t\tType: {kind} device\n\
         \t\tMajor: {major}\n\t\tMinor: {minor}"
    );
}

fn tmpfiles(out: &mut String, node: &Node<'_>) {
    let Node { path, kind, major, minor, .. } = node;
    if let Some((folder, _)) = path.rsplit_once('/') {
        let _ = writeln!(out, "d /dev/{folder} 0755 - - -");
    }
    let _ = writeln!(out, "{kind}! /dev/{path} 0600 - - - {major}:{minor}");
}

fn devname(out: &mut String, node: &Node<'_>) {
    let Node { module, path, kind, major, minor } = node;
    let _ = writeln!(out, "{module} {path} {kind}{major}:{minor}");
}

pub fn static_nodes(work: &mut Work<'_>) -> Ended {
    let (mut format, mut output): (Format, _) = (human, None);
    for item in work.options(&OPTIONS, Order::Any).items {
        let Some((id, value)) = work.option(item) else { return Ok(false) };
        let value = value.unwrap_or_default();
        match id {
            Id::Output => output = Some(PathBuf::from(value)),
            Id::Help => return work.say(HELP),
            Id::Format => match FORMATS.iter().find(|(name, _)| value == *name) {
                Some((_, known)) => format = *known,
                None => {
                    work.log.line(format_args!("Unknown format: '{}'.", value.display()));
                    work.say(HELP)?;
                    return Ok(false);
                }
            },
        }
    }
    let release = match work.host.release() {
        Ok(release) => release,
        Err(error) => {
            work.log.line(format_args!("Error: could not get the kernel's release: {error}"));
            return Ok(false);
        }
    };
    nodes(work, &ModuleDir::of(None, release), format, output.as_deref())
}

fn nodes(work: &mut Work<'_>, dir: &ModuleDir, format: Format, output: Option<&Path>) -> Ended {
    let list = dir.file("modules.devname");
    let text = match std::fs::read(&list) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            work.log.line(format_args!("Warning: {} not found - ignoring", list.display()));
            return Ok(true);
        }
        Err(error) => {
            work.log.line(format_args!("Error: could not open {} - {error}", list.display()));
            return Ok(false);
        }
    };
    // Before any line is looked at: what cannot be written need not be read.
    let file = match output.map(create).transpose() {
        Ok(file) => file,
        Err(why) => {
            work.log.line(why);
            return Ok(false);
        }
    };
    let mut good = true;
    let mut written = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match Node::read(line) {
            Some(node) => format(&mut written, &node),
            None => {
                work.log.line(format_args!("Error: invalid devname entry: {line}"));
                good = false;
            }
        }
    }
    match file {
        None => work.out.write_all(written.as_bytes())?,
        Some(mut file) => {
            if let Err(error) = file.write_all(written.as_bytes()) {
                work.log.line(format_args!("Error: could not write the output - {}.", why(&error)));
                return Ok(false);
            }
        }
    }
    Ok(good)
}

/// The output's file, and its folder.
fn create(path: &Path) -> Result<File, String> {
    let shown = path.display();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.map_or(Ok(()), std::fs::create_dir_all).map_err(|error| {
        format!("Error: could not create parent directory for {shown} - {}.", why(&error))
    })?;
    File::create(path)
        .map_err(|error| format!("Error: could not create {shown} - {}.", why(&error)))
}

fn why(error: &io::Error) -> String {
    komod_kernel::host::strerror(error.raw_os_error().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let node = Node::read("snd_seq snd/seq c116:1").unwrap();
        assert_eq!((node.module, node.path, node.kind), ("snd_seq", "snd/seq", 'c'));
        assert_eq!((node.major, node.minor), (116, 1));
        assert_eq!(Node::read("e c c5: 6").unwrap().minor, 6);
        assert_eq!(Node::read("e c c5:6junk more").unwrap().minor, 6);
        for bad in [
            "",
            "a",
            "a b",
            "a b c1",
            "a b q1:2",
            "a b c-1:2",
            "a b c1:",
            "a ../b c1:2",
            "a b c:1",
            "a b c99999999999:1",
            "a /b c1:2",
        ] {
            assert_eq!(Node::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn formats() {
        let write = |format: Format| {
            let mut out = String::new();
            format(&mut out, &Node::read("snd_seq snd/seq c116:1").unwrap());
            format(&mut out, &Node::read("loop loop-control b10:237").unwrap());
            out
        };
        assert_eq!(
            write(tmpfiles),
            "d /dev/snd 0755 - - -\nc! /dev/snd/seq 0600 - - - 116:1\n\
             b! /dev/loop-control 0600 - - - 10:237\n"
        );
        assert_eq!(write(devname), "snd_seq snd/seq c116:1\nloop loop-control b10:237\n");
        assert!(write(human).starts_with(
            "Module: snd_seq\n\tDevice node: /dev/snd/seq\n\t\tType: character device\n\
             \t\tMajor: 116\n\t\tMinor: 1\n"
        ));
    }
}
