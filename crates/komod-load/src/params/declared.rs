//! The parameters a module has, read from its `__param` section.
//!
//! The section is an array of `struct kernel_param`, whose pointers are still relocations: to the
//! name, to the operations (which tell the type), and to the variable or to a `struct
//! kparam_array`/`kparam_string` with the limits. Offsets: `include/linux/moduleparam.h`, Linux 6.1
//! and 6.12, 64-bit.

use super::kind::{ParamDecl, ParamKind};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec::Vec;
use komod_object::elf::{Elf, Rela, Symbol};

const NAME: u64 = 0;
const OPS: u64 = 16;
const PERM: u64 = 24;
const FLAGS: u64 = 27;
const ARG: u64 = 32;
const ARRAY_MAX: u64 = 0;
const ARRAY_OPS: u64 = 16;
const STRING_ROOM: u64 = 0;
const FLAG_UNSAFE: u8 = 1;
const FLAG_HARDWARE: u8 = 2;

/// Reads the parameters; `size` is `sizeof(struct kernel_param)`.
///
/// Entries whose name cannot be found (a damaged section) are left out. Types handled by the
/// module's own functions come out as [`ParamKind::Custom`].
pub fn declared(elf: &Elf<'_>, size: u32) -> Vec<ParamDecl> {
    let Some(section) = elf.section_by_name("__param") else { return Vec::new() };
    let mut pointers = Pointers::default();
    let count = section.data().len() as u64 / u64::from(size.max(1));
    (0..count)
        .filter_map(|index| declaration(elf, &mut pointers, section.index, index * u64::from(size)))
        .collect()
}

/// Relocations by section and offset, collected for a section when first needed.
#[derive(Default)]
struct Pointers {
    sections: BTreeMap<usize, BTreeMap<u64, Rela>>,
}

impl Pointers {
    /// The symbol and addend a pointer at this place will get.
    fn follow<'a>(
        &mut self,
        elf: &Elf<'a>,
        section: usize,
        offset: u64,
    ) -> Option<(Symbol<'a>, i64)> {
        let collect = || elf.relas_for(section).map(|rela| (rela.offset, rela)).collect();
        let rela = *self.sections.entry(section).or_insert_with(collect).get(&offset)?;
        Some((elf.symbols()?.get(rela.symbol as usize)?, rela.addend))
    }
}

fn declaration(
    elf: &Elf<'_>,
    pointers: &mut Pointers,
    section: usize,
    start: u64,
) -> Option<ParamDecl> {
    let (symbol, addend) = pointers.follow(elf, section, start + NAME)?;
    let name = elf.string_at(&symbol, addend)?.to_string();
    let field = |offset: u64| {
        elf.section(section)?.data().get(usize::try_from(start + offset).ok()?).copied()
    };
    let flags = field(FLAGS)?;
    let perm = u16::from_le_bytes([field(PERM)?, field(PERM + 1)?]);
    let kind = kind(elf, pointers, section, start);
    Some(ParamDecl {
        name,
        kind: kind.unwrap_or(ParamKind::Custom { no_arg: false }),
        perm,
        is_unsafe: flags & FLAG_UNSAFE != 0,
        is_hardware: flags & FLAG_HARDWARE != 0,
    })
}

fn kind(elf: &Elf<'_>, pointers: &mut Pointers, section: usize, start: u64) -> Option<ParamKind> {
    let (ops, addend) = pointers.follow(elf, section, start + OPS)?;
    if !ops.is_undefined() {
        // The module's own: the flags behind it say whether a value is needed.
        let target = elf.section(usize::from(ops.shndx))?;
        let offset = usize::try_from(ops.value.checked_add_signed(addend)?).ok()?;
        let flags = target.data().get(offset..)?.first()?;
        return Some(ParamKind::Custom { no_arg: flags & 1 != 0 });
    }
    match ops.name.as_str()? {
        "param_array_ops" => {
            let (target, offset) = argument(elf, pointers, section, start)?;
            let (ops, _) = pointers.follow(elf, target, offset + ARRAY_OPS)?;
            let of = ParamKind::from_ops(ops.name.as_str()?)
                .unwrap_or(ParamKind::Custom { no_arg: false });
            let max = word(elf, target, offset + ARRAY_MAX)?;
            Some(ParamKind::Array { of: Box::new(of), max })
        }
        "param_ops_string" => {
            let (target, offset) = argument(elf, pointers, section, start)?;
            Some(ParamKind::String(word(elf, target, offset + STRING_ROOM)?))
        }
        name => ParamKind::from_ops(name),
    }
}

/// Section and offset the `arg` pointer leads to.
fn argument(
    elf: &Elf<'_>,
    pointers: &mut Pointers,
    section: usize,
    start: u64,
) -> Option<(usize, u64)> {
    let (symbol, addend) = pointers.follow(elf, section, start + ARG)?;
    let offset = symbol.value.checked_add_signed(addend)?;
    // Far from the end of the numbers, so that fields can be added.
    (offset < 1 << 40).then_some((usize::from(symbol.shndx), offset))
}

fn word(elf: &Elf<'_>, section: usize, offset: u64) -> Option<u32> {
    let section = elf.section(section)?;
    let bytes = section.data().get(usize::try_from(offset).ok()?..)?;
    bytes.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}
