//! Warm compiling: the second and every further compilation of a file skips its headers.
//!
//! Nearly all the time that compiling a kernel module takes is spent on headers: tens of thousands
//! of lines before the first of its own. A warm compiler is the compiler proper, the unmodified
//! `cc1` of GCC, started for one file and stopped where that file's include preamble ends. A
//! compilation is a fork of it that goes on from there with the file's present text:
//!
//! ```text
//! Compiler::compile(command)
//!   ├─ request     a fork of the file's server writes assembly, messages and the depfile
//!   ├─ as          makes the object, as the compiler's driver would have it
//!   └─ NotWarm     there is no server, or any doubt: the caller runs the plain compiler
//! Compiler::settle()   after a build: starts servers for files that were compiled plainly
//!   ├─ steps       what the driver would run (`-###`)
//!   ├─ preamble    where to stop
//!   └─ shim        the library that is preloaded into cc1 (`shim.c`), where the work is done
//! ```
//!
//! Files that begin alike, as those of many small modules do, need not be compiled before: the first
//! few start a server for all of them ([`shared`]).
//!
//! It is exact, not similar: the process that goes on is in the state that the plain compiler is in
//! at that byte, because the same program has read the same files by the same command, and the page
//! with the bytes behind the preamble was not accessible to it. Each fork looks again at every file
//! the compiler has read, and at every name it has looked for in vain. A compilation that fails
//! here is repeated by the plain compiler, so that all messages of failures are its own.
//!
//! Servers are processes of their own, outlive the build and end by themselves: after
//! [`Limits::idle`], after [`Limits::lifetime`], when memory gets short, when a header has changed,
//! or when their socket is gone. Their files are in a folder that only the user may open.
//!
//! The library needs GCC for x86-64 Linux and glibc; with anything else compiling is plain.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

mod assembler;
mod folder;
mod memory;
mod plan;
mod preamble;
mod request;
mod seam;
mod shared;
mod shim;
mod start;
mod steps;

use folder::Folder;

/// One compilation of a C file, as the plain compiler would be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The compiler and all its arguments.
    pub argv: Vec<OsString>,
    /// The folder it runs in.
    pub cwd: PathBuf,
    /// Its whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// The source, exactly as the arguments name it.
    pub source: PathBuf,
    /// The object, exactly as the arguments name it.
    pub output: PathBuf,
}

/// How much warm compilers may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Servers of one user; the one longest unused gives way.
    pub servers: usize,
    /// So many compilations that begin alike are worth a server that they share.
    pub alike: usize,
    /// A build with more files than this to start servers for starts none: it is not an edit.
    pub starts: usize,
    /// A server that nobody asks ends after this time.
    pub idle: Duration,
    /// No server lives longer.
    pub lifetime: Duration,
    /// A compilation that takes longer is given up.
    pub patience: Duration,
    /// Bytes of memory that must stay available: with less, no server is started or asked, and
    /// those that run end.
    pub memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            servers: 8,
            alike: 3,
            starts: 4,
            idle: Duration::from_secs(600),
            lifetime: Duration::from_secs(4 * 3600),
            patience: Duration::from_secs(60),
            memory: 768 << 20,
        }
    }
}

/// A warm compilation that succeeded.
#[derive(Debug, PartialEq, Eq)]
pub struct Done {
    /// What the compiler said: warnings.
    pub stderr: Vec<u8>,
}

