//! Modules that are loaded before anything else runs: the nearest that a stock kernel comes to
//! having them built in.

use super::call;
use super::requests::Kernel;
use komod_process::protocol::{Loader, Reply, Request, Stage};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Where the initramfs has them, named in loading order.
pub const EARLY: &str = "/early";
const PATIENCE: Duration = Duration::from_secs(30);

/// Loads all, and goes on after one that fails, as a boot does.
pub fn load_all(kernel: &Arc<Kernel>) -> io::Result<Vec<(String, Reply)>> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(EARLY).into_iter().flatten().flatten().map(|e| e.path()).collect();
    files.sort();
    let line = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    let mut outcomes = Vec::new();
    for path in files {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let name = stem.split_once('-').map_or(stem.as_str(), |(_, name)| name).to_owned();
        let request = Request::Load {
            file: format!("{name}.ko"),
            params: parameters(&line, &name),
            loader: Loader::Kernel,
            force_vermagic: false,
            force_modversions: false,
        };
        let outcome = call::run(kernel, request, fs::read(&path)?, &mut || Ok(()), PATIENCE)?;
        outcomes.push((name, outcome.told(kernel, Stage::Load).0));
    }
    Ok(outcomes)
}

/// The `name.parameter=value` words of the kernel's command line, without the name
/// (`Documentation/admin-guide/kernel-parameters.rst`, Linux 6.12: `-` and `_` are one).
fn parameters(line: &str, name: &str) -> String {
    let mut words: Vec<String> = vec![String::new()];
    let mut quoted = false;
    for c in line.trim_end().chars() {
        quoted ^= c == '"';
        match words.last_mut() {
            Some(word) if quoted || !c.is_whitespace() => word.push(c),
            _ => words.push(String::new()),
        }
    }
    let own = words.iter().filter_map(|word| {
        let (module, rest) = word.trim_start_matches('"').split_once('.')?;
        let opened = word.starts_with('"');
        let rest = if opened { format!("\"{rest}") } else { rest.to_owned() };
        (module.replace('-', "_") == name.replace('-', "_")).then_some(rest)
    });
    own.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::parameters;

    #[test]
    fn a_modules_words_are_its_own() {
        let line = "quiet a-b.count=3 c.x=1 a_b.name=\"two words\" \"a_b.s=x y\" a_b.flag\n";
        assert_eq!(parameters(line, "a_b"), "count=3 name=\"two words\" \"s=x y\" flag");
        assert_eq!(parameters(line, "c"), "x=1");
        assert_eq!(parameters(line, "nowhere"), "");
    }
}
