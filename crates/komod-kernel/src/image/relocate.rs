//! The flat image: segments placed by physical address, relocated to a base of our choice.
//!
//! Behaviour follows what the kernel's decompressor does at boot with KASLR (Linux 6.12
//! `arch/x86/boot/compressed/misc.c`, `parse_elf` and `handle_relocations`), plus what the first
//! lines of `x86_64_start_kernel` do: clear `.bss` and `.brk`.

use std::ops::Range;

use super::ImageError;
use crate::elf::{Elf, Segment};
use crate::kallsyms::Kallsyms;
use crate::le;

/// Base addresses must keep the alignment the kernel was linked for: `CONFIG_PHYSICAL_ALIGN` is
/// 2 MiB on every x86-64 distribution kernel, and its large-page mappings rely on it.
const BASE_ALIGNMENT: u64 = 2 << 20;

/// Kernel code holds 32-bit sign-extended addresses (`R_X86_64_32S`): the image must end below
/// 2 GiB to be reachable by them at a low address.
const LOW_END: u64 = 1 << 31;

/// A kernel as it would lie in memory, ready to be mapped at [`FlatImage::base`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlatImage {
    /// From the first byte of text to the end of `.brk`, a whole number of pages.
    pub bytes: Vec<u8>,
    /// The address `bytes` is relocated to.
    pub base: u64,
    /// The address the kernel was linked for (`_text`).
    pub link_base: u64,
    /// The initial per-CPU data.
    pub percpu: PerCpu,
    /// Named sections with their relocated addresses.
    pub sections: Vec<Section>,
    /// How many relocations were applied.
    pub relocations: RelocationCounts,
}

/// Where the initial contents of the per-CPU area lie in the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PerCpu {
    /// Offset in the flat image.
    pub offset: u64,
    pub len: u64,
    /// Whether per-CPU symbols are offsets from 0 (x86-64 up to 6.14) or addresses in the image.
    pub zero_based: bool,
}

/// A named part of the image (an ELF section of `vmlinux`).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Section {
    pub name: String,
    /// Address in the relocated image.
    pub address: u64,
    pub size: u64,
}

/// Number of entries in each relocation list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct RelocationCounts {
    /// 32-bit addresses: the delta is added.
    pub abs32: u32,
    /// 32-bit distances from zero-based per-CPU symbols to the image: the delta is subtracted.
    pub inverse32: u32,
    /// 64-bit addresses: the delta is added.
    pub abs64: u32,
}

impl FlatImage {
    /// What was added to every linked address, modulo 2^64.
    pub fn delta(&self) -> u64 {
        self.base.wrapping_sub(self.link_base)
    }

    /// A section by name (`__ex_table`, `.data`, …).
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The bytes of a section in the relocated image.
    pub fn section_bytes(&self, name: &str) -> Option<&[u8]> {
        let section = self.section(name)?;
        let start = usize::try_from(section.address.checked_sub(self.base)?).ok()?;
        let end = start.checked_add(usize::try_from(section.size).ok()?)?;
        self.bytes.get(start..end)
    }
}

/// Lays out an unpacked kernel and relocates it to `base`. `symbols` are the kernel's own, at
/// their linked addresses.
pub fn relocate(payload: &[u8], base: u64, symbols: &Kallsyms) -> Result<FlatImage, ImageError> {
    lay_out(payload, Some(base), symbols)
}

/// Lays out an unpacked kernel where it was linked to be: to be read, not to be run. It needs no
/// relocation lists, which a `vmlinux` does not have.
pub fn as_linked(payload: &[u8], symbols: &Kallsyms) -> Result<FlatImage, ImageError> {
    lay_out(payload, None, symbols)
}

