//! The plan: everything about a load that can be said without choosing addresses.
//!
//! [`plan`] walks the kernel's own steps in the kernel's own order (`load_module()`,
//! `kernel/module/main.c`, Linux 6.1.192 and 6.12.117) and stops where the kernel would.
//! [`survey`] walks the same steps but goes on behind a refusal wherever the next step still makes
//! sense, to tell every reason at once.

use crate::crc::{Crcs, LAYOUT};
use crate::kernel::{Facts, Notices, State};
use crate::layout::{self, Layout};
use crate::modinfo_checks::{self as modinfo, Names};
use crate::params::{self, Outcome, ParamDecl};
use crate::region::{PerCpu, Region};
use crate::relocate::{self, Checked, Context, RelaSection};
use crate::resolve::{Resolution, Resolver};
use crate::session::{Session, Step};
use crate::view::View;
use crate::{Errno, Evidence, Kernel, LogLine, Refusal, RefusalCode, Request, Taint};
use crate::{livepatch, sections, sign, validity};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use komod_object::Text;
use komod_object::elf::{Elf, SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE};
use komod_object::modinfo::ModInfo;

/// Largest unit of per-CPU memory (`PCPU_MIN_UNIT_SIZE`, `include/linux/percpu.h`).
const PERCPU_MAX: u64 = 32 << 10;
/// Per-CPU memory is given out in multiples of this (`PCPU_MIN_ALLOC_SIZE`, the same file).
const PERCPU_UNIT: u64 = 4;

/// What a plan is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A loadable module.
    Module,
    /// A plain object, linked as if it were built into the kernel.
    Object,
}

/// A symbol a module will export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedExport {
    /// Name.
    pub name: String,
    /// Only for modules under a GPL-compatible licence.
    pub gpl_only: bool,
}

/// A load the kernel would carry out.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// Name of the module.
    pub name: String,
    /// What this is a plan for.
    pub kind: Kind,
    /// The memory to allocate, parallel to [`RegionBases::regions`](crate::RegionBases::regions).
    pub regions: Vec<Region>,
    /// The per-CPU memory to allocate.
    pub percpu: Option<PerCpu>,
    /// Modules this one uses, in order of first use; each gets a reference.
    pub uses: Vec<String>,
    /// What it exports.
    pub exports: Vec<PlannedExport>,
    /// The module's taint.
    pub taint: Taint,
    /// The kernel's taint after the load.
    pub kernel_taint: Taint,
    /// What the kernel has said once, after the load.
    pub notices: Notices,
    /// It uses GPL-only symbols.
    pub using_gplonly_symbols: bool,
    /// Its signature is valid.
    pub sig_ok: bool,
    /// It is a live patch.
    pub livepatch: bool,
    /// It has an init function.
    pub has_init: bool,
    /// It has an exit function.
    pub has_exit: bool,
    /// What the kernel logs until the module is formed, that is before it looks at parameters.
    pub dmesg: Vec<LogLine>,
    /// Its parameters.
    pub params: Vec<ParamDecl>,
    /// What the given arguments do, with the log lines that follow `dmesg`.
    pub arguments: Outcome,
    pub(crate) facts: Facts,
    pub(crate) elf: Elf<'a>,
    pub(crate) view: View<'a>,
    pub(crate) layout: Layout,
    pub(crate) addresses: Vec<(u32, u64)>,
    pub(crate) relas: Vec<RelaSection>,
}

impl<'a> Plan<'a> {
    /// The ELF object, without its signature.
    pub fn elf(&self) -> &Elf<'a> {
        &self.elf
    }

    /// The module's `.modinfo` strings.
    pub fn modinfo(&self) -> ModInfo<'a> {
        self.view.modinfo()
    }

    /// Flags of a section, by index, as the loader has changed them on its way.
    pub fn section_flags(&self, section: usize) -> u64 {
        self.view.headers.get(section).map_or(0, |header| header.flags)
    }

    /// Place of a section, by index; `None` if it takes no memory.
    pub fn place(&self, section: usize) -> Option<crate::Place> {
        self.layout.places.get(section).copied().flatten()
    }
}

