//! Unpacking, relocating and symbol tables of real kernels.

mod kernels;

use komod_kernel::{image, kallsyms};

const BASE: u64 = 0x1000_0000;

#[test]
fn images_relocate_and_symbols_fit_them() {
    for kernel in kernels::kernels() {
        let vmlinuz = std::fs::read(kernel.vmlinuz()).unwrap();
        let header = image::BootHeader::parse(&vmlinuz).unwrap();
        assert_eq!(header.release(), Some(kernel.release.as_str()));
        let payload = image::unpack(&vmlinuz).unwrap();
        let symbols = kallsyms::decode(&payload).unwrap();
        assert!(symbols.len() > 50_000, "{}: {} symbols", kernel.release, symbols.len());

        let flat = image::relocate(&payload, BASE, &symbols).unwrap();
        assert_eq!(flat.bytes.len() % 4096, 0);
        assert!(flat.relocations.abs32 > 10_000 && flat.relocations.abs64 > 10_000);
        assert!(flat.percpu.len > 0x1000);

        let moved = symbols.rebase(flat.delta());
        assert_eq!(moved.lookup("_text"), Some(BASE));
        assert_eq!(moved.lookup("__per_cpu_start"), symbols.lookup("__per_cpu_start"));
        let offset = |name: &str| (moved.lookup(name).unwrap() - BASE) as usize;

        // The banner is where its symbol says, and the release inside it is this kernel's.
        let banner = flat.bytes.get(offset("linux_banner")..).unwrap();
        let text = format!("Linux version {} ", kernel.release);
        assert!(banner.starts_with(text.as_bytes()), "{}: no banner", kernel.release);

        // A pointer in data is relocated: the root task's stack is the initial stack.
        let bss = flat.bytes.get(offset("__bss_start")..offset("__bss_stop")).unwrap();
        assert!(bss.iter().all(|&byte| byte == 0), "{}: .bss not clear", kernel.release);

        // System calls are reached through a table of 64-bit addresses, each a function.
        let table = offset("sys_call_table");
        for entry in flat.bytes.get(table..table + 8 * 300).unwrap().chunks(8) {
            let address = u64::from_le_bytes(entry.try_into().unwrap());
            let (symbol, _) = moved.nearest(address).unwrap();
            assert_eq!(symbol.address, address);
            assert!(symbol.name.contains("sys_"), "{}: {}", kernel.release, symbol.name);
        }
    }
}

#[test]
fn a_cut_or_damaged_vmlinux_is_an_error() {
    for kernel in kernels::kernels() {
        let payload = image::unpack(&std::fs::read(kernel.vmlinuz()).unwrap()).unwrap();
        let symbols = kallsyms::decode(&payload).unwrap();
        for length in [0, 3, 64, 4096, payload.len() / 2, payload.len() - 3] {
            let cut = &payload[..length];
            assert!(image::relocate(cut, BASE, &symbols).is_err(), "{length} bytes");
        }
        for base in [0, 1, 0x1000_1000, 0x7fe0_0000, 1 << 40, u64::MAX] {
            assert!(image::relocate(&payload, base, &symbols).is_err(), "base {base:#x}");
        }
        // Any field of the ELF and program headers may be wrong: an error or not, but no panic.
        let mut damaged = payload.clone();
        for at in (0x10..0x40 + 5 * 56).step_by(7) {
            let good = damaged[at];
            damaged[at] = !good;
            let _ = image::relocate(&damaged, BASE, &symbols);
            let _ = kallsyms::decode(&damaged[..payload.len() / 2]);
            damaged[at] = good;
        }
    }
}
