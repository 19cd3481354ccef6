//! How modinfo writes what a module tells.

use super::look_up::Found;
use super::told::{Param, Signature, Told};
use std::os::unix::ffi::OsStrExt;

/// What is written, and how.
#[derive(Debug, Default)]
pub struct Manner {
    /// One field only, its values without its name.
    pub field: Option<Vec<u8>>,
    /// NUL ends a value (`-0`).
    pub null: bool,
}

impl Manner {
    /// Is this field among what is written?
    pub fn shows(&self, field: &[u8]) -> bool {
        self.field.as_deref().is_none_or(|only| only == field)
    }

    fn end(&self) -> u8 {
        if self.null { 0 } else { b'\n' }
    }
}

/// Values begin in this column.
const WIDTH: usize = 16;

/// The first lines: where the module is, and the name of a built-in one.
pub fn place(out: &mut Vec<u8>, found: &Found, manner: &Manner) {
    let (name, place) = match found {
        Found::File(path) => (None, path.as_os_str().as_bytes()),
        Found::Builtin(name) => (Some(name.as_bytes()), &b"(builtin)"[..]),
    };
    match (manner.field.as_deref(), name) {
        (Some(b"filename"), _) => value(out, place, manner),
        (Some(b"name"), Some(name)) => value(out, name, manner),
        (Some(_), _) => {}
        (None, name) => {
            if let Some(name) = name {
                padded(out, b"name", name, manner);
            }
            padded(out, b"filename", place, manner);
        }
    }
}

/// The rest.
pub fn module(out: &mut Vec<u8>, told: &Told, manner: &Manner) {
    let field = manner.field.as_deref();
    match field {
        Some(b"filename") => {}
        Some(b"parm") => {
            for param in told.params.iter().rev() {
                parameter(out, param, true);
                out.push(manner.end());
            }
        }
        Some(b"parmtype") => {
            for kind in &told.param_types {
                value(out, kind, manner);
            }
        }
        Some(b"build-id") => {
            if let Some(id) = &told.build_id {
                value(out, &hex(id), manner);
            }
        }
        _ => {
            for (key, value) in told.entries.iter().filter(|(key, _)| manner.shows(key)) {
                entry(out, key, value, manner);
            }
            if let Some(signature) = &told.signature {
                for (key, value) in fields(signature) {
                    if manner.shows(key) {
                        entry(out, key, &value, manner);
                    }
                }
            }
            if field.is_none() {
                for param in told.params.iter().rev() {
                    out.extend_from_slice(b"parm:           ");
                    parameter(out, param, false);
                    out.push(manner.end());
                }
            }
        }
    }
}

/// The lines about a signature.
fn fields(signature: &Signature) -> [(&'static [u8], Vec<u8>); 5] {
    [
        (b"sig_id", signature.id.into()),
        (b"signer", signature.signer.clone()),
        (b"sig_key", hex(&signature.key)),
        (b"sig_hashalgo", signature.hash.into()),
        (b"signature", hex(&signature.signature)),
    ]
}

/// `NAME:DESCRIPTION (TYPE)`, with what there is. Alone, a type is always in parentheses.
fn parameter(out: &mut Vec<u8>, param: &Param, alone: bool) {
    let Param { name, description, kind } = param;
    out.extend_from_slice(name);
    out.push(b':');
    match (description, kind) {
        (None, Some(kind)) if !alone => out.extend_from_slice(kind),
        (description, kind) => {
            out.extend_from_slice(description.as_deref().unwrap_or_default());
            if let Some(kind) = kind {
                out.extend_from_slice(b" (");
                out.extend_from_slice(kind);
                out.push(b')');
            }
        }
    }
}

/// A line of its own, or what is asked for without its name.
fn entry(out: &mut Vec<u8>, key: &[u8], text: &[u8], manner: &Manner) {
    if manner.field.is_some() {
        value(out, text, manner);
    } else if manner.null {
        out.extend_from_slice(key);
        out.push(b'=');
        value(out, text, manner);
    } else {
        padded(out, key, text, manner);
    }
}

fn value(out: &mut Vec<u8>, text: &[u8], manner: &Manner) {
    out.extend_from_slice(text);
    out.push(manner.end());
}

/// `key:           text`; behind a key that is too long there is no space (kmod 30 writes some).
fn padded(out: &mut Vec<u8>, key: &[u8], text: &[u8], manner: &Manner) {
    out.extend_from_slice(key);
    out.push(b':');
    out.extend(std::iter::repeat_n(b' ', WIDTH.saturating_sub(key.len() + 1)));
    value(out, text, manner);
}

/// `AA:BB:…`, 20 bytes a line.
pub fn hex(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    const PER_LINE: usize = 20;
    let mut out = Vec::with_capacity(bytes.len() * 3 + bytes.len() / PER_LINE * 3);
    for (at, byte) in bytes.iter().enumerate() {
        if at > 0 {
            out.push(b':');
            if at % PER_LINE == 0 {
                out.extend_from_slice(b"\n\t\t");
            }
        }
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_in_lines() {
        assert_eq!(hex(&[]), b"");
        assert_eq!(hex(&[0xa0, 0x0f]), b"A0:0F");
        let bytes: Vec<u8> = (0..21).collect();
        let text = String::from_utf8(hex(&bytes)).unwrap();
        assert_eq!(text.split('\n').count(), 2);
        assert!(text.ends_with("12:13:\n\t\t14"), "{text}");
        assert!(!String::from_utf8(hex(&bytes[..20])).unwrap().contains('\n'));
    }
}
