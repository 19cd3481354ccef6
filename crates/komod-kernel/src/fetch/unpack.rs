//! From packages to a directory that works where it lies.
//!
//! Debian's header packages expect to live in `/usr`: the build tree's Makefile includes the
//! common one by its absolute path, and `lib/modules/R/build` is an absolute link. Both are made
//! relative, so the directory can even be moved.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use super::apt::full_disk;
use super::resolve::Resolved;
use super::{FetchError, Progress, run, tools};
use crate::find::places;

/// Unpacks the packages beside the final place, adapts them and renames.
pub(super) fn install(
    cache: &Path,
    resolved: &Resolved,
    files: &[PathBuf],
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), FetchError> {
    let kernels = cache.join("kernels");
    let temporary = kernels.join(format!(".new-{}", resolved.release));
    remove(&temporary)?;
    fs::create_dir_all(&temporary).map_err(FetchError::io("create", &temporary))?;
    let result = fill(&temporary, resolved, files, progress)
        .and_then(|()| publish(&temporary, &kernels, &resolved.release));
    if result.is_err() {
        let _ = remove(&temporary);
    }
    result
}

fn fill(
    dir: &Path,
    resolved: &Resolved,
    files: &[PathBuf],
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), FetchError> {
    for (index, (package, file)) in resolved.packages.iter().zip(files).enumerate() {
        let name = package.name.as_str();
        progress(Progress::Unpacking { package: name, index, count: files.len() });
        run::output(Command::new("dpkg-deb").env("LC_ALL", "C").arg("-x").arg(file).arg(dir))
            .map_err(|error| full_disk(error, dir, package.installed_size))?;
    }
    progress(Progress::Finishing);
    let documentation = dir.join("usr/share");
    remove(&documentation)?;
    // Since Debian 13 everything lies in usr/lib; everyone looks for lib/modules.
    if !dir.join("lib").exists() && dir.join("usr/lib/modules").is_dir() {
        let link = dir.join("lib");
        symlink("usr/lib", &link).map_err(FetchError::io("create", &link))?;
    }
    relocate_links(dir, dir, 0)?;
    relocate_makefiles(dir)?;
    tools::adapt(dir)?;
    let incomplete = |missing| FetchError::Incomplete {
        release: resolved.release.clone(),
        missing,
        packages: resolved.packages.iter().map(|package| package.name.clone()).collect(),
    };
    let kernel = places::package_root(dir, &resolved.release, crate::find::Origin::Cache)
        .ok_or_else(|| incomplete("the kernel"))?;
    if kernel.tree.is_none() {
        return Err(incomplete("a configured build tree"));
    }
    if kernel.image.is_none() {
        return Err(incomplete("a boot image"));
    }
    write_record(dir, resolved)
}

/// What was fetched, for `komod kernel show` and for people.
fn write_record(dir: &Path, resolved: &Resolved) -> Result<(), FetchError> {
    let packages: Vec<_> = resolved
        .packages
        .iter()
        .map(|package| serde_json::json!({"name": package.name, "version": package.version}))
        .collect();
    let record = serde_json::json!({
        "format": 1,
        "release": resolved.release,
        "packages": packages,
    });
    let path = dir.join("komod.json");
    fs::write(&path, format!("{record:#}\n")).map_err(FetchError::io("write", &path))
}

/// Makes the directory visible, with its data on disk before its name.
fn publish(temporary: &Path, kernels: &Path, release: &str) -> Result<(), FetchError> {
    let target = &kernels.join(release);
    let handle = fs::File::open(temporary).map_err(FetchError::io("open", temporary))?;
    rustix::fs::syncfs(&handle)
        .map_err(|error| FetchError::io("write", temporary)(error.into()))?;
    if target.exists() {
        // An incomplete kernel, else nothing would have been fetched.
        let old = kernels.join(format!(".old-{release}"));
        remove(&old)?;
        fs::rename(target, &old).map_err(FetchError::io("move", target))?;
        fs::rename(temporary, target).map_err(FetchError::io("publish", target))?;
        return remove(&old);
    }
    fs::rename(temporary, target).map_err(FetchError::io("publish", target))
}

/// Links to absolute paths that exist in the packages become relative.
fn relocate_links(root: &Path, dir: &Path, depth: usize) -> Result<(), FetchError> {
    // Kernel trees are about a dozen levels deep; only these hold such links.
    if depth > 4 {
        return Ok(());
    }
    let entries = fs::read_dir(dir).map_err(FetchError::io("read", dir))?;
    for entry in entries {
        let entry = entry.map_err(FetchError::io("read", dir))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(FetchError::io("look at", &path))?;
        if kind.is_dir() {
            relocate_links(root, &path, depth + 1)?;
        } else if kind.is_symlink()
            && let Ok(target) = fs::read_link(&path)
            && let Ok(inside) = target.strip_prefix("/")
            && root.join(inside).exists()
            && let Ok(place) = path.strip_prefix(root)
        {
            fs::remove_file(&path).map_err(FetchError::io("replace", &path))?;
            symlink(relative(place, inside), &path).map_err(FetchError::io("replace", &path))?;
        }
    }
    Ok(())
}

/// The way from the directory of `from` to `to`, both relative to one root.
pub(super) fn relative(from: &Path, to: &Path) -> PathBuf {
    let up = from.components().count().saturating_sub(1);
    std::iter::repeat_n(Component::ParentDir, up).chain(to.components()).collect()
}

/// `include /usr/src/linux-headers-R-common/Makefile` becomes an inclusion relative to the file
/// it stands in.
fn relocate_makefiles(root: &Path) -> Result<(), FetchError> {
    let sources = root.join("usr/src");
    let Ok(entries) = fs::read_dir(&sources) else { return Ok(()) };
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path().join("Makefile");
        let Ok(metadata) = fs::metadata(&path) else { continue };
        // The generated Makefile is one line; the kernel's own has two thousand.
        if metadata.len() > 4096 {
            continue;
        }
        let text = fs::read_to_string(&path).map_err(FetchError::io("read", &path))?;
        let relocated = relocate_makefile(&text);
        if relocated != text {
            fs::write(&path, relocated).map_err(FetchError::io("write", &path))?;
        }
    }
    Ok(())
}

fn relocate_makefile(text: &str) -> String {
    text.lines()
        .map(|line| match line.strip_prefix("include /usr/src/") {
            Some(rest) => {
                format!("include $(dir $(lastword $(MAKEFILE_LIST)))../{rest}\n")
            }
            None => format!("{line}\n"),
        })
        .collect()
}

fn remove(path: &Path) -> Result<(), FetchError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(FetchError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_relative_to_where_they_lie() {
        let link = |from: &str, to: &str| relative(Path::new(from), Path::new(to));
        assert_eq!(link("lib/modules/6.1/build", "usr/src/h"), Path::new("../../../usr/src/h"));
        assert_eq!(link("a", "b/c"), Path::new("b/c"));
    }

    #[test]
    fn an_absolute_inclusion_becomes_relative() {
        assert_eq!(
            relocate_makefile("include /usr/src/linux-headers-6.1-common/Makefile\n"),
            "include $(dir $(lastword $(MAKEFILE_LIST)))../linux-headers-6.1-common/Makefile\n"
        );
        assert_eq!(relocate_makefile("all:\n\ttrue\n"), "all:\n\ttrue\n");
    }
}
