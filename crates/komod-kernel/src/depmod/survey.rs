//! What is done while the modules are searched: a look whether the files of a cache are as they
//! were or, if there is no cache, reading.

use super::ahead::{self, Ahead, Found};
use super::cache::Cache;
use super::folder::Folder;
use super::read::{How, Outcome};
use super::walk::ModuleFile;
use std::path::Path;
use std::sync::Mutex;
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
    /// Where the modules are.
    pub folder: Folder,
    /// When it began: all that is read is read later.
    pub started: SystemTime,
    same: Vec<AtomicBool>,
    ahead: Mutex<Ahead>,
}

impl<'c> Survey<'c> {
    /// Searches below a folder, and prepares for what is found.
    pub fn during<T>(
        cache: &'c Cache,
        folder: &Path,
        how: How,
        search: impl FnOnce(Found<'_>) -> T,
    ) -> (T, Survey<'c>) {
        let same = (0..cache.len()).map(|_| AtomicBool::new(false)).collect();
        let (started, folder, ahead) = (SystemTime::now(), Folder::open(folder), Mutex::default());
        let mut survey = Survey { cache, folder, started, same, ahead };
        if cache.is_empty() {
            let (done, ahead) = ahead::during(&survey.folder, how, search);
            survey.ahead = Mutex::new(ahead);
            return (done, survey);
        }
        let next = AtomicUsize::new(0);
        let done = thread::scope(|scope| {
            for _ in 1..how.threads.get().min(MAX_THREADS) {
                scope.spawn(|| survey.look(&next));
            }
            let done = search(&mut |_| ());
            survey.look(&next);
            done
        });
        (done, survey)
    }

    fn look(&self, next: &AtomicUsize) {
        loop {
            let start = next.fetch_add(CHUNK, Ordering::Relaxed);
            let Some(rest) = self.same.get(start..).filter(|rest| !rest.is_empty()) else { break };
            for (entry, same) in (start..).zip(rest.iter().take(CHUNK)) {
                let (path, stamp) = (self.cache.path(entry), self.cache.stamp(entry));
                let now = path.filter(|_| stamp.is_some()).and_then(|path| self.folder.stamp(path));
                let holds = stamp.is_some() && now == stamp;
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

    /// What is known of a module, by a file that looks as it did or that was read; once.
    pub fn facts(&self, module: &ModuleFile) -> Option<Outcome<'c>> {
        if self.cache.is_empty() {
            return self.ahead.lock().ok()?.remove(&module.number);
        }
        let entry = self.cache.entry(module)?;
        self.same.get(entry)?.load(Ordering::Relaxed).then_some(())?;
        Some(Ok((self.cache.facts(entry)?, self.cache.stamp(entry)?)))
    }
}
