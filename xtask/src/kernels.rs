//! The distribution kernels that the tasks work with, and where their files are.

use anyhow::{Context, Result, bail};
use std::env;
use std::path::{Path, PathBuf};

/// The series every task covers, and the lowest share of stock modules (in percent) that must
/// behave in-process as they do in the real kernel.
pub const SERIES: &[(&str, f64)] = &[("6.1", 98.0), ("6.12", 97.0)];

/// Directories (separated by colons) with unpacked kernel packages, each holding `boot/` and
/// `lib/modules/`; without it, komod's own cache is used.
pub const TEST_KERNELS: &str = "KOMOD_TEST_KERNELS";

/// One kernel's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    pub series: String,
    pub release: String,
    pub vmlinuz: PathBuf,
    /// `lib/modules/RELEASE`
    pub modules: PathBuf,
}

impl Kernel {
    /// The kernel of this series, or an error that says how to get one.
    pub fn find(series: &str) -> Result<Kernel> {
        for root in roots()? {
            if let Some(kernel) = Kernel::in_root(&root, series)? {
                return Ok(kernel);
            }
        }
        bail!("no kernel {series} here; `cargo run -p komod -- kernel fetch {series}` fetches it")
    }

    fn in_root(root: &Path, series: &str) -> Result<Option<Kernel>> {
        let modules = root.join("lib/modules");
        let Ok(entries) = modules.read_dir() else { return Ok(None) };
        let mut found = None;
        for entry in entries {
            let entry = entry.with_context(|| format!("{}", modules.display()))?;
            let release = entry.file_name().to_string_lossy().into_owned();
            let vmlinuz = root.join("boot").join(format!("vmlinuz-{release}"));
            if belongs(&release, series) && vmlinuz.is_file() {
                // Several of one series: the last by name, so that every run takes the same.
                let kernel =
                    Kernel { series: series.to_owned(), release, vmlinuz, modules: entry.path() };
                match &found {
                    Some(Kernel { release, .. }) if *release > kernel.release => {}
                    _ => found = Some(kernel),
                }
            }
        }
        Ok(found)
    }
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
    let mut roots: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    roots.sort();
    Ok(roots)
}

/// komod's cache directory (XDG Base Directory Specification).
pub fn cache() -> Result<PathBuf> {
    if let Some(dir) = env::var_os("KOMOD_CACHE") {
        return Ok(dir.into());
    }
    if let Some(dir) = env::var_os("XDG_CACHE_HOME").filter(|d| Path::new(d).is_absolute()) {
        return Ok(Path::new(&dir).join("komod"));
    }
    let home = env::var_os("HOME").context("HOME is not set")?;
    Ok(Path::new(&home).join(".cache/komod"))
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
