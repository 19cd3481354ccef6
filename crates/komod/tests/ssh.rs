//! `--on ssh:BOARD`: by komod's agent, and by the board's shell alone. The board is an sshd on the
//! loopback; as its kernel takes no modules, `insmod` and the like are made up there. A board with a
//! kernel of its own is in `ssh_board.rs`.
#![forbid(unsafe_code)]

mod common;

use common::sshd::{self, Sshd};
use common::{Kernel, Said, User, kernels, project};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

struct Board {
    sshd: Sshd,
    user: User,
}

impl Board {
    /// With these commands made up: name and script.
    fn new(test: &str, commands: &[(&str, &str)]) -> Option<Board> {
        if !sshd::is_there() {
            return None;
        }
        let user = User::new(test);
        std::fs::create_dir_all(user.dir.join("bin")).unwrap();
        for (name, script) in commands {
            let path = user.file(&format!("bin/{name}"), format!("#!/bin/sh\n{script}\n"));
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
        }
        let sshd = Sshd::start(&user, &user.dir.join("bin"));
        Some(Board { sshd, user })
    }

    fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = self.user.command(args);
        command.env("KOMOD_SSH", &self.sshd.ssh);
        command
    }

    fn komod(&self, args: &[&str]) -> Said {
        Said::of(self.command(args).output().unwrap())
    }

    fn text(&self, file: &str) -> String {
        std::fs::read_to_string(self.user.dir.join(file)).unwrap_or_default()
    }
}

fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(40);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited for too long");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Agents on this machine that serve this folder's test: they have its board in their environment.
fn agents(board: &Board) -> usize {
    let mark = format!("FAKE={}", board.user.dir.display());
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let has = |file: PathBuf, text: &str| {
        let bytes = std::fs::read(file).unwrap_or_default();
        String::from_utf8_lossy(&bytes).contains(text)
    };
    processes
        .filter(|p| {
            has(p.path().join("environ"), &mark) && has(p.path().join("cmdline"), "--agent")
        })
        .count()
}

/// Whatever komod puts on a board begins so.
fn left_on_the_board() -> Vec<String> {
    let names = ["/tmp", "/var/tmp", "/dev/shm", "/run"].iter().flat_map(std::fs::read_dir);
    let names = names.flatten().flatten().filter_map(|e| e.file_name().into_string().ok());
    // A random name has sixteen digits; folders of tests and users have not.
    let ours = |name: &String| {
        name.strip_prefix("komod-").is_some_and(|rest| {
            let digits = rest.strip_suffix(".ko").unwrap_or(rest);
            digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit())
        })
    };
    names.filter(ours).collect()
}

#[test]
fn an_agent_is_carried_there() {
    let Some(board) = Board::new("agent", &[]) else { return };
    let on = ["--on", "ssh:board"];
    let komod = |args: &[&str]| board.komod(&[args, &on].concat());
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert_eq!(komod(&["cat", "/proc/sys/kernel/osrelease"]).good().out, release);
    let file = board.user.file("written", "");
    komod(&["write", file.to_str().unwrap(), "there"]).good();
    assert_eq!(board.text("written"), "there\n");
    assert!(komod(&["ls", "/proc/self"]).good().out.contains("status\n"));
    // That is what only a program can do.
    komod(&["ioctl", "/dev/null", "1"]).ends_with(1).complains("ENOTTY");
    komod(&["cat", "/nonexistent"]).ends_with(1).complains("ENOENT");
    komod(&["list", "--name", "x"]).ends_with(2);

    // While it runs: a socket for us alone. Killed, it leaves nothing behind but that, and the next
    // one removes it.
    let mut args = vec!["log", "-f", "--new"];
    args.extend(on);
    let mut follower = board.command(&args).stdout(Stdio::null()).spawn().unwrap();
    let sockets = || -> Vec<PathBuf> {
        let dir = std::fs::read_dir(board.user.dir.join("komod")).into_iter().flatten().flatten();
        dir.map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "ssh")).collect()
    };
    until(|| (agents(&board) > 0).then_some(()));
    let socket = sockets().remove(0);
    assert_eq!(std::fs::metadata(&socket).unwrap().mode() & 0o777, 0o600);
    until(|| left_on_the_board().is_empty().then_some(()));
    follower.kill().unwrap();
    follower.wait().unwrap();
    until(|| (agents(&board) == 0).then_some(()));
    komod(&["ls", "/"]).good();
    assert_eq!(sockets(), Vec::<PathBuf>::new());
    until(|| (agents(&board) == 0).then_some(()));
    until(|| left_on_the_board().is_empty().then_some(()));
}

#[test]
fn who_does_not_answer_is_named() {
    let Some(board) = Board::new("unreachable", &[]) else { return };
    board
        .komod(&["list", "--on", "ssh:no-such-board.invalid"])
        .ends_with(1)
        .complains("ssh does not reach no-such-board.invalid: ")
        .complains("hint: komod asks no questions");
    // No key, and nobody is asked for a password.
    std::fs::remove_file(board.user.dir.join("user-key")).unwrap();
    board.komod(&["list", "--on", "ssh:board"]).ends_with(1).complains("Permission denied");
    let without = board.command(&["list", "--on", "ssh:board"]).env("KOMOD_SSH", "/none").output();
    Said::of(without.unwrap()).ends_with(1).complains("cannot start /none");
}

