//! Real kernels for tests: directories laid out like unpacked packages, named by
//! `KOMOD_TEST_KERNELS` (colon-separated), or what `komod kernel fetch` left in the user's cache.

use std::path::{Path, PathBuf};

/// A directory with `boot/vmlinuz-*`, `lib/modules/*`, `usr/src/*`.
#[derive(Debug, Clone)]
pub struct TestKernel {
    pub root: PathBuf,
    pub release: String,
}

impl TestKernel {
    pub fn vmlinuz(&self) -> PathBuf {
        self.root.join("boot").join(format!("vmlinuz-{}", self.release))
    }

    /// The files of the modules it came with, sorted.
    #[allow(dead_code, reason = "not every test wants them")]
    pub fn stock_modules(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.root.join("lib/modules").join(&self.release).join("kernel")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                match entry.file_type().unwrap().is_dir() {
                    true => folders.push(entry.path()),
                    false => found.push(entry.path()),
                }
            }
        }
        found.sort();
        found
    }
}

/// All kernels there are to test with. With `CI` or `KOMOD_REQUIRE_KERNELS` set, none is a
/// failure; otherwise the test says on stderr that it was skipped.
pub fn kernels() -> Vec<TestKernel> {
    let mut roots: Vec<PathBuf> = Vec::new();
    if let Some(list) = std::env::var_os("KOMOD_TEST_KERNELS") {
        roots.extend(std::env::split_paths(&list));
    } else if let Some(cache) = cache()
        && let Ok(entries) = std::fs::read_dir(cache.join("kernels"))
    {
        roots.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
    }
    let mut found: Vec<TestKernel> = roots.iter().filter_map(|root| kernel_in(root)).collect();
    found.sort_by(|a, b| a.release.cmp(&b.release));
    if found.is_empty() {
        let required =
            ["CI", "KOMOD_REQUIRE_KERNELS"].iter().any(|v| std::env::var_os(v).is_some());
        assert!(!required, "no kernel to test with in {roots:?}");
        eprintln!("skipped: no kernel in KOMOD_TEST_KERNELS or komod's cache");
    }
    found
}

fn kernel_in(root: &Path) -> Option<TestKernel> {
    let entries = std::fs::read_dir(root.join("boot")).ok()?;
    entries.filter_map(Result::ok).find_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let release = name.strip_prefix("vmlinuz-")?.to_owned();
        Some(TestKernel { root: root.to_owned(), release })
    })
}

fn cache() -> Option<PathBuf> {
    let var = |name| std::env::var_os(name).map(PathBuf::from);
    var("KOMOD_CACHE")
        .or_else(|| Some(var("XDG_CACHE_HOME")?.join("komod")))
        .or_else(|| Some(var("HOME")?.join(".cache/komod")))
}
