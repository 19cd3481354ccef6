//! komod's own binary as a file of a machine's initramfs, with the libraries it needs.

use super::VmError;
use super::elf_file::{interpreter, without_debug_information};
use std::path::{Path, PathBuf};
use std::process::Command;

const OURSELVES: &str = "/proc/self/exe";

/// A file and what it holds.
pub struct Library {
    pub path: String,
    pub data: Vec<u8>,
}

pub struct Executable {
    pub data: Vec<u8>,
    pub libraries: Vec<Library>,
}

/// Reads this program, and the libraries that its dynamic linker finds for it. They keep their
/// paths, so the linker finds them again.
pub fn read() -> Result<Executable, VmError> {
    let read = |path: &str| {
        std::fs::read(path).map_err(|source| VmError::File { path: PathBuf::from(path), source })
    };
    let mut data = read(OURSELVES)?;
    let linker = interpreter(&data).map(str::to_owned);
    without_debug_information(&mut data);
    let mut libraries = Vec::new();
    if let Some(linker) = linker {
        // In the linker's process, the link would be the linker itself.
        let ourselves = format!("/proc/{}/exe", std::process::id());
        for path in needed(&linker, Path::new(&ourselves))?.into_iter().chain([linker]) {
            if !libraries.iter().any(|l: &Library| l.path == path) {
                libraries.push(Library { data: read(&path)?, path });
            }
        }
    }
    Ok(Executable { data, libraries })
}

/// What the dynamic linker finds (`ld.so --list`, ld.so(8); musl's knows the option as well).
pub fn needed(linker: &str, program: &Path) -> Result<Vec<String>, VmError> {
    let output = Command::new(linker).arg("--list").arg(program).output();
    let output = output
        .map_err(|source| VmError::File { path: PathBuf::from(linker), source })
        .map(|o| String::from_utf8_lossy(&o.stdout).into_owned())?;
    Ok(output.lines().filter_map(listed).map(str::to_owned).collect())
}

/// `libc.so.6 => /lib/libc.so.6 (0x7f…)`, or a path alone; the kernel's own has none.
fn listed(line: &str) -> Option<&str> {
    let line = line.trim();
    let found = line.split_once("=> ").map_or(line, |(_, found)| found);
    let path = found.rsplit_once(" (0x").map_or(found, |(path, _)| path);
    path.starts_with('/').then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_taken_from_the_list() {
        let line = "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f0000000000)";
        assert_eq!(listed(line), Some("/lib/x86_64-linux-gnu/libc.so.6"));
        assert_eq!(listed("\t/lib64/ld.so (0x1)"), Some("/lib64/ld.so"));
        assert_eq!(listed("\tlinux-vdso.so.1 (0x1)"), None);
        assert_eq!(listed("\tlibx.so => not found"), None);
    }

    #[test]
    fn this_program_has_its_libraries_with_it() {
        let own = read().unwrap();
        assert!(own.data.starts_with(b"\x7fELF"));
        assert!(own.data.len() as u64 <= std::fs::metadata(OURSELVES).unwrap().len());
        let has = |part: &str| own.libraries.iter().any(|l| l.path.contains(part));
        assert!(own.libraries.is_empty() || (has("libc") && has("ld")));
    }
}
