//! Symbol dumps: `Module.symvers` as modpost reads it, parsed once and used by many runs.

use komod_object::symvers::{self, ExportKind};
use rustc_hash::FxHasher;
use std::hash::Hasher;

/// One exported symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported<S> {
    /// CRC, if it is known.
    pub crc: Option<u32>,
    /// Name.
    pub name: S,
    /// Exporting module: a path without `.ko`, or `vmlinux`.
    pub module: S,
    /// For GPL-compatible modules only.
    pub gpl_only: bool,
    /// Namespace, empty for none.
    pub namespace: S,
    /// A function rather than data.
    pub is_function: bool,
}

/// A dump that is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {source}")]
pub struct DumpError {
    /// The dump.
    pub path: String,
    /// The line and what is wrong with it.
    pub source: symvers::SymversError,
}

/// An indexed dump. A kernel's has 27,000 lines, of which a module needs a few dozen: lines are
/// checked and indexed by their name, but taken apart only when they are asked for.
#[derive(Clone, Debug, Default)]
pub struct SymbolDump<'a> {
    text: &'a [u8],
    /// A hash table with open addressing: starts of lines, plus one; its size is a power of two.
    slots: Vec<u32>,
    len: usize,
}

impl<'a> SymbolDump<'a> {
    /// Reads the text of the file at `path`; the path is for messages.
    pub fn parse(path: &str, text: &'a [u8]) -> Result<Self, DumpError> {
        let named = |source| DumpError { path: path.to_owned(), source };
        // A line has at least 20 bytes, so the table is at most half full, and bounded by the text.
        let size = (text.len() / 20 * 2 + 2).next_power_of_two();
        let mut dump = SymbolDump { text, slots: vec![0; size], len: 0 };
        let mut start = 0;
        let mut lines = 0;
        while let Some(rest) = text.get(start..).filter(|rest| !rest.is_empty()) {
            lines += 1;
            let length = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
            let line = rest[..length].strip_suffix(b"\r").unwrap_or(&rest[..length]);
            if !line.is_empty() {
                let name =
                    plain_line(line).and_then(|name| Some((name, u32::try_from(start).ok()?)));
                match name {
                    Some((name, start)) if dump.len * 2 < size => dump.insert(name, start),
                    // Not as plain as a kernel's: the strict reader says what is wrong.
                    _ => match symvers::lines(line).next() {
                        Some(Err(error)) => {
                            return Err(named(symvers::SymversError { line: lines, ..error }));
                        }
                        _ => return Err(named(unreadable(lines))),
                    },
                }
            }
            start += length + 1;
        }
        Ok(dump)
    }

    fn insert(&mut self, name: &[u8], start: u32) {
        let slot = self.slot(name);
        self.len += usize::from(self.slots[slot] == 0);
        self.slots[slot] = start + 1;
    }

    /// The slot of this name, or the empty one where it belongs.
    fn slot(&self, name: &[u8]) -> usize {
        let mask = self.slots.len() - 1;
        let mut hasher = FxHasher::default();
        hasher.write(name);
        let mut slot = hasher.finish() as usize & mask;
        while let Some(line) = self.line(slot)
            && line.split(|&byte| byte == b'\t').nth(1) != Some(name)
        {
            slot = (slot + 1) & mask;
        }
        slot
    }

    /// The text from the start of the line in this slot.
    fn line(&self, slot: usize) -> Option<&'a [u8]> {
        let start = self.slots[slot].checked_sub(1)?;
        self.text.get(start as usize..)
    }

    /// The last line for this symbol.
    pub fn get(&self, name: &str) -> Option<Exported<&'a str>> {
        if self.slots.is_empty() {
            return None;
        }
        let line = self.line(self.slot(name.as_bytes()))?;
        symvers::lines(line).next()?.ok().as_ref().map(exported)
    }

    /// All lines, in file order.
    pub fn entries(&self) -> impl Iterator<Item = Exported<&'a str>> + use<'a> {
        symvers::lines(self.text).filter_map(|entry| entry.ok().as_ref().map(exported))
    }

    /// Number of symbols.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there is no symbol.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// The name in a line that the strict reader will accept.
fn plain_line(line: &[u8]) -> Option<&[u8]> {
    let tab = |text: &[u8]| text.iter().position(|&byte| byte == b'\t');
    let digits = line.strip_prefix(b"0x")?;
    let crc = tab(digits).filter(|length| (1..=8).contains(length))?;
    let rest = &digits[crc + 1..];
    let name = &rest[..tab(rest)?];
    let rest = &rest[name.len() + 1..];
    let module = &rest[..tab(rest)?];
    let rest = &rest[module.len() + 1..];
    let kind = &rest[..tab(rest).unwrap_or(rest.len())];
    let namespace = rest.get(kind.len() + 1..).unwrap_or_default();
    let plain = digits[..crc].iter().all(u8::is_ascii_hexdigit)
        && !name.is_empty()
        && !module.is_empty()
        && matches!(kind, b"EXPORT_SYMBOL" | b"EXPORT_SYMBOL_GPL")
        && tab(namespace).is_none()
        && line.is_ascii();
    plain.then_some(name)
}

fn unreadable(line: usize) -> symvers::SymversError {
    symvers::SymversError { line, what: "not plain ASCII, or behind 4 GiB", text: String::new() }
}

fn exported<'a>(entry: &symvers::Entry<'a>) -> Exported<&'a str> {
    Exported {
        crc: Some(entry.crc),
        name: entry.name,
        module: entry.module,
        gpl_only: entry.kind == ExportKind::Gpl,
        namespace: entry.namespace.unwrap_or_default(),
        is_function: false,
    }
}

#[cfg(test)]
mod tests {
    use super::SymbolDump;

    const SAMPLE: &str = "0x4c9d28b0\tone\tvmlinux\tEXPORT_SYMBOL\t\r\n\n\
        0x1\ttwo\tdrivers/two\tEXPORT_SYMBOL_GPL\tSPACE\n\
        0x2\told\tvmlinux\tEXPORT_SYMBOL\n";

    #[test]
    fn the_last_line_of_a_symbol_counts() {
        let text = format!("{SAMPLE}0x9\told\tother\tEXPORT_SYMBOL\t");
        let dump = SymbolDump::parse("x", text.as_bytes()).unwrap();
        assert_eq!((dump.len(), dump.entries().count()), (3, 4));
        assert_eq!(dump.get("old").unwrap().crc, Some(9));
        let two = dump.get("two").unwrap();
        assert_eq!((two.module, two.namespace, two.gpl_only), ("drivers/two", "SPACE", true));
        assert_eq!(dump.get("one").unwrap().namespace, "");
        assert_eq!(dump.get("three"), None);
        assert_eq!(SymbolDump::default().get("one"), None);
    }

    #[test]
    fn names_the_broken_line() {
        for line in [
            "12\tx\ty\tEXPORT_SYMBOL\t",
            "0x1\tx\ty",
            "0x1\t\ty\tEXPORT_SYMBOL\t",
            "0x123456789\tx\ty\tEXPORT_SYMBOL\t",
        ] {
            let text = format!("{SAMPLE}{line}\n");
            let error = SymbolDump::parse("some/file", text.as_bytes()).unwrap_err();
            assert_eq!((&*error.path, error.source.line), ("some/file", 5), "{line}");
        }
    }
}
