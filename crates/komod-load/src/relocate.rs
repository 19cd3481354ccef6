//! Relocations: first looked at while planning, as far as that is possible without addresses, then
//! applied.
//!
//! Sources: `apply_relocations()`, `kernel/module/main.c`; `apply_relocate_add()`,
//! `arch/x86/kernel/module.c`, Linux 6.1 and 6.12. In both, relocations of the per-CPU section are
//! skipped: its flag for taking memory has been cleared by then.

use crate::arch::{Architecture, Range};
use crate::kernel::Facts;
use crate::livepatch;
use crate::log::ERR;
use crate::session::{Session, Step};
use crate::view::View;
use crate::{Errno, Evidence, Finding, LogLine, Refusal, RefusalCode};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use komod_object::SectionId;
use komod_object::elf::{
    Elf, Rela, Relas, SHF_ALLOC, SHF_RELA_LIVEPATCH, SHT_NOBITS, SHT_REL, SHT_RELA,
};

/// A section of relocations the loader applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RelaSection {
    pub section: usize,
    pub target: usize,
}

/// What the checks lead to.
pub(crate) struct Checked {
    pub relas: Vec<RelaSection>,
    /// Linking will fail, at the latest in the last of the sections.
    pub doomed: bool,
}

/// What the checks need to know about the symbols.
pub(crate) struct Context<'c> {
    /// Name for messages.
    pub module: &'c str,
    /// Number of symbols.
    pub symbols: usize,
    /// The place must hold zero before (modules; not objects linked into the kernel).
    pub zero_target: bool,
    /// Also relocate the per-CPU section, as a linker does and the module loader does not.
    pub percpu: bool,
}

/// Lists the relocation sections and checks everything that needs no address.
pub(crate) fn check(
    session: &mut Session<'_>,
    view: &View<'_>,
    elf: &Elf<'_>,
    context: &Context<'_>,
) -> Step<Checked> {
    let mut list = Vec::new();
    for (section, header) in view.headers.iter().enumerate().skip(1) {
        let target = header.info as usize;
        let Some(applies_to) = view.headers.get(target) else { continue };
        let percpu = context.percpu && target == view.index.percpu;
        let kept = applies_to.flags & SHF_ALLOC != 0 || percpu;
        if !kept {
            continue;
        }
        let live = header.flags & SHF_RELA_LIVEPATCH != 0;
        if live && !livepatch::section(session, view, elf, section)? {
            continue;
        }
        if header.sh_type == SHT_REL && !live {
            session.error(format!("module {}: REL relocation unsupported", context.module));
            let evidence = Evidence::section(view.id(section));
            session.refuse(RefusalCode::UnknownRelocation, Errno::ENOEXEC, evidence)?;
        }
        if header.sh_type != SHT_RELA {
            continue;
        }
        let contents = view.contents(target);
        let extent =
            if applies_to.sh_type == SHT_NOBITS { applies_to.size } else { contents.len() as u64 };
        for rela in elf.relas(section) {
            let problem = check_one(session, context, &rela, contents, extent);
            if let Some(problem) = problem {
                if session.late_relocations && !live {
                    list.push(RelaSection { section, target });
                    return Ok(Checked { relas: list, doomed: true });
                }
                let refusal = report(session, context.module, &rela, problem, view.id(target));
                session.note(refusal)?;
                // One is enough even in a survey: the others mostly have the same cause.
                break;
            }
        }
        if !live {
            list.push(RelaSection { section, target });
        }
    }
    Ok(Checked { relas: list, doomed: false })
}

/// How `%p` shows an address as long as the kernel has no key to hash it with
/// (Documentation/core-api/printk-formats.rst, 6.1). With [`Evidence::address`] one can do better.
pub const HASHED: &str = "(____ptrval____)";

/// What can be wrong with a relocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    UnknownType,
    /// The place outside its section: unchecked by the kernel.
    OutsideSection,
    /// The symbol outside the table: unchecked by the kernel.
    NoSuchSymbol,
    /// The distance to the symbol does not fit 32 bits: unchecked by the kernel.
    TooFar(u64),
    /// The value, if known already, would overwrite something.
    NonZero(Option<u64>),
    Overflow(u64),
}

fn check_one(
    session: &Session<'_>,
    context: &Context<'_>,
    rela: &Rela,
    contents: &[u8],
    extent: u64,
) -> Option<Problem> {
    if rela.symbol as usize >= context.symbols {
        return Some(Problem::NoSuchSymbol);
    }
    let Some(kind) = session.facts.arch.relocation(rela.r_type) else {
        return Some(Problem::UnknownType);
    };
    if kind.size == 0 {
        return None;
    }
    let end = rela.offset.checked_add(kind.size as u64);
    if end.is_none_or(|end| end > extent) {
        return Some(Problem::OutsideSection);
    }
    let place = contents.get(rela.offset as usize..)?.get(..kind.size)?;
    let nonzero = context.zero_target && place.iter().any(|&byte| byte != 0);
    nonzero.then_some(Problem::NonZero(None))
}

