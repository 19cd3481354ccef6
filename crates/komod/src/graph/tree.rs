//! The graph as a tree of text. A module's needs are shown once; circles are cut and marked.

use super::Graph;
use std::collections::BTreeSet;

/// From a module down, at most `depth` steps; `symbols` lists what each is needed for.
pub fn text(graph: &Graph, root: usize, depth: usize, symbols: bool) -> String {
    let mut lines = vec![graph.names[root].clone()];
    let mut told = BTreeSet::from([root]);
    let below =
        |number: usize| -> Vec<usize> { graph.needs[number].keys().copied().rev().collect() };
    // What is left to show at each level; the last is what comes next.
    let mut way = vec![(root, below(root))];
    while let Some((user, left)) = way.last_mut() {
        let user = *user;
        let Some(number) = left.pop() else {
            way.pop();
            continue;
        };
        let mut line = String::new();
        for (_, left) in &way[..way.len() - 1] {
            line.push_str(if left.is_empty() { "    " } else { "│   " });
        }
        let last = way.last().is_none_or(|(_, left)| left.is_empty());
        line.push_str(if last { "└── " } else { "├── " });
        line.push_str(&graph.names[number]);
        let used = &graph.needs[user][&number];
        if used.is_empty() {
            line.push_str(" (soft)");
        } else if symbols {
            line.push_str(&format!(": {}", used.join(", ")));
        }
        let has_more = !graph.needs[number].is_empty();
        if way.iter().any(|(above, _)| *above == number) {
            line.push_str(" (a circle)");
        } else if has_more && !told.insert(number) {
            line.push_str(" (see above)");
        } else if has_more && way.len() < depth {
            way.push((number, below(number)));
        } else if has_more {
            told.remove(&number);
            line.push_str(" …");
        }
        lines.push(line);
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::tests::graph;
    use super::*;

    #[test]
    fn needs_are_told_once_and_circles_are_marked() {
        let g = graph(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &["d"]), ("d", &["b"])]);
        let told = text(&g, 0, usize::MAX, false);
        let want = "a\n├── b\n│   └── c\n│       └── d\n│           └── b (a circle)\n\
                    └── c (see above)";
        assert_eq!(told, want);
        assert_eq!(text(&g, 0, 1, false), "a\n├── b …\n└── c …");
        assert!(text(&g, 0, 1, true).contains("b: b_symbol"));
    }
}
