//! Files that are there as a whole or not at all: written beside their place, then moved there.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Every temporary file's name begins with this.
pub const PREFIX: &str = ".komod-tmp-";

/// A name beside `path` for its making. The same each time: whoever writes here has the folder to
/// himself, and a compiler that is kept warm knows its job by its arguments.
pub fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(PREFIX);
    name.push(path.file_name().unwrap_or_default());
    path.with_file_name(name)
}

/// Writes a file.
pub fn file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = beside(path);
    let written = fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(temporary);
    }
    written
}

/// Moves a finished file to its place; leaves what is there if it is the same, so that its stamp
/// stays. Says whether it is new.
pub fn settle(temporary: &Path, path: &Path) -> io::Result<bool> {
    let same = match (fs::metadata(temporary), fs::metadata(path)) {
        (Ok(new), Ok(old)) if new.len() == old.len() => fs::read(temporary)? == fs::read(path)?,
        _ => false,
    };
    if same {
        fs::remove_file(temporary)?;
    } else {
        fs::rename(temporary, path)?;
    }
    Ok(!same)
}

/// Removes what interrupted builds left in a folder.
pub fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_files_stay_and_leftovers_go() {
        let dir = std::env::temp_dir().join(format!("komod-replace-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("x");
        file(&path, b"1").unwrap();
        for (text, new) in [("1", false), ("2", true), ("33", true)] {
            let temporary = beside(&path);
            fs::write(&temporary, text).unwrap();
            assert_eq!(settle(&temporary, &path).unwrap(), new);
            assert!(!temporary.exists());
        }
        assert_eq!(fs::read(&path).unwrap(), b"33");
        fs::write(beside(&path), "").unwrap();
        sweep(&dir).unwrap();
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        fs::remove_dir_all(dir).unwrap();
    }
}
