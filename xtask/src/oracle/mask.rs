//! Masking the parts of a log line that are no statement about behaviour: numbers, addresses.

/// Replaces every number (decimal, or hexadecimal with `0x`) and every bare hexadecimal word of
/// eight or more digits (an address) by `#`.
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
        if take > 0 {
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
    use super::mask;

    #[test]
    fn numbers_and_addresses() {
        assert_eq!(mask("brd: module loaded"), "brd: module loaded");
        assert_eq!(mask("took 12.5 ms at 0xffffffffc0a01000"), "took #.# ms at #");
        assert_eq!(mask("ptr 00000000deadbeef end"), "ptr # end");
        assert_eq!(mask("eth0: dead face, e1000e"), "eth#: dead face, e#e");
        assert_eq!(mask("rip 0x2c"), "rip #");
        assert_eq!(mask("§ 0x and 0xzz 7"), "§ #x and #xzz #");
    }

    #[test]
    fn words_stay() {
        assert_eq!(mask("deadbeefs accede"), "deadbeefs accede");
    }
}
