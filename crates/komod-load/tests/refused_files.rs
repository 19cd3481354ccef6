//! Refusals for what a file is: every one with the kernel's error number and words.

mod elf_builder;
mod refused;

use elf_builder::hello;
use komod_load::RefusalCode::*;
use komod_load::{Compression, Errno, plan};
use komod_object::elf::*;
use komod_object::signature::MARKER;
use refused::{BOTH, NEW, OLD, Setting, V6_1, refuse};

#[test]
fn the_unchanged_module_is_accepted() {
    for &version in BOTH {
        let setting = Setting::new(version);
        let bytes = setting.bytes();
        let plan = plan(&bytes, &setting.kernel, &setting.request).unwrap();
        assert_eq!(plan.name, "hello");
        assert!(plan.has_init && plan.has_exit);
        let unsigned = "hello: module verification failed: signature and/or required key missing \
                        - tainting kernel";
        assert_eq!(plan.dmesg.len(), 1);
        assert_eq!((plan.dmesg[0].level, plan.dmesg[0].text.as_str()), (5, unsigned));
        assert_eq!(plan.taint.module_letters(), "E");
    }
}

#[test]
fn permission_and_policy() {
    refuse(BOTH, |s| s.request.capable = false, NotPermitted, Errno::EPERM, &[]);
    refuse(
        BOTH,
        |s| s.kernel.facts.config.modules_disabled = true,
        NotPermitted,
        Errno::EPERM,
        &[],
    );
    refuse(
        BOTH,
        |s| s.kernel.facts.blacklist = "other,hello".into(),
        Blacklisted,
        Errno::EPERM,
        &["Module hello is blacklisted"],
    );
    refuse(BOTH, |s| s.elf.truncate = Some(0), EmptyFile, Errno::EINVAL, &[]);
    refuse(
        BOTH,
        |s| s.request.compressed = Some(Compression::Zstd),
        Compressed,
        Errno::EOPNOTSUPP,
        &[],
    );
    let other = |s: &mut Setting| {
        s.request.compressed = Some(Compression::Zstd);
        s.kernel.facts.config.decompress = Some(Compression::Xz);
    };
    refuse(BOTH, other, Compressed, Errno::EINVAL, &["not an xz compressed module"]);
}

/// A signature trailer with this kind and claimed length.
fn trailer(id_type: u8, len: u32) -> Vec<u8> {
    let mut tail = b"signature".to_vec();
    tail.extend([0, 0, id_type, 0, 0, 0, 0, 0]);
    tail.extend(len.to_be_bytes());
    tail.extend(MARKER);
    tail
}

#[test]
fn signatures() {
    let enforce = |s: &mut Setting| s.kernel.facts.config.sig_enforce = true;
    let rejected = &["Loading of unsigned module is rejected"];
    refuse(BOTH, enforce, SignatureRequired, Errno::EKEYREJECTED, rejected);
    let forced = |s: &mut Setting| {
        s.kernel.facts.config.sig_enforce = true;
        s.elf.tail = trailer(2, 9);
        s.request.ignore_vermagic = true;
    };
    refuse(BOTH, forced, SignatureRequired, Errno::EKEYREJECTED, rejected);
    refuse(
        BOTH,
        |s| s.kernel.facts.config.lockdown = true,
        Lockdown,
        Errno::EPERM,
        &["Lockdown: insmod: unsigned module loading is restricted; see man kernel_lockdown.7"],
    );
    refuse(BOTH, |s| s.elf.tail = trailer(2, 1 << 20), MalformedSignature, Errno::EBADMSG, &[]);
    let kind = |s: &mut Setting| {
        s.elf.tail = trailer(1, 9);
        s.kernel.facts.config.sig_enforce = true;
    };
    refuse(
        BOTH,
        kind,
        SignatureRequired,
        Errno::EKEYREJECTED,
        &[
            "module: not signed with expected PKCS#7 message",
            "Loading of module with unsupported crypto is rejected",
        ],
    );
    // A good signature satisfies everybody and taints nothing.
    let mut setting = Setting::new(V6_1);
    setting.elf.tail = trailer(2, 9);
    enforce(&mut setting);
    let bytes = setting.bytes();
    let plan = plan(&bytes, &setting.kernel, &setting.request).unwrap();
    assert!(plan.sig_ok && plan.dmesg.is_empty());
}

#[test]
fn not_an_elf_module() {
    let len = |s: &mut Setting| s.elf.truncate = Some(63);
    refuse(BOTH, len, NotAModule, Errno::ENOEXEC, &["Invalid ELF header len 63"]);
    let magic = |s: &mut Setting| s.elf.patches.push((0, b"\xfd7zXZ".to_vec()));
    refuse(BOTH, magic, NotAModule, Errno::ENOEXEC, &["Invalid ELF header magic: != \x7fELF"]);
    let kind = |s: &mut Setting| s.elf.e_type = 3;
    refuse(BOTH, kind, NotAModule, Errno::ENOEXEC, &["Invalid ELF header type: 3 != 1"]);
    let machine = |s: &mut Setting| s.elf.machine = 183;
    let text = &["Invalid architecture in ELF header: 183"];
    refuse(BOTH, machine, NotAModule, Errno::ENOEXEC, text);
    let entry = |s: &mut Setting| s.elf.patches.push((58, vec![40, 0]));
    refuse(BOTH, entry, CorruptElf, Errno::ENOEXEC, &["Invalid ELF section header size"]);
    let cut = |s: &mut Setting| s.elf.truncate = Some(s.elf.build().len() - 1);
    refuse(BOTH, cut, NotAModule, Errno::ENOEXEC, &["Invalid ELF section header overflow"]);
    let names = |s: &mut Setting| s.elf.patches.push((62, vec![200, 0]));
    let count = hello(V6_1).build()[60];
    let text =
        format!("Invalid ELF section name index: 200 || e_shstrndx (200) >= e_shnum ({count})");
    refuse(BOTH, names, CorruptElf, Errno::ENOEXEC, &[&text]);
}