/// Predicts the load of `bytes`, an uncompressed module file.
///
/// `Err` is the kernel's refusal. `Ok` is a plan for [`link`](crate::link()); it can still fail
/// there, by an address out of a relocation's range.
pub fn plan<'a>(
    bytes: &'a [u8],
    kernel: &dyn Kernel,
    request: &Request,
) -> Result<Plan<'a>, Box<Refusal>> {
    Attempt { session: Session::new(kernel, request, false) }.run(bytes)
}

/// Like [`plan`], but leaves what is wrong with a relocation to [`link`](crate::link()): the
/// kernel's words for it hold a value that is known only then.
pub fn plan_to_link<'a>(
    bytes: &'a [u8],
    kernel: &dyn Kernel,
    request: &Request,
) -> Result<Plan<'a>, Box<Refusal>> {
    let mut attempt = Attempt { session: Session::new(kernel, request, false) };
    attempt.session.late_relocations = true;
    attempt.run(bytes)
}

/// All that can be said about a load.
#[derive(Debug)]
pub struct Survey<'a> {
    /// Every refusal found, in the order the kernel would come to them. The kernel only ever
    /// reports the first.
    pub refusals: Vec<Refusal>,
    /// The plan as far as it goes; `None` if the file is too broken to plan with. With refusals it
    /// is not fit for linking.
    pub plan: Option<Plan<'a>>,
}

/// Like [`plan`], but goes on behind refusals to find them all.
pub fn survey<'a>(bytes: &'a [u8], kernel: &dyn Kernel, request: &Request) -> Survey<'a> {
    let mut attempt = Attempt { session: Session::new(kernel, request, true) };
    let result = attempt.run(bytes);
    let mut refusals = attempt.session.survey.take().unwrap_or_default();
    let plan = result.map_err(|refusal| refusals.push(*refusal)).ok();
    Survey { refusals, plan }
}

struct Attempt<'k> {
    session: Session<'k>,
}

