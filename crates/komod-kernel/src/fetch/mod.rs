//! Getting a distribution's kernel as an ordinary user.
//!
//! `komod kernel fetch` needs what a developer would install with root: the image with its
//! modules, the headers, the build tools. It takes the same packages through the machine's own
//! apt, so the sources, mirrors, proxies and signing keys are those the machine already trusts,
//! but with apt's state in komod's cache instead of `/var`:
//!
//! ```text
//! fetch/lock             one fetch at a time
//! fetch/apt/…            apt's lists and partial downloads
//! fetch/downloads/*.deb  complete downloads, until they are unpacked
//! kernels/.new-RELEASE   being unpacked
//! kernels/RELEASE        complete: appears by one rename
//! ```
//!
//! Interrupted at any point, the next call goes on: apt continues partial files, complete ones are
//! recognised by their SHA-256, and a half unpacked directory is begun anew under a name that no
//! one else looks at.

mod apt;
mod package;
mod resolve;
mod run;
mod single;
mod tools;
mod unpack;

use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::find::{FoundKernel, compare_releases, find_program, is_of_line, places};

use apt::{Apt, Lists};
use resolve::Resolved;
pub use single::fetch_package;

/// What to fetch and where to.
pub struct Request<'a> {
    /// A line ("6.1"), a release ("6.1.0-56-amd64"), or `None` for the distribution's default.
    pub what: Option<&'a str>,
    /// komod's cache directory ([`crate::find::cache_dir`]).
    pub cache: &'a Path,
    /// Told what is going on; called several times a second while bytes arrive.
    pub progress: &'a mut dyn FnMut(Progress<'_>),
}

/// What a fetch is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// Another fetch is running.
    Waiting,
    /// apt's lists of packages are being brought up to date.
    Updating,
    /// It is known what will be fetched.
    Resolved {
        release: &'a str,
        packages: usize,
        bytes: u64,
    },
    Downloading {
        done: u64,
        total: u64,
    },
    Verifying {
        package: &'a str,
    },
    Unpacking {
        package: &'a str,
        index: usize,
        count: usize,
    },
    /// Paths are being adapted and data written to disk.
    Finishing,
}

/// Why a kernel could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    #[error(
        "{program} is not on this machine: komod fetches kernels with the apt of Debian and \
         Ubuntu\nhint: install the kernel and its headers with this system's own tools; komod \
         finds them (`komod kernel list`)"
    )]
    NoApt { program: &'static str },
    #[error(
        "cannot reach the package servers: {detail}\nhint: check the network (and the proxy in \
         /etc/apt/apt.conf.d), then run the same command again: what has arrived is kept"
    )]
    Offline { detail: String },
    #[error("no kernel {what} in this machine's package sources{}\ntried: {}", near_text(near), tried.join(", "))]
    NoSuchKernel { what: String, near: Vec<String>, tried: Vec<String> },
    #[error("no package {name} in version {version} in this machine's package sources")]
    NoSuchPackage { name: String, version: String },
    #[error(
        "not enough space in {}: {} MB needed, {} MB free\nhint: make room, or set KOMOD_CACHE to \
         a directory on another disk",
        path.display(), megabytes(needed), megabytes(available)
    )]
    DiskFull { path: PathBuf, needed: u64, available: u64 },
    #[error("{package}: apt gives no SHA-256 for it: komod does not use unverified packages")]
    NoChecksum { package: String },
    #[error("{}: SHA-256 is {found}, should be {wanted}; it was removed", path.display())]
    Checksum { path: PathBuf, wanted: String, found: String },
    #[error("{command} failed ({status}):\n{stderr}")]
    Command { command: String, status: String, stderr: String },
    #[error("the packages for {release} lack {missing}; unpacked: {}", packages.join(", "))]
    Incomplete { release: String, missing: &'static str, packages: Vec<String> },
    #[error("the cache's path {} has characters that apt's configuration cannot hold", path.display())]
    CachePath { path: PathBuf },
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: std::io::Error },
}

impl FetchError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

fn near_text(near: &[String]) -> String {
    match near {
        [] => String::new(),
        some => format!("\nhint: there are {}", some.join(", ")),
    }
}

