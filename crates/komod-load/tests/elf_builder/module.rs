//! A hello-world module and a kernel it fits.

use super::{ElfBuilder, GLOBAL, GLOBAL_FUNC, SECTION_SYMBOL};
use komod_load::{Described, Facts, StructModule, Version};
use komod_object::elf::*;

pub const LAYOUT_CRC: u32 = 0xcc50_14c3;
pub const PRINTK_CRC: u32 = 0x9272_8f9a;
/// Address of `_printk`.
pub const PRINTK: u64 = 0x1000_2340;

const AX: u64 = SHF_ALLOC | SHF_EXECINSTR;
const A: u64 = SHF_ALLOC;
const WA: u64 = SHF_ALLOC | SHF_WRITE;

/// Sizes and offsets of an invented `struct module`, old or new style.
pub fn layout(version: Version) -> StructModule {
    let modern = version >= Version::new(6, 4, 0);
    let size_of = move |name: &str| match name {
        "module" if modern => Some(0x580),
        "module" => Some(0x380),
        "module_memory" => Some(72),
        _ => None,
    };
    let offset_of = move |name: &str, path: &str| {
        Some(match (name, path) {
            ("module", "state") => 0,
            ("module", "list") => 8,
            ("module", "name") => 24,
            ("module", "init") => 0x138,
            ("module", "exit") => 0x350,
            ("module", "taints") => 0x100,
            ("module", "kp") => 0x108,
            ("module", "num_kp") => 0x110,
            ("module", "syms") => 0x118,
            ("module", "num_syms") => 0x120,
            ("module", "percpu") => 0x128,
            ("module", "percpu_size") => 0x130,
            ("module", "source_list") => 0x320,
            ("module", "refcnt") => 0x330,
            ("module", "sig_ok") => 0x334,
            ("module", "kallsyms") => 0x2e0,
            ("module", "core_kallsyms.symtab") => 0x2e8,
            ("module", "core_kallsyms.num_symtab") => 0x2f0,
            ("module", "core_kallsyms.strtab") => 0x2f8,
            ("module", "core_kallsyms.typetab") => 0x300,
            ("module", "core_layout.base") if !modern => 0x140,
            ("module", "core_layout.size") if !modern => 0x148,
            ("module", "core_layout.text_size") if !modern => 0x14c,
            ("module", "core_layout.ro_size") if !modern => 0x150,
            ("module", "core_layout.ro_after_init_size") if !modern => 0x154,
            ("module", "init_layout.base") if !modern => 0x190,
            ("module", "init_layout.size") if !modern => 0x198,
            ("module", "mem") if modern => 0x380,
            ("module_memory", "base") => 0,
            ("module_memory", "size") => 8,
            ("module_memory", "mtn.mod") => 16,
            _ => return None,
        })
    };
    StructModule::resolve(size_of, offset_of).unwrap()
}

/// A kernel of this version that exports what [`hello`] needs.
pub fn kernel(version: Version) -> Described {
    let release = if version.minor == 1 { "6.1.0-56-amd64" } else { "6.12.117+deb12-amd64" };
    let vermagic = format!("{release} SMP preempt mod_unload modversions ");
    let mut facts = Facts::new(version, vermagic);
    facts.layout = layout(version);
    let mut kernel = Described::new(facts);
    kernel.export("_printk", PRINTK).crc = Some(PRINTK_CRC);
    kernel.export("module_layout", 0x1000_5670).crc = Some(LAYOUT_CRC);
    kernel.export("param_ops_int", 0x1000_6000).crc = Some(1);
    kernel
}

/// What `make` leaves of a hello world: init and exit that print, nothing else.
pub fn hello(version: Version) -> ElfBuilder {
    let kernel = kernel(version);
    let size = kernel.facts.layout.size().unwrap() as usize;
    let mut elf = ElfBuilder::new();
    let text = elf.section(".text", SHT_PROGBITS, AX, 16, &[0; 32]);
    let init = elf.section(".init.text", SHT_PROGBITS, AX, 16, &[0; 32]);
    let exit = elf.section(".exit.text", SHT_PROGBITS, AX, 16, &[0; 16]);
    let rodata = elf.section(".rodata.str1.1", SHT_PROGBITS, A, 1, b"hello\0bye\0");
    let info = format!(
        "license=GPL\0vermagic={}\0name=hello\0intree=Y\0retpoline=Y\0depends=\0",
        kernel.facts.vermagic
    );
    elf.section(".modinfo", SHT_PROGBITS, A, 1, info.as_bytes());
    elf.section(
        "__versions",
        SHT_PROGBITS,
        A,
        32,
        &versions(&[(LAYOUT_CRC, "module_layout"), (PRINTK_CRC, "_printk"), (1, "param_ops_int")]),
    );
    elf.section(".data", SHT_PROGBITS, WA, 8, &[0; 24]);
    let mut this = vec![0; size];
    this[24..29].copy_from_slice(b"hello");
    let this = elf.section(".gnu.linkonce.this_module", SHT_PROGBITS, WA, 64, &this);
    elf.section(".bss", SHT_NOBITS, WA, 32, &[]);
    elf.get(".bss").size = Some(40);

    elf.symbol("", SECTION_SYMBOL, rodata as u16, 0);
    elf.symbol("helper", STT_FUNC, text as u16, 8);
    elf.symbol("__this_module", GLOBAL, this as u16, 0);
    let init_module = elf.symbol("init_module", GLOBAL_FUNC, init as u16, 0);
    let cleanup_module = elf.symbol("cleanup_module", GLOBAL_FUNC, exit as u16, 0);
    let printk = elf.symbol("_printk", GLOBAL, SHN_UNDEF, 0);
    elf.rela(init, 3, R_X86_64_32S, 1, 0);
    elf.rela(init, 8, R_X86_64_PLT32, printk, -4);
    elf.rela(exit, 3, R_X86_64_32S, 1, 6);
    elf.rela(this, 0x138, R_X86_64_64, init_module, 0);
    elf.rela(this, 0x350, R_X86_64_64, cleanup_module, 0);
    elf
}

/// A `__versions` section.
pub fn versions(entries: &[(u32, &str)]) -> Vec<u8> {
    let entry = |&(crc, name): &(u32, &str)| {
        let mut bytes = u64::from(crc).to_le_bytes().to_vec();
        bytes.extend(name.as_bytes());
        bytes.resize(64, 0);
        bytes
    };
    entries.iter().flat_map(entry).collect()
}
