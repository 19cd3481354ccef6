//! A test double: speaks the protocol over a socket pair and keeps modules in a list.
//!
//! Files named `die.ko` end it in the middle of their load, `refuse.ko` is refused with a log
//! line, `later.ko` says something one moment after the reply, when the kernel is idle, and
//! `drop.ko` makes it end at such a moment.

use komod_process::client::{ClientError, Kernel};
use komod_process::protocol::{
    self, Event, LoadedModule, LogRecord, Reply, Request, Stage, Status,
};
use std::os::unix::net::UnixStream;
use std::time::Duration;

pub fn record(seq: u64, text: &str) -> LogRecord {
    LogRecord { facility: 0, level: 6, seq, us: seq * 1000, text: text.into(), dict: vec![] }
}

/// A boot as the keeper wants it.
pub fn boot(events: &mut dyn FnMut(&Event)) -> Result<Kernel, ClientError> {
    let (ours, theirs) = UnixStream::pair()?;
    std::thread::spawn(move || serve(theirs));
    events(&Event::Log(record(0, "Linux version 0.0-fake")));
    events(&Event::Booted { initcalls: 3, failed: vec![], failed_builtins: vec![], wall_us: 42 });
    Ok(Kernel::connect(ours))
}

fn serve(mut stream: UnixStream) {
    let mut modules: Vec<LoadedModule> = Vec::new();
    let mut seq = 1;
    while let Ok(Some((request, payload))) = protocol::receive::<Request>(&mut stream) {
        let mut idle = None;
        let mut say = |stream: &mut UnixStream, text: &str| {
            let _ = protocol::send(stream, &Event::Log(record(seq, text)), &[]);
            seq += 1;
        };
        let mut data = Vec::new();
        let reply = match request {
            Request::Load { file, .. } if file == "die.ko" => return,
            Request::Load { file, .. } if file == "refuse.ko" => {
                say(&mut stream, "refuse: Unknown symbol nothing (err -2)");
                Reply::Failed { errno: 2, stage: Stage::Load }
            }
            Request::Load { file, params, .. } => {
                let name = file.trim_end_matches(".ko").to_owned();
                say(&mut stream, &format!("{name}: hello {params}"));
                if matches!(name.as_str(), "later" | "drop") {
                    idle = Some(name.clone());
                }
                modules.insert(
                    0,
                    LoadedModule {
                        name: name.clone(),
                        size: payload.len() as u64,
                        refcount: 0,
                        used_by: vec![],
                        state: "Live".into(),
                        address: 0,
                        taints: String::new(),
                    },
                );
                Reply::Loaded { name, load_us: 1, init_us: 1 }
            }
            Request::Unload { name, .. } => match modules.iter().position(|m| m.name == name) {
                Some(at) => {
                    modules.remove(at);
                    Reply::Done { result: 0 }
                }
                None => Reply::Failed { errno: 2, stage: Stage::Exit },
            },
            Request::Modules => Reply::Modules(modules.clone()),
            Request::Read { path, .. } => {
                data = path.into_bytes();
                Reply::Data { len: data.len() as u64, result: data.len() as i64 }
            }
            Request::Write { .. } => Reply::Done { result: payload.len() as i64 },
            Request::Status => Reply::Status(Status {
                release: "0.0-fake".into(),
                virtual_ns: 0,
                tainted: 0,
                taints: String::new(),
                tasks: vec![],
                live_objects: 0,
                live_bytes: 0,
            }),
            _ => Reply::Failed { errno: 38, stage: Stage::Call },
        };
        if protocol::send(&mut stream, &Event::Reply(reply), &data).is_err() {
            return;
        }
        match idle.as_deref() {
            Some("later") => {
                std::thread::sleep(Duration::from_millis(20));
                say(&mut stream, "later: a timer fired");
            }
            Some(_) => return,
            None => {}
        }
    }
}
