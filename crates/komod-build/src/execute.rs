//! Running the actions of a plan: only those that are out of date, several at a time.
//!
//! An action is up to date if the same commands made it and every file it read or wrote is as it
//! was ([`freshness`]). What runs writes temporary files, which are moved to their places when they
//! are complete: whoever stops komod finds the old product or the new one, never a part. What ends the
//! programs then is [`crate::stop`].

mod compile;
mod freshness;
pub mod list;
pub mod modpost;
mod outcome;
mod run_action;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use compile::{Compile, Finished, Job, Plain};

use crate::action::Action;
use crate::doubt::Doubt;
use crate::event::{Event, Listener};
use crate::jobserver::Jobserver;
use crate::modpost::Dialect;
use crate::stamp::Stamp;
use crate::state::State;
use crate::stop;
use freshness::Files;
use outcome::Ran;

/// What the actions run with.
pub struct Task<'a> {
    /// Where the commands run.
    pub directory: &'a Path,
    /// Their environment.
    pub environment: &'a [(String, String)],
    /// The folder of the build.
    pub folder: &'a Path,
    /// What compiles.
    pub compiler: &'a dyn Compile,
    /// An object that is there already.
    pub ready: Option<Ready>,
    /// The tree's kernel line, if komod's own modpost knows it; else the tree's program runs.
    pub modpost: Option<Dialect>,
    /// How many actions at a time.
    pub jobserver: &'a Jobserver,
    /// Makes a line of output fit for the user.
    pub restore: &'a (dyn Fn(String) -> String + Sync),
    /// Hears which actions run.
    pub listener: &'a dyn Listener,
    /// Whole commands in the output.
    pub verbose: bool,
}

/// How it went.
#[derive(Clone, Debug, Default)]
pub struct Done {
    /// What was printed.
    pub lines: Vec<String>,
    /// The product whose command failed.
    pub failed: Option<PathBuf>,
    /// Actions that ran.
    pub ran: usize,
}

/// An object that need not be compiled.
#[derive(Clone, Debug)]
pub struct Ready {
    /// The command that would make it.
    pub command: String,
    /// What it would make.
    pub object: PathBuf,
    /// What it would read, as it was when the object was made.
    pub read: Vec<(PathBuf, Stamp)>,
}

struct Schedule {
    waiting: VecDeque<usize>,
    done: Vec<bool>,
    running: usize,
    result: Done,
    error: Option<Doubt>,
}

/// Brings all products up to date, and the state with them.
pub fn run(actions: &[Action], state: &mut State, task: &Task<'_>) -> Result<Done, Doubt> {
    let files = Files::default();
    let schedule = Mutex::new(Schedule {
        waiting: (0..actions.len()).collect(),
        done: vec![false; actions.len()],
        running: 0,
        result: Done::default(),
        error: None,
    });
    let changed = Condvar::new();
    let wanted: std::collections::BTreeSet<&Path> =
        actions.iter().map(|action| action.target.as_path()).collect();
    state.records.retain(|target, _| wanted.contains(target.as_path()));
    let records = Mutex::new(&mut state.records);
    let work = || {
        while let Some(number) = next(actions, &schedule, &changed) {
            let Some(action) = actions.get(number) else { break };
            let known = lock(&records).get(&action.target).cloned();
            let others = || {
                let records = lock(&records);
                freshness::sources(actions, &records, task.folder)
            };
            let fresh = known.and_then(|record| {
                freshness::refreshed(record, &freshness::commands(action), &files)
            });
            let ran = match fresh {
                Some(record) => Ok(Ran::fresh(record)),
                None => {
                    let _token = task.jobserver.take(|| stopped(&schedule));
                    let file = action.source.as_deref().unwrap_or(&action.target);
                    task.listener.hear(Event::Started { word: action.word(), file });
                    run_action::run(action, task, &files, &others)
                }
            };
            finish(number, action, ran, &schedule, &records);
            task.listener.hear(Event::Ended);
            changed.notify_all();
        }
    };
    std::thread::scope(|scope| {
        let more = task.jobserver.jobs().min(actions.len()).saturating_sub(1);
        for _ in 0..more {
            scope.spawn(work);
        }
        work();
    });
    let schedule = schedule.into_inner().unwrap_or_else(PoisonError::into_inner);
    match schedule.error {
        Some(error) => Err(error),
        None => Ok(schedule.result),
    }
}

/// The next action that can run; waits for one. Nothing if all is done or something failed.
fn next(actions: &[Action], schedule: &Mutex<Schedule>, changed: &Condvar) -> Option<usize> {
    let mut now = lock(schedule);
    loop {
        if now.result.failed.is_some() || now.error.is_some() || now.waiting.is_empty() {
            return None;
        }
        let ready = now.waiting.iter().position(|number| {
            let after = actions.get(*number).map_or(&[] as &[usize], |action| &action.after);
            after.iter().all(|before| now.done.get(*before).copied().unwrap_or(false))
        });
        if let Some(number) = ready.and_then(|place| now.waiting.remove(place)) {
            now.running += 1;
            return Some(number);
        }
        if now.running == 0 {
            // Cannot be: each action stands behind those it needs.
            now.error = Some(Doubt::Failed("actions wait for each other".into()));
            return None;
        }
        let waited = changed.wait_timeout(now, Duration::from_secs(1));
        now = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

fn finish(
    number: usize,
    action: &Action,
    ran: Result<Ran, Doubt>,
    schedule: &Mutex<Schedule>,
    records: &Mutex<&mut std::collections::BTreeMap<PathBuf, crate::state::Record>>,
) {
    let mut now = lock(schedule);
    now.running -= 1;
    match ran {
        Ok(ran) => {
            now.result.ran += usize::from(ran.started);
            now.result.lines.extend(ran.lines);
            match ran.record {
                Some(record) => {
                    lock(records).insert(action.target.clone(), record);
                    if let Some(done) = now.done.get_mut(number) {
                        *done = true;
                    }
                }
                None => {
                    lock(records).remove(&action.target);
                    now.result.failed.get_or_insert_with(|| action.target.clone());
                }
            }
        }
        Err(error) => {
            now.error.get_or_insert(error);
        }
    }
}

fn stopped(schedule: &Mutex<Schedule>) -> bool {
    if stop::stopped() {
        return true;
    }
    let now = lock(schedule);
    now.result.failed.is_some() || now.error.is_some()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// For a command that could not be started.
fn start(program: &str, error: &io::Error) -> String {
    // As the shell says it, which the rules know.
    match error.kind() {
        io::ErrorKind::NotFound => format!("/bin/sh: 1: {program}: not found"),
        io::ErrorKind::PermissionDenied => format!("/bin/sh: 1: {program}: Permission denied"),
        _ => format!("/bin/sh: 1: {program}: {error}"),
    }
}
