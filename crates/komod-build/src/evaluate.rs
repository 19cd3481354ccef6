//! Which modules a makefile makes, and of which objects: asked of make itself.
//!
//! A bare make reads the user's makefile as kbuild would (with `KERNELRELEASE`, `src`, `obj` and
//! the kernel's configuration set) and prints the lists; nothing is built. This takes about 10 ms.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::child::{self, Limit, Manner};
use crate::kbuild;
use crate::shadow::Shadow;
use crate::tree::Tree;

/// A module as its makefile lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The folder of its makefile, relative to the shadow.
    pub folder: PathBuf,
    /// Name: `hello` for `obj-m := hello.o`.
    pub name: String,
    /// Objects it is linked from, relative to `folder`; its own one if it is of one source.
    pub members: Vec<String>,
}

const SCRIPT: &str = "\
komod-list: ;
-include include/config/auto.conf
include $(komod-makefile)
$(foreach m,$(obj-m),$(info komod:$(m):$(strip \
$($(m:.o=-objs)) $($(m:.o=-y)) $($(m:.o=-m)))))
";

/// Bound on nested folders.
const MOST_FOLDERS: usize = 1_000;

/// Lists the modules of a mirrored project, folder by folder.
pub fn modules(shadow: &Shadow, tree: &Tree, patience: Duration) -> io::Result<Vec<Listed>> {
    let mut listed = Vec::new();
    let mut folders = vec![PathBuf::new()];
    let mut visited = 0;
    while let Some(folder) = folders.pop() {
        visited += 1;
        let dir = shadow.dir.join(&folder);
        let Some(makefile) = makefile_of(&dir) else { continue };
        if visited > MOST_FOLDERS {
            return Err(io::Error::other("the makefiles name more than 1000 folders"));
        }
        for (name, members) in evaluate(&dir, &makefile, tree, patience)? {
            if let Some(sub) = name.strip_suffix('/') {
                folders.push(folder.join(sub));
            } else if let Some(stem) = name.strip_suffix(".o") {
                let members = if members.is_empty() { vec![name.clone()] } else { members };
                listed.push(Listed { folder: folder.clone(), name: stem.to_owned(), members });
            }
        }
    }
    Ok(listed)
}

/// The file kbuild would read in this folder.
pub fn makefile_of(dir: &Path) -> Option<PathBuf> {
    ["Kbuild", "Makefile"].iter().map(|name| dir.join(name)).find(|path| path.exists())
}

fn evaluate(
    dir: &Path,
    makefile: &Path,
    tree: &Tree,
    patience: Duration,
) -> io::Result<Vec<(String, Vec<String>)>> {
    let script = dir.join(".komod-list.mk");
    fs::write(&script, SCRIPT)?;
    let mut command = Command::new("make");
    kbuild::scrub(&mut command, tree);
    command.arg("-rR").arg("-C").arg(&tree.path).arg("-f").arg(&script);
    for (name, value) in
        [("src", dir), ("obj", dir), ("srctree", &tree.path), ("objtree", &tree.path)]
    {
        command.arg(format!("{name}={}", value.display()));
    }
    command.arg(format!("KERNELRELEASE={}", tree.release));
    command.arg(format!("komod-makefile={}", makefile.display())).arg("komod-list");
    let manner = Manner { limit: Some(Limit::Whole(patience)), ..Manner::default() };
    let log = child::run(command, &manner);
    let removed = fs::remove_file(&script);
    let log = log?;
    removed?;
    let mut found = Vec::new();
    for line in &log.lines {
        if let Some((name, members)) = line.strip_prefix("komod:").and_then(|l| l.split_once(':')) {
            let mut unique: Vec<String> = Vec::new();
            for member in members.split_whitespace() {
                if !unique.iter().any(|known| known == member) {
                    unique.push(member.to_owned());
                }
            }
            found.push((name.to_owned(), unique));
        }
    }
    Ok(found)
}
