//! References between sections that must not be: from code that stays to code that is thrown away
//! after init or never loaded, and exception tables that lead to data.

mod exception_table;
mod names;
mod rules;

use super::exports;
use super::message::{Code, Level, Messages, Place};
use super::object::Object;
use super::{Dialect, Input};
use komod_object::Text;
use komod_object::elf::{Elf, Rela, SHF_ALLOC, SHN_LORESERVE, SHT_PROGBITS, SHT_RELA, Section};
use names::{Names, Target};
use rules::Verdict;

/// Looks at every section of an object in file order; in the later line this is also how its
/// exports are found.
pub(super) fn check<'a>(
    elf: &Elf<'a>,
    input: &Input<'_>,
    object: &mut Object<'a>,
    messages: &mut Messages,
) {
    let names = Names::new(elf, input.dialect);
    let exports = elf.section_by_name(".export_symbol").map(|section| section.index);
    for section in elf.sections() {
        check_flags(&section, object.path, messages);
        if section.header.sh_type != SHT_RELA {
            continue;
        }
        let from = section.header.info as usize;
        if input.dialect == Dialect::ExportSymbol && exports == Some(from) {
            object.exports = exports::from_export_symbol(elf, object.path, messages);
            continue;
        }
        let Some(from) = elf.section(from) else { continue };
        if !rules::can_matter(from.name) {
            continue;
        }
        for rela in elf.relas(section.index) {
            let reference = Reference { names: &names, from, path: object.path };
            object.mismatches |= reference.check(elf, &rela, messages);
            if messages.fatal() {
                return;
            }
        }
    }
}

/// Sections with contents that the kernel would not load, as a forgotten `"a"` in assembly makes.
fn check_flags(section: &Section<'_>, path: &str, messages: &mut Messages) {
    let header = &section.header;
    let unloaded = header.sh_type == SHT_PROGBITS && header.flags & SHF_ALLOC == 0;
    if !unloaded || rules::is_for_tools(section.name, messages.dialect) {
        return;
    }
    let text = format!(
        "{path}.o ({}): unexpected non-allocatable section.\n\
         Did you forget to use \"ax\"/\"aw\" in a .S file?\n\
         Note that for example <linux/init.h> contains\n\
         section definitions for use in .S files.\n",
        section.name
    );
    let place = Place::object(format!("{path}.o")).section(section.name.to_string());
    messages.add(Level::Warning, Code::NonAllocSection, place, text);
}

/// A section whose relocations are looked at.
struct Reference<'r, 'a> {
    names: &'r Names<'a>,
    from: Section<'a>,
    path: &'r str,
}

impl<'a> Reference<'_, 'a> {
    /// True if this reference is a mismatch.
    fn check(&self, elf: &Elf<'a>, rela: &Rela, messages: &mut Messages) -> bool {
        let Some(symbol) = elf.symbols().and_then(|table| table.get(rela.symbol as usize)) else {
            return false;
        };
        if symbol.is_undefined() || symbol.shndx >= SHN_LORESERVE {
            return false;
        }
        let Some(to) = elf.section(symbol.shndx.into()) else { return false };
        let dialect = messages.dialect;
        let verdict = rules::judge(self.from.name, to.name, dialect);
        if verdict == Verdict::Fine {
            return false;
        }
        let source = self.names.source(self.from.index, rela.offset);
        let target = self.names.target(&symbol, rela.addend);
        if verdict == Verdict::ExceptionTable {
            exception_table::report(self, rela, &source, &target, &to, messages);
            return true;
        }
        let from_name = source.symbol.map(|symbol| symbol.name).unwrap_or_default();
        let to_name = target.symbol.map(|symbol| symbol.name).unwrap_or_default();
        if rules::is_excused(self.from.name, from_name, to.name, to_name, dialect) {
            return false;
        }
        let text = match verdict {
            Verdict::Export => format!(
                "{}.o: EXPORT_SYMBOL used for init/exit symbol: {} (section: {})",
                self.path, target.shown, to.name
            ),
            _ => self.mismatch(&source, &target, to.name, dialect),
        };
        let place = self.place(rela, from_name);
        let code = match verdict {
            Verdict::Export => Code::DiscardedExport,
            _ => Code::SectionMismatch,
        };
        messages.add(Level::Warning, code, place, text);
        true
    }

    fn mismatch(
        &self,
        source: &Target<'_>,
        target: &Target<'_>,
        to: Text<'_>,
        dialect: Dialect,
    ) -> String {
        let object = match dialect {
            Dialect::Ksymtab => format!("{}.o", self.path),
            Dialect::ExportSymbol => self.path.to_owned(),
        };
        format!(
            "{object}: section mismatch in reference: {} (section: {}) -> {} (section: {to})",
            source.shown, self.from.name, target.shown
        )
    }

    fn place(&self, rela: &Rela, from: Text<'_>) -> Place {
        let place = Place::object(format!("{}.o", self.path)).symbol(from.to_string());
        place.section(self.from.name.to_string()).offset(rela.offset)
    }
}