/// Logs a problem in the kernel's words and makes a refusal of it.
fn report(
    session: &mut Session<'_>,
    module: &str,
    rela: &Rela,
    problem: Problem,
    target: SectionId,
) -> Box<Refusal> {
    let (finding, lines) = finding(session.facts, module, rela, problem, target);
    session.log.extend(lines);
    session.fatal_with(Vec::from([finding]))
}

/// A problem as a finding, with the kernel's log lines.
pub(crate) fn finding(
    facts: &Facts,
    module: &str,
    rela: &Rela,
    problem: Problem,
    target: SectionId,
) -> (Finding, Vec<LogLine>) {
    let (code, lines) = describe(facts, module, rela, problem);
    let found = match problem {
        Problem::UnknownType => format!("type {}", rela.r_type),
        Problem::OutsideSection => format!("type {} outside the section", rela.r_type),
        Problem::NoSuchSymbol => format!("symbol {}", rela.symbol),
        Problem::TooFar(value) => format!("type {} over a distance of {value:#x}", rela.r_type),
        Problem::NonZero(_) => format!("type {} where bytes are not zero", rela.r_type),
        Problem::Overflow(value) => format!("type {} for value {value:#x}", rela.r_type),
    };
    let evidence = Evidence::section(target).at(rela.offset).but(found);
    let lines = lines.into_iter().map(|text| LogLine { level: ERR, text }).collect();
    (Finding { code, errno: Errno::ENOEXEC, evidence }, lines)
}

fn describe(
    facts: &Facts,
    module: &str,
    rela: &Rela,
    problem: Problem,
) -> (RefusalCode, Vec<String>) {
    let prefix = facts.arch.log_prefix();
    let r_type = rela.r_type;
    match problem {
        Problem::UnknownType => {
            let text = format!("{prefix}{module}: Unknown rela relocation: {r_type}");
            (RefusalCode::UnknownRelocation, Vec::from([text]))
        }
        Problem::NonZero(value) => {
            let what = if facts.version.has_module_memory() {
                "Invalid relocation target, existing value is nonzero"
            } else {
                "Skipping invalid relocation target, existing value is nonzero"
            };
            let value = value.map_or(String::from("?"), |value| format!("{value:x}"));
            // The kernel prints the place as a hashed pointer.
            let text =
                format!("{prefix}x86/modules: {what} for type {r_type}, loc {HASHED}, val {value}");
            (RefusalCode::RelocationTarget, Vec::from([text]))
        }
        Problem::Overflow(value) => {
            let first = format!("{prefix}overflow in relocation type {r_type} val {value:x}");
            let second = format!("{prefix}`{module}' likely not compiled with -mcmodel=kernel");
            (RefusalCode::RelocationOverflow, Vec::from([first, second]))
        }
        Problem::OutsideSection | Problem::NoSuchSymbol | Problem::TooFar(_) => {
            (RefusalCode::Unchecked, Vec::new())
        }
    }
}

/// What applying the relocations of one section needs besides them.
pub(crate) struct Pass<'p> {
    pub arch: &'static dyn Architecture,
    /// Final values of the symbols.
    pub values: &'p [u64],
    /// Where the section will be.
    pub address: u64,
    /// The place must hold zero before.
    pub zero_target: bool,
    /// 6.12 looks at the value first, 6.1 at the place.
    pub check_range_first: bool,
}

impl Pass<'_> {
    /// Applies relocations to the bytes of a section. The first problem ends the work, as it does
    /// in the kernel.
    pub fn apply(&self, relas: Relas<'_>, bytes: &mut [u8]) -> Result<(), (Rela, Problem)> {
        for rela in relas {
            self.apply_one(&rela, bytes).map_err(|problem| (rela, problem))?;
        }
        Ok(())
    }

    fn apply_one(&self, rela: &Rela, bytes: &mut [u8]) -> Result<(), Problem> {
        let symbol = self.values.get(rela.symbol as usize).ok_or(Problem::NoSuchSymbol)?;
        let kind = self.arch.relocation(rela.r_type).ok_or(Problem::UnknownType)?;
        if kind.size == 0 {
            return Ok(());
        }
        let place = usize::try_from(rela.offset)
            .ok()
            .and_then(|offset| bytes.get_mut(offset..)?.get_mut(..kind.size))
            .ok_or(Problem::OutsideSection)?;
        let value = kind.value(*symbol, rela.addend, self.address.wrapping_add(rela.offset));
        let overflow = (!kind.range.holds(value)).then_some(Problem::Overflow(value));
        let dirty = self.zero_target && place.iter().any(|&byte| byte != 0);
        // 6.1 complains before it has subtracted the place.
        let shown =
            if self.check_range_first { value } else { kind.absolute(*symbol, rela.addend) };
        let dirty = dirty.then_some(Problem::NonZero(Some(shown)));
        let first = if self.check_range_first { overflow.or(dirty) } else { dirty.or(overflow) };
        let distance = kind.pc_relative && kind.size == 4 && !Range::Signed32.holds(value);
        match first.or(distance.then_some(Problem::TooFar(value))) {
            Some(problem) => Err(problem),
            None => {
                place.copy_from_slice(&value.to_le_bytes()[..kind.size]);
                Ok(())
            }
        }
    }
}
