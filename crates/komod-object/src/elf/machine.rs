//! Names of ELF machines, for messages about modules of another architecture.

use alloc::format;
use alloc::string::String;

/// What `e_machine` stands for, as `uname -m` would say it.
pub fn machine_name(machine: u16) -> String {
    let name = match machine {
        3 => "i386",
        62 => "x86_64",
        40 => "arm",
        183 => "aarch64",
        243 => "riscv",
        20 => "ppc",
        21 => "ppc64",
        22 => "s390x",
        8 => "mips",
        258 => "loongarch",
        2 => "sparc",
        43 => "sparc64",
        15 => "parisc",
        4 => "m68k",
        36902 => "alpha",
        other => return format!("machine {other}"),
    };
    String::from(name)
}
