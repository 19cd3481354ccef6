//! The programs a build tree wants that the machine does not have.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::tree::read_text;
use crate::facts::named_compiler;

/// What is missing to build with `tree`, each with the way out.
pub(super) fn missing(tree: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    let variables = read_text(&tree.join(".kernelvariables")).unwrap_or_default();
    if let Some(compiler) = named_compiler(&variables)
        && find_program(compiler).is_none()
    {
        problems.push(format!(
            "its build tree wants the compiler {compiler}, which is not here (`sudo apt install \
             {compiler}`)"
        ));
    }
    // A tree with a vmlinux gives modules type information, and fails without pahole.
    if tree.join("vmlinux").is_file()
        && !variables.contains("PAHOLE")
        && find_program("pahole").is_none()
    {
        problems.push(
            "its build tree wants pahole to add type information, which is not here (`sudo apt \
             install pahole`)"
                .to_owned(),
        );
    }
    problems
}

/// A program in `PATH`.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| {
        std::fs::metadata(file)
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_compiler_is_named_with_the_way_out() {
        let tree = std::env::temp_dir().join(format!("komod-needs-{}", std::process::id()));
        std::fs::create_dir_all(&tree).unwrap();
        std::fs::write(tree.join(".kernelvariables"), "CC = $(CROSS_COMPILE)gcc-0.9\n").unwrap();
        let problems = missing(&tree);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains("apt install gcc-0.9"), "{problems:?}");
        std::fs::write(tree.join(".kernelvariables"), "CC = sh\nPAHOLE := x\n").unwrap();
        std::fs::write(tree.join("vmlinux"), "").unwrap();
        assert_eq!(missing(&tree), [""; 0]);
        std::fs::remove_dir_all(&tree).unwrap();
    }
}
