//! What the build tools need and a machine may lack.
//!
//! The kernel's objtool is linked with libelf, and a tree that comes with type information needs
//! pahole to give modules theirs. apt would install both as dependencies; an ordinary user gets
//! them beside the kernel: libraries reach their programs through a small script in the program's
//! place, and the tree is told where its pahole is.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::FetchError;
use super::apt::Apt;
use super::package::Package;
use super::unpack::relative;
use crate::find::find_program;

/// Where shared libraries may lie.
const LIBRARY_DIRS: [&str; 7] = [
    "lib/x86_64-linux-gnu",
    "usr/lib/x86_64-linux-gnu",
    "lib64",
    "usr/lib64",
    "lib",
    "usr/lib",
    "usr/local/lib",
];

/// Libraries the tools are linked with that are not part of every system: how the package's name
/// begins (Debian 13 and Ubuntu 24.04 append t64), and the file.
const LIBRARIES: [(&str, &str); 4] = [
    ("libelf1", "libelf.so.1"),
    ("libdw1", "libdw.so.1"),
    ("libbpf1", "libbpf.so.1"),
    ("libdwarves1", "libdwarves.so.1"),
];

/// The packages that have held pahole: since Debian 12, and before.
const PAHOLE: [&str; 2] = ["pahole", "dwarves"];

/// Packages with what `packages` need of these and `root`, the machine, does not have.
pub(super) fn missing(
    apt: &Apt,
    packages: &[Package],
    root: &Path,
) -> Result<Vec<Package>, FetchError> {
    let has_pahole = find_program("pahole").is_some();
    let mut found: Vec<Package> = Vec::new();
    // Kernel tools, then pahole, then its libraries, then theirs.
    for _ in 0..4 {
        let mut names: Vec<String> = packages
            .iter()
            .chain(&found)
            .flat_map(|package| package.depends.iter().flatten())
            .filter(|name| {
                let pahole = !has_pahole && PAHOLE.contains(&name.as_str());
                pahole || library(name).is_some_and(|file| !has_library(root, file))
            })
            .filter(|name| !found.iter().any(|package| &package.name == *name))
            .cloned()
            .collect();
        names.sort();
        names.dedup();
        let more = apt.show(&names)?;
        if more.is_empty() {
            break;
        }
        found.extend(more);
    }
    Ok(found)
}

/// The library a package is known to hold.
fn library(package: &str) -> Option<&'static str> {
    let name = package.strip_suffix("t64").unwrap_or(package);
    LIBRARIES.iter().find(|(known, _)| *known == name).map(|&(_, file)| file)
}

fn has_library(root: &Path, file: &str) -> bool {
    library_dir(root, file).is_some()
}

fn library_dir(root: &Path, file: &str) -> Option<PathBuf> {
    LIBRARY_DIRS.iter().map(|dir| root.join(dir)).find(|dir| dir.join(file).exists())
}

/// Makes unpacked tools work where they lie.
pub(super) fn adapt(root: &Path) -> Result<(), FetchError> {
    let fetched: Vec<(&str, PathBuf)> =
        LIBRARIES.iter().filter_map(|&(_, file)| Some((file, library_dir(root, file)?))).collect();
    if !fetched.is_empty() {
        wrap_tools(root, &fetched)?;
    }
    if root.join("usr/bin/pahole").exists() {
        name_pahole(root)?;
    }
    Ok(())
}

/// Debian's trees read `.kernelvariables` after the kernel's Makefile has set its defaults.
fn name_pahole(root: &Path) -> Result<(), FetchError> {
    let Ok(entries) = fs::read_dir(root.join("usr/src")) else { return Ok(()) };
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path().join(".kernelvariables");
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let text = format!(
            "{text}PAHOLE := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))../../bin/pahole)\n"
        );
        fs::write(&path, text).map_err(FetchError::io("write", &path))?;
    }
    Ok(())
}

/// Puts a script in the place of each program that needs a fetched library.
fn wrap_tools(root: &Path, fetched: &[(&str, PathBuf)]) -> Result<(), FetchError> {
    let mut directories = vec![root.join("usr/bin"), root.join("usr/lib"), root.join("usr/src")];
    while let Some(dir) = directories.pop() {
        let Ok(entries) = fs::read_dir(&dir) else { continue };
        for entry in entries.filter_map(Result::ok) {
            let path = entry.path();
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && !path.ends_with("usr/lib/modules") {
                directories.push(path);
            } else if kind.is_file()
                && let Some((file, libraries)) = needed(&path, fetched)
            {
                wrap_tool(root, &path, file, libraries)?;
            }
        }
    }
    Ok(())
}

