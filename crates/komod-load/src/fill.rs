//! Filling `struct module`: what the loader writes into it until the module is formed.
//!
//! Sources: `layout_and_allocate()`, `module_unload_init()`, `find_module_sections()`,
//! `add_kallsyms()`, `module_bug_finalize()`, `init_build_id()`, Linux 6.1 and 6.12.

use crate::kernel::State;
use crate::link::{Image, unchecked};
use crate::plan::Plan;
use crate::region::RegionBases;
use crate::sections::{CONSTRUCTORS, Element, SECTION_FIELDS};
use crate::struct_module::StructModule;
use crate::{Evidence, Refusal};
use alloc::boxed::Box;
use alloc::format;
use komod_object::elf::{SHF_ALLOC, SHT_NOTE};

/// `MODULE_REF_BASE` and the reference held while init runs.
const INITIAL_REFERENCES: u32 = 2;

/// Heads of lists that start empty.
const LISTS: [&str; 5] = ["list", "param_lock.wait_list", "bug_list", "source_list", "target_list"];

/// Functions `struct module` points at.
pub(crate) struct Filled {
    pub init: Option<u64>,
    pub exit: Option<u64>,
}

/// Writes the fields whose offsets are known.
pub(crate) fn fill(
    plan: &Plan<'_>,
    bases: &RegionBases,
    image: &mut Image,
) -> Result<Filled, Box<Refusal>> {
    let fields = Fields::new(plan, image);
    let Some(mut fields) = fields else {
        let evidence = Evidence::section(plan.view.id(plan.view.index.this_module));
        return Err(unchecked(plan, evidence));
    };
    fields.identity(plan, bases);
    fields.memory(plan, bases);
    fields.sections(plan, bases);
    fields.kallsyms(plan, bases);
    let (init, exit) = (fields.function("init"), fields.function("exit"));
    let overrun = fields.overrun;
    if let Some(path) = overrun {
        // Linux 6.1 does not look at the size and would write behind the end.
        let section = plan.view.id(plan.view.index.this_module);
        let evidence = Evidence::section(section).but(format!("no room for {path}"));
        return Err(unchecked(plan, evidence));
    }
    descriptor(plan, bases, image);
    let symbol = |name: &str| {
        let symbol = plan.elf.symbols()?.by_name(name).filter(|s| !s.is_undefined())?;
        image.values.get(symbol.index).copied()
    };
    let known = |path: &str| plan.facts.layout.offset(path).is_some();
    Ok(Filled {
        init: if known("init") { init } else { symbol("init_module") },
        exit: if known("exit") { exit } else { symbol("cleanup_module") },
    })
}

/// The bytes of `struct module` inside its region, with the offsets of its fields.
struct Fields<'f> {
    layout: &'f StructModule,
    address: u64,
    bytes: &'f mut [u8],
    /// A field that lies behind the end of the memory.
    overrun: Option<&'static str>,
}

impl<'f> Fields<'f> {
    fn new(plan: &'f Plan<'_>, image: &'f mut Image) -> Option<Self> {
        let place = plan.place(plan.view.index.this_module)?;
        let address = image.this_module;
        let region = image.regions.get_mut(place.region)?;
        let bytes = region.bytes.get_mut(place.offset as usize..)?;
        Some(Fields { layout: &plan.facts.layout, address, bytes, overrun: None })
    }

    fn put(&mut self, path: &'static str, value: &[u8]) {
        let Some(offset) = self.layout.offset(path) else { return };
        let field = self.bytes.get_mut(offset as usize..).and_then(|f| f.get_mut(..value.len()));
        match field {
            Some(field) => field.copy_from_slice(value),
            None => self.overrun = Some(path),
        }
    }

    fn put_u64(&mut self, path: &'static str, value: u64) {
        self.put(path, &value.to_le_bytes());
    }

    fn put_u32(&mut self, path: &'static str, value: u64) {
        self.put(path, &(value as u32).to_le_bytes());
    }

    fn put_bool(&mut self, path: &'static str, value: bool) {
        self.put(path, &[value.into()]);
    }

