//! `komod cat`, `write`, `ls`, `ioctl`: files of the in-process kernel.

use super::ioctl_number;
use super::said::Said;
use super::standing::Standing;
use super::{Outcome, Which, place_error};
use crate::console;
use crate::explained::Explained;
use crate::json;
use crate::text::failure::{self, Doing};
use anyhow::{Context, Result};
use clap::Args;
use komod_place::{Argument, Place, PlaceError};
use komod_process::protocol::{Entry, Event};
use std::io::Read;

/// Show files of a kernel that stays
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  komod cat /proc/modules
  komod cat /sys/module/params/parameters/count")]
pub struct CatArgs {
    /// Paths in that kernel
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// Read at most so many bytes
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
    limit: u64,
    #[command(flatten)]
    which: Which,
}

/// Write to a file of a kernel that stays, in one write(2)
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  komod write /proc/procnote 'remember the milk'
  komod write /sys/module/params/parameters/count 5
  komod write /dev/echo < message.bin")]
pub struct WriteArgs {
    path: String,
    /// What to write, a newline is added as echo does; stdin, as it is, without it
    text: Option<String>,
    /// No newline after the text
    #[arg(short = 'n', long)]
    no_newline: bool,
    /// Open for appending
    #[arg(short, long)]
    append: bool,
    #[command(flatten)]
    which: Which,
}

/// List directories of a kernel that stays
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  komod ls /proc
  komod ls -l /dev")]
pub struct LsArgs {
    #[arg(default_value = "/", value_name = "PATH")]
    paths: Vec<String>,
    /// With kind and inode
    #[arg(short, long)]
    long: bool,
    #[command(flatten)]
    which: Which,
    #[arg(long)]
    pub json: bool,
}

/// Do an ioctl on a file of a kernel that stays
///
/// The call's result goes to stdout, and the buffer after the call, if there was one.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  komod ioctl /dev/echo '_IO(k, 0)'             a command without argument
  komod ioctl /dev/echo '_IOR(k, 1, int)'       a buffer of that size is given and shown
  komod ioctl /dev/echo 0x40046b02 --in 2a000000
  komod ioctl /dev/echo 0x5401 7                a plain number as argument")]
pub struct IoctlArgs {
    path: String,
    /// A number, or as in C: _IO(k, 0), _IOR(k, 1, int), _IOW(k, 2, 16), _IOWR('k', 3, u64)
    #[arg(value_parser = ioctl_number::parse)]
    command: u32,
    /// A plain number as argument
    #[arg(value_parser = number)]
    value: Option<u64>,
    /// A buffer as argument: its bytes in hexadecimal
    #[arg(long = "in", value_name = "HEX", value_parser = hex, conflicts_with = "value")]
    input: Option<Bytes>,
    /// A buffer as argument, so long; filled up with zeros
    #[arg(long, value_name = "BYTES", conflicts_with = "value")]
    buffer: Option<usize>,
    #[command(flatten)]
    which: Which,
    #[arg(long)]
    pub json: bool,
}

/// A buffer may be as large as the kernel allows an ioctl's to be, and then some.
const MAX_BUFFER: usize = 1 << 20;

#[derive(Debug, Clone)]
struct Bytes(Vec<u8>);

fn number(text: &str) -> Result<u64, String> {
    ioctl_number::number(text).ok_or_else(|| "not a number".into())
}

fn hex(text: &str) -> Result<Bytes, String> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b" _:,".contains(b)).collect();
    if !digits.len().is_multiple_of(2) {
        return Err("want two digits per byte".into());
    }
    let pairs = digits.chunks(2).map(|pair| {
        let text = std::str::from_utf8(pair).unwrap_or_default();
        let good = pair.iter().all(u8::is_ascii_hexdigit);
        u8::from_str_radix(text, 16).ok().filter(|_| good).ok_or("want hexadecimal digits")
    });
    Ok(Bytes(pairs.collect::<Result<_, _>>()?))
}

/// Says why, after what the kernel has said of it.
fn failed(e: &PlaceError, doing: Doing<'_>, said: &mut Said) -> anyhow::Error {
    said.show();
    failure::explain(e, doing).into()
}

fn said(place: &mut Standing) -> Result<Said> {
    let info = place.info().map_err(|e| place_error(&e, "asking the kernel"))?;
    Ok(Said::new(&info))
}

pub fn cat(args: &CatArgs) -> Result<Outcome> {
    let mut place = args.which.connect()?;
    for path in &args.paths {
        let mut said = said(&mut place)?;
        let mut shown = 0;
        let outcome = place.read(path, args.limit, &mut |e| match e {
            // It waits for more.
            Event::Part(bytes) => {
                console::data(bytes);
                shown += bytes.len();
            }
            e => said.take(e),
        });
        let data = outcome.map_err(|e| failed(&e, Doing::Read(path), &mut said))?;
        console::data(data.get(shown..).unwrap_or_default());
    }
    Ok(Outcome::Good)
}

