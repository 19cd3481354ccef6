//! Layout: which section goes where.
//!
//! Sections that take memory are placed in four passes (code, read-only data, data read-only after
//! init, writable data), in file order within a pass, first those that stay, then those whose name
//! starts with `.init`. Sources: `layout_sections()` in `kernel/module/main.c` and
//! `layout_symtab()` in `kernel/module/kallsyms.c`, Linux 6.1 and 6.12.

use crate::region::{Part, Place, Protection, Region, RegionId};
use crate::session::{Session, Step};
use crate::validity::in_bounds;
use crate::view::View;
use crate::{Errno, Evidence, RefusalCode};
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use komod_object::elf::{
    Elf, SHF_ALLOC, SHF_EXECINSTR, SHF_RO_AFTER_INIT, SHF_WRITE, SHT_NULL, SYMBOL_SIZE, Symbol,
};

/// Flags a section must have and must not have to be placed in each pass.
const PASSES: [(u64, u64); 4] = [
    (SHF_EXECINSTR | SHF_ALLOC, 0),
    (SHF_ALLOC, SHF_WRITE),
    (SHF_RO_AFTER_INIT | SHF_ALLOC, 0),
    (SHF_WRITE | SHF_ALLOC, 0),
];

/// Regions of Linux 6.4 and later, pass by pass, for sections that stay and for init sections.
const CORE_REGIONS: [RegionId; 4] =
    [RegionId::Text, RegionId::Rodata, RegionId::RoAfterInit, RegionId::Data];
const INIT_REGIONS: [Option<RegionId>; 4] =
    [Some(RegionId::InitText), Some(RegionId::InitRodata), None, Some(RegionId::InitData)];

/// Above this the kernel's sums wrap.
const MOST_ALIGNED: u64 = 1 << 31;

/// Sections the kernel makes read-only after init, besides those that say so themselves.
const RO_AFTER_INIT: [&str; 2] = [".data..ro_after_init", "__jump_table"];

/// Where the symbol tables for `/proc/kallsyms` go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kallsyms {
    /// Symbols that stay after init, by index in the symbol table.
    pub core: Vec<u32>,
    /// Region of the reduced table, and offsets of its symbols, strings and types.
    pub core_region: usize,
    pub core_symbols: u64,
    pub core_strings: u64,
    pub core_types: u64,
    pub core_end: u64,
    /// Region of the full table, and offsets of its descriptor and types.
    pub init_region: usize,
    pub init_descriptor: u64,
    pub init_types: u64,
}

/// The finished layout.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
    pub regions: Vec<Region>,
    /// By section index.
    pub places: Vec<Option<Place>>,
    pub kallsyms: Option<Kallsyms>,
    /// Before Linux 6.4: ends of text, read-only data and data read-only after init, for core and
    /// init memory (`struct module_layout`).
    pub ends: [[u64; 3]; 2],
}

/// Sizes of the regions while they grow, in the order of `RegionId::mod_mem_type` for Linux 6.4
/// and later; core and init before.
struct Builder {
    by_type: bool,
    page: u64,
    limit: u64,
    sizes: Vec<(RegionId, u64)>,
}

impl Builder {
    fn new(session: &Session<'_>) -> Self {
        use RegionId::{
            Core, Data, Init, InitData, InitRodata, InitText, RoAfterInit, Rodata, Text,
        };
        let by_type = session.facts.version.has_module_memory();
        let ids: &[RegionId] = if by_type {
            &[Text, Data, Rodata, RoAfterInit, InitText, InitData, InitRodata]
        } else {
            &[Core, Init]
        };
        Builder {
            by_type,
            page: session.facts.arch.page_size(),
            limit: session.facts.module_area,
            sizes: ids.iter().map(|&id| (id, 0)).collect(),
        }
    }

    /// Region of a pass; Linux 6.12 has none for init data that is read-only after init.
    fn region(&self, pass: usize, init: bool) -> Option<usize> {
        let id = match (self.by_type, init) {
            (true, false) => CORE_REGIONS[pass],
            (true, true) => INIT_REGIONS[pass]?,
            (false, false) => RegionId::Core,
            (false, true) => RegionId::Init,
        };
        self.index(id)
    }