/// The first fetched library that a program names, if the file is a program.
fn needed<'a>(path: &Path, fetched: &'a [(&str, PathBuf)]) -> Option<(&'a str, &'a Path)> {
    let metadata = fs::metadata(path).ok()?;
    let is_library = path.to_string_lossy().contains(".so");
    let executable = metadata.permissions().mode() & 0o111 != 0;
    if !executable || is_library || metadata.len() > 64 << 20 {
        return None;
    }
    let bytes = fs::read(path).ok().filter(|bytes| bytes.starts_with(b"\x7fELF"))?;
    fetched
        .iter()
        .find(|(file, _)| bytes.windows(file.len()).any(|window| window == file.as_bytes()))
        .map(|(file, dir)| (*file, dir.as_path()))
}

fn wrap_tool(root: &Path, path: &Path, file: &str, libraries: &Path) -> Result<(), FetchError> {
    let (Some(name), Ok(place), Ok(libraries)) =
        (path.file_name(), path.strip_prefix(root), libraries.strip_prefix(root))
    else {
        return Ok(());
    };
    let mut real = name.to_owned();
    real.push(".elf");
    let real = path.with_file_name(real);
    fs::rename(path, &real).map_err(FetchError::io("move", path))?;
    let libraries = relative(place, libraries);
    let script = format!(
        "#!/bin/sh\n\
         # The machine has no {file}: use the one that was fetched with this kernel.\n\
         here=$(dirname \"$(readlink -f \"$0\")\")\n\
         LD_LIBRARY_PATH=\"$here/{}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}\"\n\
         export LD_LIBRARY_PATH\n\
         exec \"$here/{}.elf\" \"$@\"\n",
        libraries.display(),
        name.to_string_lossy(),
    );
    fs::write(path, script).map_err(FetchError::io("write", path))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .map_err(FetchError::io("write", path))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn packages_of_libraries_are_known_with_and_without_t64() {
        assert_eq!(library("libelf1"), Some("libelf.so.1"));
        assert_eq!(library("libelf1t64"), Some("libelf.so.1"));
        assert_eq!(library("libelf-dev"), None);
        assert_eq!(library("libc6"), None);
    }

    #[test]
    fn a_wrapped_tool_finds_its_libraries() {
        let root = std::env::temp_dir().join(format!("komod-wrap-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let tools = root.join("usr/lib/linux-kbuild-9/tools");
        let tree = root.join("usr/src/linux-headers-9");
        for dir in [&tools, &tree, &root.join("usr/lib/x86_64-linux-gnu"), &root.join("usr/bin")] {
            fs::create_dir_all(dir).unwrap();
        }
        fs::write(root.join("usr/lib/x86_64-linux-gnu/libelf.so.1"), b"").unwrap();
        fs::write(root.join("usr/bin/pahole"), b"#!/bin/sh\n").unwrap();
        fs::write(tree.join(".kernelvariables"), b"CC = gcc-12\n").unwrap();
        for (name, contents) in
            [("objtool", &b"\x7fELF...libelf.so.1..."[..]), ("plain", b"\x7fELF")]
        {
            fs::write(tools.join(name), contents).unwrap();
            fs::set_permissions(tools.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        adapt(&root).unwrap();
        assert_eq!(fs::read(tools.join("plain")).unwrap(), b"\x7fELF");
        let variables = fs::read_to_string(tree.join(".kernelvariables")).unwrap();
        assert!(variables.contains("../../bin/pahole"), "{variables}");
        // In place of the program, a script that shows what it was given.
        fs::write(tools.join("objtool.elf"), "#!/bin/sh\necho \"$LD_LIBRARY_PATH $*\"\n").unwrap();
        let output = Command::new(tools.join("objtool")).args(["a b", "c"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.ends_with(" a b c\n"), "{text}");
        let libraries = text.split(' ').next().unwrap().split(':').next().unwrap();
        assert!(Path::new(libraries).join("libelf.so.1").exists(), "{text}");
        fs::remove_dir_all(&root).unwrap();
    }
}
