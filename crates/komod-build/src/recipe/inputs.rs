//! What a recipe depends on.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::doubt::Doubt;
use crate::stamp::Stamp;
use crate::tree::Tree;

/// Files without which kbuild has better words than komod (rules `B-01` and following).
const NEEDED: [&str; 5] = [
    "Makefile",
    "include/config/auto.conf",
    "include/generated/autoconf.h",
    "include/generated/utsrelease.h",
    "scripts/mod/modpost",
];

/// Variables that change what kbuild does as a whole, or that komod itself sets.
const FOR_KBUILD: [&str; 8] =
    ["M", "O", "KCPPFLAGS", "MO", "SUBDIRS", "KBUILD_OUTPUT", "C", "MAKEFLAGS"];

/// Can there be a recipe at all?
pub fn check(tree: &Tree, variables: &[(String, String)]) -> Result<(), Doubt> {
    if let Some((name, _)) = variables.iter().find(|(name, _)| FOR_KBUILD.contains(&name.as_str()))
    {
        return Err(Doubt::Variable(name.clone()));
    }
    match NEEDED.into_iter().find(|file| !tree.has(file)) {
        Some(file) => Err(Doubt::TreeLacks(file)),
        None => Ok(()),
    }
}

/// Files of the tree that kbuild's variables come from. Files that are missing count, too.
const OF_THE_TREE: [&str; 12] = [
    "Makefile",
    ".kernelvariables",
    ".config",
    "Module.symvers",
    "include/config/auto.conf",
    "include/generated/autoconf.h",
    "include/generated/utsrelease.h",
    "include/generated/compile.h",
    "arch/x86/module.lds",
    "scripts/module.lds",
    "vmlinux",
    "tools/bpf/resolve_btfids/resolve_btfids",
];

/// Programs kbuild runs, by the variable that names them.
const PROGRAMS: [&str; 9] =
    ["CC", "LD", "AR", "NM", "OBJCOPY", "OBJDUMP", "STRIP", "PAHOLE", "MAKE"];

/// All that this tree's recipe depends on: its own makefiles and tools, the compiler and its parts.
pub fn collect(
    tree: &Tree,
    scripts: &Path,
    exported: &[(String, String)],
) -> Vec<(PathBuf, Stamp)> {
    let value = |name: &str| {
        exported.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    };
    let mut paths: Vec<PathBuf> = OF_THE_TREE.iter().map(|file| tree.file(file)).collect();
    paths.extend(tree.included_makefile());
    let arch = format!("arch/{}/Makefile", value("SRCARCH"));
    paths.extend(scripts.parent().map(|sources| sources.join(arch)));
    for folder in ["scripts", "scripts/mod", "scripts/genksyms", "scripts/basic", "tools/objtool"] {
        paths.extend(files_of(&tree.file(folder)));
    }
    paths.extend(files_of(scripts));
    for name in PROGRAMS {
        paths.extend(program(value(name), tree));
    }
    paths.extend(program(value("CC"), tree).last().into_iter().flat_map(|cc| parts_of(cc)));
    paths.sort();
    paths.dedup();
    paths
        .into_iter()
        .map(|path| (Stamp::of(&path), path))
        .map(|(stamp, path)| (path, stamp))
        .collect()
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect()
}

/// The file behind a command such as `ccache gcc-12`: its last word that is a program. Before it,
/// the places where it was not found: one that appears there would be taken instead.
fn program(command: &str, tree: &Tree) -> Vec<PathBuf> {
    let mut words = command.split_whitespace();
    let Some(word) = words.rfind(|word| !word.starts_with('-')) else { return Vec::new() };
    if word.contains('/') {
        return vec![tree.file(word)];
    }
    let mut places = Vec::new();
    for dir in env::split_paths(&env::var_os("PATH").unwrap_or_default()) {
        places.push(dir.join(word));
        if dir.join(word).is_file() {
            return places;
        }
    }
    places
}

/// The programs a compiler is made of. gcc's `-print-prog-name` names them; clang is one program.
fn parts_of(compiler: &Path) -> Vec<PathBuf> {
    let mut parts = Vec::new();
    for name in ["cc1", "as"] {
        let asked = std::process::Command::new(compiler)
            .arg(format!("-print-prog-name={name}"))
            .stderr(std::process::Stdio::null())
            .output();
        if let Ok(answer) = asked {
            let path = PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim());
            parts.push(path);
        }
    }
    parts.retain(|path| path.is_absolute());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_and_variables_that_are_for_kbuild() {
        let tree = Tree::new("1", "/no/where");
        assert!(matches!(check(&tree, &[]), Err(Doubt::TreeLacks("Makefile"))));
        let variables = [("KCPPFLAGS".into(), "-DX".into())];
        assert!(matches!(check(&tree, &variables), Err(Doubt::Variable(_))));
    }

    #[test]
    fn programs_are_found_behind_wrappers() {
        let tree = Tree::new("1", "/tree");
        let places = program("env sh -c", &tree);
        assert!(places.last().is_some_and(|sh| sh.is_file() && sh.ends_with("sh")), "{places:?}");
        assert_eq!(program("./tools/x", &tree), [Path::new("/tree/./tools/x")]);
        assert!(program("", &tree).is_empty());
    }
}
