//! What of a log two runs must have in common: masking numbers and addresses, leaving out what
//! is chance or happens once per boot.

/// Lines that Linux prints once per boot, whichever module comes first (`pr_info_once`): many
/// modules share a boot of the real kernel, each has one of its own in-process.
const ONCE_PER_BOOT: &[&str] = &[
    "firmware_class: See https://wiki.debian.org/Firmware for information about missing firmware",
];

/// The report of a WARN or BUG stands between these (Linux 6.1 `kernel/panic.c`, `__warn`). Its
/// registers, stack and code bytes are chance; the line that says where it happened is not.
const REPORT: (&str, &str) = ("------------[ cut here ]", "---[ end trace ");
const PLACE: &[&str] = &["WARNING: ", "kernel BUG at ", "BUG: "];

/// The comparable part of a log, one entry per line, each with its level in front.
pub fn comparable(log: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut in_report = false;
    for line in log.iter().flat_map(|record| record.split('\n')) {
        let (level, text) = match line.split_once('>') {
            Some((level, text)) if level.starts_with('<') => (level, text),
            _ => ("", line),
        };
        let begins = text.starts_with(REPORT.0);
        let ends = text.starts_with(REPORT.1);
        in_report = (in_report || begins) && !ends;
        let place = PLACE.iter().any(|p| text.starts_with(p));
        let chance = begins || ends || (in_report && !place) || ONCE_PER_BOOT.contains(&text);
        if !chance {
            lines.push(format!("{level}>{}", mask(text)));
        }
    }
    lines
}

/// Replaces every number (decimal, or hexadecimal with `0x`) and every bare hexadecimal word of
/// eight or more digits (an address) by `#`, and runs of spaces (which pad numbers) by one.
pub fn mask(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    let mut in_word = false;
    while let Some(c) = rest.chars().next() {
        let long_hex = hex_len(rest);
        let take = if rest.starts_with("0x") && hex_len(&rest[2..]) > 0 {
            2 + hex_len(&rest[2..])
        } else if !in_word && long_hex >= 8 {
            long_hex
        } else {
            rest.bytes().take_while(u8::is_ascii_digit).count()
        };
        if c == ' ' && out.ends_with(' ') {
            rest = &rest[1..];
        } else if take > 0 {
            out.push('#');
            rest = &rest[take..];
            in_word = false;
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            in_word = c.is_alphanumeric() || c == '_';
        }
    }
    out
}

/// The length of the hexadecimal word at the beginning; 0 when letters beyond it follow.
fn hex_len(text: &str) -> usize {
    let len = text.bytes().take_while(u8::is_ascii_hexdigit).count();
    let next = text[len..].chars().next();
    if next.is_some_and(|c| c.is_alphanumeric() || c == '_') { 0 } else { len }
}

#[cfg(test)]
mod tests {
    use super::{comparable, mask};

    #[test]
    fn reports_are_reduced_to_their_place() {
        let log = |frame: &str| {
            [
                "<4>------------[ cut here ]------------",
                "<4>WARNING: CPU: 0 PID: 1 at mm/x.c:12 f+0x1/0x2",
                frame,
                "<4>---[ end trace 0000000000000000 ]---",
                "<6>after",
            ]
            .map(str::to_owned)
        };
        let want = ["<4>WARNING: CPU: # PID: # at mm/x.c:# f+#/#", "<6>after"];
        assert_eq!(comparable(&log("<4> ? one+0x1/0x2")), want);
        assert_eq!(comparable(&log("<4>RAX: 0")), want);
    }

    #[test]
    fn levels_and_lines_stay_apart() {
        let log = ["<6>a 1\nb 2".to_owned(), format!("<6>{}", super::ONCE_PER_BOOT[0])];
        assert_eq!(comparable(&log), ["<6>a #", ">b #"]);
    }

    #[test]
    fn numbers_and_addresses() {
        assert_eq!(mask("brd: module loaded"), "brd: module loaded");
        assert_eq!(mask("took 12.5 ms at 0xffffffffc0a01000"), "took #.# ms at #");
        assert_eq!(mask("ptr 00000000deadbeef end"), "ptr # end");
        assert_eq!(mask("eth0: dead face, e1000e"), "eth#: dead face, e#e");
        assert_eq!(mask("rip 0x2c"), "rip #");
        assert_eq!(mask("gen()   812 MB/s"), mask("gen() 11812 MB/s"));
        assert_eq!(mask("§ 0x and 0xzz 7"), "§ #x and #xzz #");
    }

    #[test]
    fn words_stay() {
        assert_eq!(mask("deadbeefs accede"), "deadbeefs accede");
    }
}
