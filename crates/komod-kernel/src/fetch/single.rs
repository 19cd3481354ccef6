//! Getting one package of a given version, to be looked into rather than installed.

use std::path::{Path, PathBuf};

use super::apt::{Apt, DebFile, Lists};
use super::package::Package;
use super::{FetchError, Progress, check_space, lock, require_tools};

/// Downloads a package in exactly this version into komod's cache, checked against the SHA-256 of
/// the signed lists. The file is the caller's to unpack and remove.
pub fn fetch_package(
    cache: &Path,
    name: &str,
    version: &str,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<PathBuf, FetchError> {
    require_tools()?;
    let base = cache.join("fetch");
    std::fs::create_dir_all(&base).map_err(FetchError::io("create", &base))?;
    // apt is run in other directories: paths must not depend on ours.
    let base = std::fs::canonicalize(&base).map_err(FetchError::io("find", &base))?;
    let _lock = lock(&base.join("lock"), progress)?;
    let package =
        [Package { name: name.to_owned(), version: version.to_owned(), ..Package::default() }];
    let (apt, files) = find(&base, &package, progress)?;
    let downloads = base.join("downloads");
    std::fs::create_dir_all(&downloads).map_err(FetchError::io("create", &downloads))?;
    check_space(cache, files.iter().map(|file| file.size).sum())?;
    let paths = apt.download(&downloads, &package, &files, progress)?;
    paths.into_iter().next().ok_or_else(|| unknown(&package))
}

/// The lists that know the package: the machine's, else komod's own as they are, else these brought
/// up to date.
fn find(
    base: &Path,
    package: &[Package; 1],
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(Apt, Vec<DebFile>), FetchError> {
    for lists in [Lists::Machine, Lists::Private] {
        let apt = Apt::new(base, lists)?;
        if let Ok(files) = apt.files(package) {
            return Ok((apt, files));
        }
    }
    let apt = Apt::new(base, Lists::Private)?;
    progress(Progress::Updating);
    apt.update()?;
    match apt.files(package) {
        Ok(files) => Ok((apt, files)),
        Err(FetchError::Command { .. }) => Err(unknown(package)),
        Err(error) => Err(error),
    }
}

fn unknown([package]: &[Package; 1]) -> FetchError {
    FetchError::NoSuchPackage { name: package.name.clone(), version: package.version.clone() }
}
