//! The initramfs of a machine: the agent, its libraries, the drivers of its serial port.

use super::agent::{AGENT_ARGV0, DRIVERS, EARLY};
use super::cpio::Archive;
use super::executable::{self, Executable};
use super::{EarlyModule, VmError};
use crate::dependencies::{find_stock, load_order};
use std::collections::BTreeSet;
use std::path::Path;

/// What the agent's port needs of the kernel's modules, where it is not built in.
const NEEDED: [&str; 2] = ["virtio_pci", "virtio_console"];

/// Builds the archive in memory.
pub fn build(modules: Option<&Path>, early: &[EarlyModule]) -> Result<Vec<u8>, VmError> {
    let Executable { data, libraries } = executable::read()?;
    let mut archive = Archive::default();
    let mut made = BTreeSet::new();
    let own = [DRIVERS, EARLY].map(|path| path.trim_start_matches('/'));
    for directory in ["dev", "proc", "sys", "tmp"].into_iter().chain(own) {
        archive.directory(directory);
        made.insert(directory.to_owned());
    }
    for library in &libraries {
        folders(&library.path, &mut made, &mut archive);
        archive.executable(&library.path, &library.data);
    }
    archive.executable(AGENT_ARGV0, &data);
    for (at, (name, elf)) in drivers(modules)?.into_iter().enumerate() {
        archive.file(&format!("{DRIVERS}/{at:02}-{name}.ko"), &elf);
    }
    for (at, module) in early.iter().enumerate() {
        archive.file(&format!("{EARLY}/{at:02}-{}.ko", module.name), &module.elf);
    }
    Ok(archive.finish())
}

/// The folders above a file, each before what is in it.
fn folders(path: &str, made: &mut BTreeSet<String>, archive: &mut Archive) {
    let path = path.trim_start_matches('/');
    for (at, _) in path.match_indices('/') {
        let folder = path.get(..at).unwrap_or_default();
        if made.insert(folder.to_owned()) {
            archive.directory(folder);
        }
    }
}

/// The drivers in loading order; those that are not among the modules are taken for built in.
fn drivers(modules: Option<&Path>) -> Result<Vec<(String, Vec<u8>)>, VmError> {
    let Some(modules) = modules else { return Ok(Vec::new()) };
    let files: Vec<_> = NEEDED.iter().filter_map(|name| find_stock(modules, name)).collect();
    let order = load_order(&files, Some(modules), &BTreeSet::new())?;
    Ok(order.modules.into_iter().map(|m| (m.name, m.elf)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_come_once_and_first() {
        let (mut made, mut archive) = (BTreeSet::new(), Archive::default());
        folders("/lib/x/a.so", &mut made, &mut archive);
        folders("/lib/y/b.so", &mut made, &mut archive);
        assert_eq!(made.into_iter().collect::<Vec<_>>(), ["lib", "lib/x", "lib/y"]);
    }
}