    /// The function pointer a relocation has left in a field.
    fn function(&self, path: &str) -> Option<u64> {
        let offset = self.layout.offset(path)? as usize;
        let bytes = self.bytes.get(offset..)?.first_chunk()?;
        Some(u64::from_le_bytes(*bytes)).filter(|&address| address != 0)
    }

    fn identity(&mut self, plan: &Plan<'_>, bases: &RegionBases) {
        self.put_u32("state", u64::from(State::Coming as u32));
        for list in LISTS {
            if let Some(offset) = self.layout.offset(list) {
                let head = self.address.wrapping_add(offset.into()).to_le_bytes();
                let mut both = [0; 16];
                both[..8].copy_from_slice(&head);
                both[8..].copy_from_slice(&head);
                self.put(list, &both);
            }
        }
        self.put_u32("refcnt", INITIAL_REFERENCES.into());
        self.put_u64("taints", plan.taint.0);
        self.put_bool("using_gplonly_symbols", plan.using_gplonly_symbols);
        self.put_bool("sig_ok", plan.sig_ok);
        self.put_bool("klp", plan.livepatch);
        self.put_u64("args", bases.args.unwrap_or(0));
        if let Some(percpu) = &plan.percpu {
            self.put_u64("percpu", bases.percpu);
            self.put_u32("percpu_size", percpu.size);
        }
        if let Some(id) = build_id(plan) {
            self.put("build_id", &id);
        }
    }

    fn memory(&mut self, plan: &Plan<'_>, bases: &RegionBases) {
        let address = self.address;
        for (region, &base) in plan.regions.iter().zip(&bases.regions) {
            let [base_path, size_path, owner_path] = memory_paths(region.id);
            let used = region.size > 0;
            self.put_u64(base_path, if used { base } else { 0 });
            self.put_u32(size_path, region.size);
            if used {
                self.put_u64(owner_path, address);
            }
        }
        let [core, init] = plan.layout.ends;
        self.put_u32("core_layout.text_size", core[0]);
        self.put_u32("core_layout.ro_size", core[1]);
        self.put_u32("core_layout.ro_after_init_size", core[2]);
        self.put_u32("init_layout.text_size", init[0]);
        self.put_u32("init_layout.ro_size", init[1]);
        self.put_u32("init_layout.ro_after_init_size", init[2]);
    }

    fn sections(&mut self, plan: &Plan<'_>, bases: &RegionBases) {
        for field in SECTION_FIELDS {
            let view = &plan.view;
            let index =
                if field.any { view.find_any(field.section) } else { view.find(field.section) };
            let (pointer, size) = locate(plan, bases, index);
            let element = match field.element {
                Element::Bytes(size) => size,
                Element::Struct(name) => self.layout.object(name),
            };
            self.put_u64(field.pointer, pointer);
            if !field.count.is_empty() {
                self.put_u32(field.count, size / u64::from(element));
            }
        }
        let constructors = CONSTRUCTORS.map(|name| plan.view.find(name));
        let index = constructors.into_iter().find(|&index| index != 0).unwrap_or(0);
        let (pointer, size) = locate(plan, bases, index);
        self.put_u64("ctors", pointer);
        self.put_u32("num_ctors", size / 8);
    }

    fn kallsyms(&mut self, plan: &Plan<'_>, bases: &RegionBases) {
        let Some(kallsyms) = &plan.layout.kallsyms else { return };
        let init = bases.regions[kallsyms.init_region];
        let core = bases.regions[kallsyms.core_region];
        self.put_u64("kallsyms", init.wrapping_add(kallsyms.init_descriptor));
        self.put_u64("core_kallsyms.symtab", core.wrapping_add(kallsyms.core_symbols));
        self.put_u32("core_kallsyms.num_symtab", kallsyms.core.len() as u64);
        self.put_u64("core_kallsyms.strtab", core.wrapping_add(kallsyms.core_strings));
        self.put_u64("core_kallsyms.typetab", core.wrapping_add(kallsyms.core_types));
    }
}