/// A board of another kind, with tools that do as if. `$FAKE/MODULE.does` is what else insmod does.
const FAKES: [(&str, &str); 6] = [
    ("uname", "case $1 in -m) echo armv7l;; *) cat \"$FAKE/release\";; esac"),
    (
        "cat",
        "case $1 in\n\
         /proc/modules) exec /bin/cat \"$FAKE/modules\";;\n\
         /proc/self/status) printf 'Uid:\\t0\\t0\\t0\\t0\\nCapEff:\\t000001ffffffffff\\n'; exit;;\n\
         /proc/cmdline|/proc/sys/kernel/*|/sys/kernel/security/*|/sys/devices/system/cpu/vuln*) exit 1;;\n\
         esac\nexec /bin/cat \"$@\"",
    ),
    ("dd", "exit 1"),
    (
        "dmesg",
        "case $1 in --help) echo ' -w, --follow';; -w) exec tail -n +1 -f \"$FAKE/log\";; \
         *) exec cat \"$FAKE/log\";; esac",
    ),
    (
        "insmod",
        "file=$1; shift\n\
         name=$(tr '\\0' '\\n' <\"$file\" | sed -n 's/^name=\\([a-z_]*\\)$/\\1/p' | head -n 1)\n\
         echo \"$(stat -L -c %a \"$file\") $name $*\" >>\"$FAKE/insmods\"\n\
         if [ -e \"$FAKE/$name.does\" ]; then . \"$FAKE/$name.does\"; fi\n\
         echo \"[$(cut -d' ' -f1 /proc/uptime)0000] $name: comes with <$*>\" >>\"$FAKE/log\"\n\
         echo \"$name 16384 0 - Live 0x0\" >>\"$FAKE/modules\"",
    ),
    (
        "rmmod",
        "grep -q \"^$1 \" \"$FAKE/modules\" || { echo \"rmmod: ERROR: Module $1 is not currently loaded\" >&2; exit 1; }\n\
         sed -i \"/^$1 /d\" \"$FAKE/modules\"\n\
         echo \"[$(cut -d' ' -f1 /proc/uptime)0000] $1: goes\" >>\"$FAKE/log\"",
    ),
];

fn shell_board(test: &str, more: &[(&str, &str)]) -> Option<(Board, Kernel, String)> {
    let kernel = kernels().into_iter().next()?;
    let board = Board::new(test, &[&FAKES, more].concat())?;
    board.user.file("release", format!("{}\n", kernel.release));
    board.user.file("modules", "");
    board.user.file("log", "[    1.000000] long ago\n");
    let root = kernel.root.to_str().unwrap().to_owned();
    Some((board, kernel, root))
}