fn lay_out(payload: &[u8], base: Option<u64>, symbols: &Kallsyms) -> Result<FlatImage, ImageError> {
    let elf = Elf::parse(payload)?;
    let layout = Layout::new(&elf, base, symbols)?;
    let mut bytes = vec![0; layout.len];
    for segment in &elf.segments {
        place(payload, segment, &layout, &mut bytes)?;
    }
    for range in &layout.cleared {
        bytes.get_mut(range.clone()).unwrap_or_default().fill(0);
    }
    let relocations = match base {
        Some(_) => RelocationLists::find(payload, elf.end)?.apply(&layout, &mut bytes)?,
        None => RelocationCounts::default(),
    };
    let base = layout.base;
    let sections = elf
        .sections
        .iter()
        .filter_map(|section| {
            let in_image = section.address.checked_sub(layout.link_base);
            let offset = match in_image {
                Some(offset) => offset,
                None if section.name == PERCPU => layout.percpu.offset,
                None => return None,
            };
            (offset < layout.len as u64).then(|| Section {
                name: section.name.clone(),
                address: base + offset,
                size: section.size,
            })
        })
        .collect();
    Ok(FlatImage {
        bytes,
        base,
        link_base: layout.link_base,
        percpu: layout.percpu,
        sections,
        relocations,
    })
}

const PERCPU: &str = ".data..percpu";

/// Where everything goes.
struct Layout {
    base: u64,
    link_base: u64,
    physical_base: u64,
    len: usize,
    percpu: PerCpu,
    /// `.bss` and `.brk`: their bytes in the file are leftovers of the link.
    cleared: [Range<usize>; 2],
}

impl Layout {
    fn new(elf: &Elf<'_>, base: Option<u64>, symbols: &Kallsyms) -> Result<Self, ImageError> {
        if let Some(base) = base.filter(|base| *base == 0 || !base.is_multiple_of(BASE_ALIGNMENT)) {
            return Err(ImageError::BaseMisaligned { base, alignment: BASE_ALIGNMENT });
        }
        let first = elf
            .segments
            .iter()
            .min_by_key(|segment| segment.paddr)
            .ok_or(ImageError::Elf { what: "no PT_LOAD segment" })?;
        let (link_base, physical_base) = (first.vaddr, first.paddr);
        let (end_name, end) = ["__brk_limit", "_end"]
            .into_iter()
            .find_map(|name| Some((name, symbols.lookup(name)?)))
            .ok_or(ImageError::MissingSymbol { name: "_end", purpose: "know where it ends" })?;
        let largest = link_base.saturating_add(LOW_END);
        let outside = |name, address| ImageError::SymbolOutside {
            name,
            address,
            start: link_base,
            end: largest,
        };
        let size = end
            .checked_sub(link_base)
            .filter(|&size| size > 0 && size < LOW_END)
            .and_then(|size| usize::try_from(size).ok())
            .and_then(|size| le::align_up(size, 4096))
            .ok_or_else(|| outside(end_name, end))?;
        // The file must hold most of the image: a tiny file may not ask for two gigabytes.
        let held: u64 = elf.segments.iter().map(|s| s.file_size.min(LOW_END)).sum();
        if (size as u64) / 64 > held {
            return Err(outside(end_name, end));
        }
        if let Some(base) = base
            && base.checked_add(size as u64).is_none_or(|end| end > LOW_END)
        {
            return Err(ImageError::BaseTooHigh { base, size: size as u64 });
        }
        let base = base.unwrap_or(link_base);
        if base.checked_add(size as u64).is_none() {
            return Err(outside(end_name, end));
        }
        let offset_of = |name: &'static str, purpose| {
            let address =
                symbols.lookup(name).ok_or(ImageError::MissingSymbol { name, purpose })?;
            address
                .checked_sub(link_base)
                .and_then(|offset| usize::try_from(offset).ok())
                .filter(|&offset| offset <= size)
                .ok_or_else(|| outside(name, address))
        };
        let bss = offset_of("__bss_start", "clear .bss")?..offset_of("__bss_stop", "clear .bss")?;
        let brk = match symbols.lookup("__brk_base") {
            Some(_) => offset_of("__brk_base", "clear .brk")?..size,
            None => size..size,
        };
        let percpu = Self::percpu(elf, link_base, physical_base, size as u64)?;
        Ok(Self { base, link_base, physical_base, len: size, percpu, cleared: [bss, brk] })
    }

    fn percpu(
        elf: &Elf<'_>,
        link_base: u64,
        physical_base: u64,
        size: u64,
    ) -> Result<PerCpu, ImageError> {
        let zero_based = elf.segments.iter().find(|segment| segment.vaddr == 0);
        let (offset, len) = match (zero_based, elf.section(PERCPU)) {
            (Some(segment), _) => (segment.paddr.checked_sub(physical_base), segment.file_size),
            (None, Some(section)) => (section.address.checked_sub(link_base), section.size),
            (None, None) => return Err(ImageError::Elf { what: "no per-CPU data" }),
        };
        offset
            .filter(|offset| offset.checked_add(len).is_some_and(|end| end <= size))
            .map(|offset| PerCpu { offset, len, zero_based: zero_based.is_some() })
            .ok_or(ImageError::Elf { what: "per-CPU data outside the image" })
    }
}

