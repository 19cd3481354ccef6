//! The text of an `install` or `remove` command.

/// Stands in a command for the module's options.
const OPTIONS: &[u8] = b"$CMDLINE_OPTS";

/// A command with the options in their place. They are put in once: one that contains the
/// placeholder itself does not start over.
pub fn expanded(command: &[u8], options: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(command.len().saturating_add(options.len()));
    let mut rest = command;
    while let Some((&byte, behind)) = rest.split_first() {
        match rest.strip_prefix(OPTIONS) {
            Some(behind) => {
                out.extend_from_slice(options);
                rest = behind;
            }
            None => {
                out.push(byte);
                rest = behind;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_put_in_once() {
        let text = |command: &str, options: &str| {
            let text = expanded(command.as_bytes(), options.as_bytes());
            String::from_utf8(text).unwrap()
        };
        assert_eq!(text("x $CMDLINE_OPTS; y $CMDLINE_OPTS", "a=1"), "x a=1; y a=1");
        assert_eq!(text("x $CMDLINE_OPTS", "$CMDLINE_OPTS"), "x $CMDLINE_OPTS");
        assert_eq!(text("x $CMDLINE", "a"), "x $CMDLINE");
    }
}
