//! Reading many modules, on several threads.

use super::facts::Facts;
use super::module_file::{ModuleFileError, ModuleReader};
use super::stamp::Stamp;
use super::survey::Survey;
use super::walk::ModuleFile;
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What a file said, and how it looked.
pub type Outcome<'c> = Result<(Facts<'c>, Stamp), ModuleFileError>;

/// How to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct How {
    /// On so many threads.
    pub threads: NonZero<usize>,
    /// Checksums, too.
    pub checksums: bool,
}

/// The facts of all modules, in their order; of those a cache knows, from there.
pub fn read_all<'c>(modules: &[ModuleFile], known: &Survey<'c>, how: How) -> Vec<Outcome<'c>> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<Outcome<'c>>>> =
        Mutex::new((0..modules.len()).map(|_| None).collect());
    let run = || {
        let mut reader = ModuleReader::default();
        let mut mine = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(module) = modules.get(number) else { break };
            let facts = match known.facts(module) {
                Some(known) => known,
                None => reader.read(&known.folder, module, how.checksums),
            };
            mine.push((number, facts));
        }
        // A thread that panicked makes the whole call panic, at the end of the scope.
        if let Ok(mut results) = results.lock() {
            for (number, result) in mine {
                if let Some(slot) = results.get_mut(number) {
                    *slot = Some(result);
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..how.threads.get().min(modules.len()) {
            scope.spawn(run);
        }
        run();
    });
    results.into_inner().unwrap_or_default().into_iter().flatten().collect()
}
