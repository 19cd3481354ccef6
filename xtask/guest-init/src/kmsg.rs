//! The kernel log as records (`/dev/kmsg`, kernel `Documentation/ABI/testing/dev-kmsg`).

use guest_init::Report;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use std::io;
use std::os::fd::OwnedFd;

/// Records are at most this long (`CONSOLE_EXT_LOG_MAX` of Linux 6.1 is 8192).
const RECORD_MAX: usize = 8192;

pub struct KernelLog {
    fd: OwnedFd,
}

impl KernelLog {
    pub fn open() -> io::Result<KernelLog> {
        let fd = open("/dev/kmsg", OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty())?;
        Ok(KernelLog { fd })
    }

    /// All records since the last call.
    pub fn drain(&mut self) -> io::Result<Vec<Report>> {
        let mut records = Vec::new();
        let mut buf = [0u8; RECORD_MAX];
        loop {
            match rustix::io::read(&self.fd, &mut buf) {
                Ok(n) => {
                    records.extend(buf.get(..n).and_then(|r| record(&String::from_utf8_lossy(r))))
                }
                Err(Errno::AGAIN) => return Ok(records),
                // Records were overwritten before we came; the next read goes on after them.
                Err(Errno::PIPE) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
}

/// `PREFIX,SEQ,TIME,FLAGS;TEXT`, then dictionary lines that begin with a space.
fn record(text: &str) -> Option<Report> {
    let (head, body) = text.split_once(';')?;
    let priority: u32 = head.split(',').next()?.parse().ok()?;
    let line = body.lines().next().unwrap_or_default();
    Some(Report::Log { level: (priority & 7) as u8, text: line.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_level_and_text() {
        let got =
            record("30,812,51234,-;usb 1-1: hello; world\n SUBSYSTEM=usb\n DEVICE=+usb:1-1\n");
        assert_eq!(got, Some(Report::Log { level: 6, text: "usb 1-1: hello; world".into() }));
        assert_eq!(record("no record"), None);
    }
}