fn place(
    payload: &[u8],
    segment: &Segment,
    layout: &Layout,
    bytes: &mut [u8],
) -> Result<(), ImageError> {
    let bad = |what| ImageError::Segment { vaddr: segment.vaddr, what };
    let offset = segment
        .paddr
        .checked_sub(layout.physical_base)
        .ok_or_else(|| bad("its physical address lies below the first segment's"))?;
    if segment.vaddr != 0 && segment.vaddr.checked_sub(layout.link_base) != Some(offset) {
        return Err(bad("its virtual and physical addresses do not run in step"));
    }
    let Some(offset) = usize::try_from(offset).ok().filter(|&offset| offset < bytes.len()) else {
        return Ok(()); // Only needed by the decompressor itself (.init.scratch).
    };
    let start = usize::try_from(segment.offset).map_err(|_| bad("its bytes lie outside"))?;
    let wanted = usize::try_from(segment.file_size).map_err(|_| bad("its bytes lie outside"))?;
    let source = start
        .checked_add(wanted)
        .and_then(|end| payload.get(start..end))
        .ok_or_else(|| bad("its bytes lie outside the file"))?;
    let count = wanted.min(bytes.len() - offset);
    let (Some(target), Some(source)) = (bytes.get_mut(offset..offset + count), source.get(..count))
    else {
        return Err(bad("its bytes lie outside the image"));
    };
    target.copy_from_slice(source);
    Ok(())
}

/// The lists behind the ELF file. Each is preceded by a zero word, in this order:
/// 64-bit, inverse 32-bit (absent since 6.15, which has no zero-based per-CPU data), 32-bit. An
/// entry is the low half of a linked address.
struct RelocationLists {
    abs64: Vec<i32>,
    inverse32: Vec<i32>,
    abs32: Vec<i32>,
}

impl RelocationLists {
    fn find(payload: &[u8], elf_end: usize) -> Result<Self, ImageError> {
        let bad = |what| ImageError::RelocationLists { offset: elf_end, what };
        let area = payload.get(elf_end..).unwrap_or_default();
        if area.is_empty() {
            return Err(ImageError::NoRelocations { elf_end });
        }
        if !area.len().is_multiple_of(4) {
            return Err(bad("their size is not a multiple of four"));
        }
        let words: Vec<i32> =
            (0..area.len()).step_by(4).filter_map(|at| le::i32(area, at)).collect();
        let mut lists = words.split(|&word| word == 0).map(<[i32]>::to_vec);
        if lists.next().is_none_or(|before| !before.is_empty()) {
            return Err(bad("they do not begin with a zero word where the ELF file ends"));
        }
        match (lists.next(), lists.next(), lists.next(), lists.next()) {
            (Some(abs64), Some(inverse32), Some(abs32), None) => {
                Ok(Self { abs64, inverse32, abs32 })
            }
            (Some(abs64), Some(abs32), None, None) => {
                Ok(Self { abs64, inverse32: Vec::new(), abs32 })
            }
            _ => Err(bad("neither two nor three lists")),
        }
    }

