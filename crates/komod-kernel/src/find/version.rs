//! Which release is newer.

use std::cmp::Ordering;

/// Compares releases as people do: numbers by value, so 6.1.0-9 < 6.1.0-10 < 6.12; a release
/// candidate (`-rc1`) comes before its release.
pub fn compare_releases(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (Parts(a), Parts(b));
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (Some(Part::Text(text)), None) if is_candidate(text) => Ordering::Less,
            (None, Some(Part::Text(text))) if is_candidate(text) => Ordering::Greater,
            (Some(_), None) => Ordering::Greater,
            (None, Some(_)) => Ordering::Less,
            (Some(Part::Number(a)), Some(Part::Number(b))) => {
                // Without leading zeros, the longer number is the larger.
                a.len().cmp(&b.len()).then_with(|| a.cmp(b))
            }
            (Some(Part::Text(a)), Some(Part::Text(b))) => {
                is_candidate(b).cmp(&is_candidate(a)).then_with(|| a.cmp(b))
            }
            (Some(Part::Number(_)), Some(Part::Text(_))) => Ordering::Greater,
            (Some(Part::Text(_)), Some(Part::Number(_))) => Ordering::Less,
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Whether `release` belongs to the line or is the release `wanted` names: 6.1 names 6.1.0-56 and
/// 6.1.5, but not 6.12.
pub(crate) fn is_of_line(release: &str, wanted: &str) -> bool {
    release.strip_prefix(wanted).is_some_and(|rest| {
        rest.is_empty() || (!rest.starts_with(|c: char| c.is_ascii_digit()) && !wanted.is_empty())
    })
}

fn is_candidate(text: &str) -> bool {
    text.starts_with("-rc") || text.starts_with('~')
}

enum Part<'a> {
    Number(&'a str),
    Text(&'a str),
}

/// Runs of digits and of other characters.
struct Parts<'a>(&'a str);

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        let digits = self.0.starts_with(|c: char| c.is_ascii_digit());
        let end = self.0.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(self.0.len());
        let (part, rest) = self.0.split_at_checked(end).filter(|(part, _)| !part.is_empty())?;
        self.0 = rest;
        Some(if digits { Part::Number(part.trim_start_matches('0')) } else { Part::Text(part) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_is_greater() {
        let ascending = [
            "5.15.0",
            "6.1-rc7",
            "6.1",
            "6.1.0-9-amd64",
            "6.1.0-56-amd64",
            "6.1.0-056.1",
            "6.1.12",
            "6.12.0",
            "6.12.117+deb12-amd64",
            "10.0",
        ];
        for pair in ascending.windows(2) {
            assert_eq!(compare_releases(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(compare_releases(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        assert_eq!(compare_releases("6.1", "6.1"), Ordering::Equal);
    }

    #[test]
    fn a_line_is_not_a_prefix_of_digits() {
        assert!(is_of_line("6.1.0-56-amd64", "6.1"));
        assert!(is_of_line("6.1.0-56-amd64", "6.1.0-56-amd64"));
        assert!(!is_of_line("6.12.1", "6.1"));
        assert!(!is_of_line("6.1", "6.1.0"));
        assert!(!is_of_line("6.1", ""));
    }
}
