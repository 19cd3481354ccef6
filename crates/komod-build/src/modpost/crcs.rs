//! CRCs of the exports: genksyms' lines in the `.cmd` files beside the objects.
//!
//! `x.mod` lists the objects the module is made of; for each, `.y.o.cmd` holds `#SYMVER name 0xcrc`
//! lines (`scripts/Makefile.build`, Linux 6.1 and 6.12).

use super::Files;
use super::message::{Code, Level, Messages, Place};
use super::object::Object;
use rustc_hash::FxHashMap;

/// Sets the CRCs of `object`'s exports.
pub(super) fn read(object: &mut Object<'_>, files: &dyn Files, messages: &mut Messages) {
    let list = format!("{}.mod", object.path);
    let Some(members) = text(&list, files, messages) else { return };
    let mut by_name: FxHashMap<String, usize> = FxHashMap::default();
    for (index, export) in object.exports.iter().enumerate() {
        by_name.insert(export.name.clone().into_owned(), index);
    }
    for member in members.lines().filter(|line| !line.is_empty()) {
        let Some(commands) = text(&command_file(member), files, messages) else { return };
        // modpost looks for a line end before the mark: the first line is none of these.
        for line in commands.lines().skip(1) {
            let Some(rest) = line.strip_prefix("#SYMVER ") else { continue };
            let Some((name, crc)) = rest.split_once(' ') else { continue };
            if let (Some(&index), Some(crc)) = (by_name.get(name), number(crc)) {
                object.exports[index].crc = Some(crc);
            }
        }
    }
}

/// `dir/x.o` → `dir/.x.o.cmd`.
pub(super) fn command_file(object: &str) -> String {
    match object.rsplit_once('/') {
        Some((dir, name)) => format!("{dir}/.{name}.cmd"),
        None => format!(".{object}.cmd"),
    }
}

fn number(text: &str) -> Option<u32> {
    u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok()
}

/// A companion file as text.
pub(super) fn text(path: &str, files: &dyn Files, messages: &mut Messages) -> Option<String> {
    contents(path, files, messages).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// A companion file; modpost ends without it.
pub(super) fn contents(path: &str, files: &dyn Files, messages: &mut Messages) -> Option<Vec<u8>> {
    let found = files.read(path);
    if found.is_none() {
        let text = format!("{path}: No such file or directory");
        messages.add(Level::Fatal, Code::MissingFile, Place::object(path), text);
    }
    found
}