pub fn write(args: &WriteArgs) -> Result<Outcome> {
    let mut data = Vec::new();
    match &args.text {
        Some(text) => {
            data.extend_from_slice(text.as_bytes());
            if !args.no_newline {
                data.push(b'\n');
            }
        }
        None => {
            std::io::stdin().lock().read_to_end(&mut data).context("cannot read stdin")?;
        }
    }
    let mut place = args.which.connect()?;
    let mut said = said(&mut place)?;
    let taken = place
        .write(&args.path, &data, args.append, &mut |e| said.take(e))
        .map_err(|e| failed(&e, Doing::Write(&args.path), &mut said))?;
    if usize::try_from(taken) != Ok(data.len()) {
        console::note(&format!("{} took {taken} of {} bytes", args.path, data.len()));
    }
    Ok(Outcome::Good)
}

pub fn ls(args: &LsArgs) -> Result<Outcome> {
    let mut place = args.which.connect()?;
    let mut lists = Vec::new();
    for path in &args.paths {
        let mut said = said(&mut place)?;
        let mut entries = place
            .list(path, &mut |e| said.take(e))
            .map_err(|e| failed(&e, Doing::List(path), &mut said))?;
        entries.retain(|e| e.name != "." && e.name != "..");
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        lists.push((path, entries));
    }
    if args.json {
        let lists: Vec<_> = lists
            .iter()
            .map(|(path, entries)| serde_json::json!({ "path": path, "entries": entries }))
            .collect();
        json::print("komod-ls", serde_json::json!({ "directories": lists }))?;
        return Ok(Outcome::Good);
    }
    let mut text = String::new();
    for (path, entries) in &lists {
        if lists.len() > 1 {
            text.push_str(&format!("{path}:\n"));
        }
        entries.iter().for_each(|e| text.push_str(&entry(e, args.long)));
    }
    console::data(text.as_bytes());
    Ok(Outcome::Good)
}

fn entry(e: &Entry, long: bool) -> String {
    if long {
        format!("{} {:>10} {}\n", kind(e.kind), e.inode, e.name)
    } else {
        format!("{}\n", e.name)
    }
}

/// The letter `ls -l` begins a line with, by `DT_*` (readdir(3)).
fn kind(kind: u8) -> char {
    match kind {
        1 => 'p',
        2 => 'c',
        4 => 'd',
        6 => 'b',
        8 => '-',
        10 => 'l',
        12 => 's',
        _ => '?',
    }
}

pub fn ioctl(args: &IoctlArgs) -> Result<Outcome> {
    let wanted = ioctl_number::size(args.command);
    let mut buffer = args.input.clone().map(|b| b.0);
    let length = args.buffer.or_else(|| (args.value.is_none() && wanted > 0).then_some(wanted));
    if let Some(length) = length {
        if length > MAX_BUFFER {
            return Err(Explained::usage(format!("a buffer of {length} bytes is too long")).into());
        }
        let given = buffer.get_or_insert_default();
        if given.len() < length {
            given.resize(length, 0);
        }
    }
    let argument = match &buffer {
        Some(bytes) => Argument::Buffer(bytes),
        None => Argument::Value(args.value.unwrap_or(0)),
    };
    let mut place = args.which.connect()?;
    let mut said = said(&mut place)?;
    let (result, data) = place
        .ioctl(&args.path, args.command, argument, &mut |e| said.take(e))
        .map_err(|e| failed(&e, Doing::Ioctl(&args.path), &mut said))?;
    let data = if buffer.is_some() { data } else { Vec::new() };
    if args.json {
        json::print("komod-ioctl", serde_json::json!({ "result": result, "buffer": data }))?;
        return Ok(Outcome::Good);
    }
    console::line(&result.to_string());
    for (at, row) in data.chunks(16).enumerate() {
        let bytes: Vec<String> = row.iter().map(|b| format!("{b:02x}")).collect();
        let text: String =
            row.iter().map(|b| if (32..127).contains(b) { char::from(*b) } else { '.' }).collect();
        console::line(&format!("{:08x}  {:<47}  |{text}|", at * 16, bytes.join(" ")));
    }
    Ok(Outcome::Good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_hexadecimal_pairs() {
        assert_eq!(hex("2a 00:ff").unwrap().0, [0x2a, 0, 0xff]);
        assert!(
            hex("2").is_err() && hex("+1").is_err() && hex("zz").is_err() && hex("éa").is_err()
        );
    }

    #[test]
    fn kinds_are_those_of_ls() {
        let e = Entry { name: "x".into(), inode: 7, kind: 4 };
        assert_eq!(entry(&e, true), "d          7 x\n");
        assert_eq!(entry(&e, false), "x\n");
    }
}
