//! `Module.symvers`, found or made anew.
//!
//! Best is a copy: another tree's, or the one that some distributions keep beside the image. Else
//! the kernel itself tells: its image holds the table of exported symbols with licence, namespace
//! and checksum, and so does every module for its own. Without the image the checksums that the
//! stock modules were linked with (`__versions`) are what is left; they say nothing about licence
//! and namespace.

use std::fs;
use std::path::Path;

use komod_kernel::{exports, image, kallsyms};
use komod_object::compress;
use komod_object::symvers::Symvers;

use super::{Content, Spares, harvest};
use crate::tree::Tree;

pub(super) const FILE: &str = "Module.symvers";

/// Larger than any copy: 2 MB today.
const MOST: usize = 64 << 20;

/// Larger than any image unpacked.
const BASE: u64 = 0x1000_0000;

/// A symbol every kernel with `CONFIG_MODVERSIONS` exports: the checksum of `struct module`.
const WITNESS: &str = "module_layout";

pub(super) fn find(tree: &Tree, spares: &Spares) -> Option<(Content, String)> {
    if let Some(other) = spares.tree_with(tree, FILE)
        && let Some(text) = valid(&other.join(FILE))
    {
        return Some((Content::Bytes(text), other.join(FILE).display().to_string()));
    }
    for path in copies(tree, spares) {
        if let Some(text) = valid(&path) {
            return Some((Content::Bytes(text), path.display().to_string()));
        }
    }
    let modules = spares.modules.iter().find(|path| path.join("kernel").is_dir());
    let made = match spares.images.iter().find_map(|path| Some((of_image(path)?, path))) {
        Some((text, path)) => {
            let own = modules.map(|path| harvest::exports(path)).unwrap_or_default();
            let origin = match modules {
                Some(modules) => {
                    format!("{} and the modules in {}", path.display(), modules.display())
                }
                None => format!("{}; symbols of modules are missing", path.display()),
            };
            (text + &own, origin)
        }
        None => {
            let modules = modules?;
            let origin = format!(
                "the checksums in the modules of {}; licences and namespaces are not known",
                modules.display()
            );
            (harvest::imports(modules), origin)
        }
    };
    let (text, origin) = made;
    // Without it every module made with the list would be refused.
    text.contains(WITNESS).then(|| (Content::Bytes(text.into_bytes()), origin))
}

/// `/boot/symvers-R.gz` (SUSE, Red Hat), `lib/modules/R/symvers.gz` (Fedora).
fn copies(tree: &Tree, spares: &Spares) -> Vec<std::path::PathBuf> {
    let release = &tree.release;
    let mut all = Vec::new();
    for extension in ["gz", "xz", "zst"] {
        all.extend(spares.boot.iter().map(|d| d.join(format!("symvers-{release}.{extension}"))));
        all.extend(spares.modules.iter().map(|d| d.join(format!("symvers.{extension}"))));
    }
    all
}

/// The text of a copy that is a whole list.
fn valid(path: &Path) -> Option<Vec<u8>> {
    let file = fs::read(path).ok()?;
    let text = compress::decompress(&file, MOST).ok()?.into_owned();
    let list = Symvers::parse(&text).ok()?;
    list.get(WITNESS)?;
    Some(text)
}

/// The lines for the image's exports.
fn of_image(path: &Path) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    let payload = image::unpack(&bytes).ok()?;
    let symbols = kallsyms::decode(&payload).ok()?;
    let flat = image::relocate(&payload, BASE, &symbols).ok()?;
    let exports = exports::read(&flat).ok()?;
    let mut text = String::new();
    for export in exports {
        let namespace = export.namespace.unwrap_or_default();
        let crc = export.crc.unwrap_or_default();
        text.push_str(&harvest::line(crc, export.name, "vmlinux", export.gpl, namespace));
    }
    Some(text)
}