/// Why the plain compiler has to be run.
#[derive(Debug, thiserror::Error)]
pub enum NotWarm {
    /// This command or source cannot be compiled warm at all.
    #[error("not for a warm compiler: {0}")]
    Unsuitable(&'static str),
    /// No server for this command runs.
    #[error("no warm compiler for {}", source_file.display())]
    NoServer {
        /// The source.
        source_file: PathBuf,
    },
    /// The server could not be made.
    #[error("the compiler cannot be kept warm for {}: {why}", source_file.display())]
    Refused {
        /// The source.
        source_file: PathBuf,
        /// What the server said.
        why: String,
    },
    /// A file that the compiler had looked for is not as it was.
    #[error("{} has changed", .0.display())]
    HeaderChanged(PathBuf),
    /// The source's text before its first code has changed.
    #[error("the includes of {} have changed", .0.display())]
    PreambleChanged(PathBuf),
    /// Memory is short.
    #[error("{available} bytes of memory are available, {wanted} are wanted")]
    LowMemory {
        /// Bytes available.
        available: u64,
        /// Bytes that should be.
        wanted: u64,
    },
    /// The compiler reports an error in the source.
    #[error("the compiler ended with status {0}")]
    Failed(u8),
    /// The compiler ended without a word, or said something unknown.
    #[error("the warm compiler was lost: {0}")]
    Lost(&'static str),
    /// The compiler took too long.
    #[error("the warm compiler did not answer within {0:?}")]
    TimedOut(Duration),
    /// The assembler failed or had something to say.
    #[error("the assembler does not just succeed")]
    Assembler,
    /// The folder for the servers' files is not the user's alone.
    #[error("{} is not a folder of this user alone", .0.display())]
    NotPrivate(PathBuf),
    /// A file could not be used.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
}

impl NotWarm {
    fn io(path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> NotWarm {
        let path = path.as_ref().to_owned();
        move |source| NotWarm::Io { path, source }
    }

    /// Would a new server help the next compilation?
    fn asks_for_server(&self) -> bool {
        use NotWarm::*;
        matches!(self, NoServer { .. } | HeaderChanged(_) | PreambleChanged(_) | Lost(_))
    }
}

/// The user's warm compilers.
#[derive(Debug)]
pub struct Compiler {
    cache: PathBuf,
    folder: Folder,
    limits: Limits,
    cold: Mutex<Vec<Command>>,
    asked: shared::Asked,
}

impl Compiler {
    /// `cache` is where komod keeps what can be made again; `runtime` is the user's folder of
    /// sockets, closed to everybody else.
    pub fn new(cache: &Path, runtime: &Path, limits: Limits) -> Result<Compiler, NotWarm> {
        let folder = Folder::open(&runtime.join("warm"))?;
        Ok(Compiler {
            cache: cache.to_owned(),
            folder,
            limits,
            cold: Mutex::default(),
            asked: shared::Asked::default(),
        })
    }

    /// Compiles with the server of this very command. On `Err`, nothing that it may have written
    /// is of any worth: run the plain compiler.
    pub fn compile(&self, command: &Command) -> Result<Done, NotWarm> {
        let result = self
            .try_compile(command)
            .or_else(|error| self.compile_alike(command).map_err(|_| error));
        if result.as_ref().is_err_and(NotWarm::asks_for_server) {
            self.cold.lock().unwrap_or_else(PoisonError::into_inner).push(command.clone());
        }
        result
    }

    fn try_compile(&self, command: &Command) -> Result<Done, NotWarm> {
        let name = command.name()?;
        let no_server = || NotWarm::NoServer { source_file: command.source.clone() };
        let plan = self.folder.plan(&name).ok_or_else(no_server)?;
        if let Err(low) = memory::check(self.limits.memory) {
            self.folder.end_oldest();
            return Err(low);
        }
        let stream = match self.folder.connect(&name) {
            Ok(stream) => stream,
            Err(_) => {
                self.folder.tidy(&name);
                return Err(no_server());
            }
        };
        let result = request::compile(&stream, command, self.limits.patience, None);
        if result.as_ref().is_err_and(NotWarm::asks_for_server) {
            self.folder.end(&name);
        }
        let answer = result?;
        assembler::run(&plan.assembler, command, answer.assembly)?;
        self.folder.touch(&name);
        Ok(Done { stderr: answer.stderr })
    }

    /// Call it when a build has ended: starts servers for the files that [`Compiler::compile`] had
    /// none for, unless they are so many that this was no edit. Does not wait for them. Returns
    /// how many it started.
    pub fn settle(&self) -> usize {
        let cold = std::mem::take(&mut *self.cold.lock().unwrap_or_else(PoisonError::into_inner));
        if cold.len() > self.limits.starts {
            return 0;
        }
        cold.iter().filter(|command| self.start(command).is_ok()).count()
    }

    /// Starts the server of this command, if there is none, and does not wait for it.
    pub fn start(&self, command: &Command) -> Result<(), NotWarm> {
        start::start(command, &self.cache, &self.folder, &self.limits)
    }

    /// Does the server of this command wait for requests?
    pub fn is_ready(&self, command: &Command) -> bool {
        command.name().is_ok_and(|name| self.folder.connect(&name).is_ok())
    }

    /// What hindered the server of this command, if it was started and gave up.
    pub fn refusal(&self, command: &Command) -> Option<String> {
        self.folder.complaint(&command.name().ok()?)
    }

    /// Ends all servers.
    pub fn end_all(&self) {
        for name in self.folder.names() {
            self.folder.end(&name);
        }
    }
}

impl Command {
    /// The compiler's file, looked for as a shell would.
    fn program(&self) -> Result<PathBuf, NotWarm> {
        self.find(self.argv.first().ok_or(NotWarm::Unsuitable("an empty command"))?)
    }

    fn find(&self, program: &OsStr) -> Result<PathBuf, NotWarm> {
        if program.as_bytes().contains(&b'/') {
            return Ok(self.cwd.join(program));
        }
        let path = self.env.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value);
        path.into_iter()
            .flat_map(std::env::split_paths)
            .map(|dir| self.cwd.join(dir).join(program))
            .find(|file| file.is_file())
            .ok_or(NotWarm::Unsuitable("the compiler is not in PATH"))
    }

    /// Gives a process this command's folder and environment.
    fn place(&self, process: &mut Process) {
        process.current_dir(&self.cwd).env_clear().envs(self.env.iter().map(|(n, v)| (n, v)));
    }

    /// The name of this command's server: all that decides what the compiler does, but the files
    /// it reads.
    fn name(&self) -> Result<String, NotWarm> {
        if self.env.iter().any(|(name, _)| name.as_bytes().starts_with(b"LD_PRELOAD")) {
            return Err(NotWarm::Unsuitable("something is preloaded already"));
        }
        // What is in such files is not looked at again.
        let more = |arg: &OsString| {
            ["@", "-specs", "--specs"]
                .iter()
                .any(|with| arg.as_bytes().starts_with(with.as_bytes()))
        };
        if self.argv.iter().any(more) {
            return Err(NotWarm::Unsuitable("the command has options in files"));
        }
        let program = self.program()?;
        let version = shim::version();
        let world = world();
        let mut strings: Vec<&[u8]> = vec![
            version.as_bytes(),
            program.as_os_str().as_bytes(),
            self.cwd.as_os_str().as_bytes(),
        ];
        strings.push(world.as_bytes());
        strings.extend([self.source.as_os_str().as_bytes(), self.output.as_os_str().as_bytes()]);
        strings.extend(self.argv.iter().map(|arg| arg.as_bytes()));
        strings.push(b"environment");
        let mut env: Vec<_> = self.env.iter().collect();
        env.sort();
        strings.extend(env.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]));
        Ok(crate::digest::of(strings)[..32].to_owned())
    }
}

