//! A case done by one of the loaders: all that can be seen of it.

use super::case::{Case, Load, Step};
use crate::oracle::inprocess::{Child, Zygote, is_timeout};
use anyhow::Result;
use komod_process::client::ClientError;
use komod_process::protocol::{Event, Loader, MemoryArea, Reply, Request};

/// Background work of a module gets this long (virtually) to happen.
const SETTLE_NS: u64 = 50_000_000;
/// More than any attribute of a module holds.
const FILE_LIMIT: u64 = 1 << 20;
/// `DT_DIR` of readdir.
const DIRECTORY: u8 = 4;

/// What has been seen.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Trial {
    /// What each step led to, in words.
    pub results: Vec<String>,
    /// `<LEVEL>TEXT` of every record.
    pub log: Vec<String>,
    /// The files of `/sys/module/NAME` and the module's line of `/proc/modules`.
    pub files: Vec<(String, String)>,
    /// The module's memory when it was formed, and when it had started.
    pub formed: Vec<Area>,
    pub live: Vec<Area>,
}

/// A piece of a module's memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    pub name: String,
    pub address: u64,
    pub bytes: Vec<u8>,
}

impl Trial {
    pub fn run(zygote: &Zygote, case: &Case, loader: Loader) -> Result<Trial> {
        let mut run = Run { child: zygote.child()?, trial: Trial::default(), over: false };
        run.go(case, loader)?;
        Ok(run.trial)
    }

    /// Whether the loader refused something.
    pub fn is_refused(&self) -> bool {
        self.results.iter().any(|line| line.ends_with("at Load"))
    }
}

struct Run {
    child: Child,
    trial: Trial,
    /// The kernel has died.
    over: bool,
}

impl Run {
    fn go(&mut self, case: &Case, loader: Loader) -> Result<()> {
        self.ask(&Request::WatchModules, &[])?;
        let mut loaded = Vec::new();
        for step in &case.steps {
            let (words, reply) = match step {
                Step::Load(load) => (format!("{}: ", load.name), self.load(load, loader)?),
                Step::Write(path, text) => {
                    let request = Request::Write { path: (*path).to_owned(), append: false };
                    (format!("{path}: "), self.ask(&request, text.as_bytes())?)
                }
            };
            if let Some(Reply::Loaded { name, .. }) = &reply.0 {
                loaded.push(name.clone());
            }
            self.trial.results.push(words + &outcome(reply.0.as_ref()));
        }
        let Some(last) = case.last() else { return Ok(()) };
        let name = module_name(last);
        self.trial.formed = self.memory(&name, true)?;
        if loaded.last() == Some(&name) {
            self.trial.live = self.memory(&name, false)?;
            self.look_at(&name)?;
        }
        self.ask(&Request::Advance { ns: SETTLE_NS }, &[])?;
        for name in loaded.into_iter().rev() {
            let reply = self.ask(&Request::Unload { name: name.clone(), force: false }, &[])?.0;
            self.trial.results.push(format!("{name} out: {}", outcome(reply.as_ref())));
        }
        Ok(())
    }

    fn load(&mut self, load: &Load, loader: Loader) -> Result<(Option<Reply>, Vec<u8>)> {
        let request = Request::Load {
            file: format!("{}.ko", load.name),
            params: load.params.clone(),
            loader,
            force_vermagic: load.force_vermagic,
            force_modversions: load.force_modversions,
        };
        self.ask(&request, &load.bytes)
    }

    fn memory(&mut self, name: &str, formed: bool) -> Result<Vec<Area>> {
        let request = Request::Memory { name: name.to_owned(), formed };
        let (Some(Reply::Memory(areas)), bytes) = self.ask(&request, &[])? else {
            return Ok(Vec::new());
        };
        let mut rest = bytes.as_slice();
        let take = |MemoryArea { name, address, len }| {
            let (bytes, tail) = rest.split_at(rest.len().min(len as usize));
            rest = tail;
            Area { name, address, bytes: bytes.to_vec() }
        };
        Ok(areas.into_iter().map(take).collect())
    }

