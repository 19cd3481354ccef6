//! The one form of a module's name or alias: `-` is written `_`.

use std::path::Path;

/// With each `-` as `_`, but for those in `[…]`, where it is a range; `None` if a bracket has no
/// other half.
pub fn normalized(name: &[u8]) -> Option<Vec<u8>> {
    let mut rest = name;
    let mut out = Vec::with_capacity(name.len());
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            b'-' => out.push(b'_'),
            b']' => return None,
            b'[' => {
                let end = rest.iter().position(|byte| *byte == b']')?;
                out.push(b'[');
                out.extend_from_slice(&rest[..=end]);
                rest = &rest[end + 1..];
            }
            _ => out.push(byte),
        }
    }
    Some(out)
}

/// With every `-` as `_`.
pub fn underscored(name: &[u8]) -> Vec<u8> {
    name.iter().map(|byte| if *byte == b'-' { b'_' } else { *byte }).collect()
}

/// The name of the module in a file: all up to the first `.` of the file's name.
pub fn of_file(path: &[u8]) -> Vec<u8> {
    let file = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    underscored(file.split(|byte| *byte == b'.').next().unwrap_or_default())
}

/// Bytes as a path.
pub fn as_path(bytes: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_are_underscores_outside_brackets() {
        let text =
            |name: &str| normalized(name.as_bytes()).map(|name| String::from_utf8(name).unwrap());
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
