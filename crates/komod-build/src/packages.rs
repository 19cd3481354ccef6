//! How to install something on this machine, in the words of its distribution.

use std::fs;
use std::sync::OnceLock;

/// The families of distributions that package kernels alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Debian,
    Fedora,
    Arch,
    Suse,
    Other,
}

/// From `/etc/os-release` (os-release(5)).
fn family() -> Family {
    static FAMILY: OnceLock<Family> = OnceLock::new();
    *FAMILY.get_or_init(|| family_of(&fs::read_to_string("/etc/os-release").unwrap_or_default()))
}

fn family_of(os_release: &str) -> Family {
    let words = os_release
        .lines()
        .filter_map(|line| line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE=")))
        .flat_map(|value| value.trim_matches('"').split_whitespace());
    for word in words {
        match word {
            "debian" | "ubuntu" => return Family::Debian,
            "fedora" | "rhel" | "centos" => return Family::Fedora,
            "arch" => return Family::Arch,
            "suse" | "opensuse" => return Family::Suse,
            _ => {}
        }
    }
    Family::Other
}

/// How to install programs known by the same package name everywhere.
pub fn install(packages: &[&str]) -> String {
    let list = packages.join(" ");
    match family() {
        Family::Debian => format!("install it: apt-get install {list}"),
        Family::Fedora => format!("install it: dnf install {list}"),
        Family::Arch => format!("install it: pacman -S {list}"),
        Family::Suse => format!("install it: zypper install {list}"),
        Family::Other => format!("install it with your package manager: {list}"),
    }
}

/// How to get a header tree that is not there.
pub fn headers_to_install(release: &str) -> Vec<String> {
    let fetch = format!("get one without root: komod kernel fetch {release}");
    let own = match family() {
        Family::Debian => {
            format!("or install the system's: apt-get install linux-headers-{release}")
        }
        Family::Fedora => format!("or install the system's: dnf install kernel-devel-{release}"),
        Family::Arch => "or install the system's: pacman -S linux-headers".to_owned(),
        Family::Suse => "or install the system's: zypper install kernel-default-devel".to_owned(),
        Family::Other => format!("or install the headers of {release} with your package manager"),
    };
    vec![fetch, own]
}

/// How to get a whole header tree again.
pub fn headers(release: &str) -> Vec<String> {
    let fetch = format!("get a complete tree without root: komod kernel fetch {release}");
    let own = match family() {
        Family::Debian => {
            format!("or repair the system's: apt-get install --reinstall linux-headers-{release}")
        }
        Family::Fedora => format!("or repair the system's: dnf reinstall kernel-devel-{release}"),
        Family::Arch => "or repair the system's: pacman -S linux-headers".to_owned(),
        Family::Suse => "or repair the system's: zypper install -f kernel-default-devel".to_owned(),
        Family::Other => format!("or install the headers of {release} with your package manager"),
    };
    vec![fetch, own]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families() {
        for (text, family) in [
            ("NAME=x\nID=debian\n", Family::Debian),
            ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", Family::Debian),
            ("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", Family::Fedora),
            ("ID=manjaro\nID_LIKE=arch\n", Family::Arch),
            ("ID=opensuse-leap\nID_LIKE=\"suse opensuse\"\n", Family::Suse),
            ("", Family::Other),
        ] {
            assert_eq!(family_of(text), family, "{text}");
        }
    }
}
