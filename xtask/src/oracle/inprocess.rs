//! Our side: the same turns in the in-process kernel, one fork of a booted kernel per module.

use super::guest::{Visit, Work};
use super::outcome::{Outcome, Verdict};
use super::processes;
use super::turn::Turn;
use crate::kernels;
use anyhow::{Context, Result, anyhow, bail};
use komod_process::client::{ClientError, Kernel};
use komod_process::protocol::{BootSpec, Event, Loader, Mode, Reply, Request};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

/// Where the in-process kernel has its image.
const IMAGE_BASE: u64 = 0x1000_0000;
/// No answer for so long, though the CPU-time limit should have stopped it: a hang.
const PATIENCE: Duration = Duration::from_secs(60);
/// A module's init may burn this much processor time (test modules do).
const CPU_SECONDS: u32 = 30;
/// A new fork is looked for this often.
const LOOKS: u32 = 100;
/// A zygote that we lost ends by itself.
const IDLE_SECONDS: u32 = 60;
/// As in the guest: a busy module gets this many tries, this far apart.
const UNLOAD_TRIES: u32 = 10;
const UNLOAD_PAUSE_MS: u64 = 20;
const EAGAIN: i32 = 11;
/// More than any file of an example holds.
const READ_LIMIT: u64 = 1 << 20;

/// How a kernel is booted, where it matters.
pub struct Settings {
    /// Processor time that one request may burn.
    pub cpu_seconds: u32,
    pub cmdline: &'static str,
}

/// A booted kernel that serves each connection in a fork of its own.
pub struct Zygote {
    socket: PathBuf,
    pid: u32,
    /// Held while a fork comes to life, so that it can be told from the others.
    birth: Mutex<()>,
}

impl Zygote {
    /// Boots it; it listens in `directory`.
    pub fn boot(kernel: &kernels::Kernel, directory: &Path) -> Result<Zygote> {
        let settings = Settings { cpu_seconds: CPU_SECONDS, cmdline: "" };
        Zygote::with(kernel, directory, settings)
    }

    pub fn with(kernel: &kernels::Kernel, directory: &Path, settings: Settings) -> Result<Zygote> {
        // Tests may run beside a task, each with a zygote of its own.
        let socket = directory.join(format!("zygote-{}", std::process::id()));
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).with_context(|| socket.display().to_string())?;
        let spec = BootSpec {
            prepared: prepared(kernel)?,
            release: kernel.release.clone(),
            cmdline: settings.cmdline.to_owned(),
            builtin: Vec::new(),
            mode: Mode::Zygote { idle_seconds: IDLE_SECONDS },
            cpu_seconds: settings.cpu_seconds,
            live_clock: false,
            boot_log: false,
        };
        let kernel = Kernel::boot(&spec, &[], Some(listener.into()), &mut |_| {})?;
        let pid = kernel.detach().context("a kernel that is not our child")?;
        Ok(Zygote { socket, pid, birth: Mutex::new(()) })
    }

    /// A fork of it, alive.
    pub fn child(&self) -> Result<Child> {
        let _alone = self.birth.lock().map_err(|_| anyhow!("another worker panicked"))?;
        let before = processes::children(self.pid)?;
        let stream =
            UnixStream::connect(&self.socket).with_context(|| self.socket.display().to_string())?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut kernel = Kernel::connect(stream);
        // Its first answer shows that it is there.
        kernel.call(&Request::Status, &[], &mut |_| {})?;
        // The list may lack some while others end (proc_pid_task(5)).
        for _ in 0..LOOKS {
            if let Some(pid) = processes::children(self.pid)?.difference(&before).max() {
                return Ok(Child { kernel, pid: *pid });
            }
        }
        bail!("the zygote answered, but has no new child");
    }

    /// A module's turn.
    pub fn run(&self, work: &Work, loader: Loader) -> Result<Outcome> {
        let mut fork = Fork { child: self.child()?, turn: Turn::new(&work.key) };
        let verdict = fork.run(work, loader)?;
        let turn = std::mem::replace(&mut fork.turn, Turn::new(&work.key));
        Ok(match verdict {
            None => turn.finish(),
            Some(verdict) => turn.cut_short(verdict),
        })
    }
}

