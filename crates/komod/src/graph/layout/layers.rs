//! The layers with everything in them: boxes, and the bends of lines that pass by.

use super::{ROW_GAP, Size};
use std::collections::{BTreeMap, HashMap};

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NodeKind {
    /// A box by its number.
    Box(usize),
    /// Where lines pass a layer.
    Bend,
}

#[derive(Debug)]
pub struct Node {
    pub kind: NodeKind,
    pub layer: usize,
    pub size: Size,
}

/// A piece of lines between neighbouring layers.
#[derive(Debug, Clone, Copy)]
pub struct Piece {
    pub left: usize,
    pub right: usize,
    /// So many lines share it.
    pub lines: usize,
}

#[derive(Debug)]
pub struct Layers {
    pub nodes: Vec<Node>,
    /// From the left; each from above.
    pub layers: Vec<Vec<usize>>,
    /// By the left layer.
    pub pieces: Vec<Vec<Piece>>,
    /// The nodes each line leads through, ends included.
    pub ways: Vec<Vec<usize>>,
}

/// Lines from the same box, or to the same, share their bends: the end with more lines.
#[derive(PartialEq, Eq, Hash)]
enum Shared {
    From(usize),
    To(usize),
}

const BEND: Size = Size { width: 0.0, height: 2.0 };

impl Layers {
    pub fn new(sizes: &[Size], edges: &[(usize, usize)], ranks: &[usize]) -> Layers {
        let boxes = sizes.iter().zip(ranks).enumerate();
        let mut nodes: Vec<Node> = boxes
            .map(|(number, (size, layer))| Node {
                kind: NodeKind::Box(number),
                layer: *layer,
                size: *size,
            })
            .collect();
        let count = ranks.iter().max().map_or(0, |last| last + 1);
        let (mut out, mut into) = (vec![0_usize; sizes.len()], vec![0_usize; sizes.len()]);
        for (from, to) in edges {
            out[*from] += 1;
            into[*to] += 1;
        }
        let mut bends: HashMap<(Shared, usize), usize> = HashMap::new();
        let mut pieces: Vec<BTreeMap<(usize, usize), usize>> = vec![BTreeMap::new(); count];
        let mut ways = Vec::with_capacity(edges.len());
        for &(from, to) in edges {
            let mut way = vec![from];
            for layer in ranks[from] + 1..ranks[to] {
                let shared = match into[to] >= out[from] {
                    true => Shared::To(to),
                    false => Shared::From(from),
                };
                way.push(*bends.entry((shared, layer)).or_insert_with(|| {
                    nodes.push(Node { kind: NodeKind::Bend, layer, size: BEND });
                    nodes.len() - 1
                }));
            }
            way.push(to);
            for step in way.windows(2) {
                *pieces[nodes[step[0]].layer].entry((step[0], step[1])).or_default() += 1;
            }
            ways.push(way);
        }
        let mut layers = vec![Vec::new(); count];
        for (number, node) in nodes.iter().enumerate() {
            layers[node.layer].push(number);
        }
        let pieces = pieces.into_iter().map(|pieces| {
            let pieces = pieces.into_iter();
            pieces.map(|((left, right), lines)| Piece { left, right, lines }).collect()
        });
        Layers { pieces: pieces.collect(), nodes, layers, ways }
    }

    /// How far the middles of two neighbours in a layer must lie apart.
    pub fn distance(&self, above: usize, below: usize) -> f64 {
        let (above, below) = (&self.nodes[above], &self.nodes[below]);
        (above.size.height + below.size.height) / 2.0 + ROW_GAP
    }

    /// Pieces between a layer and the next.
    pub fn crossing_to_next(&self, layer: usize) -> usize {
        self.pieces[layer].len()
    }
}
