//! The files that state the kernel's release.

use std::fs;

use super::Content;
use crate::tree::Tree;

pub(super) const HEADER: &str = "include/generated/utsrelease.h";
pub(super) const PLAIN: &str = "include/config/kernel.release";

pub(super) fn header(tree: &Tree) -> (Content, String) {
    let (release, origin) = release(tree);
    (Content::Bytes(format!("#define UTS_RELEASE \"{release}\"\n").into_bytes()), origin)
}

pub(super) fn plain(tree: &Tree) -> (Content, String) {
    let (release, origin) = release(tree);
    (Content::Bytes(format!("{release}\n").into_bytes()), origin)
}

/// What Debian's trees say in `.kernelvariables` counts: their `kernel.release` may hold the
/// upstream version instead (Debian 6.1: `6.1.192`).
fn release(tree: &Tree) -> (String, String) {
    const VARIABLE: &str = "override KERNELRELEASE = ";
    let path = tree.file(".kernelvariables");
    let text = fs::read_to_string(&path).unwrap_or_default();
    match text.lines().find_map(|line| line.strip_prefix(VARIABLE)) {
        Some(release) if !release.trim().is_empty() => {
            (release.trim().to_owned(), path.display().to_string())
        }
        _ => (tree.release.clone(), "the kernel's release".into()),
    }
}
