//! The kernel's memory allocator: every slab object, page block and vmalloc area in one arena,
//! each with a record of who asked for it.
//!
//! The bookkeeping lives outside the arena, so that a module that overruns its objects cannot
//! corrupt it. Freed memory is poisoned and reused late, so that a use after free shows.

use super::memory_map;
use super::ptr::Ptr;
use super::region::{ARENA, PAGE};
use rustc_hash::FxBuildHasher;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// `POISON_FREE` of include/linux/poison.h (6.1).
const POISON: u8 = 0x6b;
/// `SLUB_RED_ACTIVE` of include/linux/poison.h: fills the slack behind an object.
const RED: u8 = 0xbb;
const CLASSES: [u32; 17] =
    [16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 8192];
/// Freed objects of a class wait until this many others were freed.
const QUARANTINE: usize = 64;

/// Memory the kernel may have: beyond it, allocations fail as they do on a full machine.
const LIMIT: u64 = 1 << 30;

/// What an allocation is, for reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Kmalloc,
    /// An object of a `kmem_cache`: the cache's address.
    Cache(u64),
    Pages,
    Vmalloc,
    /// Memory of the in-process kernel's own machinery.
    Internal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Never,
    Live,
    Freed,
}

/// One allocation.
#[derive(Debug, Clone, Copy)]
pub struct Record {
    pub address: u64,
    pub size: u64,
    pub kind: Kind,
    /// Return address of the allocating call, or the nearest one inside a module.
    pub caller: u64,
    pub freed_by: u64,
    pub seq: u64,
    state: State,
}

impl Record {
    pub fn is_live(&self) -> bool {
        self.state == State::Live
    }
}

/// Why a free was refused.
#[derive(Debug, Clone, Copy)]
pub enum FreeError {
    NotAllocated,
    Double(Record),
}

struct Slab {
    base: u64,
    slot: u32,
    records: Vec<Record>,
}

#[derive(Clone, Copy)]
enum Page {
    Slab(u32),
    /// Part of a block that starts at this page.
    Block(u64),
}

#[derive(Default)]
struct Class {
    never_used: Vec<(u32, u32)>,
    freed: VecDeque<(u32, u32)>,
}

pub struct Heap {
    classes: Vec<Class>,
    slabs: Vec<Slab>,
    pages: HashMap<u64, Page, FxBuildHasher>,
    blocks: HashMap<u64, Record, FxBuildHasher>,
    /// Free page runs by length, then address.
    free_runs: BTreeMap<u64, Vec<u64>>,
    top: u64,
    seq: u64,
    live: u64,
    live_bytes: u64,
}

impl Default for Heap {
    fn default() -> Self {
        Heap {
            classes: CLASSES.iter().map(|_| Class::default()).collect(),
            slabs: Vec::new(),
            pages: HashMap::default(),
            blocks: HashMap::default(),
            free_runs: BTreeMap::new(),
            top: ARENA,
            seq: 0,
            live: 0,
            live_bytes: 0,
        }
    }
}

impl Heap {
    /// Allocates zeroed memory (Debian's kernels run with `init_on_alloc=1`).
    pub fn allocate(&mut self, size: u64, align: u64, kind: Kind, caller: u64) -> Option<Ptr> {
        let mut align = align.max(8);
        if size.is_power_of_two() && size <= PAGE {
            // kmalloc's guarantee (Documentation/core-api/memory-allocation.rst).
            align = align.max(size);
        }
        self.seq += 1;
        let class = CLASSES
            .iter()
            .position(|c| u64::from(*c) >= size && (align <= 16 || u64::from(*c) % align == 0));
        let address = match class {
            Some(class) if align <= PAGE && !matches!(kind, Kind::Pages | Kind::Vmalloc) => {
                self.take_slot(class, size, kind, caller)?
            }
            _ => self.take_block(size, align, kind, caller)?,
        };
        self.live += 1;
        self.live_bytes += size;
        Some(Ptr(address))
    }

    fn take_slot(&mut self, class: usize, size: u64, kind: Kind, caller: u64) -> Option<u64> {
        if self.classes[class].never_used.is_empty()
            && self.classes[class].freed.len() <= QUARANTINE
        {
            self.new_slab(class)?;
        }
        let c = &mut self.classes[class];
        let (slab, index) = match c.never_used.pop() {
            Some(slot) => slot,
            None => c.freed.pop_front()?,
        };
        let slab = &mut self.slabs[slab as usize];
        let record = &mut slab.records[index as usize];
        let used_before = record.state == State::Freed;
        *record = Record { size, kind, caller, seq: self.seq, state: State::Live, ..*record };
        let at = Ptr(record.address);
        if used_before {
            at.fill(0, size);
        }
        at.at(size).fill(RED, u64::from(slab.slot) - size);
        Some(at.0)
    }

    fn new_slab(&mut self, class: usize) -> Option<()> {
        let slot = CLASSES[class];
        let pages = (u64::from(slot) * 8).div_ceil(PAGE).max(1);
        let base = self.take_pages(pages, PAGE)?;
        let id = self.slabs.len() as u32;
        let count = (pages * PAGE / u64::from(slot)) as u32;
        for page in 0..pages {
            self.pages.insert(base / PAGE + page, Page::Slab(id));
        }
        let record = |i: u32| Record {
            address: base + u64::from(i) * u64::from(slot),
            size: 0,
            kind: Kind::Internal,
            caller: 0,
            freed_by: 0,
            seq: 0,
            state: State::Never,
        };
        self.slabs.push(Slab { base, slot, records: (0..count).map(record).collect() });
        self.classes[class].never_used.extend((0..count).rev().map(|i| (id, i)));
        Some(())
    }

