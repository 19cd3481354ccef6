//! A name that an alias's pattern matches.

/// Something for each special part of a pattern: `usb:v05ACp*d0[0-3]?` gives `usb:v05ACpXd00X`.
pub fn name(pattern: &str) -> String {
    let mut name = String::new();
    let mut rest = pattern.chars();
    while let Some(character) = rest.next() {
        match character {
            '*' | '?' => name.push('X'),
            '[' => {
                name.extend(rest.next());
                rest.by_ref().find(|character| *character == ']');
            }
            other => name.push(other),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    #[test]
    fn patterns_become_names() {
        assert_eq!(super::name("usb:v05ACp*d0[0-3]?x"), "usb:v05ACpXd00Xx");
        assert_eq!(super::name("fs-ext4"), "fs-ext4");
    }
}
