//! A build without kbuild: recipe, plan, actions.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::compile_commands;
use crate::digest;
use crate::doubt::Doubt;
use crate::event::{Event, Listener};
use crate::execute::{self, Compile};
use crate::generated;
use crate::jobserver::Jobserver;
use crate::log::Log;
use crate::modpost::Dialect;
use crate::plan::{self, Plan, Subject};
use crate::recipe::{Means, Recipe};
use crate::replace;
use crate::shadow::Content;
use crate::stamp::Stamp;
use crate::state::State;
use crate::tree::Tree;

/// What to build.
pub struct Request<'a> {
    /// For this tree.
    pub tree: &'a Tree,
    /// In this folder.
    pub folder: &'a Path,
    /// Where komod keeps what it knows about it.
    pub notes: &'a Path,
    /// What komod put there.
    pub contents: &'a BTreeMap<PathBuf, Content>,
    /// Flags for the preprocessor, `KCPPFLAGS`.
    pub flags: &'a str,
    /// Variables for make's command line.
    pub variables: &'a [(String, String)],
    /// Where recipes are kept.
    pub cache: Option<&'a Path>,
    /// What compiles.
    pub compiler: &'a dyn Compile,
    /// How many actions at a time.
    pub jobserver: &'a Jobserver,
    /// How long make may read makefiles, and kbuild be silent.
    pub patience: Duration,
    /// Makes a line of output fit for the user.
    pub restore: &'a (dyn Fn(String) -> String + Sync),
    /// Hears what happens.
    pub listener: &'a dyn Listener,
    /// Whole commands in the output.
    pub verbose: bool,
    /// For `compile_commands.json`.
    pub commands: Option<compile_commands::View<'a>>,
    /// It must be there, even if there is nothing else to do.
    pub commands_surely: bool,
}

/// The plan, kept among the notes.
const PLAN: &str = ".komod-plan.json";

#[derive(Serialize, Deserialize)]
struct Kept<T> {
    key: String,
    plan: T,
}

/// Builds. The log's status is 0 if all went well.
pub fn build(request: &Request<'_>) -> Result<Log, Doubt> {
    let folder = request.folder;
    let means =
        Means { cache: request.cache, jobserver: request.jobserver, patience: request.patience };
    let recipe = Recipe::open(request.tree, request.variables, &means)?;
    let key = key(request, &recipe);
    let mut log = Log {
        command: format!("komod build (in {})", folder.display()),
        status: Some(0),
        lines: recipe.said.clone(),
    };
    let lacking = request.commands_surely && !folder.join(compile_commands::FILE).exists();
    if !lacking && State::complete(request.notes, &key).is_some() {
        return Ok(log);
    }
    let subject = Subject {
        recipe: &recipe,
        folder,
        notes: request.notes,
        flags: request.flags,
        variables: request.variables,
        patience: request.patience,
    };
    let plan = match kept(request.notes, &key) {
        Some(plan) => plan,
        None => {
            let mirror = request.notes == folder;
            if mirror {
                generated::remove(folder, request.contents).map_err(Doubt::io("tidy", folder))?;
            }
            let plan = plan::make(&subject)?;
            keep(request.notes, &key, &plan)?;
            plan
        }
    };
    if let Some(view) = &request.commands {
        compile_commands::of_plan(view, &plan, &recipe.directory)
            .map_err(Doubt::io("write", folder.join(compile_commands::FILE)))?;
    }
    log.lines.extend(plan.said.iter().cloned().map(|line| (request.restore)(line)));
    let folders: BTreeSet<_> = plan.actions.iter().filter_map(|a| a.target.parent()).collect();
    for folder in folders {
        replace::sweep(folder).map_err(Doubt::io("read", folder))?;
    }
    let (modules, steps) = (plan.modules.len(), plan.actions.len());
    request.listener.hear(Event::Planned { modules, steps });
    let mut state = State::load(request.notes);
    if state.recipe != recipe.id {
        state = State { recipe: recipe.id.clone(), ..State::default() };
    }
    let environment = plan::environment(&subject);
    let task = execute::Task {
        directory: &recipe.directory,
        environment: &environment,
        folder,
        compiler: request.compiler,
        ready: recipe.common(folder, request.flags),
        modpost: Dialect::of_tree(request.tree).ok(),
        jobserver: request.jobserver,
        restore: request.restore,
        listener: request.listener,
        verbose: request.verbose,
    };
    let done = execute::run(&plan.actions, &mut state, &task)?;
    log.lines.extend(done.lines);
    state.plan = key;
    state.makefiles = plan.makefiles;
    state.modules = Vec::new();
    if done.failed.is_some() {
        log.status = Some(2);
    } else {
        state.modules = plan.modules;
    }
    state.save(request.notes)?;
    Ok(log)
}

/// Changes when builds by the same plan leave something else.
const MEANING: &str = "2";

/// A name for all that the plan comes from, but for the makefiles' text.
fn key(request: &Request<'_>, recipe: &Recipe) -> String {
    let mut parts = vec![
        MEANING.to_owned(),
        recipe.id.clone(),
        request.folder.display().to_string(),
        request.flags.to_owned(),
        String::new(),
    ];
    parts.extend(request.variables.iter().map(|(name, value)| format!("{name}={value}")));
    parts.push(String::new());
    parts.extend(request.contents.keys().map(|path| path.display().to_string()));
    digest::of(parts)
}

fn kept(notes: &Path, key: &str) -> Option<Plan> {
    let kept: Kept<Plan> = serde_json::from_slice(&fs::read(notes.join(PLAN)).ok()?).ok()?;
    let current = kept.key == key
        && kept.plan.makefiles.as_ref()?.iter().all(|(path, stamp)| Stamp::of(path) == *stamp);
    current.then_some(kept.plan)
}

fn keep(notes: &Path, key: &str, plan: &Plan) -> Result<(), Doubt> {
    let path = notes.join(PLAN);
    let bytes = serde_json::to_vec(&Kept { key: key.to_owned(), plan })
        .map_err(|e| Doubt::Failed(e.to_string()))?;
    replace::file(&path, &bytes).map_err(Doubt::io("write", path))
}
