//! A kernel that stays, spoken to by one process after the other.
#![forbid(unsafe_code)]

mod common;

use common::{Kernel, User, kernels, project};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn up(user: &User, kernel: &Kernel) {
    let said = user.komod(&["up", "--kernel", kernel.root.to_str().unwrap()]).good();
    let said = said.logs(&[&format!("default: {} is up (pid ", kernel.release)]);
    assert!(said.out.contains("booted in"), "{said:#?}");
}

#[test]
fn modules_stay_between_commands() {
    for kernel in kernels() {
        let user = User::new("stay");
        up(&user, &kernel);
        let again = user.komod(&["up"]).good();
        assert!(again.out.contains("is up already"), "{again:#?}");

        let hello = user.build(&kernel, &project("examples/hello"), &[]).remove(0);
        assert_eq!(user.komod(&["load", &hello]).good().out, "", "as insmod, it is silent");
        let list = user.komod(&["list"]).good();
        let mut lines = list.out.lines();
        assert_eq!(lines.next(), Some("Module                  Size  Used by"));
        assert!(lines.next().unwrap().starts_with("hello    "), "{list:#?}");
        user.komod(&["cat", "/proc/modules"]).good().logs(&["hello "]);
        user.komod(&["symbols", "--module", "hello", "hello_exit"]).good().logs(&["hello_exit"]);
        user.komod(&["load", &hello])
            .ends_with(1)
            .complains("File exists (EEXIST)")
            .complains("komod unload hello");
        user.komod(&["unload", "hello"]).good();
        user.komod(&["unload", "hello"]).ends_with(1).complains("module hello is not loaded");

        user.komod(&["log"]).good().logs(&[
            "devtmpfs: initialized",
            "===Test Module Start!===",
            "===Test Module End!===",
        ]);
        assert_eq!(user.komod(&["down"]).good().out, "default: down\n");
        user.komod(&["list"]).ends_with(1).complains("komod up");
    }
}

#[test]
fn info_asks_the_kernel_that_is_up() {
    for kernel in kernels() {
        let user = User::new("info");
        let root = kernel.root.to_str().unwrap();
        user.komod(&["up", "one", "--kernel", root]).good();
        let hello = user.build(&kernel, &project("examples/hello"), &[]).remove(0);
        let said = user.komod(&["info", "hello"]).ends_with(1);
        said.complains("no such module in one").complains("komod list");
        user.komod(&["load", &hello]).good();
        let file = format!("filename:       {hello}");
        for args in [&["info", "hello"][..], &["info", "--name", "one", "hello"]] {
            user.komod(args).good().logs(&[&file, "state:          Live"]);
        }
        let json = user.komod(&["info", "hello", "--json"]).good().json("komod-info");
        assert_eq!(json["modules"][0]["loaded"]["name"], "hello");
        user.komod(&["info", "--name", "two", "hello"]).ends_with(1).complains("komod up two");
        // A file is a file.
        let json = user.komod(&["info", &hello, "--json"]).good().json("komod-info");
        assert!(json["modules"][0]["loaded"].is_null());
        let status = user.komod(&["status"]).good();
        assert!(!status.out.contains("Nottainted"), "{status:#?}");
    }
}

#[test]
fn files_are_read_and_written() {
    for kernel in kernels() {
        let user = User::new("files");
        up(&user, &kernel);
        let procnote = project("examples/proc");
        user.komod(&["load", procnote.to_str().unwrap()]).good();
        user.komod(&["write", "/proc/procnote", "remember the milk"]).good();
        user.komod(&["cat", "/proc/procnote"]).good().logs(&["remember the milk"]);
        user.komod(&["ls", "/proc"]).good().logs(&["procnote"]);
        user.komod(&["cat", "/proc/none"]).ends_with(1).complains("ENOENT").complains("komod ls");
        user.komod(&["cat", "/proc"]).ends_with(1).complains("EISDIR");
        let entries = user.komod(&["ls", "/sys/module", "--json"]).good().json("komod-ls");
        let entries = entries["directories"][0]["entries"].as_array().unwrap();
        assert!(entries.iter().any(|e| e["name"] == "procnote"), "{entries:?}");

        let chardev = project("examples/chardev");
        user.komod(&["load", chardev.to_str().unwrap()]).good();
        user.komod(&["ls", "-l", "/dev"]).good().logs(&["chardev"]);
        user.komod(&["ioctl", "/dev/chardev", "_IO(k, 0)"]).good().logs(&["0"]);
        user.komod(&["ioctl", "/dev/chardev", "_IO(k, 99)"]).ends_with(1).complains("ENOTTY");
        user.komod(&["unload", "chardev", "procnote"]).good();
    }
}

