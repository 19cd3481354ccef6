//! Calls on files. In a kernel that stays a call may wait for what another client does: it goes on
//! as a task while others are served, and whoever made it asks for it again.

use super::serve::{Answer, Ended, PATIENCE, Serving, failed_at, tasks};
use super::single::Single;
use super::{files, machine, signal};
use crate::protocol::{Reply, Stage};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// How far (virtual) time is let run ahead for a call in a kernel that stays; then it takes as
/// long as it takes.
const AHEAD: u64 = 1_000_000_000;
/// How long (virtual) a call may take to come back from a deadly signal.
const LAST_WORDS: u64 = 1_000_000_000;
/// `ESRCH` of include/uapi/asm-generic/errno-base.h: no such call.
const ESRCH: i32 = 3;

type Good<T> = Box<dyn FnOnce(T, Vec<u8>) -> Answer>;

/// A call under way.
struct Call<T> {
    serving: Serving<Result<T, i32>>,
    /// What it has read and nobody has seen.
    read: Rc<RefCell<Vec<u8>>>,
    good: Good<T>,
}

/// A call under way, whatever it gives.
trait UnderWay {
    fn is_over(&self) -> bool;
    /// Its answer, once it is over.
    fn answer(self: Box<Self>) -> Answer;
    fn take_read(&self) -> Vec<u8>;
    /// Sends the deadly signal and lets it come back; tells whether it did.
    fn kill(&self) -> bool;
}

impl<T: 'static> UnderWay for Call<T> {
    fn is_over(&self) -> bool {
        self.serving.is_over()
    }

    fn answer(self: Box<Self>) -> Answer {
        let data = self.take_read();
        match self.serving.ended() {
            Ended::With(Ok(value)) => (self.good)(value, data),
            Ended::With(Err(errno)) => (Reply::Failed { errno, stage: Stage::Call }, data),
            other => (failed_at(other, Stage::Call), data),
        }
    }

    fn take_read(&self) -> Vec<u8> {
        self.read.take()
    }

    fn kill(&self) -> bool {
        signal::kill(self.serving.task);
        self.serving.run_for(LAST_WORDS)
    }
}

#[derive(Default)]
struct Calls {
    /// Others may do what a call waits for.
    live: bool,
    last: u32,
    waiting: BTreeMap<u32, Box<dyn UnderWay>>,
}

static CALLS: Single<Calls> = Single::new();

pub fn setup(live: bool) {
    CALLS.set(Calls { live, ..Calls::default() });
}

/// Answers a call that gives a result or an errno.
pub fn call<T: 'static>(
    comm: &str,
    body: impl FnOnce() -> Result<T, i32> + 'static,
    good: impl FnOnce(T) -> Answer + 'static,
) -> Answer {
    let good = Box::new(|value, _| good(value));
    begin(Call { serving: Serving::start(comm, body), read: Rc::default(), good })
}

/// The content of a file.
pub fn read(path: String, limit: u64) -> Answer {
    let read: Rc<RefCell<Vec<u8>>> = Rc::default();
    let inner = read.clone();
    let body = move || files::read_to(&path, limit, &mut |bytes| inner.borrow_mut().extend(bytes));
    let good = Box::new(|(), data: Vec<u8>| {
        (Reply::Data { len: data.len() as u64, result: data.len() as i64 }, data)
    });
    begin(Call { serving: Serving::start("cat", body), read, good })
}

fn begin<T: 'static>(call: Call<T>) -> Answer {
    let live = CALLS.with(|c| c.live);
    if call.serving.run_for(if live { AHEAD } else { PATIENCE }) {
        return Box::new(call).answer();
    }
    if live {
        let id = CALLS.with(|c| {
            c.last += 1;
            c.last
        });
        return wait(id, Box::new(call));
    }
    // What it holds (an open file, a module) should not stay held.
    let waiting = tasks();
    let data = call.take_read();
    if call.kill() && !machine::is_dead() {
        call.serving.ended();
    }
    (Reply::Deadlock { stage: Stage::Call, waiting }, data)
}

fn wait(id: u32, call: Box<dyn UnderWay>) -> Answer {
    let data = call.take_read();
    CALLS.with(|c| c.waiting.insert(id, call));
    (Reply::Waiting { id }, data)
}

/// Looks after a call that waits.
pub fn go_on(id: u32) -> Answer {
    match CALLS.with(|c| c.waiting.remove(&id)) {
        None => (Reply::Failed { errno: ESRCH, stage: Stage::Call }, Vec::new()),
        Some(call) if call.is_over() => call.answer(),
        Some(call) => wait(id, call),
    }
}

/// Ends a call that waits, if signals can.
pub fn interrupt(id: u32) -> Answer {
    match CALLS.with(|c| c.waiting.remove(&id)) {
        None => (Reply::Failed { errno: ESRCH, stage: Stage::Call }, Vec::new()),
        Some(call) if call.is_over() || call.kill() => call.answer(),
        Some(call) => {
            let data = call.take_read();
            // A task that no signal reaches keeps what it holds, as in state D.
            CALLS.with(|c| c.waiting.insert(id, call));
            (Reply::Deadlock { stage: Stage::Call, waiting: tasks() }, data)
        }
    }
}
