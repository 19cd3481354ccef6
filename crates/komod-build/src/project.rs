//! What there is to build: a folder with a Makefile, or a single C file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use komod_diag::{Diagnostic, Evidence, Severity};

/// A list of files longer than this is cut.
const MOST_NAMED: usize = 5;

/// A module's sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// The folder, absolute and without links.
    pub root: PathBuf,
    /// The folder as the user named it: what messages show.
    pub shown: PathBuf,
    /// How it says what to build.
    pub kind: Kind,
}

/// How a project says what to build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// By a makefile of this name. kbuild reads `Kbuild` or else `Makefile`, in this case only
    /// (`scripts/Makefile.build`, Linux 6.1: `kbuild-file`); another case is accepted and linked
    /// under the right name.
    Makefile(String),
    /// By being one C file of this name in a folder without a makefile.
    OnlySource(String),
    /// By being this C file, named by the user; its neighbours are not part of it.
    File(String),
}

/// Why there is nothing to build.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// No such file or folder, or it cannot be read.
    #[error("cannot open {path}: {source}", path = .path.display())]
    Open {
        /// What was asked for.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The folder has no makefile, and not exactly one C file.
    #[error("{path} has no Makefile and {n} C files", path = .path.display(), n = .sources.len())]
    NothingToBuild {
        /// The folder.
        path: PathBuf,
        /// The C files in it.
        sources: Vec<String>,
        /// Folders below it that do have a makefile.
        below: Vec<PathBuf>,
    },
    /// A file that is not a C source.
    #[error("{path} is not a C source", path = .0.display())]
    NotSource(PathBuf),
    /// kbuild could not use this file's name as the name of a module.
    #[error("{name:?} cannot be the name of a module", name = .0)]
    Name(String),
}

impl Project {
    /// Looks at a folder, a makefile or a C file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ProjectError> {
        let path = path.as_ref();
        let open = |source| ProjectError::Open { path: path.to_owned(), source };
        let meta = fs::metadata(path).map_err(open)?;
        if meta.is_dir() {
            let root = fs::canonicalize(path).map_err(open)?;
            return Project::open_folder(root, path.to_owned());
        }
        let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str()))
        else {
            return Err(ProjectError::NotSource(path.to_owned()));
        };
        let shown = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let root = fs::canonicalize(shown).map_err(open)?;
        if is_makefile(name) {
            return Project::open_folder(root, shown.to_owned());
        }
        if !is_source(name) {
            return Err(ProjectError::NotSource(path.to_owned()));
        }
        check_name(name)?;
        Ok(Project { root, shown: shown.to_owned(), kind: Kind::File(name.to_owned()) })
    }

    fn open_folder(root: PathBuf, shown: PathBuf) -> Result<Self, ProjectError> {
        let mut names = Vec::new();
        let mut below = Vec::new();
        let read = |source| ProjectError::Open { path: shown.clone(), source };
        for entry in fs::read_dir(&root).map_err(read)? {
            let entry = entry.map_err(read)?;
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
            if entry.path().is_dir() {
                if ["Kbuild", "Makefile"].iter().any(|m| entry.path().join(m).is_file()) {
                    below.push(shown.join(&name));
                }
            } else {
                names.push(name);
            }
        }
        names.sort();
        below.sort();
        let exact = ["Kbuild", "Makefile"].into_iter().find(|m| names.iter().any(|n| n == m));
        let makefile = exact.map(str::to_owned).or_else(|| {
            let mut odd = names.iter().filter(|name| is_makefile(name));
            odd.next().cloned()
        });
        if let Some(makefile) = makefile {
            return Ok(Project { root, shown, kind: Kind::Makefile(makefile) });
        }
        let mut sources: Vec<String> = names.into_iter().filter(|n| is_source(n)).collect();
        match sources.pop() {
            Some(only) if sources.is_empty() => {
                check_name(&only)?;
                Ok(Project { root, shown, kind: Kind::OnlySource(only) })
            }
            last => {
                sources.extend(last);
                Err(ProjectError::NothingToBuild { path: shown, sources, below })
            }
        }
    }

    /// The name to speak of it: the folder's, or the file's without `.c`.
    pub fn name(&self) -> String {
        match &self.kind {
            Kind::File(file) => file.trim_end_matches(".c").to_owned(),
            Kind::Makefile(_) | Kind::OnlySource(_) => {
                let name = self.root.file_name().unwrap_or_default();
                name.to_string_lossy().into_owned()
            }
        }
    }

    /// The makefile that kbuild will read, if the user wrote one.
    pub fn makefile(&self) -> Option<PathBuf> {
        match &self.kind {
            Kind::Makefile(name) => Some(self.root.join(name)),
            Kind::OnlySource(_) | Kind::File(_) => None,
        }
    }

    /// A file of the project (relative to [`Project::root`]) as the user would name it.
    pub fn show(&self, relative: &Path) -> PathBuf {
        if self.shown == Path::new(".") { relative.to_owned() } else { self.shown.join(relative) }
    }
}

