//! The kernel's whole log: read record by record, cleared, kept off the console.

use super::kernel_log::unescape;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;

/// A record is at most this long (`PRINTK_MESSAGE_MAX`, `kernel/printk/internal.h`, Linux 6.12).
const MAX_RECORD: usize = 8192;

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStart {
    /// Behind what was cleared last (`SEEK_DATA`).
    Cleared,
    /// Behind the last record (`SEEK_END`).
    End,
}

/// What `syslog(2)` is told about the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogControl {
    /// `SYSLOG_ACTION_CLEAR`
    Clear,
    /// `SYSLOG_ACTION_CONSOLE_OFF`
    ConsoleOff,
    /// `SYSLOG_ACTION_CONSOLE_ON`
    ConsoleOn,
    /// `SYSLOG_ACTION_CONSOLE_LEVEL`: what is more urgent than this goes to the console, 1 to 8.
    ConsoleLevel(u8),
}

/// A record of `/dev/kmsg`, with its escapes undone
/// (`Documentation/ABI/testing/dev-kmsg`, Linux 6.12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelRecord {
    /// Facility and level, as syslog(3) puts them together.
    pub prefix: u32,
    /// Its number.
    pub seq: u64,
    /// Microseconds of the kernel's clock.
    pub us: u64,
    /// The text; it may have several lines.
    pub text: Vec<u8>,
    /// `KEY=value`: which device it is about.
    pub dict: Vec<Vec<u8>>,
}

impl KernelRecord {
    /// `6,339,5140900,-;text\n SUBSYSTEM=…`.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == b';')?;
        let (head, body) = (std::str::from_utf8(bytes.get(..end)?).ok()?, bytes.get(end + 1..)?);
        let mut fields = head.split(',');
        let prefix = fields.next()?.parse().ok()?;
        let seq = fields.next()?.parse().ok()?;
        let us = fields.next()?.parse().ok()?;
        let mut lines = body.split(|byte| *byte == b'\n');
        let text = unescape(lines.next()?);
        let dict = lines.filter_map(|line| line.strip_prefix(b" ")).map(unescape).collect();
        Some(KernelRecord { prefix, seq, us, text, dict })
    }
}

/// The log's records in order.
pub trait KernelRecords {
    /// The next record as `/dev/kmsg` gives it; `None` at the end, if reading does not wait.
    fn next(&mut self) -> io::Result<Option<Vec<u8>>>;
}

pub(super) struct Ring(File);

impl Ring {
    pub(super) fn open(start: LogStart, wait: bool) -> io::Result<Self> {
        let flags = if wait { 0 } else { libc::O_NONBLOCK };
        let mut file = OpenOptions::new().read(true).custom_flags(flags).open("/dev/kmsg")?;
        match start {
            LogStart::Cleared => {
                rustix::fs::seek(&file, rustix::fs::SeekFrom::Data(0))?;
            }
            LogStart::End => {
                file.seek(SeekFrom::End(0))?;
            }
        }
        Ok(Ring(file))
    }
}

impl KernelRecords for Ring {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut record = vec![0; MAX_RECORD];
        loop {
            match self.0.read(&mut record) {
                Ok(0) => return Ok(None),
                Ok(len) => {
                    record.truncate(len);
                    return Ok(Some(record));
                }
                // EPIPE: records were overwritten before they were read; the next ones follow.
                Err(e) if matches!(e.kind(), ErrorKind::BrokenPipe | ErrorKind::Interrupted) => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(e) => return Err(e),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record() {
        let read = KernelRecord::parse(b"30,8,99,-,caller=T1;a\\x0ab; \\xff\n SUBSYSTEM=usb\n");
        let want = KernelRecord {
            prefix: 30,
            seq: 8,
            us: 99,
            text: b"a\nb; \xff".to_vec(),
            dict: vec![b"SUBSYSTEM=usb".to_vec()],
        };
        assert_eq!(read, Some(want));
        assert_eq!(KernelRecord::parse(b"6,1,2,-;\n").map(|r| r.text), Some(Vec::new()));
        for bad in [&b""[..], b"6,1,2,-", b"x,1,2,-;a", b"6;a", b"\xff,1,2;a"] {
            assert_eq!(KernelRecord::parse(bad), None);
        }
    }
}
