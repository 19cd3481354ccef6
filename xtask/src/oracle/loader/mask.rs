//! What of a log depends on the moment: addresses, the register dump of a warning, first uses.

/// Words in front of an address that depends on where the kernel puts the module.
const ADDRESSES: &[&str] = &[" val ", " loc "];
/// A warning is framed by these lines; a failed allocation's dump has no frame.
const CUT: &str = "------------[ cut here ]------------";
const END: &str = "---[ end trace";
const NO_MEMORY: &str = "percpu: allocation failed";
const END_OF_STACK: &str = " </TASK>";
/// Said once per boot, by whichever signature is the first to use an algorithm
/// (`crypto/testmgr.c`, Linux 6.1).
const FIRST_USE: &str = "alg: No test for ";

/// What is foretold has no dumps: the lines, with addresses as `X`.
pub fn foretold(log: &[String]) -> Vec<String> {
    log.iter().map(|line| addresses(line)).collect()
}

/// What has happened: the same, dumps left out.
pub fn happened(log: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut end = None;
    let mut first_of_frame = false;
    for line in log {
        let text = line.split_once('>').map_or(line.as_str(), |(_, text)| text);
        // An audit record has numbers of its moment; debug messages are switched on by arguments.
        if text.starts_with(FIRST_USE) || text.starts_with("audit: ") || line.starts_with("<7>") {
            continue;
        }
        if text == CUT {
            (end, first_of_frame) = (Some(END), true);
            continue;
        }
        // The first line in a frame is what is said; in front of a bare dump it stands before.
        if end.is_none() || std::mem::take(&mut first_of_frame) {
            lines.push(addresses(line));
            if text.starts_with(NO_MEMORY) {
                end = Some(END_OF_STACK);
            }
        } else if end.is_some_and(|end| text.starts_with(end)) {
            end = None;
        }
    }
    lines
}

fn addresses(line: &str) -> String {
    let mut line = line.to_owned();
    for word in ADDRESSES {
        let Some(at) = line.find(word).map(|at| at + word.len()) else { continue };
        let tail = &line[at..];
        let len = tail.find([',', ' ']).unwrap_or(tail.len());
        line.replace_range(at..at + len, "X");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(lines: &[&str]) -> Vec<String> {
        happened(&lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn addresses_do_not_count() {
        assert_eq!(
            masked(&["<3>x: type 4, loc 00000000e0c8a343, val ffffffff8107664c"]),
            ["<3>x: type 4, loc X, val X"]
        );
        assert_eq!(masked(&["<3>hello: alloc 5"]), ["<3>hello: alloc 5"]);
    }

    #[test]
    fn dumps_are_left_out_and_what_is_said_stays() {
        let frame = [
            "<4>------------[ cut here ]------------",
            "<4>illegal size",
            "<4>RIP: 0",
            "<4>---[ end trace 0 ]---",
            "<4>hello: after",
        ];
        assert_eq!(masked(&frame), ["<4>illegal size", "<4>hello: after"]);
        let bare = ["<4>percpu: allocation failed, size=1", "<4>CPU: 0", "<4> </TASK>", "<4>x"];
        assert_eq!(masked(&["<6>alg: No test for a (b)", "<5>x"]), ["<5>x"]);
        assert_eq!(masked(&bare), ["<4>percpu: allocation failed, size=1", "<4>x"]);
    }
}
