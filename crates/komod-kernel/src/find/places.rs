//! The places where distributions and komod put kernels.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::image::{image_release, what_it_is};
use super::tree::{is_release, tree_release};
use super::{FoundKernel, Origin};

/// Directory entries looked at in one place.
const MAX_ENTRIES: usize = 4096;

/// What the distribution installed, by release.
pub(super) fn system(prefix: &Path) -> Vec<FoundKernel> {
    let mut found = Collection { prefix, kernels: BTreeMap::new(), troubles: Vec::new() };
    for place in ["lib/modules", "usr/lib/modules"] {
        for (name, path) in entries(&prefix.join(place)) {
            if is_release(&name) && path.is_dir() {
                found.modules(&name, &path);
            }
        }
    }
    for (_, path) in entries(&prefix.join("usr/src/kernels")) {
        found.tree(&path);
    }
    for (name, path) in entries(&prefix.join("usr/src")) {
        if name.starts_with("linux-headers-") {
            found.tree(&path);
        }
    }
    for (name, path) in entries(&prefix.join("boot")) {
        if let Some(rest) = name.strip_prefix("vmlinuz-") {
            found.image(rest, &path);
        }
    }
    found.finish()
}

/// What `komod kernel fetch` put into the cache.
pub(crate) fn cache(cache: &Path) -> Vec<FoundKernel> {
    entries(&cache.join("kernels"))
        .into_iter()
        .filter(|(name, _)| is_release(name))
        .filter_map(|(name, root)| package_root(&root, &name, Origin::Cache))
        .collect()
}

/// A directory laid out like the root of a system with one kernel: unpacked packages.
pub(crate) fn package_root(root: &Path, release: &str, origin: Origin) -> Option<FoundKernel> {
    let mut found = system(root);
    let at = found.iter().position(|kernel| kernel.release == release)?;
    let mut kernel = found.swap_remove(at);
    kernel.origin = origin;
    Some(kernel)
}

/// The one release whose image lies in `root/boot`, if it is such a directory.
pub(super) fn package_root_release(root: &Path) -> Option<String> {
    entries(&root.join("boot")).into_iter().find_map(|(name, path)| {
        image_release(&path).ok()?.filter(|_| name.starts_with("vmlinuz-"))
    })
}

struct Collection<'a> {
    prefix: &'a Path,
    kernels: BTreeMap<String, FoundKernel>,
    /// What was wrong with a part; of interest only if the part is not found elsewhere.
    troubles: Vec<(String, Part, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Tree,
    Image,
}

impl Collection<'_> {
    fn kernel(&mut self, release: &str) -> &mut FoundKernel {
        self.kernels
            .entry(release.to_owned())
            .or_insert_with(|| FoundKernel::new(release, Origin::System))
    }

    fn trouble(&mut self, release: &str, part: Part, text: String) {
        self.kernel(release);
        self.troubles.push((release.to_owned(), part, text));
    }

    fn finish(mut self) -> Vec<FoundKernel> {
        for (release, part, text) in self.troubles {
            if let Some(kernel) = self.kernels.get_mut(&release) {
                let missing = match part {
                    Part::Tree => kernel.tree.is_none(),
                    Part::Image => kernel.image.is_none(),
                };
                if missing {
                    kernel.problems.push(text);
                }
            }
        }
        self.kernels.into_values().collect()
    }

    /// `lib/modules/RELEASE` and the links in it.
    fn modules(&mut self, release: &str, path: &Path) {
        let kernel = self.kernel(release);
        if path.join("kernel").is_dir() || path.join("modules.builtin").is_file() {
            kernel.modules.get_or_insert_with(|| path.to_owned());
        }
        self.image(release, &path.join("vmlinuz"));
        let link = path.join("build");
        if std::fs::symlink_metadata(&link).is_err() {
            return;
        }
        // An absolute link means a place below the prefix.
        let build = match std::fs::read_link(&link) {
            Ok(target) if target.is_absolute() => {
                self.prefix.join(target.strip_prefix("/").unwrap_or(&target))
            }
            _ => link.clone(),
        };
        let trouble = match tree_release(&build) {
            Some(built) if built == release => {
                let tree = std::fs::canonicalize(&build).unwrap_or(build);
                self.kernel(release).tree.get_or_insert(tree);
                return;
            }
            Some(built) => format!("{} is a tree for {built}", link.display()),
            None if !build.exists() => {
                let target = std::fs::read_link(&link).unwrap_or_default();
                format!("{} points to {}, which is not there", link.display(), target.display())
            }
            None => format!("{} is not a configured build tree", link.display()),
        };
        self.trouble(release, Part::Tree, trouble);
    }

    /// A directory that may be a build tree. Debian's `-common` and Ubuntu's flavourless header
    /// directories are not configured and belong to another tree.
    fn tree(&mut self, path: &Path) {
        if let Some(release) = tree_release(path) {
            self.kernel(&release).tree.get_or_insert_with(|| path.to_owned());
        }
    }

    /// A file that may be a boot image; the header in it says of which release, the name is only
    /// believed if it says nothing.
    fn image(&mut self, name: &str, path: &Path) {
        match image_release(path) {
            Ok(Some(release)) => {
                self.kernel(&release).image.get_or_insert_with(|| path.to_owned());
            }
            Ok(None) if is_release(name) => {
                let what = what_it_is(path).unwrap_or_default();
                let problem =
                    format!("{} is not a boot image komod can read: {what}", path.display());
                self.trouble(name, Part::Image, problem);
            }
            Err(error)
                if error.kind() == std::io::ErrorKind::PermissionDenied && is_release(name) =>
            {
                let problem = format!(
                    "{} may only be read by root (`sudo chmod a+r {0}` or `komod kernel fetch \
                     {name}`)",
                    path.display()
                );
                self.trouble(name, Part::Image, problem);
            }
            _ => {}
        }
    }
}

/// Names and paths in a directory, sorted; nothing if it cannot be read.
fn entries(dir: &Path) -> Vec<(String, PathBuf)> {
    let Ok(read) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut found: Vec<_> = read
        .take(MAX_ENTRIES)
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.file_name().into_string().ok()?, entry.path()))
        })
        .collect();
    found.sort();
    found
}
