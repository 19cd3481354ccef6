//! The layout of `struct module` in a real kernel, from the BTF inside its boot image.

use komod_kernel::btf::Btf;
use komod_kernel::image;
use komod_load::StructModule;
use komod_object::elf::{Header, SECTION_HEADER_SIZE, SectionHeader};
use std::fs;
use std::path::Path;

/// Reads the layout from `boot/vmlinuz-<release>` below `root`.
pub fn of(root: &Path, release: &str) -> StructModule {
    let vmlinuz = fs::read(root.join(format!("boot/vmlinuz-{release}"))).unwrap();
    let vmlinux = image::unpack(&vmlinuz).unwrap();
    let btf = Btf::parse(section(&vmlinux, ".BTF").to_vec()).unwrap();
    let offset_of = |name: &str, path: &str| Some(btf.field(name, path)?.offset);
    StructModule::resolve(|name| btf.struct_size(name), offset_of).unwrap()
}

fn section<'a>(file: &'a [u8], wanted: &str) -> &'a [u8] {
    let header = Header::read(file).unwrap();
    let headers: Vec<SectionHeader> = (0..usize::from(header.shnum))
        .map(|i| SectionHeader::read(file, header.shoff as usize + i * SECTION_HEADER_SIZE))
        .map(Option::unwrap)
        .collect();
    let contents = |h: &SectionHeader| &file[h.offset as usize..][..h.size as usize];
    let names = contents(&headers[usize::from(header.shstrndx)]);
    let named = |h: &&SectionHeader| names[h.name as usize..].starts_with(wanted.as_bytes());
    contents(headers.iter().find(named).unwrap())
}
