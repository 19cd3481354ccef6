//! The command line where no kernel is needed: help, errors, the way out.
#![forbid(unsafe_code)]

mod common;

use common::User;

#[test]
fn help_teaches_by_examples() {
    let user = User::without_cache("help");
    let all = user.komod(&["--help"]).good();
    for word in ["komod run examples/hello", "stdout", "Exit status"] {
        assert!(all.out.contains(word), "{word}: {all:#?}");
    }
    let commands = [
        "run", "build", "up", "load", "info", "diff", "log", "symbols", "cat", "write", "ls",
        "ioctl", "check", "explain",
    ];
    for command in commands {
        let said = user.komod(&[command, "--help"]).good();
        assert!(said.out.contains("Examples:\n  komod "), "{said:#?}");
        assert!(said.out.lines().all(|l| l.chars().count() <= 100), "{said:#?}");
    }
    for command in ["down", "status", "unload", "list", "kernel"] {
        user.komod(&[command, "--help"]).good();
    }
    let run = user.komod(&["run", "--help"]).good();
    assert!(run.out.contains("Exit status:"), "{run:#?}");
}

#[test]
fn a_wrong_command_line_is_status_2() {
    let user = User::without_cache("usage");
    user.komod(&["no-such-command"]).ends_with(2);
    user.komod(&["run", "--no-such-flag"]).ends_with(2);
    user.komod(&["log", "--level", "loud"]).ends_with(2).complains("want emerg");
    user.komod(&["ioctl", "/dev/x", "_IOR(k, 1)"]).ends_with(2).complains("three parts");
    user.komod(&["build", "--make", "novalue"]).ends_with(2).complains("NAME=VALUE");
}

#[test]
fn unknown_kernels_are_named_with_the_way_out() {
    let user = User::without_cache("kernel");
    let c = user.file("x.c", "");
    let c = c.to_str().unwrap();
    for command in ["build", "run"] {
        user.komod(&[command, c, "--kernel", "9.9"])
            .ends_with(1)
            .complains("9.9")
            .complains("hint: ")
            .complains("komod kernel list");
    }
    user.komod(&["run", c, "--kernel", "/no/such/path"]).ends_with(1).complains("/no/such/path");
    let shown = user.komod(&["run", c, "--kernel", "9.9", "--json"]).ends_with(1);
    let error = shown.json("komod-error");
    assert!(error["error"].as_str().unwrap().contains("9.9"), "{error}");
    assert!(!error["hints"].as_array().unwrap().is_empty());
}

#[test]
fn a_build_tree_that_is_not_there_is_diagnosed() {
    let user = User::without_cache("no-tree");
    user.file("x.c", "");
    let hints = ["komod kernel list", "komod kernel fetch 9.9.9", "9.9.9/build"];
    // Not there at all; a link that leads nowhere; modules without headers.
    let modules = user.dir.join("modules/9.9.9");
    let build = modules.join("build");
    for step in 0..3 {
        if step == 1 {
            std::fs::create_dir_all(&modules).unwrap();
            std::os::unix::fs::symlink("/usr/src/linux-headers-9.9.9", &build).unwrap();
        }
        let named = if step == 2 { &modules } else { &build };
        let said = user.komod(&["build", "x.c", "--kernel", named.to_str().unwrap()]).ends_with(1);
        let said = said.complains("error[B-19]: there is no build tree for kernel 9.9.9");
        hints.iter().fold(said, |said, hint| said.complains(hint));
    }
    let said = user.komod(&["build", "x.c", "-k", "/lib/modules/9.9.9/build", "--json"]);
    let error = said.ends_with(1).json("komod-error");
    assert_eq!(error["diagnostics"][0]["code"], "B-19");
    // A module that is built needs none.
    let ko = user.file("x.ko", "");
    let said = user.komod(&["run", ko.to_str().unwrap(), "-k", "/no/such/path"]).ends_with(1);
    assert!(!said.err.contains("B-19"), "{said:#?}");
}

