//! `komod watch`: a build and a run after every change.
#![forbid(unsafe_code)]

mod common;

use common::{User, kernels};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

#[test]
fn every_save_is_built_and_run() {
    // One kernel will do: what is built and run has tests of its own.
    for kernel in kernels().into_iter().take(1) {
        let user = User::new("watch");
        let text = |says: &str| {
            format!(
                "#include <linux/module.h>\n\
                 static int __init w_init(void)\n{{\n\tpr_info(\"says {says}\\n\");\n\treturn 0;\n}}\n\
                 static void __exit w_exit(void)\n{{\n}}\n\
                 module_init(w_init);\nmodule_exit(w_exit);\nMODULE_LICENSE(\"GPL\");\n"
            )
        };
        user.file("w/w.c", text("first"));
        let root = kernel.root.to_str().unwrap();
        let args = ["watch", "--run", "w", "--kernel", root, "--builds", "3", "--", "--no-zygote"];
        let mut child = user
            .command(&args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("komod starts");
        let log = BufReader::new(child.stdout.take().expect("piped")).lines();
        let log = std::thread::spawn(move || log.map_while(Result::ok).collect::<Vec<_>>());
        let mut people = BufReader::new(child.stderr.take().expect("piped")).lines();
        let mut until = |word: &str| loop {
            let line = people.next().expect("komod goes on").unwrap();
            if line.starts_with(word) {
                break;
            }
        };
        until("ok: w loaded and unloaded");
        user.file("w/w.c", "no C at all");
        until("not built, after");
        user.file("w/w.c", text("second"));
        until("built 1 module for");
        until("ok: w loaded and unloaded");
        assert!(child.wait().unwrap().success());
        let log = log.join().unwrap().join("\n");
        assert!(log.find("says first") < log.find("says second"), "{log}");
        assert_eq!(log.matches("says").count(), 2, "{log}");
    }
}
