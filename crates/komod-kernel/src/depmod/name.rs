//! Names of module files.

use std::borrow::Cow;

/// Endings of a module's file, as kmod knows them.
const ENDINGS: [&[u8]; 4] = [b".ko", b".ko.gz", b".ko.xz", b".ko.zst"];

/// Is this the name of a module's file?
pub fn is_module_file(file: &[u8]) -> bool {
    ENDINGS.iter().any(|ending| file.ends_with(ending))
}

/// The module's name by that of its file: up to the first dot, with `_` for `-`.
pub fn module_name(file: &[u8]) -> Vec<u8> {
    let stem = file.split(|byte| *byte == b'.').next().unwrap_or_default();
    stem.iter().map(|&byte| if byte == b'-' { b'_' } else { byte }).collect()
}

/// A path without the ending that tells the compression, as `modules.order` has it.
pub fn without_compression(path: &[u8]) -> &[u8] {
    ENDINGS
        .iter()
        .find(|ending| path.ends_with(ending))
        .and_then(|ending| path.get(..path.len() - ending.len() + 3))
        .unwrap_or(path)
}

/// The last part of a path.
pub fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

/// A bracket that is not closed, or closed but not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unmatched;

/// An alias as the indexes have it: `_` for `-`, except between brackets.
pub fn normalized(alias: &[u8]) -> Result<Cow<'_, [u8]>, Unmatched> {
    if memchr::memchr3(b'-', b'[', b']', alias).is_none() {
        return Ok(Cow::Borrowed(alias));
    }
    let mut out = alias.to_vec();
    let mut inside = false;
    for byte in &mut out {
        match *byte {
            b'-' if !inside => *byte = b'_',
            b'[' => inside = true,
            b']' if inside => inside = false,
            b']' => return Err(Unmatched),
            _ => {}
        }
    }
    if inside { Err(Unmatched) } else { Ok(Cow::Owned(out)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_files_and_their_names() {
        assert!(is_module_file(b"a.ko") && is_module_file(b".ko") && is_module_file(b"a.ko.zst"));
        assert!(!is_module_file(b"a.ko.lz4") && !is_module_file(b"ko") && !is_module_file(b"a.o"));
        assert_eq!(module_name(b"snd-pcm.x.ko.xz"), b"snd_pcm");
        assert_eq!(module_name(b".ko"), b"");
        assert_eq!(without_compression(b"a/b.ko.xz"), b"a/b.ko");
        assert_eq!(without_compression(b"a/b.ko"), b"a/b.ko");
        assert_eq!(file_name(b"a/b.ko"), b"b.ko");
    }

    #[test]
    fn dashes_stay_only_between_brackets() {
        assert_eq!(*normalized(b"a-b[c-d]-[e-]").unwrap(), *b"a_b[c-d]_[e-]");
        assert!(matches!(normalized(b"a_b").unwrap(), Cow::Borrowed(b"a_b")));
        for bad in [&b"a[b"[..], b"a]b", b"[a]]"] {
            assert_eq!(normalized(bad), Err(Unmatched));
        }
    }
}
