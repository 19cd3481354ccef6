//! What inserting a module takes, step by step.

use super::config::Refusal;
use super::lookup::{Key, Module, Modules};
use crate::index::IndexError;
use crate::name;
use std::collections::HashSet;

/// How a module is to be inserted.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Options for the module itself, behind those of the configuration.
    pub options: Vec<u8>,
    /// Leave out the module's own `install` command and soft dependencies.
    pub ignore_command: bool,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Gives this file to the kernel.
    Insert(Vec<u8>),
    /// Runs this command instead.
    Command(Vec<u8>),
    /// Nothing: the module is built in.
    Builtin,
    /// Nothing can be done: there is no file.
    Missing,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub module: Module,
    pub action: Action,
    pub options: Vec<u8>,
    /// The rest makes no sense without it.
    pub required: bool,
    /// It is the module that was asked for.
    pub target: bool,
}

/// Why there are no steps.
#[derive(Debug, thiserror::Error)]
pub enum InsertionError {
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The module, or one that it depends on.
    #[error("{}{refusal}", of(.needed))]
    Refused { needed: Option<Vec<u8>>, refusal: Refusal },
}

fn of(needed: &Option<Vec<u8>>) -> String {
    match needed {
        None => String::new(),
        Some(name) => format!("it depends on '{}', which is ", String::from_utf8_lossy(name)),
    }
}

/// The steps to insert `target`: what it depends on, deepest first, then itself; before and after
/// each its soft dependencies with all of theirs. A module that is not to be loaded is an error if
/// the target depends on it, else it is left out with what depends on it.
pub fn steps(
    modules: Modules<'_>,
    target: &Module,
    wish: &Wish,
) -> Result<Vec<Step>, InsertionError> {
    let group = group(modules, target)?;
    let mut plan = Plan {
        modules,
        target: target.key(),
        wish,
        required: group.iter().map(Module::key).collect(),
        expanded: HashSet::new(),
        work: Vec::new(),
        steps: Vec::new(),
    };
    for module in &group {
        if let Some(refusal) = modules.refusal(module) {
            let needed = (module.name != target.name).then(|| module.name.clone());
            return Err(InsertionError::Refused { needed, refusal });
        }
    }
    plan.expanded.insert(target.key());
    plan.work.extend(group.into_iter().rev().map(Work::Around));
    plan.run()?;
    Ok(plan.steps)
}

/// A module behind all that it depends on.
fn group(modules: Modules<'_>, module: &Module) -> Result<Vec<Module>, IndexError> {
    let mut group = Vec::new();
    for path in module.file.iter().flat_map(|file| file.needs.iter().rev()) {
        let mut needed = modules.module(&name::of_file(path), None)?;
        if let Some(file) = &mut needed.file {
            file.path.clone_from(path);
        }
        group.push(needed);
    }
    group.push(module.clone());
    Ok(group)
}

/// What is still to be planned, last first: soft dependencies may be chained as long as the
/// configuration likes, so there is no recursion.
enum Work {
    /// All modules of a name.
    Named(Vec<u8>),
    /// A module with what it depends on, unless it is in the plan.
    Whole(Module),
    /// A module and its soft dependencies.
    Around(Module),
    /// A module.
    Just(Module),
}

struct Plan<'p> {
    modules: Modules<'p>,
    target: Key,
    wish: &'p Wish,
    /// The target and what it depends on.
    required: HashSet<Key>,
    /// Modules whose dependencies and soft dependencies are in the plan.
    expanded: HashSet<Key>,
    work: Vec<Work>,
    steps: Vec<Step>,
}

impl Plan<'_> {
    fn run(&mut self) -> Result<(), IndexError> {
        while let Some(work) = self.work.pop() {
            match work {
                Work::Named(name) => {
                    let found = self.modules.find(&name)?;
                    self.work.extend(found.into_iter().rev().map(Work::Whole));
                }
                Work::Whole(module) => {
                    if self.expanded.insert(module.key()) {
                        let group = group(self.modules, &module)?;
                        let refused = |m: &Module| self.modules.refusal(m).is_some();
                        if !group.iter().any(refused) {
                            self.work.extend(group.into_iter().rev().map(Work::Around));
                        }
                    }
                }
                Work::Around(module) => {
                    let (pre, post) = match self.is_bare(&module) {
                        true => Default::default(),
                        false => self.modules.softdeps(&module),
                    };
                    let named = |name: &&[u8]| Work::Named(name.to_vec());
                    self.work.extend(post.iter().rev().map(named));
                    self.work.push(Work::Just(module));
                    self.work.extend(pre.iter().rev().map(named));
                }
                Work::Just(module) => self.step(module)?,
            }
        }
        Ok(())
    }

    /// Neither command nor soft dependencies are wanted.
    fn is_bare(&self, module: &Module) -> bool {
        self.wish.ignore_command && module.key() == self.target
    }

    fn step(&mut self, module: Module) -> Result<(), IndexError> {
        let key = module.key();
        let target = key == self.target;
        let mut options = self.modules.options(&module);
        if !options.is_empty() {
            options.push(b' ');
        }
        if target {
            options.extend_from_slice(&self.wish.options);
        }
        let command = match self.is_bare(&module) {
            true => None,
            false => self.modules.install_command(&module)?,
        };
        let action = match (command, &module.file) {
            (Some(command), _) => Action::Command(command.to_vec()),
            (None, Some(file)) => Action::Insert(file.path.clone()),
            (None, None) if module.builtin => Action::Builtin,
            (None, None) => Action::Missing,
        };
        let required = self.required.contains(&key);
        self.steps.push(Step { module, action, options, required, target });
        Ok(())
    }
}
