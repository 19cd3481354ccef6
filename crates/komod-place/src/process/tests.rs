//! The supervisor and its clients, around the double of a kernel.

use super::LogLine;
use super::fake_kernel;
use super::resident::{LogRequest, Resident, down};
use super::runtime_dir::RuntimeDir;
use super::supervisor;
use super::wire::About;
use crate::{ModuleToLoad, Place, PlaceError};
use komod_process::client::{ClientError, Kernel};
use komod_process::protocol::{Event, Loader, Stage};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

struct Up {
    dir: RuntimeDir,
    served: Option<JoinHandle<()>>,
}

type Events<'a> = &'a mut dyn FnMut(&Event);

fn up_with(
    test: &str,
    boot: impl FnMut(Events<'_>) -> Result<Kernel, ClientError> + Send + 'static,
) -> Up {
    let path = std::env::temp_dir().join(format!("komod-sv-{test}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    let dir = RuntimeDir::at(&path).unwrap();
    let about = About { release: "0.0-fake".into(), modules_dir: None, tree: None };
    let (supervisor, info) = supervisor::with_kernel(&dir, "k", Box::new(boot), about).unwrap();
    assert_eq!((info.boot_us, info.initcalls, info.restarts), (42, 3, 0));
    let served = std::thread::spawn(move || supervisor.serve());
    Up { dir, served: Some(served) }
}

fn up(test: &str) -> Up {
    up_with(test, fake_kernel::boot)
}

impl Up {
    fn client(&self) -> Resident {
        Resident::connect(&self.dir, "k").unwrap()
    }

    fn texts(&self, what: LogRequest) -> Vec<String> {
        let mut texts = Vec::new();
        self.client()
            .log(what, &mut |e| {
                texts.push(text(&e.line));
                ControlFlow::Continue(())
            })
            .unwrap();
        texts
    }

    /// Waits until the log has a line with this in it.
    fn wait_for(&self, needle: &str) {
        let end = Instant::now() + Duration::from_secs(20);
        while !self.texts(LogRequest::default()).iter().any(|t| t.contains(needle)) {
            assert!(Instant::now() < end, "no `{needle}` in the log");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        down(&self.dir, "k").unwrap();
        self.served.take().unwrap().join().unwrap();
        assert!(!self.dir.socket("k").exists());
        let _ = std::fs::remove_dir_all(self.dir.path());
    }
}

fn text(line: &LogLine) -> String {
    match line {
        LogLine::Record(r) => r.text.clone(),
        LogLine::Oops(o) => o.reason.clone(),
        LogLine::Note(n) => format!("note: {n}"),
    }
}

fn module<'a>(file: &'a str, params: &'a str) -> ModuleToLoad<'a> {
    ModuleToLoad {
        file,
        elf: b"elf",
        params,
        loader: Loader::Komod,
        force_vermagic: false,
        force_modversions: false,
    }
}

#[test]
fn modules_stay_between_clients_and_the_log_tells_of_them() {
    let up = up("stay");
    let mut said = Vec::new();
    let loaded =
        up.client().load(&module("a.ko", "x=1"), &mut |e| said.push(format!("{e:?}"))).unwrap();
    assert_eq!(loaded.name, "a");
    assert!(said.len() == 1 && said[0].contains("a: hello x=1"), "{said:?}");

    let path = std::path::Path::new("/x/a.ko");
    up.client().note_file("a", path).unwrap();
    assert_eq!(up.client().info().unwrap().files["a"], path);
    let list = up.client().modules(&mut |_| {}).unwrap();
    assert_eq!((list[0].name.as_str(), list[0].size), ("a", 3));
    assert_eq!(up.client().read("/proc/x", 100, &mut |_| {}).unwrap(), b"/proc/x");
    assert_eq!(up.client().write("/proc/x", b"1234", false, &mut |_| {}).unwrap(), 4);
    assert_eq!(up.texts(LogRequest::default()), ["Linux version 0.0-fake", "a: hello x=1"]);
    up.client().unload("a", false, &mut |_| {}).unwrap();
    assert!(up.client().modules(&mut |_| {}).unwrap().is_empty());
}

#[test]
fn refusals_carry_errno_and_log_line() {
    let up = up("refuse");
    let mut said = 0;
    let refused = up.client().load(&module("refuse.ko", ""), &mut |_| said += 1);
    assert!(matches!(refused, Err(PlaceError::Refused { errno: 2, stage: Stage::Load, .. })));
    assert_eq!(said, 1);
    let unknown = up.client().ioctl("/x", 1, crate::Argument::Value(0), &mut |_| {});
    assert!(matches!(unknown, Err(PlaceError::Refused { errno: 38, .. })));
}

#[test]
fn a_dead_kernel_is_replaced_and_the_client_is_told() {
    let up = up("death");
    up.client().load(&module("a.ko", ""), &mut |_| {}).unwrap();
    let died = up.client().load(&module("die.ko", ""), &mut |_| {}).unwrap_err();
    assert!(died.is_death());
    assert_eq!(
        died.to_string(),
        "the kernel died while loading die.ko; restarted: its modules are gone"
    );
    assert!(up.client().modules(&mut |_| {}).unwrap().is_empty());
    let info = up.client().info().unwrap();
    assert_eq!(info.restarts, 1);
    assert_eq!(info.last_death.as_deref(), Some("the kernel died while loading die.ko"));
    up.wait_for("note: the kernel died while loading die.ko");
    up.wait_for("note: restarted: its modules are gone");
}

#[test]
fn what_an_idle_kernel_says_is_kept() {
    let up = up("idle");
    up.client().load(&module("later.ko", ""), &mut |_| {}).unwrap();
    up.wait_for("later: a timer fired");
}

#[test]
fn a_kernel_that_dies_idle_soon_after_its_boot_comes_back_when_wanted() {
    let up = up("idle-death");
    up.client().load(&module("drop.ko", ""), &mut |_| {}).unwrap();
    up.wait_for("note: the kernel died while idle");
    assert_eq!(up.client().info().unwrap().restarts, 0);
    assert!(up.client().modules(&mut |_| {}).unwrap().is_empty());
    assert_eq!(up.client().info().unwrap().restarts, 1);
}

#[test]
fn a_kernel_that_does_not_come_back_is_an_error_until_it_does() {
    let broken = Arc::new(AtomicBool::new(false));
    let switch = broken.clone();
    let up = up_with("broken", move |events| match switch.load(Ordering::SeqCst) {
        true => Err(ClientError::Boot("no memory".into())),
        false => fake_kernel::boot(events),
    });
    broken.store(true, Ordering::SeqCst);
    let died = up.client().load(&module("die.ko", ""), &mut |_| {}).unwrap_err();
    assert!(died.to_string().contains("it could not be restarted"), "{died}");
    let refused = up.client().modules(&mut |_| {}).unwrap_err();
    assert!(refused.to_string().contains("no memory"), "{refused}");
    assert!(up.client().info().unwrap().broken.is_some());
    broken.store(false, Ordering::SeqCst);
    up.client().modules(&mut |_| {}).unwrap();
    assert!(up.client().info().unwrap().broken.is_none());
}

#[test]
fn clear_hides_the_past_from_later_readers() {
    let up = up("clear");
    up.client().load(&module("a.ko", ""), &mut |_| {}).unwrap();
    let shown = up.texts(LogRequest { clear: true, ..Default::default() });
    assert_eq!(shown.len(), 2);
    assert!(up.texts(LogRequest::default()).is_empty());
    up.client().load(&module("b.ko", ""), &mut |_| {}).unwrap();
    assert_eq!(up.texts(LogRequest::default()), ["b: hello "]);
    assert_eq!(up.texts(LogRequest { all: true, ..Default::default() }).len(), 3);
}

#[test]
fn followers_see_what_others_do_and_end_with_the_kernel() {
    let up = up("follow");
    let mut follower = up.client();
    let (tell, told) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        follower.log(LogRequest { follow: true, ..Default::default() }, &mut |e| {
            tell.send(text(&e.line)).unwrap();
            ControlFlow::Continue(())
        })
    });
    let next = || told.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(next(), "Linux version 0.0-fake");
    up.client().load(&module("a.ko", ""), &mut |_| {}).unwrap();
    assert_eq!(next(), "a: hello ");
    drop(up);
    thread.join().unwrap().unwrap();
}

#[test]
fn many_clients_are_served_one_after_the_other() {
    let up = up("many");
    std::thread::scope(|scope| {
        for i in 0..20 {
            let mut client = up.client();
            scope.spawn(move || {
                let file = format!("m{i}.ko");
                client.load(&module(&file, ""), &mut |_| {}).unwrap();
                assert_eq!(client.read(&file, 9, &mut |_| {}).unwrap(), file.as_bytes());
            });
        }
    });
    assert_eq!(up.client().modules(&mut |_| {}).unwrap().len(), 20);
}

#[test]
fn nobody_listens_is_not_up() {
    let path = std::env::temp_dir().join(format!("komod-sv-none-{}", std::process::id()));
    let dir = RuntimeDir::at(&path).unwrap();
    assert!(matches!(Resident::connect(&dir, "k"), Err(PlaceError::NotUp { .. })));
    // A stale socket: the file is there, nobody listens.
    drop(std::os::unix::net::UnixListener::bind(dir.socket("k")).unwrap());
    assert!(dir.socket("k").exists());
    assert!(matches!(Resident::connect(&dir, "k"), Err(PlaceError::NotUp { .. })));
    assert!(matches!(down(&dir, "k"), Err(PlaceError::NotUp { .. })));
    std::fs::remove_dir_all(path).unwrap();
}
