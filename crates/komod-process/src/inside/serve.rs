//! Serving requests: each runs as a task of its own, as the process that made it would.

use super::sched::{self, End, TaskId};
use super::{calls, clock, console, files, machine, modules, out, watchdog};
use crate::protocol::{self, Event, Loader, Reply, Request, Stage, Status};
use std::cell::RefCell;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long (virtual) a request may sleep before it counts as stuck for ever: a little more than
/// the kernel's own hung-task limit of 120 s.
pub const PATIENCE: u64 = 130_000_000_000;

/// Serves requests until the client goes away or asks for the end.
pub fn serve(mut stream: UnixStream, release: &str, live_clock: bool) {
    calls::setup(live_clock);
    loop {
        if live_clock && !wait_live(&stream) {
            return;
        }
        let Ok(Some((request, payload))) = protocol::receive::<Request>(&mut stream) else {
            return;
        };
        if matches!(request, Request::Shutdown) {
            out::send(&Event::Reply(Reply::Done { result: 0 }), &[]);
            return;
        }
        watchdog::renew();
        machine::calm();
        let (reply, data) = answer(request, payload, release);
        out::send(&Event::Reply(reply), &data);
        if machine::is_dead() {
            // As after a panic on a real machine; whoever supervises us starts anew.
            return;
        }
    }
}

/// Lets virtual time follow the wall clock until a request comes. `false`: polling failed.
fn wait_live(stream: &UnixStream) -> bool {
    const STEP: Duration = Duration::from_millis(50);
    let mut last = Instant::now();
    loop {
        let mut poll =
            libc::pollfd { fd: stream.as_fd().as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid pollfd.
        let n = unsafe { libc::poll(&mut poll, 1, STEP.as_millis() as i32) };
        let interrupted = || std::io::Error::last_os_error().raw_os_error() == Some(libc::EINTR);
        if n < 0 && !interrupted() {
            return false;
        }
        let passed = last.elapsed();
        last = Instant::now();
        watchdog::renew();
        machine::calm();
        sched::run_until(|| false, Some(clock::now() + passed.as_nanos() as u64));
        if n > 0 {
            return true;
        }
    }
}

/// How a task that served a request ended.
pub enum Ended<T> {
    With(T),
    Crashed,
    Stopped,
    /// With what the living tasks wait for.
    Stuck(Vec<String>),
}

/// Runs `body` as a task called `comm` until it ends.
fn run<T: 'static>(comm: &str, body: impl FnOnce() -> T + 'static) -> Ended<T> {
    let task = Serving::start(comm, body);
    if task.run_for(PATIENCE) { task.ended() } else { Ended::Stuck(tasks()) }
}

/// A task that serves a request.
pub struct Serving<T> {
    pub task: TaskId,
    value: Rc<RefCell<Option<T>>>,
}

impl<T: 'static> Serving<T> {
    pub fn start(comm: &str, body: impl FnOnce() -> T + 'static) -> Self {
        machine::take_stopped();
        let slot: Rc<RefCell<Option<T>>> = Rc::default();
        let inner = slot.clone();
        let task = sched::spawn_user(
            comm,
            Box::new(move || {
                let value = body();
                *inner.borrow_mut() = Some(value);
            }),
        );
        Serving { task, value: slot }
    }

    pub fn is_over(&self) -> bool {
        sched::is_finished(self.task) || machine::is_dead()
    }

    /// Runs everything until this task ends, for some virtual time at most; tells whether it did.
    pub fn run_for(&self, ns: u64) -> bool {
        sched::run_until(|| self.is_over(), Some(clock::now() + ns)) == End::Done || self.is_over()
    }

    /// How it ended; it must have.
    pub fn ended(self) -> Ended<T> {
        if machine::is_dead() {
            return Ended::Crashed;
        }
        sched::reap(self.task);
        let value = self.value.borrow_mut().take();
        match value {
            Some(value) => Ended::With(value),
            None if machine::take_stopped() => Ended::Stopped,
            None => Ended::Crashed,
        }
    }
}

/// The living tasks in words. Described by a task, as the kernel's symbol lookup wants it.
pub fn tasks() -> Vec<String> {
    match run("ps", sched::describe) {
        Ended::With(tasks) => tasks,
        _ => Vec::new(),
    }
}

pub fn failed_at<T>(ended: Ended<T>, stage: Stage) -> Reply {
    match ended {
        Ended::Stopped => Reply::Stopped { stage, cpu_seconds: watchdog::limit_seconds() },
        Ended::Stuck(waiting) => Reply::Deadlock { stage, waiting },
        _ if machine::is_dead() => Reply::Panicked { stage, text: console::panic_text() },
        _ => Reply::Crashed { stage },
    }
}

pub type Answer = (Reply, Vec<u8>);

const ENOENT: i32 = 2;
const ENOSYS: i32 = 38;

/// Lets everything that is ready happen, without time passing.
fn settle() {
    sched::run_until(|| false, Some(clock::now()));
}

