//! `komod log`: what dmesg does, for a kernel that stays.

use super::{Outcome, Which, place_error};
use crate::applets::dmesg::names;
use crate::console::{self, Paint, color_on_stdout, paint};
use crate::json;
use crate::text::narrator::Narrator;
use anyhow::Result;
use clap::Args;
use komod_place::process::{LogEntry, LogLine, LogRequest};
use std::ops::ControlFlow;

/// Show the log of a kernel that stays
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  komod log               all since the last clear, the boot included
  komod log -f            and go on with what comes
  komod log -c            show, then clear
  komod log -l warn       only warnings and worse
  komod log -l err,warn   only errors and warnings
  komod log -x -t         with facility and level instead of times")]
pub struct LogArgs {
    #[command(flatten)]
    which: Which,
    /// Go on with what comes, until Ctrl-C or `komod down`
    #[arg(short, long, visible_short_alias = 'w')]
    follow: bool,
    /// Only what comes from now on, with --follow
    #[arg(long, requires = "follow")]
    new: bool,
    /// Only what comes from now on, as it comes: --follow --new
    #[arg(short = 'W', long)]
    follow_new: bool,
    /// Facility and level before each record: `kern  :warn  : `
    #[arg(short = 'x', long)]
    decode: bool,
    /// Clear after showing
    #[arg(short = 'c', long)]
    clear: bool,
    /// Clear without showing
    #[arg(short = 'C', long, conflicts_with_all = ["clear", "follow", "follow_new"])]
    only_clear: bool,
    /// Also what was cleared
    #[arg(short, long)]
    all: bool,
    /// Only this level and worse (emerg, alert, crit, err, warn, notice, info, debug), or exactly
    /// those of a list with commas
    #[arg(short, long, value_name = "LEVEL|LIST", value_parser = levels)]
    level: Option<Levels>,
    /// No times
    #[arg(short = 't', long)]
    notime: bool,
    /// One JSON object per line
    #[arg(long)]
    pub json: bool,
}

/// Levels by their numbers, a bit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Levels(u8);

fn levels(text: &str) -> Result<Levels, String> {
    let want = "want emerg, alert, crit, err, warn, notice, info, debug or 0 to 7";
    let level = |name: &str| names::number(&names::LEVELS, name).ok_or(want);
    match text.contains(',') {
        true => text.split(',').try_fold(0, |bits, name| Ok(bits | 1 << level(name)?)),
        false => level(text).map(|level| u8::MAX >> (7 - level)),
    }
    .map(Levels)
    .map_err(str::to_owned)
}

pub fn run(args: &LogArgs) -> Result<Outcome> {
    let mut place = args.which.connect()?;
    let info = place.info().map_err(|e| place_error(&e, "asking the kernel"))?;
    let what = LogRequest {
        follow: args.follow || args.follow_new,
        all: args.all,
        only_new: args.new || args.follow_new || args.only_clear,
        clear: args.clear || args.only_clear,
    };
    let mut narrator = Narrator::new(&info.about.release, color_on_stdout());
    narrator.times = !args.notime;
    for (module, path) in &info.files {
        narrator.sources.add_file(module, path);
    }
    let mut failed = None;
    place.log(what, &mut |entry| {
        if !wanted(&entry, args.level) {
            return ControlFlow::Continue(());
        }
        if args.json {
            if let Err(e) = json::print("komod-log", &entry) {
                failed = Some(e);
                return ControlFlow::Break(());
            }
        } else {
            show(&entry, args.decode, &mut narrator);
        }
        ControlFlow::Continue(())
    })?;
    narrator.end().iter().for_each(|text| console::line(text));
    failed.map_or(Ok(Outcome::Good), Err)
}

fn wanted(entry: &LogEntry, levels: Option<Levels>) -> bool {
    match (&entry.line, levels) {
        (LogLine::Record(r), Some(Levels(bits))) => bits >> r.level.min(7) & 1 == 1,
        _ => true,
    }
}

fn show(entry: &LogEntry, decode: bool, narrator: &mut Narrator) {
    let note = |n: &str| paint(&format!("--- komod: {n}"), Paint::Cyan, color_on_stdout());
    match &entry.line {
        LogLine::Record(r) if decode => {
            let lead = names::decoded(r.facility.into(), r.level.into());
            narrator.record(r).lines().for_each(|text| console::line(&format!("{lead}{text}")));
        }
        LogLine::Record(r) => console::line(&narrator.record(r)),
        LogLine::Oops(o) => narrator.oops(o).iter().for_each(|text| console::line(text)),
        LogLine::Note(n) => {
            narrator.end().iter().for_each(|text| console::line(text));
            console::line(&note(n));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_names_and_numbers() {
        assert_eq!(levels("warn"), Ok(Levels(0b1_1111)));
        assert_eq!(levels("7"), Ok(Levels(u8::MAX)));
        assert_eq!(levels("err,warn"), Ok(Levels(0b1_1000)));
        assert_eq!(levels("0,debug"), Ok(Levels(0b1000_0001)));
        assert!(["8", "loud", "err,", "", "err,loud"].iter().all(|bad| levels(bad).is_err()));
    }
}
