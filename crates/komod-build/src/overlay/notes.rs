//! What a repair tells the user.

use std::path::Path;

use komod_diag::{Diagnostic, Evidence, Severity};

use super::Replacement;
use super::mirror::MirrorError;
use crate::packages;
use crate::tree::Tree;

/// One note for each kind of damage.
pub(super) fn repaired(
    tree: &Tree,
    overlay: &Path,
    replacements: &[Replacement],
) -> Vec<Diagnostic> {
    let mut codes: Vec<&str> = Vec::new();
    for replacement in replacements {
        if !codes.contains(&replacement.code) {
            codes.push(replacement.code);
        }
    }
    codes.into_iter().map(|code| note(tree, overlay, code, replacements)).collect()
}

fn note(tree: &Tree, overlay: &Path, code: &str, replacements: &[Replacement]) -> Diagnostic {
    let own: Vec<&Replacement> = replacements.iter().filter(|r| r.code == code).collect();
    let names: Vec<&str> = own.iter().map(|r| r.path).collect();
    let title = match code {
        "B-07" | "B-20" => format!("the kernel tree's {} is unusable", names.join(" and ")),
        _ => format!("the kernel tree lacks {}", names.join(" and ")),
    };
    let title = format!("{title}: repaired for this build");
    let mut diagnostic = Diagnostic::new(code.to_owned(), Severity::Note, title);
    for replacement in own {
        let file = tree.file(replacement.path);
        let state = match std::fs::metadata(&file) {
            Ok(meta) if meta.is_file() && meta.len() == 0 => "is empty",
            Ok(_) => "cannot be used",
            Err(_) => "is missing",
        };
        diagnostic = diagnostic
            .with_evidence(Evidence::file(file, state))
            .with_evidence(Evidence::fact("repaired from", &replacement.origin));
    }
    let explanation = format!(
        "The tree itself was not touched: komod builds with an overlay of it, {}.",
        overlay.display()
    );
    let mut diagnostic = diagnostic.with_explanation(explanation);
    // The system's own way, for builds without komod.
    diagnostic.hints.extend(packages::headers(&tree.release).into_iter().take(1));
    diagnostic
}

/// Another tree of the same release was taken.
pub(super) fn replaced(tree: &Tree, other: &Path) -> Diagnostic {
    let title = format!("there is no kernel tree in {}: built with another", tree.path.display());
    Diagnostic::new("B-19", Severity::Note, title)
        .with_evidence(Evidence::file(&tree.path, "is not there, or holds no headers"))
        .with_evidence(Evidence::fact("built with", other.display().to_string()))
        .with_explanation("It is of the same release.")
}

/// The overlay could not be made; the build goes on with the tree as it is.
pub(super) fn not_laid(tree: &Tree, error: &MirrorError) -> Diagnostic {
    let title = format!("the kernel tree is damaged, and could not be repaired: {error}");
    Diagnostic::new("B-42", Severity::Warning, title)
        .with_evidence(Evidence::file(&tree.path, "is damaged"))
        .with_hint("let komod keep its files elsewhere: KOMOD_CACHE=DIR komod build")
}
