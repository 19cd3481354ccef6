//! modinfo against Debian's: stock modules, and modules made by hand.

mod common;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Stock modules per kernel that are compared here; `cargo xtask oracle modinfo` compares all.
const SAMPLE: usize = 40;

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("modinfo-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A link by which komod is modinfo.
fn ours(folder: &Path) -> PathBuf {
    let link = folder.join("modinfo");
    symlink(env!("CARGO_BIN_EXE_komod"), &link).unwrap();
    link
}

fn peer() -> Option<PathBuf> {
    ["/usr/sbin/modinfo", "/sbin/modinfo"].iter().map(PathBuf::from).find(|path| path.exists())
}

fn run(program: &Path, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).env("LC_ALL", "C").output().unwrap()
}

/// Output and messages of both, byte by byte.
#[track_caller]
fn compare(ours: &Path, arguments: &[&str]) -> Output {
    let said = run(ours, arguments);
    if let Some(peer) = peer() {
        let theirs = run(&peer, arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if said.stdout != theirs.stdout {
            assert_eq!(text(&said.stdout), text(&theirs.stdout), "{arguments:?}");
            panic!("{arguments:?}: bytes differ that are no text");
        }
        assert_eq!(text(&said.stderr), text(&theirs.stderr), "{arguments:?}");
        assert_eq!(said.status.code(), theirs.status.code(), "{arguments:?}");
    }
    said
}

/// Every nth module file below a folder.
fn modules(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            modules(&path, found);
        } else if path.to_string_lossy().contains(".ko") {
            found.push(path);
        }
    }
}

#[test]
fn stock_modules_are_told_the_same() {
    let link = ours(&folder("stock"));
    for kernel in common::kernels() {
        let mut all = Vec::new();
        modules(&kernel.root.join("lib/modules").join(&kernel.release).join("kernel"), &mut all);
        all.sort();
        let step = (all.len() / SAMPLE).max(1);
        let sample: Vec<&str> =
            all.iter().step_by(step).map(|path| path.to_str().unwrap()).collect();
        for options in [
            &[][..],
            &["-0"],
            &["-p"],
            &["-n"],
            &["-a"],
            &["-F", "alias"],
            &["-F", "signature"],
            &["-0", "-F", "vermagic"],
        ] {
            compare(&link, &[options, &sample[..]].concat());
        }
    }
}

/// What depends on the module directory: names, aliases, other kernels.
#[test]
fn names_are_looked_up_the_same() {
    let folder = folder("names");
    let link = ours(&folder);
    let Some(kernel) = common::kernels().pop() else { return };
    let (root, release) = (folder.join("root"), kernel.release.as_str());
    let dir = root.join("lib/modules").join(release);
    std::fs::create_dir_all(&dir).unwrap();
    let stock = kernel.root.join("lib/modules").join(release);
    for name in ["modules.builtin", "modules.builtin.modinfo", "modules.order"] {
        symlink(stock.join(name), dir.join(name)).unwrap();
    }
    // A part is enough; compressed modules take depmod long.
    symlink(stock.join("kernel/fs"), dir.join("kernel")).unwrap();
    let Some(depmod) = peer().map(|peer| peer.with_file_name("depmod")) else { return };
    let output = Command::new(depmod).arg("-b").arg(&root).arg(release).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let root = root.to_str().unwrap();
    for arguments in [
        &["ext4"][..],
        &["-n", "ext3", "fs-ext2", "ext-4", "nfs", "fs-nfs", "nothing", "ex*"],
        &["-m", "-n", "ext4", "ext3", "nfs-layout-flexfiles", "nfs_layout_flexfiles"],
        &["-n", "tcp_cubic", "crypto-sha256", "unix", "8250"],
        &["8250"],
        &["-0", "-m", "unix"],
        &["symbol:nfs_idmap"],
    ] {
        compare(&link, &[&["-b", root, "-k", release], arguments].concat());
    }
    compare(&link, &["-b", root, "-k", "0.0", "ext4"]);
}

/// A 64-bit ELF file with a `.modinfo`.
fn module(modinfo: &[u8]) -> Vec<u8> {
    let names = b"\0.shstrtab\0.modinfo\0.strtab\0";
    let mut headers = vec![[0_u8; 64]];
    for (name, kind, offset, size) in
        [(1_u32, 3, 256_u64, names.len()), (11, 1, 512, modinfo.len())]
    {
        let mut header = [0; 64];
        header[..4].copy_from_slice(&name.to_le_bytes());
        header[4] = kind;
        header[24..32].copy_from_slice(&offset.to_le_bytes());
        header[32..40].copy_from_slice(&(size as u64).to_le_bytes());
        headers.push(header);
    }
    let mut file = vec![0; 512];
    file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    file[16..19].copy_from_slice(&[1, 0, 62]);
    file[40] = 64;
    file[52] = 64;
    file[58..64].copy_from_slice(&[64, 0, 3, 0, 1, 0]);
    file[64..256].copy_from_slice(&headers.concat());
    file[256..256 + names.len()].copy_from_slice(names);
    file.extend_from_slice(modinfo);
    file
}

