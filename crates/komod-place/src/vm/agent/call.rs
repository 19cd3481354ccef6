//! One call into the kernel, in a thread of its own, and how it ends.
//!
//! A thread that faults in the kernel is gone without a word (`make_task_dead` in
//! `kernel/exit.c`, Linux 6.1), so its end is seen from outside.

use super::proc_files;
use super::requests::Kernel;
use super::voice::Voice;
use crate::vm::wire::Answer;
use komod_process::protocol::{Reply, Request};
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
    voice: &Voice,
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
            break Outcome::Waits(task.map(proc_files::where_it_waits).into_iter().collect());
        }
        if breath.elapsed() > BREATH {
            breath = Instant::now();
            voice.say(&Answer::Alive, &[])?;
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
