//! What a tool works with: its call, a kernel, its messages, its output.

use super::Call;
use super::getopt::{self, Item, Opt, Order, Parsed};
use super::limits::Limits;
use super::log::Log;
use komod_kernel::host::{Host, RealHost};
use std::ffi::OsString;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

/// 128 + `SIGPIPE`: what a shell reports for a program that a pipe has ended.
const BROKEN_PIPE: u8 = 141;

/// A tool at work.
pub struct Work<'a> {
    pub call: &'a Call,
    pub host: &'a dyn Host,
    pub log: Log,
    pub out: &'a mut dyn Write,
    /// What must not be loaded.
    pub limits: Limits,
}

/// How a tool ended: good or bad (exit status 0 or 1). An error is one of its output.
pub type Ended = io::Result<bool>;

/// Runs a tool on this machine.
pub fn run(call: &Call, tool: fn(&mut Work<'_>) -> Ended) -> ExitCode {
    let mut out = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    let log = Log::new(&call.name());
    let mut work = Work { call, host: &RealHost, log, out: &mut out, limits: Limits::of_machine() };
    let ended = tool(&mut work);
    let log = work.log;
    match ended.and_then(|good| out.flush().map(|()| good)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // What is left cannot be written either.
            let _ = out.into_parts();
            if error.kind() == ErrorKind::BrokenPipe {
                return ExitCode::from(BROKEN_PIPE);
            }
            log.error(format_args!("could not write to stdout: {error}"));
            ExitCode::FAILURE
        }
    }
}

impl Work<'_> {
    /// The options of the call.
    pub fn options<I: Copy + PartialEq>(&self, options: &[Opt<I>], order: Order) -> Parsed<I> {
        getopt::parse(&self.call.program, options, order, &self.call.arguments)
    }

    /// The next option. A mistake is told, and ends the tool (`None`).
    pub fn option<I>(&self, item: Item<I>) -> Option<(I, Option<OsString>)> {
        match item {
            Item::Option(id, value) => Some((id, value)),
            Item::Mistake(text) => {
                self.log.line(text);
                None
            }
        }
    }

    /// Writes a text, and ends well: `-h`, `-V`.
    pub fn say(&mut self, text: &str) -> Ended {
        self.out.write_all(text.as_bytes())?;
        Ok(true)
    }

    /// `-V`: the release of kmod whose behaviour this is, and what it can.
    pub fn version(&mut self) -> Ended {
        self.say(VERSION)
    }

    /// Writes an answer as one line of JSON.
    pub fn json(&mut self, format: &str, body: impl serde::Serialize) -> Ended {
        let text = crate::json::text(format, body).map_err(io::Error::other)?;
        writeln!(self.out, "{text}")?;
        Ok(true)
    }
}

/// Compressions and signatures are always there.
pub const VERSION: &str = "kmod version 34\n+ZSTD +XZ +ZLIB +OPENSSL -MBEDTLS\n";

impl Call {
    /// The name the program was called by, without folders: messages begin with it.
    pub fn name(&self) -> String {
        let name = Path::new(&self.program).file_name().unwrap_or(&self.program);
        name.to_string_lossy().into_owned()
    }
}

/// Runs a tool on a kernel for tests: how it ended, its output, its messages.
#[cfg(test)]
pub fn tried(
    tool: fn(&mut Work<'_>) -> Ended,
    host: &dyn Host,
    command: &[&str],
) -> (bool, String, Vec<String>) {
    tried_under(Limits::default(), tool, host, command)
}

/// The same with limits to what is loaded.
#[cfg(test)]
pub fn tried_under(
    limits: Limits,
    tool: fn(&mut Work<'_>) -> Ended,
    host: &dyn Host,
    command: &[&str],
) -> (bool, String, Vec<String>) {
    let mut words = command.iter().map(OsString::from);
    let call = Call { program: words.next().unwrap(), arguments: words.collect() };
    let mut out = Vec::new();
    let log = Log::new(&call.name());
    let kept = log.kept.clone();
    let good = tool(&mut Work { call: &call, host, log, out: &mut out, limits }).unwrap();
    let messages = kept.take();
    (good, String::from_utf8_lossy(&out).into_owned(), messages)
}
