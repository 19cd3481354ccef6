//! Whether a file is the image of an x86-64 kernel, and of which release.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::tree::is_release;
use crate::image::BootHeader;
use crate::le;

/// The version text of a boot image lies within the setup code: at most 64 sectors, usually 40.
const START: u64 = 64 << 10;
/// A `vmlinux` with debug information has about 600 MB; the banner lies at its beginning.
const MAX_SCANNED: u64 = 2 << 30;
const CHUNK: usize = 1 << 20;
/// `linux_banner` (`init/version-timestamp.c`, Linux 6.12): this, the release, a space and a
/// parenthesis.
const BANNER: &[u8] = b"Linux version ";
/// The release is no longer, with what follows it.
const LONGEST: usize = 192;

/// `EM_X86_64`, `ET_REL` (elf(5)).
const X86_64: u16 = 62;
const RELOCATABLE: u16 = 1;

/// The release of a boot image, from its header; of a `vmlinux`, from its banner. `None` for what
/// is no kernel for x86-64.
pub(crate) fn image_release(image: &Path) -> io::Result<Option<String>> {
    let (start, size) = start_of(image)?;
    let release = match Elf::of(&start) {
        Some(elf) if elf.is_kernel() => banner_release(&mut File::open(image)?)?,
        Some(_) => None,
        None => BootHeader::parse_start(&start, size)
            .ok()
            .filter(|header| !is_32_bit(&start, header))
            .and_then(|header| header.release().map(str::to_owned)),
    };
    Ok(release.filter(|release| is_release(release)))
}

/// What a file is that is no kernel for x86-64, for people; with the way out, if there is one.
pub(crate) fn what_it_is(path: &Path) -> io::Result<String> {
    let (start, size) = start_of(path)?;
    let magic = |at: usize, text: &[u8]| start.get(at..).is_some_and(|rest| rest.starts_with(text));
    if start.is_empty() {
        return Ok("an empty file".to_owned());
    }
    if let Some(elf) = Elf::of(&start) {
        return Ok(elf.what());
    }
    let known: [(usize, &[u8], &str); 10] = [
        // Documentation/arch/arm64/booting.rst, Documentation/arch/riscv/boot-image-header.rst,
        // arch/arm/boot/compressed/head.S, Linux 6.12; file(1).
        (0x38, b"ARMd", "the image of a kernel for arm64"),
        (0x38, b"RSC\x05", "the image of a kernel for RISC-V"),
        (0x24, &[0x18, 0x28, 0x6f, 0x01], "the image of a kernel for 32-bit ARM"),
        (0, &[0x27, 0x05, 0x19, 0x56], "a U-Boot image, not for x86-64"),
        (0, b"!<arch>\ndebian", "a Debian package: unpack it (`dpkg -x`), or `komod kernel fetch`"),
        (0, &[0xed, 0xab, 0xee, 0xdb], "an RPM package: unpack it (`rpm2cpio`)"),
        (0, b"070701", "a cpio archive (an initramfs?)"),
        (0, &[0x1f, 0x8b], "gzip data (an initramfs, or a kernel for arm64?)"),
        (0, &[0x28, 0xb5, 0x2f, 0xfd], "zstd data (an initramfs?)"),
        (0, &[0xfd, b'7', b'z', b'X', b'Z'], "xz data: unpack it"),
    ];
    if magic(0x202, b"HdrS") {
        let protocol = le::u16(&start, 0x206).unwrap_or_default();
        return Ok(match BootHeader::parse_start(&start, size) {
            Ok(header) if is_32_bit(&start, &header) => "the image of a 32-bit kernel".to_owned(),
            Ok(_) => "a boot image that does not say its release".to_owned(),
            Err(_) if protocol < 0x0208 => {
                format!("a boot image of protocol {protocol:#x}, older than Linux 2.6.26")
            }
            Err(error) => format!("a damaged boot image ({error})"),
        });
    }
    if let Some((_, _, what)) = known.iter().find(|(at, text, _)| magic(*at, text)) {
        return Ok((*what).to_owned());
    }
    if magic(0, b"MZ") {
        // Unified kernel images: systemd's ukify(1).
        return Ok("an EFI program; out of a unified kernel image `objcopy -O binary \
                   --only-section=.linux FILE vmlinuz` takes the kernel"
            .to_owned());
    }
    let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    if start.iter().take(256).all(is_text) {
        return Ok("a text".to_owned());
    }
    Ok(format!(
        "a file of an unknown kind (it starts with {:02x?})",
        start.get(..start.len().min(8)).unwrap_or(&[])
    ))
}

fn start_of(path: &Path) -> io::Result<(Vec<u8>, u64)> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut start = Vec::new();
    file.take(START).read_to_end(&mut start)?;
    Ok((start, size))
}

/// `XLF_KERNEL_64` in `xloadflags`, since protocol 2.12 (Linux 6.12
/// `Documentation/arch/x86/boot.rst`).
fn is_32_bit(start: &[u8], header: &BootHeader) -> bool {
    header.protocol >= 0x020c && le::u16(start, 0x236).is_some_and(|flags| flags & 1 == 0)
}

