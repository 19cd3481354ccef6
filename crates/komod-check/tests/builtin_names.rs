//! Names of built-in code, read from the images of real kernels.
#![forbid(unsafe_code)]

#[path = "../../komod-kernel/tests/kernels/mod.rs"]
mod kernels;

use std::path::Path;

use komod_check::Target;
use komod_kernel::find::{self, Roots};
use komod_kernel::prepared::prepare;

const BASE: u64 = 0x1000_0000;

#[test]
fn parameters_and_versions_of_the_image_name_built_in_code() {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("prepared");
    std::fs::create_dir_all(&cache).unwrap();
    for kernel in kernels::kernels() {
        let nowhere =
            Roots { prefix: cache.join("none"), cache: None, env_kernel: None, running: None };
        let found = find::select(&nowhere, Some(&kernel.root.to_string_lossy())).unwrap();
        let image = prepare(&kernel.vmlinuz(), BASE, &cache, &mut |_| {}).unwrap();
        let target = Target::of(&found, Some(&image)).unwrap();
        let names: Vec<&str> = target.builtin_names().collect();
        // With a parameter that has a file; with a version; of the core.
        for name in ["printk", "workqueue", "tcp_cubic", "xz_dec", "kernel"] {
            assert!(names.contains(&name), "{}: {name} is not in {names:?}", kernel.release);
        }
        let plain =
            |name: &&str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        assert!(names.iter().all(plain), "{names:?}");
        assert!((30..200).contains(&names.len()), "{names:?}");
    }
}
