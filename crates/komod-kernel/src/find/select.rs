//! Picking one kernel.

use std::path::{Path, PathBuf};

use super::image::{image_release, what_it_is};
use super::places::{package_root, package_root_release};
use super::tree::{is_release, tree_release};
use super::version::{compare_releases, is_of_line};
use super::{FoundKernel, Origin, Roots, discover, note_missing};

/// Why no kernel was picked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectError {
    #[error("no kernel found on this machine\nhint: `komod kernel fetch` gets one, without root")]
    Nothing,
    #[error(
        "no kernel {wanted:?} here; there {}\nhint: `komod kernel fetch {wanted}` gets it, without \
         root",
        found_text(found)
    )]
    NotFound { wanted: String, found: Vec<String> },
    #[error(
        "{}: neither a configured build tree, nor a boot image, nor a directory with both",
        path.display()
    )]
    NotAKernel { path: PathBuf },
    #[error(
        "{}: {what}, not the image of an x86-64 kernel\nhint: komod reads vmlinuz (a bzImage) and \
         vmlinux, or takes a build tree, or a directory with both",
        path.display()
    )]
    NotAnImage { path: PathBuf, what: String },
    #[error("cannot read {}: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error(
        "the running kernel is {release}, of which nothing is here: neither in /lib/modules/\
         {release} nor in /boot nor in komod's cache\nhint: `komod kernel fetch {release}` gets it, \
         without root"
    )]
    RunningNotFound { release: String },
    #[error("which kernel is running is not known (/proc/sys/kernel/osrelease)")]
    RunningUnknown,
}

/// What stands for the running kernel.
const RUNNING: &str = "running";

fn found_text(found: &[String]) -> String {
    match found {
        [] => "are none at all".to_owned(),
        [one] => format!("is {one}"),
        many => format!("are {}", many.join(", ")),
    }
}

/// Picks a kernel.
///
/// `wanted` is what the user gave (`--kernel`), else the environment's `K` counts: a build tree, a
/// boot image or `vmlinux`, a directory with unpacked packages, `running`, a release, or the
/// beginning of one ("6.1"), which means the newest of that line. With neither: the running kernel if it is complete, else
/// the newest complete one in the cache, else the newest complete one, else the newest.
pub fn select(roots: &Roots, wanted: Option<&str>) -> Result<FoundKernel, SelectError> {
    let found = discover(roots);
    let Some(wanted) = wanted.or(roots.env_kernel.as_deref()) else {
        return default_choice(found).ok_or(SelectError::Nothing);
    };
    if wanted == RUNNING {
        let release = roots.running.clone().ok_or(SelectError::RunningUnknown)?;
        // Sorted: a complete one comes first.
        let running = found.into_iter().find(|kernel| kernel.release == release);
        return running.ok_or(SelectError::RunningNotFound { release });
    }
    let path = Path::new(wanted);
    if wanted.contains('/') || path.exists() {
        let mut kernel = named_path(path, &found)?;
        kernel.running = roots.running.as_deref() == Some(kernel.release.as_str());
        note_missing(&mut kernel);
        return Ok(kernel);
    }
    // Exactly this release before a longer one; complete before newer.
    let best = found.iter().filter(|kernel| is_of_line(&kernel.release, wanted)).max_by(|a, b| {
        (a.release == wanted)
            .cmp(&(b.release == wanted))
            .then_with(|| a.is_complete().cmp(&b.is_complete()))
            .then_with(|| compare_releases(&a.release, &b.release))
    });
    best.cloned().ok_or_else(|| {
        let mut releases: Vec<String> = found.iter().map(|kernel| kernel.release.clone()).collect();
        releases.dedup();
        SelectError::NotFound { wanted: wanted.to_owned(), found: releases }
    })
}

