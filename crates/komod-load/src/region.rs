//! The memory a module takes: regions, their parts and protections.

use crate::Plan;
use alloc::vec::Vec;

/// An allocation the loader makes for a module.
///
/// Before Linux 6.4 there are two, `Core` and `Init`, each divided by page-aligned sizes into text,
/// read-only and writable data (`struct module_layout`). From 6.4 there is one for each kind of
/// contents (`enum mod_mem_type`, whose numbers [`RegionId::mod_mem_type`] gives).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RegionId {
    /// What stays (before 6.4).
    Core,
    /// What is freed after init (before 6.4).
    Init,
    /// Code.
    Text,
    /// Writable data.
    Data,
    /// Read-only data.
    Rodata,
    /// Data that becomes read-only after init.
    RoAfterInit,
    /// Code freed after init.
    InitText,
    /// Writable data freed after init.
    InitData,
    /// Read-only data freed after init.
    InitRodata,
}

impl RegionId {
    /// True if the region is freed when init has succeeded.
    pub fn is_init(self) -> bool {
        use RegionId::{Init, InitData, InitRodata, InitText};
        matches!(self, Init | InitText | InitData | InitRodata)
    }

    /// The kernel's number for the region from Linux 6.4 on, the index into `mem[]`.
    pub fn mod_mem_type(self) -> Option<usize> {
        match self {
            RegionId::Core | RegionId::Init => None,
            RegionId::Text => Some(0),
            RegionId::Data => Some(1),
            RegionId::Rodata => Some(2),
            RegionId::RoAfterInit => Some(3),
            RegionId::InitText => Some(4),
            RegionId::InitData => Some(5),
            RegionId::InitRodata => Some(6),
        }
    }
}

/// Protection of a range of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Code: readable and executable.
    ReadExec,
    /// Readable only.
    Read,
    /// Readable and writable.
    ReadWrite,
    /// Writable while init runs, read-only from then on.
    ReadWriteUntilInit,
    /// Everything, on kernels without `STRICT_MODULE_RWX`.
    ReadWriteExec,
}

/// A range of a region with one protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Start inside the region.
    pub offset: u64,
    /// Bytes; the end is rounded up to pages when protections are set.
    pub size: u64,
    /// Protection from the moment the module is formed.
    pub protection: Protection,
}

/// One allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// Which.
    pub id: RegionId,
    /// Bytes to allocate, a multiple of the page size on kernels with `STRICT_MODULE_RWX`.
    pub size: u64,
    /// Its parts in order of offset; empty parts are left out.
    pub parts: Vec<Part>,
}

/// Where a section goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Index into [`Plan::regions`].
    pub region: usize,
    /// Offset inside that region.
    pub offset: u64,
}

/// The per-CPU data a module wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerCpu {
    /// Index of the section.
    pub section: usize,
    /// Bytes for each CPU.
    pub size: u64,
    /// Alignment, at most a page.
    pub align: u64,
}

/// The addresses chosen for a plan's regions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegionBases {
    /// Address of each region, parallel to [`Plan::regions`].
    pub regions: Vec<u64>,
    /// The per-CPU offset the module's per-CPU section got; unused if it has none.
    pub percpu: u64,
    /// Address of a copy of the module file, for pointers to sections that take no memory of their
    /// own (`.BTF`, `.modinfo`). Without it such pointers stay null.
    pub file: Option<u64>,
    /// Address of the argument string for `struct module`'s `args`.
    pub args: Option<u64>,
}

impl RegionBases {
    /// Asks `allocate` for an address for each region of the plan.
    pub fn allocate(plan: &Plan<'_>, allocate: impl FnMut(&Region) -> u64) -> Self {
        let regions = plan.regions.iter().map(allocate).collect();
        RegionBases { regions, ..RegionBases::default() }
    }
}
