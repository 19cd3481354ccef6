//! komod as kbuild's modpost: for kernel trees that lack the program.

use std::path::Path;

use super::Dialect;
use crate::execute::modpost::{self, Line};
use crate::tree::Tree;

/// kbuild's list of modules, when it comes by standard input.
const STDIN: &str = "/dev/stdin";

/// Is a program that is called so meant to be modpost?
pub fn is_name(program: &Path) -> bool {
    let name = program.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name == "modpost" || name.starts_with("modpost.real-lsb-"))
}

/// Does what `modpost ARGUMENTS` does in a kernel build tree, the current folder. Messages go to
/// standard error; the result is the exit status.
pub fn main(arguments: &[String]) -> u8 {
    match work(arguments) {
        Ok((lines, failed)) => {
            lines.iter().for_each(|line| eprintln!("{line}"));
            u8::from(failed)
        }
        Err(why) => {
            eprintln!("ERROR: modpost: {why}");
            1
        }
    }
}

fn work(arguments: &[String]) -> Result<(Vec<String>, bool), String> {
    let words = arguments.iter().map(String::as_str);
    let line = Line::read(words, Some(STDIN))
        .ok_or_else(|| format!("komod's modpost does not know `{}`", arguments.join(" ")))?;
    let tree = Tree::open(".").unwrap_or_else(|_| Tree::new("", "."));
    let dialect = Dialect::of_tree(&tree).map_err(|e| e.to_string())?;
    let said = modpost::run(&line, dialect, Path::new(".")).map_err(|e| e.to_string())?;
    let said = said.ok_or("a list of modules or symbols cannot be read")?;
    Ok((said.lines, said.failed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in ["scripts/mod/modpost", "modpost", "/k/scripts/mod/modpost.real-lsb-64"] {
            assert!(is_name(Path::new(name)), "{name}");
        }
        for name in ["komod", "modpost.c", "/modpost/komod", "/"] {
            assert!(!is_name(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn what_it_does_not_know() {
        assert!(work(&["-d".into(), "x".into()]).is_err());
    }
}
