//! The project's own modules, built by the kernel's build system: the examples and the cases.

use super::case::{Case, Load, Step};
use crate::cases::Case as Directives;
use crate::kernels::Kernel;
use crate::project;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Modules by the names of their files.
pub struct Built {
    modules: BTreeMap<String, Load>,
    sources: Vec<PathBuf>,
}

/// Where the sources are: in these folders, and in those below `examples`.
const FOLDERS: &[&str] = &["tests/cases", "xtask/data/loader-modules"];

impl Built {
    /// Builds everything in one go, in a folder of the target directory that make keeps up to date.
    pub fn new(kernel: &Kernel) -> Result<Built> {
        let tree = kernel.tree.as_ref().context("this kernel has no build tree")?;
        let folder = project::target_dir().join("loader-modules").join(&kernel.release);
        std::fs::create_dir_all(&folder)?;
        let mut sources = Vec::new();
        let examples = list(&project::root().join("examples"))?.into_iter().filter(|p| p.is_dir());
        for place in examples.chain(FOLDERS.iter().map(|f| project::root().join(f))) {
            sources.extend(list(&place)?.into_iter().filter(|p| extension(p, &["c", "h"])));
        }
        let mut objects = String::new();
        for source in &sources {
            let name = source.file_name().unwrap_or_default();
            copy_if_new(&std::fs::read(source)?, &folder.join(name))?;
            if extension(source, &["c"]) {
                objects += &format!("obj-m += {}.o\n", stem(source));
            }
        }
        copy_if_new(objects.as_bytes(), &folder.join("Kbuild"))?;
        let mut m = std::ffi::OsString::from("M=");
        m.push(&folder);
        let output = Command::new("make")
            .arg("-C")
            .arg(tree)
            .arg(m)
            // One of them uses a function that nobody exports.
            .args(["-j2", "KBUILD_MODPOST_WARN=1", "modules"])
            .output()
            .context("make")?;
        if !output.status.success() {
            bail!("make in {}: {}", folder.display(), String::from_utf8_lossy(&output.stderr));
        }
        let mut modules = BTreeMap::new();
        sources.retain(|source| extension(source, &["c"]));
        for source in &sources {
            let name = stem(source);
            let file = folder.join(format!("{name}.ko"));
            let bytes = std::fs::read(&file).with_context(|| file.display().to_string())?;
            modules.insert(name.clone(), Load::new(&name, &bytes));
        }
        Ok(Built { modules, sources })
    }

    pub fn load(&self, name: &str) -> Result<Load> {
        self.modules.get(name).cloned().with_context(|| format!("no module {name}"))
    }

    /// A case for each module, with the parameters its source names and what it needs before it.
    pub fn cases(&self) -> Result<Vec<Case>> {
        let mut cases = Vec::new();
        for source in self.sources.iter().filter(|s| !s.starts_with(project::root().join("xtask")))
        {
            let name = stem(source);
            let text = std::fs::read_to_string(source)?;
            let directives = Directives::parse(&text)?;
            let mut load = self.load(&name)?;
            load.params =
                directives.params.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
            let parsed = komod_object::Module::parse(&load.bytes)?;
            let before = parsed.modinfo().depends().map(|d| d.to_string()).collect::<Vec<_>>();
            let mut steps =
                before.iter().map(|d| Ok(Step::Load(self.load(d)?))).collect::<Result<Vec<_>>>()?;
            steps.push(Step::Load(load));
            cases.push(Case { name, steps });
        }
        Ok(cases)
    }
}

/// A parameter whose value has spaces, as the kernel wants it.
fn quoted(word: &str) -> String {
    match word.split_once('=') {
        Some((name, value)) if value.contains(' ') => format!("{name}=\"{value}\""),
        _ => word.to_owned(),
    }
}

fn list(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = directory.read_dir().with_context(|| directory.display().to_string())?;
    let mut paths = entries.map(|e| Ok(e?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn extension(path: &Path, wanted: &[&str]) -> bool {
    path.extension().is_some_and(|e| wanted.iter().any(|w| e == *w))
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Leaves a file alone that has this content already, so that make sees no change.
fn copy_if_new(content: &[u8], to: &Path) -> Result<()> {
    if std::fs::read(to).is_ok_and(|old| old == content) {
        return Ok(());
    }
    std::fs::write(to, content).with_context(|| to.display().to_string())
}
