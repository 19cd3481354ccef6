//! The compiler's command line of a kernel tree, learnt from kbuild, and the plain compiler.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Output, Stdio};

use komod_build::warm::Command;

/// The probe module's name: no word of a command line holds it by chance.
const NAME: &str = "komodprobe";

/// A tree's command line for a file of its own module.
pub struct Probed {
    dir: PathBuf,
    argv: Vec<String>,
    tree: PathBuf,
}

impl Probed {
    /// Builds an empty module with kbuild in the (empty) folder.
    pub fn new(tree: &Path, dir: &Path) -> Probed {
        let module = "#include <linux/module.h>\nMODULE_LICENSE(\"GPL\");\n";
        fs::write(dir.join(format!("{NAME}.c")), module).unwrap();
        fs::write(dir.join("Makefile"), format!("obj-m := {NAME}.o\n")).unwrap();
        let mut make = Process::new("make");
        make.arg("-sC").arg(tree).arg(format!("M={}", dir.display())).arg("modules");
        let made = make.env_clear().envs(environment()).output().unwrap();
        let command = fs::read_to_string(dir.join(format!(".{NAME}.o.cmd")))
            .unwrap_or_else(|e| panic!("{e}\n{}", String::from_utf8_lossy(&made.stderr)));
        let line = command.lines().next().unwrap();
        let line = line.split_once(":=").unwrap().1.split(" ; ").next().unwrap();
        let line = line.replace("$$", "$").replace("$(pound)", "#");
        Probed { dir: dir.to_owned(), argv: words(&line), tree: tree.to_owned() }
    }

    /// The command for `NAME.c` in `dir`; both are created by the caller.
    pub fn command(&self, dir: &Path, name: &str) -> Command {
        let probe = self.dir.to_str().unwrap();
        let identifier = name.replace('-', "_");
        let arg = |arg: &String| {
            let arg = arg.replace(probe, dir.to_str().unwrap());
            let name = if arg.contains("KBUILD_") { &identifier } else { name };
            OsString::from(arg.replace(NAME, name))
        };
        Command {
            argv: self.argv.iter().map(arg).collect(),
            cwd: self.tree.clone(),
            env: environment(),
            source: dir.join(format!("{name}.c")),
            output: dir.join(format!("{name}.o")),
        }
    }
}

/// What a compilation leaves behind.
#[derive(PartialEq, Eq, Clone)]
pub struct Outcome {
    pub object: Vec<u8>,
    pub depfile: Vec<u8>,
    pub stderr: String,
}

impl Outcome {
    /// The names in the depfile, however its lines are broken.
    pub fn files(&self) -> BTreeSet<String> {
        let list = String::from_utf8_lossy(&self.depfile);
        list.split_whitespace().filter(|word| *word != "\\").map(str::to_owned).collect()
    }
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (object, depfile) = (self.object.len(), self.depfile.len());
        write!(f, "{object} bytes, depfile of {depfile}, {:?}", self.stderr)
    }
}

/// Reads, and removes, what was written.
pub fn outcome(command: &Command, stderr: &[u8]) -> Outcome {
    let depfile = depfile(command);
    let outcome = Outcome {
        object: fs::read(&command.output).unwrap_or_default(),
        depfile: fs::read(&depfile).unwrap_or_default(),
        stderr: String::from_utf8_lossy(stderr).into_owned(),
    };
    let _ = fs::remove_file(&command.output);
    let _ = fs::remove_file(depfile);
    outcome
}

/// The file with the command's dependencies.
pub fn depfile(command: &Command) -> PathBuf {
    let name = command.output.file_name().unwrap().to_str().unwrap();
    command.output.with_file_name(format!(".{name}.d"))
}

/// Runs the plain compiler.
pub fn run_plain(command: &Command) -> Output {
    let mut process = Process::new(&command.argv[0]);
    process.args(&command.argv[1..]).current_dir(&command.cwd).stdin(Stdio::null());
    process.env_clear().envs(command.env.iter().cloned()).output().unwrap()
}

fn environment() -> Vec<(OsString, OsString)> {
    let path = std::env::var_os("PATH").unwrap();
    vec![("PATH".into(), path), ("LC_ALL".into(), "C".into())]
}

/// Takes a shell's words apart: quotes of both kinds, no expansions.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match quote {
            Some(q) if c == q => quote = None,
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}
