//! `-A`: is there anything to do?

use komod_kernel::depmod::config::Config;
use komod_kernel::depmod::walk;
use std::path::Path;

/// Whether a module is newer than the indexes, or there are none. What was removed is not noticed
/// (nor is it by kmod).
pub fn is_any_module_newer(directory: &Path, output: &Path, config: &Config) -> bool {
    let modified = |path: &Path| path.metadata().and_then(|file| file.modified());
    let Ok(indexed) = modified(&output.join("modules.dep")) else { return true };
    // What is wrong with the folder is told by the work that follows.
    let Ok(modules) = walk::walk(directory, config, &mut |_| (), &mut Vec::new()) else {
        return true;
    };
    modules.iter().any(|module| modified(module.path()).is_ok_and(|time| time > indexed))
}