/// What paths and process ids mean here: another container, another world.
fn world() -> String {
    let namespaces = ["mnt", "pid", "user"].map(|kind| {
        std::fs::read_link(format!("/proc/self/ns/{kind}")).unwrap_or_default().into_os_string()
    });
    let root = std::fs::metadata("/").map(|meta| (meta.dev(), meta.ino())).ok();
    format!("{namespaces:?} {root:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_in_a_command_names_its_server() {
        let command = Command {
            argv: ["sh", "-c", "a b"].map(OsString::from).to_vec(),
            cwd: "/".into(),
            env: vec![("PATH".into(), "/bin".into()), ("X".into(), "y".into())],
            source: "a.c".into(),
            output: "a.o".into(),
        };
        let name = command.name().unwrap();
        let mut same = command.clone();
        same.env.reverse();
        assert_eq!(same.name().unwrap(), name);
        let change = |change: &dyn Fn(&mut Command)| {
            let mut other = command.clone();
            change(&mut other);
            other
        };
        for other in [
            change(&|c| c.argv[2] = "a  b".into()),
            change(&|c| c.argv.push("".into())),
            change(&|c| c.cwd = "/tmp".into()),
            change(&|c| c.env[1].1 = "z".into()),
            change(&|c| c.source = "b.c".into()),
            change(&|c| c.output = "b.o".into()),
        ] {
            assert_ne!(other.name().unwrap(), name, "{other:?}");
        }
        let preloaded = change(&|c| c.env.push(("LD_PRELOAD".into(), "x.so".into())));
        assert!(matches!(preloaded.name(), Err(NotWarm::Unsuitable(_))));
        let in_a_file = change(&|c| c.argv.push("@options".into()));
        assert!(matches!(in_a_file.name(), Err(NotWarm::Unsuitable(_))));
    }
}
