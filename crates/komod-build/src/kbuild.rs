//! Running kbuild.
//!
//! The environment is built from nothing. make takes every environment variable for a variable of
//! its own, so an exported `ARCH`, `CROSS_COMPILE`, `CC`, `O`, `V`, `MAKEFLAGS` or `KBUILD_*` would
//! change or break a build (`Documentation/kbuild/kbuild.rst`); gcc adds `CPATH` and friends.
//! Messages are asked for in plain English, because the rules read them.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::child::{self, Limit, Manner};
use crate::event::{Event, Listener};
use crate::jobserver::Jobserver;
use crate::log::{Log, Names};
use crate::stop;
use crate::tree::Tree;

/// Variables that are let through: where programs and private files are, and ccache's settings.
const PASSED: [&str; 7] =
    ["PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "LD_LIBRARY_PATH", "DEBIAN_KERNEL_USE_CCACHE"];

/// One call of kbuild.
pub struct Run<'a> {
    /// The kernel build tree.
    pub tree: &'a Tree,
    /// The folder that `M=` names. Never empty: with an empty `M=` kbuild takes the header tree
    /// itself for its work and removes its configuration.
    pub folder: &'a Path,
    /// Goals, such as `modules`.
    pub goals: &'a [String],
    /// Variables for make's command line.
    pub variables: &'a [(String, String)],
    /// Where it gets its jobs from.
    pub jobserver: &'a Jobserver,
    /// It is ended after this time without a word.
    pub patience: Duration,
    /// Print whole commands.
    pub verbose: bool,
}

impl Run<'_> {
    /// The command.
    pub fn command(&self) -> Command {
        let mut command = Command::new("make");
        command.arg("-C").arg(&self.tree.path);
        command.arg(joined("M=", self.folder));
        if self.jobserver.jobs() > 1 {
            // Messages of one compiler stay together.
            command.arg("--output-sync=target");
        }
        if self.verbose {
            command.arg("V=1");
        }
        command.args(self.variables.iter().map(|(name, value)| format!("{name}={value}")));
        command.args(self.goals);
        scrub(&mut command, self.tree);
        // Makefiles say $(PWD) for "here".
        command.current_dir(self.folder).env("PWD", self.folder);
        command
    }

    /// Runs it to its end. Each line goes through `names` and to the listener as it comes.
    pub fn run(&self, names: Option<&Names<'_>>, listener: &dyn Listener) -> io::Result<Log> {
        if self.folder.as_os_str().is_empty() || !self.folder.is_absolute() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "kbuild must not be run without a folder of its own (an empty M=)",
            ));
        }
        let _token = self.jobserver.take(stop::stopped);
        let restore = |line: String| match names {
            Some(names) => names.restore(&line),
            None => line,
        };
        let manner = Manner {
            restore: &restore,
            on_line: &|line| listener.hear(Event::Said(line)),
            jobserver: Some(self.jobserver),
            limit: Some(Limit::Silence(self.patience)),
        };
        child::run(self.command(), &manner)
    }
}

/// Gives a command the environment described at the top of this file.
pub fn scrub(command: &mut Command, tree: &Tree) {
    command.env_clear().envs(environment(tree));
}

/// That environment.
pub fn environment(tree: &Tree) -> Vec<(String, String)> {
    let plain = |(name, value): (OsString, OsString)| {
        (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
    };
    let mut found: Vec<_> = env::vars_os().map(plain).filter(|(name, _)| is_passed(name)).collect();
    if env::var_os("PATH").is_none() {
        found.push(("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into()));
    }
    found.push(("LC_ALL".into(), "C".into()));
    found.extend(tree.env.iter().cloned().map(plain));
    found
}

/// Is this variable let through?
pub fn is_passed(name: &str) -> bool {
    PASSED.contains(&name) || name.starts_with("CCACHE_")
}

fn joined(prefix: &str, path: &Path) -> OsString {
    let mut text = OsString::from(prefix);
    text.push(path);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_variables_reach_kbuild() {
        let tree = Tree {
            env: vec![("LD_LIBRARY_PATH".into(), "/x".into())],
            ..Tree::new("6.1", "/tree")
        };
        let run = Run {
            tree: &tree,
            folder: Path::new("/shadow"),
            goals: &["modules".into()],
            variables: &[("A".into(), "b c".into())],
            jobserver: &Jobserver::new(1).unwrap(),
            patience: Duration::MAX,
            verbose: false,
        };
        let command = run.command();
        let names: Vec<_> =
            command.get_envs().map(|(n, _)| n.to_string_lossy().into_owned()).collect();
        for name in &names {
            assert!(
                PASSED.contains(&name.as_str())
                    || ["LC_ALL", "PWD"].contains(&name.as_str())
                    || name.starts_with("CCACHE_"),
                "{name}"
            );
        }
        let value = |name: &str| command.get_envs().find(|(n, _)| *n == name).and_then(|(_, v)| v);
        assert_eq!(value("LD_LIBRARY_PATH"), Some("/x".as_ref()));
        assert_eq!(value("PWD"), Some("/shadow".as_ref()));
        assert_eq!(child::describe(&command), "make -C /tree M=/shadow 'A=b c' modules");
    }

    #[test]
    fn an_empty_folder_is_refused() {
        let tree = Tree::new("6.1", "/tree");
        for folder in ["", "relative"] {
            let run = Run {
                tree: &tree,
                folder: Path::new(folder),
                goals: &[],
                variables: &[],
                jobserver: &Jobserver::new(1).unwrap(),
                patience: Duration::MAX,
                verbose: false,
            };
            assert_eq!(
                run.run(None, &crate::event::Deaf).unwrap_err().kind(),
                io::ErrorKind::InvalidInput
            );
        }
    }
}
