//! Which symbol a place in a section belongs to.

use super::super::{Dialect, symbol_name};
use komod_object::Text;
use komod_object::elf::{Elf, SHN_LORESERVE, STT_FILE, STT_FUNC, STT_SECTION, Symbol};

/// How far from a symbol a place may be and still be called by its name.
const REACH: u64 = 20;

/// A named place.
#[derive(Clone, Debug)]
pub(super) struct Target<'a> {
    pub(super) symbol: Option<Symbol<'a>>,
    /// The name, or what stands for it.
    pub(super) shown: String,
}

impl Target<'_> {
    pub(super) fn is_function(&self) -> bool {
        self.symbol.is_some_and(|symbol| symbol.kind() == STT_FUNC)
    }
}

/// The symbols of an object by section and value.
pub(super) struct Names<'a> {
    symbols: Vec<Symbol<'a>>,
    dialect: Dialect,
}

impl<'a> Names<'a> {
    pub(super) fn new(elf: &Elf<'a>, dialect: Dialect) -> Self {
        let symbols = elf.symbols().into_iter().flat_map(|table| table.iter().skip(1));
        let mut symbols: Vec<Symbol<'a>> = symbols
            .filter(|symbol| !symbol.is_undefined() && symbol.shndx < SHN_LORESERVE)
            .filter(|symbol| !matches!(symbol.kind(), STT_SECTION | STT_FILE))
            .filter(|symbol| is_name(symbol.name))
            .map(|symbol| Symbol {
                name: Text::new(symbol_name::plain(symbol.name.as_bytes())),
                ..symbol
            })
            .collect();
        // Stable: symbols with one value stay in the order of the table.
        symbols.sort_by_key(|symbol| (symbol.shndx, symbol.value));
        Names { symbols, dialect }
    }

    fn of_section(&self, section: u16) -> &[Symbol<'a>] {
        let start = self.symbols.partition_point(|symbol| symbol.shndx < section);
        let end = self.symbols.partition_point(|symbol| symbol.shndx <= section);
        &self.symbols[start..end]
    }

    /// Where a reference stands: the last symbol before it.
    pub(super) fn source(&self, section: usize, offset: u64) -> Target<'a> {
        let symbols = self.of_section(section as u16);
        let before = &symbols[..symbols.partition_point(|symbol| symbol.value <= offset)];
        // Of several with one value the earlier line takes the last.
        let symbol = before.last().map(|last| match self.dialect {
            Dialect::Ksymtab => *last,
            Dialect::ExportSymbol => {
                before[before.partition_point(|symbol| symbol.value < last.value)]
            }
        });
        let shown = match (self.dialect, symbol) {
            (Dialect::Ksymtab, symbol) => name_or_unknown(symbol),
            (Dialect::ExportSymbol, None) => format!("{:#x}", offset as u32),
            (Dialect::ExportSymbol, Some(symbol)) => {
                format!("{}+{:#x}", symbol.name, (offset - symbol.value) as u32)
            }
        };
        Target { symbol, shown }
    }

    /// What a reference leads to: its symbol, or for a section the symbol that is nearest.
    pub(super) fn target(&self, symbol: &Symbol<'a>, addend: i64) -> Target<'a> {
        if !symbol.name.is_empty() {
            let name = Text::new(symbol_name::plain(symbol.name.as_bytes()));
            let symbol = Symbol { name, ..*symbol };
            return Target { symbol: Some(symbol), shown: name.to_string() };
        }
        let place = symbol.value.wrapping_add_signed(addend);
        let symbols = self.of_section(symbol.shndx);
        let reach = match self.dialect {
            Dialect::Ksymtab => REACH - 1,
            Dialect::ExportSymbol => REACH,
        };
        let near = symbols.partition_point(|symbol| symbol.value < place.saturating_sub(reach));
        let near = symbols[near..].iter().take_while(|s| s.value <= place.saturating_add(reach));
        let found = near.min_by_key(|symbol| symbol.value.abs_diff(place)).copied();
        let shown = match (self.dialect, found) {
            (Dialect::Ksymtab, found) => name_or_unknown(found),
            (Dialect::ExportSymbol, None) => format!("{:#x}", place as u32),
            (Dialect::ExportSymbol, Some(symbol)) => symbol.name.to_string(),
        };
        Target { symbol: found, shown }
    }
}

fn name_or_unknown(symbol: Option<Symbol<'_>>) -> String {
    symbol.map_or_else(|| "(unknown)".to_owned(), |symbol| symbol.name.to_string())
}

/// False for labels of the compiler and marks of the assembler.
fn is_name(name: Text<'_>) -> bool {
    match name.as_bytes() {
        [] | [b'.', b'L', ..] | [b'L', b'0', ..] => false,
        [b'$', b'a' | b'd' | b't' | b'x'] | [b'$', b'a' | b'd' | b't' | b'x', b'.', ..] => false,
        _ => true,
    }
}
