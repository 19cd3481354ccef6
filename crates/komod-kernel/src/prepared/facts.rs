//! What is known about an image, and how.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::image::{BootHeader, Compression, FlatImage, PerCpu, RelocationCounts, Section};
use crate::kallsyms::Kallsyms;
use crate::le;

/// The contents of `facts.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFacts {
    /// Version of the directory's format.
    pub format: u32,
    /// What `uname -r` prints.
    pub release: String,
    /// What `/proc/version` prints.
    pub banner: String,
    /// The compiler and linker as the banner names them.
    pub compiler: Option<String>,
    /// The boot image this was made from.
    pub source: PathBuf,
    /// SHA-256 of that file.
    pub source_sha256: String,
    /// How its payload was compressed; `None` for a plain `vmlinux`.
    pub compression: Option<String>,
    pub base: u64,
    pub link_base: u64,
    pub image_len: u64,
    pub percpu: PerCpu,
    pub relocations: RelocationCounts,
    pub symbols: u64,
    pub exports: u64,
    pub btf_len: u64,
    pub sections: Vec<Section>,
    /// Where each fact was learnt.
    pub provenance: Vec<Provenance>,
}

/// Where one fact comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    pub fact: String,
    pub source: String,
}

/// The longest banner believed; Linux writes about 250 bytes.
const MAX_BANNER: usize = 4096;

/// The version banner in the image, at its symbol.
pub(super) fn banner(image: &FlatImage, symbols: &Kallsyms) -> Option<String> {
    let address = symbols.lookup("linux_banner")?;
    let offset = usize::try_from(address.checked_sub(image.base)?).ok()?;
    let text = le::c_str(&image.bytes, offset)?;
    (text.len() <= MAX_BANNER)
        .then(|| String::from_utf8_lossy(text).trim_end().to_owned())
        .filter(|text| text.starts_with("Linux version "))
}

/// The release: the banner's third word.
pub(super) fn release(banner: &str) -> Option<&str> {
    banner.split_ascii_whitespace().nth(2)
}

/// The first two numbers of a release.
pub(super) fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// The compiler: the banner's second group in parentheses, which may hold some itself
/// (`Linux version R (user@host) (gcc-12 (Debian 12.2.0-14) 12.2.0, GNU ld …) #1 …`).
pub(super) fn compiler(banner: &str) -> Option<&str> {
    let mut depth = 0usize;
    let mut groups = 0;
    let mut start = 0;
    for (at, letter) in banner.char_indices() {
        match letter {
            '(' => {
                if depth == 0 {
                    groups += 1;
                    start = at + 1;
                }
                depth += 1;
            }
            ')' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 && groups == 2 {
                    return banner.get(start..at);
                }
            }
            _ => {}
        }
    }
    None
}

/// The compression of a boot image's payload.
pub(super) fn compression(vmlinuz: &[u8]) -> Option<String> {
    let header = BootHeader::parse(vmlinuz).ok()?;
    let found = Compression::detect(vmlinuz.get(header.payload)?).ok()?;
    Some(found.to_string())
}

/// How the facts of an image are learnt: the same way for every kernel.
pub(super) fn provenance(vmlinuz: &Path) -> Vec<Provenance> {
    let file = vmlinuz.display();
    [
        ("release", "linux_banner in the unpacked image, third word".to_owned()),
        ("banner", "linux_banner in the unpacked image".to_owned()),
        ("compiler", "linux_banner in the unpacked image, second parentheses".to_owned()),
        ("source_sha256", format!("the bytes of {file}")),
        ("compression", format!("magic bytes of the payload in {file}")),
        ("base", "chosen by komod, else the address it was linked for".to_owned()),
        ("link_base", "virtual address of the vmlinux segment that is loaded lowest".to_owned()),
        ("image_len", "symbol __brk_limit (or _end), rounded up to pages".to_owned()),
        ("percpu", "vmlinux segment with virtual address 0, or section .data..percpu".to_owned()),
        ("relocations", "KASLR relocation lists behind the vmlinux".to_owned()),
        ("symbols", "kallsyms tables in .rodata".to_owned()),
        ("exports", "__ksymtab, __ksymtab_gpl, __kcrctab, __kcrctab_gpl".to_owned()),
        ("btf_len", "section .BTF".to_owned()),
        ("sections", "section headers of the vmlinux".to_owned()),
    ]
    .into_iter()
    .map(|(fact, source)| Provenance { fact: fact.to_owned(), source })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_banner_names_its_compiler() {
        let banner = "Linux version 6.1.0-9-amd64 (debian@x) (gcc-12 (Debian 12.2) 12.2.0, GNU \
                      ld (GNU Binutils) 2.40) #1 SMP (2026-11-16)";
        assert_eq!(release(banner), Some("6.1.0-9-amd64"));
        assert_eq!(
            compiler(banner),
            Some("gcc-12 (Debian 12.2) 12.2.0, GNU ld (GNU Binutils) 2.40")
        );
        assert_eq!(version("6.1.0-9-amd64"), Some((6, 1)));
        assert_eq!(version("4.19"), Some((4, 19)));
        assert_eq!(version("next"), None);
        for odd in ["", "Linux version", "a) (b) (c)", "(a", "(a)"] {
            assert_eq!(compiler(odd), None, "{odd:?}");
        }
    }
}