/// With a signature of the time before PKCS#7.
fn signed(trailer: [u8; 8], before: &[u8], size: u32) -> Vec<u8> {
    let mut file = module(b"license=GPL\0");
    file.extend_from_slice(before);
    file.extend_from_slice(&trailer);
    file.extend_from_slice(&size.to_be_bytes());
    file.extend_from_slice(b"~Module signature appended~\n");
    file
}

#[test]
fn odd_modules_are_told_the_same() {
    let folder = folder("odd");
    let link = ours(&folder);
    let bytes: Vec<u8> = (0..45).collect();
    let long = [&b"whoid"[..], &bytes].concat();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        (
            "strings",
            module(b"license=GPL\0odd\0=emptykey\0a=b=c\0novalue=\0hi=\xff\xe9\0last=nonul"),
        ),
        (
            "parms",
            module(
                b"parm=nocolon\0parmtype=t:int\0parm=t:desc\nline\0\0\0parm=:noname\0\
                  parmtype=:int\0parm=u:\0parmtype=u:bool\0parm=dup:one\0parm=dup:two\0\
                  parmtype=dup:int\0parmtype=dup:uint\0parm=w:only\0parmtype=nod:byte\0",
            ),
        ),
        ("empty", [module(b""), vec![0]].concat()),
        ("nuls", module(b"\0\0\0")),
        ("emptytype", module(b"parm=a:\0parmtype=b:\0parm=c:x\0parmtype=d:int")),
        ("x509", signed([1, 4, 1, 3, 2, 0, 0, 0], &long, 45)),
        ("nokey", signed([1, 4, 1, 0, 0, 0, 0, 0], b"sig", 3)),
        ("pgp", signed([1, 6, 0, 3, 2, 0, 0, 0], &long, 45)),
        ("kind", signed([0, 0, 7, 0, 0, 0, 0, 0], b"sig", 3)),
        ("toolong", signed([0, 0, 2, 0, 0, 0, 0, 0], b"sig", u32::MAX)),
        ("nothing", signed([0, 0, 2, 0, 0, 0, 0, 0], b"", 0)),
        ("text", b"hello world text, no module".to_vec()),
        ("short", b"abc".to_vec()),
        ("nobytes", Vec::new()),
        ("header", module(b"")[..60].to_vec()),
    ];
    for (name, bytes) in cases {
        let path = folder.join(format!("{name}.ko"));
        std::fs::write(&path, bytes).unwrap();
        let file = path.to_str().unwrap();
        for options in
            [&[][..], &["-0"], &["-p"], &["-F", "parm"], &["-F", ""], &["-F", "signature"], &["-n"]]
        {
            compare(&link, &[options, &[file]].concat());
        }
    }
}

/// kmod 30 aborts: the section begins where the file ends.
#[test]
fn an_empty_section_at_the_end() {
    let folder = folder("end");
    let path = folder.join("x.ko");
    std::fs::write(&path, module(b"")).unwrap();
    let output = run(&ours(&folder), &[path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout, format!("filename:       {}\n", path.display()).into_bytes());
}

/// Where kmod 34 differs from Debian's 30.
#[test]
fn what_kmod_34_tells() {
    let folder = folder("34");
    let link = ours(&folder);
    let path = folder.join("x.ko");
    let file = path.to_str().unwrap();
    let out = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let output = run(&link, &[file]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    // 30 writes some spaces behind a key that is too long.
    assert!(out(&module(b"a_key_of_20_letters_=v\0")).ends_with("\na_key_of_20_letters_:v\n"));
    // 30 tells nothing of a signature that is no PKCS#7 message.
    let text = out(&signed([0, 0, 2, 0, 0, 0, 0, 0], b"message", 7));
    assert!(
        text.ends_with(
            "\nsig_id:         PKCS#7\nsigner:         \nsig_key:        \n\
             sig_hashalgo:   unknown\nsignature:      \n"
        ),
        "{text}"
    );
    // 30 has no gzip in Debian.
    std::fs::write(&path, module(b"license=GPL\0")).unwrap();
    let done = Command::new("gzip").arg("-kf").arg(&path).status().unwrap();
    assert!(done.success());
    let output = run(&link, &["-l", &format!("{file}.gz")]);
    assert_eq!(output.stdout, b"GPL\n");
}
