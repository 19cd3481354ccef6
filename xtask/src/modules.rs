//! The stock modules of a kernel: their files and what each needs to be loaded first.

use anyhow::{Context, Result, bail};
use guest_init::module_name;
use komod_object::compress;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A module's file, decompressed, and the names it depends on (`depends=` of `.modinfo`; soft
/// dependencies are a matter of modprobe and left out).
pub struct Module {
    pub name: String,
    pub bytes: Vec<u8>,
    pub depends: Vec<String>,
}

/// No module is larger than this (the largest of Debian 6.12, amdgpu, has 25 MB).
const LARGEST: usize = 256 << 20;

/// The tree under `lib/modules/RELEASE/kernel`. Files are read when they are first needed.
pub struct ModuleTree {
    root: PathBuf,
    /// Paths below `root`, without the compression's suffix, sorted; what users and records name.
    keys: Vec<String>,
    files: BTreeMap<String, PathBuf>,
    by_name: HashMap<String, String>,
    read: RefCell<HashMap<String, Arc<Module>>>,
}

impl ModuleTree {
    pub fn open(modules: &Path) -> Result<ModuleTree> {
        let root = modules.join("kernel");
        let mut files = BTreeMap::new();
        walk(&root, &root, &mut files)?;
        if files.is_empty() {
            bail!("{}: no modules", root.display());
        }
        let by_name = files.keys().map(|key| (module_name(key), key.clone())).collect();
        let keys = files.keys().cloned().collect();
        Ok(ModuleTree { root, keys, files, by_name, read: RefCell::default() })
    }

    /// `drivers/net/dummy.ko` and so on, sorted.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// The key of a module given by key, by file name or by name.
    pub fn resolve(&self, wanted: &str) -> Option<&str> {
        self.by_name.get(&module_name(wanted)).map(String::as_str)
    }

    /// The file of a module given as for [`resolve`](Self::resolve).
    pub fn path(&self, wanted: &str) -> Option<PathBuf> {
        Some(self.root.join(self.files.get(self.resolve(wanted)?)?))
    }

    /// All files, in the order of their keys.
    pub fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.files.values().map(|file| self.root.join(file))
    }

    /// Adds a module that is not the distribution's; its key is its file's name.
    pub fn add(&mut self, path: &Path) -> Result<String> {
        let module = read(path).with_context(|| path.display().to_string())?;
        let key = format!("{}.ko", module.name);
        self.by_name.insert(module.name.clone(), key.clone());
        self.read.borrow_mut().insert(key.clone(), Arc::new(module));
        Ok(key)
    }

    pub fn module(&self, key: &str) -> Result<Arc<Module>> {
        if let Some(module) = self.read.borrow().get(key) {
            return Ok(Arc::clone(module));
        }
        let file = self.files.get(key).with_context(|| format!("no module {key}"))?;
        let path = self.root.join(file);
        let module = Arc::new(read(&path).with_context(|| path.display().to_string())?);
        self.read.borrow_mut().insert(key.to_owned(), Arc::clone(&module));
        Ok(module)
    }

    /// The modules to load for `key`, in this order; `key` comes last.
    pub fn closure(&self, key: &str) -> Result<Vec<Arc<Module>>> {
        let mut order = Vec::new();
        self.visit(key, &mut Vec::new(), &mut order)?;
        Ok(order)
    }

    fn visit(
        &self,
        key: &str,
        above: &mut Vec<String>,
        order: &mut Vec<Arc<Module>>,
    ) -> Result<()> {
        if above.iter().any(|k| k == key) {
            bail!("{key} depends on itself");
        }
        let module = self.module(key)?;
        if order.iter().any(|m| m.name == module.name) {
            return Ok(());
        }
        above.push(key.to_owned());
        for name in &module.depends {
            let dependency = self
                .by_name
                .get(&module_name(name))
                .with_context(|| format!("{key} depends on {name}, which is not there"))?;
            self.visit(dependency, above, order)?;
        }
        above.pop();
        order.push(module);
        Ok(())
    }
}

fn walk(root: &Path, dir: &Path, files: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    for entry in dir.read_dir().with_context(|| format!("{}", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            walk(root, &path, files)?;
            continue;
        }
        let Ok(below) = path.strip_prefix(root) else { continue };
        let below = below.to_string_lossy();
        if let Some((stem, "" | ".xz" | ".gz" | ".zst")) = below.split_once(".ko") {
            files.insert(format!("{stem}.ko"), PathBuf::from(below.as_ref()));
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Module> {
    let file = std::fs::read(path)?;
    let bytes = compress::decompress(&file, LARGEST)?.into_owned();
    let parsed = komod_object::Module::parse(&bytes)?;
    let depends = parsed.modinfo().depends().map(|d| d.to_string()).collect();
    Ok(Module { name: module_name(&path.to_string_lossy()), bytes, depends })
}
