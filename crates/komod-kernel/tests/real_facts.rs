//! Finding real kernels in unpacked packages, and the facts about them.

mod kernels;

use komod_kernel::config::KernelConfig;
use komod_kernel::facts;
use komod_kernel::find::{Roots, select};

#[test]
fn a_directory_of_packages_is_a_kernel_with_facts() {
    let nowhere = std::env::temp_dir().join("komod-no-such-root");
    for kernel in kernels::kernels() {
        let roots = Roots { prefix: nowhere.clone(), cache: None, env_kernel: None, running: None };
        let found = select(&roots, kernel.root.to_str()).unwrap();
        assert_eq!(found.release, kernel.release);
        assert!(found.is_complete() && found.modules.is_some(), "{found:?}");
        assert_eq!(found.image, std::fs::canonicalize(kernel.vmlinuz()).ok());

        let gathered = facts::gather(&found, None);
        let value = |name: &str| {
            let fact = gathered.iter().find(|fact| fact.name == name);
            fact.unwrap_or_else(|| panic!("{}: no {name}", kernel.release)).value.clone()
        };
        assert_eq!(value("release"), kernel.release);
        assert_eq!(value("CONFIG_MODULES"), "y");
        assert!(value("module_count").parse::<usize>().unwrap() > 1000);
        assert!(value("symvers_count").parse::<usize>().unwrap() > 10_000);
        assert!(gathered.iter().all(|fact| !fact.source.is_empty()), "{gathered:?}");

        // The configuration must tell the same vermagic as a module the distribution built.
        let config = KernelConfig::of(&found).unwrap();
        let (stock, source) = facts::vermagic(&found, None).unwrap();
        assert!(source.contains(".ko"), "{source}");
        assert_eq!(config.0.vermagic(&found.release), stock);
    }
}
