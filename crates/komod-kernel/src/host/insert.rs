//! Giving the kernel a module's file.
//!
//! The file itself goes to `finit_module(2)` where the kernel can read it: uncompressed, or
//! compressed as the kernel undoes it. Else its contents go to `init_module(2)`, as they do in
//! kernels without the former.

use super::{Host, LoadFlags};
use komod_object::compress::{DecompressError, Format, decompress};
use std::ffi::CStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The largest module: five times Debian's largest with its debug information.
pub const MAX_MODULE: usize = 1 << 30;

/// A shorter file is not even given to the kernel: the magic bytes of xz are this many.
const SHORTEST: usize = 6;

/// Checks the kernel is to leave out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Force {
    /// The checksums of symbols (`--force-modversion`).
    pub modversions: bool,
    /// The version magic (`--force-vermagic`).
    pub vermagic: bool,
}

impl Force {
    /// `--force`
    pub const ALL: Force = Force { modversions: true, vermagic: true };
}

/// Why a module is not in the kernel.
#[derive(Debug, thiserror::Error)]
pub enum InsertError {
    /// Its file cannot be read.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its file cannot be decompressed.
    #[error("{}: {source}", .path.display())]
    Compression {
        /// The file.
        path: PathBuf,
        /// Why.
        source: DecompressError,
    },
    /// Its file is no ELF file.
    #[error("{}: no ELF file: it begins with {start:02x?}", .path.display())]
    NoElf {
        /// The file.
        path: PathBuf,
        /// Its first bytes.
        start: Vec<u8>,
    },
    /// The kernel refuses it.
    #[error("{}: {call}: {source}", .path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// The system call.
        call: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
}

impl InsertError {
    /// The error number that kmod's tools go by.
    pub fn errno(&self) -> i32 {
        match self {
            InsertError::File { source, .. } | InsertError::Refused { source, .. } => {
                source.raw_os_error().unwrap_or(libc::EIO)
            }
            InsertError::Compression { .. } | InsertError::NoElf { .. } => libc::EINVAL,
        }
    }

    /// The kernel was asked: its log may say more.
    pub fn is_refusal(&self) -> bool {
        matches!(self, InsertError::Refused { .. })
    }
}

/// Loads the module in a file. `parameters` are as the kernel takes them: `a=1 b="x y"`.
pub fn insert(
    host: &dyn Host,
    path: &Path,
    parameters: &CStr,
    force: Force,
) -> Result<(), InsertError> {
    let file_error = |source| InsertError::File { path: path.to_owned(), source };
    let refused = |call, source| InsertError::Refused { path: path.to_owned(), call, source };
    let file = open(path).map_err(file_error)?;
    let mut start = [0; SHORTEST];
    let len = file.read_at(&mut start, 0).map_err(file_error)?;
    let start = start.get(..len).unwrap_or_default();
    if start.len() < SHORTEST {
        return Err(InsertError::NoElf { path: path.to_owned(), start: start.to_vec() });
    }
    let format = Format::detect(start);
    if format.is_none() || format == host.compression() {
        let flags = LoadFlags {
            ignore_modversions: force.modversions,
            ignore_vermagic: force.vermagic,
            compressed: format.is_some(),
        };
        match host.finit_module(file.as_fd(), parameters, flags) {
            Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => {}
            other => return other.map_err(|source| refused("finit_module", source)),
        }
    }
    let mut bytes = Vec::new();
    file.take(MAX_MODULE as u64).read_to_end(&mut bytes).map_err(file_error)?;
    let image = decompress(&bytes, MAX_MODULE)
        .map_err(|source| InsertError::Compression { path: path.to_owned(), source })?;
    if !image.starts_with(b"\x7fELF") {
        let start = image.iter().take(4).copied().collect();
        return Err(InsertError::NoElf { path: path.to_owned(), start });
    }
    let mut image = image;
    if force != Force::default() {
        loosen(image.to_mut(), force);
    }
    host.init_module(&image, parameters).map_err(|source| refused("init_module", source))
}

/// Opens a regular file; a pipe would keep us waiting, and the kernel refuses it anyway
/// (`kernel_read_file()`, `fs/kernel_read_file.c`, Linux 6.1).
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_dir() {
        return Err(io::Error::from_raw_os_error(libc::EISDIR));
    }
    if !kind.is_file() {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    Ok(file)
}

