//! What editors and scripts get from `komod build`.
#![forbid(unsafe_code)]

mod common;

use common::{User, kernels_in_turn};
use serde_json::Value;

const WARNS: &str = "\
#include <linux/module.h>
static int unused_one(void) { return 1; }
static int __init t_init(void) { int x; return min(x, 3); }
module_init(t_init);
MODULE_DESCRIPTION(\"warns\");
MODULE_LICENSE(\"GPL\");
";

const FAILS: &str = "\
#include <linux/module.h>
static int __init t_init(void) { return nothing_of_this_name; }
module_init(t_init);
MODULE_LICENSE(\"GPL\");
";

fn lines(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of<'a>(lines: &'a [Value], reason: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["reason"] == reason).collect()
}

#[test]
fn a_line_of_json_for_each_thing() {
    for kernel in kernels_in_turn() {
        for more in [&[] as &[&str], &["--kbuild"]] {
            let user = User::new("json");
            let source = user.file("p/warns.c", WARNS);
            let root = kernel.root.to_str().unwrap();
            let mut args = vec!["build", "p/warns.c", "-k", root, "--message-format", "json"];
            args.extend(more);
            let said = user.komod(&args).good();
            assert_eq!(said.err, "", "all is on stdout");
            let lines_ = lines(&said.out);
            assert!(lines_.iter().all(|line| line["kernel"] == kernel.release.as_str()));
            let messages = of(&lines_, "compiler-message");
            let unused = messages.iter().find(|m| m["option"] == "-Wunused-function").unwrap();
            assert_eq!(unused["file"], source.to_str().unwrap());
            assert_eq!((&unused["line"], &unused["column"]), (&2.into(), &12.into()));
            assert_eq!(unused["level"], "warning");
            assert_eq!(unused["message"], "'unused_one' defined but not used");
            let rendered = unused["rendered"].as_str().unwrap();
            assert!(rendered.contains("p/warns.c:2:12: warning: "), "{rendered}");
            assert!(rendered.contains("    2 | static int unused_one(void)"), "{rendered}");
            // A message about a macro of the kernel's leads back to the source.
            let noted = messages.iter().filter(|m| m["option"] == "-Wuninitialized");
            let notes = noted.flat_map(|m| m["notes"].as_array().unwrap());
            assert!(
                notes.into_iter().any(|n| n["file"] == source.to_str().unwrap()),
                "{}",
                said.out
            );
            let diagnostics = of(&lines_, "diagnostic");
            assert!(diagnostics.iter().any(|d| d["diagnostic"]["code"] == "B-52"));
            let artifact = of(&lines_, "compiler-artifact");
            assert_eq!(artifact.len(), 1);
            assert!(artifact[0]["module"].as_str().unwrap().ends_with("/warns.ko"));
            assert_eq!(artifact[0]["fresh"], false);
            assert_eq!(lines_.last().unwrap()["reason"], "build-finished");
            assert_eq!(lines_.last().unwrap()["success"], true);

            // Up to date: no compiler, no messages.
            let again = lines(&user.komod(&args).good().out);
            assert!(of(&again, "compiler-message").is_empty());
            assert_eq!(of(&again, "compiler-artifact")[0]["fresh"], true);

            user.file("p/warns.c", FAILS);
            let said = user.komod(&args).ends_with(1);
            assert_eq!(said.err, "");
            let lines_ = lines(&said.out);
            let errors = of(&lines_, "compiler-message");
            assert!(errors.iter().any(|m| m["level"] == "error" && m["line"] == 2));
            assert!(of(&lines_, "compiler-artifact").is_empty());
            assert_eq!(lines_.last().unwrap()["success"], false);
        }
    }
}

#[test]
fn a_build_that_cannot_begin_is_finished_too() {
    let user = User::without_cache("begin");
    user.file("x.c", "");
    let args = ["build", "x.c", "--kernel", "9.9", "--message-format", "json"];
    let said = user.komod(&args).ends_with(1).complains("9.9");
    assert_eq!(lines(&said.out).last().unwrap()["success"], false);
    let both = ["build", "x.c", "--json", "--message-format", "short"];
    user.komod(&both).ends_with(2).complains("cannot be used with");
}

#[test]
fn a_short_line_for_each_message() {
    for kernel in kernels_in_turn() {
        let user = User::new("short");
        user.file("p/warns.c", WARNS);
        let root = kernel.root.to_str().unwrap();
        let args = ["build", "p/warns.c", "-k", root, "--message-format", "short"];
        let said = user.komod(&args).good();
        said.complains(
            "p/warns.c:2:12: warning: 'unused_one' defined but not used [-Wunused-function]\n",
        )
        .complains("built 1 module");
        user.file("p/warns.c", FAILS);
        let said = user.komod(&args).ends_with(1);
        let said = said.complains("p/warns.c:2:41: error: 'nothing_of_this_name' undeclared");
        assert_eq!(said.out, "");
        assert!(said.err.lines().all(|line| line.contains(": ")), "{}", said.err);
        // What only the linking finds has no column.
        let undefined = WARNS.replace("min(x, 3)", "nowhere(x = 3)");
        let declared = "int nowhere(int x);\nstatic int __init";
        user.file("p/warns.c", undefined.replace("static int __init", declared));
        user.komod(&args).ends_with(1).complains("p/warns.c:4:").complains("[B-31]");
    }
}

#[test]
fn colours_are_only_for_terminals() {
    for kernel in kernels_in_turn() {
        let user = User::new("colour");
        user.file("p/warns.c", WARNS);
        let root = kernel.root.to_str().unwrap();
        let komod = env!("CARGO_BIN_EXE_komod");
        let line = format!("{komod} build p/warns.c -k {root} --message-format short");
        // script(1) gives komod a terminal.
        let run = |no_color: bool| {
            user.file("p/warns.c", WARNS);
            let mut command = std::process::Command::new("script");
            command.args(["-qec", &line, "/dev/null"]).current_dir(&user.dir);
            command.env("KOMOD_TARGET_DIR", user.dir.join("out")).env("KOMOD_NO_WARM", "1");
            command.env("TERM", "xterm").env_remove("NO_COLOR");
            if no_color {
                command.env("NO_COLOR", "1");
            }
            command.stdin(std::process::Stdio::null());
            let output = command.output().expect("script(1) of util-linux");
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let said = run(false);
        let place = "\x1b[1mp/warns.c:2:12:\x1b[0m \x1b[1;35mwarning:\x1b[0m";
        assert!(said.contains(place), "{said:?}");
        std::fs::remove_dir_all(user.dir.join("out")).unwrap();
        let said = run(true);
        assert!(said.contains("p/warns.c:2:12: warning:"), "{said:?}");
        assert!(!said.contains("\x1b[1"), "{said:?}");
    }
}

#[test]
fn clangd_finds_the_commands_if_asked() {
    for kernel in kernels_in_turn() {
        let user = User::new("clangd");
        user.file("p/warns.c", WARNS);
        user.build(&kernel, std::path::Path::new("p/warns.c"), &[]);
        let file = user.dir.join("p/compile_commands.json");
        assert!(!file.exists());
        user.build(&kernel, std::path::Path::new("p/warns.c"), &["--compile-commands"]);
        let list: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(list[0]["file"], user.dir.join("p/warns.c").to_str().unwrap());
    }
}

#[test]
fn the_module_lies_beside_its_source_if_asked() {
    for kernel in kernels_in_turn() {
        let user = User::new("beside");
        user.file("p/Makefile", "obj-m := hello.o\n");
        user.file("p/hello.c", WARNS);
        let p = user.dir.join("p");
        let built = user.build(&kernel, &p, &["--in-place"]);
        assert_eq!(built, [p.join("hello.ko").to_str().unwrap()]);
        let json = user.komod(&["clean", "p", "--in-place", "--json"]).good().json("komod-clean");
        let removed = json["removed"].as_array().unwrap();
        assert!(removed.iter().any(|path| path.as_str().unwrap().ends_with("p/hello.ko")));
        let left = || {
            let names = std::fs::read_dir(&p).unwrap().map(|e| e.unwrap().file_name());
            let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
            names.sort();
            names
        };
        assert_eq!(left(), ["Makefile", "hello.c"]);
        user.build(&kernel, &p, &["--in-place"]);
        user.komod(&["clean", "p"]).good().complains("beside the sources");
        assert_eq!(left(), ["Makefile", "hello.c"]);
        let single = ["build", "p/hello.c", "--in-place", "-k", kernel.root.to_str().unwrap()];
        user.komod(&single).ends_with(1).complains("not for a single file");
    }
}
