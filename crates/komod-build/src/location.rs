//! Where a project's products live.
//!
//! First choice is `target/komod/RELEASE` in the project's folder, or the folder that
//! `KOMOD_TARGET_DIR` names. Two things speak against it: the folder cannot be written (a
//! read-only mount, another user's), or its path holds characters that kbuild cannot take: make
//! has no way to quote a space or a colon in a target's name, and kbuild refuses both (Linux 6.1,
//! `Makefile`: "source directory cannot contain spaces or colons"; `M=` likewise). Then it is the
//! user's cache, then the system's folder for temporary files.

use std::env;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::project::{Kind, Project};

/// A folder for the products, made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The folder.
    pub path: PathBuf,
    /// Why it is not the first choice.
    pub displaced: Option<Displaced>,
}

/// Why the first choice was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Displaced {
    /// The path has a character that make cannot take.
    Character {
        /// The path.
        path: PathBuf,
        /// The first such character.
        character: char,
    },
    /// The folder cannot be made or written.
    Unwritable {
        /// The path.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}

/// What the choice depends on from outside.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// `KOMOD_TARGET_DIR`.
    pub target_dir: Option<PathBuf>,
    /// The user's cache folder for komod.
    pub cache: Option<PathBuf>,
}

impl Surroundings {
    /// From the process's environment.
    pub fn from_env() -> Self {
        let path =
            |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let cache = path("KOMOD_CACHE")
            .or_else(|| path("XDG_CACHE_HOME").map(|dir| dir.join("komod")))
            .or_else(|| path("HOME").map(|dir| dir.join(".cache/komod")));
        Surroundings { target_dir: path("KOMOD_TARGET_DIR"), cache }
    }
}

/// Chooses and makes the folder for `project`'s products for the kernel `release`; `suffix` tells
/// kinds of products apart.
pub fn choose(
    project: &Project,
    release: &str,
    suffix: &str,
    explicit: Option<&Path>,
    around: &Surroundings,
) -> io::Result<Location> {
    let leaf = format!("{release}{suffix}");
    let own = match &project.kind {
        Kind::File(file) => Path::new(&leaf).join(file.trim_end_matches(".c")),
        Kind::Makefile(_) | Kind::OnlySource(_) => PathBuf::from(&leaf),
    };
    let elsewhere = Path::new(&identity(project)).join(&leaf);
    let first = match (explicit, &around.target_dir) {
        (Some(out), _) if suffix.is_empty() => out.to_owned(),
        (Some(out), _) => {
            let mut name = out.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        }
        (None, Some(dir)) => dir.join(&elsewhere),
        (None, None) => project.root.join("target/komod").join(own),
    };
    let first = std::path::absolute(first)?;
    let displaced = match attempt(&first) {
        Ok(()) => return Ok(Location { path: first, displaced: None }),
        Err(displaced) => Some(displaced),
    };
    for base in fallbacks(around) {
        let path = std::path::absolute(base.join(&elsewhere))?;
        if attempt(&path).is_ok() {
            return Ok(Location { path, displaced });
        }
    }
    let reason = match displaced {
        Some(Displaced::Unwritable { path, reason }) => format!("{}: {reason}", path.display()),
        Some(Displaced::Character { path, character }) => {
            format!("{}: kbuild cannot build in a path with {character:?}", path.display())
        }
        None => String::new(),
    };
    Err(io::Error::other(reason))
}

/// The folders that can hold a project's products, each with a folder per kernel in it.
pub fn parents(project: &Project, around: &Surroundings) -> Vec<PathBuf> {
    let identity = identity(project);
    let mut parents = vec![project.root.join("target/komod")];
    parents.extend(around.target_dir.iter().map(|dir| dir.join(&identity)));
    parents.extend(fallbacks(around).map(|base| base.join(&identity)));
    parents
}

