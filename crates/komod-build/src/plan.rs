//! The actions of a build, from kbuild's makefiles and the project's.
//!
//! ```text
//! recipe (per tree) + project's folder
//!   └─ dry_run   Makefile.build     objects, lists; the lists are written at once,
//!   └─ dry_run   Makefile.modpost   since the makefiles of these two read them
//!   └─ dry_run   Makefile.modfinal
//!       └─ actions   steps grouped by target, with what they read and what goes before
//! ```

mod actions;
mod cacheable;
pub mod dry_run;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::action::{Action, Kind};
use crate::doubt::Doubt;
use crate::execute::list;
use crate::recipe::Recipe;
use crate::replace;
use crate::stamp::Stamp;

/// A planned build.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The actions; each stands behind those it needs.
    pub actions: Vec<Action>,
    /// The modules, in the makefiles' order.
    pub modules: Vec<PathBuf>,
    /// The makefiles it was drawn from. Nothing if the plan depends on more than their text.
    pub makefiles: Option<Vec<(PathBuf, Stamp)>>,
    /// What the makefiles printed.
    pub said: Vec<String>,
}

/// What to plan.
pub struct Subject<'a> {
    /// The recipe of the kernel tree.
    pub recipe: &'a Recipe,
    /// The folder to build in.
    pub folder: &'a Path,
    /// Where komod may put files of its own.
    pub notes: &'a Path,
    /// The value of `KCPPFLAGS`.
    pub flags: &'a str,
    /// The caller's variables.
    pub variables: &'a [(String, String)],
    /// How long make may take to read the makefiles.
    pub patience: Duration,
}

/// Makes the plan.
pub fn make(subject: &Subject<'_>) -> Result<Plan, Doubt> {
    let folder = subject.folder;
    let environment = environment(subject);
    let mut variables = Vec::new();
    if !subject.flags.is_empty() {
        variables.push(("KCPPFLAGS".to_owned(), subject.flags.to_owned()));
    }
    variables.extend_from_slice(subject.variables);
    let dry = |makefile: &str, made: Option<&Path>| {
        dry_run::run(&dry_run::Request {
            recipe: subject.recipe,
            folder,
            makefile,
            variables: &variables,
            environment: &environment,
            made,
            patience: subject.patience,
        })
    };
    let objects = dry("Makefile.build", None)?;
    if objects.modules.is_empty() {
        return Err(Doubt::NoModules);
    }
    let mut draft = actions::Draft::new(&subject.recipe.directory);
    draft.add(&objects)?;
    check_names(&objects.modules)?;
    for action in draft.actions.iter().filter(|action| action.kind == Kind::List) {
        let content = list::content(action).ok_or_else(|| Doubt::Step {
            target: action.target.display().to_string(),
            step: "a list komod cannot read".into(),
        })??;
        replace_if_other(&action.target, &content)?;
    }
    draft.members()?;
    let made = subject.notes.join(".komod-rules.mk");
    replace_if_other(&made, rules_for(&objects.modules).as_bytes())?;
    let (check, link) = std::thread::scope(|scope| {
        let link = scope.spawn(|| dry("Makefile.modfinal", Some(&made)));
        let check = dry("Makefile.modpost", Some(&made));
        let link = link.join();
        (check, link)
    });
    let link = link.map_err(|_| Doubt::Evaluation("a thread died".into()))??;
    let check = check?;
    draft.modpost(&check, &objects.modules)?;
    draft.add(&link)?;
    let mut makefiles = objects.makefiles;
    makefiles.extend(check.makefiles);
    makefiles.extend(link.makefiles);
    makefiles.sort();
    makefiles.dedup();
    makefiles.retain(|path| *path != made);
    let cacheable = cacheable::is(&makefiles, folder, subject.recipe);
    let makefiles = makefiles.into_iter().map(|path| (Stamp::of(&path), path));
    Ok(Plan {
        actions: draft.finish()?,
        modules: objects.modules.iter().map(|object| object.with_extension("ko")).collect(),
        makefiles: cacheable.then(|| makefiles.map(|(stamp, path)| (path, stamp)).collect()),
        said: objects.said,
    })
}

/// The environment for a subject's commands.
pub fn environment(subject: &Subject<'_>) -> Vec<(String, String)> {
    let mut environment = subject.recipe.environment(subject.folder, subject.flags);
    // As for kbuild: makefiles say $(PWD) for "here".
    environment.push(("PWD".into(), subject.folder.display().to_string()));
    environment
}

/// Empty rules for what the last makefiles take for made.
fn rules_for(modules: &[PathBuf]) -> String {
    let mut text = String::new();
    for object in modules {
        let info = object.with_extension("mod.c");
        text.push_str(&format!("{}: ;\n{}: ;\n", object.display(), info.display()));
    }
    text
}

/// The kernel knows one module of a name (`scripts/modules-check.sh` says so of kbuild).
fn check_names(modules: &[PathBuf]) -> Result<(), Doubt> {
    let mut names: Vec<_> = modules.iter().filter_map(|module| module.file_name()).collect();
    names.sort();
    match names.windows(2).find_map(|pair| pair.first().filter(|name| pair.last() == Some(*name))) {
        Some(name) => Err(Doubt::SameName(name.to_string_lossy().into_owned())),
        None => Ok(()),
    }
}

fn replace_if_other(path: &Path, bytes: &[u8]) -> Result<(), Doubt> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    replace::file(path, bytes).map_err(Doubt::io("write", path))
}