impl<'k> Attempt<'k> {
    fn run<'a>(&mut self, bytes: &'a [u8]) -> Step<Plan<'a>> {
        let session = &mut self.session;
        permission(session)?;
        if bytes.is_empty() {
            let evidence = Evidence::found("0 bytes");
            return Err(session.fatal(RefusalCode::EmptyFile, Errno::EINVAL, evidence));
        }
        compression(session)?;
        let (payload, sig_ok) = sign::check(session, bytes)?;
        let mut view = validity::check(session, payload)?;
        let elf = Elf::parse_as_kernel(payload).map_err(|error| {
            let evidence = Evidence::found(error.to_string());
            session.fatal(RefusalCode::Unchecked, Errno::ENOEXEC, evidence)
        })?;
        let info = view.modinfo();
        let name_offset = session.facts.layout.offset("name").unwrap_or(0);
        let module = view.name_in_struct(name_offset).unwrap_or_default();
        let info_name = info.get("name").map_or(module.clone(), |name| name.to_string());
        let names = Names { info: &info_name, module: &module };
        blacklist(session, &names)?;
        for index in [view.index.versions, view.index.modinfo] {
            // Tracked, but not kept. (Index 0 stands for "none".)
            if index != 0 {
                view.headers[index].flags &= !SHF_ALLOC;
            }
        }
        let versions = view.index.versions;
        let crcs = Crcs::new((versions != 0).then(|| view.contents(versions)));
        module_layout(session, &names, &crcs)?;
        modinfo::vermagic(session, &info, &names, crcs.present())?;
        let modern = session.facts.version.has_module_memory();
        if !modern {
            modinfo::origin_taints(session, &info, &names);
        }
        let livepatch = modinfo::livepatch(session, &info, &names)?;
        if modern {
            exists(session, &module)?;
        } else {
            modinfo::licence_taints(session, &info, &names);
        }
        write_exec(session, &view, &names)?;
        if view.index.percpu != 0 {
            view.headers[view.index.percpu].flags &= !SHF_ALLOC;
        }
        let layout = layout::lay_out(session, &mut view, &elf, livepatch)?;
        if modern {
            modinfo::all_taints(session, &info, &names, livepatch, sig_ok);
        } else {
            exists(session, &module)?;
            modinfo::signature_taint(session, &names, sig_ok);
        }
        let percpu = percpu(session, &view, &names)?;
        optional_sections(session, &view, &names)?;
        if !modern {
            let before = session.kernel_taint;
            modinfo::known_offenders(session, &names, before);
        }
        export_versions(session, &view, &names)?;
        let resolver = Resolver { names: &names, info: &info, crcs: &crcs, view: &view };
        let Resolution { addresses, uses, using_gplonly_symbols } =
            resolver.resolve(session, &elf)?;
        let symbols = elf.symbols().map_or(0, |table| table.len());
        let context = Context { module: &module, symbols, zero_target: true, percpu: false };
        let Checked { relas, doomed } = relocate::check(session, &view, &elf, &context)?;
        let params = params::declared(&elf, session.facts.layout.object("kernel_param"));
        let (mut planned, mut given) = Default::default();
        if !doomed {
            planned = exports(session, &elf, &names)?;
        }
        let dmesg = session.log.clone();
        if !doomed {
            livepatch::name(session, &module)?;
            given = arguments(session, &names, &params)?;
        }
        if !doomed && session.facts.config.sysfs && session.kernel.is_builtin(&module) {
            session.error(format!("{module}: module is already loaded"));
            let evidence = Evidence::symbol(module.as_str());
            session.refuse(RefusalCode::NameTaken, Errno::EINVAL, evidence)?;
        }
        Ok(Plan {
            kind: Kind::Module,
            regions: layout.regions.clone(),
            percpu,
            uses,
            exports: planned,
            taint: session.module_taint,
            kernel_taint: session.kernel_taint,
            notices: session.notices,
            using_gplonly_symbols,
            sig_ok,
            livepatch,
            has_init: has_function(session, &view, &elf, "init", "init_module"),
            has_exit: has_function(session, &view, &elf, "exit", "cleanup_module"),
            dmesg,
            params,
            arguments: given,
            facts: session.facts.clone(),
            name: module,
            elf,
            view,
            layout,
            addresses,
            relas,
        })
    }
}

fn permission(session: &mut Session<'_>) -> Step {
    let found = if !session.request.capable {
        "no CAP_SYS_MODULE"
    } else if session.facts.config.modules_disabled {
        "kernel.modules_disabled=1"
    } else {
        return Ok(());
    };
    session.refuse(RefusalCode::NotPermitted, Errno::EPERM, Evidence::found(found))
}

/// `kernel/module/decompress.c`: the kernel knows one compression, or none.
fn compression(session: &mut Session<'_>) -> Step {
    use crate::kernel::Compression;
    let Some(found) = session.request.compressed else { return Ok(()) };
    let evidence = Evidence::found(format!("{found:?}"));
    match session.facts.config.decompress {
        None => session.refuse(RefusalCode::Compressed, Errno::EOPNOTSUPP, evidence),
        Some(known) if known == found => Ok(()),
        Some(known) => {
            let what = match known {
                Compression::Gzip => "a gzip",
                Compression::Xz => "an xz",
                Compression::Zstd => "a zstd",
            };
            session.error(format!("not {what} compressed module"));
            let evidence = evidence.wants(format!("{known:?}"));
            session.refuse(RefusalCode::Compressed, Errno::EINVAL, evidence)
        }
    }
}

fn blacklist(session: &mut Session<'_>, names: &Names<'_>) -> Step {
    let name = names.info;
    if name.is_empty() || !session.facts.blacklist.split(',').any(|listed| listed == name) {
        return Ok(());
    }
    session.error(format!("Module {name} is blacklisted"));
    let evidence = Evidence::symbol(name).but(session.facts.blacklist.as_str());
    session.refuse(RefusalCode::Blacklisted, Errno::EPERM, evidence)
}

