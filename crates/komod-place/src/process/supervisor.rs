//! The background process of a kernel that stays. It runs no module code itself: the kernel is a
//! child of its own, and dies alone.

use super::keeper::{Boot, Keeper};
use super::log_ring::LogRing;
use super::runtime_dir::RuntimeDir;
use super::wire::{About, Answer, Ask, Info, What};
use crate::{PlaceError, vm};
use komod_process::client::Kernel;
use komod_process::protocol::{self, BootSpec, Event, Mode, Reply, Request};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, getpid, kill_process_group};
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How long a busy kernel may keep `down` waiting.
const STOP_PATIENCE: Duration = Duration::from_secs(2);
/// How often a follower of the log is looked after: has it gone away?
const FOLLOW_ROUND: Duration = Duration::from_secs(1);
/// How often a call that waits is looked after.
const CALL_ROUND: Duration = Duration::from_millis(20);
/// Connections at a time.
const MAX_CLIENTS: usize = 64;

pub(super) struct Supervisor {
    listener: UnixListener,
    socket: PathBuf,
    keeper: Keeper,
    log: Arc<LogRing>,
}

/// Boots the kernel and listens for it. Only then does its socket get its name.
pub(super) fn boot(
    dir: &RuntimeDir,
    name: &str,
    what: What,
    about: About,
) -> Result<(Supervisor, Info), PlaceError> {
    let boot: Boot = match what {
        What::Process(spec) => {
            let spec = BootSpec { mode: Mode::Single, live_clock: true, boot_log: true, ..spec };
            Box::new(move |events| Kernel::boot(&spec, &[], None, events))
        }
        What::Machine(spec) => {
            let dir = dir.clone();
            Box::new(move |events| vm::bridge::boot(&spec, &dir, events))
        }
    };
    with_kernel(dir, name, boot, about)
}

/// As [`boot`], with kernels of whatever kind.
pub(super) fn with_kernel(
    dir: &RuntimeDir,
    name: &str,
    boot: Boot,
    about: About,
) -> Result<(Supervisor, Info), PlaceError> {
    let log = Arc::new(LogRing::default());
    let info = Info::new(name, about);
    let keeper = Keeper::start(boot, log.clone(), info)?;
    let socket = dir.socket(name);
    let unborn = dir.path().join(format!("{name}.{}", std::process::id()));
    let listener = dir.listen(&unborn)?;
    std::fs::rename(&unborn, &socket).map_err(PlaceError::file(&socket))?;
    let info = keeper.info();
    Ok((Supervisor { listener, socket, keeper, log }, info))
}

/// Ends this process and its kernel, be that as busy as it may: both are in the group that the
/// background process leads.
pub(super) fn end_group() -> ! {
    let _ = kill_process_group(getpid(), Signal::KILL);
    std::process::exit(0)
}

