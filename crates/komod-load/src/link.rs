//! Linking: a plan plus addresses gives the bytes to put there.

use crate::extable;
use crate::fill::{self, Filled};
use crate::kallsyms;
use crate::plan::{Kind, Plan};
use crate::region::{RegionBases, RegionId};
use crate::relocate;
use crate::{Errno, Evidence, Finding, Refusal, RefusalCode};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use komod_object::Text;
use komod_object::elf::{SHN_ABS, SHN_COMMON, SHN_LIVEPATCH, SHN_UNDEF, SYMBOL_SIZE, Symbol};

/// A region with its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedRegion {
    /// Which.
    pub id: RegionId,
    /// Address.
    pub address: u64,
    /// Contents, as long as the region.
    pub bytes: Vec<u8>,
}

/// A section with its final address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedSection {
    /// Index in the section header table.
    pub index: usize,
    /// Name.
    pub name: String,
    /// Address; for the per-CPU section its per-CPU offset.
    pub address: u64,
    /// Bytes.
    pub size: u64,
    /// `SHF_*`.
    pub flags: u64,
    /// Region it is in; `None` for the per-CPU section.
    pub region: Option<RegionId>,
}

/// A symbol the module exports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedExport {
    /// Name.
    pub name: String,
    /// Address.
    pub address: u64,
    /// Checksum.
    pub crc: Option<u32>,
    /// Only for modules under a GPL-compatible licence.
    pub gpl_only: bool,
    /// Namespace.
    pub namespace: Option<String>,
}

/// A linked module, ready to be copied into place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Regions, parallel to [`Plan::regions`].
    pub regions: Vec<LinkedRegion>,
    /// Initial contents of the per-CPU data, to be copied for every CPU.
    pub percpu: Vec<u8>,
    /// Sections that have an address, in file order.
    pub sections: Vec<LinkedSection>,
    /// Address of `struct module`; 0 for a plain object.
    pub this_module: u64,
    /// Address of the init function.
    pub init: Option<u64>,
    /// Address of the exit function.
    pub exit: Option<u64>,
    /// What the module exports.
    pub exports: Vec<LinkedExport>,
    /// Final value of every symbol, by index in the symbol table.
    pub values: Vec<u64>,
}

impl Image {
    /// The section of this name.
    pub fn section(&self, name: &str) -> Option<&LinkedSection> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// `len` bytes at an address inside one of the regions.
    pub fn read(&self, address: u64, len: usize) -> Option<&[u8]> {
        self.regions.iter().find_map(|region| {
            let offset = usize::try_from(address.checked_sub(region.address)?).ok()?;
            region.bytes.get(offset..)?.get(..len)
        })
    }

    /// The NUL-terminated string at an address inside one of the regions.
    pub fn string(&self, address: u64) -> Option<Text<'_>> {
        self.regions.iter().find_map(|region| {
            let offset = usize::try_from(address.checked_sub(region.address)?).ok()?;
            let tail = region.bytes.get(offset..)?;
            Some(Text::new(&tail[..tail.iter().position(|&byte| byte == 0)?]))
        })
    }
}

/// Relocates the planned module to the chosen addresses.
///
/// The image is what memory holds when the kernel has formed the module and is about to call the
/// notifiers for `MODULE_STATE_COMING`: symbols and relocations applied, exception table sorted,
/// `struct module` filled, the symbol tables for kallsyms built. Left to the caller, since it is
/// the kernel's own later code: alternatives, paravirt, return thunks and the like
/// (`module_finalize()`), jump labels, static calls, ftrace, ORC, sysfs; the sections they work on
/// are in [`Image::sections`]. List heads are empty lists pointing at themselves. `version`,
/// `srcversion` and `args` are kernel allocations: the first two stay null.
pub fn link(plan: &Plan<'_>, bases: &RegionBases) -> Result<Image, Box<Refusal>> {
    if bases.regions.len() != plan.regions.len() {
        let evidence = Evidence::found(format!("{} addresses", bases.regions.len()))
            .wants(format!("{} regions", plan.regions.len()));
        return Err(unchecked(plan, evidence));
    }
    let linker = Linker { plan, bases };
    let mut image = Image { regions: linker.copy_sections(), ..Image::default() };
    image.sections = linker.sections();
    image.values = linker.symbol_values();
    if let Some(percpu) = &plan.percpu {
        image.percpu = plan.view.contents(percpu.section).to_vec();
        // A per-CPU section without contents in the file is all zero.
        image.percpu.resize(percpu.size as usize, 0);
    }
    linker.relocate(&mut image)?;
    if plan.kind == Kind::Object {
        return Ok(image);
    }
    extable::sort(plan, &mut image);
    kallsyms::build(plan, &mut image);
    image.this_module = linker.address(plan.view.index.this_module);
    let Filled { init, exit } = fill::fill(plan, bases, &mut image)?;
    (image.init, image.exit) = (init, exit);
    image.exports = crate::exports::read(plan, &image)?;
    Ok(image)
}

/// A refusal for what the kernel does not check.
pub(crate) fn unchecked(plan: &Plan<'_>, evidence: Evidence) -> Box<Refusal> {
    refusal(plan, Finding { code: RefusalCode::Unchecked, errno: Errno::ENOEXEC, evidence })
}

