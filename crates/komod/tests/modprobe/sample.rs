//! A small module directory: ELF files with a `.modinfo`, exports and imports, no code.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A module: name, strings of its `.modinfo`, what it exports, what it needs.
type Sample =
    (&'static str, &'static [&'static str], &'static [&'static str], &'static [&'static str]);

const SAMPLES: [Sample; 9] = [
    ("a-1", &["alias=pci:v1*d2*"], &["fa"], &[]),
    ("b", &["alias=pci:v1d2", "alias=usb-x", "softdep=pre: c post: d"], &["fb"], &["fa"]),
    ("c", &["alias=fs-c", "alias=pci:v[0-9]d?"], &[], &[]),
    ("d", &["softdep=pre: e"], &[], &["fb"]),
    ("e", &["alias=net-pf-1"], &[], &[]),
    ("t1", &["alias=tie-x", "alias=tie-*", "alias=tie-?"], &[], &[]),
    ("t2", &["alias=tie-x", "alias=tie-*", "alias=tie-?"], &[], &[]),
    ("x", &[], &["fx"], &["fb"]),
    ("y", &[], &[], &["fx", "fa"]),
];

/// The root of a tree with them and the indexes by the machine's `depmod`; `None` without one.
pub fn root(scratch: &Path, release: &str) -> Option<PathBuf> {
    let root = scratch.join("root");
    let directory = root.join("lib/modules").join(release);
    let modules = directory.join("kernel");
    std::fs::create_dir_all(&modules).unwrap();
    let mut order = String::new();
    for (name, info, exports, needs) in SAMPLES {
        std::fs::write(modules.join(format!("{name}.ko")), elf(info, exports, needs)).unwrap();
        order += &format!("kernel/{name}.ko\n");
    }
    let builtin = "kernel/foo-bar.ko\nkernel/baz.ko\n";
    let builtin_info = "foo_bar.alias=bfoo-*\0baz.alias=zed\0";
    for (file, text) in [
        ("modules.order", order.as_str()),
        ("modules.builtin", builtin),
        ("modules.builtin.modinfo", builtin_info),
    ] {
        std::fs::write(directory.join(file), text).unwrap();
    }
    match Command::new("depmod").arg("-b").arg(&root).arg(release).status() {
        Ok(status) => assert!(status.success(), "depmod: {status}"),
        Err(error) => {
            eprintln!("left out: depmod: {error}");
            return None;
        }
    }
    Some(root)
}

/// Name, type, flags, link, info, entry size, contents.
type Section<'d> = (u32, u32, u64, u32, u32, u64, &'d [u8]);

/// A relocatable file for x86-64: `.modinfo`, `.symtab` and `.strtab` (ELF-64 object file format).
fn elf(info: &[&str], exports: &[&str], needs: &[&str]) -> Vec<u8> {
    const ABSOLUTE: u16 = 0xfff1;
    let info: Vec<u8> = info.iter().flat_map(|text| [text.as_bytes(), b"\0"].concat()).collect();
    let (mut strings, mut symbols) = (vec![0], vec![0; 24]);
    let checksums = exports.iter().map(|name| (format!("__crc_{name}"), ABSOLUTE));
    let defined = exports.iter().map(|name| ((*name).to_owned(), ABSOLUTE));
    let undefined = needs.iter().map(|name| ((*name).to_owned(), 0));
    for (name, section) in checksums.chain(defined).chain(undefined) {
        symbols.extend(u32::try_from(strings.len()).unwrap().to_le_bytes());
        symbols.extend([0x10, 0]);
        symbols.extend(section.to_le_bytes());
        symbols.extend([1_u64.to_le_bytes(), [0; 8]].concat());
        strings.extend(name.as_bytes());
        strings.push(0);
    }
    let names = b"\0.modinfo\0.symtab\0.strtab\0.shstrtab\0";
    let mut file = vec![0; 64];
    file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    file[16..24].copy_from_slice(&[1, 0, 62, 0, 1, 0, 0, 0]);
    file[52..54].copy_from_slice(&64_u16.to_le_bytes());
    file[58..64].copy_from_slice(&[64, 0, 5, 0, 4, 0]);
    let mut headers = vec![0; 64];
    let sections: [Section<'_>; 4] = [
        (1, 1, 2, 0, 0, 0, &info),
        (10, 2, 0, 3, 1, 24, &symbols),
        (18, 3, 0, 0, 0, 0, &strings),
        (26, 3, 0, 0, 0, 0, names),
    ];
    for (name, kind, flags, link, first, size, data) in sections {
        file.resize(file.len().next_multiple_of(8), 0);
        headers.extend([name.to_le_bytes(), kind.to_le_bytes()].concat());
        let place = [flags, 0, file.len() as u64, data.len() as u64];
        headers.extend(place.iter().flat_map(|number| number.to_le_bytes()));
        headers.extend([link.to_le_bytes(), first.to_le_bytes()].concat());
        headers.extend([8_u64.to_le_bytes(), size.to_le_bytes()].concat());
        file.extend(data);
    }
    file.resize(file.len().next_multiple_of(8), 0);
    let table = (file.len() as u64).to_le_bytes();
    file[40..48].copy_from_slice(&table);
    file.extend(headers);
    file
}