    fn index(&self, id: RegionId) -> Option<usize> {
        self.sizes.iter().position(|size| size.0 == id)
    }

    /// Appends `size` bytes; `None` if all regions together get larger than can be.
    ///
    /// An alignment that is no power of two only makes the kernel's own sum come out oddly
    /// (`__ALIGN_MASK()`, `include/uapi/linux/const.h`): never lower than where the section would
    /// begin without.
    fn place(&mut self, region: usize, size: u64, align: u64) -> Option<Place> {
        let taken: u64 = self.sizes.iter().map(|size| size.1).sum();
        let end = &mut self.sizes.get_mut(region)?.1;
        let most = self.limit.saturating_sub(taken - *end);
        let mask = align.max(1) - 1;
        let offset = end.checked_add(mask)? & !mask;
        *end = offset.checked_add(size).filter(|&end| end <= most)?;
        Some(Place { region, offset })
    }

    fn align_to_page(&mut self, region: usize, strict: bool) {
        if strict && let Some(size) = self.sizes.get_mut(region) {
            size.1 = size.1.next_multiple_of(self.page);
        }
    }
}

/// Lays a module out. Edits section flags in the view as the kernel does.
pub(crate) fn lay_out(
    session: &mut Session<'_>,
    view: &mut View<'_>,
    elf: &Elf<'_>,
    livepatch: bool,
) -> Step<Layout> {
    check_reach(session, view)?;
    for name in RO_AFTER_INIT {
        let index = view.find(name);
        if index != 0 {
            view.headers[index].flags |= SHF_RO_AFTER_INIT;
        }
    }
    let mut builder = Builder::new(session);
    let strict = session.facts.config.strict_rwx;
    let mut places: Vec<Option<Place>> = vec![None; view.headers.len()];
    let mut parts: Vec<Vec<Part>> = vec![Vec::new(); builder.sizes.len()];
    let mut ends = [[0; 3]; 2];
    for init in [false, true] {
        for (pass, &(required, forbidden)) in PASSES.iter().enumerate() {
            let region = builder.region(pass, init);
            let start = region.map(|region| builder.sizes[region].1);
            for (index, header) in view.headers.iter().enumerate() {
                let matches = header.flags & required == required && header.flags & forbidden == 0;
                let in_init = is_init_section(session, view, index);
                if !matches || places[index].is_some() || in_init != init {
                    continue;
                }
                let Some(region) = region else { continue };
                let place = builder.place(region, header.size, header.align);
                places[index] = Some(place.ok_or_else(|| too_large(session, view, index))?);
            }
            if let (false, Some(region), Some(start)) = (builder.by_type, region, start) {
                // Up to 6.3 a pass ends on a page boundary. Init memory is not split where data
                // turns read-only after init: it does not live that long.
                if !(pass == 2 && init) {
                    builder.align_to_page(region, strict);
                }
                let end = builder.sizes[region].1;
                let size = end - start;
                match &mut ends[usize::from(init)] {
                    // Init memory has no data of this kind; the kernel repeats the size before.
                    ends if pass == 2 && init => ends[2] = ends[1],
                    ends => ends.iter_mut().skip(pass).for_each(|slot| *slot = end),
                }
                let protection = pass_protection(pass, strict);
                push_part(&mut parts[region], Part { offset: start, size, protection });
            }
        }
    }
    let unplaced = (0..places.len()).find(|&i| places[i].is_none() && view.headers[i].is_alloc());
    if let Some(index) = unplaced {
        // Init data marked read-only after init: the kernel warns and copies it to a wild address.
        let evidence = Evidence::section(view.id(index));
        return Err(session.fatal(RefusalCode::Unchecked, Errno::ENOEXEC, evidence));
    }
    let mut kallsyms = None;
    if session.facts.config.kallsyms {
        let planned = place_symbols(session, view, elf, livepatch, &mut builder, &mut places);
        kallsyms = Some(planned.ok_or_else(|| too_large(session, view, view.index.symbols))?);
    }
    let regions = finish(&mut builder, parts, strict);
    Ok(Layout { regions, places, kallsyms, ends })
}

