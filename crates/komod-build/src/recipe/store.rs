//! Recipes in komod's cache: `recipes/NAME/recipe.json`, one folder per tree, variables and `PATH`.
//!
//! A file that cannot be read, of another version or about a tree that has changed counts as none.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Recipe;
use crate::digest;
use crate::doubt::Doubt;
use crate::plan::dry_run;
use crate::replace;
use crate::tree::Tree;

/// The version of the format, and of what komod learns from a probe.
const VERSION: u32 = 2;

const FILE: &str = "recipe.json";

#[derive(Serialize, Deserialize)]
struct Stored<T> {
    version: u32,
    script: String,
    recipe: T,
}

/// The folder of a tree's recipe.
pub fn folder(tree: &Tree, variables: &[(String, String)], cache: &Path) -> PathBuf {
    let path = fs::canonicalize(&tree.path).unwrap_or_else(|_| tree.path.clone());
    // Another komod keeps its own.
    let komod = format!("{VERSION} {}", digest::of([dry_run::SCRIPT]));
    let mut parts = vec![komod, path.to_string_lossy().into_owned(), tree.release.clone()];
    parts.push(env::var("PATH").unwrap_or_default());
    for (name, value) in &tree.env {
        parts.push(format!("{}={}", name.to_string_lossy(), value.to_string_lossy()));
    }
    parts.extend(variables.iter().map(|(name, value)| format!("{name}={value}")));
    let name: String = digest::of(&parts).chars().take(16).collect();
    cache.join("recipes").join(format!("{}-{name}", tree.release))
}

/// The recipe, if there is one and it still holds.
pub fn load(folder: &Path) -> Option<Recipe> {
    let bytes = fs::read(folder.join(FILE)).ok()?;
    let stored: Stored<Recipe> = serde_json::from_slice(&bytes).ok()?;
    let same = stored.version == VERSION && stored.script == digest::of([dry_run::SCRIPT]);
    let holds = same && stored.recipe.is_current() && stored.recipe.dry_run.exists();
    holds.then_some(stored.recipe)
}

/// Keeps a recipe.
pub fn save(folder: &Path, recipe: &Recipe) -> Result<(), Doubt> {
    let script = digest::of([dry_run::SCRIPT]);
    let stored = Stored { version: VERSION, script, recipe };
    let path = folder.join(FILE);
    let bytes = serde_json::to_vec(&stored).map_err(|e| Doubt::Probe(e.to_string()))?;
    replace::file(&path, &bytes).map_err(Doubt::io("write", path))
}

/// Waits until no other komod probes for this folder.
pub fn lock(folder: &Path) -> Result<File, Doubt> {
    fs::create_dir_all(folder).map_err(Doubt::io("make", folder))?;
    let path = folder.join("lock");
    let lock = File::options().create(true).append(true).open(&path);
    let lock = lock.map_err(Doubt::io("open", &path))?;
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)
        .map_err(|e| Doubt::io("lock", path)(e.into()))?;
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_and_outdated_recipes_count_as_none() {
        let dir = env::temp_dir().join(format!("komod-recipes-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let input = dir.join("input");
        let recipe = Recipe {
            dry_run: dry_run::place(&dir).unwrap(),
            inputs: vec![(input.clone(), crate::stamp::Stamp::ABSENT)],
            ..Recipe::default()
        };
        assert!(load(&dir).is_none());
        save(&dir, &recipe).unwrap();
        assert!(load(&dir).is_some());
        fs::write(&input, "").unwrap();
        assert!(load(&dir).is_none(), "something it depends on has changed");
        fs::remove_file(&input).unwrap();
        let bytes = fs::read(dir.join(FILE)).unwrap();
        fs::write(dir.join(FILE), &bytes[..bytes.len() / 2]).unwrap();
        assert!(load(&dir).is_none(), "half a file");
        fs::remove_dir_all(dir).unwrap();
    }
}