impl ProjectError {
    /// The error as a diagnostic, `B-51` (see [`crate::rules::b51`]).
    pub fn diagnostic(&self) -> Diagnostic {
        let base = Diagnostic::new("B-51", Severity::Error, self.to_string());
        match self {
            ProjectError::Open { .. } => base.with_hint(
                "name a folder with a Makefile, or a C file: komod build examples/hello",
            ),
            ProjectError::NotSource(_) => {
                base.with_hint("a module is built from a .c file or a folder with a Makefile")
            }
            ProjectError::Name(_) => base.with_hint(
                "rename the file: letters, digits, '_' and '-' only, since it names the module too",
            ),
            ProjectError::NothingToBuild { path, sources, below } => {
                let mut diagnostic = base;
                for source in sources.iter().take(MOST_NAMED) {
                    diagnostic =
                        diagnostic.with_evidence(Evidence::file(path.join(source), "is a C file"));
                }
                if let more @ 1.. = sources.len().saturating_sub(MOST_NAMED) {
                    let rest = Evidence::fact("and more of them", more.to_string());
                    diagnostic = diagnostic.with_evidence(rest);
                }
                if let Some(first) = sources.first() {
                    let stem = first.trim_end_matches(".c");
                    diagnostic = diagnostic
                        .with_explanation(
                            "With several C files only you can say which belong together.",
                        )
                        .with_hint(format!(
                            "to build one of them: komod build {}",
                            path.join(first).display()
                        ))
                        .with_hint(format!(
                            "to build all into one module, write a Makefile with the lines \
                             `obj-m := NAME.o` and `NAME-y := {stem}.o ...`"
                        ));
                }
                for folder in below {
                    diagnostic = diagnostic.with_hint(format!(
                        "there is a Makefile in {0}: komod build {0}",
                        folder.display()
                    ));
                }
                if sources.is_empty() && below.is_empty() {
                    diagnostic = diagnostic.with_hint("start a module with: komod new NAME");
                }
                diagnostic
            }
        }
    }
}

fn is_makefile(name: &str) -> bool {
    name.eq_ignore_ascii_case("makefile") || name.eq_ignore_ascii_case("kbuild")
}

/// A C file written by a person: modpost's own `x.mod.c` is not one.
fn is_source(name: &str) -> bool {
    name.ends_with(".c") && !name.ends_with(".mod.c") && !name.starts_with('.')
}

/// kbuild puts the name into make rules and shell commands.
fn check_name(file: &str) -> Result<(), ProjectError> {
    let stem = file.trim_end_matches(".c");
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '+');
    if stem.is_empty() || !stem.chars().all(fits) || stem.starts_with('-') {
        return Err(ProjectError::Name(stem.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str, files: &[&str]) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("komod-project-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        for file in files {
            let path = dir.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        dir
    }

    #[test]
    fn folders_and_files_are_told_apart() {
        let dir = scratch("kinds", &["a/Makefile", "a/x.c", "b/x.c", "b/x.mod.c", "c/makefile"]);
        let kind = |path: &str| Project::open(dir.join(path)).unwrap().kind;
        assert_eq!(kind("a"), Kind::Makefile("Makefile".into()));
        assert_eq!(kind("a/Makefile"), Kind::Makefile("Makefile".into()));
        assert_eq!(kind("a/x.c"), Kind::File("x.c".into()));
        assert_eq!(kind("b"), Kind::OnlySource("x.c".into()));
        assert_eq!(kind("c"), Kind::Makefile("makefile".into()));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn kbuild_goes_before_makefile() {
        let dir = scratch("both", &["Makefile", "Kbuild", "makefile"]);
        assert_eq!(Project::open(&dir).unwrap().kind, Kind::Makefile("Kbuild".into()));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn what_cannot_be_built_is_explained() {
        let dir = scratch("none", &["x.c", "y.c", "sub/Makefile", "my mod.c", "n.txt"]);
        let error = Project::open(&dir).unwrap_err();
        let diagnostic = error.diagnostic();
        assert!(diagnostic.title.contains("has no Makefile and 3 C files"), "{}", diagnostic.title);
        assert!(diagnostic.hints.iter().any(|hint| hint.contains("sub")));
        assert!(matches!(Project::open(dir.join("my mod.c")), Err(ProjectError::Name(_))));
        assert!(matches!(Project::open(dir.join("n.txt")), Err(ProjectError::NotSource(_))));
        assert!(matches!(Project::open(dir.join("nothing")), Err(ProjectError::Open { .. })));
        fs::remove_dir_all(dir).unwrap();
    }
}
