//! One warm compiler for many files that begin alike.
//!
//! The modules of a folder tend to include the same headers first, and the files that modpost writes
//! always do. Compilers of such files differ, where the preamble ends, in names only: that of the
//! main file, and the macros `KBUILD_BASENAME`, `KBUILD_MODNAME` and so on that kbuild defines per
//! file. So a shared server compiles a file by a name of its own, and without those macros; the
//! text it goes on with is
//!
//! ```text
//! #define KBUILD_MODNAME "dht11"
//! #define __BASE_FILE__ "/home/me/dht11.c"
//! #line 21 "/home/me/dht11.c"
//! …the rest of dht11.c…
//! ```
//!
//! That is the same compilation, except that
//!
//! * the preamble must not use those macros: the preprocessor is asked (`-dU`) before;
//! * the main file's own name is written in three places of the assembly, where it is replaced
//!   ([`assembly`]), and in the list of dependencies;
//! * messages could name it: whatever has messages is compiled plainly.
//!
//! A server's first object is compared with the plain compiler's before it is asked for more.

mod assembly;
mod line_strings;
mod preamble;
mod usage;

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::start::{self, Begin};
use super::{Command, Compiler, Done, NotWarm, assembler, memory, request};

/// kbuild's macros that name the file or its module (Linux `scripts/Makefile.lib`, 6.1 and 6.12).
const NAMES: [&str; 4] =
    ["KBUILD_BASENAME", "KBUILD_MODNAME", "KBUILD_MODFILE", "__KBUILD_MODNAME"];
/// The option by which kbuild has the compiler list dependencies.
const DEPFILE: &str = "-Wp,-MMD,";
/// How often to look if a server is ready, and for how long.
const PAUSE: Duration = Duration::from_millis(5);
const READY: Duration = Duration::from_secs(10);

/// A compilation as one of many.
struct Alike {
    /// The compilation by the shared name.
    command: Command,
    /// What all have in common.
    preamble: Vec<u8>,
    /// What comes after it.
    text: Vec<u8>,
    /// The shared name, and the source's.
    stems: [String; 2],
    /// Where the dependencies go, and where they would go by the shared name.
    depfiles: [PathBuf; 2],
    /// The options that define kbuild's names.
    names: Vec<OsString>,
}

/// How many compilations that begin alike were asked for, by the name of their server.
#[derive(Debug, Default)]
pub struct Asked(Mutex<HashMap<String, usize>>);

impl Alike {
    /// `None` if there is anything out of the ordinary.
    fn of(command: &Command, folder: &Path) -> Option<Alike> {
        let text = fs::read(command.cwd.join(&command.source)).ok()?;
        let source = plain(&command.source)?;
        let (dir, file) = source.rsplit_once('/')?;
        let stem = file.strip_suffix(".c")?;
        let head = preamble::read(&text)?;
        let rest = text.get(head.end..)?;
        let own_name = |line: &[u8]| contains(line, b"include") && contains(line, file.as_bytes());
        if contains(rest, b"__BASE_FILE__") || rest.split(|&b| b == b'\n').any(own_name) {
            return None;
        }
        let shared = format!("komod-shared-{}", &crate::digest::of_bytes(&head.text)[..16]);
        if contains(&text, shared.as_bytes()) {
            return None;
        }
        let sources =
            [command.source.as_os_str(), OsString::from(format!("{dir}/{shared}.c")).as_os_str()]
                .map(PathBuf::from);
        let output = PathBuf::from(format!("{dir}/{shared}.o"));
        let shared_depfile = folder.join(format!("{shared}.d"));

        let base = in_macros(&command.argv, source, sources[1].to_str()?)?;
        let mut argv = Vec::new();
        let mut names = Vec::new();
        let mut more = Vec::new();
        let mut depfile = None;
        for word in &command.argv {
            let text = word.to_str()?;
            if let Some((name, value)) = name(text) {
                more.extend(format!("#define {name} {value}\n").bytes());
                names.push(word.clone());
            } else if let Some(path) = text.strip_prefix(DEPFILE) {
                if depfile.replace(PathBuf::from(path)).is_some() {
                    return None;
                }
                argv.push(format!("{DEPFILE}{}", plain(&shared_depfile)?).into());
            } else if word == command.source.as_os_str() {
                argv.push(sources[1].clone().into());
            } else if word == command.output.as_os_str() {
                argv.push(output.clone().into());
            } else {
                argv.push(word.clone());
            }
        }
        more.extend(base_file(&base).bytes());
        more.extend(format!("#line {} \"{source}\"\n", head.line).bytes());
        more.extend(rest);
        let [_, shared_source] = sources;
        Some(Alike {
            command: Command { argv, source: shared_source, output, ..command.clone() },
            preamble: head.text,
            text: more,
            stems: [shared, stem.to_owned()],
            depfiles: [command.cwd.join(depfile?), shared_depfile],
            names,
        })
    }
}

