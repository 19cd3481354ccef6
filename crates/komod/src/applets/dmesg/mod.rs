//! `dmesg`: the kernel's log (dmesg(1) of util-linux 2.38), and what that one lacks.
//!
//! [`options`] reads the command line, [`record`] the log, [`format`](self::format) writes it;
//! [`moment`] and [`clock`] are about times of day, [`about_module`] and [`fold`] komod's own.

mod about_module;
mod clock;
mod escape;
mod fold;
mod format;
mod help;
mod moment;
pub mod names;
mod options;
mod pager;
mod record;

use super::Call;
use super::work::{self, Ended, Work};
use crate::console;
use about_module::AboutModule;
use clock::Boot;
use fold::Fold;
use format::{Printer, Style};
use komod_kernel::host::{LogControl, LogStart, strerror};
use options::{Action, Asked, Color, Wanted};
use record::Record;
use rustix::time::{ClockId, clock_gettime};
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

/// The release of util-linux whose behaviour this is.
const VERSION: &str = "dmesg from util-linux 2.38.1\n";

pub fn main(call: &Call) -> ExitCode {
    work::run(call, dmesg)
}

pub fn dmesg(work: &mut Work<'_>) -> Ended {
    let now = clock_gettime(ClockId::Realtime);
    let wanted = match options::read(work, now.tv_sec * 1_000_000 + now.tv_nsec / 1000) {
        Asked::Work(wanted) => wanted,
        Asked::Help => return work.say(&help::text()),
        Asked::Version => return work.say(VERSION),
        Asked::Bad => return Ok(false),
    };
    match wanted.action {
        Action::Only(LogControl::Clear) => control(work, LogControl::Clear, "clear kernel buffer"),
        Action::Only(what) => control(work, what, "klogctl"),
        Action::Read | Action::ReadClear => {
            if wanted.pager && !wanted.follow && io::stdout().is_terminal() {
                return pager::through(work, |work| show(work, &wanted));
            }
            show(work, &wanted)
        }
    }
}

fn failed(work: &Work<'_>, what: &str, error: &io::Error) -> Ended {
    let why = strerror(error.raw_os_error().unwrap_or_default());
    work.log.line(format_args!("{}: {what}: {why}", work.call.name()));
    Ok(false)
}

fn control(work: &Work<'_>, what: LogControl, name: &str) -> Ended {
    match work.host.control_log(what) {
        Ok(()) => Ok(true),
        Err(error) => failed(work, &format!("{name} failed"), &error),
    }
}

fn show(work: &mut Work<'_>, wanted: &Wanted) -> Ended {
    let color = match wanted.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => console::color_on_stdout() && !pager::colors_disabled(),
    };
    let style = Style {
        time: wanted.time,
        raw: wanted.raw,
        decode: wanted.decode,
        json: wanted.json,
        color: color && !wanted.raw,
        escape: wanted.escape,
        utf8: escape::utf8_locale(),
        split: false,
    };
    let boot = Boot::now();
    let shown = Shown {
        wanted,
        boot,
        module: wanted.module.as_ref().map(|name| AboutModule::new(work.host, name)),
        fold: wanted.fold.then(Fold::default),
        printer: Printer::new(style, boot),
    };
    let good = match &wanted.file {
        Some(file) => match std::fs::read(file) {
            Ok(buffer) => shown.buffer(work, &buffer)?,
            Err(error) => return failed(work, &format!("cannot open {}", file.display()), &error),
        },
        None => log(work, wanted, shown)?,
    };
    match wanted.action {
        Action::ReadClear if good => control(work, LogControl::Clear, "clear kernel buffer"),
        _ => Ok(good),
    }
}

/// The kernel's own log; where `/dev/kmsg` cannot be read, that of `syslog(2)`.
fn log(work: &mut Work<'_>, wanted: &Wanted, mut shown: Shown<'_>) -> Ended {
    let start = if wanted.only_new { LogStart::End } else { LogStart::Cleared };
    let records = match wanted.syslog {
        true => None,
        false => work.host.kernel_records(start, wanted.follow).ok(),
    };
    let Some(mut records) = records else {
        return match work.host.read_log(wanted.size) {
            Ok(buffer) => shown.buffer(work, &buffer),
            Err(error) => failed(work, "read kernel buffer failed", &error),
        };
    };
    shown.printer.style.split = wanted.split;
    loop {
        match records.next() {
            Ok(Some(bytes)) => {
                if let Some(record) = Record::of_kmsg(&bytes) {
                    shown.record(work.out, record)?;
                }
                if wanted.follow {
                    work.out.flush()?;
                }
            }
            Ok(None) => break,
            Err(error) => return failed(work, "read kernel buffer failed", &error),
        }
    }
    shown.end(work.out)?;
    Ok(true)
}

/// Records on their way to the output.
struct Shown<'a> {
    wanted: &'a Wanted,
    boot: Boot,
    module: Option<AboutModule>,
    fold: Option<Fold>,
    printer: Printer,
}

impl Shown<'_> {
    fn wants(&self, record: &Record) -> bool {
        let of = |list: &Option<Vec<usize>>, number: Option<usize>| {
            list.as_ref().is_none_or(|list| number.is_some_and(|number| list.contains(&number)))
        };
        let moment = self.boot.0.saturating_mul(1_000_000).saturating_add(record.us);
        of(&self.wanted.levels, record.priority.map(|p| p.level))
            && of(&self.wanted.facilities, record.priority.map(|p| p.facility))
            && self.wanted.since.is_none_or(|since| moment >= since)
            && self.wanted.until.is_none_or(|until| moment <= until)
            && self.module.as_ref().is_none_or(|module| module.has(record))
    }

    fn record(&mut self, out: &mut dyn Write, record: Record) -> io::Result<()> {
        if !self.wants(&record) {
            return Ok(());
        }
        let record = match &mut self.fold {
            Some(fold) => fold.next(record),
            None => Some(record),
        };
        record.map_or(Ok(()), |record| self.printer.record(out, &record))
    }

    fn end(mut self, out: &mut dyn Write) -> io::Result<()> {
        if let Some(record) = self.fold.as_mut().and_then(Fold::end) {
            self.printer.record(out, &record)?;
        }
        self.printer.end(out)
    }

    /// A buffer as `syslog(2)` gives it. Raw, it is shown as it is.
    fn buffer(mut self, work: &mut Work<'_>, buffer: &[u8]) -> Ended {
        if self.wanted.raw && !self.wanted.json {
            self.printer.plain(work.out, buffer)?;
            if !buffer.is_empty() && !buffer.ends_with(b"\n") {
                work.out.write_all(b"\n")?;
            }
            return Ok(true);
        }
        for record in Record::of_buffer(buffer) {
            self.record(work.out, record)?;
        }
        self.end(work.out)?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