impl Supervisor {
    /// Serves clients until one says `down`.
    pub fn serve(self) {
        let Ok((stop, stopped)) = UnixStream::pair() else { return };
        let stop = Arc::new(stop);
        let clients = Arc::new(AtomicUsize::new(0));
        loop {
            let mut fds =
                [PollFd::new(&self.listener, PollFlags::IN), PollFd::new(&stopped, PollFlags::IN)];
            match poll(&mut fds, None) {
                Ok(_) if !fds[1].revents().is_empty() => break,
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => break,
            }
            let Ok((stream, _)) = self.listener.accept() else { continue };
            if clients.fetch_add(1, Ordering::Relaxed) >= MAX_CLIENTS {
                clients.fetch_sub(1, Ordering::Relaxed);
                let mut stream = stream;
                let _ = answer(&mut stream, &Answer::Failed("too many clients at a time".into()));
                continue;
            }
            let (clients, socket) = (clients.clone(), self.socket.clone());
            let client = Client {
                stream,
                keeper: self.keeper.clone(),
                log: self.log.clone(),
                stop: stop.clone(),
            };
            std::thread::spawn(move || {
                client.serve(&socket);
                clients.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }
}

/// A call that waits in the kernel, and how many kernels had died when it began.
struct Waiting {
    id: u32,
    restarts: u32,
}

/// One connection.
struct Client {
    stream: UnixStream,
    keeper: Keeper,
    log: Arc<LogRing>,
    /// Closed for writing, it tells the accepting loop to end.
    stop: Arc<UnixStream>,
}

fn answer(stream: &mut UnixStream, answer: &Answer) -> io::Result<()> {
    protocol::send(stream, answer, &[])
}

impl Client {
    fn serve(mut self, socket: &std::path::Path) {
        loop {
            let outcome = match protocol::receive::<Ask>(&mut self.stream) {
                Ok(None) => return,
                Err(e) if e.kind() == io::ErrorKind::InvalidData => {
                    // A client of another version: say so and hang up.
                    let _ = answer(
                        &mut self.stream,
                        &Answer::Failed(format!("the supervisor does not understand this: {e}")),
                    );
                    return;
                }
                Err(_) => return,
                Ok(Some((Ask::Kernel(request), payload))) => self.kernel(request, payload),
                Ok(Some((Ask::Log { follow, all, only_new, clear }, _))) => {
                    self.log(follow, all, only_new, clear)
                }
                Ok(Some((Ask::Info, _))) => {
                    answer(&mut self.stream, &Answer::Info(Box::new(self.keeper.info())))
                }
                Ok(Some((Ask::File { module, path }, _))) => {
                    self.keeper.note_file(module, path);
                    answer(&mut self.stream, &Answer::Done)
                }
                Ok(Some((Ask::Down, _))) => {
                    let _ = std::fs::remove_file(socket);
                    self.keeper.stop(STOP_PATIENCE);
                    self.log.close();
                    let _ = answer(&mut self.stream, &Answer::Done);
                    let _ = self.stop.shutdown(std::net::Shutdown::Write);
                    return;
                }
            };
            if outcome.is_err() {
                return;
            }
        }
    }

    fn kernel(&mut self, request: Request, payload: Vec<u8>) -> io::Result<()> {
        let Some((mut waiting, doing)) = self.pass_on(request, payload)? else { return Ok(()) };
        // The call waits for what others do: this thread asks for it until it is over or nobody
        // wants to know any more.
        loop {
            std::thread::sleep(CALL_ROUND);
            if self.keeper.info().restarts != waiting.restarts {
                let died = Answer::Died { status: None, doing, restarted: Ok(()) };
                return answer(&mut self.stream, &died);
            }
            let id = waiting.id;
            if self.hung_up() {
                self.keeper.call(Request::Interrupt { id }, Vec::new()).iter().count();
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            match self.pass_on(Request::Continue { id }, Vec::new()) {
                Ok(None) => return Ok(()),
                Ok(Some((still, _))) => waiting = still,
                Err(e) => {
                    self.keeper.call(Request::Interrupt { id }, Vec::new()).iter().count();
                    return Err(e);
                }
            }
        }
    }

    /// Hands a request to the kernel and its answers to the client. If the call waits, what it
    /// has read goes to the client, too.
    fn pass_on(
        &mut self,
        request: Request,
        payload: Vec<u8>,
    ) -> io::Result<Option<(Waiting, String)>> {
        let restarts = self.keeper.info().restarts;
        let doing = crate::channel::doing(&request);
        let mut waiting = None;
        // The keeper drops the sender after the last answer.
        for (a, data) in self.keeper.call(request, payload) {
            if let Answer::Event(Event::Reply(Reply::Waiting { id })) = a {
                waiting = Some((Waiting { id, restarts }, doing.clone()));
                if !data.is_empty() {
                    answer(&mut self.stream, &Answer::Event(Event::Part(data)))?;
                }
            } else {
                protocol::send(&mut self.stream, &a, &data)?;
            }
        }
        Ok(waiting)
    }

    fn log(&mut self, follow: bool, all: bool, only_new: bool, clear: bool) -> io::Result<()> {
        let mut next = self.log.start(all);
        let entries = self.log.since(next);
        if let Some(last) = entries.last() {
            next = last.number + 1;
        }
        if clear {
            self.log.clear();
        }
        if !only_new {
            for entry in entries {
                answer(&mut self.stream, &Answer::Log(entry))?;
            }
        }
        if follow {
            self.follow(next)?;
        }
        answer(&mut self.stream, &Answer::Done)
    }

    /// Sends what comes, until nothing more can come or nobody listens any more.
    fn follow(&mut self, mut next: u64) -> io::Result<()> {
        loop {
            self.log.wait(next, FOLLOW_ROUND);
            let entries = self.log.since(next);
            if entries.is_empty() && (self.log.is_closed() || self.hung_up()) {
                return Ok(());
            }
            for entry in entries {
                next = entry.number + 1;
                answer(&mut self.stream, &Answer::Log(entry))?;
            }
        }
    }

    fn hung_up(&self) -> bool {
        let mut fds = [PollFd::new(&self.stream, PollFlags::RDHUP)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut fds, Some(&now)).is_ok_and(|n| n > 0)
    }
}
