//! Building with a tree that may have to be repaired first.

use crate::build::{self, Built, Options};
use crate::builtin::{self, BuiltinObject};
use crate::error::BuildError;
use crate::overlay;
use crate::project::Project;
use crate::rules::b07::bad_line;
use crate::tree::Tree;

/// Builds the project's modules for the tree's kernel. A damaged tree is built with through an
/// overlay that holds what it lacks; a note says so.
pub fn build(project: &Project, tree: &Tree, options: &Options) -> Result<Built, BuildError> {
    let (how, modpost) = (&options.repair, options.modpost.as_deref());
    let repaired = overlay::repair(tree, how, modpost);
    match build::build(project, &repaired.tree, options) {
        Ok(mut built) => {
            built.diagnostics.extend(repaired.diagnostics);
            Ok(built)
        }
        // The tree's list of symbols is there, but cannot be read: the build has found out.
        Err(error)
            if error.diagnostics.iter().any(|d| d.code == "B-07")
                && bad_line(&tree.file("Module.symvers")).is_some() =>
        {
            let again = overlay::repair_symvers(tree, how, modpost);
            if again.tree == repaired.tree {
                return Err(error);
            }
            let mut built = build::build(project, &again.tree, options)?;
            built.diagnostics.extend(again.diagnostics);
            Ok(built)
        }
        Err(mut error) => {
            error.diagnostics.extend(repaired.diagnostics);
            Err(error)
        }
    }
}

/// Compiles the project's modules as built-in code, likewise.
pub fn compile_builtin(
    project: &Project,
    tree: &Tree,
    options: &Options,
) -> Result<Vec<BuiltinObject>, BuildError> {
    let repaired = overlay::repair(tree, &options.repair, options.modpost.as_deref());
    builtin::compile_builtin(project, &repaired.tree, options).map_err(|mut error| {
        error.diagnostics.extend(repaired.diagnostics);
        error
    })
}
