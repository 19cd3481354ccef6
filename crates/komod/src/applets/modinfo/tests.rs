//! What modinfo prints, for modules made by hand. kmod's own output for the same is compared in
//! `tests/applets_modinfo.rs`.

use super::super::work::tried;
use super::*;
use crate::applets::sample::module;
use crate::scratch::Folder;
use komod_kernel::host::FakeHost;

const STRINGS: &[u8] = b"license=GPL\0odd\0parm=a:A thing\0parmtype=a:int\0parmtype=b:bool\0\
    parm=none\0a_very_long_key_of=x\0\0\0parm=c:only\0author=Me";

fn run(command: &[&str]) -> (bool, String, Vec<String>) {
    tried(modinfo, &FakeHost::of_release("1.2.3"), command)
}

#[test]
fn fields_and_parameters() {
    let folder = Folder::new("modinfo");
    let path = folder.join("x-y.ko");
    std::fs::write(&path, module(STRINGS)).unwrap();
    let file = path.to_str().unwrap();
    let (good, out, messages) = run(&["modinfo", file]);
    assert!(good);
    assert_eq!(messages, ["modinfo: ERROR: Found invalid \"parm=none\": missing ':'"]);
    assert_eq!(
        out,
        format!(
            "filename:       {file}\nlicense:        GPL\nodd:            \n\
             a_very_long_key_of:x\nauthor:         Me\nparm:           c:only\n\
             parm:           b:bool\nparm:           a:A thing (int)\n"
        )
    );
    let only = |options: &[&str]| run(&[&["modinfo"], options, &[file]].concat()).1;
    assert_eq!(only(&["-p"]), "c:only\nb: (bool)\na:A thing (int)\n");
    assert_eq!(only(&["-l"]), "GPL\n");
    assert_eq!(only(&["-F", "License"]), "");
    assert_eq!(only(&["-F", "parmtype"]), "a:int\nb:bool\n");
    assert_eq!(only(&["-0n"]), format!("{file}\0"));
    assert!(only(&["-0"]).contains("\0license=GPL\0odd=\0"));
    assert_eq!(only(&["-a", "-d", "--field=author"]), "Me\n");
}

#[test]
fn json() {
    let folder = Folder::new("modinfo");
    let path = folder.join("x.ko");
    std::fs::write(&path, module(STRINGS)).unwrap();
    let (good, out, _) = run(&["modinfo", "--json", path.to_str().unwrap()]);
    assert!(good);
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&value["format"], &value["version"]), (&"komod-modinfo".into(), &1.into()));
    let module = &value["modules"][0];
    assert_eq!(module["name"], "x");
    assert_eq!(module["fields"]["license"], serde_json::json!(["GPL"]));
    assert_eq!(
        module["parameters"][0],
        serde_json::json!({ "name": "a", "description": "A thing", "type": "int" })
    );
    assert!(!run(&["modinfo", "--json", "-p", "x"]).0);
}

#[test]
fn built_in_modules() {
    let root = Folder::new("modinfo");
    let dir = root.join("lib/modules/1.2.3");
    std::fs::create_dir_all(&dir).unwrap();
    let records = b"a.license=MIT\0bi.license=GPL\0bi.parmtype=x:int\0a.license=BSD\0bi.late=1\0";
    std::fs::write(dir.join("modules.builtin.modinfo"), records).unwrap();
    let mut builtin = builtin::Builtin::new(&ModuleDir(dir));
    let told = builtin.told(OsStr::new("bi")).unwrap();
    let mut text = Vec::new();
    show::place(&mut text, &Found::Builtin("bi".into()), &Manner::default());
    show::module(&mut text, &told, &Manner::default());
    assert_eq!(
        String::from_utf8(text).unwrap(),
        "name:           bi\nfilename:       (builtin)\nlicense:        GPL\n\
         parm:           x:int\n"
    );
    assert!(builtin.told(OsStr::new("other")).unwrap().entries.is_empty());
}

#[test]
fn what_cannot_be_told() {
    let folder = Folder::new("modinfo");
    let file = |name: &str, bytes: &[u8]| folder.file(name, bytes).to_str().unwrap().to_owned();
    let (short, text) = (file("short.ko", b"abc"), file("te-xt.ko", b"only a text"));
    let (good, out, messages) = run(&["modinfo", &short, "nowhere", &text]);
    assert!(!good);
    assert_eq!(out, format!("filename:       {short}\nfilename:       {text}\n"));
    assert_eq!(
        messages,
        [
            "modinfo: ERROR: could not get modinfo from 'short': Invalid argument",
            "modinfo: ERROR: Module nowhere not found.",
            "modinfo: ERROR: could not get modinfo from 'te_xt': Exec format error",
        ]
    );
    assert_eq!(run(&["modinfo"]).2, ["modinfo: ERROR: missing module or filename."]);
    assert_eq!(run(&["modinfo", "-m", "x"]).2, ["modinfo: ERROR: Module name x not found."]);
    assert_eq!(run(&["modinfo", "-F"]).2, ["modinfo: option requires an argument -- 'F'"]);
}

/// kmod reads behind a `.modinfo` that ends the file on the end of a page, and one that has a note
/// of no length at its end.
#[test]
fn sections_that_end_the_file() {
    let folder = Folder::new("modinfo");
    let path = folder.join("x.ko");
    let size = module(b"").len();
    let mut strings = b"license=".to_vec();
    strings.resize(4096 - size, b'x');
    let bytes = module(&strings);
    assert_eq!(bytes.len(), 4096);
    std::fs::write(&path, bytes).unwrap();
    let (good, out, _) = run(&["modinfo", "-F", "license", path.to_str().unwrap()]);
    assert!(good);
    assert_eq!(out.len(), 4096 - size - "license=".len() + 1);
}

/// Every beginning of a module ends with a text, whatever it is.
#[test]
fn truncated_files() {
    let folder = Folder::new("modinfo");
    let path = folder.join("x.ko");
    let whole = module(STRINGS);
    for length in (0..whole.len()).step_by(7) {
        std::fs::write(&path, &whole[..length]).unwrap();
        let (good, out, messages) = run(&["modinfo", path.to_str().unwrap()]);
        assert!(!good && out.starts_with("filename:"), "{length}");
        assert_eq!(messages.len(), 1, "{length}: {messages:?}");
    }
}
