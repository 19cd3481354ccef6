//! The `.cmd` files that kbuild keeps beside what it makes: by which command, from which source
//! (`scripts/basic/fixdep.c` writes them; `cmd_TARGET` in Linux 6.1, `savedcmd_TARGET` in 6.12).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What one of them says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The file made.
    pub target: PathBuf,
    /// The first file it was made from.
    pub source: PathBuf,
    /// The command as the shell got it.
    pub command: String,
}

/// All that lie below a folder, but not in komod's own.
pub fn below(folder: &Path) -> io::Result<Vec<Note>> {
    let mut notes = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            let kind = entry.file_type()?;
            if kind.is_dir() && !name.starts_with('.') && !path.ends_with("target/komod") {
                folders.push(path);
            } else if kind.is_file() && name.starts_with('.') && name.ends_with(".cmd") {
                notes.extend(fs::read_to_string(path).ok().and_then(|text| parse(&text)));
            }
        }
    }
    Ok(notes)
}

fn parse(text: &str) -> Option<Note> {
    let (name, command) = text.lines().next()?.split_once(" := ")?;
    let target = name.strip_prefix("savedcmd_").or_else(|| name.strip_prefix("cmd_"))?;
    let mark = format!("source_{target} := ");
    let source = text.lines().find_map(|line| line.strip_prefix(&mark))?;
    // komod's own notes name no command: see `crate::depfile::notes`.
    let own = command.trim() == "komod";
    // As make unfolds it.
    let command = command.replace("$(pound)", "#").replace("$$", "$");
    (!own).then(|| Note { target: target.into(), source: source.trim().into(), command })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_of_both_kernel_lines() {
        let text =
            "cmd_/m/x.o := gcc  -DA='\"$(pound)\"' /m/x.c\n\nsource_/m/x.o := /m/x.c\n\ndeps_";
        let note = parse(text).unwrap();
        assert_eq!(note.command, "gcc  -DA='\"#\"' /m/x.c");
        assert_eq!((note.target, note.source), ("/m/x.o".into(), "/m/x.c".into()));
        assert!(parse("savedcmd_x.o := gcc $$x\n\nsource_x.o := x.c\n").is_some());
        for other in ["", "cmd_x.ko := ld\n", "cmd_x.o := komod\n\nsource_x.o := x.c\n"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
