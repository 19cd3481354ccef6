//! `Module.symvers`: what a kernel tree exports, with checksums.
//!
//! One line for each symbol, five fields separated by tabs (`Documentation/kbuild/modules.rst`,
//! Linux 6.1): CRC, name, exporting module (or `vmlinux`), kind of export, namespace. The last
//! field may be missing in files of kernels before 5.4.

use alloc::string::String;
use alloc::vec::Vec;

/// Kind of export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportKind {
    /// `EXPORT_SYMBOL`.
    Plain,
    /// `EXPORT_SYMBOL_GPL`.
    Gpl,
}

/// One exported symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Checksum; 0 if the kernel was built without `CONFIG_MODVERSIONS`.
    pub crc: u32,
    /// Symbol.
    pub name: &'a str,
    /// Exporting module, without `.ko`; `vmlinux` for the kernel itself.
    pub module: &'a str,
    /// Kind of export.
    pub kind: ExportKind,
    /// Namespace.
    pub namespace: Option<&'a str>,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}: {text:?}")]
pub struct SymversError {
    /// Line number, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: &'static str,
    /// The line, shortened.
    pub text: String,
}

/// A parsed file with an index by name.
#[derive(Clone, Debug, Default)]
pub struct Symvers<'a> {
    entries: Vec<Entry<'a>>,
    by_name: Vec<u32>,
}

impl<'a> Symvers<'a> {
    /// Parses the whole file. Empty lines are skipped.
    pub fn parse(data: &'a [u8]) -> Result<Symvers<'a>, SymversError> {
        let entries = lines(data).collect::<Result<Vec<_>, _>>()?;
        let mut by_name: Vec<u32> = (0..entries.len() as u32).collect();
        // Stable: of two lines for one symbol the earlier stays first.
        by_name.sort_by_key(|&index| entries[index as usize].name);
        Ok(Symvers { entries, by_name })
    }

    /// The entry for `name`; of several the last, as modpost takes it.
    pub fn get(&self, name: &str) -> Option<&Entry<'a>> {
        let end = self.by_name.partition_point(|&index| self.entries[index as usize].name <= name);
        let found = &self.entries[*self.by_name.get(end.checked_sub(1)?)? as usize];
        (found.name == name).then_some(found)
    }

    /// All entries in file order.
    pub fn entries(&self) -> &[Entry<'a>] {
        &self.entries
    }
}

/// The entries one by one, in file order. Empty lines are skipped.
pub fn lines(data: &[u8]) -> impl Iterator<Item = Result<Entry<'_>, SymversError>> {
    // Faster at once than line by line.
    let text = core::str::from_utf8(data).ok();
    let (mut start, mut number) = (0, 0);
    core::iter::from_fn(move || {
        loop {
            let rest = data.get(start..).filter(|rest| !rest.is_empty())?;
            let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let (line, range) = (rest.get(..length)?, start..start + length);
            (start, number) = (range.end + 1, number + 1);
            let named = |what| SymversError {
                line: number,
                what,
                text: String::from_utf8_lossy(line)
                    .trim_end_matches('\r')
                    .chars()
                    .take(80)
                    .collect(),
            };
            let line = match text {
                Some(text) => text.get(range),
                None => core::str::from_utf8(line).ok(),
            };
            let line = line.map(|line| line.strip_suffix('\r').unwrap_or(line));
            if line != Some("") {
                return Some(line.ok_or("not UTF-8").and_then(entry).map_err(named));
            }
        }
    })
}

