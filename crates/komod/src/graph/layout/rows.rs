//! How far down each box and bend lies.

use super::layers::{Layers, NodeKind};

const ROUNDS: usize = 40;
/// How much a piece with so many bends as ends wants to be straight.
const STRAIGHT: [f64; 3] = [1.0, 2.0, 8.0];
/// Of a box that has no neighbour on the side looked at: it gives way to the others.
const LIGHT: f64 = 0.05;

/// The middles, from 0 down. Each layer in turn comes as near to the means of its neighbours as
/// its order and the distances allow.
pub fn rows(layers: &Layers) -> Vec<f64> {
    let mut rows = vec![0.0; layers.nodes.len()];
    for layer in &layers.layers {
        let mut at = 0.0;
        for (turn, node) in layer.iter().enumerate() {
            if turn > 0 {
                at += layers.distance(layer[turn - 1], *node);
            }
            rows[*node] = at;
        }
        layer.iter().for_each(|node| rows[*node] -= at / 2.0);
    }
    let count = layers.nodes.len();
    let (mut left, mut right) = (vec![Vec::new(); count], vec![Vec::new(); count]);
    for piece in layers.pieces.iter().flatten() {
        let bends = [piece.left, piece.right]
            .iter()
            .filter(|node| layers.nodes[**node].kind == NodeKind::Bend)
            .count();
        let lines = piece.lines as f64 * STRAIGHT[bends];
        right[piece.left].push((piece.right, lines));
        left[piece.right].push((piece.left, lines));
    }
    for round in 0..ROUNDS {
        let numbers: Vec<usize> = match round % 2 {
            0 => (0..layers.layers.len()).rev().collect(),
            _ => (0..layers.layers.len()).collect(),
        };
        for number in numbers {
            // In the later rounds both sides count.
            let both = round >= ROUNDS / 2;
            let sides = match (both, round % 2) {
                (true, _) => vec![&left, &right],
                (false, 0) => vec![&right],
                (false, _) => vec![&left],
            };
            level(layers, &layers.layers[number], &sides, &mut rows);
        }
    }
    let tops = layers.nodes.iter().zip(&rows).map(|(node, row)| row - node.size.height / 2.0);
    let top = tops.fold(f64::INFINITY, f64::min);
    rows.iter().map(|row| row - top).collect()
}

/// The least squares under the distances: neighbours that would come too close move as one.
fn level(layers: &Layers, layer: &[usize], sides: &[&Vec<Vec<(usize, f64)>>], rows: &mut [f64]) {
    struct Block {
        members: usize,
        weight: f64,
        /// Wanted for its first member, by weight.
        sum: f64,
    }
    let mut blocks: Vec<Block> = Vec::new();
    // How far each lies below the first of the layer, if all touch.
    let mut offsets = Vec::with_capacity(layer.len());
    let mut offset = 0.0;
    for (turn, node) in layer.iter().enumerate() {
        if turn > 0 {
            offset += layers.distance(layer[turn - 1], *node);
        }
        offsets.push(offset);
        let near = || sides.iter().flat_map(|side| &side[*node]);
        let weight: f64 = near().map(|(_, lines)| lines).sum();
        let sum: f64 = near().map(|(other, lines)| rows[*other] * lines).sum();
        let (wanted, weight) =
            if weight > 0.0 { (sum / weight, weight) } else { (rows[*node], LIGHT) };
        let mut block = Block { members: 1, weight, sum: (wanted - offset) * weight };
        while let Some(above) = blocks.last() {
            if above.sum / above.weight <= block.sum / block.weight {
                break;
            }
            block.members += above.members;
            block.weight += above.weight;
            block.sum += above.sum;
            blocks.pop();
        }
        blocks.push(block);
    }
    let places = blocks.iter().flat_map(|b| std::iter::repeat_n(b.sum / b.weight, b.members));
    for ((node, offset), place) in layer.iter().zip(offsets).zip(places) {
        rows[*node] = place + offset;
    }
}

#[cfg(test)]
mod tests {
    use super::super::Size;
    use super::*;

    #[test]
    fn a_user_lies_in_the_middle_of_its_needs() {
        let sizes = [Size { width: 10.0, height: 20.0 }; 4];
        let layers = Layers::new(&sizes, &[(0, 1), (0, 2), (0, 3)], &[0, 1, 1, 1]);
        let rows = rows(&layers);
        assert!((rows[0] - rows[2]).abs() < 0.01 && rows[1] < rows[2], "{rows:?}");
        assert!(rows[1] >= 10.0 && rows[3] - rows[2] >= 20.0, "{rows:?}");
    }
}