fn megabytes(bytes: &u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

/// Fetches a kernel, unless the cache has it already.
pub fn fetch(request: &mut Request<'_>) -> Result<FoundKernel, FetchError> {
    require_tools()?;
    let base = request.cache.join("fetch");
    std::fs::create_dir_all(&base).map_err(FetchError::io("create", &base))?;
    // apt is run in other directories: paths must not depend on ours.
    let base = std::fs::canonicalize(&base).map_err(FetchError::io("find", &base))?;
    let cache = base.parent().unwrap_or(&base).to_owned();
    let _lock = lock(&base.join("lock"), request.progress)?;

    let machine = Apt::new(&base, Lists::Machine)?;
    let private = Apt::new(&base, Lists::Private)?;
    let mut source = Source { machine, private, updated: false };
    let resolved = match source.resolve(request) {
        Ok(resolved) => resolved,
        Err(error @ FetchError::Offline { .. }) => {
            return cached(&cache, request.what).ok_or(error);
        }
        Err(error) => return Err(error),
    };
    let (resolved, files) = match get(&source, &cache, &base, &resolved, request) {
        Ok(Some(files)) => (resolved, files),
        Ok(None) => return complete(&cache, &resolved),
        // The lists name packages the servers have since replaced.
        Err(FetchError::Command { stderr, .. }) if !source.updated && run::is_stale(&stderr) => {
            source.update(request.progress)?;
            let resolved = source.resolve(request)?;
            match get(&source, &cache, &base, &resolved, request)? {
                Some(files) => (resolved, files),
                None => return complete(&cache, &resolved),
            }
        }
        Err(error) => return Err(error),
    };
    unpack::install(&cache, &resolved, &files, request.progress)?;
    for file in &files {
        let _ = std::fs::remove_file(file);
    }
    complete(&cache, &resolved)
}

fn require_tools() -> Result<(), FetchError> {
    match ["apt-get", "apt-cache", "dpkg-deb"].iter().find(|name| find_program(name).is_none()) {
        Some(program) => Err(FetchError::NoApt { program }),
        None => Ok(()),
    }
}

/// The lists in use: the machine's own as long as they serve, else komod's.
struct Source {
    machine: Apt,
    private: Apt,
    updated: bool,
}

impl Source {
    fn resolve(&mut self, request: &mut Request<'_>) -> Result<Resolved, FetchError> {
        if !self.updated {
            for apt in [&self.machine, &self.private] {
                match resolve::resolve(apt, request.what) {
                    Err(FetchError::NoSuchKernel { .. }) => {}
                    result => return result,
                }
            }
            self.update(request.progress)?;
        }
        resolve::resolve(&self.private, request.what)
    }

    fn update(&mut self, progress: &mut dyn FnMut(Progress<'_>)) -> Result<(), FetchError> {
        progress(Progress::Updating);
        self.private.update()?;
        self.updated = true;
        Ok(())
    }

    fn apt(&self, lists: Lists) -> &Apt {
        match lists {
            Lists::Machine => &self.machine,
            Lists::Private => &self.private,
        }
    }
}

/// Downloads the packages; `None` if the kernel is already complete in the cache.
fn get(
    source: &Source,
    cache: &Path,
    base: &Path,
    resolved: &Resolved,
    request: &mut Request<'_>,
) -> Result<Option<Vec<PathBuf>>, FetchError> {
    if complete(cache, resolved).is_ok() {
        return Ok(None);
    }
    let apt = source.apt(resolved.lists);
    let files = apt.files(&resolved.packages)?;
    (request.progress)(Progress::Resolved {
        release: &resolved.release,
        packages: files.len(),
        bytes: files.iter().map(|file| file.size).sum(),
    });
    let downloads = base.join("downloads");
    std::fs::create_dir_all(&downloads).map_err(FetchError::io("create", &downloads))?;
    let missing: u64 =
        files.iter().map(|file| file.size.saturating_sub(apt.arrived(&downloads, file))).sum();
    let unpacked: u64 = resolved.packages.iter().map(|package| package.installed_size).sum();
    check_space(cache, missing.saturating_add(unpacked).saturating_add(32 << 20))?;
    apt.download(&downloads, &resolved.packages, &files, request.progress).map(Some)
}

/// The kernel in the cache, if all of it is there.
fn complete(cache: &Path, resolved: &Resolved) -> Result<FoundKernel, FetchError> {
    let incomplete = |missing| FetchError::Incomplete {
        release: resolved.release.clone(),
        missing,
        packages: resolved.packages.iter().map(|package| package.name.clone()).collect(),
    };
    let kernel = places::cache(cache)
        .into_iter()
        .find(|kernel| kernel.release == resolved.release)
        .ok_or_else(|| incomplete("the kernel"))?;
    match (&kernel.tree, &kernel.image) {
        (None, _) => Err(incomplete("a configured build tree")),
        (_, None) => Err(incomplete("a boot image")),
        _ => Ok(kernel),
    }
}

/// The newest complete kernel in the cache that `what` names.
fn cached(cache: &Path, what: Option<&str>) -> Option<FoundKernel> {
    places::cache(cache)
        .into_iter()
        .filter(FoundKernel::is_complete)
        .filter(|kernel| what.is_none_or(|what| is_of_line(&kernel.release, what)))
        .max_by(|a, b| compare_releases(&a.release, &b.release))
}

/// Takes the lock; it is released when the file is closed, even by a kill. The tools we start hold
/// it as well: should we be killed, the next fetch waits until they have ended.
fn lock(path: &Path, progress: &mut dyn FnMut(Progress<'_>)) -> Result<std::fs::File, FetchError> {
    let file = std::fs::File::create(path).map_err(FetchError::io("create", path))?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        progress(Progress::Waiting);
        flock(&file, FlockOperation::LockExclusive)
            .map_err(|error| FetchError::io("lock", path)(error.into()))?;
    }
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty())
        .map_err(|error| FetchError::io("lock", path)(error.into()))?;
    Ok(file)
}

fn check_space(path: &Path, needed: u64) -> Result<(), FetchError> {
    let found =
        rustix::fs::statvfs(path).map_err(|error| FetchError::io("look at", path)(error.into()))?;
    let available = found.f_bavail.saturating_mul(found.f_frsize);
    if available < needed {
        return Err(FetchError::DiskFull { path: path.to_owned(), needed, available });
    }
    Ok(())
}
