//! The same engine for a plain object that is linked into the kernel as if it were built in.
//!
//! A driver compiled without `-DMODULE` leaves its entry point in an initcall section
//! (`.initcall6.init`, …) and has neither `.modinfo` to check nor a `struct module`.

use crate::kernel::{Facts, Notices};
use crate::layout;
use crate::link::{Image, link};
use crate::params::Outcome;
use crate::plan::{Kind, Plan};
use crate::region::RegionBases;
use crate::relocate::{self, Context};
use crate::session::{Session, Step};
use crate::view::{Indices, View};
use crate::{
    Errno, Evidence, Kernel, PerCpu, Refusal, RefusalCode, Request, Resolved, State, Taint,
};
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use komod_object::elf::{Elf, SHF_ALLOC};

/// Plans the linking of an object; `lookup` finds the address of any symbol of the kernel,
/// exported or not.
pub fn plan_object<'a>(
    name: &str,
    bytes: &'a [u8],
    facts: &Facts,
    lookup: &dyn Fn(&str) -> Option<u64>,
) -> Result<Plan<'a>, Box<Refusal>> {
    let kernel = Bare { facts };
    let request = Request::default();
    run(name, bytes, &mut Session::new(&kernel, &request, false), lookup)
}

/// Plans, asks `place` for addresses, and links.
pub fn link_object(
    name: &str,
    bytes: &[u8],
    facts: &Facts,
    lookup: &dyn Fn(&str) -> Option<u64>,
    place: impl FnOnce(&Plan<'_>) -> RegionBases,
) -> Result<Image, Box<Refusal>> {
    let plan = plan_object(name, bytes, facts, lookup)?;
    let bases = place(&plan);
    link(&plan, &bases)
}

/// A kernel of which only the facts matter.
struct Bare<'f> {
    facts: &'f Facts,
}

impl Kernel for Bare<'_> {
    fn facts(&self) -> &Facts {
        self.facts
    }

    fn lookup(&self, _: &str) -> Option<Resolved<'_>> {
        None
    }

    fn module_state(&self, _: &str) -> Option<State> {
        None
    }
}

fn run<'a>(
    name: &str,
    bytes: &'a [u8],
    session: &mut Session<'_>,
    lookup: &dyn Fn(&str) -> Option<u64>,
) -> Step<Plan<'a>> {
    let elf = Elf::parse(bytes).map_err(|error| {
        let evidence = Evidence::found(error.to_string());
        session.fatal(RefusalCode::NotAModule, Errno::ENOEXEC, evidence)
    })?;
    let header = *elf.header();
    let wanted = session.facts.arch.machine();
    if header.machine != wanted {
        let evidence = Evidence::found(komod_object::elf::machine_name(header.machine))
            .wants(komod_object::elf::machine_name(wanted));
        return Err(session.fatal(RefusalCode::NotAModule, Errno::ENOEXEC, evidence));
    }
    let names = elf.section(usize::from(header.shstrndx)).map(|s| s.data()).unwrap_or_default();
    let headers: Vec<_> = elf.sections().map(|section| section.header).collect();
    let mut view = View { data: bytes, header, headers, names, index: Indices::default() };
    view.index.symbols = elf.symbols().map_or(0, |table| table.section);
    view.index.strings = elf.symbols().map_or(0, |table| table.string_section);
    view.index.percpu = view.find(".data..percpu");
    view.index.modinfo = view.find(".modinfo");
    for index in [view.index.percpu, view.index.modinfo] {
        if index != 0 {
            view.headers[index].flags &= !SHF_ALLOC;
        }
    }
    let (addresses, findings) = crate::resolve::resolve_object(&elf, lookup);
    if !findings.is_empty() {
        return Err(session.fatal_with(findings));
    }
    let layout = layout::lay_out_object(session, &mut view)?;
    let symbols = elf.symbols().map_or(0, |table| table.len());
    let context = Context { module: name, symbols, zero_target: false, percpu: true };
    let relas = relocate::check(session, &view, &elf, &context)?.relas;
    let percpu = view.headers.get(view.index.percpu).filter(|header| header.size > 0);
    let percpu = percpu.filter(|_| view.index.percpu != 0).map(|header| PerCpu {
        section: view.index.percpu,
        size: header.size,
        align: header.align.max(1),
    });
    if percpu.is_some_and(|percpu| percpu.size > session.facts.module_area) {
        let evidence = Evidence::section(view.id(view.index.percpu));
        return Err(session.fatal(RefusalCode::TooLarge, Errno::ENOMEM, evidence));
    }
    Ok(Plan {
        name: String::from(name),
        kind: Kind::Object,
        regions: layout.regions.clone(),
        percpu,
        uses: Vec::new(),
        exports: Vec::new(),
        taint: Taint::default(),
        kernel_taint: session.facts.taint,
        notices: Notices::default(),
        using_gplonly_symbols: false,
        sig_ok: false,
        livepatch: false,
        has_init: false,
        has_exit: false,
        dmesg: Vec::new(),
        params: Vec::new(),
        arguments: Outcome::default(),
        facts: session.facts.clone(),
        elf,
        view,
        layout,
        addresses,
        relas,
    })
}
