//! The loader core: everything the Linux kernel's module loader does, as pure data.
//!
//! A module goes through three steps, each a value one can look at:
//!
//! 1. [`plan()`] checks the file against a [`Kernel`] in the kernel's own order and says
//!    either why that kernel refuses it ([`Refusal`]: error number, the kernel's own log lines,
//!    evidence) or what loading it takes ([`Plan`]: memory regions, symbols, taints, parameters).
//! 2. The caller allocates the regions, anywhere.
//! 3. [`link()`] relocates the module to those addresses and fills `struct module`:
//!    [`Image`], ready to be copied into place.
//!
//! [`ModuleTable`] is the module list with references and life cycle; [`survey`] finds every
//! reason for a refusal instead of the first; [`object_link`] links a plain object as if built in.
//!
//! The crate is `no_std` + `alloc`, has no `unsafe`, does no I/O, and knows no kernel by heart:
//! version, options and the layout of `struct module` are [`Facts`] of the target. Machines are
//! values, too ([`arch`]); x86-64 is the one there is. What differs between Linux 6.1 and 6.12 is
//! decided by [`Version`].
//!
//! ```no_run
//! use komod_load::{Described, Facts, RegionBases, Request, StructModule, Version, link, plan};
//!
//! # fn btf_offset_of(_: &str, _: &str) -> Option<u32> { None }
//! # fn btf_size_of(_: &str) -> Option<u32> { None }
//! # fn allocate(_: u64) -> u64 { 0 }
//! # let bytes: &[u8] = &[];
//! let vermagic = "6.1.0-56-amd64 SMP preempt mod_unload modversions ";
//! let mut facts = Facts::new(Version::new(6, 1, 192), vermagic);
//! // The layout of `struct module`, from the target's own type information.
//! facts.layout = StructModule::resolve(btf_size_of, btf_offset_of).ok_or("no struct module")?;
//! let mut kernel = Described::new(facts);
//! kernel.export("_printk", 0x1000_2340).crc = Some(0x9272_8f9a);
//! kernel.export("module_layout", 0x1000_5670).crc = Some(0xcc50_14c3);
//!
//! let plan = plan(bytes, &kernel, &Request::with_params("debug=1")).map_err(|refusal| {
//!     refusal.dmesg.iter().for_each(|line| eprintln!("{line}"));
//!     refusal
//! })?;
//! let mut bases = RegionBases::allocate(&plan, |region| allocate(region.size));
//! bases.percpu = plan.percpu.map_or(0, |percpu| allocate(percpu.size));
//! let image = link(&plan, &bases)?;
//! for region in &image.regions {
//!     // Copy region.bytes to region.address; protect plan.regions[..].parts.
//! }
//! kernel.modules.begin(&plan, &image)?;
//! // Call image.init …
//! kernel.modules.init_returned(&plan.name, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod arch;
mod crc;
mod described;
mod errno;
mod exports;
mod extable;
mod fill;
mod kallsyms;
mod kernel;
mod layout;
mod link;
mod livepatch;
pub mod log;
pub mod logged;
mod modinfo_checks;
pub mod object_link;
pub mod params;
mod plan;
mod refusal;
mod region;
mod relocate;
mod request;
mod resolve;
pub mod sections;
mod session;
mod sign;
pub mod struct_module;
mod table;
mod taint;
mod validity;
mod view;

pub use described::{Described, KernelSymbol};
pub use errno::Errno;
pub use kernel::{
    Compression, Config, Facts, Kernel, Notices, Owner, Resolved, SignatureVerdict, State, Version,
};
pub use link::{Image, LinkedExport, LinkedRegion, LinkedSection, link};
pub use log::LogLine;
pub use modinfo_checks::GPL_COMPATIBLE;
pub use plan::{Kind, Plan, PlannedExport, Survey, plan, plan_to_link, survey};
pub use refusal::{Evidence, Finding, Refusal, RefusalCode};
pub use region::{Part, PerCpu, Place, Protection, Region, RegionBases, RegionId};
pub use relocate::HASHED;
pub use request::Request;
pub use struct_module::StructModule;
pub use table::{InitOutcome, LoadedModule, ModuleTable, Occupied, Unloading};
pub use taint::Taint;
