//! Where the boxes and lines of a drawing go.
//!
//! Layers from left to right: every line leads to a layer further right. Lines over several layers
//! bend in each, in a gap between the boxes, so that no line runs through a box.

mod circles;
mod layers;
mod order;
mod packing;
mod ranks;
mod rows;

pub use circles::turned;

use layers::{Layers, NodeKind};

/// Between two boxes of a layer.
const ROW_GAP: f64 = 8.0;
/// Between two layers, and more where many lines run.
const LAYER_GAP: f64 = 44.0;
const MOST_LAYER_GAP: f64 = 200.0;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Size {
    pub width: f64,
    pub height: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    pub x: f64,
    pub y: f64,
}

/// Boxes by their upper left corner and lines by the points they lead through, in the order of
/// what was asked for.
#[derive(Debug, Default)]
pub struct Drawing {
    pub corners: Vec<Point>,
    pub lines: Vec<Vec<Point>>,
    pub width: f64,
    pub height: f64,
}

/// Places boxes and the lines between them. `edges` must have no circle; [`turned`] says which to
/// turn round.
pub fn place(sizes: &[Size], edges: &[(usize, usize)]) -> Drawing {
    let mut drawing = Drawing {
        corners: vec![Point { x: 0.0, y: 0.0 }; sizes.len()],
        lines: vec![Vec::new(); edges.len()],
        ..Drawing::default()
    };
    let parts = packing::connected(sizes.len(), edges);
    let placed: Vec<Drawing> = parts.iter().map(|part| place_part(part, sizes, edges)).collect();
    let extents: Vec<Size> =
        placed.iter().map(|part| Size { width: part.width, height: part.height }).collect();
    let (corners, whole) = packing::side_by_side(&extents);
    (drawing.width, drawing.height) = (whole.width, whole.height);
    for ((part, placed), corner) in parts.iter().zip(placed).zip(corners) {
        let moved = |at: Point| Point { x: at.x + corner.x, y: at.y + corner.y };
        for (node, at) in part.nodes.iter().zip(placed.corners) {
            drawing.corners[*node] = moved(at);
        }
        for (edge, line) in part.edges.iter().zip(placed.lines) {
            drawing.lines[*edge] = line.into_iter().map(moved).collect();
        }
    }
    drawing
}

