//! The stock modules of a kernel: their files and what each needs to be loaded first.

use anyhow::{Context, Result, bail};
use guest_init::module_name;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A module's file, decompressed, and the names it depends on (`depends=` of `.modinfo`; soft
/// dependencies are a matter of modprobe and left out).
pub struct Module {
    pub name: String,
    pub bytes: Vec<u8>,
    pub depends: Vec<String>,
}

/// The tree under `lib/modules/RELEASE/kernel`. Files are read when they are first needed.
pub struct ModuleTree {
    root: PathBuf,
    /// Paths below `root`, without the compression's suffix, sorted; what users and records name.
    keys: Vec<String>,
    files: BTreeMap<String, PathBuf>,
    by_name: HashMap<String, String>,
    read: RefCell<HashMap<String, Rc<Module>>>,
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

    pub fn module(&self, key: &str) -> Result<Rc<Module>> {
        if let Some(module) = self.read.borrow().get(key) {
            return Ok(Rc::clone(module));
        }
        let file = self.files.get(key).with_context(|| format!("no module {key}"))?;
        let path = self.root.join(file);
        let module = Rc::new(read(&path).with_context(|| path.display().to_string())?);
        self.read.borrow_mut().insert(key.to_owned(), Rc::clone(&module));
        Ok(module)
    }

    /// The modules to load for `key`, in this order; `key` comes last.
    pub fn closure(&self, key: &str) -> Result<Vec<Rc<Module>>> {
        let mut order = Vec::new();
        self.visit(key, &mut Vec::new(), &mut order)?;
        Ok(order)
    }

    fn visit(&self, key: &str, above: &mut Vec<String>, order: &mut Vec<Rc<Module>>) -> Result<()> {
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
    let bytes = std::fs::read(path)?;
    let bytes = if path.extension().is_some_and(|e| e == "xz") {
        std::process::Command::new("xz").arg("-dc").arg(path).output()?.stdout
    } else {
        bytes
    };
    let mut depends = Vec::new();
    if let Some(at) = bytes.windows(9).position(|w| w == b"\0depends=") {
        let value: Vec<u8> = bytes[at + 9..].iter().copied().take_while(|b| *b != 0).collect();
        depends = String::from_utf8(value)?
            .split(',')
            .filter(|d| !d.is_empty())
            .map(str::to_owned)
            .collect();
    }
    Ok(Module { name: module_name(&path.to_string_lossy()), bytes, depends })
}
