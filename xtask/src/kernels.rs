//! The distribution kernels that the tasks work with, and where their files are.

use anyhow::{Context, Result, bail};
use komod_kernel::find::{self, FoundKernel, Roots};
use std::env;
use std::path::{Path, PathBuf};

/// The series every task covers, and the lowest share of stock modules (in percent) that must
/// behave in-process as they do in the real kernel.
pub const SERIES: &[(&str, f64)] = &[("6.1", 98.0), ("6.12", 97.0)];

/// Directories (separated by colons) with unpacked kernel packages, each holding `boot/`,
/// `lib/modules/` and `usr/src/`; without it, the kernels in komod's own cache are used.
pub const TEST_KERNELS: &str = "KOMOD_TEST_KERNELS";

/// One kernel's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    pub series: String,
    pub release: String,
    /// The unpacked packages; `komod --kernel` takes this.
    pub root: PathBuf,
    pub vmlinuz: PathBuf,
    /// `lib/modules/RELEASE`
    pub modules: PathBuf,
    /// The build tree, if it came with it.
    pub tree: Option<PathBuf>,
}

/// The kernel of this series, or one of each.
pub fn chosen(series: Option<&str>) -> impl Iterator<Item = Result<Kernel>> {
    let names = SERIES.iter().map(|(name, _)| *name);
    names.filter(move |name| series.is_none_or(|wanted| wanted == *name)).map(Kernel::find)
}

impl Kernel {
    /// The kernel of this series, or an error that says how to get one. Kernels of the system are
    /// left out, so that everyone's runs take the same ones.
    pub fn find(series: &str) -> Result<Kernel> {
        // Several of one series: the newest.
        let kernels = roots()?.into_iter().filter_map(|root| of_series(&root, series));
        let best = kernels.max_by(|a, b| find::compare_releases(&a.1.release, &b.1.release));
        let Some((root, found)) = best else {
            bail!(
                "no kernel {series} here; `cargo run -p komod -- kernel fetch {series}` fetches it"
            )
        };
        let FoundKernel { release, image, modules, tree, problems, .. } = found;
        let lacks = |what: &str| format!("{}: no {what}; {}", root.display(), problems.join("; "));
        Ok(Kernel {
            series: series.to_owned(),
            release,
            vmlinuz: image.with_context(|| lacks("image"))?,
            modules: modules.with_context(|| lacks("modules"))?,
            tree,
            root,
        })
    }
}

impl Kernel {
    /// As `komod` itself finds it.
    pub fn found(&self) -> Result<FoundKernel> {
        let found = of_series(&self.root, &self.series).map(|(_, found)| found);
        found.with_context(|| format!("{}: no kernel any more", self.root.display()))
    }
}

fn of_series(root: &Path, series: &str) -> Option<(PathBuf, FoundKernel)> {
    let nowhere = Roots { prefix: root.join("none"), cache: None, env_kernel: None, running: None };
    let found = find::select(&nowhere, Some(&root.to_string_lossy())).ok()?;
    belongs(&found.release, series).then(|| (root.to_owned(), found))
}

/// Is `release` (6.1.0-56-amd64) of the series (6.1)?
fn belongs(release: &str, series: &str) -> bool {
    release.strip_prefix(series).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
}

fn roots() -> Result<Vec<PathBuf>> {
    if let Some(list) = env::var_os(TEST_KERNELS) {
        return Ok(env::split_paths(&list).collect());
    }
    let kernels = cache()?.join("kernels");
    let Ok(entries) = kernels.read_dir() else { return Ok(Vec::new()) };
    Ok(entries.flatten().map(|e| e.path()).collect())
}

/// komod's cache directory.
pub fn cache() -> Result<PathBuf> {
    find::cache_dir().context("neither KOMOD_CACHE nor HOME is set")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_whole_numbers() {
        assert!(belongs("6.1.0-56-amd64", "6.1"));
        assert!(belongs("6.12.117+deb12-amd64", "6.12"));
        assert!(!belongs("6.12.117+deb12-amd64", "6.1"));
        assert!(!belongs("5.10.0-1-amd64", "6.1"));
    }
}