impl Drop for Zygote {
    fn drop(&mut self) {
        let children = processes::children(self.pid).unwrap_or_default();
        processes::kill(self.pid);
        children.into_iter().for_each(processes::kill);
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// A fork of a zygote, which ends with this value.
pub struct Child {
    pub kernel: Kernel,
    pid: u32,
}

struct Fork {
    child: Child,
    turn: Turn,
}

impl Drop for Child {
    /// A module that hangs or runs wild does so only until its turn is over.
    fn drop(&mut self) {
        processes::kill(self.pid);
    }
}

/// How a request ended that left the kernel alive: 0 or the negative errno.
type Answer = Result<i32, Verdict>;

impl Fork {
    /// Gives a verdict when the turn was cut short.
    fn run(&mut self, work: &Work, loader: Loader) -> Result<Option<Verdict>> {
        let mut loaded = Vec::new();
        for module in &work.modules {
            let request = Request::Load {
                file: format!("{}.ko", module.name),
                params: String::new(),
                loader,
                force_vermagic: false,
                force_modversions: false,
            };
            match self.ask(&request, &module.bytes)? {
                Ok(code) => {
                    self.turn.loaded(&module.name, code);
                    match code {
                        0 => loaded.push(&module.name),
                        _ => break,
                    }
                }
                Err(verdict) => return Ok(Some(verdict)),
            }
        }
        if let Err(verdict) = self.advance(work.settle_ms)? {
            return Ok(Some(verdict));
        }
        if loaded.len() == work.modules.len() {
            for visit in &work.visits {
                if let Err(verdict) = self.visit(visit)? {
                    return Ok(Some(verdict));
                }
            }
        }
        for name in loaded.into_iter().rev() {
            match self.unload(name)? {
                Ok(code) => self.turn.unloaded(name, code),
                Err(verdict) => return Ok(Some(verdict)),
            }
        }
        Ok(None)
    }

    fn unload(&mut self, name: &str) -> Result<Answer> {
        let request = Request::Unload { name: name.to_owned(), force: false };
        for _ in 1..UNLOAD_TRIES {
            let answer = self.ask(&request, &[])?;
            if answer != Ok(-EAGAIN) {
                return Ok(answer);
            }
            if let Err(verdict) = self.advance(UNLOAD_PAUSE_MS)? {
                return Ok(Err(verdict));
            }
        }
        self.ask(&request, &[])
    }

    fn visit(&mut self, visit: &Visit) -> Result<Answer> {
        let (path, request, payload) = match *visit {
            Visit::Read(path) => {
                (path, Request::Read { path: path.to_owned(), limit: READ_LIMIT }, "")
            }
            Visit::Write(path, text) => {
                (path, Request::Write { path: path.to_owned(), append: false }, text)
            }
        };
        let (answer, data) = self.talk(&request, payload.as_bytes())?;
        if let Ok(result) = answer {
            self.turn.visited(path, result);
            String::from_utf8_lossy(&data).lines().for_each(|line| self.turn.read(line));
        }
        Ok(answer.map(|_| 0))
    }

    fn advance(&mut self, ms: u64) -> Result<Answer> {
        self.ask(&Request::Advance { ns: ms * 1_000_000 }, &[])
    }

    fn ask(&mut self, request: &Request, payload: &[u8]) -> Result<Answer> {
        let (answer, _) = self.talk(request, payload)?;
        Ok(answer.map(|result| result as i32))
    }

    /// The answer with the call's own result where it worked, and its data.
    fn talk(
        &mut self,
        request: &Request,
        payload: &[u8],
    ) -> Result<(Result<i64, Verdict>, Vec<u8>)> {
        let turn = &mut self.turn;
        let reply = self.child.kernel.call(request, payload, &mut |event| match event {
            Event::Log(record) => turn.logged(record.level, &record.text),
            Event::Oops(oops) => turn.logged(0, &oops.reason),
            _ => {}
        });
        let (reply, data) = match reply {
            Ok(reply) => reply,
            Err(ClientError::Gone { .. }) => return Ok((Err(Verdict::Crash), Vec::new())),
            Err(ClientError::Io(e)) if is_timeout(&e) => {
                return Ok((Err(Verdict::Hang), Vec::new()));
            }
            Err(other) => return Err(other.into()),
        };
        let answer = match reply {
            Reply::Failed { errno, .. } | Reply::Refused { errno, .. } => Ok(i64::from(-errno)),
            Reply::Crashed { .. } | Reply::Panicked { .. } => Err(Verdict::Crash),
            Reply::Stopped { .. } | Reply::Deadlock { .. } => Err(Verdict::Hang),
            Reply::Done { result } | Reply::Data { result, .. } => Ok(result),
            _ => Ok(0),
        };
        Ok((answer, data))
    }
}

pub fn is_timeout(e: &std::io::Error) -> bool {
    matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}

/// The kernel's image as an in-process kernel needs it, from the cache or made now.
pub fn prepared(kernel: &kernels::Kernel) -> Result<PathBuf> {
    let prepared = komod_kernel::prepared::prepare(
        &kernel.vmlinuz,
        IMAGE_BASE,
        &kernels::cache()?,
        &mut |_| {},
    )?;
    Ok(prepared.dir().to_owned())
}
