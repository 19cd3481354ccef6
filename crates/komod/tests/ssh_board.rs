//! `--on ssh:BOARD` with a board that has a kernel of its own and little else: a virtual machine
//! with busybox and an sshd.
#![forbid(unsafe_code)]

mod common;

use common::guest::{self, Files, Guest};
use common::sshd::{self, client, free_port, key};
use common::{Kernel, Said, User, kernels_in_turn, project};
use komod_place::dependencies::{self, ModuleFile};
use std::collections::BTreeSet;
use std::path::Path;

/// sshd and what it starts for a connection.
const SERVER: [&str; 2] = ["/usr/sbin/sshd", "/usr/lib/openssh/sshd-session"];

struct Board {
    user: User,
    ssh: String,
    guest: Guest,
}

impl Board {
    fn boot(user: User, kernel: &Kernel, own: &str) -> Board {
        let mut files = Files::default();
        let mut script = String::new();
        for (at, driver) in drivers(kernel).iter().enumerate() {
            files.put(&format!("/drivers/{at:02}-{}.ko", driver.name), &driver.elf);
        }
        let modules = format!("/lib/modules/{}", kernel.release);
        files.copy(&format!("{modules}/updates/counter.ko"), own);
        files.put(&format!("{modules}/modules.dep"), "updates/counter.ko:\n");
        script.push_str("for ko in /drivers/*; do insmod $ko; done\n");
        script.push_str(
            "ip link set lo up; ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0\n",
        );
        for server in SERVER.iter().filter(|path| Path::new(path).exists()) {
            files.program(server, Path::new(server));
        }
        let (host, own) = (key(&user.dir, "host-key"), key(&user.dir, "user-key"));
        files.copy("/etc/ssh/host-key", host);
        files.copy("/etc/ssh/keys", own.with_extension("pub"));
        files.put(
            "/etc/ssh/sshd_config",
            "HostKey /etc/ssh/host-key\nAuthorizedKeysFile /etc/ssh/keys\nStrictModes no\n\
             UsePAM no\nPermitRootLogin yes\nSetEnv PATH=/bin\n",
        );
        files.put(
            "/etc/passwd",
            "root:x:0:0::/root:/bin/sh\nsshd:x:101:65534::/run/sshd:/bin/false\n",
        );
        files.put("/etc/group", "root:x:0:\nnogroup:x:65534:\n");
        files.folder("/run/sshd");
        script.push_str(
            "chmod 600 /etc/ssh/host-key; chmod 755 /run/sshd; mkdir -p /dev/pts\n\
             /usr/sbin/sshd -f /etc/ssh/sshd_config && echo READY\n\
             sleep 100000\n",
        );
        let port = free_port();
        let net = format!("user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{port}-10.0.2.15:22");
        let network = ["-netdev", &net, "-device", "virtio-net-pci,netdev=net"];
        let mut guest = Guest::start(&user, kernel, files, &script, &network);
        let ssh = client(&user, "board", port, "root", &own);
        guest.says("READY");
        Board { user, ssh, guest }
    }

    fn komod(&self, args: &[&str]) -> Said {
        let mut command = self.user.command(args);
        Said::of(command.env("KOMOD_SSH", &self.ssh).output().unwrap())
    }
}

/// Those of the machine's network card, in loading order.
fn drivers(kernel: &Kernel) -> Vec<ModuleFile> {
    let modules = kernel.root.join(format!("lib/modules/{}", kernel.release));
    let files: Vec<_> = ["virtio_pci", "virtio_net"]
        .iter()
        .filter_map(|name| dependencies::find_stock(&modules, name))
        .collect();
    dependencies::load_order(&files, Some(&modules), &BTreeSet::new()).unwrap().modules
}

#[test]
fn a_board_with_a_kernel_of_its_own() {
    for kernel in kernels_in_turn() {
        if guest::busybox().is_some() && sshd::is_there() {
            on_a_board(&kernel);
        }
    }
}

