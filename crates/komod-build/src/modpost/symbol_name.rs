//! Names of symbols as modpost compares them.

/// The name without what the compiler appended to make it unique (`name.123`).
///
/// Only the first dot counts, and only if digits follow it up to the end or to another dot:
/// `a.12` and `a.12.b` are `a`, but `a.part.0` stays.
pub(super) fn plain(name: &[u8]) -> &[u8] {
    let Some(dot) = name.iter().position(|&byte| byte == b'.') else { return name };
    let digits = name[dot + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let after = name.get(dot + 1 + digits);
    if dot > 0 && digits > 0 && after.is_none_or(|&byte| byte == b'.') {
        &name[..dot]
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn unique_suffixes_are_cut() {
        for (name, plain) in [
            ("a", "a"),
            ("a.12", "a"),
            ("a.12.b", "a"),
            ("a.part.0", "a.part.0"),
            ("a.12b", "a.12b"),
            ("a.", "a."),
            (".1", ".1"),
        ] {
            assert_eq!(super::plain(name.as_bytes()), plain.as_bytes(), "{name}");
        }
    }
}
