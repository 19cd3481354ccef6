//! Files that only another tree of the same release has: programs, headers made for it, the linker
//! script.

use std::fs;
use std::path::Path;

use super::{Content, Spares};
use crate::modpost::Dialect;
use crate::tree::Tree;

pub(super) fn from_spare(tree: &Tree, spares: &Spares, path: &str) -> Option<(Content, String)> {
    let other = spares.tree_with(tree, path)?;
    let origin = other.display().to_string();
    if path == "Makefile" {
        let text = makefile(&other)?;
        return Some((Content::Bytes(text.into_bytes()), origin));
    }
    // A header of a whole folder that is missing stands for the folder.
    Some((Content::Link(other.join(path)), origin))
}

/// komod in place of modpost, where it knows what this tree's would write.
pub(super) fn own_modpost(tree: &Tree, spares: &Spares) -> Option<(Content, String)> {
    Dialect::of_tree(tree).ok()?;
    let program = spares.modpost.clone()?;
    Some((Content::Link(program), "komod's own modpost".into()))
}

/// A makefile that reads the other tree's from where it is.
fn makefile(other: &Path) -> Option<String> {
    let text = fs::read_to_string(other.join("Makefile")).ok()?;
    let included = Tree::new("", other).included_makefile();
    match included {
        Some(included) => Some(format!("include {}\n", included.display())),
        None => Some(text),
    }
}