/// The release in the first banner of a file.
fn banner_release(file: &mut File) -> io::Result<Option<String>> {
    let mut file = file.take(MAX_SCANNED);
    let mut buffer = Vec::with_capacity(CHUNK + LONGEST);
    loop {
        let read = file.by_ref().take(CHUNK as u64).read_to_end(&mut buffer)?;
        let found = memchr::memmem::find_iter(&buffer, BANNER)
            .find_map(|at| release_behind(buffer.get(at + BANNER.len()..)?));
        if found.is_some() || read == 0 {
            return Ok(found);
        }
        // A banner may lie across the border.
        buffer.drain(..buffer.len().saturating_sub(LONGEST));
    }
}

fn release_behind(text: &[u8]) -> Option<String> {
    let text = text.get(..text.len().min(LONGEST))?;
    let end = text.windows(2).position(|two| two == b" (")?;
    let release = std::str::from_utf8(text.get(..end)?).ok()?;
    is_release(release).then(|| release.to_owned())
}

/// What an ELF header says of the file's kind.
struct Elf {
    is_64_bit: bool,
    little_endian: bool,
    kind: u16,
    machine: u16,
}

impl Elf {
    fn of(start: &[u8]) -> Option<Self> {
        let (is_64_bit, little_endian) = match start.get(..6)? {
            [0x7f, b'E', b'L', b'F', class, order] => (*class == 2, *order == 1),
            _ => return None,
        };
        let half = |at| {
            let value = le::u16(start, at)?;
            Some(if little_endian { value } else { value.swap_bytes() })
        };
        Some(Self { is_64_bit, little_endian, kind: half(16)?, machine: half(18)? })
    }

    fn is_kernel(&self) -> bool {
        self.is_64_bit && self.little_endian && self.machine == X86_64 && self.kind != RELOCATABLE
    }

    fn what(&self) -> String {
        if self.kind == RELOCATABLE {
            return "an object file (a module?)".to_owned();
        }
        if self.machine != X86_64 {
            // elf(5), <elf.h>
            let name = match self.machine {
                3 => "32-bit x86",
                8 => "MIPS",
                20 | 21 => "PowerPC",
                22 => "s390",
                40 => "32-bit ARM",
                183 => "arm64",
                243 => "RISC-V",
                258 => "LoongArch",
                _ => "another processor",
            };
            return format!("an ELF file for {name} (machine {})", self.machine);
        }
        "an ELF file without the banner of a kernel".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    struct Made(PathBuf);

    impl Made {
        fn new(name: &str, bytes: &[u8]) -> Self {
            let file = format!("komod-image-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(file);
            std::fs::write(&path, bytes).unwrap();
            Self(path)
        }
    }

    impl Drop for Made {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    fn elf(class: u8, kind: u8, machine: u8) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, 1]);
        (bytes[16], bytes[18]) = (kind, machine);
        bytes
    }

    #[test]
    fn a_banner_is_found_wherever_it_lies() {
        let banner = b"Linux version 6.12.1-me (me@here) (gcc) #1 SMP\n";
        for at in [0, 70, CHUNK - 64 - 20, CHUNK - 64, 3 * CHUNK + 5] {
            let mut vmlinux = elf(2, 2, 62);
            vmlinux.resize(64 + at, b'-');
            vmlinux.extend_from_slice(banner);
            vmlinux.extend_from_slice(&[0; 100]);
            let made = Made::new("banner", &vmlinux);
            assert_eq!(image_release(&made.0).unwrap().as_deref(), Some("6.12.1-me"), "{at}");
        }
        for no_banner in ["Linux version %s (x)", "Linux version 6.1", "linux version 6.1 (x)"] {
            let made = Made::new("none", &[&elf(2, 2, 62), no_banner.as_bytes()].concat());
            assert_eq!(image_release(&made.0).unwrap(), None, "{no_banner}");
            assert!(what_it_is(&made.0).unwrap().contains("without the banner"));
        }
    }

    #[test]
    fn what_is_no_kernel_is_told_by_its_kind() {
        let banner = b"Linux version 6.1 (x)".as_slice();
        let at = |place: usize, text: &[u8]| [&vec![0; place], text, &[0; 600]].concat();
        for (bytes, what) in [
            (Vec::new(), "empty"),
            ([&elf(2, 1, 62), banner].concat(), "a module?"),
            ([&elf(2, 2, 183), banner].concat(), "arm64 (machine 183)"),
            ([&elf(1, 2, 3), banner].concat(), "32-bit x86"),
            (at(0x38, b"ARMd"), "arm64"),
            (at(0, b"MZ"), "--only-section=.linux"),
            (at(0x202, &[b'H', b'd', b'r', b'S', 5, 2]), "older than Linux 2.6.26"),
            (at(0x202, &[b'H', b'd', b'r', b'S', 15, 2]), "damaged boot image"),
            (b"hello\n".to_vec(), "a text"),
            (b"hello\0".to_vec(), "68, 65, 6c, 6c, 6f, 00"),
        ] {
            let made = Made::new("what", &bytes);
            assert_eq!(image_release(&made.0).unwrap(), None, "{what}");
            let said = what_it_is(&made.0).unwrap();
            assert!(said.contains(what), "{said}, not {what}");
        }
    }
}