/// Offset of a section header in the finished file.
fn header_at(s: &Setting, index: usize) -> usize {
    let file = s.elf.build();
    u64::from_le_bytes(file[40..48].try_into().unwrap()) as usize + index * SECTION_HEADER_SIZE
}

#[test]
fn corrupt_sections() {
    let first = |s: &mut Setting| s.elf.patches.push((header_at(s, 0) + 4, vec![1]));
    refuse(
        BOTH,
        first,
        CorruptElf,
        Errno::ENOEXEC,
        &["ELF Spec violation: section 0 type(1)!=SH_NULL or non-zero len or addr"],
    );
    let bounds = |s: &mut Setting| s.elf.patches.push((header_at(s, 1) + 32, vec![0xff; 8]));
    let text = &["Invalid ELF section in module (section 1 type 1)"];
    refuse(BOTH, bounds, CorruptElf, Errno::ENOEXEC, text);
    let name = |s: &mut Setting| s.elf.patches.push((header_at(s, 1), vec![0xff; 4]));
    let text = &["Invalid ELF section name in module (section 1 type 1)"];
    refuse(BOTH, name, CorruptElf, Errno::ENOEXEC, text);
    let link = |s: &mut Setting| {
        let table = s.elf.sections.len() + 1;
        s.elf.patches.push((header_at(s, table) + 40, vec![0; 4]));
    };
    let count = hello(V6_1).build()[60];
    let text = format!("Invalid ELF sh_link!=SHN_UNDEF(0) or (sh_link(0) >= hdr->e_shnum({count})");
    refuse(BOTH, link, CorruptElf, Errno::ENOEXEC, &[&text]);
    let unterminated = |s: &mut Setting| {
        let names = usize::from(s.elf.build()[62]);
        let file = s.elf.build();
        let header = SectionHeader::read(&file, header_at(s, names)).unwrap();
        s.elf.patches.push(((header.offset + header.size) as usize - 1, vec![b'x']));
    };
    let text = &["ELF Spec violation: section name table isn't null terminated"];
    refuse(BOTH, unterminated, CorruptElf, Errno::ENOEXEC, text);
    let twice = |s: &mut Setting| {
        s.elf.section(".modinfo", SHT_PROGBITS, SHF_ALLOC, 1, b"name=two\0");
    };
    let text = &["Only one .modinfo section must exist."];
    refuse(NEW, twice, CorruptElf, Errno::ENOEXEC, text);
    let align = |s: &mut Setting| s.elf.get(".data").align = 1 << 32;
    refuse(BOTH, align, Unchecked, Errno::ENOEXEC, &[]);
    let outside = |s: &mut Setting| {
        s.elf.section("null", SHT_NULL, SHF_ALLOC, 1, &[0; 8]);
        s.elf.get("null").size = Some(1 << 20);
    };
    refuse(OLD, outside, Unchecked, Errno::ENOEXEC, &[]);
    refuse(NEW, outside, Unchecked, Errno::ENOEXEC, &[]);
}

#[test]
fn missing_parts() {
    let stripped = |s: &mut Setting| {
        s.elf.stripped = true;
        s.elf.relas.clear();
    };
    let text = &["hello: module has no symbols (stripped?)"];
    refuse(BOTH, stripped, NoSymbols, Errno::ENOEXEC, text);
    let object = |s: &mut Setting| s.elf.get(".gnu.linkonce.this_module").name = ".this".into();
    let text = &["hello: No module found in object"];
    refuse(OLD, object, NoThisModule, Errno::ENOEXEC, text);
    let text = &["module hello: Exactly one .gnu.linkonce.this_module section must exist."];
    refuse(NEW, object, NoThisModule, Errno::ENOEXEC, text);
    let nameless = |s: &mut Setting| {
        object(s);
        s.elf.get(".modinfo").name = ".info".into();
    };
    let text = &["(missing .modinfo section or name field): No module found in object"];
    refuse(OLD, nameless, NoThisModule, Errno::ENOEXEC, text);
    let size = |s: &mut Setting| s.elf.get(".gnu.linkonce.this_module").data.push(0);
    refuse(
        NEW,
        size,
        ThisModuleSize,
        Errno::ENOEXEC,
        &["module hello: .gnu.linkonce.this_module section size must match the kernel's built \
           struct module size at run time"],
    );
    let flags = |s: &mut Setting| s.elf.get(".gnu.linkonce.this_module").flags = 0;
    refuse(
        NEW,
        flags,
        NoThisModule,
        Errno::ENOEXEC,
        &["module hello: .gnu.linkonce.this_module must occupy memory during process execution"],
    );
}
