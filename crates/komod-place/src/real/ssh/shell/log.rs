//! A board's log as it comes, over a channel of its own, so that what is said last is heard before
//! the line ends.

use super::super::board::Board;
use super::super::connection::Connection;
use super::super::quoting::quoted;
use crate::vm::{Mark, console_line};
use komod_process::kmsg;
use komod_process::protocol::LogRecord;
use std::io::Read;
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Records as they are, if this user may and there are such; else what dmesg says, which follows
/// where it is util-linux's. A reader notices that nobody listens only when the kernel says
/// something more: so it is ended when our input ends, however that comes.
const SCRIPT: &str = r#"
if dd if=/dev/kmsg of=/dev/null bs=8192 count=1 2>/dev/null; then
	cat /dev/kmsg &
elif ! dmesg >/dev/null; then
	exit 1
elif dmesg --help 2>&1 | grep -q -e --follow; then
	dmesg -w &
else
	while :; do dmesg; sleep 1; done &
fi
read nothing
kill $!
"#;
/// When nothing has come for so long, all that there was has come.
const QUIET: Duration = Duration::from_millis(300);
/// A log that is never quiet.
const LONGEST: Duration = Duration::from_secs(5);

/// How long the reader may take to end.
const ENDING: Duration = Duration::from_secs(1);

pub struct LogStream {
    ssh: Child,
    heard: Receiver<Heard>,
    records: Records,
    /// What has come when it began.
    first: Vec<LogRecord>,
    ended: bool,
}

enum Heard {
    Lines(Vec<String>),
    End,
}

/// From lines to records; what comes twice is left out.
#[derive(Default)]
struct Records {
    mark: Mark,
    seq: Option<u64>,
}

impl LogStream {
    pub fn open(connection: &Connection, board: &Board) -> Result<LogStream, String> {
        let script = format!("exec {}sh -c {}", board.as_root(), quoted(SCRIPT));
        let mut command = connection.command(&script);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut ssh = command.spawn().map_err(|e| e.to_string())?;
        let mut stdout = ssh.stdout.take().ok_or("no pipe")?;
        let (tell, heard) = mpsc::channel();
        std::thread::spawn(move || {
            let mut rest = Vec::new();
            let mut buf = [0; 16384];
            while let Ok(n) = stdout.read(&mut buf)
                && n > 0
            {
                rest.extend_from_slice(buf.get(..n).unwrap_or_default());
                let Some(end) = rest.iter().rposition(|b| *b == b'\n') else { continue };
                let whole: Vec<u8> = rest.drain(..=end).collect();
                let text = String::from_utf8_lossy(&whole).into_owned();
                let lines = text.lines().map(str::to_owned).collect();
                if tell.send(Heard::Lines(lines)).is_err() {
                    return;
                }
            }
            let _ = tell.send(Heard::End);
        });
        let mut stream =
            LogStream { ssh, heard, records: Records::default(), first: Vec::new(), ended: false };
        stream.first = stream.next(LONGEST);
        match stream.ended {
            false => Ok(stream),
            true => Err(stream.last_words()),
        }
    }

    fn last_words(&mut self) -> String {
        let mut said = String::new();
        if let Some(mut stderr) = self.ssh.stderr.take() {
            let _ = stderr.read_to_string(&mut said);
        }
        let said = said.trim();
        if said.is_empty() { "neither /dev/kmsg nor dmesg".into() } else { said.to_owned() }
    }

    /// What has come since the last time, waiting up to `patience` for something to come.
    pub fn next(&mut self, patience: Duration) -> Vec<LogRecord> {
        let mut records = Vec::new();
        match self.heard.recv_timeout(patience) {
            Ok(Heard::Lines(lines)) => self.take(&lines, &mut records),
            Ok(Heard::End) | Err(RecvTimeoutError::Disconnected) => self.ended = true,
            Err(RecvTimeoutError::Timeout) => {}
        }
        while let Ok(heard) = self.heard.try_recv() {
            match heard {
                Heard::Lines(lines) => self.take(&lines, &mut records),
                Heard::End => self.ended = true,
            }
        }
        records
    }

    /// All that there is, until nothing comes.
    pub fn until_quiet(&mut self, quiet: Duration) -> Vec<LogRecord> {
        let end = Instant::now() + LONGEST;
        let mut all = Vec::new();
        let mut last = Instant::now();
        while !self.ended && last.elapsed() < quiet && Instant::now() < end {
            let records = self.next(quiet.saturating_sub(last.elapsed()));
            if !records.is_empty() {
                last = Instant::now();
                all.extend(records);
            }
        }
        all
    }

    /// What was logged before.
    pub fn old(&mut self) -> Vec<LogRecord> {
        let mut all = std::mem::take(&mut self.first);
        all.extend(self.until_quiet(QUIET));
        all
    }

    pub fn has_ended(&self) -> bool {
        self.ended
    }

    fn take(&mut self, lines: &[String], records: &mut Vec<LogRecord>) {
        for line in lines {
            self.records.read(line, records);
        }
    }
}

impl Records {
    fn read(&mut self, line: &str, records: &mut Vec<LogRecord>) {
        // ` KEY=value` belongs to the record before.
        if let Some(more) = line.strip_prefix(' ').filter(|_| self.seq.is_some()) {
            if let Some(record) = records.last_mut() {
                record.dict.push(more.to_owned());
            }
            return;
        }
        if let Some(record) = kmsg::parse(&format!("{line}\n")) {
            if self.seq.is_none_or(|seq| record.seq > seq) {
                self.seq = Some(record.seq);
                records.push(record);
            }
        } else if self.seq.is_none()
            && let Some(record) = console_line(line, &self.mark)
        {
            self.mark.pass(&record);
            records.push(record);
        }
    }
}

impl Drop for LogStream {
    fn drop(&mut self) {
        drop(self.ssh.stdin.take());
        let end = Instant::now() + ENDING;
        while Instant::now() < end && matches!(self.ssh.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.ssh.kill();
        let _ = self.ssh.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lines: &[&str]) -> Vec<String> {
        let (mut reader, mut records) = (Records::default(), Vec::new());
        lines.iter().for_each(|line| reader.read(line, &mut records));
        records.iter().map(|r| format!("{} {} {:?}", r.level, r.text, r.dict)).collect()
    }

    #[test]
    fn records_have_their_dictionaries_and_come_once() {
        let lines = ["6,1,5,-;one", " SUBSYSTEM=usb", "4,2,6,-;two", "6,1,5,-;one", "4,2,6,-;two"];
        assert_eq!(texts(&lines), ["6 one [\"SUBSYSTEM=usb\"]", "4 two []"]);
    }

    #[test]
    fn dmesgs_lines_come_once_too() {
        let lines = ["[    1.000001] one", "[    1.000002] two", "[    1.000001] one", "torn"];
        assert_eq!(texts(&lines), ["6 one []", "6 two []"]);
    }
}
