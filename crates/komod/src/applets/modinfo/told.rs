//! What a module tells: the strings of `.modinfo`, its parameters, its signature.

use komod_kernel::module_file::{KeyKind, ModuleFile, ModuleFileError, Trailer};
use komod_object::cms::Signed;
use std::collections::HashMap;
use std::path::Path;

/// All of it.
#[derive(Debug, Default)]
pub struct Told {
    /// The name of a built-in module.
    pub builtin: Option<Vec<u8>>,
    /// Keys and values, without parameters, in the order of the file.
    pub entries: Vec<(Vec<u8>, Vec<u8>)>,
    /// Parameters, in order of their first appearance.
    pub params: Vec<Param>,
    /// The types of parameters as they stand there: `NAME:TYPE`.
    pub param_types: Vec<Vec<u8>>,
    /// Strings about parameters that name none.
    pub bad_params: Vec<Vec<u8>>,
    pub build_id: Option<Vec<u8>>,
    pub signature: Option<Signature>,
}

/// A parameter.
#[derive(Debug, PartialEq, Eq)]
pub struct Param {
    pub name: Vec<u8>,
    pub description: Option<Vec<u8>>,
    pub kind: Option<Vec<u8>>,
}

/// The signature, in words.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Signature {
    pub id: &'static str,
    pub signer: Vec<u8>,
    pub key: Vec<u8>,
    pub hash: &'static str,
    pub signature: Vec<u8>,
}

/// Reads a file; for one field, no more than that needs.
pub fn of_file(path: &Path, field: Option<&[u8]>) -> Result<Told, ModuleFileError> {
    let file = ModuleFile::open(path)?;
    let Some(strings) = file.section(".modinfo")? else {
        return Err(ModuleFileError::Read {
            path: path.to_owned(),
            source: std::io::Error::from_raw_os_error(rustix::io::Errno::NOENT.raw_os_error()),
        });
    };
    let mut told = Told::of_strings(strings.split(|byte| *byte == 0));
    if field.is_none_or(|field| field.starts_with(b"sig")) {
        told.signature = file.signature()?.and_then(|trailer| signature(&trailer));
    }
    if field.is_none_or(|field| field == b"build-id") {
        told.build_id = file.build_id()?;
    }
    Ok(told)
}

impl Told {
    /// Of `key=value` strings. One without `=` is a key.
    pub fn of_strings<'s>(strings: impl Iterator<Item = &'s [u8]>) -> Self {
        let mut told = Told::default();
        let mut known: HashMap<&[u8], usize> = HashMap::new();
        for string in strings.filter(|string| !string.is_empty()) {
            let equals = string.iter().position(|byte| *byte == b'=');
            let (key, value) = match equals {
                Some(at) => (&string[..at], &string[at + 1..]),
                None => (string, &b""[..]),
            };
            if key != b"parm" && key != b"parmtype" {
                told.entries.push((key.to_vec(), value.to_vec()));
                continue;
            }
            if key == b"parmtype" {
                told.param_types.push(value.to_vec());
            }
            let Some(colon) = value.iter().position(|byte| *byte == b':') else {
                told.bad_params.push(string.to_vec());
                continue;
            };
            let (name, rest) = (&value[..colon], &value[colon + 1..]);
            let at = *known.entry(name).or_insert_with(|| {
                told.params.push(Param { name: name.to_vec(), description: None, kind: None });
                told.params.len() - 1
            });
            let param = &mut told.params[at];
            let slot = if key == b"parm" { &mut param.description } else { &mut param.kind };
            // The last one counts.
            *slot = Some(rest.to_vec());
        }
        told
    }
}

/// The signature of a trailer; `None` if its kind is unknown. What is no PKCS#7 message has empty
/// fields.
fn signature(trailer: &Trailer) -> Option<Signature> {
    let id = match trailer.kind? {
        KeyKind::Pkcs7 => {
            let unreadable = || Signature { id: "PKCS#7", hash: "unknown", ..Signature::default() };
            return Some(Signed::of_message(&trailer.signature).map_or_else(
                unreadable,
                |signed| Signature {
                    id: "PKCS#7",
                    signer: signed.signer.unwrap_or_default().into_bytes(),
                    key: signed.key,
                    hash: signed.hash,
                    signature: signed.signature,
                },
            ));
        }
        KeyKind::X509 => "X509",
        KeyKind::Pgp => "PGP",
    };
    // A name ends with its first NUL.
    let signer = trailer.signer.split(|byte| *byte == 0).next().unwrap_or_default();
    Some(Signature {
        id,
        signer: signer.to_vec(),
        key: trailer.key.clone(),
        hash: trailer.hash_name()?,
        signature: trailer.signature.clone(),
    })
}
