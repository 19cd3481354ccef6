//! One call into the kernel, in a thread of its own, and how it ends.
//!
//! A thread that faults in the kernel is gone without a word (`make_task_dead` in
//! `kernel/exit.c`, Linux 6.1), so its end is seen from outside.

use super::proc_files;
use super::requests::Kernel;
use komod_process::protocol::{Reply, Request, Stage};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How often a call under way is looked after.
const LOOK: Duration = Duration::from_millis(20);
/// How often the host is told that all is well.
const BREATH: Duration = Duration::from_millis(500);

pub enum Outcome {
    Reply(Reply, Vec<u8>),
    /// Its thread is gone.
    Crashed,
    /// It has waited for too long; where, and since when, in words.
    Waits(Vec<String>),
    /// It has run for so many seconds, and still does.
    Runs(u32),
}

impl Outcome {
    /// As an answer; `stage` is what the request says.
    pub fn told(self, kernel: &Kernel, stage: Stage) -> (Reply, Vec<u8>) {
        match self {
            Outcome::Reply(reply, data) => (reply, data),
            Outcome::Crashed => (Reply::Crashed { stage: kernel.stage(stage) }, Vec::new()),
            Outcome::Runs(cpu_seconds) => {
                (Reply::Stopped { stage: kernel.stage(stage), cpu_seconds }, Vec::new())
            }
            Outcome::Waits(waiting) => {
                (Reply::Deadlock { stage: kernel.stage(stage), waiting }, Vec::new())
            }
        }
    }
}

/// From the thread of a call.
enum Told {
    /// Its task, by which its end is noticed.
    Task(i32),
    Done(Reply, Vec<u8>),
}

pub fn run(
    kernel: &Arc<Kernel>,
    request: Request,
    payload: Vec<u8>,
    breathe: &mut dyn FnMut() -> io::Result<()>,
    patience: Duration,
) -> io::Result<Outcome> {
    let patience = match request {
        Request::Advance { ns } => patience.saturating_add(Duration::from_nanos(ns)),
        _ => patience,
    };
    let (tell, told) = mpsc::channel();
    let (own, its) = (kernel.clone(), tell.clone());
    // The name is what an Oops says: that of the tool that would do it.
    std::thread::Builder::new().name(tool(&request).into()).spawn(move || {
        let _ = its.send(Told::Task(rustix::thread::gettid().as_raw_nonzero().get()));
        let (reply, data) = own.answer(request, &payload);
        let _ = its.send(Told::Done(reply, data));
    })?;
    // `tell` stays, so that a thread that is gone does not look like a closed channel.
    let started = Instant::now();
    let mut breath = started;
    let mut task = None;
    let outcome = loop {
        match told.recv_timeout(LOOK) {
            Ok(Told::Task(id)) => task = Some(id),
            Ok(Told::Done(reply, data)) => break Outcome::Reply(reply, data),
            Err(RecvTimeoutError::Disconnected) => break Outcome::Crashed,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if task.is_some_and(|id| !proc_files::is_alive(id)) {
            // Its last words may have come in between.
            match told.try_recv() {
                Ok(Told::Done(reply, data)) => break Outcome::Reply(reply, data),
                _ => break Outcome::Crashed,
            }
        }
        if started.elapsed() > patience {
            if task.is_some_and(proc_files::runs) {
                break Outcome::Runs(u32::try_from(patience.as_secs()).unwrap_or(u32::MAX));
            }
            break Outcome::Waits(task.map(proc_files::where_it_waits).into_iter().collect());
        }
        if breath.elapsed() > BREATH {
            breath = Instant::now();
            breathe()?;
        }
    };
    drop(tell);
    Ok(outcome)
}

fn tool(request: &Request) -> &'static str {
    match request {
        Request::Load { .. } => "insmod",
        Request::Unload { .. } => "rmmod",
        Request::Read { .. } => "cat",
        Request::Write { .. } => "write",
        Request::List { .. } => "ls",
        Request::Ioctl { .. } => "ioctl",
        _ => "komod-agent",
    }
}