    fn look_at(&mut self, name: &str) -> Result<()> {
        if let (Some(Reply::Data { .. }), data) =
            self.ask(&Request::Read { path: "/proc/modules".into(), limit: FILE_LIMIT }, &[])?
        {
            let text = String::from_utf8_lossy(&data).into_owned();
            let line = text.lines().find(|l| l.split(' ').next() == Some(name));
            self.trial.files.push(("/proc/modules".into(), line.unwrap_or_default().to_owned()));
        }
        self.tree(&format!("/sys/module/{name}"), 0)
    }

    /// All files below a directory; links are only named.
    fn tree(&mut self, path: &str, depth: u32) -> Result<()> {
        const DEEPEST: u32 = 3;
        const LINK: u8 = 10;
        let list = Request::List { path: path.to_owned() };
        let (Some(Reply::Entries(entries)), _) = self.ask(&list, &[])? else { return Ok(()) };
        for entry in entries {
            let path = format!("{path}/{}", entry.name);
            match entry.kind {
                DIRECTORY if depth < DEEPEST => self.tree(&path, depth + 1)?,
                DIRECTORY | LINK => self.trial.files.push((path, "directory".into())),
                _ => {
                    let read = Request::Read { path: path.clone(), limit: FILE_LIMIT };
                    let (reply, data) = self.ask(&read, &[])?;
                    let text = match reply {
                        Some(Reply::Data { .. }) => String::from_utf8_lossy(&data).into_owned(),
                        other => outcome(other.as_ref()),
                    };
                    self.trial.files.push((path, text));
                }
            }
        }
        Ok(())
    }

    /// No reply: the kernel has died, now or before.
    fn ask(&mut self, request: &Request, payload: &[u8]) -> Result<(Option<Reply>, Vec<u8>)> {
        if self.over {
            return Ok((None, Vec::new()));
        }
        let log = &mut self.trial.log;
        let reply = self.child.kernel.call(request, payload, &mut |event| match event {
            Event::Log(record) => log.push(format!("<{}>{}", record.level, record.text)),
            Event::Oops(oops) => log.push(format!("<oops>{} at {}", oops.reason, oops.rip)),
            _ => {}
        });
        match reply {
            Ok((reply, data)) => Ok((Some(reply), data)),
            Err(ClientError::Gone { .. }) => {
                self.over = true;
                Ok((None, Vec::new()))
            }
            Err(ClientError::Io(e)) if is_timeout(&e) => {
                self.over = true;
                log.push("<hang>".into());
                Ok((None, Vec::new()))
            }
            Err(other) => Err(other.into()),
        }
    }
}

/// The name a loaded module has: the one in the file, which need not be the file's.
fn module_name(load: &Load) -> String {
    komod_object::Module::parse(&load.bytes)
        .map_or_else(|_| load.name.clone(), |m| m.name().to_string())
}

fn outcome(reply: Option<&Reply>) -> String {
    match reply {
        None => "no answer".into(),
        Some(Reply::Loaded { .. }) => "loaded".into(),
        Some(Reply::Failed { errno, stage }) => format!("errno {errno} at {stage:?}"),
        Some(Reply::Refused { errno, .. }) => format!("errno {errno} at Load"),
        Some(Reply::Done { result }) => format!("{result}"),
        Some(Reply::Crashed { stage }) => format!("crash at {stage:?}"),
        Some(Reply::Panicked { stage, text }) => format!("panic at {stage:?}: {text}"),
        Some(Reply::Stopped { stage, .. }) => format!("endless loop at {stage:?}"),
        Some(Reply::Deadlock { stage, .. }) => format!("stuck at {stage:?}"),
        Some(other) => format!("{other:?}"),
    }
}