/// Where products go when the first choice will not do.
fn fallbacks(around: &Surroundings) -> impl Iterator<Item = PathBuf> {
    let cache = around.cache.iter().map(|dir| dir.join("build"));
    let temporary = env::temp_dir().join(format!("komod-{}", rustix::process::getuid().as_raw()));
    cache.chain([temporary])
}

/// The first character of a path that make or kbuild's shell commands would misread.
pub fn bad_character(path: &Path) -> Option<char> {
    let bytes = path.as_os_str().as_bytes();
    let bad = |b: u8| !(b.is_ascii_alphanumeric() || b >= 0x80 || b"/._+@-".contains(&b));
    bytes.iter().copied().find(|&b| bad(b)).map(char::from)
}

/// Can products be put there? Makes the folder.
pub fn attempt(path: &Path) -> Result<(), Displaced> {
    if let Some(character) = bad_character(path) {
        return Err(Displaced::Character { path: path.to_owned(), character });
    }
    prepare(path)
        .map_err(|e| Displaced::Unwritable { path: path.to_owned(), reason: e.to_string() })
}

/// Makes the folder and proves that it can be written.
fn prepare(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    if let Some(komod) = path.ancestors().find(|dir| dir.ends_with("target/komod")) {
        // Backup programs and git leave products alone.
        write_once(&komod.join("CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55\n")?;
        write_once(&komod.join(".gitignore"), "*\n")?;
    }
    let probe = path.join(format!(".komod-probe-{}", std::process::id()));
    fs::write(&probe, "")?;
    fs::remove_file(probe)
}

fn write_once(path: &Path, text: &str) -> io::Result<()> {
    if path.exists() { Ok(()) } else { fs::write(path, text) }
}

/// A name for the project that no other project has.
fn identity(project: &Project) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325; // FNV-1a
    for &byte in project.root.as_os_str().as_bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = project.name().chars().map(plain).collect();
    format!("{name}-{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("komod-place-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("x.c"), "").unwrap();
        fs::canonicalize(dir).unwrap()
    }

    #[test]
    fn the_project_folder_comes_first() {
        let dir = scratch("first");
        let project = Project::open(&dir).unwrap();
        let around = Surroundings::default();
        let place = choose(&project, "6.1", "", None, &around).unwrap();
        assert_eq!(place, Location { path: dir.join("target/komod/6.1"), displaced: None });
        assert!(dir.join("target/komod/CACHEDIR.TAG").exists());
        let file = Project::open(dir.join("x.c")).unwrap();
        let place = choose(&file, "6.1", ".builtin", None, &around).unwrap();
        assert_eq!(place.path, dir.join("target/komod/6.1.builtin/x"));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn unusable_folders_are_left_for_the_cache() {
        let dir = scratch("cache");
        let around = Surroundings { target_dir: None, cache: Some(dir.join("cache")) };
        fs::write(dir.join("target"), "a file in the way").unwrap();
        let place = choose(&Project::open(&dir).unwrap(), "6.1", "", None, &around).unwrap();
        assert!(place.path.starts_with(dir.join("cache/build")), "{place:?}");
        assert!(matches!(place.displaced, Some(Displaced::Unwritable { .. })));
        let odd = dir.join("my module: v2");
        fs::create_dir(&odd).unwrap();
        fs::write(odd.join("x.c"), "").unwrap();
        let place = choose(&Project::open(&odd).unwrap(), "6.1", "", None, &around).unwrap();
        assert!(place.path.starts_with(dir.join("cache/build")));
        assert!(matches!(place.displaced, Some(Displaced::Character { character: ' ', .. })));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn characters() {
        assert_eq!(bad_character(Path::new("/a/b_c-d.e+f/ü")), None);
        for (path, bad) in [("/a b", ' '), ("/a:b", ':'), ("/a%", '%'), ("/$x", '$'), ("/a#", '#')]
        {
            assert_eq!(bad_character(Path::new(path)), Some(bad));
        }
    }
}
