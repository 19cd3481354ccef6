//! What makes a directory a kernel build tree.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Small files of a tree are read up to this size.
const MAX_TEXT: u64 = 64 << 10;

/// The release a configured build tree builds for: from `include/generated/utsrelease.h`, which
/// ends up in every module, else from Debian's `.kernelvariables`, else from
/// `include/config/kernel.release` (both are written by `make
/// prepare`, Linux 6.12 `Makefile`; Debian 6.1 has the upstream version in the latter). `None` if
/// the directory is not a configured tree.
pub fn tree_release(tree: &Path) -> Option<String> {
    if !tree.join("Makefile").is_file() {
        return None;
    }
    let release = read_text(&tree.join("include/generated/utsrelease.h"))
        .and_then(|header| uts_release(&header))
        .or_else(|| kernel_variables(&read_text(&tree.join(".kernelvariables"))?))
        .or_else(|| {
            let text = read_text(&tree.join("include/config/kernel.release"))?;
            Some(text.trim().to_owned())
        })?;
    Some(release).filter(|release| is_release(release))
}

/// `#define UTS_RELEASE "6.1.0-56-amd64"`.
pub(crate) fn uts_release(header: &str) -> Option<String> {
    let line = header.lines().find(|line| line.starts_with("#define UTS_RELEASE "))?;
    Some(line.split('"').nth(1)?.to_owned())
}

/// `override KERNELRELEASE = 6.1.0-56-amd64`, in the file that Debian's trees have.
fn kernel_variables(text: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.strip_prefix("override KERNELRELEASE = "))?;
    Some(line.trim().to_owned())
}

/// A release is a file name that begins with a version number.
pub(crate) fn is_release(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.len() <= 128
        && text.chars().all(|c| c.is_ascii_graphic() && c != '/')
}

pub(crate) fn read_text(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(MAX_TEXT).read_to_string(&mut text).ok()?;
    Some(text)
}
