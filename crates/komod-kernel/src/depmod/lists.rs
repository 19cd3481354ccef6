//! The lists that come with a kernel: `modules.order`, `modules.builtin` and
//! `modules.builtin.modinfo`.

use super::error::errno_text;
use super::remark::Remark;
use crate::name::{file_name, module_name, normalized};
use std::io::{self, Read};
use std::path::Path;

/// The modules that are part of the kernel itself, by their paths.
pub const MODULES_BUILTIN: &str = "modules.builtin";
/// Their modinfo.
pub const MODULES_BUILTIN_MODINFO: &str = "modules.builtin.modinfo";
/// A longer list is none.
const MAX_LIST: u64 = 256 << 20;

/// The text of a list; a remark if there is none.
pub fn read(directory: &Path, file: &'static str, remarks: &mut Vec<Remark>) -> Option<Vec<u8>> {
    let read = || -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        std::fs::File::open(directory.join(file))?.take(MAX_LIST).read_to_end(&mut text)?;
        Ok(text)
    };
    match read() {
        Ok(text) => Some(text),
        Err(error) => {
            let (directory, reason) = (directory.to_owned(), errno_text(&error));
            remarks.push(Remark::Missing { file, directory, reason });
            None
        }
    }
}

/// The names in `modules.builtin`.
pub fn builtin_names(list: &[u8], remarks: &mut Vec<Remark>) -> Vec<Vec<u8>> {
    let lines = list.strip_suffix(b"\n").unwrap_or(list);
    let mut names = Vec::new();
    if list.is_empty() {
        return names;
    }
    for line in lines.split(|byte| *byte == b'\n') {
        match line.first() {
            Some(first) if first.is_ascii_alphabetic() => names.push(module_name(file_name(line))),
            _ => remarks.push(Remark::BadBuiltin { line: line.to_vec() }),
        }
    }
    names
}

/// An alias of a module that is part of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltinAlias {
    /// As the index has it.
    pub alias: Vec<u8>,
    /// The module.
    pub module: Vec<u8>,
}

/// The aliases in `modules.builtin.modinfo`: `module.alias=…`, each with a NUL behind it. An empty
/// module or alias and a record that is cut off do not count.
pub fn builtin_aliases(records: &[u8], remarks: &mut Vec<Remark>) -> Vec<BuiltinAlias> {
    let mut aliases = Vec::new();
    let end = memchr::memrchr(0, records).unwrap_or_default();
    for record in records.get(..end).unwrap_or_default().split(|byte| *byte == 0) {
        let Some(dot) = memchr::memchr(b'.', record) else { continue };
        let (module, rest) = record.split_at_checked(dot).unwrap_or_default();
        let Some(alias) = rest.strip_prefix(b".alias=") else { continue };
        if module.is_empty() || alias.is_empty() {
            continue;
        }
        match normalized(alias) {
            Ok(alias) => {
                aliases.push(BuiltinAlias { alias: alias.into_owned(), module: module.to_vec() });
            }
            Err(_) => remarks.push(Remark::UnmatchedBracket { alias: alias.to_vec() }),
        }
    }
    aliases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builtin_paths_become_names() {
        let mut remarks = Vec::new();
        let list = b"kernel/x/foo-bar.ko\n9kernel/y.ko\nkernel/z\n\n kernel/sp.ko\n";
        let names = builtin_names(list, &mut remarks);
        assert_eq!(names, [b"foo_bar".to_vec(), b"z".to_vec()]);
        assert_eq!(remarks.len(), 3);
        assert!(builtin_names(b"", &mut remarks).is_empty());
    }

    #[test]
    fn only_aliases_of_the_records_count() {
        let mut remarks = Vec::new();
        let records = b"foo.alias=pci:a-b\0foo.license=GPL\0bar-x.alias=z[1\0noeq\0foo.aliasx=q\0\
                        e.alias=u=v\0a.b.alias=t\0f.alias=\0.alias=d\0f.alias=cut";
        let aliases = builtin_aliases(records, &mut remarks);
        let shown: Vec<(&[u8], &[u8])> =
            aliases.iter().map(|a| (a.alias.as_slice(), a.module.as_slice())).collect();
        assert_eq!(shown, [(&b"pci:a_b"[..], &b"foo"[..]), (b"u=v", b"e")]);
        assert_eq!(remarks.len(), 1);
    }
}