/// Makes `__BASE_FILE__`, which headers may use, the source's name, and says nothing about it.
fn base_file(name: &str) -> String {
    format!(
        "#pragma GCC diagnostic push\n\
         #pragma GCC diagnostic ignored \"-Wbuiltin-macro-redefined\"\n\
         #define __BASE_FILE__ \"{name}\"\n\
         #pragma GCC diagnostic pop\n"
    )
}

/// The source's name in macros, by the command's options; `None` if they tell it from the shared
/// name, or map it to anything strange.
fn in_macros(argv: &[OsString], source: &str, shared: &str) -> Option<String> {
    let mut name = source.to_owned();
    for word in argv {
        let word = word.to_str()?;
        let option = ["-fmacro-prefix-map=", "-ffile-prefix-map="];
        let Some(map) = option.iter().find_map(|option| word.strip_prefix(option)) else {
            continue;
        };
        let (from, to) = map.split_once('=').filter(|(_, to)| !to.contains('='))?;
        if source.starts_with(from) != shared.starts_with(from) {
            return None;
        }
        // GCC takes the last one that fits.
        if let Some(rest) = source.strip_prefix(from) {
            name = format!("{to}{rest}");
        }
    }
    plain(Path::new(&name)).map(str::to_owned)
}

/// A path without anything that a string, a makefile or a linemarker writes in another way.
fn plain(path: &Path) -> Option<&str> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"/._+-".contains(&b);
    path.to_str().filter(|text| text.starts_with('/') && text.bytes().all(good))
}

/// One of kbuild's names and its value, if that is a plain word or string.
fn name(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.strip_prefix("-D")?.split_once('=')?;
    let good = |b: u8| b.is_ascii_alphanumeric() || b"/._+-\"".contains(&b);
    (NAMES.contains(&name) && !value.is_empty() && value.bytes().all(good)).then_some((name, value))
}

fn contains(text: &[u8], what: &[u8]) -> bool {
    memchr::memmem::find(text, what).is_some()
}

/// A server that was just started for a compilation, and is not trusted yet.
#[derive(Debug)]
pub struct Unproven<'a> {
    compiler: &'a Compiler,
    command: Command,
    name: String,
}

impl Unproven<'_> {
    /// There is nothing to compare with.
    pub fn end(self) {
        self.compiler.folder.end(&self.name);
    }

    /// The plain compiler has made the object. If the server does not make the same (`false`, or
    /// an error if it makes none), it ends.
    pub fn prove(self) -> Result<bool, NotWarm> {
        let Unproven { compiler, command, name } = &self;
        let result = self.compare();
        match result {
            Ok(true) => compiler.folder.trust(name).map_err(NotWarm::io(&command.output))?,
            _ => compiler.folder.end(name),
        }
        result
    }

    fn compare(&self) -> Result<bool, NotWarm> {
        let Unproven { compiler, command, name } = self;
        let folder = &compiler.folder;
        let wanted = fs::read(&command.output).map_err(NotWarm::io(&command.output))?;
        let started = Instant::now();
        while folder.connect(name).is_err() {
            if let Some(why) = folder.complaint(name) {
                return Err(NotWarm::Refused { source_file: command.source.clone(), why });
            }
            if started.elapsed() > READY {
                return Err(NotWarm::TimedOut(READY));
            }
            std::thread::sleep(PAUSE);
        }
        // What the plain compiler has made stays as it is.
        let mut alike = Alike::of(command, folder.path())
            .ok_or(NotWarm::PreambleChanged(command.source.clone()))?;
        let [object, list] = ["o", "d"].map(|kind| folder.file(name, kind));
        alike.depfiles[0] = list;
        let trial = Command { output: object.clone(), ..command.clone() };
        let result = compiler.ask(&alike, &trial, name);
        let same = fs::read(&object).is_ok_and(|made| made == wanted);
        for file in [&object, &alike.depfiles[0]] {
            let _ = fs::remove_file(file);
        }
        result.map(|_| same)
    }
}

