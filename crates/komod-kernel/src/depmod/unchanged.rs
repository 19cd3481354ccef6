//! When there is nothing to do: the modules are the same files in the same order and say what they
//! said, and so do the kernel's lists; and the indexes are those that were made of them.
//!
//! The configuration and `modules.order` need no look of their own: they only decide which files
//! there are, and in which order.

use super::cache::{checksum, checksum_of};
use super::indexes::NAMES;
use super::lists;
use super::module_file::ModuleReader;
use super::publish::remove_leftovers;
use super::stamp::Stamp;
use super::survey::Survey;
use super::walk::ModuleFile;
use rustix::fs::{CWD, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, futimens};
use std::fs::{File, OpenOptions};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// If more modules have changed, it is not worth a look whether they say the same.
const FEW: usize = 64;

/// A sum of what the indexes are made of besides the modules; none if that is not complete.
pub fn inputs(directory: &Path, prefix: Option<u8>) -> Option<u64> {
    let mut remarks = Vec::new();
    let names = lists::read(directory, lists::MODULES_BUILTIN, &mut remarks)?;
    let records = lists::read(directory, lists::MODULES_BUILTIN_MODINFO, &mut remarks)?;
    let prefix = [u8::from(prefix.is_some()), prefix.unwrap_or_default()];
    let version = env!("CARGO_PKG_VERSION").as_bytes();
    let directory = directory.as_os_str().as_bytes();
    Some(checksum_of(&[version, directory, &prefix, &names, &records]))
}

/// Whether the indexes in a folder are already those of these files and inputs. If so, the cache is
/// told how things look now.
pub fn is_up_to_date(
    survey: &Survey<'_>,
    files: &[ModuleFile],
    inputs: Option<u64>,
    output: &Path,
) -> bool {
    let cache = survey.cache;
    if inputs.is_none() || inputs != cache.outcome.inputs || files.len() != cache.len() {
        return false;
    }
    let mut paths = files.iter().enumerate();
    if !paths.all(|(entry, file)| cache.path(entry) == Some(file.shown())) {
        return false;
    }
    let changed: Vec<usize> = survey.changed().take(FEW + 1).collect();
    if changed.len() > FEW {
        return false;
    }
    let Some(indexes) = indexes(survey, output) else { return false };
    let mut reader = ModuleReader::default();
    let mut read = Vec::with_capacity(changed.len());
    for entry in changed {
        let Some(file) = files.get(entry) else { return false };
        let Ok((facts, stamp)) = reader.read(&survey.folder, file, false) else { return false };
        if !cache.says(entry, &facts) {
            return false;
        }
        read.push((entry, stamp));
    }
    remove_leftovers(output);
    for (index, stamp) in indexes {
        cache.renew_index(index, stamp, survey.started);
    }
    if !read.is_empty() {
        seem_new(output);
    }
    for (entry, stamp) in read {
        cache.renew(entry, stamp, survey.started);
    }
    true
}

/// The indexes that look different but are the same; none if one is not.
fn indexes(survey: &Survey<'_>, output: &Path) -> Option<Vec<(usize, Stamp)>> {
    let mut renewed = Vec::new();
    for (index, (name, sum)) in NAMES.iter().zip(survey.cache.outcome.indexes).enumerate() {
        let path = output.join(name);
        let stamp = Stamp::of_path(CWD, path.as_os_str().as_bytes())?;
        if survey.cache.index_stamp(index) != Some(stamp) {
            if checksum(&std::fs::read(path).ok()?) != sum {
                return None;
            }
            renewed.push((index, stamp));
        }
    }
    Some(renewed)
}

/// Of modules and indexes, the latter are the newer ones for those who compare their times (`-A`).
fn seem_new(output: &Path) {
    let keep = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let open = OpenOptions::new().write(true).open(output.join("modules.dep"));
    let set = |file: File| {
        let times = Timestamps { last_access: keep, last_modification: now };
        futimens(file, &times).ok()
    };
    let _ = open.ok().and_then(set);
}