/// Lays a plain object out that is to be linked into the kernel: one region for each kind of
/// contents, init sections apart, no symbol table.
pub(crate) fn lay_out_object(session: &mut Session<'_>, view: &mut View<'_>) -> Step<Layout> {
    check_alignment(session, view)?;
    let mut builder = Builder::new(session);
    builder.by_type = true;
    builder.sizes = CORE_REGIONS
        .into_iter()
        .chain(INIT_REGIONS.into_iter().flatten())
        .map(|id| (id, 0))
        .collect();
    let mut places: Vec<Option<Place>> = vec![None; view.headers.len()];
    for (index, header) in view.headers.iter().enumerate().filter(|(_, h)| h.is_alloc()) {
        let pass = if header.flags & SHF_EXECINSTR != 0 {
            0
        } else if header.flags & SHF_WRITE == 0 {
            1
        } else {
            3
        };
        let init = view.name(index).starts_with(".init");
        let Some(region) = builder.region(pass, init) else { continue };
        let place = builder.place(region, header.size, header.align);
        places[index] = Some(place.ok_or_else(|| too_large(session, view, index))?);
    }
    let parts = vec![Vec::new(); builder.sizes.len()];
    let regions = finish(&mut builder, parts, true);
    Ok(Layout { regions, places, ..Layout::default() })
}

fn check_alignment(session: &mut Session<'_>, view: &View<'_>) -> Step {
    for (index, header) in view.headers.iter().enumerate() {
        if header.align > 1 && !header.align.is_power_of_two() {
            let evidence = Evidence::section(view.id(index))
                .but(format!("alignment {}", header.align))
                .wants("a power of two");
            return Err(session.fatal(RefusalCode::Unchecked, Errno::ENOEXEC, evidence));
        }
    }
    Ok(())
}

/// What the kernel does not look at and then trips over: the name of a section that takes no memory
/// (up to 6.3) or is of type `SHT_NULL`, where such a section lies that it copies all the same, and
/// an alignment that makes its 32-bit sums wrap.
fn check_reach(session: &mut Session<'_>, view: &View<'_>) -> Step {
    for (index, header) in view.headers.iter().enumerate().skip(1) {
        let copied = header.is_alloc() && header.sh_type == SHT_NULL && header.size > 0;
        let evidence = Evidence::section(view.id(index));
        let evidence = if header.name as usize >= view.names.len() {
            let wanted = format!("below {}", view.names.len());
            evidence.but(format!("sh_name {}", header.name)).wants(wanted)
        } else if copied && !in_bounds(view.data, header) {
            evidence.at(header.offset).but(format!("{} bytes", header.size)).wants("in the file")
        } else if header.is_alloc() && header.align > MOST_ALIGNED {
            evidence.but(format!("alignment {}", header.align)).wants("at most 2 GiB")
        } else {
            continue;
        };
        return Err(session.fatal(RefusalCode::Unchecked, Errno::ENOEXEC, evidence));
    }
    Ok(())
}

fn too_large(
    session: &Session<'_>,
    view: &View<'_>,
    index: usize,
) -> alloc::boxed::Box<crate::Refusal> {
    let size = view.headers.get(index).map_or(0, |header| header.size);
    let evidence = Evidence::section(view.id(index))
        .but(format!("{size} bytes"))
        .wants(format!("at most {} bytes in all", session.facts.module_area));
    session.fatal(RefusalCode::TooLarge, Errno::ENOMEM, evidence)
}

fn is_init_section(session: &Session<'_>, view: &View<'_>, index: usize) -> bool {
    let name = view.name(index);
    // Without unloading, exit code is as short-lived as init code.
    name.starts_with(".init") || !session.facts.config.unload && name.starts_with(".exit")
}

fn pass_protection(pass: usize, strict: bool) -> Protection {
    match pass {
        _ if !strict => Protection::ReadWriteExec,
        0 => Protection::ReadExec,
        1 => Protection::Read,
        2 => Protection::ReadWriteUntilInit,
        _ => Protection::ReadWrite,
    }
}

fn push_part(parts: &mut Vec<Part>, part: Part) {
    match parts.last_mut() {
        Some(last) if last.protection == part.protection => last.size += part.size,
        _ if part.size > 0 => parts.push(part),
        _ => {}
    }
}

