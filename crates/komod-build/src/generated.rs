//! Sources that an earlier build has left in the mirror: a makefile that takes all the `.c` files
//! there are must not find them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::shadow::Content;

/// Removes the `.mod.c` files that modpost has written: it writes them again.
pub fn remove(mirror: &Path, contents: &BTreeMap<PathBuf, Content>) -> io::Result<()> {
    let mut folders = vec![mirror.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            let generated = || path.to_string_lossy().ends_with(".mod.c");
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file()
                && generated()
                && !path.strip_prefix(mirror).is_ok_and(|own| contents.contains_key(own))
            {
                fs::remove_file(path)?;
            }
        }
    }
    Ok(())
}

/// Do makefiles look which files there are?
pub fn are_looked_for(mirror: &Path, contents: &BTreeMap<PathBuf, Content>) -> bool {
    let makefile = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        ["Makefile", "Kbuild"].contains(&name) || name.ends_with(".mk")
    };
    let looks =
        |text: &str| ["$(wildcard", "${wildcard", "$(shell"].iter().any(|w| text.contains(w));
    contents
        .keys()
        .filter(|path| makefile(path))
        .filter_map(|path| fs::read_to_string(mirror.join(path)).ok())
        .any(|text| looks(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_modpost_wrote_goes() {
        let dir = std::env::temp_dir().join(format!("komod-generated-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("sub")).unwrap();
        for file in ["a.mod.c", "sub/b.mod.c", "own.mod.c", "x.c", "a.mod"] {
            fs::write(dir.join(file), "").unwrap();
        }
        std::os::unix::fs::symlink(dir.join("x.c"), dir.join("user.mod.c")).unwrap();
        fs::write(dir.join("Makefile"), "obj-m := $(wildcard *.c)\n").unwrap();
        let mut contents = BTreeMap::from([("own.mod.c".into(), Content::Text(String::new()))]);
        assert!(!are_looked_for(&dir, &contents));
        contents.insert("Makefile".into(), Content::Link(dir.join("Makefile")));
        assert!(are_looked_for(&dir, &contents));
        remove(&dir, &contents).unwrap();
        for (file, there) in [
            ("a.mod.c", false),
            ("sub/b.mod.c", false),
            ("own.mod.c", true),
            ("user.mod.c", true),
            ("x.c", true),
            ("a.mod", true),
        ] {
            assert_eq!(dir.join(file).exists(), there, "{file}");
        }
        fs::remove_dir_all(dir).unwrap();
    }
}
