//! Text that cannot play with a terminal, or with a reader of JSON.

use std::io::{self, Write};

/// Whether the environment's locale writes UTF-8 (setlocale(3)).
pub fn utf8_locale() -> bool {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default();
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// Writes what can be printed as it is, other bytes as `\x1b`.
pub fn terminal(out: &mut dyn Write, text: &[u8], utf8: bool) -> io::Result<()> {
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            let plain = match c.is_ascii() {
                true => !c.is_ascii_control() || matches!(c, '\t'..='\r'),
                false => utf8 && !c.is_control(),
            };
            let mut bytes = [0; 4];
            let bytes = c.encode_utf8(&mut bytes).as_bytes();
            if plain {
                out.write_all(bytes)?;
            } else {
                hex(out, bytes)?;
            }
        }
        hex(out, chunk.invalid())?;
    }
    Ok(())
}

fn hex(out: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    bytes.iter().try_for_each(|byte| write!(out, "\\x{byte:02x}"))
}

/// Writes a JSON string. Bytes that are no UTF-8 stay as they are, as util-linux leaves them.
pub fn json(out: &mut dyn Write, text: &[u8]) -> io::Result<()> {
    out.write_all(b"\"")?;
    for byte in text {
        match byte {
            b'"' | b'\\' => out.write_all(&[b'\\', *byte])?,
            b'\n' => out.write_all(b"\\n")?,
            b'\t' => out.write_all(b"\\t")?,
            b'\r' => out.write_all(b"\\r")?,
            0x08 => out.write_all(b"\\b")?,
            0x0c => out.write_all(b"\\f")?,
            0..0x20 => write!(out, "\\u{byte:04x}")?,
            _ => out.write_all(&[*byte])?,
        }
    }
    out.write_all(b"\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        let shown = |text: &[u8], utf8| {
            let mut out = Vec::new();
            terminal(&mut out, text, utf8).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(shown(b"a\x1b[2J\t\\\x7f\xff", true), "a\\x1b[2J\t\\\\x7f\\xff");
        assert_eq!(shown("ä\u{85}".as_bytes(), true), "ä\\xc2\\x85");
        assert_eq!(shown("ä".as_bytes(), false), "\\xc3\\xa4");
        let mut out = Vec::new();
        json(&mut out, b"a\"\\\n\x1b\xff").unwrap();
        assert_eq!(out, b"\"a\\\"\\\\\\n\\u001b\xff\"");
    }
}