fn on_a_board(kernel: &Kernel) {
    let user = User::new("board");
    let root = kernel.root.to_str().unwrap().to_owned();
    let build = |what: &str| user.build(kernel, &project(what), &[]);
    let hello = build("examples/hello").remove(0);
    let reader = build("examples/export").into_iter().find(|f| f.ends_with("reader.ko")).unwrap();
    let params = build("examples/params").remove(0);
    let case = |name: &str| {
        let source = std::fs::read(project(&format!("tests/cases/{name}.c"))).unwrap();
        let source = user.file(&format!("{name}/{name}.c"), source);
        user.build(kernel, &source, &[]).remove(0)
    };
    let (fault, endless) = (case("init-null"), case("init-loop"));
    let board = Board::boot(user, kernel, &reader.replace("reader.ko", "counter.ko"));

    let expected = {
        let report = board.komod(&["run", &hello, "--kernel", &root, "--json"]).json("komod-run");
        texts(&report)
    };
    for way in ["agent", "shell"] {
        let more: &[&str] = if way == "shell" { &["--no-agent"] } else { &[] };
        let komod = |args: &[&str]| board.komod(&[args, &["--on", "ssh:board"], more].concat());
        let run = |args: &[&str]| komod(&[&["run", "--kernel", &root], args].concat());
        let report = run(&[&hello, "--json"]).good().json("komod-run");
        assert_eq!((&report["place"], &report["start"]), (&"ssh".into(), &way.into()));
        assert_eq!(texts(&report), expected, "{way}");
        run(&[&reader]).good().logs(&["counter: ready", "reader: counted 1, then 2"]);
        if way == "agent" {
            // A connection takes its time in an emulated machine.
            continue;
        }
        run(&["cordic"]).good().complains("ok: cordic loaded and unloaded");
        run(&[&hello, "nothing=1"]).good().logs(&["unknown parameter 'nothing' ignored"]);
        komod(&["load", "--kernel", &root, &params, "count=7"]).good();
        assert!(komod(&["list"]).good().out.contains("\nparams "), "{way}");
        let count = komod(&["cat", "/sys/module/params/parameters/count"]).good().out;
        assert_eq!(count, "7\n");
        komod(&["write", "/proc/sys/kernel/hostname", way]).good();
        assert_eq!(komod(&["cat", "/proc/sys/kernel/hostname"]).good().out.trim(), way);
        assert!(komod(&["ls", "/sys/module/params"]).good().out.contains("parameters\n"));
        komod(&["unload", "params"]).good();
        komod(&["unload", "params"]).ends_with(1).complains("module params is not loaded");
        komod(&["log"]).good().logs(&["Linux version 6.", "===Test Module End!==="]);
        // What check foretells is not tried; what it cannot know, the kernel says.
        run(&[&params, "count=x"]).ends_with(1).complains("[L-40]").complains("nothing was loaded");
        let forced = run(&["--force", &params, "count=x"]).ends_with(1);
        forced.complains("cannot load params: Invalid parameters (EINVAL)");
    }
    // Where there is nothing of its kernel here, modules come from the board itself.
    let nothing = |args: &[&str]| {
        let mut command =
            board.user.command(&[args, &["--on", "ssh:board", "--no-agent"]].concat());
        let command = command.env("KOMOD_SSH", &board.ssh);
        Said::of(command.env("KOMOD_CACHE", board.user.dir.join("none")).output().unwrap())
    };
    let alone = board.user.dir.join("alone");
    std::fs::create_dir(&alone).unwrap();
    std::fs::copy(&reader, alone.join("reader.ko")).unwrap();
    let said = nothing(&["run", alone.join("reader.ko").to_str().unwrap()]).good();
    let said = said.logs(&["counter: ready", "reader: counted 1, then 2", "counter: stopped"]);
    said.complains("so only the release was checked");
    nothing(&["run", "counter"]).good().logs(&["counter: ready", "counter: stopped"]);

    let left = board.komod(&["ls", "/tmp", "--on", "ssh:board", "--no-agent"]).good().out;
    assert!(!left.contains("komod-"), "{left}");
    let traces = ["ls", "/sys/kernel/tracing/instances", "--on", "ssh:board", "--no-agent"];
    assert_eq!(board.komod(&traces).good().out, "");

    // A fault, which is heard of by both ways; the agent first, as one Oops changes nothing for it.
    for more in [&[][..], &["--no-agent"][..]] {
        let args = [&["run", &fault, "--kernel", &root, "--on", "ssh:board"][..], more].concat();
        let said = board.komod(&args).ends_with(1);
        if more.is_empty() {
            said.logs(&["BUG: kernel NULL pointer dereference"])
                .complains("init of init_null crashed");
        } else {
            // It is still there, as its init never came back.
            said.complains("cannot load init_null: File exists (EEXIST) [L-24]");
        }
    }

    // The kernel comes no more to anything else: an endless loop on its only processor.
    let helped = board.user.dir.join("helped");
    let help = format!("echo $KOMOD_BOARD >{}", helped.display());
    let on = ["--kernel", &root, "--on", "ssh:board", "--on-hang", &help];
    let said = board.komod(&[&["run", &endless][..], &on].concat()).ends_with(1);
    let ended =
        said.err.contains("nothing was heard for 15 s") || said.err.contains("the line ended");
    assert!(ended && said.err.contains("note: board does not answer"), "{said:?}");
    assert_eq!(std::fs::read_to_string(helped).unwrap(), "board\n");
    drop(board.guest);
}

fn texts(report: &serde_json::Value) -> Vec<String> {
    let log = report["log"].as_array().unwrap().iter();
    let texts = log.map(|r| r["text"].as_str().unwrap().to_owned());
    // A kernel says once that it is tainted.
    texts.filter(|t| !t.contains("taint")).collect()
}
