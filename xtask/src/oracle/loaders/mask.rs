//! What of a log both loaders must have in common.

/// Beginnings of lines that tell how fast the processor was, and are never the same twice.
const MEASURED: &[&str] = &["raid6: ", "xor: "];

/// In the report of a fault these hold addresses of the stack and of what called the module: the
/// kernel's loader and komod's call it from different places.
const REGISTERS: &[&str] =
    &["RSP: ", "RAX: ", "RDX: ", "RBP: ", "R10: ", "R13: ", "FS: ", "CS: ", "CR2: "];

/// The report of a fault stands between lines that begin so (Linux 6.1 `dump_stack_print_info` in
/// lib/dump_stack.c, `oops_exit` in kernel/panic.c).
const REPORT: (&str, &str) = ("CPU: ", "---[ end trace ");

pub fn comparable(log: &[String]) -> Vec<String> {
    let (mut in_report, mut faulted) = (false, false);
    let mut lines = Vec::new();
    for line in log {
        let text = line.split_once('>').map_or(line.as_str(), |(_, text)| text);
        let begins = |beginnings: &[&str]| beginnings.iter().any(|b| text.starts_with(b));
        in_report = (in_report || begins(&[REPORT.0])) && !begins(&[REPORT.1]);
        faulted |= in_report;
        // A frame of the call trace is indented. The registers are shown again at the very end.
        let chance = in_report && text.starts_with(' ') || faulted && begins(REGISTERS);
        if !chance && !begins(MEASURED) {
            lines.push(line.clone());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::comparable;

    #[test]
    fn the_place_of_a_fault_counts_and_its_stack_does_not() {
        let report = |stack: &str, place: &str| {
            let lines = ["<4>CPU: 0 PID: 1", place, stack, " ? f+0x1/0x2", "<4>---[ end trace 0 ]"];
            comparable(&lines.map(str::to_owned))
        };
        let a = report("<4>RSP: 0018:0001", "<4>RIP: 0010:f+0x1/0x2");
        assert_eq!(a, report("<4>RSP: 0018:0002", "<4>RIP: 0010:f+0x1/0x2"));
        assert_ne!(a, report("<4>RSP: 0018:0001", "<4>RIP: 0010:f+0x3/0x4"));
        assert_eq!(comparable(&["<6> indented".to_owned()]).len(), 1);
    }
}
