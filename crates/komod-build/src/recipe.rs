//! What komod knows about building for one kernel tree: what kbuild's top makefile works out.
//!
//! kbuild spends most of its time finding out, again and again, what the compiler can do (some 30
//! trial runs), to put together the variables it exports to the makefiles below. Of one build of a
//! small probe module komod keeps that environment ([`probe`]); the makefiles below are read for
//! each project ([`crate::plan`]). The recipe is good as long as nothing has changed that it could
//! depend on ([`inputs`]). Before it is used the first time, komod builds the probe by it and
//! compares with what kbuild built: a tree where the two differ is left to kbuild.

mod inputs;
mod probe;
mod store;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::doubt::Doubt;
use crate::execute::Ready;
use crate::jobserver::Jobserver;
use crate::kbuild;
use crate::stamp::Stamp;
use crate::tree::Tree;

/// Where the flags for the project's own paths stand in the recorded environment.
pub const FLAGS: &str = "-DKOMOD_FLAGS_OF_THE_PROJECT";

/// What finding one out takes.
pub struct Means<'a> {
    /// Where recipes are kept.
    pub cache: Option<&'a Path>,
    /// How many jobs at a time.
    pub jobserver: &'a Jobserver,
    /// How long make may read makefiles, and kbuild be silent.
    pub patience: Duration,
}

/// A recipe.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Recipe {
    /// A name for this recipe's content.
    pub id: String,
    /// What kbuild's makefiles found exported.
    exported: Vec<(String, String)>,
    /// What was on their command line, but for the caller's variables.
    overrides: Vec<String>,
    /// The folder of the probe: stands for the module's folder in all of the above.
    folder: PathBuf,
    /// The folder kbuild's makefiles run in.
    pub directory: PathBuf,
    /// The kernel's `scripts` folder.
    pub scripts: PathBuf,
    /// Folders make looks for included makefiles in.
    pub include: Vec<PathBuf>,
    /// The makefile for reading kbuild's.
    pub dry_run: PathBuf,
    /// Warnings that kbuild gives with every build.
    pub said: Vec<String>,
    /// An object that is the same in all modules of the tree.
    common: Option<Common>,
    /// Files that the recipe depends on.
    inputs: Vec<(PathBuf, Stamp)>,
    /// Why it must not be used.
    doubt: Option<String>,
}

/// An object that all modules are linked with: `.module-common.o`, since Linux 6.12.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Common {
    /// The command that made it in the probe's folder.
    command: String,
    /// A copy.
    object: PathBuf,
    /// What it was compiled from.
    read: Vec<(PathBuf, Stamp)>,
}

impl Recipe {
    /// The recipe for a tree: known, or found out with a probe. `variables` are for make's command
    /// line; they may change everything.
    pub fn open(
        tree: &Tree,
        variables: &[(String, String)],
        means: &Means<'_>,
    ) -> Result<Recipe, Doubt> {
        inputs::check(tree, variables)?;
        let folder = store::folder(tree, variables, means.cache.ok_or(Doubt::NoCache)?);
        if let Some(recipe) = store::load(&folder) {
            return recipe.trusted();
        }
        let _lock = store::lock(&folder)?;
        if let Some(recipe) = store::load(&folder) {
            return recipe.trusted();
        }
        let recipe = probe::run(tree, variables, &folder, means)?;
        store::save(&folder, &recipe)?;
        recipe.trusted()
    }

    fn trusted(self) -> Result<Recipe, Doubt> {
        match self.doubt {
            Some(file) => Err(Doubt::Differs(file)),
            None => Ok(self),
        }
    }

    /// The environment of kbuild's commands for a module in `folder`, with these flags for the
    /// preprocessor.
    pub fn environment(&self, folder: &Path, flags: &str) -> Vec<(String, String)> {
        let own = folder.to_string_lossy();
        let probe = self.folder.to_string_lossy();
        let fit = |value: &str| value.replace(probe.as_ref(), &own).replace(FLAGS, flags);
        self.exported.iter().map(|(name, value)| (name.clone(), fit(value))).collect()
    }

    /// The object that all modules have, if nothing it was compiled from has changed: the command
    /// that would make it for the module in `folder`, a copy, and what was read.
    pub fn common(&self, folder: &Path, flags: &str) -> Option<Ready> {
        let common = self.common.as_ref()?;
        let probe = self.folder.to_string_lossy();
        let command = common.command.replace(probe.as_ref(), &folder.to_string_lossy());
        Some(Ready {
            command: command.replace(FLAGS, flags),
            object: common.object.clone(),
            read: common.read.clone(),
        })
    }

    /// The command line for reading one of kbuild's makefiles for the module in `folder`.
    pub fn arguments(&self, folder: &Path, makefile: &str) -> Vec<String> {
        let own = folder.to_string_lossy();
        let probe = self.folder.to_string_lossy();
        let mut arguments = vec![
            format!("komod-makefile={}", self.scripts.join(makefile).display()),
            format!("komod-dry-run={}", self.dry_run.display()),
        ];
        arguments.extend(self.overrides.iter().map(|word| word.replace(probe.as_ref(), &own)));
        arguments
    }

    /// Is everything it depends on as it was?
    fn is_current(&self) -> bool {
        self.inputs.iter().all(|(path, stamp)| Stamp::of(path) == *stamp)
    }
}

/// Variables that make itself hands from one make to the next.
fn is_makes(name: &str) -> bool {
    name.starts_with("MAKE") && name != "MAKE"
        || ["MFLAGS", "PWD", "OLDPWD", "SHLVL", "_"].contains(&name)
        || kbuild::is_passed(name)
}
