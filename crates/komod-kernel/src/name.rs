//! Names of modules, of their files, and aliases.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Endings of a module's file, as kmod knows them.
const ENDINGS: [&[u8]; 4] = [b".ko", b".ko.gz", b".ko.xz", b".ko.zst"];

/// Is this the name of a module's file?
pub fn is_module_file(file: &[u8]) -> bool {
    ENDINGS.iter().any(|ending| file.ends_with(ending))
}

/// With every `-` as `_`.
pub fn underscored(name: &[u8]) -> Vec<u8> {
    name.iter().map(|&byte| if byte == b'-' { b'_' } else { byte }).collect()
}

/// The module's name by that of its file: up to the first dot, with `_` for `-`.
pub fn module_name(file: &[u8]) -> Vec<u8> {
    underscored(file.split(|byte| *byte == b'.').next().unwrap_or_default())
}

/// The name of the module in the file at this path.
pub fn of_file(path: &[u8]) -> Vec<u8> {
    module_name(file_name(path))
}

/// Bytes as a path.
pub fn as_path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
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

    #[test]
    fn dashes_are_underscores_outside_brackets() {
        let text = |name: &str| {
            let name = normalized(name.as_bytes()).ok()?;
            Some(String::from_utf8(name.into_owned()).unwrap())
        };
        assert_eq!(text("snd-hda-intel").as_deref(), Some("snd_hda_intel"));
        assert_eq!(text("a-[0-9][a-b]-c").as_deref(), Some("a_[0-9][a-b]_c"));
        assert_eq!(text("a[b"), None);
        assert_eq!(text("a]b"), None);
        assert_eq!(text("").as_deref(), Some(""));
    }

    #[test]
    fn files_have_names() {
        assert_eq!(of_file(b"kernel/a/snd-pcm.ko.xz"), b"snd_pcm");
        assert_eq!(of_file(b"x.y.ko"), b"x");
        assert_eq!(of_file(b""), b"");
    }
}
