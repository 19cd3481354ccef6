//! The machine's serial console: all that is left to read when the kernel is gone.

use super::oops::Reports;
use komod_process::protocol::{Event, LogRecord};
use std::collections::BTreeSet;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// What is kept: a kernel in trouble may go on talking for ever.
const KEPT: usize = 4 << 20;

pub struct Console {
    text: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Console {
    pub fn new(mut stream: UnixStream) -> Console {
        let text = Arc::new(Mutex::new(Vec::new()));
        let its = text.clone();
        let reader = std::thread::spawn(move || {
            let mut buf = [0; 4096];
            while let Ok(n) = stream.read(&mut buf)
                && n > 0
            {
                let mut text = its.lock().unwrap_or_else(PoisonError::into_inner);
                if text.len() > KEPT {
                    text.drain(..KEPT / 2);
                }
                text.extend_from_slice(buf.get(..n).unwrap_or_default());
            }
        });
        Console { text, reader: Some(reader) }
    }

    pub fn text(&self) -> String {
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Waits for the end of what the machine says: QEMU must have ended.
    pub fn finish(&mut self) {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// Where the log has been read to, over the other way.
#[derive(Debug, Clone, Default)]
pub struct Mark {
    pub us: u64,
    pub seq: u64,
    /// The texts of that very microsecond.
    texts: Vec<String>,
}

impl Mark {
    /// Nothing up to this time is wanted.
    pub fn at(us: u64) -> Mark {
        Mark { us, ..Mark::default() }
    }

    pub fn pass(&mut self, record: &LogRecord) {
        if record.us != self.us {
            self.texts.clear();
        }
        self.us = record.us;
        self.seq = record.seq;
        self.texts.push(record.text.clone());
    }

    fn is_behind(&self, us: u64, text: &str) -> bool {
        // Before the first record there is nothing to be behind.
        let at_the_beginning = self.us == 0 && self.texts.is_empty();
        us < self.us
            || us == self.us
                && !at_the_beginning
                && (self.texts.is_empty() || self.texts.iter().any(|t| t == text))
    }
}

/// The console's lines as records, from the mark on. After a panic the whole log is printed, so
/// lines may come twice, and late. A console does not tell levels, so they are guessed from the
/// words.
pub fn records(text: &str, mark: &Mark) -> Vec<LogRecord> {
    let mut seq = mark.seq;
    let mut seen = BTreeSet::new();
    let lines = text.lines().filter_map(line).filter(|(us, text)| !mark.is_behind(*us, text));
    let mut lines: Vec<(u64, &str)> = lines.filter(|line| seen.insert(*line)).collect();
    lines.sort_by_key(|(us, _)| *us);
    lines
        .into_iter()
        .map(|(us, text)| {
            seq += 1;
            let level = level(text);
            LogRecord { facility: 0, level, seq, us, text: text.to_owned(), dict: Vec::new() }
        })
        .collect()
}

/// What the console of a machine says that never answered.
pub fn told(text: &str) -> Vec<Event> {
    let mut reports = Reports::default();
    let mut events = Vec::new();
    for record in records(text, &Mark::default()) {
        let report = reports.read(&record);
        events.push(Event::Log(record));
        events.extend(report);
    }
    events.extend(reports.end());
    events
}

/// A line as dmesg says it, as a record; none if it was known before.
pub fn console_line(text: &str, mark: &Mark) -> Option<LogRecord> {
    let (us, text) = line(text)?;
    if mark.is_behind(us, text) {
        return None;
    }
    let (seq, text) = (mark.seq + 1, text.to_owned());
    Some(LogRecord { facility: 0, level: level(&text), seq, us, text, dict: Vec::new() })
}

/// `[    3.141592] text`, with `[  T37]` or `[  C0]` behind the time where the kernel has
/// `CONFIG_PRINTK_CALLER`.
fn line(line: &str) -> Option<(u64, &str)> {
    let line = line.trim_end_matches('\r');
    // What came before may not have ended its line.
    let (stamp, text) = line.strip_prefix('[')?.split_once(']')?;
    let (seconds, micros) = stamp.trim_start().split_once('.')?;
    let us = seconds.parse::<u64>().ok()?.checked_mul(1_000_000)?;
    let us = us.checked_add(micros.parse::<u64>().ok().filter(|_| micros.len() == 6)?)?;
    let caller = text
        .strip_prefix('[')
        .and_then(|t| t.split_once(']'))
        .filter(|(who, _)| who.trim_start().starts_with(['T', 'C']) && who.trim_start().len() > 1);
    let text = caller.map_or(text, |(_, text)| text);
    Some((us, text.strip_prefix(' ').unwrap_or(text)))
}

fn level(text: &str) -> u8 {
    let is = |words: &[&str]| words.iter().any(|w| text.starts_with(w));
    match () {
        () if is(&["Kernel panic", "---[ end Kernel panic"]) => 0,
        () if is(&["BUG:", "watchdog: BUG:", "kernel BUG at", "general protection fault"]) => 1,
        () if is(&["WARNING:", "Oops:", "RIP:", "Call Trace:", "CPU:"]) => 4,
        () => 6,
    }
}

/// The words after `Kernel panic - not syncing: ` (`panic` in `kernel/panic.c`, Linux 6.1).
pub fn panic_text(records: &[LogRecord]) -> Option<String> {
    let words =
        |r: &LogRecord| r.text.split_once("Kernel panic - not syncing: ").map(|w| w.1.to_owned());
    records.iter().find_map(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "SeaBIOS\r\n[    1.000001] old\r\n[    2.000000] known\r\n\
                        [    2.000000] new one\r\n[    2.500000][   T37] BUG: bad\r\n[ torn\r\n\
                        [   12.000000] Kernel panic - not syncing: Fatal exception\r\n\
                        [    1.000001] old\r\n[    2.000000] known\r\n[    2.400000] quiet\r\n\
                        [    2.500000][   T37] BUG: bad\r\n";

    #[test]
    fn what_is_known_is_left_out() {
        let mut mark = Mark::at(1_500_000);
        mark.pass(&LogRecord {
            facility: 0,
            level: 6,
            seq: 41,
            us: 2_000_000,
            text: "known".into(),
            dict: vec![],
        });
        let records = records(TEXT, &mark);
        let seen: Vec<_> =
            records.iter().map(|r| (r.seq, r.us, r.level, r.text.as_str())).collect();
        assert_eq!(
            seen,
            [
                (42, 2_000_000, 6, "new one"),
                (43, 2_400_000, 6, "quiet"),
                (44, 2_500_000, 1, "BUG: bad"),
                (45, 12_000_000, 0, "Kernel panic - not syncing: Fatal exception"),
            ]
        );
        assert_eq!(panic_text(&records).as_deref(), Some("Fatal exception"));
    }

    #[test]
    fn nothing_of_the_marked_time_is_wanted_twice() {
        let texts: Vec<_> = records(TEXT, &Mark::at(2_000_000)).into_iter().map(|r| r.us).collect();
        assert_eq!(texts, [2_400_000, 2_500_000, 12_000_000]);
    }
}
