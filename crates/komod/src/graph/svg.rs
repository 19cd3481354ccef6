//! The graph as a drawing for browsers.

use super::Graph;
use super::layout::{self, Drawing, Point, Size};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Of the letters of a fixed-width font in this size: three fifths, as almost all have.
const FONT_SIZE: f64 = 12.0;
const LETTER: f64 = FONT_SIZE * 0.605;
const BOX_HEIGHT: f64 = 22.0;
const BOX_EDGE: f64 = 8.0;
const MARGIN: f64 = 16.0;
const SMALL_FONT: f64 = 10.0;
const SMALL_LETTER: f64 = SMALL_FONT * 0.605;
const SMALL_LINE: f64 = 13.0;
/// So many symbols are told in a line's tooltip, and so many as its label.
const MOST_TOLD: usize = 40;
const MOST_LABELLED: usize = 12;

const STYLE: &str = "\
svg{font:12px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace}
.paper{fill:#fff}
.box{fill:#f3f6fa;stroke:#6b7f99}
.root .box{fill:#dbe9ff;stroke:#1f5fbf;stroke-width:2}
text{fill:#1b2430}
.label text{font-size:10px;fill:#55606e}
.line{fill:none;stroke:#8a97a8;stroke-width:1.1}
.soft .line{stroke-dasharray:5 4}
.circle .line{stroke:#c62828;stroke-width:1.6}
.wide{fill:none;stroke:transparent;stroke-width:7}
.arrow{fill:#8a97a8}
.edge:hover .line{stroke:#d9730d;stroke-width:2.4}
.node:hover .box{stroke:#d9730d}
@media (prefers-color-scheme:dark){
.paper{fill:#14181d}
.box{fill:#222a33;stroke:#7d8fa6}
.root .box{fill:#1d3557;stroke:#7fb2ff}
text{fill:#e4e9ef}
.label text{fill:#a5b0bd}
.line{stroke:#66727f}
.arrow{fill:#66727f}
.circle .line{stroke:#ff7b72}
.edge:hover .line{stroke:#ffb45c}
.node:hover .box{stroke:#ffb45c}
}
";

/// What to draw.
#[derive(Debug)]
pub struct Wanted<'a> {
    pub graph: &'a Graph,
    pub shown: &'a BTreeSet<usize>,
    /// Those asked for; they are set off from what they lead to.
    pub roots: &'a [usize],
    /// Edges lead from a module to its users.
    pub reverse: bool,
    /// Symbols as labels, not only as tooltips.
    pub symbols: bool,
}

struct Edge<'a> {
    /// Numbers into the drawn modules.
    from: usize,
    to: usize,
    symbols: &'a [String],
    /// It closes a circle: drawn from right to left.
    circle: bool,
    /// The number of its label's box.
    label: Option<usize>,
}

/// The same graph is always drawn the same. Soft dependencies are dashed, lines that close a
/// circle red.
pub fn text(wanted: &Wanted<'_>) -> String {
    let graph = wanted.graph;
    let modules: Vec<usize> = wanted.shown.iter().copied().collect();
    let mut edges = edges(graph, &modules);
    let mut sizes: Vec<Size> =
        modules.iter().map(|module| box_size(&shown(&graph.names[*module]))).collect();
    let mut lines = Vec::new();
    for edge in &mut edges {
        let (left, right) = if edge.circle { (edge.to, edge.from) } else { (edge.from, edge.to) };
        if wanted.symbols && !edge.symbols.is_empty() {
            edge.label = Some(sizes.len());
            lines.extend([(left, sizes.len()), (sizes.len(), right)]);
            sizes.push(label_size(&label(edge.symbols)));
        } else {
            lines.push((left, right));
        }
    }
    let drawing = layout::place(&sizes, &lines);

    let mut text = head(&drawing);
    let mut lines = drawing.lines.into_iter();
    for edge in &edges {
        let mut line = lines.next().unwrap_or_default();
        if edge.label.is_some() {
            line.extend(lines.next().unwrap_or_default());
        }
        if edge.circle {
            line.reverse();
        }
        let names = [edge.from, edge.to].map(|end| shown(&graph.names[modules[end]]));
        write_edge(&mut text, edge, &names, wanted.reverse, &line);
    }
    for edge in &edges {
        if let Some(number) = edge.label {
            write_label(&mut text, drawing.corners[number], &label(edge.symbols));
        }
    }
    let (mut out, mut into) = (vec![0; modules.len()], vec![0; modules.len()]);
    for edge in &edges {
        out[edge.from] += 1;
        into[edge.to] += 1;
    }
    for (number, module) in modules.iter().enumerate() {
        let class = if wanted.roots.contains(module) { "node root" } else { "node" };
        let (needs, users) = match wanted.reverse {
            false => (out[number], into[number]),
            true => (into[number], out[number]),
        };
        let name = shown(&graph.names[*module]);
        let title = format!("{name}: needs {needs}, needed by {users} of these");
        write_box(&mut text, class, &name, &title, drawing.corners[number], sizes[number]);
    }
    text.push_str("</svg>\n");
    text
}

fn edges<'a>(graph: &'a Graph, modules: &[usize]) -> Vec<Edge<'a>> {
    let mut edges = Vec::new();
    for (from, module) in modules.iter().enumerate() {
        for (other, symbols) in &graph.needs[*module] {
            if let Ok(to) = modules.binary_search(other) {
                edges.push(Edge { from, to, symbols, circle: false, label: None });
            }
        }
    }
    let ends: Vec<(usize, usize)> = edges.iter().map(|edge| (edge.from, edge.to)).collect();
    for (edge, turned) in edges.iter_mut().zip(layout::turned(modules.len(), &ends)) {
        edge.circle = turned;
    }
    edges
}

fn head(drawing: &Drawing) -> String {
    let (width, height) = (drawing.width + 2.0 * MARGIN, drawing.height + 2.0 * MARGIN);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"-{MARGIN} -{MARGIN} {width:.0} {height:.0}\">\n<style>\n{STYLE}</style>\n\
         <defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"7.5\" refY=\"4\" markerWidth=\"8\" \
         markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" orient=\"auto\">\
         <path class=\"arrow\" d=\"M0 0.8L8 4L0 7.2z\"/></marker></defs>\n\
         <rect class=\"paper\" x=\"-{MARGIN}\" y=\"-{MARGIN}\" width=\"{width:.0}\" \
         height=\"{height:.0}\"/>\n"
    )
}

/// `names` are those of its ends.
fn write_edge(
    text: &mut String,
    edge: &Edge<'_>,
    names: &[String; 2],
    reverse: bool,
    line: &[Point],
) {
    let mut class = String::from("edge");
    let [from, to] = names;
    let (user, needed) = if reverse { (to, from) } else { (from, to) };
    let mut title = format!("{user} needs {needed}");
    if edge.symbols.is_empty() {
        class.push_str(" soft");
        title.push_str(" (soft)");
    }
    if edge.circle {
        class.push_str(" circle");
        title.push_str(" (a circle)");
    }
    for symbol in edge.symbols.iter().take(MOST_TOLD) {
        title.push('\n');
        title.push_str(symbol);
    }
    if edge.symbols.len() > MOST_TOLD {
        let _ = write!(title, "\nand {} more", edge.symbols.len() - MOST_TOLD);
    }
    let way = way(line);
    let [from, to, title] = [from, to, &title].map(|plain| escaped(plain));
    let _ = writeln!(
        text,
        "<g class=\"{class}\" data-from=\"{from}\" data-to=\"{to}\"><title>{title}</title>\
         <path class=\"wide\" d=\"{way}\"/>\
         <path class=\"line\" d=\"{way}\" marker-end=\"url(#arrow)\"/></g>"
    );
}

/// Along the rows straight, between the layers curved.
fn way(line: &[Point]) -> String {
    let Some(first) = line.first() else { return String::new() };
    let mut text = format!("M{:.1} {:.1}", first.x, first.y);
    for step in line.windows(2) {
        let (a, b) = (step[0], step[1]);
        if (a.y - b.y).abs() < 0.05 {
            let _ = write!(text, "H{:.1}", b.x);
        } else {
            let middle = (a.x + b.x) / 2.0;
            let _ = write!(
                text,
                "C{middle:.1} {:.1} {middle:.1} {:.1} {:.1} {:.1}",
                a.y, b.y, b.x, b.y
            );
        }
    }
    text
}

fn write_box(text: &mut String, class: &str, name: &str, title: &str, at: Point, size: Size) {
    let (name, title) = (escaped(name), escaped(title));
    let _ = writeln!(
        text,
        "<g class=\"{class}\"><title>{title}</title>\
         <rect class=\"box\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"4\"/>\
         <text x=\"{:.1}\" y=\"{:.1}\">{name}</text></g>",
        at.x,
        at.y,
        size.width,
        size.height,
        at.x + BOX_EDGE,
        at.y + BOX_HEIGHT / 2.0 + FONT_SIZE * 0.35,
    );
}

fn write_label(text: &mut String, at: Point, lines: &[String]) {
    text.push_str("<g class=\"label\">");
    let size = label_size(lines);
    let _ = write!(
        text,
        "<rect class=\"paper\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
        at.x, at.y, size.width, size.height
    );
    for (turn, line) in lines.iter().enumerate() {
        let y = at.y + SMALL_LINE * (turn as f64 + 0.8);
        let _ = write!(text, "<text x=\"{:.1}\" y=\"{y:.1}\">{}</text>", at.x + 3.0, escaped(line));
    }
    text.push_str("</g>\n");
}

fn label(symbols: &[String]) -> Vec<String> {
    let fits = symbols.len() <= MOST_LABELLED;
    let count = if fits { symbols.len() } else { MOST_LABELLED - 1 };
    let mut lines: Vec<String> = symbols[..count].iter().map(|symbol| shown(symbol)).collect();
    if !fits {
        lines.push(format!("and {} more", symbols.len() - count));
    }
    lines
}

fn box_size(name: &str) -> Size {
    Size { width: 2.0 * BOX_EDGE + LETTER * name.chars().count() as f64, height: BOX_HEIGHT }
}

fn label_size(lines: &[String]) -> Size {
    let letters = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    Size { width: 6.0 + SMALL_LETTER * letters as f64, height: SMALL_LINE * lines.len() as f64 }
}

/// XML 1.0 knows no control characters, and two others (§2.2).
fn shown(name: &str) -> String {
    let bad = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    name.chars().map(|c| if bad(c) { '\u{fffd}' } else { c }).collect()
}

fn escaped(plain: &str) -> String {
    let mut text = String::with_capacity(plain.len());
    for c in plain.chars() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            _ => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::tests::graph;
    use super::*;

    fn drawn(graph: &Graph, symbols: bool) -> String {
        let shown = (0..graph.names.len()).collect();
        text(&Wanted { graph, shown: &shown, roots: &[0], reverse: false, symbols })
    }

    #[test]
    fn names_are_escaped_and_lines_marked() {
        let mut g = graph(&[("a\"<&\u{1}", &["b"]), ("b", &["c"]), ("c", &["b"])]);
        let text = drawn(&g, false);
        assert!(text.contains(">a&quot;&lt;&amp;\u{fffd}</text>"), "{text}");
        assert!(text.contains("data-to=\"b\"><title>a&quot;&lt;&amp;\u{fffd} needs b\nb_symbol<"));
        assert_eq!(text.matches("class=\"edge circle\"").count(), 1, "{text}");
        assert!(text.contains("class=\"edge circle\" data-from=\"c\" data-to=\"b\""), "{text}");
        assert_eq!(text.matches("class=\"node root\"").count(), 1);
        assert!(!text.contains("class=\"label\""));
        g.needs[0].insert(1, Vec::new());
        assert!(drawn(&g, false).contains("class=\"edge soft\""));
        assert_eq!(drawn(&g, false), drawn(&g, false));
    }

    #[test]
    fn symbols_are_labels_if_wanted() {
        let mut g = graph(&[("a", &["b"]), ("b", &[])]);
        g.needs[0].insert(1, (0..50).map(|n| format!("s{n}")).collect());
        let text = drawn(&g, true);
        assert!(
            text.contains(">s10</text><text") && text.contains(">and 39 more</text>"),
            "{text}"
        );
        assert!(text.contains("\ns39\nand 10 more</title>"), "{text}");
        assert_eq!(text.matches("data-from").count(), 1);
    }

    #[test]
    fn with_all_edges_turned_the_user_is_still_the_user() {
        let g = graph(&[("a", &["b"]), ("b", &[])]).reversed();
        let shown = BTreeSet::from([0, 1]);
        let wanted =
            Wanted { graph: &g, shown: &shown, roots: &[1], reverse: true, symbols: false };
        let text = text(&wanted);
        assert!(text.contains("data-from=\"b\" data-to=\"a\"><title>a needs b\n"), "{text}");
        assert!(text.contains("<title>a: needs 1, needed by 0 of these"), "{text}");
    }
}