    fn take_block(&mut self, size: u64, align: u64, kind: Kind, caller: u64) -> Option<u64> {
        let pages = size.div_ceil(PAGE).max(1);
        let base = self.take_pages(pages, align.max(PAGE))?;
        for page in 0..pages {
            self.pages.insert(base / PAGE + page, Page::Block(base));
        }
        let record = Record {
            address: base,
            size,
            kind,
            caller,
            freed_by: 0,
            seq: self.seq,
            state: State::Live,
        };
        self.blocks.insert(base, record);
        Some(base)
    }

    /// Zeroed pages: fresh ones, or freed ones whose memory went back to the system.
    fn take_pages(&mut self, count: u64, align: u64) -> Option<u64> {
        if align == PAGE
            && let Some(list) = self.free_runs.get_mut(&count)
            && let Some(base) = list.pop()
        {
            if list.is_empty() {
                self.free_runs.remove(&count);
            }
            return Some(base);
        }
        let base = self.top.next_multiple_of(align);
        let end = base.checked_add(count.checked_mul(PAGE)?)?;
        if end > ARENA + LIMIT {
            return None;
        }
        self.top = end;
        Some(base)
    }

    /// Frees the object that starts at `at`. The result tells whether its slack was overwritten.
    pub fn free(&mut self, at: Ptr, by: u64) -> Result<(Record, bool), FreeError> {
        let (slab, index) = match self.pages.get(&(at.0 / PAGE)) {
            None => return Err(FreeError::NotAllocated),
            Some(Page::Block(base)) if *base == at.0 => return self.free_block(at, by),
            Some(Page::Block(_)) => return Err(FreeError::NotAllocated),
            Some(Page::Slab(id)) => {
                let slab = &self.slabs[*id as usize];
                let offset = at.0 - slab.base;
                if !offset.is_multiple_of(u64::from(slab.slot)) {
                    return Err(FreeError::NotAllocated);
                }
                (*id, (offset / u64::from(slab.slot)) as u32)
            }
        };
        let slot = self.slabs[slab as usize].slot;
        let record = &mut self.slabs[slab as usize].records[index as usize];
        match record.state {
            State::Never => return Err(FreeError::NotAllocated),
            State::Freed => return Err(FreeError::Double(*record)),
            State::Live => {}
        }
        let slack = u64::from(slot) - record.size;
        let overrun =
            slack > 0 && at.at(record.size).read_bytes(slack as usize).iter().any(|b| *b != RED);
        record.state = State::Freed;
        record.freed_by = by;
        at.fill(POISON, u64::from(slot));
        let record = *record;
        self.live -= 1;
        self.live_bytes -= record.size;
        if let Some(class) = CLASSES.iter().position(|c| *c == slot) {
            self.classes[class].freed.push_back((slab, index));
        }
        Ok((record, overrun))
    }

    fn free_block(&mut self, at: Ptr, by: u64) -> Result<(Record, bool), FreeError> {
        let Some(record) = self.blocks.get_mut(&at.0) else {
            return Err(FreeError::NotAllocated);
        };
        if record.state != State::Live {
            return Err(FreeError::Double(*record));
        }
        record.state = State::Freed;
        record.freed_by = by;
        let record = *record;
        self.live -= 1;
        self.live_bytes -= record.size;
        let pages = record.size.div_ceil(PAGE).max(1);
        memory_map::forget(at.0, pages * PAGE);
        self.free_runs.entry(pages).or_default().push(at.0);
        Ok((record, false))
    }

    /// The allocation that an address lies in (also a freed one not yet reused).
    pub fn find(&self, address: u64) -> Option<Record> {
        match self.pages.get(&(address / PAGE))? {
            Page::Block(base) => self.blocks.get(base).copied(),
            Page::Slab(id) => {
                let slab = &self.slabs[*id as usize];
                let index = (address - slab.base) / u64::from(slab.slot);
                slab.records.get(index as usize).filter(|r| r.state != State::Never).copied()
            }
        }
    }

    /// The size that was asked for, of the live object that starts at `at`.
    pub fn size_of(&self, at: Ptr) -> Option<u64> {
        self.find(at.0).filter(|r| r.address == at.0 && r.is_live()).map(|r| r.size)
    }

    /// Live allocations made at or after `since` whose caller `wanted` accepts, oldest first.
    pub fn live_since(&self, since: u64, mut wanted: impl FnMut(u64) -> bool) -> Vec<Record> {
        let objects = self.slabs.iter().flat_map(|s| &s.records).chain(self.blocks.values());
        let mut found: Vec<Record> =
            objects.filter(|r| r.is_live() && r.seq > since && wanted(r.caller)).copied().collect();
        found.sort_by_key(|r| r.seq);
        found
    }

    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Number of live allocations and their bytes.
    pub fn live(&self) -> (u64, u64) {
        (self.live, self.live_bytes)
    }
}
