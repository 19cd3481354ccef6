//! The thread of the supervisor that owns the kernel: it does one request after the other, takes
//! what the kernel says in between, and replaces it when it dies.

use super::log_ring::{LogLine, LogRing};
use super::wire::{Answer, Info};
use crate::channel::doing;
use crate::place::Events;
use komod_process::client::{ClientError, Kernel};
use komod_process::protocol::{Event, Reply, Request, Stage};
use rustix::event::{PollFd, PollFlags, poll};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Boots a kernel, the first and each that replaces a dead one.
pub(super) type Boot = Box<dyn FnMut(Events<'_>) -> Result<Kernel, ClientError> + Send>;

/// A kernel that dies by itself sooner than this after its boot is not booted again until
/// somebody wants something of it.
const SOON: Duration = Duration::from_secs(2);

/// Files of modules remembered: more than a kernel has modules.
const MAX_FILES: usize = 8192;

enum Job {
    Call { request: Request, payload: Vec<u8>, answers: Sender<(Answer, Vec<u8>)> },
    Stop { stopped: Sender<()> },
}

/// The way to the keeper's thread, for the threads that serve clients.
#[derive(Clone)]
pub(super) struct Keeper {
    jobs: Sender<Job>,
    wake: Arc<UnixStream>,
    info: Arc<Mutex<Info>>,
}

impl Keeper {
    /// Boots the kernel and starts the thread.
    pub fn start(mut boot: Boot, log: Arc<LogRing>, info: Info) -> Result<Keeper, ClientError> {
        let info = Arc::new(Mutex::new(info));
        let kernel = boot(&mut |e| note_event(&log, &info, e))?;
        let (wake, woken) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let (jobs, queue) = channel();
        let thread = KeeperThread {
            boot,
            kernel: Some(kernel),
            booted: Instant::now(),
            last: None,
            log,
            info: info.clone(),
            queue,
            woken,
        };
        std::thread::spawn(move || thread.run());
        Ok(Keeper { jobs, wake: Arc::new(wake), info })
    }

    pub fn info(&self) -> Info {
        lock(&self.info).clone()
    }

    pub fn note_file(&self, module: String, path: PathBuf) {
        let mut info = lock(&self.info);
        if info.files.len() < MAX_FILES || info.files.contains_key(&module) {
            info.files.insert(module, path);
        }
    }

    /// Queues a request; its answers come through the channel.
    pub fn call(&self, request: Request, payload: Vec<u8>) -> Receiver<(Answer, Vec<u8>)> {
        let (answers, receiver) = channel();
        self.queue(Job::Call { request, payload, answers });
        receiver
    }

    /// Ends the kernel, if it is not busy for longer than `patience`.
    pub fn stop(&self, patience: Duration) {
        let (stopped, wait) = channel();
        self.queue(Job::Stop { stopped });
        let _ = wait.recv_timeout(patience);
    }

    fn queue(&self, job: Job) {
        // A thread that ended drops the job and with it the answers' sender, which the client's
        // thread notices; a full wake-up socket means that it has not yet looked: fine.
        let _ = self.jobs.send(job);
        let _ = (&*self.wake).write(&[0]);
    }
}

fn lock(info: &Mutex<Info>) -> std::sync::MutexGuard<'_, Info> {
    info.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps what the kernel says.
fn note_event(log: &LogRing, info: &Mutex<Info>, event: &Event) {
    match event {
        Event::Log(record) => {
            // It ends as if all was well: what it said last is how it died.
            if record.text.starts_with("Kernel panic") {
                lock(info).panic = Some(record.text.clone());
            }
            log.push(LogLine::Record(record.clone()));
        }
        Event::Oops(oops) => log.push(LogLine::Oops(oops.clone())),
        Event::Booted { initcalls, failed, wall_us, .. } => {
            let mut info = lock(info);
            info.initcalls = *initcalls;
            info.failed_initcalls = failed.clone();
            info.boot_us = *wall_us;
        }
        Event::Reply(Reply::Stopped { stage: Stage::Background, cpu_seconds }) => log.push(
            LogLine::Note(format!("background work was stopped after {cpu_seconds} s of CPU time")),
        ),
        Event::Reply(Reply::Deadlock { stage: Stage::Background, waiting }) => {
            log.push(LogLine::Note(format!("every task waits for ever: {}", waiting.join(", "))));
        }
        Event::Reply(_)
        | Event::Part(_)
        | Event::Output { .. }
        | Event::BootFailed { .. }
        | Event::Complaint { .. }
        | Event::Warning { .. } => {}
    }
}

struct KeeperThread {
    boot: Boot,
    kernel: Option<Kernel>,
    booted: Instant,
    /// What it did last, for a death right after.
    last: Option<String>,
    log: Arc<LogRing>,
    info: Arc<Mutex<Info>>,
    queue: Receiver<Job>,
    woken: UnixStream,
}

impl KeeperThread {
    fn run(mut self) {
        loop {
            if self.wait_for_kernel_or_job() {
                self.idle_event();
            }
            let mut bytes = [0; 64];
            while matches!((&self.woken).read(&mut bytes), Ok(n) if n > 0) {}
            while let Ok(job) = self.queue.try_recv() {
                match job {
                    Job::Call { request, payload, answers } => {
                        self.call(&request, &payload, &answers);
                    }
                    Job::Stop { stopped } => {
                        self.kernel = None;
                        let _ = stopped.send(());
                        return;
                    }
                }
            }
        }
    }

    /// `true` if the kernel has something to say.
    fn wait_for_kernel_or_job(&self) -> bool {
        let mut fds = vec![PollFd::new(&self.woken, PollFlags::IN)];
        if let Some(kernel) = &self.kernel {
            fds.push(PollFd::new(kernel.stream(), PollFlags::IN));
        }
        loop {
            match poll(&mut fds, None) {
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return false,
                Ok(_) => return fds.get(1).is_some_and(|fd| !fd.revents().is_empty()),
            }
        }
    }

    fn idle_event(&mut self) {
        let Some(kernel) = &mut self.kernel else { return };
        match kernel.next_event() {
            Ok((event, _)) => note_event(&self.log, &self.info, &event),
            Err(e) => {
                let soon = self.booted.elapsed() < SOON;
                let after = self.last.take().map(|l| format!(", after {l}")).unwrap_or_default();
                self.died(status(e), &format!("idle{after}"));
                if !soon {
                    // What it answers stands in the info and the log.
                    let _ = self.restart();
                }
            }
        }
    }

    fn call(&mut self, request: &Request, payload: &[u8], answers: &Sender<(Answer, Vec<u8>)>) {
        // A client that has gone away does not take its request back.
        let answer = |a: Answer, data: Vec<u8>| drop(answers.send((a, data)));
        if matches!(request, Request::Shutdown) {
            return answer(
                Answer::Failed("only the supervisor shuts its kernel down".into()),
                vec![],
            );
        }
        if self.kernel.is_none()
            && let Err(e) = self.restart()
        {
            return answer(Answer::Failed(format!("the kernel does not start: {e}")), vec![]);
        }
        let Some(kernel) = &mut self.kernel else { return };
        let (log, info) = (&self.log, &self.info);
        lock(info).busy = Some(doing(request));
        let outcome = kernel.call(request, payload, &mut |event| {
            note_event(log, info, event);
            answer(Answer::Event(event.clone()), vec![]);
        });
        lock(info).busy = None;
        match outcome {
            // It ends of itself now.
            Ok((reply @ Reply::Panicked { .. }, data)) => {
                self.died(None, &doing(request));
                answer(Answer::Event(Event::Reply(reply)), data);
                let _ = self.restart();
            }
            Ok((reply, data)) => {
                self.last = Some(doing(request));
                answer(Answer::Event(Event::Reply(reply)), data);
            }
            Err(e) => {
                let status = status(e);
                let doing = doing(request);
                self.died(status.clone(), &doing);
                let restarted = self.restart();
                answer(Answer::Died { status, doing, restarted }, vec![]);
            }
        }
    }

    fn died(&mut self, status: Option<String>, doing: &str) {
        self.kernel = None;
        let how = lock(&self.info).panic.take().or(status);
        let how = how.map(|s| format!(" ({s})")).unwrap_or_default();
        let text = format!("the kernel died{how} while {doing}");
        lock(&self.info).last_death = Some(text.clone());
        self.log.push(LogLine::Note(text));
    }

    fn restart(&mut self) -> Result<(), String> {
        let (log, info) = (&self.log, &self.info);
        match (self.boot)(&mut |e| note_event(log, info, e)) {
            Ok(kernel) => {
                self.kernel = Some(kernel);
                self.booted = Instant::now();
                let mut info = lock(&self.info);
                info.restarts += 1;
                info.broken = None;
                drop(info);
                self.log.push(LogLine::Note("restarted: its modules are gone".into()));
                Ok(())
            }
            Err(e) => {
                lock(&self.info).broken = Some(e.to_string());
                self.log.push(LogLine::Note(format!("it could not be restarted: {e}")));
                Err(e.to_string())
            }
        }
    }
}

fn status(error: ClientError) -> Option<String> {
    match error {
        ClientError::Gone { status } => status,
        e => Some(e.to_string()),
    }
}
