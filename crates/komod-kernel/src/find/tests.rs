use super::*;
use crate::image::BootHeader;
use std::fs;
use std::os::unix::fs::symlink;

/// A file system of our own, removed at the end.
struct Fake {
    root: PathBuf,
}

impl Fake {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("komod-find-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("cache/kernels")).unwrap();
        Self { root: fs::canonicalize(root).unwrap() }
    }

    fn file(&self, path: &str, contents: &[u8]) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    fn tree(&self, path: &str, release: &str) {
        self.file(&format!("{path}/Makefile"), b"");
        self.file(&format!("{path}/include/config/kernel.release"), release.as_bytes());
    }

    /// The smallest file whose boot header names a release.
    fn image(&self, path: &str, release: &str) {
        let mut image = vec![0; 0xa00];
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x206..0x208].copy_from_slice(&0x020f_u16.to_le_bytes());
        image[0x20e..0x210].copy_from_slice(&0x0100_u16.to_le_bytes());
        image[0x236] = 1;
        image[0x24c] = 1;
        image.push(0);
        let text = format!("{release} (someone@somewhere) #1");
        image[0x300..0x300 + text.len()].copy_from_slice(text.as_bytes());
        assert_eq!(BootHeader::parse(&image).unwrap().release(), Some(release));
        self.file(path, &image);
    }

    fn link(&self, path: &str, target: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }

    fn roots(&self) -> Roots {
        Roots {
            prefix: self.root.clone(),
            cache: Some(self.root.join("cache")),
            env_kernel: None,
            running: None,
        }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn releases(found: &[FoundKernel]) -> Vec<&str> {
    found.iter().map(|kernel| kernel.release.as_str()).collect()
}

#[test]
fn debian_parts_come_together() {
    let fake = Fake::new("debian");
    fake.tree("usr/src/linux-headers-6.1.0-9-amd64", "6.1.0-9-amd64\n");
    fake.file("usr/src/linux-headers-6.1.0-9-common/Makefile", b"");
    fake.image("boot/vmlinuz-6.1.0-9-amd64", "6.1.0-9-amd64");
    fake.file("lib/modules/6.1.0-9-amd64/modules.builtin", b"");
    fake.link("lib/modules/6.1.0-9-amd64/build", "../../../usr/src/linux-headers-6.1.0-9-amd64");
    let found = discover(&fake.roots());
    assert_eq!(releases(&found), ["6.1.0-9-amd64"]);
    let kernel = &found[0];
    assert!(kernel.is_complete() && kernel.problems.is_empty(), "{kernel:?}");
    assert_eq!(
        kernel.tree.as_deref(),
        Some(&*fake.root.join("usr/src/linux-headers-6.1.0-9-amd64"))
    );
    assert_eq!(kernel.modules.as_deref(), Some(&*fake.root.join("lib/modules/6.1.0-9-amd64")));
    assert_eq!((kernel.origin, kernel.running), (Origin::System, false));
}

#[test]
fn fedora_and_arch_places() {
    let fake = Fake::new("fedora");
    fake.tree("usr/src/kernels/6.11.4-301.fc41.x86_64", "6.11.4-301.fc41.x86_64");
    fake.image("usr/lib/modules/6.11.4-301.fc41.x86_64/vmlinuz", "6.11.4-301.fc41.x86_64");
    fake.file(
        "usr/lib/modules/6.10.1-arch1-1/build/include/generated/utsrelease.h",
        b"#define UTS_RELEASE \"6.10.1-arch1-1\"\n",
    );
    fake.file("usr/lib/modules/6.10.1-arch1-1/build/Makefile", b"");
    fake.image("boot/vmlinuz-linux", "6.10.1-arch1-1");
    let found = discover(&fake.roots());
    assert_eq!(releases(&found), ["6.11.4-301.fc41.x86_64", "6.10.1-arch1-1"]);
    assert!(found.iter().all(FoundKernel::is_complete), "{found:?}");
}

#[test]
fn what_is_missing_is_said() {
    let fake = Fake::new("missing");
    fake.link("lib/modules/6.1.0-9-amd64/build", "/usr/src/nowhere-at-all");
    fake.file("boot/vmlinuz-6.1.0-8-amd64", b"not an image");
    fake.tree("usr/src/linux-headers-x", "6.1.0-7-amd64");
    fake.link("lib/modules/6.1.0-6-amd64/build", "../../../usr/src/linux-headers-x");
    let found = discover(&fake.roots());
    let problems = |release: &str| {
        found.iter().find(|kernel| kernel.release == release).unwrap().problems.join("\n")
    };
    assert!(problems("6.1.0-9-amd64").contains("nowhere-at-all, which is not there"));
    assert!(problems("6.1.0-9-amd64").contains("komod kernel fetch 6.1.0-9-amd64"));
    assert!(problems("6.1.0-8-amd64").contains("not a boot image"));
    assert!(problems("6.1.0-7-amd64").contains("no readable image"));
    assert!(problems("6.1.0-6-amd64").contains("is a tree for 6.1.0-7-amd64"));
}

#[test]
fn the_choice_without_a_wish() {
    let fake = Fake::new("default");
    let roots = fake.roots();
    assert_eq!(select(&roots, None), Err(SelectError::Nothing));

    fake.image("boot/vmlinuz-7.0", "7.0");
    assert_eq!(select(&roots, None).unwrap().release, "7.0");

    fake.tree("usr/src/linux-headers-5.0", "5.0");
    fake.image("boot/vmlinuz-5.0", "5.0");
    assert_eq!(select(&roots, None).unwrap().release, "5.0", "complete before newer");

    for release in ["4.1", "4.2"] {
        fake.tree(&format!("cache/kernels/{release}/usr/src/linux-headers-{release}"), release);
        fake.image(&format!("cache/kernels/{release}/boot/vmlinuz-{release}"), release);
    }
    fake.image("cache/kernels/.new-4.3/boot/vmlinuz-4.3", "4.3");
    let chosen = select(&roots, None).unwrap();
    assert_eq!((chosen.release.as_str(), chosen.origin), ("4.2", Origin::Cache));

    let running = Roots { running: Some("5.0".to_owned()), ..fake.roots() };
    let chosen = select(&running, None).unwrap();
    assert_eq!((chosen.release.as_str(), chosen.running), ("5.0", true));
    let running = Roots { running: Some("7.0".to_owned()), ..fake.roots() };
    assert_eq!(select(&running, None).unwrap().release, "4.2", "the running one has no tree");
}

#[test]
fn a_wish_is_a_release_a_line_or_a_path() {
    let fake = Fake::new("wish");
    for release in ["6.1.0-9-amd64", "6.1.0-10-amd64", "6.12.1"] {
        fake.tree(&format!("usr/src/linux-headers-{release}"), release);
        fake.image(&format!("boot/vmlinuz-{release}"), release);
    }
    fake.image("boot/vmlinuz-6.1.0-11-amd64", "6.1.0-11-amd64");
    let roots = fake.roots();
    let release = |wanted: &str| select(&roots, Some(wanted)).map(|kernel| kernel.release);
    assert_eq!(release("6.1").as_deref(), Ok("6.1.0-10-amd64"));
    assert_eq!(release("6.12").as_deref(), Ok("6.12.1"));
    assert_eq!(release("6.1.0-11-amd64").as_deref(), Ok("6.1.0-11-amd64"));
    let error = release("6.2").unwrap_err().to_string();
    for part in ["6.2", "6.1.0-9-amd64", "6.12.1", "komod kernel fetch 6.2"] {
        assert!(error.contains(part), "{error}");
    }

    let path = |path: &str| fake.root.join(path).to_str().unwrap().to_owned();
    let tree = select(&roots, Some(&path("usr/src/linux-headers-6.12.1"))).unwrap();
    assert_eq!((tree.release.as_str(), tree.is_complete()), ("6.12.1", true));
    assert_eq!(tree.origin, Origin::Named);
    let image = select(&roots, Some(&path("boot/vmlinuz-6.1.0-11-amd64"))).unwrap();
    assert_eq!((image.tree.as_ref(), image.problems.len()), (None, 1));
    assert_eq!(release(&path("")).as_deref(), Ok("6.1.0-10-amd64"), "a root with several");
    assert!(matches!(release(&path("usr")), Err(SelectError::NotAKernel { .. })));
    assert!(matches!(release(&path("nowhere")), Err(SelectError::Unreadable { .. })));

    let env = Roots { env_kernel: Some(path("usr/src/linux-headers-6.12.1")), ..fake.roots() };
    assert_eq!(select(&env, None).unwrap().release, "6.12.1");
    assert_eq!(select(&env, Some("6.1")).unwrap().release, "6.1.0-10-amd64");
}

#[test]
fn an_image_brings_what_lies_around_it() {
    let fake = Fake::new("around");
    let path = |path: &str| fake.root.join(path).to_str().unwrap().to_owned();
    let chosen = |what: &str| select(&fake.roots(), Some(&path(what)));
    // Unpacked packages.
    fake.image("x/boot/vmlinuz-6.1.0-9-amd64", "6.1.0-9-amd64");
    fake.file("x/lib/modules/6.1.0-9-amd64/kernel/a.ko", b"");
    let modules = Some(fake.root.join("x/lib/modules/6.1.0-9-amd64"));
    for named in ["x/boot/vmlinuz-6.1.0-9-amd64", "x/lib/modules/6.1.0-9-amd64", "x"] {
        let kernel = chosen(named).unwrap();
        assert_eq!((kernel.release.as_str(), &kernel.tree), ("6.1.0-9-amd64", &None), "{named}");
        assert!(kernel.image.is_some(), "{named}");
        assert_eq!(kernel.modules, modules, "{named}");
    }
    // A kernel compiled here, and Fedora's.
    fake.tree("linux", "6.12.1-me");
    fake.image("linux/arch/x86/boot/bzImage", "6.12.1-me");
    let kernel = chosen("linux/arch/x86/boot/bzImage").unwrap();
    assert_eq!(kernel.tree, Some(fake.root.join("linux")));
    fake.image("linux/arch/x86/boot/old", "6.12.0-me");
    assert_eq!(chosen("linux/arch/x86/boot/old").unwrap().tree, None, "another release's");
    fake.image("f/6.11.4/vmlinuz", "6.11.4");
    fake.file("f/6.11.4/modules.builtin", b"");
    assert_eq!(chosen("f/6.11.4/vmlinuz").unwrap().modules, Some(fake.root.join("f/6.11.4")));
    // Modules only are no kernel.
    fake.file("y/lib/modules/6.0/kernel/a.ko", b"");
    assert!(matches!(chosen("y/lib/modules/6.0"), Err(SelectError::NotAKernel { .. })));
    fake.file("text", b"# text");
    let error = chosen("text").unwrap_err().to_string();
    assert!(error.contains("a text, not the image") && error.contains("vmlinux"), "{error}");
}

#[test]
fn the_running_kernel_is_meant_by_its_name() {
    let fake = Fake::new("running");
    fake.tree("usr/src/linux-headers-6.1", "6.1");
    fake.image("boot/vmlinuz-6.1.5", "6.1.5");
    let choose = |running: Option<&str>| {
        let roots = Roots { running: running.map(str::to_owned), ..fake.roots() };
        select(&roots, Some("running"))
    };
    let kernel = choose(Some("6.1.5")).unwrap();
    assert_eq!((kernel.release.as_str(), kernel.running), ("6.1.5", true));
    let error = choose(Some("6.1.6")).unwrap_err().to_string();
    for part in ["6.1.6", "/boot", "/lib/modules/6.1.6", "komod kernel fetch 6.1.6"] {
        assert!(error.contains(part), "{error}");
    }
    assert!(choose(None).unwrap_err().to_string().contains("osrelease"));
}

#[test]
fn the_cache_directory_follows_the_environment() {
    let with = |vars: &'static [(&str, &str)]| {
        cache_dir_from(|name| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).into()))
    };
    assert_eq!(with(&[]), None);
    assert_eq!(with(&[("HOME", "/h")]), Some("/h/.cache/komod".into()));
    assert_eq!(
        with(&[("HOME", "/h"), ("XDG_CACHE_HOME", "relative")]),
        Some("/h/.cache/komod".into())
    );
    assert_eq!(with(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]), Some("/x/komod".into()));
    assert_eq!(with(&[("KOMOD_CACHE", "/k"), ("XDG_CACHE_HOME", "/x")]), Some("/k".into()));
}
