//! Copies of the host's files for a machine.

use super::{HostFile, VmError};
use crate::{Place, PlaceError};
use komod_process::protocol::MAX_PAYLOAD;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Folders deeper than this are not gone into.
const MAX_DEPTH: usize = 32;

/// A file, or a folder with all that is in it; links are followed, because where they lead need not
/// be there.
pub fn copy(place: &mut dyn Place, file: &HostFile) -> Result<(), PlaceError> {
    into(place, &file.host, &file.guest, 0)
}

fn into(place: &mut dyn Place, host: &Path, guest: &str, depth: usize) -> Result<(), PlaceError> {
    let refused = |source| VmError::HostFile { path: host.to_owned(), source };
    let meta = std::fs::metadata(host).map_err(refused)?;
    if meta.is_dir() {
        if depth >= MAX_DEPTH {
            return Err(refused(io::Error::other("too many folders in folders")).into());
        }
        let entries = std::fs::read_dir(host).map_err(refused)?;
        let mut entries = entries.collect::<io::Result<Vec<_>>>().map_err(refused)?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            let guest = format!("{}/{}", guest.trim_end_matches('/'), name.to_string_lossy());
            into(place, &entry.path(), &guest, depth + 1)?;
        }
        return Ok(());
    }
    if !meta.is_file() {
        return Err(refused(io::Error::other("neither a file nor a folder")).into());
    }
    if meta.len() > MAX_PAYLOAD as u64 {
        return Err(refused(io::Error::other("larger than 256 MiB")).into());
    }
    let data = std::fs::read(host).map_err(refused)?;
    let mode = meta.permissions().mode() & 0o7777;
    place.put(guest, mode, &data, &mut |_| {})
}
