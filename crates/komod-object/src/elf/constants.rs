//! The ELF constants modules are made of.
//!
//! Source: System V ABI, generic part (2013 draft), chapter 4, and the AMD64 supplement 1.0,
//! table 4.9 (relocation types); the numbers of machines from the registry at sco.com/developers.

/// First four bytes of every ELF file.
pub const ELFMAG: [u8; 4] = [0x7f, b'E', b'L', b'F'];

pub(super) const ELFCLASS32: u8 = 1;
pub(super) const ELFCLASS64: u8 = 2;
pub(super) const ELFDATA2LSB: u8 = 1;
pub(super) const ELFDATA2MSB: u8 = 2;

/// Relocatable object.
pub const ET_REL: u16 = 1;
/// AMD x86-64.
pub const EM_X86_64: u16 = 62;
/// Intel 80386.
pub const EM_386: u16 = 3;

/// Unused section header.
pub const SHT_NULL: u32 = 0;
/// Contents defined by the program.
pub const SHT_PROGBITS: u32 = 1;
/// Symbol table.
pub const SHT_SYMTAB: u32 = 2;
/// String table.
pub const SHT_STRTAB: u32 = 3;
/// Relocations with addends.
pub const SHT_RELA: u32 = 4;
/// Notes.
pub const SHT_NOTE: u32 = 7;
/// No contents in the file (`.bss`).
pub const SHT_NOBITS: u32 = 8;
/// Relocations without addends.
pub const SHT_REL: u32 = 9;

/// The section is writable.
pub const SHF_WRITE: u64 = 1;
/// The section takes memory.
pub const SHF_ALLOC: u64 = 2;
/// The section holds code.
pub const SHF_EXECINSTR: u64 = 4;
/// Relocations that livepatch applies itself (Linux, `include/uapi/linux/elf.h`).
pub const SHF_RELA_LIVEPATCH: u64 = 0x0010_0000;
/// Read-only once init has run (Linux, `include/uapi/linux/elf.h`).
pub const SHF_RO_AFTER_INIT: u64 = 0x0020_0000;

/// Undefined symbol.
pub const SHN_UNDEF: u16 = 0;
/// First reserved section index.
pub const SHN_LORESERVE: u16 = 0xff00;
/// Symbol livepatch resolves (Linux, `include/uapi/linux/elf.h`).
pub const SHN_LIVEPATCH: u16 = 0xff20;
/// Absolute value.
pub const SHN_ABS: u16 = 0xfff1;
/// Common symbol.
pub const SHN_COMMON: u16 = 0xfff2;

/// Local symbol.
pub const STB_LOCAL: u8 = 0;
/// Global symbol.
pub const STB_GLOBAL: u8 = 1;
/// Weak symbol.
pub const STB_WEAK: u8 = 2;

/// Symbol names data.
pub const STT_OBJECT: u8 = 1;
/// Symbol names a function.
pub const STT_FUNC: u8 = 2;
/// Symbol stands for a section.
pub const STT_SECTION: u8 = 3;
/// Symbol names the source file.
pub const STT_FILE: u8 = 4;

/// No relocation.
pub const R_X86_64_NONE: u32 = 0;
/// 64-bit absolute.
pub const R_X86_64_64: u32 = 1;
/// 32-bit relative to the place.
pub const R_X86_64_PC32: u32 = 2;
/// 32-bit relative, through the procedure linkage table if there is one.
pub const R_X86_64_PLT32: u32 = 4;
/// 32-bit absolute, zero-extended.
pub const R_X86_64_32: u32 = 10;
/// 32-bit absolute, sign-extended.
pub const R_X86_64_32S: u32 = 11;
/// 64-bit relative to the place.
pub const R_X86_64_PC64: u32 = 24;
