//! In another root by fakechroot(1), which interposes the C library's calls that take paths: image
//! builders run the tools so.

use super::{Folder, RELEASE};
use std::process::Command;

#[test]
fn the_tools_see_the_other_root() {
    let installed = Command::new("fakechroot").arg("--version").output().is_ok();
    assert!(installed || std::env::var_os("CI").is_none(), "no fakechroot");
    if !installed {
        return;
    }
    let folder = Folder::with_modules();
    let bin = folder.0.join("root/bin");
    std::fs::create_dir(&bin).unwrap();
    let komod = env!("CARGO_BIN_EXE_komod");
    for tool in ["depmod", "modprobe", "modinfo"] {
        let tool = bin.join(tool);
        if std::fs::hard_link(komod, &tool).is_err() {
            std::fs::copy(komod, &tool).unwrap();
        }
    }
    let run = |words: &[&str]| {
        let mut command = Command::new("fakechroot");
        let command = command.arg("chroot").arg(folder.0.join("root")).args(words);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["/bin/depmod", RELEASE]);
    let dependencies = std::fs::read_to_string(folder.modules().join("modules.dep")).unwrap();
    assert!(dependencies.contains("kernel/b.ko: kernel/a.ko\n"), "{dependencies}");
    let shown = run(&["/bin/modprobe", "-S", RELEASE, "-D", "b"]);
    let file = |name: &str| format!("insmod /lib/modules/{RELEASE}/kernel/{name}.ko \n");
    assert_eq!(shown, file("a") + &file("b"));
    let told = run(&["/bin/modinfo", "-k", RELEASE, "-F", "filename", "b"]);
    assert_eq!(told, format!("/lib/modules/{RELEASE}/kernel/b.ko\n"));
}
