//! The modules a build made, in an order they can be loaded in.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A built module.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Module {
    name: String,
    path: PathBuf,
    depends: Vec<String>,
}

/// The `.ko` files that `modules.order` of the folder lists, exporters before users.
///
/// kbuild lists `x.ko` up to Linux 6.1 and `x.o` since (6.2, `scripts/Makefile.build`), absolute
/// or relative to the folder.
pub fn load_order(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let list = match fs::read_to_string(folder.join("modules.order")) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
        list => list?,
    };
    let mut modules = Vec::new();
    for line in list.lines().filter(|line| !line.trim().is_empty()) {
        let path = folder.join(line.trim()).with_extension("ko");
        let Some(name) = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()) else {
            continue;
        };
        let depends = depends(&path.with_extension("mod.c")).unwrap_or_default();
        modules.push(Module { name: plain(&name), path, depends });
    }
    Ok(sorted(modules).into_iter().map(|module| module.path).collect())
}

/// The names modpost wrote as `MODULE_INFO(depends, "a,b");` (`scripts/mod/modpost.c`,
/// `add_depends`).
fn depends(mod_c: &Path) -> Option<Vec<String>> {
    let text = fs::read_to_string(mod_c).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MODULE_INFO(depends, \""))?;
    let names = line.split('"').next()?;
    Some(names.split(',').filter(|name| !name.is_empty()).map(plain).collect())
}

/// The kernel knows no `-` in module names (`include/linux/module.h`: `KBUILD_MODNAME`).
fn plain(name: &str) -> String {
    name.replace('-', "_")
}

/// Depth first; the listed order where nothing speaks against it. A ring of modules, which modpost
/// allows and no kernel can load, stays in listed order.
fn sorted(modules: Vec<Module>) -> Vec<Module> {
    let mut ready: Vec<Module> = Vec::with_capacity(modules.len());
    let mut waiting = modules;
    while !waiting.is_empty() {
        let free = waiting.iter().position(|module| {
            !module
                .depends
                .iter()
                .any(|name| *name != module.name && waiting.iter().any(|other| other.name == *name))
        });
        ready.push(waiting.remove(free.unwrap_or(0)));
    }
    ready
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(name: &str, depends: &[&str]) -> Module {
        let depends = depends.iter().map(ToString::to_string).collect();
        Module { name: name.into(), path: format!("{name}.ko").into(), depends }
    }

    fn names(modules: Vec<Module>) -> Vec<String> {
        sorted(modules).into_iter().map(|module| module.name).collect()
    }

    #[test]
    fn exporters_come_first() {
        let modules = vec![
            module("user", &["mid", "usbcore"]),
            module("base", &[]),
            module("mid", &["base"]),
        ];
        assert_eq!(names(modules), ["base", "mid", "user"]);
    }

    #[test]
    fn rings_end() {
        assert_eq!(
            names(vec![module("a", &["b"]), module("b", &["a"]), module("c", &["c"])]),
            ["c", "a", "b"]
        );
    }

    #[test]
    fn lists_of_old_and_new_kernels() {
        let dir = std::env::temp_dir().join(format!("komod-order-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("modules.order"), format!("{}/a-x.ko\nb.o\n", dir.display())).unwrap();
        fs::write(dir.join("a-x.mod.c"), "MODULE_INFO(depends, \"b,c\");\n").unwrap();
        fs::write(dir.join("b.mod.c"), "MODULE_INFO(depends, \"\");\n").unwrap();
        assert_eq!(load_order(&dir).unwrap(), [dir.join("b.ko"), dir.join("a-x.ko")]);
        fs::remove_dir_all(dir).unwrap();
    }
}