fn module_layout(session: &mut Session<'_>, names: &Names<'_>, crcs: &Crcs<'_>) -> Step {
    const SYMBOL: &str = "module_layout";
    let Some(found) = session.kernel.lookup(SYMBOL) else { return Ok(()) };
    match crcs.check(session, names, SYMBOL, found.crc, LAYOUT) {
        Some(finding) => session.refuse(finding.code, finding.errno, finding.evidence),
        None => Ok(()),
    }
}

fn exists(session: &mut Session<'_>, module: &str) -> Step {
    let Some(state) = session.kernel.module_state(module) else { return Ok(()) };
    let errno = if state == State::Live { Errno::EEXIST } else { Errno::EBUSY };
    let evidence = Evidence::symbol(module).but(format!("{state:?}"));
    session.refuse(RefusalCode::AlreadyLoaded, errno, evidence)
}

/// `module_enforce_rwx_sections()`, `kernel/module/strict_rwx.c`.
fn write_exec(session: &mut Session<'_>, view: &View<'_>, names: &Names<'_>) -> Step {
    const BOTH: u64 = SHF_WRITE | SHF_EXECINSTR;
    let bad = |&index: &usize| view.headers[index].flags & BOTH == BOTH;
    let found = (0..view.headers.len()).find(bad);
    let Some(index) = found.filter(|_| session.facts.config.strict_rwx) else { return Ok(()) };
    session.error(format!(
        "{}: section {} (index {index}) has invalid WRITE|EXEC flags",
        names.module,
        view.name(index)
    ));
    let evidence = Evidence::section(view.id(index));
    session.refuse(RefusalCode::WriteExec, Errno::ENOEXEC, evidence)
}

/// `percpu_modalloc()`, `kernel/module/main.c`, and `pcpu_alloc()`, `mm/percpu.c`.
fn percpu(session: &mut Session<'_>, view: &View<'_>, names: &Names<'_>) -> Step<Option<PerCpu>> {
    let section = view.index.percpu;
    let (size, mut align) = (view.headers[section].size, view.headers[section].align);
    if section == 0 || size == 0 {
        return Ok(None);
    }
    let (module, page) = (names.module, session.facts.arch.page_size());
    if align > page {
        session.warn(format!("{module}: per-cpu alignment {align} > {page}"));
        align = page;
    }
    let whole = size.next_multiple_of(PERCPU_UNIT);
    let least = align.max(PERCPU_UNIT);
    let illegal = whole > PERCPU_MAX || !least.is_power_of_two();
    let exhausted = session.facts.percpu_free.is_some_and(|free| whole > free);
    if illegal {
        session.warn(format!("illegal size ({whole}) or align ({least}) for percpu allocation"));
    } else if exhausted {
        session.warn(format!(
            "percpu: allocation failed, size={whole} align={least} atomic=0, alloc from reserved \
             chunk failed"
        ));
    }
    if illegal || exhausted {
        session.warn(format!("{module}: Could not allocate {size} bytes percpu data"));
        let limit = session.facts.percpu_free.unwrap_or(PERCPU_MAX).min(PERCPU_MAX);
        let evidence = Evidence::section(view.id(section))
            .but(format!("{size} bytes, alignment {align}"))
            .wants(format!("at most {limit} bytes, alignment a power of two"));
        session.refuse(RefusalCode::PerCpu, Errno::ENOMEM, evidence)?;
    }
    Ok(Some(PerCpu { section, size, align: align.max(1) }))
}

fn optional_sections(session: &mut Session<'_>, view: &View<'_>, names: &Names<'_>) -> Step {
    let module = names.module;
    let [first, second] = sections::CONSTRUCTORS.map(|name| view.find(name));
    if session.facts.config.constructors && first != 0 && second != 0 {
        session.warn(format!("{module}: has both .ctors and .init_array."));
        let evidence = Evidence::section(view.id(second));
        session.refuse(RefusalCode::Constructors, Errno::EINVAL, evidence)?;
    }
    if view.find("__obsparm") != 0 {
        session.warn(format!("{module}: Ignoring obsolete parameters"));
    }
    Ok(())
}