#[test]
fn without_a_home_it_is_told_that_there_is_no_cache() {
    let user = User::without_cache("home");
    let mut command = user.command(&["run", "x", "--kernel", "9.9"]);
    for name in ["HOME", "KOMOD_CACHE", "XDG_CACHE_HOME"] {
        command.env_remove(name);
    }
    let output = command.output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.contains("HOME is not set"), "{err}");
}

#[test]
fn names_of_files_need_not_be_text() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let user = User::without_cache("bytes");
    for command in ["run", "info"] {
        let output = user.command(&[command]).arg(OsStr::from_bytes(b"n\xff.ko")).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && err.contains("no such file"), "{err}");
    }
}

#[test]
fn a_pipe_is_not_waited_for() {
    let user = User::without_cache("fifo");
    let made = std::process::Command::new("mkfifo").arg(user.dir.join("x.ko")).status().unwrap();
    assert!(made.success());
    // Whatever it says of the kernel, it comes back.
    user.komod(&["run", "x.ko", "--kernel", "9.9"]).ends_with(1);
    user.komod(&["info", "x.ko"]).ends_with(1);
}

#[test]
fn files_that_are_not_there_are_named() {
    let user = User::without_cache("missing");
    user.komod(&["run", "nothing.ko"]).ends_with(1).complains("nothing.ko: no such file");
    user.komod(&["info", "nothing.ko"]).ends_with(1).complains("nothing.ko: no such file");
    let junk = user.file("junk.ko", "this is no ELF file");
    user.komod(&["info", junk.to_str().unwrap()]).ends_with(1).complains("junk.ko is not a module");
}

#[test]
fn when_no_kernel_is_up_the_way_to_one_is_told() {
    let user = User::without_cache("not-up");
    let commands: [&[&str]; 8] = [
        &["list"],
        &["log"],
        &["symbols", "--up"],
        &["cat", "/proc/version"],
        &["ls"],
        &["unload", "x"],
        &["down"],
        &["ioctl", "/dev/x", "1"],
    ];
    for command in commands {
        user.komod(command).ends_with(1).complains("is up").complains("hint: start it: komod up");
    }
    user.komod(&["list", "--name", "other"]).ends_with(1).complains("komod up other");
    user.komod(&["down", "../x"]).ends_with(1).complains("not a name");
    let none = user.komod(&["status", "--json"]).good();
    assert_eq!(none.json("komod-status")["kernels"].as_array().unwrap().len(), 0);
}

#[test]
fn sockets_are_only_taken_from_a_directory_of_our_own() {
    use std::os::unix::fs::PermissionsExt;
    let user = User::without_cache("open-dir");
    let open = user.dir.join("komod");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, PermissionsExt::from_mode(0o777)).unwrap();
    user.komod(&["list"]).ends_with(1).complains("open to other users").complains("hint: ");
}

#[test]
fn explain_has_pages() {
    let user = User::without_cache("explain");
    let codes = user.komod(&["explain"]).good();
    assert!(codes.out.lines().any(|l| l == "B-28"), "{codes:#?}");
    assert!(user.komod(&["explain", "b-28"]).good().out.len() > 200);
    user.komod(&["explain", "X-1"]).ends_with(1).complains("`komod explain` lists");
    let page = user.komod(&["explain", "B-28", "--json"]).good().json("komod-explain");
    assert_eq!(page["code"], "B-28");
}

#[test]
fn kernel_list_is_data_on_stdout() {
    let user = User::without_cache("kernel-list");
    let list = user.komod(&["kernel", "list", "--json"]).good().json("komod-kernel-list");
    assert!(list["kernels"].is_array() && list["running"].is_string(), "{list}");
}

#[test]
fn nothing_is_coloured_without_a_terminal() {
    let user = User::without_cache("colour");
    for args in [&["--help"][..], &["run", "--kernel", "9.9"], &["kernel", "list"]] {
        let said = user.komod(args);
        assert!(!said.out.contains('\x1b') && !said.err.contains('\x1b'), "{said:#?}");
    }
}

#[test]
fn a_reader_that_goes_away_ends_it_without_a_word() {
    let user = User::without_cache("pipe");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = user.command(&["explain"]).stdout(writer).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), err.as_str()), (Some(141), ""));
}
