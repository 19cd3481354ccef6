//! How long processes take, and how much CPU time.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// `USER_HZ` of x86 Linux (time(7)).
const TICKS: u64 = 100;

/// What something took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    pub wall: Duration,
    pub cpu: Duration,
}

/// Runs a process, which must succeed. Its CPU time includes that of all processes it waited for,
/// and of `others`, which work for it.
pub fn timed(command: &mut Command, others: impl Fn() -> Duration) -> Result<Cost> {
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let before = children() + others();
    let started = Instant::now();
    let output = command.output()?;
    let wall = started.elapsed();
    if !output.status.success() {
        bail!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(Cost { wall, cpu: (children() + others()).saturating_sub(before) })
}

/// The most memory that a process, which must succeed, has at a time, in bytes (GNU time).
pub fn peak_memory(command: &Command) -> Result<u64> {
    let mut time = Command::new("/usr/bin/time");
    time.arg("--format=%M");
    let said = run_under(time, command).context("`sudo apt install time`")?;
    let last = said.lines().next_back().unwrap_or_default();
    let kib: u64 = last.parse().with_context(|| format!("GNU time said {last:?}"))?;
    Ok(kib * 1024)
}

/// How many instructions a process, which must succeed, takes in user space, in all its threads
/// (valgrind).
pub fn instructions(command: &Command) -> Result<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    let said = run_under(valgrind, command).context("`sudo apt install valgrind`")?;
    let count = said.lines().find_map(|line| line.split_once("I   refs:"));
    let (_, count) = count.with_context(|| format!("valgrind said {said:?}"))?;
    Ok(count.trim().replace(',', "").parse()?)
}

/// What a tool and the process it runs write to stderr.
fn run_under(mut tool: Command, command: &Command) -> Result<String> {
    tool.arg(command.get_program()).args(command.get_args()).stdout(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => tool.env(name, value),
            None => tool.env_remove(name),
        };
    }
    let output = tool.output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        bail!("{tool:?}: {}\n{said}", output.status);
    }
    Ok(said)
}

/// CPU time of processes, and of those they waited for, that have `path` in their command line.
pub fn running_in(path: &Path) -> Duration {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let name = path.to_string_lossy().into_owned();
    let own = |entry: &fs::DirEntry| {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(&name)
    };
    entries
        .filter(own)
        .filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok())
        .map(|stat| ticks(&stat, &[11, 12, 13, 14]))
        .sum()
}

/// CPU time of the children that this process has waited for.
fn children() -> Duration {
    fs::read_to_string("/proc/self/stat").map_or(Duration::ZERO, |stat| ticks(&stat, &[13, 14]))
}

/// Fields of `/proc/PID/stat`, counted from the one after the name (proc(5): less 3).
fn ticks(stat: &str, fields: &[usize]) -> Duration {
    let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let words: Vec<&str> = rest.split(' ').collect();
    let ticks = fields.iter().filter_map(|&at| words.get(at)?.parse::<u64>().ok()).sum::<u64>();
    Duration::from_millis(ticks * 1000 / TICKS)
}

pub fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// `a` to `b`.
pub fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}

/// Measured times, sorted; never empty.
pub struct Times(Vec<Duration>);

impl Times {
    pub fn of(runs: usize, mut measure: impl FnMut() -> Result<Duration>) -> Result<Times> {
        let mut times = (0..runs.max(1)).map(|_| measure()).collect::<Result<Vec<_>>>()?;
        times.sort();
        Ok(Times(times))
    }

    pub fn median(&self) -> Duration {
        self.0[self.0.len() / 2]
    }

    pub fn min(&self) -> Duration {
        self.0[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        let mut values = [5, 1, 9].map(Duration::from_millis).into_iter();
        let times = Times::of(3, || Ok(values.next().unwrap())).unwrap();
        assert_eq!(
            (times.median(), times.min()),
            (Duration::from_millis(5), Duration::from_millis(1))
        );
        assert_eq!(ms(times.median()), "5.0 ms");
        assert!(Times::of(3, || bail!("no")).is_err());
    }

    #[test]
    fn time_of_children() {
        let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 22 33 44 20 0";
        assert_eq!(ticks(stat, &[13, 14]), Duration::from_millis(770));
        assert_eq!(ticks("", &[13]), Duration::ZERO);
        let spin = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let cost = timed(Command::new("sh").args(["-c", spin]), || Duration::ZERO).unwrap();
        assert!(cost.cpu > Duration::ZERO && cost.wall > Duration::ZERO, "{cost:?}");
        assert!(timed(&mut Command::new("false"), || Duration::ZERO).is_err());
    }
}