/// Paths of base, size and tree node of a region.
fn memory_paths(id: crate::RegionId) -> [&'static str; 3] {
    use crate::RegionId::*;
    match id {
        Core => ["core_layout.base", "core_layout.size", "core_layout.mtn.mod"],
        Init => ["init_layout.base", "init_layout.size", "init_layout.mtn.mod"],
        Text => ["mem[0].base", "mem[0].size", "mem[0].mtn.mod"],
        Data => ["mem[1].base", "mem[1].size", "mem[1].mtn.mod"],
        Rodata => ["mem[2].base", "mem[2].size", "mem[2].mtn.mod"],
        RoAfterInit => ["mem[3].base", "mem[3].size", "mem[3].mtn.mod"],
        InitText => ["mem[4].base", "mem[4].size", "mem[4].mtn.mod"],
        InitData => ["mem[5].base", "mem[5].size", "mem[5].mtn.mod"],
        InitRodata => ["mem[6].base", "mem[6].size", "mem[6].mtn.mod"],
    }
}

/// Address and size of a section; zeros for section 0, and for sections that are only in the file
/// unless the caller keeps a copy of that.
fn locate(plan: &Plan<'_>, bases: &RegionBases, index: usize) -> (u64, u64) {
    let Some(header) = plan.view.headers.get(index).filter(|_| index != 0) else {
        return (0, 0);
    };
    match (plan.place(index), bases.file) {
        (Some(place), _) => (bases.regions[place.region].wrapping_add(place.offset), header.size),
        (None, Some(file)) => (file.wrapping_add(header.offset), header.size),
        (None, None) => (0, 0),
    }
}

/// `struct mod_kallsyms` for the time of init, in init memory. Its fields lie as those of the
/// `core_kallsyms` member, which has the same type.
fn descriptor(plan: &Plan<'_>, bases: &RegionBases, image: &mut Image) {
    let Some(kallsyms) = &plan.layout.kallsyms else { return };
    let layout = &plan.facts.layout;
    let offset = |path: &str| {
        let start = layout.offset("core_kallsyms.symtab")?;
        Some(layout.offset(path)?.checked_sub(start)? as usize)
    };
    let address = |index: usize| locate(plan, bases, index).0;
    let symbols = plan.elf.symbols().map_or(0, |table| table.len());
    let types = bases.regions[kallsyms.init_region].wrapping_add(kallsyms.init_types);
    let fields = [
        ("core_kallsyms.symtab", address(plan.view.index.symbols), 8),
        ("core_kallsyms.num_symtab", symbols as u64, 4),
        ("core_kallsyms.strtab", address(plan.view.index.strings), 8),
        ("core_kallsyms.typetab", types, 8),
    ];
    let Some(region) = image.regions.get_mut(kallsyms.init_region) else { return };
    let start = kallsyms.init_descriptor as usize;
    let end = start + layout.object("mod_kallsyms") as usize;
    let Some(bytes) = region.bytes.get_mut(start..end) else { return };
    for (path, value, size) in fields {
        let field = offset(path).and_then(|at| bytes.get_mut(at..)?.get_mut(..size));
        if let Some(field) = field {
            field.copy_from_slice(&value.to_le_bytes()[..size]);
        }
    }
}

/// The GNU build id in the first note section that has one, padded with zeros.
fn build_id(plan: &Plan<'_>) -> Option<[u8; 20]> {
    const NT_GNU_BUILD_ID: u32 = 3;
    let view = &plan.view;
    let notes = (1..view.headers.len()).filter(|&index| {
        let header = &view.headers[index];
        header.sh_type == SHT_NOTE && header.flags & SHF_ALLOC != 0
    });
    for index in notes {
        let mut rest = view.contents(index);
        while let Some((header, tail)) = rest.split_at_checked(12) {
            let word = |at: usize| {
                header[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
            };
            let padded = |len: u32| (len as usize).checked_next_multiple_of(4);
            let (Some(name_len), Some(desc_len)) = (padded(word(0)), padded(word(4))) else {
                break;
            };
            let Some((name, tail)) = tail.split_at_checked(name_len) else { break };
            let Some((desc, tail)) = tail.split_at_checked(desc_len) else { break };
            let id = desc.get(..word(4) as usize).unwrap_or_default();
            let is_id = word(8) == NT_GNU_BUILD_ID && word(0) == 4 && name == b"GNU\0";
            if is_id && (1..=20).contains(&id.len()) {
                let mut padded = [0; 20];
                padded[..id.len()].copy_from_slice(id);
                return Some(padded);
            }
            rest = tail;
        }
    }
    None
}