/// `found` is sorted: the newest comes first.
fn default_choice(found: Vec<FoundKernel>) -> Option<FoundKernel> {
    let complete = |kernel: &&FoundKernel| kernel.is_complete();
    found
        .iter()
        .filter(complete)
        .find(|kernel| kernel.running)
        .or_else(|| found.iter().filter(complete).find(|kernel| kernel.origin == Origin::Cache))
        .or_else(|| found.iter().find(complete))
        .or_else(|| found.first())
        .cloned()
}

/// A kernel named by a path; parts it does not have itself come from `found` if some there have
/// the same release.
pub(super) fn named_path(path: &Path, found: &[FoundKernel]) -> Result<FoundKernel, SelectError> {
    let unreadable = |error: std::io::Error| SelectError::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let path = std::fs::canonicalize(path).map_err(unreadable)?;
    let not_a_kernel = || SelectError::NotAKernel { path: path.clone() };
    let mut kernel = if path.is_dir() {
        // lib/modules/RELEASE names the tree behind its link.
        let tree = [path.clone(), path.join("build")]
            .into_iter()
            .find_map(|tree| Some((tree_release(&tree)?, tree)));
        if let Some((release, tree)) = tree {
            let mut kernel = FoundKernel::new(&release, Origin::Named);
            // A kernel compiled here has its image in the tree.
            let image = tree.join("arch/x86/boot/bzImage");
            kernel.image = image.is_file().then_some(image);
            kernel.tree = Some(std::fs::canonicalize(&tree).unwrap_or(tree));
            kernel
        } else if let Some(kernel) = of_modules(&path) {
            kernel
        } else {
            let release = package_root_release(&path).ok_or_else(not_a_kernel)?;
            package_root(&path, &release, Origin::Named).ok_or_else(not_a_kernel)?
        }
    } else {
        match image_release(&path).map_err(unreadable)? {
            Some(release) => of_image(&path, &release),
            None => {
                let what = what_it_is(&path).map_err(unreadable)?;
                return Err(SelectError::NotAnImage { path, what });
            }
        }
    };
    for other in found.iter().filter(|other| other.release == kernel.release) {
        kernel.tree = kernel.tree.or_else(|| other.tree.clone());
        kernel.image = kernel.image.or_else(|| other.image.clone());
        kernel.modules = kernel.modules.or_else(|| other.modules.clone());
    }
    Ok(kernel)
}

/// The kernel whose modules these are (`ROOT/lib/modules/RELEASE`), if more of it lies in `ROOT`.
fn of_modules(path: &Path) -> Option<FoundKernel> {
    let release = path.file_name()?.to_str().filter(|name| is_release(name))?;
    let root = path.ancestors().nth(3)?;
    let kernel = package_root(root, release, Origin::Named)?;
    let same = kernel.modules.as_deref() == Some(path);
    (same && (kernel.tree.is_some() || kernel.image.is_some())).then_some(kernel)
}

/// The kernel of this image, with what lies around it: the other parts of unpacked packages
/// (`ROOT/boot/vmlinuz-RELEASE`), its modules (`RELEASE/vmlinuz`), or the tree it was compiled in.
fn of_image(path: &Path, release: &str) -> FoundKernel {
    let mut kernel = FoundKernel::new(release, Origin::Named);
    let folder = path.parent();
    if let Some(boot) = folder.filter(|folder| folder.ends_with("boot"))
        && let Some(more) =
            boot.parent().and_then(|root| package_root(root, release, Origin::Named))
    {
        kernel = more;
    }
    if let Some(modules) = folder.filter(|folder| folder.join("modules.builtin").is_file()) {
        kernel.modules.get_or_insert_with(|| modules.to_owned());
    }
    // TREE/vmlinux, TREE/arch/x86/boot/bzImage
    let trees = [path.ancestors().nth(1), path.ancestors().nth(4)];
    let tree =
        trees.into_iter().flatten().find(|tree| tree_release(tree).as_deref() == Some(release));
    kernel.tree = kernel.tree.or_else(|| tree.map(Path::to_owned));
    kernel.image = Some(path.to_owned());
    kernel.problems.clear();
    kernel
}
