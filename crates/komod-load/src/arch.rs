//! Machines, as values: what a relocation means and which ones exist.

use core::fmt::Debug;
use komod_object::elf::{
    EM_X86_64, R_X86_64_32, R_X86_64_32S, R_X86_64_64, R_X86_64_NONE, R_X86_64_PC32, R_X86_64_PC64,
    R_X86_64_PLT32,
};

/// Which values a relocated field can hold without losing information.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// The loader does not look: the field is as wide as an address, or the value is a distance.
    Any,
    /// Zero-extended from 32 bits.
    Unsigned32,
    /// Sign-extended from 32 bits.
    Signed32,
}

impl Range {
    /// True if `value` survives being cut to the field.
    pub fn holds(self, value: u64) -> bool {
        match self {
            Range::Any => true,
            Range::Unsigned32 => value == u64::from(value as u32),
            Range::Signed32 => value as i64 == i64::from(value as i32),
        }
    }
}

/// What one type of relocation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relocation {
    /// Bytes changed: 0 (nothing to do), 4 or 8.
    pub size: usize,
    /// The place itself is subtracted.
    pub pc_relative: bool,
    /// Check the kernel makes.
    pub range: Range,
}

impl Relocation {
    /// The value to store: symbol plus addend, minus the place if relative.
    pub fn value(self, symbol: u64, addend: i64, place: u64) -> u64 {
        let value = self.absolute(symbol, addend);
        if self.pc_relative { value.wrapping_sub(place) } else { value }
    }

    /// Symbol plus addend, before the place is subtracted.
    pub fn absolute(self, symbol: u64, addend: i64) -> u64 {
        symbol.wrapping_add_signed(addend)
    }
}

/// A machine the loader knows.
pub trait Architecture: Debug + Sync {
    /// `e_machine`.
    fn machine(&self) -> u16;

    /// What a type of relocation does; `None` for those the kernel's loader refuses.
    fn relocation(&self, r_type: u32) -> Option<Relocation>;

    /// True for undefined symbols that may stay so although they are not weak.
    fn ignores_undefined(&self, name: &str) -> bool;

    /// Name of the source file that logs relocation errors, as a prefix of its messages.
    fn log_prefix(&self) -> &'static str;

    /// Page size.
    fn page_size(&self) -> u64;
}

/// AMD64 (`arch/x86/kernel/module.c`, Linux 6.1 and 6.12).
#[derive(Clone, Copy, Debug)]
pub struct X86_64;

impl Architecture for X86_64 {
    fn machine(&self) -> u16 {
        EM_X86_64
    }

    fn relocation(&self, r_type: u32) -> Option<Relocation> {
        let (size, pc_relative, range) = match r_type {
            R_X86_64_NONE => (0, false, Range::Any),
            R_X86_64_64 => (8, false, Range::Any),
            R_X86_64_32 => (4, false, Range::Unsigned32),
            R_X86_64_32S => (4, false, Range::Signed32),
            R_X86_64_PC32 | R_X86_64_PLT32 => (4, true, Range::Any),
            R_X86_64_PC64 => (8, true, Range::Any),
            _ => return None,
        };
        Some(Relocation { size, pc_relative, range })
    }

    fn ignores_undefined(&self, name: &str) -> bool {
        name == "_GLOBAL_OFFSET_TABLE_"
    }

    fn log_prefix(&self) -> &'static str {
        "module: "
    }

    fn page_size(&self) -> u64 {
        4096
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Symbol, addend, place and the value each type must yield.
    #[test]
    fn x86_64_relocation_types() {
        let (symbol, addend, place) = (0x2000_1000_u64, -4_i64, 0x2000_0010_u64);
        for (r_type, size, value) in [
            (R_X86_64_NONE, 0, 0x2000_0ffc),
            (R_X86_64_64, 8, 0x2000_0ffc),
            (R_X86_64_PC32, 4, 0xfec),
            (R_X86_64_PLT32, 4, 0xfec),
            (R_X86_64_32, 4, 0x2000_0ffc),
            (R_X86_64_32S, 4, 0x2000_0ffc),
            (R_X86_64_PC64, 8, 0xfec),
        ] {
            let relocation = X86_64.relocation(r_type).unwrap();
            assert_eq!(relocation.size, size, "type {r_type}");
            assert_eq!(relocation.value(symbol, addend, place), value, "type {r_type}");
        }
    }

    #[test]
    fn only_the_kernels_seven_types_exist() {
        let known: alloc::vec::Vec<u32> =
            (0..64).filter(|&t| X86_64.relocation(t).is_some()).collect();
        assert_eq!(known, [0, 1, 2, 4, 10, 11, 24]);
    }

    #[test]
    fn ranges_at_their_edges() {
        let kernel = 0xffff_ffff_8100_0000_u64;
        for (range, value, fits) in [
            (Range::Unsigned32, 0xffff_ffff, true),
            (Range::Unsigned32, 0x1_0000_0000, false),
            (Range::Unsigned32, kernel, false),
            (Range::Signed32, 0x7fff_ffff, true),
            (Range::Signed32, 0x8000_0000, false),
            (Range::Signed32, kernel, true),
            (Range::Signed32, 0xffff_ffff_7fff_ffff, false),
            (Range::Any, u64::MAX, true),
        ] {
            assert_eq!(range.holds(value), fits, "{range:?} {value:#x}");
        }
    }

    #[test]
    fn distances_wrap_backwards() {
        let pc32 = X86_64.relocation(R_X86_64_PC32).unwrap();
        assert_eq!(pc32.value(0x1000, -4, 0x2000) as i64, -0x1004);
    }
}
