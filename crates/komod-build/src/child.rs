//! Running a program to its end: its output, line by line, and a bound on its time.

use std::fs;
use std::io::{self, PipeReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::jobserver::Jobserver;
use crate::log::Log;
use crate::stop::Running;

/// How to run it.
pub struct Manner<'a> {
    /// What becomes of each line.
    pub restore: &'a dyn Fn(String) -> String,
    /// Called with each line.
    pub on_line: &'a dyn Fn(&str),
    /// For a make: where it gets its jobs from.
    pub jobserver: Option<&'a Jobserver>,
    /// When to give it up.
    pub limit: Option<Limit>,
}

impl Default for Manner<'_> {
    fn default() -> Self {
        Manner { restore: &|line| line, on_line: &|_| {}, jobserver: None, limit: None }
    }
}

/// A bound. What reaches it is ended, with all it has started; the error is
/// [`io::ErrorKind::TimedOut`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// From its start to its end, and on the number of processes: for what reads and asks only.
    Whole(Duration),
    /// Without a word.
    Silence(Duration),
}

/// A make that reads makefiles starts some programs at a time, not hundreds.
const MOST_PROCESSES: usize = 500;
/// Counting processes is not free.
const COUNT_EVERY: Duration = Duration::from_millis(500);

/// Runs a command, collecting both its outputs in order.
pub fn run(mut command: Command, manner: &Manner<'_>) -> io::Result<Log> {
    let mut log = Log { command: describe(&command), status: None, lines: Vec::new() };
    let (mut reader, writer): (PipeReader, _) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).process_group(0);
    let mut running = Running::start(|| {
        let shared = manner.jobserver.map(Jobserver::share);
        if let Some(shared) = &shared {
            command.env("MAKEFLAGS", shared.flags());
        }
        command.spawn()
    })?;
    drop(command); // closes this process's ends of the pipe
    let mut bytes = Vec::new();
    let mut take = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).trim_end_matches(['\n', '\r']).to_owned();
        let line = (manner.restore)(text);
        (manner.on_line)(&line);
        log.lines.push(line);
    };
    let mut watch = Watch::new(manner.limit);
    let mut buffer = vec![0; 1 << 16];
    loop {
        if let Err(over) = watch.wait(&reader, running.group()) {
            running.end();
            return Err(over);
        }
        let got = match reader.read(&mut buffer) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            got => got?,
        };
        bytes.extend_from_slice(buffer.get(..got).unwrap_or_default());
        let mut rest = bytes.as_slice();
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, more) = rest.split_at(end + 1);
            take(line);
            rest = more;
        }
        let left = rest.len();
        bytes.drain(..bytes.len() - left);
        if got == 0 {
            break;
        }
    }
    if !bytes.is_empty() {
        take(&bytes);
    }
    log.status = running.wait()?.code();
    Ok(log)
}

/// The bound at work.
struct Watch {
    limit: Option<Limit>,
    start: Instant,
}

impl Watch {
    fn new(limit: Option<Limit>) -> Self {
        Watch { limit, start: Instant::now() }
    }

    /// Waits until there is something to read.
    fn wait(&mut self, reader: &PipeReader, group: i32) -> io::Result<()> {
        let Some(limit) = self.limit else { return Ok(()) };
        let (time, pause) = match limit {
            Limit::Whole(time) => (time, COUNT_EVERY),
            Limit::Silence(time) => {
                self.start = Instant::now();
                (time, time)
            }
        };
        loop {
            let left = time.saturating_sub(self.start.elapsed());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            if readable(reader, left.min(pause))? {
                return Ok(());
            }
            if matches!(limit, Limit::Whole(_)) && members(group) > MOST_PROCESSES {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }
}

fn readable(reader: &PipeReader, patience: Duration) -> io::Result<bool> {
    let patience = Timespec {
        tv_sec: patience.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: patience.subsec_nanos().into(),
    };
    match poll(&mut [PollFd::new(reader, PollFlags::IN)], Some(&patience)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

/// How many processes are in a group.
fn members(group: i32) -> usize {
    let group = group.to_string();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats = entries.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    // proc(5): the name in parentheses, then state, parent, group.
    stats
        .filter(|stat| {
            let after = stat.rsplit(')').next().unwrap_or_default();
            after.split_whitespace().nth(2) == Some(group.as_str())
        })
        .count()
}

/// The command as one could type it.
pub fn describe(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        let arg = arg.to_string_lossy();
        text.push(' ');
        if arg.contains([' ', '\'', '"', '$']) {
            text.push_str(&format!("'{}'", arg.replace('\'', r"'\''")));
        } else {
            text.push_str(&arg);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(text: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", text]);
        command
    }

    #[test]
    fn both_outputs_are_kept_in_order() {
        let log = run(shell("echo a; echo b >&2; printf c; exit 3"), &Manner::default()).unwrap();
        assert_eq!((log.status, log.lines), (Some(3), vec!["a".into(), "b".into(), "c".into()]));
    }

    #[test]
    fn what_does_not_end_is_ended_with_all_it_started() {
        let whole = Limit::Whole(Duration::from_millis(300));
        let silence = Limit::Silence(Duration::from_millis(300));
        let started = Instant::now();
        for (text, limit) in [
            ("while :; do echo x; sleep 0.01; done", whole),
            ("sh -c 'while :; do :; done'; echo", whole),
            ("sleep 77 & sleep 77", silence),
        ] {
            let manner = Manner { limit: Some(limit), ..Manner::default() };
            let mut group = 0;
            let error = Running::start(|| shell("exit").spawn()).and_then(|mut r| r.wait()).err();
            assert!(error.is_none());
            let text = format!("echo $$ >&2; {text}");
            let said = std::cell::RefCell::new(Vec::new());
            let on_line = |line: &str| said.borrow_mut().push(line.to_owned());
            let manner = Manner { on_line: &on_line, ..manner };
            let error = run(shell(&text), &manner).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            if let Some(first) = said.borrow().first() {
                group = first.parse().unwrap();
            }
            assert!(group > 0, "the group's number");
            // Where nobody waits for orphans they stay as zombies for a while.
            let alive = |group: i32| {
                let entries = fs::read_dir("/proc").unwrap().flatten();
                let stats = entries.filter_map(|e| fs::read_to_string(e.path().join("stat")).ok());
                let group = format!(" {group} ");
                stats.filter(|s| s.contains(&group) && !s.contains(") Z ")).count()
            };
            let until = Instant::now() + Duration::from_secs(1);
            while alive(group) > 0 && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(10));
            }
            assert_eq!(alive(group), 0, "{text}");
        }
        let whole = Limit::Silence(Duration::from_millis(500));
        let manner = Manner { limit: Some(whole), ..Manner::default() };
        let text = "for i in 1 2 3 4; do sleep 0.2; echo $i; done";
        assert_eq!(run(shell(text), &manner).unwrap().lines.len(), 4, "it is not silent");
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}