#[test]
fn a_read_waits_for_a_write_and_lets_go_of_the_module() {
    const SOURCE: &str = r#"
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

static DECLARE_WAIT_QUEUE_HEAD(queue);
static char text[64];
static size_t len;

static ssize_t take(struct file *file, char __user *to, size_t n, loff_t *at)
{
	if (wait_event_interruptible(queue, len))
		return -ERESTARTSYS;
	n = min(n, len);
	len = 0;
	return copy_to_user(to, text, n) ? -EFAULT : n;
}

static ssize_t give(struct file *file, const char __user *from, size_t n, loff_t *at)
{
	n = min(n, sizeof(text));
	if (copy_from_user(text, from, n))
		return -EFAULT;
	len = n;
	wake_up_interruptible(&queue);
	return n;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE, .read = take, .write = give,
};
static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR, .name = "letterbox", .fops = &operations,
};
module_misc_device(device);
MODULE_DESCRIPTION("komod test case");
MODULE_LICENSE("GPL");
"#;
    for kernel in kernels() {
        let user = User::new("waits");
        up(&user, &kernel);
        let source = user.file("letterbox.c", SOURCE);
        user.komod(&["load", source.to_str().unwrap()]).good();
        let mut cat = user.command(&["cat", "/dev/letterbox"]);
        let mut cat = cat.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(cat.stdout.take().unwrap()).lines();
        for text in ["first", "second"] {
            user.komod(&["write", "/dev/letterbox", text]).good();
            assert_eq!(lines.next().unwrap().unwrap(), text);
        }
        user.komod(&["unload", "letterbox"]).ends_with(1).complains("EAGAIN");
        cat.kill().unwrap();
        cat.wait().unwrap();
        let end = Instant::now() + Duration::from_secs(10);
        while user.komod(&["list"]).good().out.lines().any(|l| l.ends_with(" 1")) {
            assert!(Instant::now() < end, "the module stays in use");
        }
        user.komod(&["unload", "letterbox"]).good();
    }
}

#[test]
fn the_log_is_followed_and_cleared() {
    for kernel in kernels() {
        let user = User::new("log");
        up(&user, &kernel);
        let warnings = user.komod(&["log", "-l", "err,warn", "-x", "-t"]).good().out;
        let lead =
            |line: &str| line.starts_with("kern  :err   : ") || line.starts_with("kern  :warn  : ");
        assert!(!warnings.is_empty() && warnings.lines().all(lead), "{warnings}");
        user.komod(&["log", "-c"]).good().logs(&["devtmpfs: initialized"]);
        assert_eq!(user.komod(&["log"]).good().out, "");
        let mut follower = user
            .command(&["log", "-f"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(follower.stdout.take().unwrap()).lines();
        let hello = project("examples/hello");
        user.komod(&["load", hello.to_str().unwrap()]).good();
        let mut lines = lines.map_while(Result::ok);
        assert!(lines.any(|l| l.contains("===Test Module Start!===")));
        user.komod(&["unload", "hello"]).good();
        assert!(lines.any(|l| l.contains("===Test Module End!===")));
        for line in user.komod(&["log", "--json"]).good().out.lines() {
            let entry: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(entry["format"], "komod-log");
        }
        user.komod(&["down"]).good();
        assert!(follower.wait().unwrap().success(), "down ends those who follow");
    }
}

#[test]
fn several_kernels_are_up_under_their_names() {
    for kernel in kernels() {
        let user = User::new("names");
        let root = kernel.root.to_str().unwrap();
        user.komod(&["up", "a", "--kernel", root]).good();
        // The only one needs no name.
        user.komod(&["list"]).good();
        let up = user.komod(&["up", "b", "--json", "--kernel", root]).good().json("komod-up");
        assert_eq!(up["komod_version"], env!("CARGO_PKG_VERSION"));
        user.komod(&["list"]).ends_with(2).complains("several kernels are up: a, b");
        let hello = project("examples/hello");
        user.komod(&["load", hello.to_str().unwrap(), "--name", "b"]).good();
        assert!(!user.komod(&["list", "--name", "a"]).good().out.contains("hello"));
        assert!(user.komod(&["list", "--name", "b"]).good().out.contains("hello"));
        let status = user.komod(&["status", "--json"]).good().json("komod-status");
        assert_eq!(status["kernels"].as_array().unwrap().len(), 2);
        user.komod(&["down", "--all"]).good();
    }
}

/// The kernel process of a supervisor: its only child.
fn kernel_of(user: &User) -> Option<String> {
    let status = user.komod(&["status", "--json"]).good().json("komod-status");
    let supervisor = status["kernels"][0]["info"]["pid"].to_string();
    let found = Command::new("pgrep").args(["-P", &supervisor]).output().expect("pgrep");
    let pid = String::from_utf8(found.stdout).unwrap().trim().to_owned();
    (!pid.is_empty()).then_some(pid)
}

#[test]
fn a_kernel_that_was_killed_is_replaced_and_people_are_told() {
    for kernel in kernels() {
        let user = User::new("death");
        up(&user, &kernel);
        let hello = user.build(&kernel, &project("examples/hello"), &[]).remove(0);
        user.komod(&["load", &hello]).good();
        // Not so soon that it looks like a kernel that cannot live.
        std::thread::sleep(Duration::from_millis(2100));
        let pid = kernel_of(&user).expect("a kernel process");
        assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let log = user.komod(&["log"]).good();
            if log.out.contains("restarted: its modules are gone") {
                assert!(log.out.contains("the kernel died (signal: 9"), "{log:#?}");
                break;
            }
            assert!(Instant::now() < end, "{log:#?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(!user.komod(&["list"]).good().out.contains("hello"));
        user.komod(&["load", &hello]).good();
        let status = user.komod(&["status"]).good();
        assert!(status.err.contains("(1 restart)"), "{status:#?}");
    }
}

#[test]
fn a_crashing_module_does_not_take_the_commands_with_it() {
    for kernel in kernels() {
        let user = User::new("crash");
        up(&user, &kernel);
        let crash = project("tests/cases/init-null.c");
        let said = user.komod(&["load", crash.to_str().unwrap()]).ends_with(1);
        said.complains("NULL pointer dereference").complains("init-null.c:").complains("crashed");
        user.komod(&["list"]).good();
        user.komod(&["cat", "/proc/version"]).good().logs(&["Linux version"]);
        let hello = project("examples/hello");
        user.komod(&["load", hello.to_str().unwrap()]).good();
    }
}
