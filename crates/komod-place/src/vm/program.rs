//! A program of the host, carried into a machine with all that it needs to start there: the
//! libraries that its dynamic linker finds for it here, or the interpreter of a script.

use super::elf_file::interpreter;
use super::executable::needed;
use super::{HostFile, VmError, transfer};
use crate::{Place, PlaceError};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A script's interpreter may be a script (execve(2) gives up after four).
const MAX_SCRIPTS: usize = 4;

/// What a shell would start by this name: a path, or the first of this name in `PATH`. `None` if
/// there is no such program here.
pub fn find(name: &str) -> Option<PathBuf> {
    let runs = |path: &PathBuf| {
        std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    };
    if name.contains('/') {
        return std::path::absolute(name).ok().filter(runs);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .filter(|p| p.is_absolute())
        .find(runs)
}

/// Puts it and what it needs there, all under the paths they have here.
pub fn carry(place: &mut dyn Place, program: &Path) -> Result<(), PlaceError> {
    let mut wanted = vec![program.to_owned()];
    let mut carried = BTreeSet::new();
    for _ in 0..=MAX_SCRIPTS {
        let Some(program) = wanted.pop() else { break };
        let data = std::fs::read(&program).map_err(VmError::file(&program))?;
        let mut files = vec![program.clone()];
        if let Some(linker) = interpreter(&data) {
            files.extend(needed(linker, &program)?.into_iter().map(PathBuf::from));
            files.push(linker.into());
        } else if let Some(interpreter) = script(&data) {
            wanted.push(interpreter);
        }
        for host in files {
            let guest = host.to_str().map(str::to_owned).ok_or_else(|| VmError::HostFile {
                path: host.clone(),
                source: std::io::Error::other("its path is no text"),
            })?;
            if carried.insert(guest.clone()) {
                transfer::copy(place, &HostFile { host, guest })?;
            }
        }
    }
    Ok(())
}

/// The interpreter in the first line of a script (execve(2)).
fn script(data: &[u8]) -> Option<PathBuf> {
    let line = data.strip_prefix(b"#!")?.split(|b| *b == b'\n').next()?;
    let line = std::str::from_utf8(line.get(..line.len().min(255))?).ok()?;
    line.split_whitespace().next().filter(|p| p.starts_with('/')).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scripts_first_line_names_its_interpreter() {
        assert_eq!(script(b"#! /bin/sh -e\nexit\n"), Some("/bin/sh".into()));
        for none in [&b"#!sh\n"[..], b"#!", b"echo", b"", b"#!\xff/x\n"] {
            assert_eq!(script(none), None, "{none:?}");
        }
    }

    #[test]
    fn programs_are_found_as_a_shell_does() {
        assert!(find("sh").is_some_and(|p| p.is_absolute() && p.ends_with("sh")));
        assert_eq!(find("/bin/sh"), Some("/bin/sh".into()));
        assert_eq!(find("/etc/passwd"), None);
        assert_eq!(find("komod-has-no-such-program"), None);
    }
}
