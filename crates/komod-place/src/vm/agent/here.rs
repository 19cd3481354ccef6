//! The agent on a machine that has other work to do, too: this host, or a board. It speaks over its
//! standard files and leaves the machine as it is, but for what it is asked to do.

use super::kernel_log::{Came, Watched};
use super::requests::{Kernel, failed_io};
use super::trace::Trace;
use super::voice::Voice;
use crate::vm::wire::{self, Answer, Ask};
use komod_process::protocol::{self, Event, Reply, Request};
use rustix::system::uname;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// By this first argument the binary knows that it is this agent. A second one is the folder that
/// it was copied to: it is removed at once, so that nothing is left whatever happens.
pub const AGENT_OPTION: &str = "--agent";

/// A folder with another name was not made for an agent.
const FOLDER_PREFIX: &str = "komod-";

/// What the binary does when its first argument is [`AGENT_OPTION`].
pub fn here_main(folder: Option<&Path>) -> io::Result<()> {
    if let Some(folder) = folder.filter(|folder| was_carried_to(folder)) {
        let _ = std::fs::remove_dir_all(folder);
    }
    let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let voice = Voice::new(output);
    let kernel = Arc::new(Kernel::new(Trace::start_own()));
    let mut agent = Agent { voice, kernel, log: None, loaded: Vec::new(), tidy: false };
    let result = agent.serve(input);
    agent.end();
    // Whoever spoke to us is gone: nobody is left to tell.
    match result {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Whether this is the folder of our own program, and made for it: nobody's own files are removed.
fn was_carried_to(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // Started by the dynamic linker that was carried along, that is the program.
    let program = std::env::current_exe().and_then(|program| program.canonicalize());
    let ours = program.is_ok_and(|program| {
        folder.canonicalize().is_ok_and(|folder| program.parent() == Some(folder.as_path()))
    });
    ours && folder.is_absolute() && name.starts_with(FOLDER_PREFIX)
}

struct Agent {
    voice: Voice,
    kernel: Arc<Kernel>,
    log: Option<Watched>,
    /// What was loaded over this line and not unloaded, the latest last.
    loaded: Vec<String>,
    tidy: bool,
}

impl Agent {
    fn serve(&mut self, mut input: File) -> io::Result<()> {
        let mut patience = Duration::from_secs(30);
        while let Some((ask, payload)) = protocol::receive::<Ask>(&mut input)? {
            match ask {
                Ask::Begin { version, .. } if version != wire::VERSION => {
                    let ours = wire::VERSION;
                    let why = format!("the agent speaks version {ours}, komod version {version}");
                    self.voice.say(&Answer::Trouble(why), &[])?;
                }
                Ask::Begin { patience_ms, tidy, .. } => {
                    patience = Duration::from_millis(patience_ms);
                    self.tidy = tidy;
                    self.begin()?;
                }
                Ask::Do(Request::Shutdown) => {
                    return self.reply(Reply::Done { result: 0 }, &[]);
                }
                Ask::Do(request) => {
                    let unloads = match &request {
                        Request::Unload { name, .. } => Some(name.clone()),
                        _ => None,
                    };
                    let (reply, data) =
                        super::answer(&self.kernel, request, payload, &self.voice, patience)?;
                    match (&reply, unloads) {
                        (Reply::Loaded { name, .. }, _) => self.loaded.push(name.clone()),
                        (Reply::Done { .. }, Some(name)) => self.loaded.retain(|n| *n != name),
                        _ => {}
                    }
                    // What the call made the kernel say comes before its result.
                    self.log.as_ref().map_or(Ok(()), Watched::drain)?;
                    self.reply(reply, &data)?;
                }
                Ask::Log { follow, new } => self.show_log(follow, new, &input)?,
                Ask::Wake { .. } => {
                    self.voice
                        .say(&Answer::Trouble("this is no machine of its own".into()), &[])?;
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self) -> io::Result<()> {
        let opened = Watched::open(self.voice.clone()).and_then(|log| {
            log.skip()?;
            Ok(log)
        });
        let log = match opened {
            Ok(log) => {
                log.watch();
                self.log = Some(log);
                Ok(())
            }
            Err(e) => Err(e.to_string()),
        };
        let release = uname().release().to_string_lossy().into_owned();
        self.voice.say(&Answer::Here { version: wire::VERSION, release, log }, &[])
    }

    /// The log from its beginning, read apart from the one that is watched.
    fn show_log(&self, follow: bool, new: bool, input: &File) -> io::Result<()> {
        let log = match Watched::open(self.voice.clone()) {
            Ok(log) => log,
            Err(e) => return self.reply(failed_io(&e), &[]),
        };
        match new {
            true => drop(log.skip()?),
            false => log.drain()?,
        }
        // The end of the line, or the next question, ends it.
        while follow && log.wait(input)? == Came::Records {
            log.drain()?;
        }
        self.reply(Reply::Done { result: 0 }, &[])
    }

    fn reply(&self, reply: Reply, data: &[u8]) -> io::Result<()> {
        self.voice.say(&Answer::Event(Event::Reply(reply)), data)
    }

    fn end(&mut self) {
        if self.tidy {
            while let Some(name) = self.loaded.pop() {
                let _ = self.kernel.unload(&name, false);
            }
        }
        self.kernel.let_go();
    }
}
