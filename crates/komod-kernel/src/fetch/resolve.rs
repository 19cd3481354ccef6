//! From what the user wants to the packages that make it up.

use std::path::Path;

use super::apt::{Apt, Lists};
use super::package::Package;
use super::{FetchError, tools};
use crate::find::{compare_releases, is_of_line, is_release};

/// A release and its packages.
pub(super) struct Resolved {
    pub release: String,
    pub packages: Vec<Package>,
    /// The lists that know them.
    pub lists: Lists,
}

const IMAGE: &str = "linux-image-";
const HEADERS: &str = "linux-headers-";
/// Packages that depend on the distribution's current kernel: Debian's, Ubuntu's.
const DEFAULTS: [&str; 2] = ["linux-image-amd64", "linux-image-generic"];
/// Dependencies with these names are parts of a kernel; all others are the system's matter.
const PARTS: [&str; 5] = [IMAGE, HEADERS, "linux-kbuild-", "linux-modules-", "linux-binary-"];
/// So many releases of a line are tried until one has both image and headers.
const MAX_TRIED: usize = 12;
/// Dependencies are followed so many steps: headers → common headers and tools is two.
const MAX_STEPS: usize = 5;

pub(super) fn resolve(apt: &Apt, what: Option<&str>) -> Result<Resolved, FetchError> {
    let names = apt.names(IMAGE)?;
    let mut tried = Vec::new();
    for release in wanted_releases(apt, &names, what)?.into_iter().take(MAX_TRIED) {
        tried.push(format!("{IMAGE}{release}"));
        if let Some(packages) = packages_of(apt, &release)? {
            return Ok(Resolved { release, packages, lists: apt.lists });
        }
    }
    if tried.is_empty() {
        tried.push(match what {
            Some(what) => format!("{IMAGE}{what}*"),
            None => DEFAULTS.join(", "),
        });
    }
    let what = what.unwrap_or("(the distribution's default)").to_owned();
    Err(FetchError::NoSuchKernel { near: near(&names, &what), what, tried })
}

/// The releases `what` may mean, the best first.
fn wanted_releases(
    apt: &Apt,
    names: &[String],
    what: Option<&str>,
) -> Result<Vec<String>, FetchError> {
    let Some(what) = what else {
        let known: Vec<String> = DEFAULTS
            .iter()
            .filter(|&&name| names.iter().any(|known| known == name))
            .map(|&name| name.to_owned())
            .collect();
        let mut releases: Vec<String> =
            apt.show(&known)?.iter().filter_map(depends_on_image).collect();
        releases.extend(matching(names, is_ordinary));
        return Ok(releases);
    };
    let mut releases = Vec::new();
    if names.iter().any(|name| name.strip_prefix(IMAGE) == Some(what)) {
        releases.push(what.to_owned());
    }
    releases.extend(matching(names, |release| is_ordinary(release) && is_of_line(release, what)));
    // A name such as linux-image-6.12-amd64 only points to the current 6.12 release.
    for release in &mut releases {
        if release.matches('.').count() < 2
            && let [package] = apt.show(&[format!("{IMAGE}{release}")])?.as_slice()
            && let Some(current) = depends_on_image(package)
        {
            *release = current;
        }
    }
    Ok(releases)
}

/// Releases among the image packages, the newest first.
fn matching(names: &[String], accept: impl Fn(&str) -> bool) -> Vec<String> {
    let mut releases: Vec<String> = names
        .iter()
        .filter_map(|name| name.strip_prefix(IMAGE))
        .filter(|release| is_release(release) && accept(release))
        .map(str::to_owned)
        .collect();
    releases.sort_by(|a, b| compare_releases(b, a));
    releases.dedup();
    releases
}

/// The flavours people run: not the debug, unsigned, real-time, cloud ones.
fn is_ordinary(release: &str) -> bool {
    (release.ends_with("-amd64") || release.ends_with("-generic"))
        && !["-rt-", "-cloud-"].iter().any(|flavour| release.contains(flavour))
}

fn depends_on_image(package: &Package) -> Option<String> {
    package
        .depends
        .iter()
        .flatten()
        .filter_map(|name| name.strip_prefix(IMAGE))
        .find(|release| is_release(release))
        .map(str::to_owned)
}

/// Image, headers and their parts; `None` if image or headers do not exist.
fn packages_of(apt: &Apt, release: &str) -> Result<Option<Vec<Package>>, FetchError> {
    let mut queue = vec![format!("{IMAGE}{release}"), format!("{HEADERS}{release}")];
    let required = queue.clone();
    let mut packages: Vec<Package> = Vec::new();
    for _ in 0..MAX_STEPS {
        packages.extend(apt.show(&queue)?);
        let known = |name: &String| packages.iter().any(|package| &package.name == name);
        if !required.iter().all(known) {
            return Ok(None);
        }
        let mut next: Vec<String> = packages
            .iter()
            .flat_map(|package| &package.depends)
            .filter(|alternatives| !alternatives.iter().any(known))
            .filter_map(|alternatives| {
                alternatives.iter().find(|name| PARTS.iter().any(|part| name.starts_with(part)))
            })
            .filter(|name| !queue.contains(name))
            .cloned()
            .collect();
        next.sort();
        next.dedup();
        if next.is_empty() {
            break;
        }
        queue = next;
    }
    let tools = tools::missing(apt, &packages, Path::new("/"))?;
    packages.extend(tools);
    Ok(Some(packages))
}

/// Releases to suggest: those of the nearest line first.
fn near(names: &[String], what: &str) -> Vec<String> {
    let mut releases = matching(names, is_ordinary);
    let common =
        |release: &str| release.chars().zip(what.chars()).take_while(|(a, b)| a == b).count();
    // The sort is stable: within equally near ones, the newest stays first.
    releases.sort_by_key(|release| std::cmp::Reverse(common(release)));
    releases.truncate(6);
    releases
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        [
            "linux-image-amd64",
            "linux-image-6.1.0-9-amd64",
            "linux-image-6.1.0-10-amd64",
            "linux-image-6.1.0-10-rt-amd64",
            "linux-image-6.1.0-11-amd64-dbg",
            "linux-image-6.12-amd64",
            "linux-image-6.12.1+deb12-amd64",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    #[test]
    fn the_newest_ordinary_release_of_a_line_comes_first() {
        let line = matching(&names(), |r| is_ordinary(r) && is_of_line(r, "6.1"));
        assert_eq!(line, ["6.1.0-10-amd64", "6.1.0-9-amd64"]);
        let line = matching(&names(), |r| is_ordinary(r) && is_of_line(r, "6.12"));
        assert_eq!(line, ["6.12.1+deb12-amd64", "6.12-amd64"]);
    }

    #[test]
    fn suggestions_are_near() {
        assert_eq!(near(&names(), "6.1.0-8-amd64").first().unwrap(), "6.1.0-10-amd64");
        assert_eq!(near(&names(), "6.12.9").first().unwrap(), "6.12.1+deb12-amd64");
        assert!(near(&[], "6.1").is_empty());
    }

    #[test]
    fn a_metapackage_points_to_a_release() {
        let package = |name: &str| Package {
            depends: vec![vec!["kmod".to_owned()], vec![name.to_owned()]],
            ..Package::default()
        };
        assert_eq!(
            depends_on_image(&package("linux-image-6.1.0-9-amd64")).as_deref(),
            Some("6.1.0-9-amd64")
        );
        assert_eq!(depends_on_image(&package("linux-image-amd64")), None);
    }
}
