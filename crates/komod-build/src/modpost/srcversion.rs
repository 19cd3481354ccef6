//! `srcversion`: a checksum of the sources a module was made of.
//!
//! It covers, for each object in `.mod`, the source that the object's `.cmd` file names and those
//! of its dependencies that stand in a folder of the object's name. White space and comments do not
//! count.

use super::md4::Md4;
use super::message::Messages;
use super::{Files, crcs};

/// How many hexadecimal digits of the digest are used.
const DIGITS: usize = 23;

/// The checksum of the module at `path`; `None` if a file is missing.
pub(super) fn of_module(path: &str, files: &dyn Files, messages: &mut Messages) -> Option<String> {
    let members = crcs::text(&format!("{path}.mod"), files, messages)?;
    let mut digest = Md4::new();
    for member in members.lines() {
        let commands = crcs::text(&crcs::command_file(member), files, messages)?;
        for source in sources(member, &commands) {
            add(&crcs::contents(source, files, messages)?, &mut digest);
        }
    }
    let mut digits: String = digest.finish().iter().map(|word| format!("{word:08X}")).collect();
    digits.truncate(DIGITS);
    Some(digits)
}

/// The source and its neighbours, as the `.cmd` file lists them.
fn sources<'c>(member: &str, commands: &'c str) -> Vec<&'c str> {
    let folder = member.rfind('/').map_or("", |slash| &member[..=slash]);
    let mut sources = Vec::new();
    let mut in_list = false;
    for line in commands.lines() {
        if line.starts_with("source_") {
            sources.extend(line.rsplit_once(' ').map(|(_, source)| source));
        } else if line.starts_with("deps_") {
            in_list = true;
        } else if in_list {
            let Some(word) = line.split_ascii_whitespace().next() else {
                in_list = false;
                continue;
            };
            if is_beside(word, folder) {
                sources.push(word);
            }
        }
    }
    sources
}

/// Does modpost take this file for a neighbour of the objects in `folder` (`net/nfc/`)? The folder may
/// stand anywhere in the path: in that of a source tree elsewhere, but in `include/net/nfc/`, too.
/// Behind its first place there must be the file's name alone. An object without a folder has no
/// neighbours. (Seen with the modpost of Debian's Linux 6.1 and 6.12.)
fn is_beside(path: &str, folder: &str) -> bool {
    let name = path.split_once(folder).map(|(_, name)| name);
    !folder.is_empty() && name.is_some_and(|name| !name.contains('/'))
}

/// Adds what counts of a source text.
fn add(text: &[u8], digest: &mut Md4) {
    // To modpost the text is a C string.
    let mut rest = text.split(|&byte| byte == 0).next().unwrap_or_default();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail.first()) {
            (b'\\', Some(b'\n')) => rest = &tail[1..],
            (b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r', _) => {}
            (b'"', _) => {
                digest.byte(first);
                rest = add_string(tail, digest);
            }
            (b'/', Some(b'*')) => {
                // The star that opens a comment may also be the one that ends it.
                let end = tail.windows(2).position(|pair| pair == b"*/");
                rest = end.map_or(&[], |end| &tail[end + 2..]);
            }
            _ => digest.byte(first),
        }
    }
}

/// Adds a string up to and with the quote that ends it; gives what follows.
fn add_string<'t>(text: &'t [u8], digest: &mut Md4) -> &'t [u8] {
    let mut before = b'"';
    for (index, &byte) in text.iter().enumerate() {
        digest.byte(byte);
        if byte == b'"' && before != b'\\' {
            return &text[index + 1..];
        }
        before = byte;
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::is_beside;

    /// What modpost of Linux 6.1 and 6.12 counts and what it does not.
    #[test]
    fn neighbours_as_modpost_has_them() {
        for path in [
            "drivers/foo/a.h",
            "./drivers/foo/a.h",
            "/usr/src/linux/drivers/foo/a.h",
            "include/drivers/foo/a.h",
            "xdrivers/foo/a.h",
        ] {
            assert!(is_beside(path, "drivers/foo/"), "{path}");
        }
        for path in [
            "drivers/foo/sub/a.h",
            "drivers/foo/../foo/a.h",
            "drivers/foo/./a.h",
            "drivers/foo/sub/drivers/foo/a.h",
            "drivers/foo2/a.h",
            "other/a.h",
        ] {
            assert!(!is_beside(path, "drivers/foo/"), "{path}");
        }
        assert!(!is_beside("a.h", "") && !is_beside("sub/a.h", ""));
        assert!(is_beside("/m/a.h", "/m/") && !is_beside("a.h", "/m/"));
    }
}
