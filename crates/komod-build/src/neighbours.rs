//! Folders beside the project that its makefiles name: `ccflags-y := -I$(src)/../include`.
//!
//! In the mirror `$(src)/..` is another place. A link put there leads to the real folder; it is
//! only read through. Two levels are possible: above them lies the project itself, since the mirror
//! is in its `target/komod`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::shadow::Content;

const MOST_LEVELS: usize = 2;

/// A path that leads out of the project: how many levels up, and the name there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Outside {
    levels: usize,
    name: String,
}

/// Links what the makefiles among `contents` name outside of `root`, seen from the mirror `dir`.
pub fn link(
    root: &Path,
    dir: &Path,
    contents: &BTreeMap<PathBuf, Content>,
) -> Result<(), (PathBuf, io::Error)> {
    for outside in named(contents) {
        let (Some(real), Some(mirrored)) =
            (root.ancestors().nth(outside.levels), dir.ancestors().nth(outside.levels))
        else {
            continue;
        };
        let target = real.join(&outside.name);
        let link = mirrored.join(&outside.name);
        let known = fs::read_link(&link).is_ok_and(|known| known == target);
        if known || !target.exists() || (link.exists() && !link.is_symlink()) {
            continue;
        }
        let made = match fs::remove_file(&link) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => symlink(&target, &link),
        };
        match made {
            // Another komod, building for another kernel, was faster.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            made => made.map_err(|e| (link, e))?,
        }
    }
    Ok(())
}

fn named(contents: &BTreeMap<PathBuf, Content>) -> BTreeSet<Outside> {
    let mut found = BTreeSet::new();
    for (path, content) in contents {
        let (Some(name), Some(folder)) = (path.file_name(), path.parent()) else { continue };
        if name != "Makefile" && name != "Kbuild" {
            continue;
        }
        let text = match content {
            Content::Text(text) => text.clone(),
            Content::Link(source) | Content::Copy(source) => {
                fs::read_to_string(source).unwrap_or_default()
            }
        };
        let depth = folder.components().count();
        found.extend(in_makefile(&text, depth));
    }
    found
}

/// The paths of a makefile that lies `depth` folders deep in the project.
fn in_makefile(text: &str, depth: usize) -> Vec<Outside> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("../") {
        let mut climbs = 0;
        let mut tail = rest.get(at..).unwrap_or_default();
        while let Some(more) = tail.strip_prefix("../") {
            climbs += 1;
            tail = more;
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
        let name = tail.split(|c: char| !fits(c)).next().unwrap_or_default();
        let levels = climbs - depth.min(climbs);
        // An object would be made through the link, beside its source.
        if (1..=MOST_LEVELS).contains(&levels) && !name.is_empty() && !name.ends_with(".o") {
            found.push(Outside { levels, name: name.to_owned() });
        }
        rest = tail;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_lead_out() {
        let text = "ccflags-y := -I$(src)/../include -I$(src)/../../top/x\ninclude ../../../far.mk\n\
                    x-y := ../common/a.o ../b.o\nKBUILD_EXTRA_SYMBOLS := $(M)/../base/Module.symvers\n";
        let names = |depth| -> Vec<(usize, String)> {
            in_makefile(text, depth).into_iter().map(|o| (o.levels, o.name)).collect()
        };
        let own = |list: &[(usize, &str)]| -> Vec<(usize, String)> {
            list.iter().map(|(levels, name)| (*levels, (*name).to_owned())).collect()
        };
        assert_eq!(names(0), own(&[(1, "include"), (2, "top"), (1, "common"), (1, "base")]));
        assert_eq!(names(1), own(&[(1, "top"), (2, "far.mk")]));
    }
}