fn answer(request: Request, payload: Vec<u8>, release: &str) -> Answer {
    let plain = |reply| (reply, Vec::new());
    match request {
        Request::Load { file, params, loader, force_vermagic, force_modversions } => {
            let request = komod_load::Request {
                ignore_vermagic: force_vermagic,
                ignore_modversions: force_modversions,
                ..komod_load::Request::with_params(params)
            };
            plain(load(&file, payload, request, loader, release))
        }
        Request::Unload { name, force } => {
            let ended = run("rmmod", move || modules::unload(&name, force));
            settle();
            plain(match ended {
                Ended::With(0) => Reply::Done { result: 0 },
                Ended::With(e) => Reply::Failed { errno: -e as i32, stage: Stage::Exit },
                other => failed_at(other, Stage::Exit),
            })
        }
        Request::Modules => calls::call(
            "lsmod",
            || files::read("/proc/modules", 1 << 20),
            move |text| {
                let list = modules::parse_proc_modules(&String::from_utf8_lossy(&text));
                plain(Reply::Modules(list))
            },
        ),
        Request::Symbols { needle, limit } => calls::call(
            "cat",
            || files::read("/proc/kallsyms", 64 << 20),
            move |text| {
                let text = String::from_utf8_lossy(&text);
                let (list, more) = modules::symbols(&needle, limit, &text);
                plain(Reply::Symbols { list, more })
            },
        ),
        Request::Read { path, limit } => calls::read(path, limit),
        Request::Continue { id } => calls::go_on(id),
        Request::Interrupt { id } => calls::interrupt(id),
        Request::Write { path, append } => calls::call(
            "tee",
            move || files::write(&path, &payload, append),
            move |result| plain(Reply::Done { result }),
        ),
        Request::List { path } => {
            calls::call("ls", move || files::list(&path), move |list| plain(Reply::Entries(list)))
        }
        Request::Ioctl { path, command, value } => calls::call(
            "ioctl",
            move || files::ioctl(&path, command, value, &payload),
            |(result, data)| (Reply::Data { len: data.len() as u64, result }, data),
        ),
        Request::Advance { ns } => {
            let before = machine::oops_count();
            sched::run_until(|| false, Some(clock::now().saturating_add(ns)));
            plain(if machine::oops_count() > before {
                Reply::Crashed { stage: Stage::Background }
            } else {
                Reply::Done { result: 0 }
            })
        }
        Request::Leaks { name } => plain(Reply::Leaks(super::leaks::of(&name))),
        Request::WatchModules => {
            modules::keep_formed();
            plain(Reply::Done { result: 0 })
        }
        Request::Memory { name, formed } => match modules::memory(&name, formed) {
            Some((areas, bytes)) => (Reply::Memory(areas), bytes),
            None => plain(Reply::Failed { errno: ENOENT, stage: Stage::Call }),
        },
        Request::Status => {
            let (live_objects, live_bytes) = machine::heap_counts();
            let taints = match run("status", machine::taint_letters) {
                Ended::With(t) => t,
                _ => String::new(),
            };
            plain(Reply::Status(Status {
                release: release.to_string(),
                virtual_ns: clock::now(),
                tainted: machine::taint(),
                taints,
                tasks: tasks(),
                live_objects,
                live_bytes,
            }))
        }
        // There are no processes here, and files only of the kernel's own making.
        Request::Put { .. } | Request::Exec { .. } => {
            plain(Reply::Failed { errno: ENOSYS, stage: Stage::Call })
        }
        Request::Shutdown => plain(Reply::Done { result: 0 }),
    }
}

/// The name kbuild gives the module in this file, for one that cannot be read as a module.
fn name_of_file(file: &str) -> String {
    file.split_once(".ko").map_or(file, |(stem, _)| stem).replace('-', "_")
}

fn load(
    file: &str,
    bytes: Vec<u8>,
    request: komod_load::Request,
    loader: Loader,
    release: &str,
) -> Reply {
    let start = Instant::now();
    let name = komod_object::Module::parse(&bytes)
        .map_or_else(|_| name_of_file(file), |m| m.name().to_string());
    super::leaks::begin(&name);
    super::module_events::take_came();
    modules::take_refused();
    let release = release.to_string();
    let ended = run("insmod", move || match loader {
        Loader::Komod => {
            let result = modules::load(&release, &bytes, &request);
            files::back_to_user_space();
            result
        }
        Loader::Kernel => modules::load_by_kernel(&bytes, &request),
    });
    let end = Instant::now();
    let came = super::module_events::take_came();
    settle();
    match ended {
        Ended::With(0) => {
            let micros = |from: Instant, to: Instant| to.duration_since(from).as_micros() as u64;
            let (name, ready) = came.unwrap_or((name, start));
            Reply::Loaded { name, load_us: micros(start, ready), init_us: micros(ready, end) }
        }
        Ended::With(e) => {
            let errno = -e as i32;
            match (came, modules::take_refused()) {
                (Some(_), _) => Reply::Failed { errno, stage: Stage::Init },
                (None, Some(code)) => Reply::Refused { errno, code: code.to_string() },
                (None, None) => Reply::Failed { errno, stage: Stage::Load },
            }
        }
        other => failed_at(other, Stage::Init),
    }
}
