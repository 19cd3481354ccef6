//! The order in each layer: as few crossings as some rounds of averaging find.

use super::layers::Layers;

/// Rounds from left to right and back.
const ROUNDS: usize = 24;
/// Rounds without a better result before it is left alone.
const PATIENCE: usize = 6;

/// Each box goes to the mean place of its neighbours in the layer before; the best order found
/// stays.
pub fn arrange(layers: &mut Layers) {
    let (left, right) = neighbours(layers);
    let mut place = vec![0.0; layers.nodes.len()];
    for layer in &layers.layers {
        number(layer, &mut place);
    }
    let mut best = (crossings(layers), layers.layers.clone());
    let mut without = 0;
    for round in 0..ROUNDS {
        let count = layers.layers.len();
        let (towards, numbers): (_, Vec<usize>) = match round % 2 {
            0 => (&left, (1..count).collect()),
            _ => (&right, (0..count.saturating_sub(1)).rev().collect()),
        };
        for layer in numbers {
            let mut wanted: Vec<(f64, usize)> = layers.layers[layer]
                .iter()
                .map(|node| (mean(&towards[*node], &place).unwrap_or(place[*node]), *node))
                .collect();
            wanted.sort_by(|(a, _), (b, _)| a.total_cmp(b));
            layers.layers[layer] = wanted.into_iter().map(|(_, node)| node).collect();
            number(&layers.layers[layer], &mut place);
        }
        let crossings = crossings(layers);
        without += 1;
        if crossings < best.0 {
            best = (crossings, layers.layers.clone());
            without = 0;
        }
        if best.0 == 0 || without > PATIENCE {
            break;
        }
    }
    layers.layers = best.1;
}

/// Places from 0 to 1, so that layers of different lengths compare.
fn number(layer: &[usize], place: &mut [f64]) {
    for (turn, node) in layer.iter().enumerate() {
        place[*node] = (turn as f64 + 0.5) / layer.len() as f64;
    }
}

fn mean(neighbours: &[usize], place: &[f64]) -> Option<f64> {
    let sum: f64 = neighbours.iter().map(|node| place[*node]).sum();
    (!neighbours.is_empty()).then(|| sum / neighbours.len() as f64)
}

/// Of each node, those in the layer to the left and those to the right.
fn neighbours(layers: &Layers) -> (Vec<Vec<usize>>, Vec<Vec<usize>>) {
    let count = layers.nodes.len();
    let (mut left, mut right) = (vec![Vec::new(); count], vec![Vec::new(); count]);
    for piece in layers.pieces.iter().flatten() {
        right[piece.left].push(piece.right);
        left[piece.right].push(piece.left);
    }
    (left, right)
}

/// Pairs of pieces that cross.
pub fn crossings(layers: &Layers) -> usize {
    let mut turn = vec![0; layers.nodes.len()];
    for layer in &layers.layers {
        layer.iter().enumerate().for_each(|(number, node)| turn[*node] = number);
    }
    let mut all = 0;
    for (number, pieces) in layers.pieces.iter().enumerate() {
        let Some(next) = layers.layers.get(number + 1) else { continue };
        let mut ends: Vec<(usize, usize)> =
            pieces.iter().map(|piece| (turn[piece.left], turn[piece.right])).collect();
        ends.sort_unstable();
        // How many pieces so far end at a place or above: sums in a binary indexed tree.
        let mut sums = vec![0; next.len() + 1];
        for (before, (_, end)) in ends.iter().enumerate() {
            let (mut at, mut not_below) = (end + 1, 0);
            while at > 0 {
                not_below += sums[at];
                at &= at - 1;
            }
            all += before - not_below;
            at = end + 1;
            while at < sums.len() {
                sums[at] += 1;
                at += at & at.wrapping_neg();
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::Size;
    use super::*;

    #[test]
    fn crossings_are_counted_and_undone() {
        let sizes = [Size { width: 1.0, height: 1.0 }; 6];
        let edges = [(0, 5), (1, 4), (2, 3)];
        let mut layers = Layers::new(&sizes, &edges, &[0, 0, 0, 1, 1, 1]);
        assert_eq!(crossings(&layers), 3);
        arrange(&mut layers);
        assert_eq!(crossings(&layers), 0);
    }
}