impl Compiler {
    /// Compiles with a server that stands for this file and others.
    pub(super) fn compile_alike(&self, command: &Command) -> Result<Done, NotWarm> {
        let unusual = NotWarm::Unsuitable("the source or the command is not an ordinary one");
        let alike = Alike::of(command, self.folder.path()).ok_or(unusual)?;
        let name = alike.command.name()?;
        if !self.folder.is_trusted(&name) {
            return Err(NotWarm::NoServer { source_file: command.source.clone() });
        }
        self.ask(&alike, command, &name)
    }

    fn ask(&self, alike: &Alike, command: &Command, name: &str) -> Result<Done, NotWarm> {
        let no_server = || NotWarm::NoServer { source_file: command.source.clone() };
        let mut plan = self.folder.plan(name).ok_or_else(no_server)?;
        memory::check(self.limits.memory)?;
        let stream = self.folder.connect(name).map_err(|_| {
            self.folder.tidy(name);
            no_server()
        })?;
        let result =
            request::compile(&stream, command, self.limits.patience, Some(alike.text.as_slice()));
        if result.as_ref().is_err_and(NotWarm::asks_for_server) {
            self.folder.end(name);
            self.asked.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        }
        let answer = result?;
        if !answer.stderr.is_empty() {
            return Err(NotWarm::Unsuitable("the compiler has messages"));
        }
        let [shared, own] = &alike.stems;
        let strange = NotWarm::Unsuitable("the assembly names its source in an unknown way");
        let assembly = request::read(answer.assembly)?;
        let assembly = assembly::rename(&assembly, shared, own).ok_or(strange)?;
        let depfile = &alike.depfiles[0];
        let list = String::from_utf8_lossy(&answer.dependencies).replace(shared, own);
        fs::write(depfile, list).map_err(NotWarm::io(depfile))?;
        for word in &mut plan.assembler {
            if word == alike.command.output.as_os_str() {
                *word = command.output.clone().into();
            }
        }
        assembler::run(&plan.assembler, command, request::filled(&assembly)?)?;
        self.folder.touch(name);
        Ok(Done { stderr: Vec::new() })
    }

    /// Call it before the plain compiler runs: it starts a server when enough compilations have
    /// begun alike. What it returns is to be asked to prove the server when the object is made.
    pub fn share(&self, command: &Command) -> Option<Unproven<'_>> {
        let alike = Alike::of(command, self.folder.path())?;
        let name = alike.command.name().ok()?;
        let count = {
            let mut asked = self.asked.0.lock().unwrap_or_else(PoisonError::into_inner);
            let count = asked.entry(name.clone()).or_default();
            *count += 1;
            *count
        };
        if count != self.limits.alike {
            return None;
        }
        let _lock = self.folder.lock().ok()?;
        // One that another build has just started is that one's to prove.
        let waits = self.folder.connect(&name).is_ok();
        if !waits && self.folder.is_starting(&name) {
            return None;
        }
        usage::check(command, &alike.preamble, &alike.names, &self.folder, &name).ok()?;
        line_strings::check(command, &self.cache, &self.folder, &name).ok()?;
        let begin = Begin {
            command: &alike.command,
            name: &name,
            split: alike.preamble.len(),
            preamble: crate::digest::of_bytes(&alike.preamble),
            shared: Some((&alike.preamble, &alike.depfiles[1])),
        };
        start::begin(&begin, &self.cache, &self.folder, &self.limits).ok()?;
        Some(Unproven { compiler: self, command: command.clone(), name })
    }
}
