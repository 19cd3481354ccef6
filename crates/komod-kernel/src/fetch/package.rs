//! Packages as `apt-cache show` describes them (deb-control(5)).

/// One package in one version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Package {
    pub name: String,
    pub version: String,
    /// Bytes it takes when unpacked.
    pub installed_size: u64,
    /// Each dependency is a list of alternatives, by name.
    pub depends: Vec<Vec<String>>,
}

/// Reads stanzas; of several versions of a package, only the first (the candidate) is kept.
pub(super) fn parse(text: &str) -> Vec<Package> {
    let mut packages: Vec<Package> = Vec::new();
    for stanza in text.split("\n\n") {
        let mut package = Package::default();
        for line in stanza.lines() {
            let Some((field, value)) = line.split_once(": ") else { continue };
            let value = value.trim();
            match field {
                "Package" => package.name = value.to_owned(),
                "Version" => package.version = value.to_owned(),
                // In KiB.
                "Installed-Size" => {
                    let size = value.parse::<u64>().unwrap_or_default();
                    package.installed_size = size.saturating_mul(1024);
                }
                "Depends" | "Pre-Depends" => package.depends.extend(dependencies(value)),
                _ => {}
            }
        }
        let known = packages.iter().any(|other| other.name == package.name);
        if !package.name.is_empty() && !package.version.is_empty() && !known {
            packages.push(package);
        }
    }
    packages
}

/// `a (>= 1), b | c:any` → [[a], [b, c]].
fn dependencies(value: &str) -> impl Iterator<Item = Vec<String>> {
    value.split(',').map(|alternatives| {
        alternatives
            .split('|')
            .filter_map(|one| one.split(['(', ':', '[']).next())
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty())
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stanzas_become_packages() {
        let text = "Package: a\nVersion: 1:2.3-4\nInstalled-Size: 10\nDepends: b (>= 1), c | d\n\
                    Description: x\n and: more\n\nPackage: a\nVersion: 1\n\nPackage: e:f\n";
        let packages = parse(text);
        assert_eq!(packages.len(), 1, "{packages:?}");
        assert_eq!(packages[0].version, "1:2.3-4");
        assert_eq!(packages[0].installed_size, 10 << 10);
        assert_eq!(packages[0].depends, [vec!["b"], vec!["c", "d"]]);
        assert!(parse("").is_empty());
    }
}
