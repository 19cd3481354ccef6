//! `komod new`: a module to start from.

use super::Outcome;
use crate::console;
use crate::explained::Explained;
use crate::json;
use anyhow::{Context, Result};
use clap::Args;
use std::path::{Path, PathBuf};

/// The files, with `@FILE@` for the module's name and `@C@` for it as a C identifier.
const SOURCE: &str = include_str!("new/module.c.in");
const MAKEFILE: &str = include_str!("new/Makefile.in");
const IGNORE: &str = include_str!("new/gitignore.in");

/// Longer names do not fit into `struct module` (`MODULE_NAME_LEN`, include/linux/moduleparam.h,
/// 6.1: 64 bytes less one pointer, with the end's zero).
const LONGEST: usize = 55;

/// Make a folder with a module to start from
///
/// A C file with an init and an exit function, and a Makefile that works with komod and with
/// plain make.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  komod new hello && komod run hello     a first module, alive
  komod new drivers/blink                a folder elsewhere; the module is called blink")]
pub struct NewArgs {
    /// The folder to make; its name becomes the module's
    #[arg(value_name = "NAME")]
    folder: PathBuf,
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &NewArgs) -> Result<Outcome> {
    let folder = &args.folder;
    let name = folder.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    check(name)?;
    if folder.exists() {
        return Err(Explained::new(format!("{} exists already", folder.display()))
            .hint("nothing was changed; choose another name")
            .into());
    }
    let source = format!("{name}.c");
    let files = [(source.as_str(), SOURCE), ("Makefile", MAKEFILE), (".gitignore", IGNORE)];
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (file, text) in files {
        write(&folder.join(file), &fill(text, name))?;
    }
    let shown = folder.display();
    match args.json {
        true => json::print(
            "komod-new",
            serde_json::json!({ "module": name, "folder": folder, "source": folder.join(&source) }),
        )?,
        false => {
            console::line(&folder.join(&source).display().to_string());
            console::people(&format!("next: komod run {shown}"));
        }
    }
    Ok(Outcome::Good)
}

fn fill(text: &str, name: &str) -> String {
    let identifier = name.replace('-', "_");
    text.replace("@FILE@", name).replace("@C@", &identifier)
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// A module's name must do as a file's name, in make and as the beginning of C names.
fn check(name: &str) -> Result<(), Explained> {
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if !first || !name.bytes().all(fits) {
        return Err(Explained::usage(format!("`{name}` cannot be a module's name"))
            .hint("a letter, then letters, digits, _ and -"));
    }
    if name.len() > LONGEST {
        return Err(Explained::usage(format!("`{name}` is too long for a module's name"))
            .hint(format!("at most {LONGEST} characters")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["hello", "my-drv", "a_1"] {
            assert!(check(good).is_ok(), "{good}");
        }
        let long = "x".repeat(LONGEST + 1);
        for bad in ["", "1a", "a b", "a.b", "ä", "-a", long.as_str()] {
            assert!(check(bad).is_err_and(|e| e.usage), "{bad}");
        }
        assert!(check(&long[1..]).is_ok());
    }

    #[test]
    fn every_mark_is_filled() {
        for text in [SOURCE, MAKEFILE, IGNORE] {
            let filled = fill(text, "my-drv");
            assert!(!filled.contains('@'), "{filled}");
        }
        let source = fill(SOURCE, "my-drv");
        assert!(source.contains("module_init(my_drv_init);"), "{source}");
        assert!(fill(MAKEFILE, "my-drv").contains("obj-m := my-drv.o"));
    }
}
