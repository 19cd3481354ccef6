//! Log records in the kernel's own format: `[    0.123456] text` (`print_time` in
//! `kernel/printk/printk.c`, Linux 6.1).

use crate::console::{Paint, paint};
use komod_process::protocol::LogRecord;

/// The record's lines. Each line of a text with several has the time before it, as on the
/// kernel's console.
pub fn record(record: &LogRecord, color: bool) -> String {
    let stamp = format!("[{:5}.{:06}]", record.us / 1_000_000, record.us % 1_000_000);
    lines(record, &(paint(&stamp, Paint::Dim, color) + " "), color)
}

/// The same lines without times.
pub fn without_time(record: &LogRecord, color: bool) -> String {
    lines(record, "", color)
}

fn lines(record: &LogRecord, stamp: &str, color: bool) -> String {
    let mut text = String::new();
    for line in record.text.trim_end_matches('\n').split('\n') {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(stamp);
        match level(record.level) {
            Some(p) => text.push_str(&paint(&printable(line), p, color)),
            None => text.push_str(&printable(line)),
        }
    }
    text
}

fn level(level: u8) -> Option<Paint> {
    match level {
        0..=2 => Some(Paint::BoldRed),
        3 => Some(Paint::Red),
        4 => Some(Paint::Yellow),
        5 => Some(Paint::Bold),
        7 => Some(Paint::Dim),
        _ => None,
    }
}

/// Control characters as `\x1b`, so that a module cannot play with the terminal.
pub fn printable(text: &str) -> std::borrow::Cow<'_, str> {
    let odd = |c: char| c.is_control() && c != '\t';
    if !text.contains(odd) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if odd(c) {
            out.push_str(&format!("\\x{:02x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(us: u64, level: u8, text: &str) -> LogRecord {
        LogRecord { facility: 0, level, seq: 0, us, text: text.into(), dict: vec![] }
    }

    #[test]
    fn lines_look_like_the_kernels() {
        assert_eq!(record(&of(123_456, 6, "hello: hi"), false), "[    0.123456] hello: hi");
        assert_eq!(record(&of(12_345_678_901, 6, "x"), false), "[12345.678901] x");
        assert_eq!(record(&of(1, 6, "a\nb\n"), false), "[    0.000001] a\n[    0.000001] b");
        assert_eq!(without_time(&of(1, 6, "a\nb\n"), false), "a\nb");
    }

    #[test]
    fn colour_is_by_level_and_control_characters_are_spelt() {
        assert_eq!(record(&of(0, 3, "e"), true), "\x1b[2m[    0.000000]\x1b[0m \x1b[31me\x1b[0m");
        assert_eq!(record(&of(0, 6, "a\x1b[2Jb\tc"), false), "[    0.000000] a\\x1b[2Jb\tc");
    }
}
