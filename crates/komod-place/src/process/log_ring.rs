//! What a kernel that stays has said, kept for whoever asks: a bounded ring, as `dmesg` reads one.

use komod_process::protocol::{LogRecord, Oops};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One thing said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLine {
    Record(LogRecord),
    Oops(Box<Oops>),
    /// By the supervisor, not the kernel: that the kernel died, that a new one runs.
    Note(String),
}

/// A line and its place in the ring. Numbers only grow, also over restarts of the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    pub number: u64,
    pub line: LogLine,
}

/// Entries kept: enough for the boot and some thousand lines of modules.
const CAPACITY: usize = 16_384;

#[derive(Default)]
struct Inner {
    entries: VecDeque<LogEntry>,
    next: u64,
    /// Entries before this one were cleared: kept, but no longer shown unless asked for.
    cleared: u64,
    closed: bool,
}

/// Shared by the thread that owns the kernel and those that serve clients.
#[derive(Default)]
pub struct LogRing {
    inner: Mutex<Inner>,
    grown: Condvar,
}

impl LogRing {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here leaves the ring half changed, so a panic elsewhere does not spoil it.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn push(&self, line: LogLine) {
        let mut inner = self.inner();
        let number = inner.next;
        inner.next += 1;
        if inner.entries.len() == CAPACITY {
            inner.entries.pop_front();
        }
        inner.entries.push_back(LogEntry { number, line });
        self.grown.notify_all();
    }

    /// The number the next reader starts at: 0 for everything kept, else the clear mark.
    pub fn start(&self, all: bool) -> u64 {
        if all { 0 } else { self.inner().cleared }
    }

    /// All entries from `number` on.
    pub fn since(&self, number: u64) -> Vec<LogEntry> {
        let inner = self.inner();
        let skip = inner.entries.partition_point(|e| e.number < number);
        inner.entries.iter().skip(skip).cloned().collect()
    }

    /// Waits until there is an entry from `number` on, the ring is closed, or the time is over.
    pub fn wait(&self, number: u64, patience: Duration) {
        let inner = self.inner();
        drop(
            self.grown
                .wait_timeout_while(inner, patience, |i| i.next <= number && !i.closed)
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    /// Nothing more will come: followers may go.
    pub fn close(&self) {
        self.inner().closed = true;
        self.grown.notify_all();
    }

    pub fn is_closed(&self) -> bool {
        self.inner().closed
    }

    /// Hides what is there by now from later readers; gives the mark.
    pub fn clear(&self) -> u64 {
        let mut inner = self.inner();
        inner.cleared = inner.next;
        inner.cleared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(i: usize) -> LogLine {
        LogLine::Note(i.to_string())
    }

    #[test]
    fn keeps_the_latest_and_counts_on() {
        let ring = LogRing::default();
        for i in 0..CAPACITY + 5 {
            ring.push(note(i));
        }
        let all = ring.since(0);
        assert_eq!(all.len(), CAPACITY);
        assert_eq!(all[0], LogEntry { number: 5, line: note(5) });
        assert_eq!(ring.since(CAPACITY as u64 + 4).len(), 1);
        assert!(ring.since(u64::MAX).is_empty());
    }

    #[test]
    fn clear_hides_but_keeps() {
        let ring = LogRing::default();
        ring.push(note(1));
        assert_eq!(ring.clear(), 1);
        assert!(ring.since(ring.start(false)).is_empty());
        ring.push(note(2));
        assert_eq!(ring.since(ring.start(false)).len(), 1);
        assert_eq!(ring.since(ring.start(true)).len(), 2);
    }

    #[test]
    fn a_follower_wakes_up() {
        let ring = std::sync::Arc::new(LogRing::default());
        let other = ring.clone();
        let waiter = std::thread::spawn(move || {
            other.wait(0, Duration::from_secs(20));
            other.since(0).len()
        });
        ring.push(note(1));
        assert_eq!(waiter.join().unwrap(), 1);
    }
}