fn entry(line: &str) -> Result<Entry<'_>, &'static str> {
    // Fields are short: a plain search is faster here than one that looks at many bytes at a time.
    let mut rest = Some(line);
    let mut next = || {
        let text = rest?;
        let tab = text.bytes().position(|byte| byte == b'\t');
        let (field, others) = match tab.and_then(|tab| text.split_at_checked(tab)) {
            Some((field, others)) => (field, others.get(1..)),
            None => (text, None),
        };
        rest = others;
        Some(field)
    };
    let crc = next().unwrap_or_default();
    let digits = crc.strip_prefix("0x").ok_or("checksum does not start with 0x")?;
    if digits.starts_with('+') {
        return Err("checksum is not a hexadecimal number");
    }
    let crc = u32::from_str_radix(digits, 16).map_err(|_| "checksum is not a 32-bit number")?;
    let name = next().filter(|name| !name.is_empty()).ok_or("no symbol name")?;
    let module = next().filter(|module| !module.is_empty()).ok_or("no module name")?;
    let kind = match next() {
        Some("EXPORT_SYMBOL") => ExportKind::Plain,
        Some("EXPORT_SYMBOL_GPL") => ExportKind::Gpl,
        _ => return Err("unknown kind of export"),
    };
    let namespace = next().filter(|namespace| !namespace.is_empty());
    if next().is_some() {
        return Err("too many fields");
    }
    Ok(Entry { crc, name, module, kind, namespace })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    const SAMPLE: &str = "0x4c9d28b0\tphys_base\tvmlinux\tEXPORT_SYMBOL\t\n\
        0x00000001\tusb_stor_probe1\tdrivers/usb/storage/usb-storage\tEXPORT_SYMBOL_GPL\tUSB_STORAGE\n\
        0x00000002\told\tvmlinux\tEXPORT_SYMBOL\n";

    #[test]
    fn parses_and_looks_up() {
        let table = Symvers::parse(SAMPLE.as_bytes()).unwrap();
        assert_eq!(table.entries().len(), 3);
        let entry = table.get("usb_stor_probe1").unwrap();
        assert_eq!((entry.crc, entry.kind), (1, ExportKind::Gpl));
        assert_eq!(entry.namespace, Some("USB_STORAGE"));
        assert_eq!(table.get("phys_base").unwrap().namespace, None);
        assert_eq!(table.get("old").unwrap().crc, 2);
        assert_eq!(table.get("aaa").or(table.get("zzz")).or(table.get("phys")), None);
    }

    #[test]
    fn last_line_of_a_symbol_wins() {
        let twice = format!("{SAMPLE}0x00000009\told\tother\tEXPORT_SYMBOL\t\n");
        assert_eq!(Symvers::parse(twice.as_bytes()).unwrap().get("old").unwrap().crc, 9);
    }

    #[test]
    fn names_the_broken_line() {
        for (line, what) in [
            ("12\tx\ty\tEXPORT_SYMBOL", "checksum does not start with 0x"),
            ("0x123456789\tx\ty\tEXPORT_SYMBOL", "checksum is not a 32-bit number"),
            ("0x+1\tx\ty\tEXPORT_SYMBOL", "checksum is not a hexadecimal number"),
            ("0x1\t\ty\tEXPORT_SYMBOL", "no symbol name"),
            ("0x1\tx", "no module name"),
            ("0x1\tx\ty\tEXPORT", "unknown kind of export"),
            ("0x1\tx\ty\tEXPORT_SYMBOL\tns\tmore", "too many fields"),
        ] {
            let file = format!("{SAMPLE}\r\n{line}\r\n");
            let error = Symvers::parse(file.as_bytes()).unwrap_err();
            assert_eq!((error.line, error.what, error.text.as_str()), (5, what, line));
        }
    }

    #[test]
    fn only_the_line_that_is_no_text_is_broken() {
        let file = [SAMPLE.as_bytes(), b"0x1\t\xff\tvmlinux\tEXPORT_SYMBOL\n", SAMPLE.as_bytes()];
        let file = file.concat();
        let all: Vec<_> = lines(&file).collect();
        assert_eq!(all.len(), 7);
        for (line, found) in (1..).zip(all) {
            let broken = found.err().map(|error| (error.line, error.what));
            assert_eq!(broken, (line == 4).then_some((4, "not UTF-8")));
        }
    }
}
