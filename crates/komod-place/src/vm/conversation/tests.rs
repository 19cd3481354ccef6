//! The host's side against an agent and a console that are threads of the test.

use super::*;
use crate::place::{ModuleToLoad, Place};
use crate::vm::qemu::Fake;
use crate::{Argument, Channel};
use komod_process::protocol::Stage;
use komod_process::protocol::{LoadedModule, Loader, LogRecord};
use std::io::Write;
use std::thread::JoinHandle;

/// [`Conversation`] as a place.
struct Talk(Conversation);

impl Channel for Talk {
    fn call(
        &mut self,
        request: &Request,
        payload: &[u8],
        events: Events<'_>,
    ) -> Result<(Reply, Vec<u8>), PlaceError> {
        self.0.call(request, payload, events)
    }
}

const MODULE: ModuleToLoad<'static> = ModuleToLoad {
    file: "x.ko",
    elf: b"elf",
    params: "a=1",
    loader: Loader::Kernel,
    force_vermagic: false,
    force_modversions: false,
};

/// An agent that wakes up and then does this.
fn with_agent(
    program: (&str, &[&str]),
    agent: impl FnOnce(&mut Fake) + Send + 'static,
) -> (Result<Conversation, VmError>, JoinHandle<()>) {
    let (machine, mut fake) = Machine::fake(program.0, program.1);
    let agent = std::thread::spawn(move || {
        let Ok(Some((Ask::Wake { version, unix_ns, .. }, seed))) =
            protocol::receive::<Ask>(&mut fake.port)
        else {
            panic!("not woken")
        };
        assert_eq!((version, seed.len() as u64), (wire::VERSION, SEED));
        assert!(unix_ns > 1_700_000_000_000_000_000 && seed.iter().any(|b| *b != 0));
        agent(&mut fake);
    });
    (Conversation::begin(machine, Duration::from_secs(9), false), agent)
}

fn say(fake: &mut Fake, answer: &Answer) {
    protocol::send(&mut fake.port, answer, &[]).unwrap();
}

fn log(us: u64, text: &str) -> Answer {
    let text = text.to_owned();
    let record = LogRecord { facility: 0, level: 6, seq: us, us, text, dict: Vec::new() };
    Answer::Event(Event::Log(record))
}

fn request(fake: &mut Fake) -> (Request, Vec<u8>) {
    match protocol::receive::<Ask>(&mut fake.port) {
        Ok(Some((Ask::Do(request), payload))) => (request, payload),
        other => panic!("{other:?}"),
    }
}

const STAYS: (&str, &[&str]) = ("/bin/sleep", &["100"]);
const ENDS: (&str, &[&str]) = ("/bin/sleep", &["0.2"]);

#[test]
fn a_module_is_loaded_and_its_log_comes_first() {
    let (talk, agent) = with_agent(STAYS, |fake| {
        say(fake, &Answer::Awake { log_us: 5 });
        let (load, elf) = request(fake);
        assert!(matches!(load, Request::Load { ref params, .. } if params == "a=1"), "{load:?}");
        assert_eq!(elf, b"elf");
        say(fake, &Answer::Alive);
        say(fake, &log(6, "x: hello"));
        let reply = Reply::Loaded { name: "x".into(), load_us: 2, init_us: 3 };
        say(fake, &Answer::Event(Event::Reply(reply)));
        request(fake);
        let reply = Reply::Failed { errno: 16, stage: Stage::Exit };
        say(fake, &Answer::Event(Event::Reply(reply)));
    });
    let mut talk = Talk(talk.unwrap());
    let mut said = Vec::new();
    let loaded = talk.load(&MODULE, &mut |e| said.push(format!("{e:?}"))).unwrap();
    assert_eq!((loaded.name.as_str(), loaded.init_us), ("x", 3));
    assert!(said.len() == 1 && said[0].contains("x: hello"), "{said:?}");
    let refused = talk.unload("x", false, &mut |_| {}).unwrap_err();
    assert!(matches!(refused, PlaceError::Refused { errno: 16, stage: Stage::Exit, .. }));
    agent.join().unwrap();
}

#[test]
fn a_panic_is_read_from_the_console() {
    let (talk, agent) = with_agent(ENDS, |fake| {
        say(fake, &Answer::Awake { log_us: 1_000_000 });
        request(fake);
        say(fake, &log(2_000_000, "x: about to"));
        write!(
            fake.console,
            "[    0.900000] old\r\n[    2.000000] x: about to\r\n[    2.000001] BUG: bad\r\n\
             [    2.000002] Oops: 0002 [#1] SMP\r\n[    2.000003] RIP: 0010:f+0x1/0x2 [x]\r\n\
             [    2.000004] Call Trace:\r\n[    2.000005]  do_one_initcall+0x1/0x2\r\n\
             [    2.000006] Kernel panic - not syncing: Fatal exception\r\n"
        )
        .unwrap();
    });
    let mut talk = Talk(talk.unwrap());
    let (mut texts, mut oopses) = (Vec::new(), 0);
    let e = talk
        .load(&MODULE, &mut |event| match event {
            Event::Log(record) => texts.push(record.text.clone()),
            Event::Oops(_) => oopses += 1,
            _ => {}
        })
        .unwrap_err();
    agent.join().unwrap();
    assert!(
        matches!(e, PlaceError::Panicked { stage: Stage::Init, ref text } if text == "Fatal exception"),
        "{e:?}"
    );
    assert_eq!((texts[0].as_str(), texts[1].as_str(), texts.len()), ("x: about to", "BUG: bad", 7));
    assert_eq!(oopses, 1);
    let after: Result<Vec<LoadedModule>, _> = talk.modules(&mut |_| {});
    assert!(matches!(after, Err(PlaceError::Ended { .. })), "{after:?}");
}

#[test]
fn an_end_without_a_word_is_an_end() {
    let (talk, agent) = with_agent(ENDS, |fake| {
        say(fake, &Answer::Awake { log_us: 0 });
        request(fake);
    });
    let mut talk = Talk(talk.unwrap());
    let e = talk.ioctl("/dev/x", 1, Argument::Value(0), &mut |_| {}).unwrap_err();
    agent.join().unwrap();
    assert_eq!(e.to_string(), "the machine came to its end while doing ioctl 0x1 on /dev/x");
}

#[test]
fn an_agent_of_another_version_is_refused() {
    let (talk, agent) = with_agent(STAYS, |fake| {
        say(fake, &Answer::Trouble("the agent speaks version 9, the host version 1".into()));
    });
    agent.join().unwrap();
    let e = talk.map(|_| ()).unwrap_err().to_string();
    assert!(e.contains("version 9"), "{e}");
}