/// Places the symbol table and its strings in init memory and room for the symbols that stay
/// behind the data that stays.
fn place_symbols(
    session: &Session<'_>,
    view: &mut View<'_>,
    elf: &Elf<'_>,
    livepatch: bool,
    builder: &mut Builder,
    places: &mut [Option<Place>],
) -> Option<Kallsyms> {
    let (core_id, init_id) = if builder.by_type {
        (RegionId::Data, RegionId::InitData)
    } else {
        (RegionId::Core, RegionId::Init)
    };
    let (core_region, init_region) = (builder.index(core_id)?, builder.index(init_id)?);
    let (symbols, strings) = (view.index.symbols, view.index.strings);
    let table = elf.symbols()?;

    let header = view.headers[symbols];
    view.headers[symbols].flags |= SHF_ALLOC;
    places[symbols] = Some(builder.place(init_region, header.size, header.align)?);

    let mut core = Vec::new();
    let mut core_strings_size = 0_u64;
    for symbol in table.iter() {
        if symbol.index == 0 || livepatch || stays(session, view, places, builder, &symbol) {
            core_strings_size += symbol.name.as_bytes().len() as u64 + 1;
            core.push(symbol.index as u32);
        }
    }
    let count = core.len() as u64;
    let symbols_size = count * SYMBOL_SIZE as u64;
    let core_symbols = builder.place(core_region, symbols_size, header.align)?.offset;
    let core_strings = builder.place(core_region, core_strings_size, 1)?.offset;
    let core_types = builder.place(core_region, count, 1)?.offset;
    let core_end = core_types + count;
    if !builder.by_type {
        builder.align_to_page(core_region, session.facts.config.strict_rwx);
    }

    let header = view.headers[strings];
    view.headers[strings].flags |= SHF_ALLOC;
    places[strings] = Some(builder.place(init_region, header.size, header.align)?);
    let descriptor_size = u64::from(session.facts.layout.object("mod_kallsyms"));
    let init_descriptor = builder.place(init_region, descriptor_size, 8)?.offset;
    let init_types = builder.place(init_region, table.len() as u64, 1)?.offset;
    if !builder.by_type {
        builder.align_to_page(init_region, session.facts.config.strict_rwx);
    }
    Some(Kallsyms {
        core,
        core_region,
        core_symbols,
        core_strings,
        core_types,
        core_end,
        init_region,
        init_descriptor,
        init_types,
    })
}

/// True for symbols kept after init (`is_core_symbol()`).
fn stays(
    session: &Session<'_>,
    view: &View<'_>,
    places: &[Option<Place>],
    builder: &Builder,
    symbol: &Symbol<'_>,
) -> bool {
    let index = usize::from(symbol.shndx);
    if index == 0 || symbol.name_offset == 0 {
        return false;
    }
    let Some(header) = view.headers.get(index) else { return false };
    let all = session.facts.config.kallsyms_all;
    if all && view.index.percpu == index {
        return true;
    }
    let in_init = places[index].is_some_and(|place| builder.sizes[place.region].0.is_init());
    header.is_alloc() && (all || header.flags & SHF_EXECINSTR != 0) && !in_init
}

/// Closes the regions: whole pages, and one part for what has none yet.
fn finish(builder: &mut Builder, parts: Vec<Vec<Part>>, strict: bool) -> Vec<Region> {
    let page = builder.page;
    let close = |(&(id, size), mut parts): (&(RegionId, u64), Vec<Part>)| {
        // From 6.4 on whole pages are allocated in any case.
        let size = if builder.by_type { size.next_multiple_of(page) } else { size };
        let covered = parts.iter().map(|part| part.size).sum::<u64>();
        let protection = match id {
            _ if !strict => Protection::ReadWriteExec,
            RegionId::Text | RegionId::InitText => Protection::ReadExec,
            RegionId::Rodata | RegionId::InitRodata => Protection::Read,
            RegionId::RoAfterInit => Protection::ReadWriteUntilInit,
            _ => Protection::ReadWrite,
        };
        // Before 6.4 what is not covered is the symbol tables behind the writable data.
        push_part(&mut parts, Part { offset: covered, size: size - covered, protection });
        Region { id, size, parts }
    };
    builder.sizes.iter().zip(parts).map(close).collect()
}
