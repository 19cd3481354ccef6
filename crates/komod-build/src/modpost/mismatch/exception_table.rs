//! Exception table entries that lead to something that is not code.

use super::super::Dialect;
use super::super::message::{Code, Level, Messages};
use super::names::Target;
use super::{Reference, rules};
use komod_object::elf::{Rela, SHF_EXECINSTR, Section};

/// Reports an entry of `__ex_table` that leads to the section `to`.
pub(super) fn report(
    reference: &Reference<'_, '_>,
    rela: &Rela,
    source: &Target<'_>,
    target: &Target<'_>,
    to: &Section<'_>,
    messages: &mut Messages,
) {
    let dialect = messages.dialect;
    let (from, offset) = (reference.from.name, rela.offset);
    let name = source.symbol.map(|symbol| symbol.name).unwrap_or_default();
    let place = || reference.place(rela, name);
    let mut say = |level, text| messages.add(level, Code::ExceptionTable, place(), text);
    let mismatch = match dialect {
        Dialect::ExportSymbol => reference.mismatch(source, target, to.name, dialect),
        Dialect::Ksymtab => {
            let kind = |target: &Target<'_>| match (target.symbol, target.is_function()) {
                (None, _) => ("(unknown reference)", ""),
                (_, true) => ("function", "()"),
                (_, false) => ("variable", ""),
            };
            let ((from_kind, from_end), (to_kind, to_end)) = (kind(source), kind(target));
            format!(
                "{}.o({from}+{offset:#x}): Section mismatch in reference from the {from_kind} \
                 {}{from_end} to the {to_kind} {}:{}{to_end}",
                reference.path, source.shown, to.name, target.shown
            )
        }
    };
    if to.name == rules::REPLACEMENTS {
        let object = match dialect {
            Dialect::Ksymtab => format!("{}.o", reference.path),
            Dialect::ExportSymbol => reference.path.to_owned(),
        };
        say(Level::Warning, mismatch);
        let text = format!(
            "The relocation at {from}+{offset:#x} references\n\
             section \"{}\" which is black-listed.\n\
             Something is seriously wrong and should be fixed.\n\
             You might get more information about where this is\n\
             coming from by using scripts/check_extable.sh {object}",
            to.name
        );
        say(Level::Fatal, text);
    } else if to.header.flags & SHF_EXECINSTR == 0 {
        say(Level::Warning, mismatch);
        let text = format!("{from}+{offset:#x} references non-executable section '{}'", to.name);
        say(Level::Error, text);
    } else {
        // The earlier line has a blank before one line end.
        let blank = if dialect == Dialect::Ksymtab { " " } else { "" };
        let text = format!(
            "The relocation at {from}+{offset:#x} references\n\
             section \"{0}\" which is not in the list of\n\
             authorized sections.  If you're adding a new section\n\
             and/or if this reference is valid, add \"{0}\" to the\n\
             list of authorized sections to jump to on fault.\n\
             This can be achieved by adding \"{0}\" to{blank}\n\
             OTHER_TEXT_SECTIONS in scripts/mod/modpost.c.",
            to.name
        );
        match dialect {
            Dialect::Ksymtab => say(Level::Warning, format!("{mismatch}\n{text}")),
            Dialect::ExportSymbol => {
                say(Level::Warning, mismatch);
                say(Level::Warning, text);
            }
        }
    }
}