fn export_versions(session: &mut Session<'_>, view: &View<'_>, names: &Names<'_>) -> Step {
    let size = u64::from(session.facts.layout.object("kernel_symbol"));
    let lacks_crcs = |&(table, crcs, _): &(&str, &str, bool)| {
        let table = view.find(table);
        table != 0 && view.headers[table].size >= size && view.find(crcs) == 0
    };
    let found = komod_object::export::TABLES.iter().find(|row| lacks_crcs(row));
    let Some((table, crcs, _)) = found.filter(|_| session.facts.config.modversions) else {
        return Ok(());
    };
    if session.force_load(names.module, "no versions for exported symbols") {
        return Ok(());
    }
    let evidence = Evidence::section(view.id(view.find(table))).wants(format!("section {crcs}"));
    session.refuse(RefusalCode::NoExportVersions, Errno::ENOEXEC, evidence)
}

/// `verify_exported_symbols()`: nobody else may export the same names.
fn exports(
    session: &mut Session<'_>,
    elf: &Elf<'_>,
    names: &Names<'_>,
) -> Step<Vec<PlannedExport>> {
    let exports = komod_object::export::exports(elf).map_err(|error| {
        let evidence = Evidence::found(error.to_string());
        session.fatal(RefusalCode::Unchecked, Errno::ENOEXEC, evidence)
    })?;
    for export in &exports {
        let kernel = session.kernel;
        let Some(other) = export.name.as_str().and_then(|name| kernel.lookup(name)) else {
            continue;
        };
        let (name, owner) = (export.name, other.owner.name());
        session
            .error(format!("{}: exports duplicate symbol {name} (owned by {owner})", names.module));
        let evidence = Evidence::symbol(name.to_string()).owner(owner);
        session.refuse(RefusalCode::DuplicateExport, Errno::ENOEXEC, evidence)?;
    }
    let planned = |export: komod_object::export::Export<'_>| PlannedExport {
        name: Text::to_string(&export.name),
        gpl_only: export.gpl_only,
    };
    Ok(exports.into_iter().map(planned).collect())
}

fn arguments(session: &mut Session<'_>, names: &Names<'_>, params: &[ParamDecl]) -> Step<Outcome> {
    let args = session.request.params.as_bytes();
    let around = params::Surroundings {
        version: session.facts.version,
        dynamic_debug: session.facts.config.dynamic_debug,
        locked_down: session.facts.config.lockdown.then_some(session.request.command.as_str()),
    };
    let outcome = params::parse_args(names.module, args, params, &around);
    session.log.extend(outcome.dmesg.iter().cloned());
    session.kernel_taint |= outcome.taint;
    let finding = |(name, value, errno): &(String, Option<String>, Errno)| crate::Finding {
        code: RefusalCode::BadParameter,
        errno: *errno,
        evidence: Evidence {
            symbol: Some(name.clone()),
            found: value.clone(),
            ..Evidence::default()
        },
    };
    if outcome.error.is_some() {
        let refusal = session.fatal_with(outcome.bad.iter().map(finding).collect());
        session.note(refusal)?;
    }
    Ok(outcome)
}

/// True if `struct module` will point at a function: by the relocation at that field if its offset
/// is known, else by the symbol the build puts there.
fn has_function(
    session: &Session<'_>,
    view: &View<'_>,
    elf: &Elf<'_>,
    field: &str,
    symbol: &str,
) -> bool {
    match session.facts.layout.offset(field) {
        Some(offset) => {
            elf.relas_for(view.index.this_module).any(|rela| rela.offset == u64::from(offset))
        }
        None => elf
            .symbols()
            .and_then(|table| table.by_name(symbol))
            .is_some_and(|symbol| !symbol.is_undefined()),
    }
}
