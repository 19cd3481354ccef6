//! What the kernel logs while something is done: the reason of a refusal stands only there.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;

/// The kernel's log from some moment on.
pub trait KernelLog {
    /// The messages since the last call, without priority and time.
    fn lines(&mut self) -> Vec<String>;
}

/// A record is at most this long (`CONSOLE_EXT_LOG_MAX`, `kernel/printk/printk.c`, Linux 6.1).
const MAX_RECORD: usize = 8192;
/// More records are not read at once: a kernel that logs without end must not keep us.
const MAX_RECORDS: usize = 10_000;

/// `/dev/kmsg`: each read gives a record (`Documentation/ABI/testing/dev-kmsg`, Linux 6.1).
pub(super) struct Kmsg(File);

impl Kmsg {
    /// Opens it behind the last record.
    pub(super) fn open() -> io::Result<Self> {
        let mut file =
            OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open("/dev/kmsg")?;
        file.seek(SeekFrom::End(0))?;
        Ok(Kmsg(file))
    }
}

impl KernelLog for Kmsg {
    fn lines(&mut self) -> Vec<String> {
        let mut record = [0; MAX_RECORD];
        let mut lines = Vec::new();
        for _ in 0..MAX_RECORDS {
            match self.0.read(&mut record) {
                Ok(0) => break,
                Ok(len) => lines.extend(record.get(..len).and_then(text)),
                // EPIPE: records were overwritten before they were read; the next ones follow.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        lines
    }
}

/// The text of `6,339,5140900,-;text\n SUBSYSTEM=…`, with `\x5c` undone.
fn text(record: &[u8]) -> Option<String> {
    let start = record.iter().position(|byte| *byte == b';')? + 1;
    let line = record.get(start..)?.split(|byte| *byte == b'\n').next()?;
    Some(String::from_utf8_lossy(&unescape(line)).into_owned())
}

/// Undoes `\x5c` for bytes that are not printable, and for the backslash.
pub(super) fn unescape(line: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((&first, others)) = rest.split_first() {
        let escaped = match others {
            [b'x', high, low, ..] if first == b'\\' => digit(*high).zip(digit(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                bytes.push(high << 4 | low);
                rest = others.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = others;
            }
        }
    }
    bytes
}

fn digit(hex: u8) -> Option<u8> {
    char::from(hex).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records() {
        let read = |record: &str| text(record.as_bytes());
        assert_eq!(
            read("3,812,99,-;hello: disagrees; really\n SUBSYSTEM=module\n").unwrap(),
            "hello: disagrees; really"
        );
        assert_eq!(read(r"6,1,2,-;a\x5cb\x0ac\x").unwrap(), "a\\b\nc\\x");
        assert_eq!(read("6,1,2,-;").unwrap(), "");
        assert_eq!(read("no record"), None);
    }
}
