//! Which files of a cache look as they did: asked while the modules are searched.

use super::cache::Cache;
use super::facts::Facts;
use super::stamp::Stamp;
use super::walk::ModuleFile;
use rustix::fs::{Mode, OFlags, open};
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::SystemTime;

/// So many files are looked at in a row.
const CHUNK: usize = 64;
/// With more threads it does not get faster: each path leads through the same folders.
const MAX_THREADS: usize = 4;

/// A cache, and what of it still holds.
#[derive(Debug)]
pub struct Survey<'c> {
    /// The cache.
    pub cache: &'c Cache,
    /// When it began: all that is read is read later.
    pub started: SystemTime,
    same: Vec<AtomicBool>,
}

impl<'c> Survey<'c> {
    /// Looks at the files below a folder, and does something else at the same time.
    pub fn during<T>(
        cache: &'c Cache,
        folder: &Path,
        threads: NonZero<usize>,
        work: impl FnOnce() -> T,
    ) -> (T, Survey<'c>) {
        let same = (0..cache.len()).map(|_| AtomicBool::new(false)).collect();
        let survey = Survey { cache, started: SystemTime::now(), same };
        if cache.is_empty() {
            return (work(), survey);
        }
        // Paths from here are shorter. If it cannot be opened, the search says why.
        let Ok(folder) = open(folder, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) else {
            return (work(), survey);
        };
        let next = AtomicUsize::new(0);
        let done = thread::scope(|scope| {
            for _ in 1..threads.get().min(MAX_THREADS) {
                scope.spawn(|| survey.look(&folder, &next));
            }
            let done = work();
            survey.look(&folder, &next);
            done
        });
        (done, survey)
    }

    fn look(&self, folder: &OwnedFd, next: &AtomicUsize) {
        loop {
            let start = next.fetch_add(CHUNK, Ordering::Relaxed);
            let Some(rest) = self.same.get(start..).filter(|rest| !rest.is_empty()) else { break };
            for (entry, same) in (start..).zip(rest.iter().take(CHUNK)) {
                let (path, stamp) = (self.cache.path(entry), self.cache.stamp(entry));
                let holds =
                    stamp.is_some() && path.and_then(|p| Stamp::of_path(folder, p)) == stamp;
                same.store(holds, Ordering::Relaxed);
            }
        }
    }

    /// The entries whose files have to be read.
    pub fn changed(&self) -> impl Iterator<Item = usize> {
        self.same.iter().enumerate().filter_map(|(entry, same)| {
            let same = same.load(Ordering::Relaxed);
            (!same).then_some(entry)
        })
    }

    /// What is known of a module whose file looks as it did.
    pub fn facts(&self, module: &ModuleFile) -> Option<(Facts<'c>, Stamp)> {
        if self.cache.is_empty() {
            return None;
        }
        let entry = self.cache.entry(module)?;
        self.same.get(entry)?.load(Ordering::Relaxed).then_some(())?;
        Some((self.cache.facts(entry)?, self.cache.stamp(entry)?))
    }
}
