//! The same work for many things, on all processors.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Does `work` for each number below `count`; the results in their order. `done` is told how many
/// are finished, now and then.
pub fn each<T: Send>(
    count: usize,
    work: impl Fn(usize) -> T + Sync,
    done: impl Fn(usize) + Sync,
) -> Vec<T> {
    // How many there are is read from files: not for one piece of work.
    let processors = || thread::available_parallelism().map_or(1, usize::from);
    let threads = if count <= 1 { 1 } else { processors().min(count) };
    if threads <= 1 {
        let numbered = (0..count).map(|number| {
            done(number);
            work(number)
        });
        return numbered.collect();
    }
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<T>>> = Mutex::new((0..count).map(|_| None).collect());
    let run = || {
        let mut mine = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                break;
            }
            done(number);
            mine.push((number, work(number)));
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
        for _ in 1..threads {
            scope.spawn(run);
        }
        run();
    });
    results.into_inner().unwrap_or_default().into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_work() {
        let told = AtomicUsize::new(0);
        let tell = |n| {
            told.fetch_max(n, Ordering::Relaxed);
        };
        let squares = each(1000, |n| n * n, tell);
        assert!(squares.iter().enumerate().all(|(n, square)| n * n == *square));
        assert_eq!((squares.len(), told.into_inner()), (1000, 999));
        assert_eq!(each(0, |n| n, |_| ()), [0; 0]);
        assert_eq!(each(1, |n| n, |_| ()), [0]);
    }
}
