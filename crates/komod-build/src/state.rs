//! What komod remembers of a folder it builds in: for each product, the files it was made from and
//! by which commands.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::doubt::Doubt;
use crate::replace;
use crate::stamp::Stamp;

/// The file, in the folder.
const FILE: &str = ".komod-state.json";
/// Its version: a file of another one counts as none.
const VERSION: u32 = 1;

/// A file as it was.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Seen {
    /// The file.
    pub path: PathBuf,
    /// Its stamp. Nothing if the file was changed while it was used: then only the content counts.
    pub stamp: Option<Stamp>,
    /// Its content's name, for files of the project.
    pub content: Option<String>,
}

/// A product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The commands, as a digest.
    pub commands: String,
    /// What was read and written.
    pub seen: Vec<Seen>,
}

/// All of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The recipe the products were made by; those of another one are worthless.
    pub recipe: String,
    /// The plan it is about: recipe, flags, variables, sources.
    pub plan: String,
    /// The modules made; empty if the build is not complete.
    pub modules: Vec<PathBuf>,
    /// The makefiles the plan came from; nothing if it has to be made anew.
    pub makefiles: Option<Vec<(PathBuf, Stamp)>>,
    /// The products.
    pub records: BTreeMap<PathBuf, Record>,
}

/// The form in the file: what several records saw stands once.
#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    recipe: String,
    plan: String,
    modules: Vec<PathBuf>,
    makefiles: Option<Vec<(PathBuf, Stamp)>>,
    seen: Vec<Seen>,
    records: Vec<(PathBuf, String, Vec<u32>)>,
}

impl State {
    /// What is known; nothing of a folder that komod did not build in, or of a damaged file.
    pub fn load(folder: &Path) -> State {
        Self::read(folder).unwrap_or_default()
    }

    fn read(folder: &Path) -> Option<State> {
        let stored: Stored = serde_json::from_slice(&fs::read(folder.join(FILE)).ok()?).ok()?;
        if stored.version != VERSION {
            return None;
        }
        let mut state = State {
            recipe: stored.recipe,
            plan: stored.plan,
            modules: stored.modules,
            makefiles: stored.makefiles,
            records: BTreeMap::new(),
        };
        for (target, commands, numbers) in stored.records {
            let mut seen = Vec::with_capacity(numbers.len());
            for number in numbers {
                seen.push(stored.seen.get(usize::try_from(number).ok()?)?.clone());
            }
            state.records.insert(target, Record { commands, seen });
        }
        Some(state)
    }

    /// Is everything built by this plan, and nothing changed since? Answers by stamps alone, with
    /// the modules.
    pub fn complete(folder: &Path, plan: &str) -> Option<Vec<PathBuf>> {
        let stored: Stored = serde_json::from_slice(&fs::read(folder.join(FILE)).ok()?).ok()?;
        let current = stored.version == VERSION
            && stored.plan == plan
            && !stored.modules.is_empty()
            && stored.makefiles?.iter().all(|(path, stamp)| Stamp::of(path) == *stamp)
            && stored.seen.iter().all(|seen| seen.stamp == Some(Stamp::of(&seen.path)));
        current.then_some(stored.modules)
    }

    /// Keeps it.
    pub fn save(&self, folder: &Path) -> Result<(), Doubt> {
        let mut numbers: HashMap<&Seen, u32> = HashMap::new();
        let mut stored = Stored {
            version: VERSION,
            recipe: self.recipe.clone(),
            plan: self.plan.clone(),
            modules: self.modules.clone(),
            makefiles: self.makefiles.clone(),
            seen: Vec::new(),
            records: Vec::new(),
        };
        for (target, record) in &self.records {
            let mut list = Vec::with_capacity(record.seen.len());
            for seen in &record.seen {
                let next = u32::try_from(stored.seen.len()).unwrap_or(u32::MAX);
                let number = *numbers.entry(seen).or_insert(next);
                if number == next {
                    stored.seen.push(seen.clone());
                }
                list.push(number);
            }
            stored.records.push((target.clone(), record.commands.clone(), list));
        }
        let path = folder.join(FILE);
        let bytes = serde_json::to_vec(&stored).map_err(|e| Doubt::Failed(e.to_string()))?;
        replace::file(&path, &bytes).map_err(Doubt::io("write", path))
    }

    /// Before kbuild works in the folder: takes away the notes that would make it trust products
    /// it did not make.
    pub fn forget(notes: &Path, folder: &Path) {
        let Some(state) = Self::read(notes) else { return };
        for record in state.records.values() {
            for seen in &record.seen {
                if seen.path.starts_with(folder) && seen.path.extension() == Some("cmd".as_ref()) {
                    let _ = fs::remove_file(&seen.path);
                }
            }
        }
        let _ = fs::remove_file(notes.join(FILE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(path: &Path) -> Seen {
        Seen { path: path.to_owned(), stamp: Some(Stamp::of(path)), content: None }
    }

    #[test]
    fn what_is_kept_is_read_again_and_damage_is_nothing() {
        let dir = std::env::temp_dir().join(format!("komod-state-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let (source, other) = (dir.join("x.c"), dir.join("y.c"));
        fs::write(&source, "1").unwrap();
        let mut state = State { plan: "p".into(), ..State::default() };
        state.modules = vec![dir.join("x.ko")];
        state.makefiles = Some(vec![(source.clone(), Stamp::of(&source))]);
        for (target, files) in [("a", vec![&source, &other]), ("b", vec![&source])] {
            let seen = files.into_iter().map(|file| seen(file)).collect();
            state.records.insert(target.into(), Record { commands: "c".into(), seen });
        }
        state.save(&dir).unwrap();
        assert_eq!(State::load(&dir), state);
        assert_eq!(State::complete(&dir, "p"), Some(state.modules.clone()));
        assert_eq!(State::complete(&dir, "q"), None);
        fs::write(&other, "").unwrap();
        assert_eq!(State::complete(&dir, "p"), None, "a file that was not there");
        let path = dir.join(FILE);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
        assert_eq!(State::load(&dir), State::default());
        fs::remove_dir_all(dir).unwrap();
    }
}
