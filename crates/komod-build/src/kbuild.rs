//! Running kbuild.
//!
//! The environment is built from nothing. make takes every environment variable for a variable of
//! its own, so an exported `ARCH`, `CROSS_COMPILE`, `CC`, `O`, `V`, `MAKEFLAGS` or `KBUILD_*` would
//! change or break a build (`Documentation/kbuild/kbuild.rst`); gcc adds `CPATH` and friends.
//! Messages are asked for in plain English, because the rules read them.

use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, PipeReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::log::{Log, Names};
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
    /// Parallel jobs.
    pub jobs: usize,
    /// Print whole commands.
    pub verbose: bool,
}

impl Run<'_> {
    /// The command.
    pub fn command(&self) -> Command {
        let mut command = Command::new("make");
        command.arg("-C").arg(&self.tree.path);
        command.arg(joined("M=", self.folder)).arg(format!("-j{}", self.jobs.max(1)));
        if self.jobs > 1 {
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

    /// Runs it to its end. Each line goes through `names` and to `on_line` as it comes.
    pub fn run(&self, names: Option<&Names<'_>>, on_line: Option<fn(&str)>) -> io::Result<Log> {
        if self.folder.as_os_str().is_empty() || !self.folder.is_absolute() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "kbuild must not be run without a folder of its own (an empty M=)",
            ));
        }
        run(
            self.command(),
            |line| match names {
                Some(names) => names.restore(&line),
                None => line,
            },
            on_line,
        )
    }
}

/// Runs a command, collecting both its outputs in order.
pub fn run(
    mut command: Command,
    restore: impl Fn(String) -> String,
    on_line: Option<fn(&str)>,
) -> io::Result<Log> {
    let mut log = Log { command: describe(&command), status: None, lines: Vec::new() };
    let (reader, writer): (PipeReader, _) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn()?;
    drop(command); // closes this process's ends of the pipe
    let mut reader = BufReader::new(reader);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes)? > 0 {
        let line =
            restore(String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']).to_owned());
        if let Some(on_line) = on_line {
            on_line(&line);
        }
        log.lines.push(line);
        bytes.clear();
    }
    log.status = child.wait()?.code();
    Ok(log)
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

/// The command as one could type it.
fn describe(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        let arg = arg.to_string_lossy();
        text.push(' ');
        if arg.contains([' ', '\'', '"', '$']) {
            text.push_str(&format!("'{}'", arg.replace('\'', r"'\''")));
        } else {
            text.push_str(&arg);
        }
    }
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
            jobs: 1,
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
        assert_eq!(describe(&command), "make -C /tree M=/shadow -j1 'A=b c' modules");
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
                jobs: 1,
                verbose: false,
            };
            assert_eq!(run.run(None, None).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn both_outputs_are_kept_in_order() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo a; echo b >&2; echo c; exit 3"]);
        let log = run(command, |line| line, None).unwrap();
        assert_eq!((log.status, log.lines), (Some(3), vec!["a".into(), "b".into(), "c".into()]));
    }
}
