//! From `vmlinuz` to the kernel as it lies in memory.
//!
//! A distribution's x86 boot image is a *bzImage*: real-mode setup code with a header, a small
//! decompressor, and a compressed payload. The payload is the `vmlinux` ELF file (stripped),
//! followed by the relocation lists that KASLR needs. At boot the decompressor places the ELF's
//! segments in memory and adds one delta to every address in those lists, so the same kernel can
//! run at any address. komod does exactly that, with an address of its own:
//!
//! ```no_run
//! use komod_kernel::{image, kallsyms};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let payload = image::unpack(&std::fs::read("/boot/vmlinuz-6.1.0-56-amd64")?)?;
//! let symbols = kallsyms::decode(&payload)?;
//! let flat = image::relocate(&payload, 0x1000_0000, &symbols)?;
//! # Ok(()) }
//! ```
//!
//! Sources: Linux 6.12 `Documentation/arch/x86/boot.rst` (header),
//! `arch/x86/boot/compressed/misc.c` (placing and relocating), `arch/x86/tools/relocs.c` (lists).

mod bzimage;
mod decompress;
mod relocate;

pub use bzimage::{BootHeader, unpack};
pub use decompress::{Compression, MAX_PAYLOAD};
pub use relocate::{FlatImage, PerCpu, RelocationCounts, Section, as_linked, relocate};

/// Why an image could not be turned into a kernel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    #[error("neither a bzImage (\"HdrS\" at 0x202) nor an ELF file; it starts with {start:02x?}")]
    NotAnImage { start: Vec<u8> },
    #[error("boot protocol {version:#06x} is older than 2.08 and does not say where the kernel is")]
    OldProtocol { version: u16 },
    #[error("the payload {offset:#x}+{length:#x} lies outside the image of {size:#x} bytes")]
    PayloadOutside { offset: u64, length: u64, size: u64 },
    #[error("payload compression not recognised; it starts with {magic:02x?}")]
    UnknownCompression { magic: Vec<u8> },
    #[error("payload is compressed with {name}, which komod cannot read")]
    UnsupportedCompression { name: &'static str },
    #[error("the {compression} payload does not decompress: {reason}")]
    Decompress { compression: Compression, reason: String },
    #[error("the payload decompresses to more than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the payload says it holds {said} bytes but holds {found}")]
    LengthMismatch { said: u64, found: u64 },
    #[error("vmlinux: {what}")]
    Elf { what: &'static str },
    #[error("vmlinux is for ELF machine {machine}, not x86-64 (62)")]
    Machine { machine: u16 },
    #[error("vmlinux: segment at {vaddr:#x}: {what}")]
    Segment { vaddr: u64, what: &'static str },
    #[error("vmlinux has no symbol {name}, needed to {purpose}")]
    MissingSymbol { name: &'static str, purpose: &'static str },
    #[error("symbol {name} = {address:#x} lies outside the image {start:#x}..{end:#x}")]
    SymbolOutside { name: &'static str, address: u64, start: u64, end: u64 },
    #[error("base address {base:#x} must be a multiple of {alignment:#x}")]
    BaseMisaligned { base: u64, alignment: u64 },
    #[error("an image of {size:#x} bytes at {base:#x} does not end below 2 GiB")]
    BaseTooHigh { base: u64, size: u64 },
    #[error(
        "the kernel carries no relocation lists after its {elf_end} ELF bytes \
         (CONFIG_RELOCATABLE and CONFIG_RANDOMIZE_BASE are needed; a vmlinux never has them, its vmlinuz \
         may)"
    )]
    NoRelocations { elf_end: usize },
    #[error("relocation lists at offset {offset:#x}: {what}")]
    RelocationLists { offset: usize, what: &'static str },
    #[error("{list} relocation {address:#x} lies outside the image {start:#x}..{end:#x}")]
    RelocationOutside { list: &'static str, address: u64, start: u64, end: u64 },
}
