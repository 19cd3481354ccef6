//! `depmod -n --json`: everything about the modules in one object.

use super::options::Options;
use crate::json;
use komod_kernel::depmod::devices;
use komod_kernel::depmod::error::DepmodError;
use komod_kernel::depmod::facts::List;
use komod_kernel::depmod::tree::Tree;
use serde::Serialize;

#[derive(Serialize)]
struct Answer {
    kernel: String,
    directory: String,
    modules: Vec<Module>,
}

#[derive(Serialize)]
struct Module {
    name: String,
    /// As in modules.dep.
    path: String,
    /// Paths of all it needs, in the order of modules.dep.
    depends: Vec<String>,
    aliases: Vec<String>,
    symbols: Vec<String>,
    softdeps: Vec<String>,
    weakdeps: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<Device>,
}

#[derive(Serialize)]
struct Device {
    name: String,
    kind: &'static str,
    major: u32,
    minor: u32,
}

/// Prints it.
pub fn print(options: &Options, tree: &Tree<'_>) -> Result<(), DepmodError> {
    let mut closure = tree.dependencies.closure();
    let files = &tree.modules.files;
    let mut modules = Vec::with_capacity(files.len());
    for (place, (_, file, facts)) in tree.iter().enumerate() {
        let used = closure.of(place).iter().filter_map(|&used| files.get(used));
        let texts = |list| facts.list(list).map(text).collect();
        let device = devices::device(facts).and_then(|device| {
            let (kind, major, minor) = device.numbers?;
            let kind = if kind == 'c' { "char" } else { "block" };
            Some(Device { name: text(device.name), kind, major, minor })
        });
        modules.push(Module {
            name: text(&file.name),
            path: text(file.shown()),
            depends: used.map(|file| text(file.shown())).collect(),
            aliases: texts(List::Aliases),
            symbols: texts(List::Exports),
            softdeps: texts(List::Softdeps),
            weakdeps: texts(List::Weakdeps),
            device,
        });
    }
    let directory = options.directory.display().to_string();
    let kernel = options.version.display().to_string();
    // Only texts and numbers: this does not fail.
    let _ = json::print("depmod", Answer { kernel, directory, modules });
    Ok(())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
