//! Damaged files: every truncation and many changed bytes of a small object give an error or a
//! module, never a panic; and the errors name the place.

use komod_object::elf::{HEADER_SIZE, SECTION_HEADER_SIZE};
use komod_object::{Module, ParseError};

/// A minimal module: null section, names, `.modinfo`, one symbol.
fn small() -> Vec<u8> {
    let names = b"\0.shstrtab\0.modinfo\0.symtab\0.strtab\0";
    let modinfo = b"name=small\0";
    let strings = b"\0init_module\0";
    let mut symbols = vec![0; 24];
    symbols.extend(1_u32.to_le_bytes());
    symbols.extend([0x12, 0]);
    symbols.extend(2_u16.to_le_bytes());
    symbols.extend([0; 16]);

    let mut file = vec![0; HEADER_SIZE];
    let mut place = |bytes: &[u8]| {
        let offset = file.len() as u64;
        file.extend(bytes);
        (offset, bytes.len() as u64)
    };
    let sections = [
        (0, 0, 0, (0, 0), 0),
        (1, 3, 0, place(names), 0),
        (11, 1, 2, place(modinfo), 0),
        (20, 2, 0, place(&symbols), 4),
        (28, 3, 0, place(strings), 0),
    ];
    let table = file.len() as u64;
    for (name, kind, flags, (offset, size), link) in sections {
        let mut header = Vec::new();
        header.extend(u32::to_le_bytes(name));
        header.extend(u32::to_le_bytes(kind));
        header.extend(u64::to_le_bytes(flags));
        header.extend(u64::to_le_bytes(0));
        header.extend(offset.to_le_bytes());
        header.extend(size.to_le_bytes());
        header.extend(u32::to_le_bytes(link));
        header.resize(SECTION_HEADER_SIZE, 0);
        file.extend(header);
    }
    file[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
    file[16..18].copy_from_slice(&1_u16.to_le_bytes());
    file[18..20].copy_from_slice(&62_u16.to_le_bytes());
    file[40..48].copy_from_slice(&table.to_le_bytes());
    for (at, value) in [(52, 64_u16), (58, 64), (60, 5), (62, 1)] {
        file[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }
    file
}

fn exercise(file: &[u8]) {
    if let Ok(module) = Module::parse(file) {
        let _ = (module.name(), module.exports(), module.params(), module.init());
        let _ = (module.imports().count(), module.modinfo().entries().count());
    }
}

#[test]
fn the_undamaged_file_parses() {
    let file = small();
    let module = Module::parse(&file).unwrap();
    assert_eq!(module.name(), "small");
    assert_eq!(module.init().unwrap().name, "init_module");
    assert!(module.exit().is_none());
}

#[test]
fn every_truncation_is_refused() {
    let file = small();
    for len in 0..file.len() {
        assert!(Module::parse(&file[..len]).is_err(), "{len}");
    }
}

#[test]
fn changed_bytes_never_panic() {
    let file = small();
    for at in 0..file.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut damaged = file.clone();
            damaged[at] = value;
            exercise(&damaged);
        }
    }
}

#[test]
fn errors_name_the_place() {
    let file = small();
    let with = |at: usize, bytes: &[u8]| {
        let mut damaged = file.clone();
        damaged[at..at + bytes.len()].copy_from_slice(bytes);
        Module::parse(&damaged).unwrap_err()
    };
    let table = u64::from_le_bytes(file[40..48].try_into().unwrap()) as usize;
    assert_eq!(with(0, b"MZ\0\0"), ParseError::NotElf { found: *b"MZ\0\0" });
    let foreign = |what, machine: &str| ParseError::ForeignFormat { what, machine: machine.into() };
    assert_eq!(with(4, &[1]), foreign("32-bit", "x86_64"));
    assert_eq!(
        with(16, &[3]),
        ParseError::NotRelocatable { e_type: 3, name: "shared object or PIE" }
    );
    assert_eq!(with(62, &[9]), ParseError::SectionNames { index: 9, count: 5 });
    let error = with(table + 2 * SECTION_HEADER_SIZE + 32, &u64::MAX.to_le_bytes());
    assert_eq!(
        error.to_string(),
        format!(
            "section 2 (.modinfo): 0xffffffffffffffff bytes at offset 0x64 lie outside the file of \
             {} bytes",
            file.len()
        )
    );
    let error = with(table + 3 * SECTION_HEADER_SIZE + 40, &[77]);
    assert_eq!(
        error.to_string(),
        "section 3 (.symtab): string table section 77 is out of range (limit 5)"
    );
    assert!(matches!(with(24 + 64 + 36 + 11, &[99]), ParseError::StringOffset { .. }));
    let packed = Module::parse(b"\xfd7zXZ\0 and so on").unwrap_err();
    assert_eq!(packed, ParseError::Compressed { format: "xz" });
}