    fn apply(&self, layout: &Layout, bytes: &mut [u8]) -> Result<RelocationCounts, ImageError> {
        let delta = layout.base.wrapping_sub(layout.link_base);
        let low = delta as u32;
        for &entry in &self.abs32 {
            patch(entry, "32-bit", layout, bytes, |field: [u8; 4]| {
                u32::from_le_bytes(field).wrapping_add(low).to_le_bytes()
            })?;
        }
        for &entry in &self.inverse32 {
            patch(entry, "inverse 32-bit", layout, bytes, |field: [u8; 4]| {
                u32::from_le_bytes(field).wrapping_sub(low).to_le_bytes()
            })?;
        }
        for &entry in &self.abs64 {
            patch(entry, "64-bit", layout, bytes, |field: [u8; 8]| {
                u64::from_le_bytes(field).wrapping_add(delta).to_le_bytes()
            })?;
        }
        let count = |list: &[i32]| u32::try_from(list.len()).unwrap_or(u32::MAX);
        Ok(RelocationCounts {
            abs32: count(&self.abs32),
            inverse32: count(&self.inverse32),
            abs64: count(&self.abs64),
        })
    }
}

/// Rewrites the `N` bytes at a relocation entry's address.
fn patch<const N: usize>(
    entry: i32,
    list: &'static str,
    layout: &Layout,
    bytes: &mut [u8],
    change: impl Fn([u8; N]) -> [u8; N],
) -> Result<(), ImageError> {
    let address = i64::from(entry) as u64;
    let field = address
        .checked_sub(layout.link_base)
        .and_then(|offset| usize::try_from(offset).ok())
        // Nothing to relocate in cleared memory: an address there means the lists were misread.
        .filter(|offset| !layout.cleared.iter().any(|range| range.contains(offset)))
        .and_then(|offset| bytes.get_mut(offset..)?.first_chunk_mut::<N>())
        .ok_or(ImageError::RelocationOutside {
            list,
            address,
            start: layout.link_base,
            end: layout.link_base.saturating_add(layout.len as u64),
        })?;
    *field = change(*field);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(words: &[i32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn three_lists_or_two() {
        let lists = RelocationLists::find(&area(&[0, -1, -2, 0, -3, 0, -4, -5]), 0).unwrap();
        assert_eq!(lists.abs64, [-1, -2]);
        assert_eq!(lists.inverse32, [-3]);
        assert_eq!(lists.abs32, [-4, -5]);
        let lists = RelocationLists::find(&area(&[0, -1, 0, -4]), 0).unwrap();
        assert_eq!((lists.abs64, lists.inverse32, lists.abs32), (vec![-1], vec![], vec![-4]));
    }

    #[test]
    fn misread_lists_are_errors() {
        for words in [&[][..], &[-1, 0, -2], &[0, -1], &[0, -1, 0, -2, 0, -3, 0, -4]] {
            assert!(RelocationLists::find(&area(words), 0).is_err(), "{words:?}");
        }
        assert!(RelocationLists::find(&[0; 7], 0).is_err());
    }

    #[test]
    fn a_relocation_outside_the_image_or_in_bss_is_an_error() {
        let layout = Layout {
            base: 0x1000_0000,
            link_base: 0xffff_ffff_8100_0000,
            physical_base: 0x100_0000,
            len: 0x2000,
            percpu: PerCpu { offset: 0, len: 0, zero_based: true },
            cleared: [0x1000..0x1800, 0x1800..0x2000],
        };
        let mut bytes = vec![0; 0x2000];
        let lists =
            |entry| RelocationLists { abs64: vec![], inverse32: vec![], abs32: vec![entry] };
        let entry = 0x8100_0010_u32 as i32;
        assert_eq!(lists(entry).apply(&layout, &mut bytes).unwrap().abs32, 1);
        assert_eq!(le::u32(&bytes, 0x10), Some(0x8f00_0000));
        for entry in [0x8100_1000_u32, 0x8100_2000, 0x80ff_fffc, 0x1000] {
            assert!(lists(entry as i32).apply(&layout, &mut bytes).is_err(), "{entry:#x}");
        }
    }
}