fn refusal(plan: &Plan<'_>, finding: Finding) -> Box<Refusal> {
    Box::new(Refusal {
        errno: finding.errno,
        code: finding.code,
        evidence: finding.evidence.clone(),
        dmesg: plan.dmesg.clone(),
        kernel_taint: plan.kernel_taint,
        notices: plan.notices,
        findings: Vec::from([finding]),
    })
}

struct Linker<'l, 'a> {
    plan: &'l Plan<'a>,
    bases: &'l RegionBases,
}

impl Linker<'_, '_> {
    fn copy_sections(&self) -> Vec<LinkedRegion> {
        let region = |(region, &address): (&crate::Region, &u64)| LinkedRegion {
            id: region.id,
            address,
            bytes: vec![0; region.size as usize],
        };
        let mut regions: Vec<_> =
            self.plan.regions.iter().zip(&self.bases.regions).map(region).collect();
        for (index, place) in self.plan.layout.places.iter().enumerate() {
            let Some(place) = place else { continue };
            let contents = self.plan.view.contents(index);
            let target = regions
                .get_mut(place.region)
                .and_then(|region| region.bytes.get_mut(place.offset as usize..))
                .and_then(|bytes| bytes.get_mut(..contents.len()));
            if let Some(target) = target {
                target.copy_from_slice(contents);
            }
        }
        regions
    }

    /// Final address of a section; for those without memory their place in the caller's copy of
    /// the file, if there is one.
    fn address(&self, index: usize) -> u64 {
        match self.plan.layout.places.get(index).copied().flatten() {
            Some(place) => self.bases.regions[place.region].wrapping_add(place.offset),
            None => match (self.bases.file, self.plan.view.headers.get(index)) {
                (Some(file), Some(header)) if index != 0 => file.wrapping_add(header.offset),
                _ => 0,
            },
        }
    }

    fn sections(&self) -> Vec<LinkedSection> {
        let view = &self.plan.view;
        let percpu = view.index.percpu;
        let linked = |index: usize| {
            let place = self.plan.layout.places[index];
            let is_percpu = index == percpu && index != 0;
            let header = view.headers[index];
            (place.is_some() || is_percpu).then(|| LinkedSection {
                index,
                name: view.name(index).to_string(),
                address: if is_percpu { self.bases.percpu } else { self.address(index) },
                size: header.size,
                flags: header.flags,
                region: place.map(|place| self.plan.regions[place.region].id),
            })
        };
        (0..view.headers.len()).filter_map(linked).collect()
    }

    fn symbol_values(&self) -> Vec<u64> {
        let Some(table) = self.plan.elf.symbols() else { return Vec::new() };
        let percpu = self.plan.view.index.percpu;
        let addresses: Vec<u64> =
            (0..self.plan.view.headers.len()).map(|index| self.address(index)).collect();
        let value = |symbol: Symbol<'_>| match symbol.shndx {
            SHN_UNDEF | SHN_ABS | SHN_COMMON | SHN_LIVEPATCH => symbol.value,
            index if usize::from(index) == percpu => self.bases.percpu.wrapping_add(symbol.value),
            index => {
                let base = addresses.get(usize::from(index)).copied().unwrap_or(0);
                base.wrapping_add(symbol.value)
            }
        };
        let mut values: Vec<u64> = table.iter().map(value).collect();
        for &(symbol, address) in &self.plan.addresses {
            if let Some(slot) = values.get_mut(symbol as usize) {
                *slot = address;
            }
        }
        values
    }

    fn relocate(&self, image: &mut Image) -> Result<(), Box<Refusal>> {
        let Plan { elf, view, facts, .. } = self.plan;
        let Image { regions, values, percpu, .. } = image;
        for list in &self.plan.relas {
            let size = view.headers[list.target].size as usize;
            let (address, bytes) = match self.plan.place(list.target) {
                None => (self.bases.percpu, Some(&mut percpu[..])),
                Some(place) => {
                    let region = regions.get_mut(place.region);
                    let bytes = region.and_then(|region| {
                        region.bytes.get_mut(place.offset as usize..)?.get_mut(..size)
                    });
                    (self.address(list.target), bytes)
                }
            };
            let Some(bytes) = bytes else { continue };
            let pass = relocate::Pass {
                arch: facts.arch,
                values,
                address,
                zero_target: self.plan.kind == Kind::Module,
                check_range_first: facts.version.has_module_memory(),
            };
            if let Err((rela, problem)) = pass.apply(elf.relas(list.section), bytes) {
                let id = view.id(list.target);
                let (finding, lines) =
                    relocate::finding(facts, &self.plan.name, &rela, problem, id);
                let mut refusal = refusal(self.plan, finding);
                refusal.evidence.address = Some(address.wrapping_add(rela.offset));
                refusal.dmesg.extend(lines);
                return Err(refusal);
            }
        }
        self.write_symbol_values(image);
        Ok(())
    }

    /// The symbol table in memory has the final values, too.
    fn write_symbol_values(&self, image: &mut Image) {
        let Some(place) = self.plan.place(self.plan.view.index.symbols) else { return };
        let Some(region) = image.regions.get_mut(place.region) else { return };
        let table = region.bytes.get_mut(place.offset as usize..).unwrap_or_default();
        for (entry, value) in table.chunks_exact_mut(SYMBOL_SIZE).zip(&image.values) {
            entry[8..16].copy_from_slice(&value.to_le_bytes());
        }
    }
}
