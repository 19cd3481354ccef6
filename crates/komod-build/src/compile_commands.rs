//! `compile_commands.json`: which command compiles which source, for clangd and its like (clang's
//! "JSON Compilation Database").
//!
//! The commands are kbuild's, but for what only a build needs: they name the user's sources, not
//! the mirror's links to them, and do not write lists of dependencies. They come from the plan of a
//! native build, or from the `.cmd` files that kbuild leaves beside its products.

mod notes;
mod view;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::action::Kind;
use crate::command_line;
use crate::plan::Plan;
use crate::replace;

pub use view::View;

/// The file's name, which the tools look for.
pub const FILE: &str = "compile_commands.json";

/// How one source is compiled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// Where the command runs: names in it are relative to this.
    directory: PathBuf,
    /// The source.
    file: PathBuf,
    /// The command as words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    arguments: Vec<String>,
    /// The command as text, where it takes a shell to take it apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    /// What it makes.
    output: PathBuf,
}

impl Entry {
    /// For a line of kbuild's that begins with the compiler.
    fn new(view: &View<'_>, directory: &Path, source: &Path, output: &Path, line: &str) -> Entry {
        let file = view.real(source);
        let words = command_line::commands(line).and_then(|list| list.into_iter().next());
        let text = || line.split(" ; ").next().unwrap_or(line).trim().to_owned();
        Entry {
            directory: directory.to_owned(),
            output: directory.join(output),
            command: words.is_none().then(text),
            arguments: words.map(|words| view.words(words, source, &file)).unwrap_or_default(),
            file,
        }
    }
}

/// Writes the commands of a plan into the folder it is for. A file that says the same is left alone.
pub fn of_plan(view: &View<'_>, plan: &Plan, directory: &Path) -> io::Result<()> {
    let compiled = plan.actions.iter().filter(|action| action.kind == Kind::Compile);
    let entries = compiled.filter_map(|action| {
        let (source, step) = (action.source.as_deref()?, action.steps.first()?);
        Some(Entry::new(view, directory, source, &action.target, &step.command))
    });
    write(view.folder, entries.collect())
}

/// Writes the commands that kbuild, run in the folder, says it has used. If it failed, there are
/// none of what it did not get to: those of an earlier build stand in.
pub fn of_kbuild(view: &View<'_>, tree: &Path, failed: bool) -> io::Result<()> {
    let mut entries = Vec::new();
    for note in notes::below(view.folder)? {
        // Since Linux 6.13 the commands run in the module's folder and name it "." there.
        let directory = if note.source.is_absolute() { tree } else { view.folder };
        let source = directory.join(&note.source);
        let module = source.starts_with(view.folder) && !is_modposts(&source);
        if module && ["c", "S"].iter().any(|e| source.extension() == Some(e.as_ref())) {
            entries.push(Entry::new(view, directory, &source, &note.target, &note.command));
        }
    }
    if failed {
        for old in read(view.folder) {
            if old.file.exists() && !entries.iter().any(|entry| entry.output == old.output) {
                entries.push(old);
            }
        }
    }
    if failed && entries.is_empty() {
        return Ok(());
    }
    write(view.folder, entries)
}

/// Copies the file, if there is one, from a folder of products to another folder.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    match fs::read(from.join(FILE)) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        bytes => replace_if_other(to, &bytes?),
    }
}

/// modpost's, not the user's.
fn is_modposts(source: &Path) -> bool {
    source.file_name().is_some_and(|name| name.to_string_lossy().ends_with(".mod.c"))
}

fn read(folder: &Path) -> Vec<Entry> {
    let bytes = fs::read(folder.join(FILE)).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

fn write(folder: &Path, mut entries: Vec<Entry>) -> io::Result<()> {
    entries.sort_by(|a, b| (&a.file, &a.output).cmp(&(&b.file, &b.output)));
    let mut bytes = b"[".to_vec();
    for (number, entry) in entries.iter().enumerate() {
        bytes.extend_from_slice(if number == 0 { b"\n" } else { b",\n" });
        bytes.extend(serde_json::to_vec(entry)?);
    }
    bytes.extend_from_slice(b"\n]\n");
    replace_if_other(folder, &bytes)
}

fn replace_if_other(folder: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = folder.join(FILE);
    if fs::read(&path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    replace::file(&path, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn what_kbuild_noted_and_what_it_did_not_get_to() {
        let dir = std::env::temp_dir().join(format!("komod-commands-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        let (folder, root) = (dir.join("m"), dir.join("p"));
        fs::create_dir_all(folder.join("sub")).unwrap();
        fs::create_dir_all(&root).unwrap();
        fs::write(root.join("old.c"), "").unwrap();
        let m = folder.display();
        let note = |name: &str, source: &str, command: &str| {
            let text = format!("savedcmd_{name} := {command}\n\nsource_{name} := {source}\n");
            let (head, tail) = name.rsplit_once('/').unwrap();
            fs::write(Path::new(head).join(format!(".{tail}.cmd")), text).unwrap();
        };
        let x = format!("{m}/sub/x.o");
        note(
            &x,
            &format!("{m}/sub/x.c"),
            &format!(
                "gcc -Wp,-MMD,{m}/sub/.x.o.d -DP='\"$(pound)$$\"' -c -o {x} {m}/sub/x.c ; objtool {x}"
            ),
        );
        note(&format!("{m}/x.mod.o"), &format!("{m}/x.mod.c"), "gcc");
        note(&format!("{m}/.module-common.o"), "/k/scripts/module-common.c", "gcc");
        note(&format!("{m}/y.o"), "y.c", "gcc -DX=~/x y.c ; objtool");
        let contents = BTreeMap::new();
        let view = View { folder: &folder, root: &root, contents: &contents, generated: false };
        let old = Entry {
            directory: "/k".into(),
            file: root.join("old.c"),
            arguments: vec!["gcc".into()],
            command: None,
            output: folder.join("old.o"),
        };
        write(&folder, vec![old.clone()]).unwrap();
        of_kbuild(&view, Path::new("/k"), true).unwrap();
        let entries = read(&folder);
        assert_eq!(entries.len(), 3, "{entries:#?}");
        assert!(entries.contains(&old));
        let of = |name: &str| entries.iter().find(|e| e.output == folder.join(name)).unwrap();
        assert_eq!(of("sub/x.o").directory, Path::new("/k"));
        assert!(of("sub/x.o").arguments.contains(&"-DP=\"#$\"".to_owned()));
        assert!(!of("sub/x.o").arguments.iter().any(|word| word.contains("MMD")));
        assert_eq!(of("y.o").command.as_deref(), Some("gcc -DX=~/x y.c"));
        assert_eq!(of("y.o").directory, folder);
        of_kbuild(&view, Path::new("/k"), false).unwrap();
        assert_eq!(read(&folder).len(), 2);
        let stamp = crate::stamp::Stamp::of(&folder.join(FILE));
        of_kbuild(&view, Path::new("/k"), false).unwrap();
        assert_eq!(crate::stamp::Stamp::of(&folder.join(FILE)), stamp, "the same text stays");
        fs::remove_dir_all(dir).unwrap();
    }
}