/// Boxes that hang together.
fn place_part(part: &packing::Part, sizes: &[Size], edges: &[(usize, usize)]) -> Drawing {
    let sizes: Vec<Size> = part.nodes.iter().map(|node| sizes[*node]).collect();
    let local = |node: usize| part.nodes.binary_search(&node).expect("its edges are its own");
    let edges: Vec<(usize, usize)> =
        part.edges.iter().map(|edge| (local(edges[*edge].0), local(edges[*edge].1))).collect();
    let ranks = ranks::ranks(sizes.len(), &edges);
    let mut layers = Layers::new(&sizes, &edges, &ranks);
    order::arrange(&mut layers);
    let rows = rows::rows(&layers);

    let mut drawing =
        Drawing { corners: vec![Point { x: 0.0, y: 0.0 }; sizes.len()], ..Drawing::default() };
    // The left and the right end of each layer.
    let mut columns = Vec::with_capacity(layers.layers.len());
    let mut x = 0.0;
    for (number, layer) in layers.layers.iter().enumerate() {
        let width = layer.iter().map(|node| layers.nodes[*node].size.width).fold(0.0, f64::max);
        columns.push((x, x + width));
        drawing.width = x + width;
        let crowd = layers.crossing_to_next(number) as f64;
        x += width + (LAYER_GAP + crowd * 0.5).min(MOST_LAYER_GAP);
    }
    for (number, node) in layers.nodes.iter().enumerate() {
        drawing.height = drawing.height.max(rows[number] + node.size.height / 2.0);
        if let NodeKind::Box(index) = node.kind {
            drawing.corners[index] =
                Point { x: columns[node.layer].0, y: rows[number] - node.size.height / 2.0 };
        }
    }
    for way in &layers.ways {
        let mut line = Vec::with_capacity(2 * way.len());
        let last = way.len() - 1;
        for (turn, number) in way.iter().enumerate() {
            let node = &layers.nodes[*number];
            let ((left, right), y) = (columns[node.layer], rows[*number]);
            match turn {
                0 => line.push(Point { x: left + node.size.width, y }),
                _ => line.push(Point { x: left, y }),
            }
            if turn < last {
                line.push(Point { x: right, y });
            }
        }
        line.dedup();
        drawing.lines.push(line);
    }
    drawing
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random, the same ones each time.
    fn random(state: &mut u64, below: usize) -> usize {
        *state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(*state >> 33).unwrap() % below
    }

    fn apart(drawing: &Drawing, sizes: &[Size]) {
        for (a, at) in drawing.corners.iter().enumerate() {
            assert!(at.x > -0.01 && at.y > -0.01, "{at:?}");
            assert!(at.x + sizes[a].width <= drawing.width + 0.01, "{at:?}");
            assert!(at.y + sizes[a].height <= drawing.height + 0.01, "{at:?}");
            for (b, other) in drawing.corners.iter().enumerate().take(a) {
                let beside = at.x >= other.x + sizes[b].width || other.x >= at.x + sizes[a].width;
                let below = at.y >= other.y + sizes[b].height || other.y >= at.y + sizes[a].height;
                assert!(beside || below, "{a} at {at:?} lies on {b} at {other:?}");
            }
        }
    }

    /// Stretches along a row run beside the boxes, not through them.
    fn free(drawing: &Drawing, sizes: &[Size]) {
        for line in &drawing.lines {
            for step in line.windows(2).filter(|step| step[0].y == step[1].y) {
                for (number, at) in drawing.corners.iter().enumerate() {
                    let size = sizes[number];
                    let along = step[1].x > at.x && step[0].x < at.x + size.width;
                    let across = step[0].y > at.y && step[0].y < at.y + size.height;
                    assert!(!(along && across), "{step:?} runs through {number} at {at:?}");
                }
            }
        }
    }

    #[test]
    fn boxes_lie_apart_and_lines_beside_them() {
        let mut state = 7;
        for round in 0..40 {
            let count = 2 + round * 3;
            let sizes: Vec<Size> = (0..count)
                .map(|_| Size {
                    width: 20.0 + random(&mut state, 90) as f64,
                    height: 22.0 + 13.0 * random(&mut state, 3) as f64,
                })
                .collect();
            let edges: Vec<(usize, usize)> = (0..count * 3 / 2)
                .map(|_| (random(&mut state, count), random(&mut state, count)))
                .filter(|(from, to)| from < to)
                .collect();
            let drawing = place(&sizes, &edges);
            apart(&drawing, &sizes);
            free(&drawing, &sizes);
            for (line, (from, to)) in drawing.lines.iter().zip(&edges) {
                let (a, b) = (drawing.corners[*from], drawing.corners[*to]);
                let (first, last) = (line[0], line[line.len() - 1]);
                assert!(line.windows(2).all(|step| step[0].x <= step[1].x), "{line:?}");
                assert!((first.x - (a.x + sizes[*from].width)).abs() < 0.01, "{line:?}");
                assert!((last.x - b.x).abs() < 0.01, "{line:?}");
                assert!((last.y - (b.y + sizes[*to].height / 2.0)).abs() < 0.01, "{line:?}");
            }
        }
    }

    #[test]
    fn a_chain_is_a_straight_line() {
        let sizes = [Size { width: 50.0, height: 20.0 }; 4];
        let drawing = place(&sizes, &[(0, 1), (1, 2), (2, 3)]);
        assert!(drawing.corners.iter().all(|at| at.y == drawing.corners[0].y));
        assert!(drawing.corners.windows(2).all(|two| two[0].x + 50.0 < two[1].x));
        assert_eq!(place(&[], &[]).corners, []);
    }
}
