//! The kernel's own symbols, and what modules want of them (`-E`, `-F`, `-e`, `-v`).

use super::error::{DepmodError, errno_text};
use super::facts::List;
use super::remark::Remark;
use super::resolve::bare;
use super::tree::Tree;
use rustc_hash::FxHashMap;
use std::io::{self, Read};
use std::path::Path;

/// A longer list of symbols is none.
const MAX_FILE: u64 = 1 << 30;

/// Symbols of the kernel itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelSymbols {
    by_name: FxHashMap<Vec<u8>, u64>,
    /// Whether they have checksums.
    checked: bool,
}

impl KernelSymbols {
    /// Reads a `Module.symvers`: `CHECKSUM SYMBOL WHERE …`, where WHERE is `vmlinux`.
    pub fn symvers(path: &Path) -> Result<KernelSymbols, DepmodError> {
        let mut by_name = FxHashMap::default();
        for line in read(path)?.split(|byte| *byte == b'\n') {
            let mut words = line.split(|b| matches!(b, b' ' | b'\t')).filter(|w| !w.is_empty());
            if let (Some(sum), Some(name), Some(b"vmlinux")) =
                (words.next(), words.next(), words.next())
                && let Some(sum) = hexadecimal(sum)
            {
                by_name.insert(name.to_vec(), sum);
            }
        }
        Ok(KernelSymbols { by_name, checked: true })
    }

    /// Reads a `System.map`: of its symbols, those with an entry `__ksymtab_SYMBOL` are exported.
    pub fn system_map(
        path: &Path,
        prefix: Option<u8>,
        remarks: &mut Vec<Remark>,
    ) -> Result<KernelSymbols, DepmodError> {
        let mut by_name = FxHashMap::default();
        let text = read(path)?;
        let text = text.strip_suffix(b"\n").unwrap_or(&text);
        for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            let mut words = line.splitn(3, |byte| matches!(byte, b' ' | b'\t'));
            let (Some(_), Some(_), Some(name)) = (words.next(), words.next(), words.next()) else {
                let (file, line) = (path.to_owned(), line.to_vec());
                remarks.push(Remark::BadSymbolLine { file, number, line });
                continue;
            };
            let name = match name.split_first() {
                Some((first, rest)) if Some(*first) == prefix => rest,
                _ => name,
            };
            if let Some(name) = name.strip_prefix(b"__ksymtab_") {
                by_name.insert(name.to_vec(), 0);
            }
        }
        Ok(KernelSymbols { by_name, checked: false })
    }
}

/// What to tell of the modules' symbols.
#[derive(Clone, Copy, Debug, Default)]
pub struct Questions<'k> {
    /// Symbols that neither these nor the modules have, and those with other checksums.
    pub kernel: Option<&'k KernelSymbols>,
    /// Who gives what.
    pub providers: bool,
    /// The character before all symbols.
    pub prefix: Option<u8>,
}

/// Tells it, module by module.
pub fn report(tree: &Tree<'_>, questions: Questions<'_>, remarks: &mut Vec<Remark>) {
    let Questions { kernel, providers, prefix } = questions;
    for (_, file, facts) in tree.iter() {
        let path = || file.path().to_owned();
        for (at, name) in facts.list(List::Needs).enumerate() {
            let provider = tree.exports.find(name, prefix);
            if let Some(kernel) = kernel {
                let own = || kernel.by_name.get(bare(name, prefix)).copied();
                let symbol = || name.to_vec();
                match provider.map(|(_, sum)| sum).or_else(own) {
                    None => remarks.push(Remark::UnknownSymbol { path: path(), symbol: symbol() }),
                    Some(sum) if kernel.checked => {
                        let wanted = facts.checksums.needs.get(at).copied().unwrap_or_default();
                        if wanted != sum {
                            let (path, symbol) = (path(), symbol());
                            remarks.push(Remark::OtherVersion { path, symbol });
                        }
                    }
                    Some(_) => {}
                }
            }
            if providers
                && let Some(provider) = provider.and_then(|(at, _)| tree.modules.files.get(at))
            {
                let provider = provider.path().to_owned();
                remarks.push(Remark::Needs { path: path(), symbol: name.to_vec(), provider });
            }
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, DepmodError> {
    let read = || -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        std::fs::File::open(path)?.take(MAX_FILE).read_to_end(&mut text)?;
        Ok(text)
    };
    read()
        .map_err(|error| DepmodError::Symbols { path: path.to_owned(), reason: errno_text(&error) })
}

/// With or without `0x`.
fn hexadecimal(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}
