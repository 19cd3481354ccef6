//! The kernels of this machine: their build trees, images and modules.
//!
//! Distributions put the parts of a kernel in different places, and a machine often has only some
//! of them, for several releases. [`discover`] looks in all of these places and says what belongs
//! together and what is missing; [`select`] picks one.
//!
//! | place | part | who |
//! |---|---|---|
//! | `/lib/modules/R`, `/usr/lib/modules/R` | modules | all |
//! | …`/build` (a link) | build tree | all |
//! | …`/vmlinuz` | image | Fedora, Arch |
//! | `/usr/src/linux-headers-R` | build tree | Debian, Ubuntu |
//! | `/usr/src/kernels/R` | build tree | Fedora |
//! | `/boot/vmlinuz-R` | image | Debian, Ubuntu, Fedora |
//! | komod's cache, `kernels/R` | all three | `komod kernel fetch` |
//! | `K=`, `--kernel` | what is named (`running`: the kernel of this machine) | the user |

mod image;
mod needs;
pub(crate) mod places;
mod select;
pub(crate) mod tree;
mod version;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use select::{SelectError, select};
pub use tree::tree_release;
pub use version::compare_releases;

pub(crate) use needs::find_program;
pub(crate) use tree::is_release;
pub(crate) use version::is_of_line;

/// Where to look. Tests give a directory of their own as `prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// The root of the file system, `/`.
    pub prefix: PathBuf,
    /// komod's cache directory, if there is one.
    pub cache: Option<PathBuf>,
    /// The environment's `K`: a kernel named as for `--kernel`.
    pub env_kernel: Option<String>,
    /// What `uname -r` says.
    pub running: Option<String>,
}

impl Roots {
    /// This machine, with this process's environment.
    pub fn system() -> Self {
        let prefix = PathBuf::from("/");
        Self {
            running: running_release(&prefix),
            prefix,
            cache: cache_dir(),
            env_kernel: std::env::var("K").ok().filter(|value| !value.is_empty()),
        }
    }
}

/// The running kernel's release, from `/proc/sys/kernel/osrelease` (proc_sys_kernel(5)).
fn running_release(prefix: &Path) -> Option<String> {
    let text = std::fs::read_to_string(prefix.join("proc/sys/kernel/osrelease")).ok()?;
    Some(text.trim().to_owned()).filter(|release| !release.is_empty())
}

/// komod's cache: `$KOMOD_CACHE`, else `$XDG_CACHE_HOME/komod`, else `~/.cache/komod`.
pub fn cache_dir() -> Option<PathBuf> {
    cache_dir_from(|name| std::env::var_os(name))
}

fn cache_dir_from(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    // The XDG base directory specification says to ignore relative paths.
    let path = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    variable("KOMOD_CACHE")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
        .or_else(|| Some(path("XDG_CACHE_HOME")?.join("komod")))
        .or_else(|| Some(path("HOME")?.join(".cache/komod")))
}

/// How a kernel was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Origin {
    /// Installed by the distribution.
    System,
    /// Fetched by komod.
    Cache,
    /// Named by `--kernel` or `K=`.
    Named,
}

/// One kernel and the parts of it that are here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FoundKernel {
    /// What `uname -r` prints (or would).
    pub release: String,
    /// The directory to give to `make -C`.
    pub tree: Option<PathBuf>,
    /// The boot image.
    pub image: Option<PathBuf>,
    /// `lib/modules/RELEASE`.
    pub modules: Option<PathBuf>,
    pub origin: Origin,
    /// Whether it is the kernel this machine runs.
    pub running: bool,
    /// What is missing or wrong, for people, with the way out.
    pub problems: Vec<String>,
}

impl FoundKernel {
    fn new(release: &str, origin: Origin) -> Self {
        Self {
            release: release.to_owned(),
            tree: None,
            image: None,
            modules: None,
            origin,
            running: false,
            problems: Vec::new(),
        }
    }

    /// Whether modules can be built for it and run in it.
    pub fn is_complete(&self) -> bool {
        self.tree.is_some() && self.image.is_some()
    }
}

/// All kernels found, the newest first; of one release, complete ones first.
pub fn discover(roots: &Roots) -> Vec<FoundKernel> {
    let mut found = places::system(&roots.prefix);
    if let Some(cache) = &roots.cache {
        found.extend(places::cache(cache));
    }
    if let Some(named) = &roots.env_kernel
        && let Ok(kernel) = select::named_path(Path::new(named), &found)
    {
        found.push(kernel);
    }
    for kernel in &mut found {
        kernel.running = roots.running.as_deref() == Some(kernel.release.as_str());
        note_missing(kernel);
    }
    found.sort_by(|a, b| {
        compare_releases(&b.release, &a.release).then_with(|| b.is_complete().cmp(&a.is_complete()))
    });
    found
}

/// Says what each missing part would be needed for, and what the tree itself needs.
fn note_missing(kernel: &mut FoundKernel) {
    let release = &kernel.release;
    if let Some(tree) = &kernel.tree {
        kernel.problems.extend(needs::missing(tree));
    } else {
        kernel.problems.push(format!(
            "no build tree: modules cannot be built for it (`komod kernel fetch {release}`, or \
             install linux-headers-{release} or kernel-devel)"
        ));
    }
    if kernel.image.is_none() {
        kernel.problems.push(format!(
            "no readable image: modules cannot be run in it (`komod kernel fetch {release}`)"
        ));
    }
}

#[cfg(test)]
mod tests;
