//! Records of the kernel's log in the form of `/dev/kmsg`, which extended consoles get, too (kernel
//! `Documentation/ABI/testing/dev-kmsg`).

use crate::protocol::LogRecord;

/// One record: `prefix,seq,usec,flags;text`, then ` KEY=value` lines.
pub fn parse(text: &str) -> Option<LogRecord> {
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

/// Undoes `\x0a` for bytes that are not printable, and for the backslash (`append_char` and
/// `msg_add_ext_text` in `kernel/printk/printk.c`, Linux 6.1).
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

    #[test]
    fn a_record_has_all_its_fields() {
        let got = parse("30,812,51234,-;usb 1-1: hello; world\n SUBSYSTEM=usb\n DEVICE=+usb:1-1\n");
        let want = LogRecord {
            facility: 3,
            level: 6,
            seq: 812,
            us: 51234,
            text: "usb 1-1: hello; world".into(),
            dict: vec!["SUBSYSTEM=usb".into(), "DEVICE=+usb:1-1".into()],
        };
        assert_eq!(got, Some(want));
        assert_eq!(parse("no record"), None);
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(unescape(r"a\x0ab \x5cx41 \xzz \x4"), "a\nb \\x41 \\xzz \\x4");
    }
}