#[test]
fn a_shell_will_do() {
    let Some((board, kernel, root)) = shell_board("shell", &[]) else { return };
    let hello = board.user.build(&kernel, &project("examples/hello"), &[]).remove(0);
    let export = board.user.build(&kernel, &project("examples/export"), &[]);
    let reader = export.iter().find(|f| f.ends_with("reader.ko")).unwrap();
    let run = |what: &[&str]| {
        board.komod(&[&["run", "--on", "ssh:board", "--kernel", &root], what].concat())
    };
    let said = run(&[&hello]).good().logs(&["hello: comes with <>", "hello: goes"]);
    assert!(!said.out.contains("long ago"), "{said:?}");
    let said = said.complains("board is spoken to by its shell: komod here is for x86_64");
    said.complains("ok: hello loaded and unloaded").complains("on board");
    assert_eq!(board.text("insmods"), "600 hello \n");

    let report = run(&[reader, "--json"]).good().json("komod-run");
    assert_eq!((&report["place"], &report["board"]), (&"ssh".into(), &"board".into()));
    assert_eq!(report["start"], "shell");
    let names: Vec<_> = report["modules"].as_array().unwrap().iter().map(|m| &m["name"]).collect();
    assert_eq!(names, ["counter", "reader"]);
    let log: Vec<_> = report["log"].as_array().unwrap().iter().map(|r| &r["text"]).collect();
    assert_eq!(
        log,
        ["counter: comes with <>", "reader: comes with <>", "reader: goes", "counter: goes"]
    );

    // What a kernel that stays does.
    let komod = |args: &[&str]| board.komod(&[args, &["--on", "ssh:board"]].concat());
    let params = board.user.build(&kernel, &project("examples/params"), &[]).remove(0);
    komod(&["load", "--kernel", &root, &params, "count=3", "label=a b"]).good();
    assert!(board.text("insmods").ends_with("params count=3 label=\"a b\"\n"));
    assert!(komod(&["list"]).good().out.contains("params                 16384  0"));
    komod(&["load", "--kernel", &root, &params]).ends_with(1).complains("[L-24]");
    komod(&["unload", "params"]).good();
    komod(&["unload", "params"]).ends_with(1).complains("module params is not loaded");
    komod(&["log"]).good().logs(&["long ago", "params: comes", "params: goes"]);
    let file = board.user.file("it's", "");
    komod(&["write", file.to_str().unwrap(), "a\\b 'c' %d"]).good();
    assert_eq!(komod(&["cat", file.to_str().unwrap()]).good().out, "a\\b 'c' %d\n");
    let listed = komod(&["ls", "-l", board.user.dir.to_str().unwrap()]).good().out;
    let line = |name: &str| listed.lines().find(|l| l.ends_with(name)).unwrap().chars().next();
    assert_eq!((line(" bin"), line(" it's")), (Some('d'), Some('-')));
    komod(&["ls", "/nonexistent"]).ends_with(1).complains("ENOENT");
    komod(&["ioctl", "/dev/null", "1"]).ends_with(1).complains("beyond the board's shell");

    // What the tool says is the kernel's error number.
    let does = |module: &str, script: &str| board.user.file(&format!("{module}.does"), script);
    does("hello", "echo \"insmod: can't insert '$file': invalid module format\" >&2; exit 1");
    run(&[&hello]).ends_with(1).complains("cannot load hello: Invalid module format (ENOEXEC)");
    let oops = "[TIME] BUG: kernel NULL pointer dereference, address: 0000000000000000\n\
                [TIME] Oops: 0002 [#1] PREEMPT SMP NOPTI\n\
                [TIME] CPU: 0 PID: 7 Comm: insmod Tainted: G           OE 6.1.0 #1\n\
                [TIME] RIP: 0010:test_init+0x13/0x20 [hello]\n\
                [TIME] Call Trace:\n[TIME]  do_one_initcall+0x56/0x230\n\
                [TIME] ---[ end trace 0000000000000000 ]---\n";
    board.user.file("oops", oops);
    does(
        "hello",
        "t=$(cut -d' ' -f1 /proc/uptime); sed \"s/TIME/${t}0000/\" \"$FAKE/oops\" >>\"$FAKE/log\"; kill -9 $$",
    );
    let said = run(&[&hello]).ends_with(1).complains("init of hello crashed");
    said.logs(&["BUG: kernel NULL pointer dereference"]);
    until(|| left_on_the_board().is_empty().then_some(()));
}

#[test]
fn sudo_is_asked_without_a_question() {
    let more = [
        ("id", "echo 1000"),
        ("sudo", "[ \"$1\" = -n ] || exit 1; shift; echo \"$*\" >>\"$FAKE/sudos\"; exec \"$@\""),
    ];
    let Some((board, kernel, root)) = shell_board("sudo", &more) else { return };
    let hello = board.user.build(&kernel, &project("examples/hello"), &[]).remove(0);
    let args = ["run", "--on", "ssh:board", "--no-agent", "--kernel", &root, &hello];
    board.komod(&args).good().logs(&["hello: comes with <>", "hello: goes"]);
    let sudos = board.text("sudos");
    assert!(sudos.contains("insmod") && sudos.contains("rmmod"), "{sudos}");
}

/// The board goes away in the middle of a load, or says nothing any more.
#[test]
fn a_board_that_hangs_can_be_helped() {
    let Some((board, kernel, root)) = shell_board("hang", &[]) else { return };
    let hello = board.user.build(&kernel, &project("examples/hello"), &[]).remove(0);
    // The server of this connection: the parent of insmod's shell.
    let server = "server=$(sed 's/.*) //' /proc/$PPID/stat | cut -d' ' -f2)\n\
                  echo \"[$(cut -d' ' -f1 /proc/uptime)0000] hello: last words\" >>\"$FAKE/log\"; sleep 1\n\
                  echo $server >\"$FAKE/server\"\n";
    for (what, command) in
        [("cut", "kill -9 $server; exit 1"), ("stopped", "kill -STOP $server; sleep 100")]
    {
        board.user.file("hello.does", format!("{server}{command}"));
        let helped = board.user.dir.join(format!("helped-{what}"));
        let help = format!("echo on; echo $KOMOD_BOARD >{}", helped.display());
        let args = ["run", "--on", "ssh:board", "--kernel", &root, "--on-hang", &help, &hello];
        let started = Instant::now();
        let said = board.komod(&args).ends_with(1).logs(&["hello: last words"]);
        let stopped: i32 = board.text("server").trim().parse().unwrap();
        let _ = std::process::Command::new("kill").args(["-9", &stopped.to_string()]).status();
        assert!(started.elapsed() < Duration::from_secs(60), "{said:?}");
        assert_eq!(said.out.lines().filter(|l| l.trim() == "on").count(), 0, "{said:?}");
        said.complains("the line ended while loading hello.ko").complains("board does not answer");
        assert_eq!(board.text(&format!("helped-{what}")), "board\n");
    }
}
