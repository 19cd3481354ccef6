//! Reading the modules that were found while others are still being searched.

use super::folder::Folder;
use super::module_file::ModuleReader;
use super::read::{How, Outcome};
use super::walk::ModuleFile;
use rustc_hash::FxHashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

/// Gets each module's file as soon as it is found.
pub type Found<'f> = &'f mut dyn FnMut(&ModuleFile);

/// What was read ahead, by [`ModuleFile::number`].
pub type Ahead = FxHashMap<usize, Outcome<'static>>;

/// Searches, and reads on all threads but this one what is found, until the search ends.
pub fn during<T>(folder: &Folder, how: How, search: impl FnOnce(Found<'_>) -> T) -> (T, Ahead) {
    if how.threads.get() == 1 {
        return (search(&mut |_| ()), Ahead::default());
    }
    let (send, receive) = mpsc::channel::<ModuleFile>();
    let (receive, searching) = (Mutex::new(receive), AtomicBool::new(true));
    let next = || receive.lock().ok().and_then(|receive| receive.recv().ok());
    let run = || {
        let (mut reader, mut read) = (ModuleReader::default(), Vec::new());
        while let Some(module) = next()
            && searching.load(Ordering::Relaxed)
        {
            read.push((module.number, reader.read(folder, &module, how.checksums)));
        }
        read
    };
    thread::scope(|scope| {
        let readers: Vec<_> = (1..how.threads.get()).map(|_| scope.spawn(run)).collect();
        let done = search(&mut |file| {
            // There is a receiver as long as there is this function.
            let _ = send.send(file.clone());
        });
        searching.store(false, Ordering::Relaxed);
        drop(send);
        let read = readers.into_iter().flat_map(|reader| match reader.join() {
            Ok(read) => read,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        (done, read.collect())
    })
}
