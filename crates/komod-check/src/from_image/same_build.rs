//! Whether a build tree and an image are of the same build: a release can be built many times.

use komod_kernel::prepared::Prepared;

/// What is told if they are not. `checksum` is the tree's for a symbol that the kernel itself
/// exports; the inner `None`: it has none.
pub(crate) fn difference(
    image: &Prepared,
    checksum: impl Fn(&str) -> Option<Option<u32>>,
) -> Option<String> {
    let exports = image.exports();
    let mut others = exports.iter().filter(|export| checksum(export.name) != Some(export.crc));
    let first = others.next()?.name;
    Some(format!(
        "which build of {} is meant: {} of the {} symbols that the image exports are missing from \
         Module.symvers or have other checksums there (one is {first}), so the tree and the image \
         are not of one build; verdicts are by the tree",
        image.facts().release,
        1 + others.count(),
        exports.len(),
    ))
}
