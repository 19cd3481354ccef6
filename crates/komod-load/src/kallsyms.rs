//! The symbol tables a loaded module carries for `/proc/kallsyms`.
//!
//! While init runs the kernel uses the full table in init memory, afterwards the reduced one behind
//! the module's data. Source: `add_kallsyms()` and `elf_type()`, `kernel/module/kallsyms.c`, Linux
//! 6.1 and 6.12.

use crate::layout::Kallsyms;
use crate::link::Image;
use crate::plan::Plan;
use alloc::vec::Vec;
use komod_object::elf::{
    SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE, SHN_ABS, SHN_LORESERVE, SHN_UNDEF, SHT_NOBITS, STT_OBJECT,
    SYMBOL_SIZE, Symbol, SymbolTable,
};

/// Builds the reduced table and both tables of types.
pub(crate) fn build(plan: &Plan<'_>, image: &mut Image) {
    let (Some(kallsyms), Some(table)) = (&plan.layout.kallsyms, plan.elf.symbols()) else {
        return;
    };
    let types: Vec<u8> = table.iter().map(|symbol| type_letter(plan, &symbol)).collect();
    put(image, kallsyms.init_region, kallsyms.init_types, &types);
    build_core(image, kallsyms, table, &types);
}

fn build_core(image: &mut Image, kallsyms: &Kallsyms, table: &SymbolTable<'_>, types: &[u8]) {
    let (mut symbols, mut strings, mut core_types) = (Vec::new(), Vec::new(), Vec::new());
    for &index in &kallsyms.core {
        let Some(symbol) = table.get(index as usize) else { continue };
        let value = image.values.get(symbol.index).copied().unwrap_or(0);
        symbols.extend((strings.len() as u32).to_le_bytes());
        symbols.extend([symbol.info, symbol.other]);
        symbols.extend(symbol.shndx.to_le_bytes());
        symbols.extend(value.to_le_bytes());
        symbols.extend(symbol.size.to_le_bytes());
        strings.extend(symbol.name.as_bytes());
        strings.push(0);
        core_types.push(types.get(symbol.index).copied().unwrap_or(b'?'));
    }
    debug_assert_eq!(symbols.len(), kallsyms.core.len() * SYMBOL_SIZE);
    put(image, kallsyms.core_region, kallsyms.core_symbols, &symbols);
    put(image, kallsyms.core_region, kallsyms.core_strings, &strings);
    put(image, kallsyms.core_region, kallsyms.core_types, &core_types);
}

fn put(image: &mut Image, region: usize, offset: u64, bytes: &[u8]) {
    let target = image.regions.get_mut(region).and_then(|region| {
        region.bytes.get_mut(usize::try_from(offset).ok()?..)?.get_mut(..bytes.len())
    });
    if let Some(target) = target {
        target.copy_from_slice(bytes);
    }
}

/// The letter `nm` would show.
fn type_letter(plan: &Plan<'_>, symbol: &Symbol<'_>) -> u8 {
    if symbol.is_weak() {
        return if symbol.kind() == STT_OBJECT { b'v' } else { b'w' };
    }
    let index = usize::from(symbol.shndx);
    match symbol.shndx {
        SHN_UNDEF => return b'U',
        SHN_ABS => return b'a',
        _ if index == plan.view.index.percpu => return b'a',
        SHN_LORESERVE.. => return b'?',
        _ => {}
    }
    let Some(header) = plan.view.headers.get(index) else { return b'?' };
    let has = |flag: u64| header.flags & flag != 0;
    let nobits = header.sh_type == SHT_NOBITS;
    match () {
        () if has(SHF_EXECINSTR) => b't',
        () if has(SHF_ALLOC) && !nobits && has(SHF_WRITE) => b'd',
        () if has(SHF_ALLOC) && !nobits => b'r',
        () if nobits => b'b',
        () if plan.view.name(index).starts_with(".debug") => b'n',
        () => b'?',
    }
}