/// What the flags of `finit_module` do, done to the image: the kernel does not find `__versions`
/// if it takes no memory, nor `vermagic=` if it is not there. What cannot be read stays as it is;
/// the kernel will say so.
pub fn loosen(image: &mut [u8], force: Force) {
    let Ok(elf) = komod_object::elf::Elf::parse(image) else { return };
    let mut changes: Vec<(usize, usize)> = Vec::new();
    let table = usize::try_from(elf.header().shoff).unwrap_or(usize::MAX);
    for section in elf.sections() {
        if force.modversions && section.name == *"__versions" {
            // The lowest byte of sh_flags.
            let header = section.index.saturating_mul(komod_object::elf::SECTION_HEADER_SIZE);
            changes.push((table.saturating_add(header).saturating_add(8), 0));
        }
        if force.vermagic && section.name == *".modinfo" {
            let start = usize::try_from(section.header.offset).unwrap_or(usize::MAX);
            let data = section.data();
            let mut at = 0;
            for string in data.split(|byte| *byte == 0) {
                if string.starts_with(b"vermagic=") {
                    changes.push((start.saturating_add(at), string.len()));
                }
                at += string.len() + 1;
            }
        }
    }
    for (at, len) in changes {
        match len {
            0 => {
                if let Some(flags) = image.get_mut(at) {
                    *flags &= !(komod_object::elf::SHF_ALLOC as u8);
                }
            }
            len => {
                if let Some(string) = image.get_mut(at..at.saturating_add(len)) {
                    string.fill(0);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::FakeHost;
    use super::*;
    use crate::scratch::Folder;

    fn gzip(data: &[u8]) -> Vec<u8> {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn the_file_itself_where_the_kernel_can_read_it() {
        let folder = Folder::new("insert");
        let mut host = FakeHost::default();
        let plain = folder.file("plain.ko", b"\x7fELF, nearly");
        insert(&host, &plain, c"x=1", Force::ALL).unwrap();
        let packed = folder.file("packed.ko.gz", gzip(b"\x7fELF, nearly"));
        insert(&host, &packed, c"", Force::default()).unwrap();
        host.files.insert("/sys/module/compression".into(), b"gzip\n".to_vec());
        insert(&host, &packed, c"", Force::default()).unwrap();
        let calls = host.calls.borrow();
        assert_eq!(calls[..], ["finit plain.ko [x=1] 3", "init 12 []", "finit packed.ko.gz [] 4"]);
    }

    #[test]
    fn contents_in_kernels_without_finit_module() {
        let folder = Folder::new("insert");
        let host = FakeHost::default();
        host.no_finit.set(libc::ENOSYS);
        insert(&host, &folder.file("old.ko", b"\x7fELF, nearly"), c"", Force::default()).unwrap();
        assert_eq!(host.calls.borrow()[1], "init 12 []");
        let error = insert(&host, &folder.file("no.ko", b"some text"), c"", Force::default());
        assert_eq!(error.unwrap_err().errno(), libc::EINVAL);
    }

    #[test]
    fn what_is_no_module_file() {
        let folder = Folder::new("insert");
        let host = FakeHost::default();
        let errno = |path: &Path| insert(&host, path, c"", Force::default()).unwrap_err().errno();
        assert_eq!(errno(Path::new("/nowhere/a.ko")), libc::ENOENT);
        assert_eq!(errno(Path::new("/")), libc::EISDIR);
        assert_eq!(errno(Path::new("/dev/null")), libc::EINVAL);
        assert_eq!(errno(&folder.file("short.ko", b"abc")), libc::EINVAL);
        let mut torn = gzip(&[7; 5000]);
        torn.truncate(20);
        assert_eq!(errno(&folder.file("torn.ko.gz", &torn)), libc::EINVAL);
        assert!(host.calls.borrow().is_empty(), "{:?}", host.calls);
        host.no_finit.set(libc::EPERM);
        let error =
            insert(&host, &folder.file("a.ko", b"\x7fELF.."), c"", Force::default()).unwrap_err();
        assert!(error.is_refusal());
        assert_eq!(error.errno(), libc::EPERM);
    }

    /// A null section, `.shstrtab`, `.modinfo` and `__versions`.
    fn small_elf() -> Vec<u8> {
        let names = b"\0.shstrtab\0.modinfo\0__versions\0";
        let info = b"license=GPL\0vermagic=6.1\0";
        let mut elf = vec![0; 64];
        elf[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        elf[16..22].copy_from_slice(&[1, 0, 62, 0, 1, 0]);
        elf[52..54].copy_from_slice(&64_u16.to_le_bytes());
        elf[58..64].copy_from_slice(&[64, 0, 4, 0, 1, 0]);
        let mut headers = vec![[0_u8; 64]];
        for (name, kind, flags, data) in
            [(1_u32, 3_u32, 0_u64, &names[..]), (11, 1, 2, info), (20, 1, 2, &[0; 64])]
        {
            let mut header = [0; 64];
            header[..4].copy_from_slice(&name.to_le_bytes());
            header[4..8].copy_from_slice(&kind.to_le_bytes());
            header[8..16].copy_from_slice(&flags.to_le_bytes());
            header[24..32].copy_from_slice(&(elf.len() as u64).to_le_bytes());
            header[32..40].copy_from_slice(&(data.len() as u64).to_le_bytes());
            elf.extend_from_slice(data);
            headers.push(header);
        }
        let table = elf.len() as u64;
        elf[40..48].copy_from_slice(&table.to_le_bytes());
        elf.extend(headers.concat());
        elf
    }

    #[test]
    fn force_without_flags_changes_the_image() {
        let whole = small_elf();
        let flags = |image: &[u8]| {
            let elf = komod_object::elf::Elf::parse(image).unwrap();
            elf.section_by_name("__versions").unwrap().header.is_alloc()
        };
        let mut image = whole.clone();
        loosen(&mut image, Force { modversions: true, vermagic: false });
        assert!(flags(&whole) && !flags(&image));
        assert!(image.windows(12).any(|text| text == b"vermagic=6.1"));
        let mut image = whole.clone();
        loosen(&mut image, Force { modversions: false, vermagic: true });
        assert!(flags(&image));
        assert!(!image.windows(8).any(|text| text == b"vermagic"));
        assert!(image.windows(11).any(|text| text == b"license=GPL"));
        let mut torn = whole[..100].to_vec();
        loosen(&mut torn, Force::ALL);
        assert_eq!(torn, whole[..100]);
    }
}
