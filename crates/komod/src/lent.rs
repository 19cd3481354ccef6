//! Modules that a board has itself, for what needs them: where this machine has none of that
//! kernel, they are fetched from there.

use crate::explained::Explained;
use anyhow::{Context, Result};
use komod_place::Place;
use komod_place::dependencies::module_name;
use komod_place::process::RuntimeDir;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// `modules.dep` of all modules of a distribution has half a megabyte.
const MAX_LIST: u64 = 16 << 20;
const MAX_MODULE: u64 = 200 << 20;
const PREFIX: &str = "lent-";

/// A folder with the modules; it goes with this value.
pub struct Lent(PathBuf);

impl Lent {
    pub fn folder(&self) -> &Path {
        &self.0
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Fetches these modules and what they need; none if the board has no list of its modules.
pub fn lend(place: &mut dyn Place, release: &str, names: &[String]) -> Result<Option<Lent>> {
    let root = format!("/lib/modules/{release}");
    let Ok(list) = place.read(&format!("{root}/modules.dep"), MAX_LIST, &mut |_| {}) else {
        return Ok(None);
    };
    let list = String::from_utf8_lossy(&list).into_owned();
    // Nobody else can put a module there.
    let dir = RuntimeDir::open().map_err(|e| Explained::from_error(&e))?;
    remove_stale(dir.path());
    let lent = Lent(dir.path().join(format!("{PREFIX}{}", std::process::id())));
    std::fs::create_dir(lent.folder()).with_context(|| lent.folder().display().to_string())?;
    for path in needed(&list, names) {
        let whole = if path.starts_with('/') { path.clone() } else { format!("{root}/{path}") };
        let bytes = place.read(&whole, MAX_MODULE, &mut |_| {});
        let bytes = bytes.with_context(|| format!("fetching {whole}"))?;
        let Some(name) = Path::new(&path).file_name() else { continue };
        let to = lent.folder().join(name);
        std::fs::write(&to, bytes).with_context(|| to.display().to_string())?;
    }
    Ok(Some(lent))
}

/// Those of a komod that was killed; and our own, from another of our number.
fn remove_stale(dir: &Path) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        let own = std::process::id().to_string();
        if pid.is_some_and(|pid| pid == own || !Path::new("/proc").join(pid).exists()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Paths of the modules and of all that they need, by the lines of `modules.dep` (modules.dep(5)):
/// each has all of a module's needs already.
fn needed(list: &str, names: &[String]) -> BTreeSet<String> {
    let lines = list.lines().filter_map(|line| line.split_once(':'));
    let by_name: BTreeMap<String, (&str, &str)> = lines
        .filter_map(|(path, needs)| Some((module_name(Path::new(path))?, (path, needs))))
        .collect();
    let mut paths = BTreeSet::new();
    for name in names {
        if let Some((path, needs)) = by_name.get(&name.replace('-', "_")) {
            paths.insert((*path).to_owned());
            paths.extend(needs.split_whitespace().map(str::to_owned));
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_all_needs() {
        let list = "kernel/a-b.ko: kernel/c.ko.xz kernel/d.ko\nkernel/c.ko.xz: kernel/d.ko\n\
                    kernel/d.ko:\nkernel/e.ko:\n";
        let of = |names: &[&str]| -> Vec<String> {
            let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
            needed(list, &names).into_iter().collect()
        };
        assert_eq!(of(&["a_b"]), ["kernel/a-b.ko", "kernel/c.ko.xz", "kernel/d.ko"]);
        assert_eq!(of(&["e", "nothing"]), ["kernel/e.ko"]);
        assert_eq!(of(&[]), [""; 0]);
    }
}
