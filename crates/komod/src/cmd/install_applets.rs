//! `komod install-applets`: links by which komod is kmod's tools, and dmesg.

use super::Outcome;
use crate::applets;
use crate::console;
use crate::explained::Explained;
use anyhow::{Context, Result};
use clap::Args;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Put links into a folder, by which komod is insmod, rmmod, lsmod, modinfo, modprobe, depmod, kmod,
/// dmesg
///
/// Links that are there already stay. If anything else is in the way, nothing is changed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  komod install-applets ~/bin              tools of your own
  komod install-applets /usr/local/sbin    for everyone, before the distribution's in $PATH")]
pub struct InstallAppletsArgs {
    /// The folder; it is made if need be
    dir: PathBuf,
}

pub fn run(args: &InstallAppletsArgs) -> Result<Outcome> {
    let komod = std::env::current_exe().context("cannot tell where komod is")?;
    for link in install(&komod, &args.dir, &applets::names().collect::<Vec<_>>())? {
        console::line(&link.display().to_string());
    }
    Ok(Outcome::Good)
}

/// Makes the links that are not there yet, after it has looked at all of them.
fn install(komod: &Path, dir: &Path, names: &[&str]) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let mut missing = Vec::new();
    for name in names {
        let link = dir.join(name);
        match fs::symlink_metadata(&link) {
            Err(error) if error.kind() == ErrorKind::NotFound => missing.push(link),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot look at {}", link.display()));
            }
            Ok(found) => in_the_way(komod, &link, &found)?,
        }
    }
    for link in &missing {
        symlink(komod, link).with_context(|| format!("cannot make {}", link.display()))?;
    }
    Ok(missing)
}

/// What is there must be a link to this komod.
fn in_the_way(komod: &Path, link: &Path, found: &fs::Metadata) -> Result<()> {
    let what = if found.is_symlink() {
        let target = fs::read_link(link).unwrap_or_default();
        // Also by another way: a link to a link, a relative one.
        if target == komod || fs::canonicalize(link).is_ok_and(|real| real == komod) {
            return Ok(());
        }
        format!("a link to {}", target.display())
    } else if found.is_dir() {
        "a folder".to_owned()
    } else {
        "a file".to_owned()
    };
    let shown = link.display();
    Err(Explained::new(format!("{shown} is {what}, not a link to komod; nothing was changed"))
        .hint(format!("move it away (`mv {shown} {shown}.orig`), or choose another folder"))
        .into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Folder;

    #[test]
    fn links_are_made_once() {
        let folder = Folder::new("links");
        let dir = folder.join("sbin");
        let komod = Path::new("/opt/komod");
        let made = install(komod, &dir, &["insmod", "lsmod"]).unwrap();
        assert_eq!(made, [dir.join("insmod"), dir.join("lsmod")]);
        assert_eq!(fs::read_link(dir.join("lsmod")).unwrap(), komod);
        let more = install(komod, &dir, &["insmod", "rmmod"]).unwrap();
        assert_eq!(more, [dir.join("rmmod")]);
    }

    #[test]
    fn what_is_in_the_way_is_named_and_nothing_changes() {
        let dir = Folder::new("links");
        fs::create_dir_all(dir.join("rmmod")).unwrap();
        fs::write(dir.join("kmod"), b"").unwrap();
        symlink("/bin/kmod", dir.join("lsmod")).unwrap();
        for (name, what) in
            [("lsmod", "a link to /bin/kmod"), ("rmmod", "a folder"), ("kmod", "a file")]
        {
            let error = install(Path::new("/opt/komod"), &dir, &["insmod", name]).unwrap_err();
            assert!(error.to_string().contains(what), "{error}");
        }
        assert!(!dir.join("insmod").exists());
    }
}
