//! A place's failures, in the words of the tools people know, and the way out.

use super::errno;
use crate::explained::Explained;
use komod_place::PlaceError;
use komod_process::protocol::Stage;

/// What was being done when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing<'a> {
    Load(&'a str),
    Unload(&'a str),
    /// With the path.
    Read(&'a str),
    Write(&'a str),
    List(&'a str),
    Ioctl(&'a str),
    /// Anything else.
    Other(&'a str),
}

pub fn explain(error: &PlaceError, doing: Doing<'_>) -> Explained {
    let refused = |errno: i32, stage: Stage| match doing {
        Doing::Load(name) if stage == Stage::Load => load_refused(name, errno),
        Doing::Load(name) => init_failed(name, errno),
        Doing::Unload(name) => unload_refused(name, errno),
        Doing::Read(path) => path_refused("cannot read", path, errno),
        Doing::Write(path) => path_refused("cannot write", path, errno),
        Doing::List(path) => path_refused("cannot list", path, errno),
        Doing::Ioctl(path) => ioctl_refused(path, errno),
        Doing::Other(what) => Explained::new(format!("{what}: {}", errno::full(errno))),
    };
    match error {
        PlaceError::Refused { errno, stage, code } => match (code, doing) {
            (Some(code), Doing::Load(name)) => refused_for(code, name, *errno),
            _ => refused(*errno, *stage),
        },
        PlaceError::NotUp { name } => not_up(name),
        PlaceError::Crashed { stage } => {
            let whose = crashed_in(*stage, doing);
            Explained::new(format!("{whose} crashed; the Oops above says where"))
        }
        PlaceError::Panicked { stage, text } => {
            let whose = crashed_in(*stage, doing);
            Explained::new(format!("{whose} led to the kernel's end: {text}"))
                .hint("after a panic a kernel does nothing more; what led to it stands above")
        }
        PlaceError::Hung { stage, cpu_seconds } => {
            let whose = crashed_in(*stage, doing);
            Explained::new(format!(
                "{whose} hangs: the machine said nothing for {cpu_seconds} s of CPU time"
            ))
            .hint("an endless loop, or a lock taken twice? the trace above is from where it was")
        }
        PlaceError::Silent { stage, seconds } => {
            let whose = crashed_in(*stage, doing);
            Explained::new(format!("{whose} hangs: nothing was heard for {seconds} s"))
                .hint("its kernel does not run programs any more, or the line to it is cut")
        }
        PlaceError::NotByShell { .. } => Explained::new(error.to_string()).hint(
            "komod's agent does it, where it runs: a board with the same kind of processor as here, \
             without --no-agent",
        ),
        PlaceError::LineEnded { .. } => Explained::new(error.to_string())
            .hint("did its kernel crash? What was heard of its log stands above"),
        PlaceError::Stopped { stage, cpu_seconds } => {
            let whose = crashed_in(*stage, doing);
            Explained::new(format!("{whose} was stopped after {cpu_seconds} s of CPU time"))
                .hint("an endless loop? the Oops above is from where it was at that time")
        }
        PlaceError::Deadlock { stage, waiting } => {
            let whose = crashed_in(*stage, doing);
            let e = Explained::new(format!("{whose} waits for something that never comes"));
            let e = e.hint(
                "a deadlock or a lost wake-up: a lock taken twice, a completion that \
                            nobody completes",
            );
            let (own, others): (Vec<&String>, Vec<&String>) =
                waiting.iter().partition(|task| !is_housekeeping(task));
            let own: Vec<&str> = own.into_iter().map(String::as_str).collect();
            e.hint(format!(
                "waiting: {}; and {} of the kernel itself",
                own.join(", "),
                super::plural(others.len(), "task")
            ))
        }
        PlaceError::Died { restarted, .. } => {
            let e = Explained::new(error.to_string());
            match restarted {
                Some(Err(_)) => e.hint("start it anew: komod down, then komod up"),
                _ => e,
            }
        }
        PlaceError::Unexpected { .. } | PlaceError::Background(_) => Explained::new(
            error.to_string(),
        )
        .hint("if komod was updated since the kernel was started: komod down, then komod up"),
        PlaceError::RuntimeDir { path, .. } => Explained::new(error.to_string()).hint(format!(
            "remove {} or set XDG_RUNTIME_DIR to a directory of your own",
            path.display()
        )),
        _ => Explained::new(error.to_string()),
    }
}

pub fn not_up(name: &str) -> Explained {
    let command = if name == "default" { "komod up".into() } else { format!("komod up {name}") };
    Explained::new(format!("no kernel named `{name}` is up")).hint(format!("start it: {command}"))
}

/// Threads that every kernel has, and that wait most of the time (`ps` on Debian's 6.1 and 6.12).
fn is_housekeeping(task: &str) -> bool {
    const NAMES: [&str; 16] = [
        "cpuhp",
        "kauditd",
        "kcompactd",
        "kdevtmpfs",
        "khugepaged",
        "khungtaskd",
        "ksmd",
        "ksoftirqd",
        "kswapd",
        "kthreadd",
        "kworker",
        "migration",
        "oom_reaper",
        "rcu_",
        "swapper",
        "watchdogd",
    ];
    NAMES.iter().any(|name| task.starts_with(name))
}

fn crashed_in(stage: Stage, doing: Doing<'_>) -> String {
    match (stage, doing) {
        (Stage::Init, Doing::Load(name)) => format!("init of {name}"),
        (Stage::Exit, Doing::Unload(name)) => format!("exit of {name}"),
        (Stage::Load, Doing::Load(name)) => format!("the loading of {name}"),
        (Stage::Background, _) => "background work".into(),
        (_, Doing::Read(path)) => format!("reading {path}"),
        (_, Doing::Write(path)) => format!("writing {path}"),
        (_, Doing::Ioctl(path)) => format!("ioctl on {path}"),
        (_, Doing::List(path)) => format!("listing {path}"),
        (_, Doing::Load(name) | Doing::Unload(name) | Doing::Other(name)) => name.to_owned(),
    }
}

/// The loader knows why.
fn refused_for(code: &str, name: &str, errno: i32) -> Explained {
    let Some(title) = komod_check::rules::title_of(code) else { return load_refused(name, errno) };
    let e = Explained::new(format!("{} [{code}]: {title}", cannot_load(name, errno)));
    let e = match code {
        "L-10" => e.hint("a symbol may come from another module: give or load that one, too"),
        "L-24" => e.hint(format!("it is loaded: komod unload {name}")),
        _ => e,
    };
    e.hint(format!("`komod explain {code}` says more"))
}

fn cannot_load(name: &str, errno: i32) -> String {
    let words = errno::insmod(errno);
    format!("cannot load {name}: {words} ({})", errno::name(errno).unwrap_or("?"))
}

fn load_refused(name: &str, errno: i32) -> Explained {
    let e = Explained::new(cannot_load(name, errno));
    match errno {
        2 => e.hint("a symbol comes from another module: give or load that one, too"),
        8 => e.hint(
            "the kernel's log line says why; a module fits the kernel it was built for: \
                     build it with `komod build`, or choose its kernel with --kernel",
        ),
        17 => e.hint(format!("it is loaded: komod unload {name}")),
        22 => e.hint(
            "the kernel's log line says why: a symbol that does not fit, or a parameter \
                      (`komod info FILE.ko` lists them)",
        ),
        _ => e,
    }
}

fn init_failed(name: &str, errno: i32) -> Explained {
    let e = Explained::new(format!("init of {name} returned -{errno}, {}", errno::full(errno)));
    match errno {
        19 => e.hint("drivers say this when their hardware is not there, as it never is here"),
        _ => e,
    }
}

fn unload_refused(name: &str, errno: i32) -> Explained {
    let e = Explained::new(format!("cannot unload {name}: {}", errno::full(errno)));
    match errno {
        2 => Explained::new(format!("module {name} is not loaded"))
            .hint("`komod list` shows what is"),
        11 => e.hint("it is in use: `komod list` shows by what"),
        16 => e.hint(
            "it has module_init but no module_exit (such a module stays), or its init or \
                      exit crashed",
        ),
        _ => e,
    }
}

fn path_refused(what: &str, path: &str, errno: i32) -> Explained {
    let e = Explained::new(format!("{what} {path}: {}", errno::full(errno)));
    match errno {
        2 => e.hint("paths are that kernel's: `komod ls /proc`"),
        21 => e.hint(format!("`komod ls {path}` lists a directory")),
        _ => e,
    }
}

fn ioctl_refused(path: &str, errno: i32) -> Explained {
    let e = Explained::new(format!("ioctl on {path}: {}", errno::full(errno)));
    match errno {
        2 => e.hint("paths are that kernel's: `komod ls /dev`"),
        25 => e.hint("ENOTTY means that the driver does not know this command"),
        14 => e.hint("the command wants a buffer: give one with --buffer SIZE or --in BYTES"),
        _ => e,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_speak_as_insmod_does() {
        let of = |errno, stage| {
            let error = PlaceError::Refused { errno, stage, code: None };
            explain(&error, Doing::Load("x")).to_string()
        };
        assert_eq!(of(8, Stage::Load), "cannot load x: Invalid module format (ENOEXEC)");
        assert_eq!(of(2, Stage::Load), "cannot load x: Unknown symbol in module (ENOENT)");
        assert_eq!(of(12, Stage::Init), "init of x returned -12, ENOMEM (Cannot allocate memory)");
    }

    #[test]
    fn a_known_reason_is_told_with_its_code() {
        let code = Some("L-03".to_owned());
        let error = PlaceError::Refused { errno: 8, stage: Stage::Load, code };
        let e = explain(&error, Doing::Load("x"));
        let message = "cannot load x: Invalid module format (ENOEXEC) [L-03]: the version magic \
                       differs";
        assert_eq!((e.message.as_str(), e.hints.len()), (message, 1));
        assert!(e.hints[0].contains("komod explain L-03"), "{e:?}");
    }

    #[test]
    fn of_the_tasks_that_wait_only_the_users_are_named() {
        let waiting = ["kworker/0:0/7", "insmod/37", "rcu_gp/3"].map(str::to_owned).to_vec();
        let error = PlaceError::Deadlock { stage: Stage::Init, waiting };
        let e = explain(&error, Doing::Load("x"));
        assert_eq!(e.message, "init of x waits for something that never comes");
        assert_eq!(e.hints[1], "waiting: insmod/37; and 2 tasks of the kernel itself");
    }

    #[test]
    fn the_way_out_is_named() {
        let up = explain(&PlaceError::NotUp { name: "a".into() }, Doing::Other("x"));
        assert_eq!(up.hints, ["start it: komod up a"]);
        let gone = PlaceError::Refused { errno: 2, stage: Stage::Exit, code: None };
        assert_eq!(explain(&gone, Doing::Unload("m")).to_string(), "module m is not loaded");
    }
}
