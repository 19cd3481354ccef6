//! The graph in Graphviz's language.

use super::Graph;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Soft dependencies are dashed; the symbols are the edges' tooltips, or with `symbols` labels.
pub fn text(graph: &Graph, shown: &BTreeSet<usize>, symbols: bool) -> String {
    let mut text = String::from("digraph modules {\n\trankdir=LR;\n\tnode [shape=box];\n");
    for number in shown {
        let _ = writeln!(text, "\t{};", quoted(&graph.names[*number]));
    }
    for number in shown {
        for (other, used) in graph.needs[*number].iter().filter(|(o, _)| shown.contains(o)) {
            let (from, to) = (quoted(&graph.names[*number]), quoted(&graph.names[*other]));
            let list = quoted(&used.join("\n"));
            let style = match used.is_empty() {
                true => "style=dashed".to_owned(),
                false if symbols => format!("label={list}"),
                false => format!("tooltip={list}"),
            };
            let _ = writeln!(text, "\t{from} -> {to} [{style}];");
        }
    }
    text.push_str("}\n");
    text
}

fn quoted(name: &str) -> String {
    let name = name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{name}\"")
}

#[cfg(test)]
mod tests {
    use super::super::tests::graph;
    use super::*;

    #[test]
    fn names_are_quoted_and_soft_edges_dashed() {
        let mut g = graph(&[("a\"", &["b"]), ("b", &[])]);
        let all = BTreeSet::from([0, 1]);
        assert!(text(&g, &all, false).contains("\"a\\\"\" -> \"b\" [tooltip=\"b_symbol\"];"));
        g.needs[0].insert(1, Vec::new());
        assert!(text(&g, &all, true).contains("-> \"b\" [style=dashed];"));
    }
}
