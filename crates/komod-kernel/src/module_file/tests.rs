//! Files made by hand, whole and broken.

use super::elf::{self, Sections};
use super::header::Layout;
use super::samples::{USUAL, elf};
use super::source::Source;
use super::*;

fn file(bytes: &[u8]) -> Result<ModuleFile, ModuleFileError> {
    let source = Source::of(bytes);
    let path = PathBuf::from("x.ko");
    let sections =
        Sections::read(&source).map_err(|problem| problem.in_file(&path, source.size()))?;
    Ok(ModuleFile { path, source, sections })
}

#[test]
fn all_kinds_of_elf() {
    for wide in [true, false] {
        for big in [false, true] {
            let sections: [(&str, &[u8]); 2] = [(".text", b"x"), (".modinfo", b"a=b\0")];
            let file = file(&elf(Layout { wide, big }, &sections)).unwrap();
            assert_eq!(file.section(".modinfo").unwrap().unwrap(), b"a=b\0");
            assert_eq!(file.section(".modinf").unwrap(), None);
            assert!(file.signature().unwrap().is_none());
        }
    }
}

#[test]
fn every_truncation_and_change_is_an_error_or_none() {
    let whole = elf(USUAL, &[(".modinfo", b"a=b\0"), (".note.gnu.build-id", b"x")]);
    let look = |bytes: &[u8]| {
        if let Ok(file) = file(bytes) {
            let _ = (file.section(".modinfo"), file.build_id(), file.signature());
        }
    };
    for length in 0..whole.len() {
        assert!(file(&whole[..length]).is_err(), "{length}");
        look(&whole[..length]);
    }
    for place in 0..whole.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut changed = whole.clone();
            changed[place] = value;
            look(&changed);
        }
    }
}

#[test]
fn errors_say_where() {
    let mut bytes = elf(USUAL, &[(".modinfo", b"a=b\0")]);
    let text = |bytes: &[u8]| file(bytes).unwrap_err().to_string();
    bytes[62] = 9;
    assert_eq!(
        text(&bytes),
        format!("x.ko: e_shstrndx at offset 0x3e is 0x9; the file has {:#x} bytes", bytes.len())
    );
    bytes[4] = 7;
    assert!(text(&bytes).starts_with("x.ko: EI_CLASS at offset 0x4 is 0x7"));
    let error = file(b"a text, no module").unwrap_err();
    assert_eq!(error.errno(), libc::ENOEXEC);
}

/// A section may end with the file, and a note may end where its name should be.
#[test]
fn notes() {
    let note = |name: &[u8], id: &[u8]| {
        let sizes = [name.len() as u32, id.len() as u32, 3].map(u32::to_le_bytes).concat();
        [&sizes, name, id].concat()
    };
    let id = |bytes: &[u8]| elf::build_id(bytes, USUAL);
    assert_eq!(id(&note(b"GNU\0", b"1234")).unwrap(), b"1234");
    assert_eq!(id(&note(b"", b"")), None);
    assert_eq!(id(&note(b"GNU\0", b"")), None);
    assert_eq!(
        id(&[note(b"ABC\0", b"12\0\0"), note(b"GNU\0", b"5678")].concat()).unwrap(),
        b"5678"
    );
    let huge = [0xff; 12];
    assert_eq!(id(&huge), None);
    for length in 0..20 {
        assert_eq!(id(&note(b"GNU\0", b"1234")[..length.min(19)]), None, "{length}");
    }
}

#[test]
fn signatures_of_both_times() {
    let signed = |trailer: [u8; 8], before: &[u8], size: u32| {
        let mut bytes = elf(USUAL, &[(".modinfo", b"a=b\0")]);
        bytes.extend_from_slice(before);
        bytes.extend_from_slice(&trailer);
        bytes.extend_from_slice(&size.to_be_bytes());
        bytes.extend_from_slice(komod_object::signature::MARKER);
        file(&bytes).unwrap().signature().unwrap()
    };
    let new = signed([0, 0, 2, 0, 0, 0, 0, 0], b"message", 7).unwrap();
    assert_eq!((new.kind, new.signature), (Some(KeyKind::Pkcs7), b"message".to_vec()));
    let old = signed([1, 4, 1, 3, 2, 0, 0, 0], b"whoidsig", 3).unwrap();
    assert_eq!((old.hash_name(), old.kind), (Some("sha256"), Some(KeyKind::X509)));
    assert_eq!(
        (&old.signer[..], &old.key[..], &old.signature[..]),
        (&b"who"[..], &b"id"[..], &b"sig"[..])
    );
    assert!(signed([0, 0, 2, 0, 0, 0, 0, 0], b"message", u32::MAX).is_none());
    assert!(signed([0, 0, 2, 0, 0, 0, 0, 0], b"", 0).is_none());
}

#[test]
fn names_of_itself() {
    let name = |at: usize, name: &[u8]| [&vec![7; at][..], name, b"\0rest"].concat();
    let names = |wide: bool, sections: &[(&str, &[u8])]| {
        let names = file(&elf(Layout { wide, big: false }, sections)).unwrap().names();
        names.into_iter().map(|name| String::from_utf8(name).unwrap()).collect::<Vec<_>>()
    };
    let (info, this) = (".modinfo", ".gnu.linkonce.this_module");
    let own = name(24, b"own");
    assert_eq!(names(true, &[(info, b"x=1\0name=own\0"), (this, &own)]), ["own"]);
    assert_eq!(names(true, &[(info, b"name=sn-d\0name=c\0"), (this, &own)]), ["sn_d", "own"]);
    assert_eq!(names(false, &[(info, b"license=GPL\0"), (this, &name(12, b"own"))]), ["own"]);
    // A name without an end has its longest.
    let long = [&[7; 24][..], &[b'n'; 200]].concat();
    assert_eq!(names(true, &[(this, &long)]), ["n".repeat(56)]);
    for none in [&[7_u8; 24][..], &[7; 3], b""] {
        assert!(names(true, &[(info, b"name=\0"), (this, none)]).is_empty());
    }
}
