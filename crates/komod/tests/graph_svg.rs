//! `komod graph --svg`: valid XML, boxes that lie apart, and all edges of the same graph in DOT.
#![forbid(unsafe_code)]

mod common;

use common::{User, kernels_in_turn};
use std::collections::BTreeSet;
use std::process::Command;

/// The value of an attribute that comes first after a place in the text.
fn attribute<'a>(text: &'a str, name: &str) -> &'a str {
    let start = text.find(&format!(" {name}=\"")).unwrap_or_else(|| panic!("no {name} in {text}"));
    text[start + name.len() + 3..].split('"').next().unwrap()
}

fn edges_of_dot(text: &str) -> BTreeSet<(String, String)> {
    let edges = text.lines().filter_map(|line| line.trim().split_once(" -> "));
    let edges = edges.map(|(from, rest)| (from, rest.split_once(" [").unwrap().0));
    edges.map(|(from, to)| (from.trim_matches('"').into(), to.trim_matches('"').into())).collect()
}

fn edges_of_svg(text: &str) -> BTreeSet<(String, String)> {
    let edges = text.split("<g class=\"edge").skip(1);
    let edges = edges.inspect(|edge| {
        let way = attribute(&edge[edge.find("class=\"line\"").unwrap()..], "d");
        assert!(way.starts_with('M') && way.len() > 10, "a line that leads nowhere: {edge}");
    });
    edges.map(|e| (attribute(e, "data-from").into(), attribute(e, "data-to").into())).collect()
}

/// Left, top, right, bottom, and the name.
fn boxes(text: &str) -> Vec<([f64; 4], &str)> {
    let boxes = text.split("<g class=\"node").skip(1).map(|node| {
        let of = |name| attribute(node, name).parse::<f64>().unwrap();
        let (x, y) = (of("x"), of("y"));
        let name = node.split("</text>").next().unwrap().rsplit('>').next().unwrap();
        ([x, y, x + of("width"), y + of("height")], name)
    });
    boxes.collect()
}

#[track_caller]
fn lie_apart(mut boxes: Vec<([f64; 4], &str)>) {
    boxes.sort_by(|(a, _), (b, _)| a[0].total_cmp(&b[0]));
    for (number, ([left, top, right, bottom], name)) in boxes.iter().enumerate() {
        assert!(left < right && top < bottom);
        for ([l, t, _, b], other) in boxes[number + 1..].iter().take_while(|(b, _)| b[0] < *right) {
            assert!(t >= bottom || b <= top, "{other} at {l},{t} lies on {name} at {left},{top}");
        }
    }
}

/// Python's parser is another's opinion; without it our own test of the form has to do.
#[track_caller]
fn is_xml(user: &User, file: &str) {
    let script =
        "import sys, xml.etree.ElementTree as e; print(e.parse(sys.argv[1]).getroot().tag)";
    let mut python = Command::new("python3");
    match python.args(["-c", script, file]).current_dir(&user.dir).output() {
        Ok(said) => {
            let error = String::from_utf8_lossy(&said.stderr);
            assert!(said.status.success(), "{file} is no XML: {error}");
            assert_eq!(said.stdout, b"{http://www.w3.org/2000/svg}svg\n");
        }
        Err(error) => eprintln!("SKIPPED: python3 as a reader of XML: {error}"),
    }
}

#[test]
fn a_drawing_has_all_edges_and_boxes_lie_apart() {
    for kernel in kernels_in_turn() {
        let user = User::new("drawn");
        let root = kernel.root.to_str().unwrap();
        for what in [
            &[][..],
            &["btrfs"],
            &["nouveau", "--symbols"],
            &["usbcore", "--reverse"],
            &["snd_pcm", "--reverse", "--depth", "1"],
        ] {
            let call = |form, file| {
                let args = ["graph", "-k", root, form, "-o", file];
                let said = user.komod(&[&args[..], what].concat()).good();
                assert_eq!(said.out, "");
                (std::fs::read_to_string(user.dir.join(file)).unwrap(), said)
            };
            let ((svg, said), (dot, _)) = (call("--svg", "x.svg"), call("--dot", "x.dot"));
            let (drawn, wanted) = (edges_of_svg(&svg), edges_of_dot(&dot));
            assert!(!wanted.is_empty());
            assert_eq!(drawn, wanted, "{what:?}");
            let boxes = boxes(&svg);
            let nodes =
                dot.lines().filter(|line| line.starts_with("\t\"") && line.ends_with("\";"));
            let nodes = nodes.filter(|line| !line.contains("->")).count();
            assert_eq!(boxes.len(), nodes, "{what:?}");
            assert_eq!(said.err.contains("name a module"), nodes > 500, "{what:?}: {}", said.err);
            lie_apart(boxes);
            is_xml(&user, "x.svg");
        }
    }
}

#[test]
fn lines_tell_their_symbols_and_the_module_asked_for_is_set_off() {
    for kernel in kernels_in_turn() {
        let user = User::new("told");
        let root = kernel.root.to_str().unwrap();
        let svg = user.komod(&["graph", "ext4", "--svg", "-k", root]).good().out;
        assert_eq!(svg, user.komod(&["graph", "ext4", "--svg", "-k", root]).good().out);
        let edge = svg.split("<g class=\"edge").find(|e| e.contains("data-to=\"jbd2\"")).unwrap();
        assert!(edge.contains("<title>ext4 needs jbd2\njbd2_"), "{edge}");
        let asked: Vec<&str> = svg.split("<g class=\"node root\"").skip(1).collect();
        assert!(asked.len() == 1 && asked[0].starts_with("><title>ext4: needs "), "{asked:?}");
        user.komod(&["graph", "ext4", "--svg", "--dot", "-k", root]).ends_with(2);
    }
}
