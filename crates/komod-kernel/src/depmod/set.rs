//! The whole set of index files, made on several threads: each file by one of them.
//!
//! Half of the work needs the modules only, so it goes on while their dependencies are resolved.

use super::error::DepmodError;
use super::indexes::{self, Index, NAMES, Watch};
use super::remark::Remark;
use super::tree::{Modules, Tree};
use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::thread;

/// What is needed to make the set.
#[derive(Clone, Copy, Debug)]
pub struct Making<'t> {
    /// The modules.
    pub modules: &'t Modules<'t>,
    /// Their kernel's folder, for its lists of built-in modules.
    pub directory: &'t Path,
    /// What to tell.
    pub watch: Watch,
    /// On so many threads.
    pub threads: NonZero<usize>,
}

/// Files that are made in one go.
type Files = Result<Vec<Index>, DepmodError>;
type StepOfModules = fn(Making<'_>, &mut Vec<Remark>) -> Files;
type StepOfTree = fn(&Tree<'_>, &mut Vec<Remark>) -> Files;

/// The steps that need the modules only, those that take long first. The number is a step's place in
/// what is told.
const OF_MODULES: [(usize, StepOfModules); 6] = [
    (4, |m, r| indexes::alias_index(m.modules, m.watch, r).map(one)),
    (0, |m, r| Ok(one(indexes::aliases(m.modules, r)))),
    (8, |m, r| indexes::builtin_alias_index(m.directory, r).map(one)),
    (7, |m, r| indexes::builtin_index(m.directory, r).map(one)),
    (1, |m, r| Ok(indexes::written_dependencies(m.modules, r).into())),
    (2, |m, r| Ok(one(indexes::device_nodes(m.modules, r)))),
];
/// The steps that need to know who needs whom, likewise.
const OF_TREE: [(usize, StepOfTree); 3] = [
    (5, |t, r| indexes::dependency_files(t, r).map(Vec::from)),
    (6, |t, r| indexes::symbol_index(t, r).map(one)),
    (3, |t, _| Ok(one(indexes::symbols(t)))),
];

fn one(index: Index) -> Vec<Index> {
    vec![index]
}

/// What a step has made and told.
struct Done<T> {
    place: usize,
    files: Result<Vec<(Index, T)>, DepmodError>,
    remarks: Vec<Remark>,
}

/// The work, as the threads share it.
struct Work<'t, F, T> {
    making: Making<'t>,
    finished: F,
    next_of_modules: AtomicUsize,
    next_of_tree: AtomicUsize,
    done: Mutex<Vec<Done<T>>>,
}

impl<F: Fn(&Index) -> Result<T, DepmodError> + Sync, T: Send> Work<'_, F, T> {
    fn of_modules(&self) {
        while let Some((place, step)) = next(&OF_MODULES, &self.next_of_modules) {
            self.take(*place, |remarks| step(self.making, remarks));
        }
    }

    fn of_tree(&self, tree: &Tree<'_>) {
        while let Some((place, step)) = next(&OF_TREE, &self.next_of_tree) {
            self.take(*place, |remarks| step(tree, remarks));
        }
    }

    fn take(&self, place: usize, step: impl FnOnce(&mut Vec<Remark>) -> Files) {
        let mut remarks = Vec::new();
        let each = |index| (self.finished)(&index).map(|done| (index, done));
        let files = step(&mut remarks);
        let files = files.and_then(|files| files.into_iter().map(each).collect());
        if let Ok(mut done) = self.done.lock() {
            done.push(Done { place, files, remarks });
        }
    }
}

fn next<'s, S>(steps: &'s [S], next: &AtomicUsize) -> Option<&'s S> {
    steps.get(next.fetch_add(1, Ordering::Relaxed))
}

impl<'t> Making<'t> {
    /// Makes the set, in the order of [`NAMES`]. `resolve` gives the tree; what it has to tell comes
    /// before all else. `finished` gets each file as soon as it is made, on the thread that made it.
    pub fn make<T: Send>(
        self,
        resolve: impl FnOnce() -> Result<Tree<'t>, DepmodError>,
        finished: impl Fn(&Index) -> Result<T, DepmodError> + Sync,
        remarks: &mut Vec<Remark>,
    ) -> Result<Vec<(Index, T)>, DepmodError> {
        let next = || AtomicUsize::new(0);
        let (next_of_modules, next_of_tree) = (next(), next());
        let done = Mutex::new(Vec::with_capacity(NAMES.len()));
        let work = Work { making: self, finished, next_of_modules, next_of_tree, done };
        let tree: OnceLock<Result<Tree<'t>, DepmodError>> = OnceLock::new();
        thread::scope(|scope| {
            for _ in 1..self.threads.get().min(OF_MODULES.len() + 1) {
                scope.spawn(|| {
                    work.of_modules();
                    if let Ok(tree) = tree.wait() {
                        work.of_tree(tree);
                    }
                });
            }
            if let Ok(tree) = tree.get_or_init(resolve) {
                work.of_tree(tree);
                work.of_modules();
            }
        });
        if let Some(Err(error)) = tree.into_inner() {
            return Err(error);
        }
        let mut done = work.done.into_inner().unwrap_or_default();
        done.sort_unstable_by_key(|step| step.place);
        let mut all = Vec::with_capacity(NAMES.len());
        for step in done {
            remarks.extend(step.remarks);
            all.extend(step.files?);
        }
        all.sort_by_key(|(index, _)| NAMES.iter().position(|name| *name == index.name));
        Ok(all)
    }
}
