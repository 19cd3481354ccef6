//! The kernel's log, as the kernel's own printk formats it: a console of the extended kind, which
//! gets every record in `/dev/kmsg`'s form (Documentation/ABI/testing/dev-kmsg).

use super::natives::memory;
use super::offsets::offsets;
use super::ptr::Ptr;
use super::single::Single;
use super::{kernel, out, stubs};
use crate::protocol::{Event, LogRecord};

/// `CON_PRINTBUFFER | CON_ENABLED | CON_ANYTIME | CON_EXTENDED` of include/linux/console.h.
const FLAGS: u16 = 1 | 4 | 16 | 64;

/// How the first line of a panic begins (`panic` in kernel/panic.c, 6.1 and 6.12).
const PANIC: &str = "Kernel panic - not syncing: ";

/// The first line of the latest panic.
static PANICKED: Single<String> = Single::new();

/// What the kernel said when it panicked; empty if it did not.
pub fn panic_text() -> String {
    PANICKED.with(|text| text.clone())
}

extern "C" fn write(_console: Ptr, text: Ptr, len: u32) {
    let bytes = text.read_bytes(len as usize);
    if let Some(record) = parse(&String::from_utf8_lossy(&bytes)) {
        if record.text.starts_with(PANIC) {
            PANICKED.set(record.text.clone());
        }
        out::send(&Event::Log(record), &[]);
    }
}

/// Registers the console; the records so far are replayed to it.
pub fn register() {
    PANICKED.set(String::new());
    let o = offsets();
    let console = memory::internal(u64::from(o.sizeof_console), 64);
    console.at(o.console_name).write_bytes(b"komod\0");
    let write = write as extern "C" fn(Ptr, Ptr, u32) as usize as u64;
    console.at(o.console_write).write(stubs::trampoline(write, 0));
    console.at(o.console_flags).write(FLAGS);
    console.at(o.console_index).write(-1i16);
    // Every level, whatever `quiet` or `loglevel=` say.
    kernel::set_variable("ignore_loglevel", 1u8);
    kernel::call("register_console", &[console.0]);
}

/// One record: `prefix,seq,usec,flags;text`, then ` KEY=value` lines.
fn parse(text: &str) -> Option<LogRecord> {
    let (head, body) = text.split_once(';')?;
    let mut fields = head.split(',');
    let prefix: u32 = fields.next()?.parse().ok()?;
    let seq = fields.next()?.parse().ok()?;
    let us = fields.next()?.parse().ok()?;
    let mut lines = body.split('\n').filter(|l| !l.is_empty());
    let text = if body.starts_with('\n') { String::new() } else { unescape(lines.next()?) };
    let dict = lines.map(|l| unescape(l.trim_start())).collect();
    Some(LogRecord {
        facility: (prefix >> 3) as u8,
        level: (prefix & 7) as u8,
        seq,
        us,
        text,
        dict,
    })
}

/// Undoes the `\xNN` of the extended format.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = (*first == b'\\' && tail.first() == Some(&b'x'))
            .then(|| tail.get(1..3))
            .flatten()
            .and_then(|h| std::str::from_utf8(h).ok())
            .and_then(|h| u8::from_str_radix(h, 16).ok());
        match hex {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[3..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_with_a_dictionary() {
        let r = parse("4,12,1700,-;dummy 0: a\\x0ab\n SUBSYSTEM=platform\n").unwrap();
        assert_eq!((r.facility, r.level, r.seq, r.us), (0, 4, 12, 1700));
        assert_eq!(r.text, "dummy 0: a\nb");
        assert_eq!(r.dict, ["SUBSYSTEM=platform"]);
    }

    #[test]
    fn what_is_no_record() {
        for bad in ["", "4,12", "x,1,2,-;a\n", "4,12,1700,-"] {
            assert!(parse(bad).is_none(), "{bad:?}");
        }
        assert_eq!(unescape("a\\x4"), "a\\x4");
    }
}
