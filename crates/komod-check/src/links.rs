//! What modules want from each other, and the order to load them in.

use komod_object::Module;
use rustc_hash::FxHashMap;

/// How a module is tied to others. Empty for a file that is no module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    /// The name the kernel will know it by.
    pub name: String,
    /// Symbols it exports.
    pub exports: Vec<String>,
    /// Symbols it wants.
    pub imports: Vec<String>,
}

impl Links {
    /// Reads an uncompressed module file.
    pub fn of(bytes: &[u8]) -> Links {
        let Ok(module) = Module::parse(bytes) else { return Links::default() };
        let exports = module.exports().unwrap_or_default();
        Links {
            name: module.name().to_string(),
            exports: exports.iter().map(|export| export.name.to_string()).collect(),
            imports: module.imports().map(|import| import.name.to_string()).collect(),
        }
    }
}

/// Numbers of the modules, each after those whose symbols it wants. Circles are cut somewhere.
pub fn order(modules: &[Links]) -> Vec<usize> {
    let mut exporters = FxHashMap::default();
    for (number, module) in modules.iter().enumerate() {
        exporters.extend(module.exports.iter().map(|symbol| (symbol.as_str(), number)));
    }
    let wanted = |module: &Links| {
        let found = module.imports.iter().filter_map(|symbol| exporters.get(symbol.as_str()));
        found.copied().collect::<Vec<usize>>().into_iter()
    };
    let mut seen = vec![false; modules.len()];
    let mut order = Vec::with_capacity(modules.len());
    for (number, module) in modules.iter().enumerate() {
        if std::mem::replace(&mut seen[number], true) {
            continue;
        }
        // A chain is at most as long as there are modules, but need not fit the stack.
        let mut chain = vec![(number, wanted(module))];
        while let Some((number, next)) = chain.last_mut() {
            match next.next() {
                Some(other) if std::mem::replace(&mut seen[other], true) => {}
                Some(other) => chain.push((other, wanted(&modules[other]))),
                None => {
                    order.push(*number);
                    chain.pop();
                }
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(name: &str, imports: &[&str], exports: &[&str]) -> Links {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Links { name: name.into(), exports: owned(exports), imports: owned(imports) }
    }

    #[test]
    fn exporters_come_first_and_circles_end() {
        let chain =
            [module("c", &["b", "x"], &[]), module("b", &["a"], &["b"]), module("a", &[], &["a"])];
        assert_eq!(order(&chain), [2, 1, 0]);
        let circle = [module("a", &["b"], &["a"]), module("b", &["a"], &["b"])];
        assert_eq!(order(&circle), [1, 0]);
        assert!(order(&[]).is_empty());
    }

    #[test]
    fn what_is_no_module_has_no_links() {
        assert_eq!(Links::of(b"nothing"), Links::default());
    }
}
