//! Parts of a graph that have nothing to do with each other, and where each is drawn.

use super::{Point, Size};

const GAP: f64 = 24.0;

/// Boxes and edges that hang together, each sorted.
#[derive(Debug, Default, PartialEq)]
pub struct Part {
    pub nodes: Vec<usize>,
    pub edges: Vec<usize>,
}

/// The parts, the largest first.
pub fn connected(nodes: usize, edges: &[(usize, usize)]) -> Vec<Part> {
    let mut near = vec![Vec::new(); nodes];
    for &(from, to) in edges {
        near[from].push(to);
        near[to].push(from);
    }
    let mut part_of = vec![usize::MAX; nodes];
    let mut parts: Vec<Part> = Vec::new();
    for start in 0..nodes {
        if part_of[start] != usize::MAX {
            continue;
        }
        let mut part = Part { nodes: vec![start], edges: Vec::new() };
        part_of[start] = parts.len();
        let mut next = 0;
        while let Some(&node) = part.nodes.get(next) {
            next += 1;
            for &other in &near[node] {
                if part_of[other] == usize::MAX {
                    part_of[other] = parts.len();
                    part.nodes.push(other);
                }
            }
        }
        part.nodes.sort_unstable();
        parts.push(part);
    }
    for (number, (from, _)) in edges.iter().enumerate() {
        parts[part_of[*from]].edges.push(number);
    }
    parts.sort_by_key(|part| std::cmp::Reverse(part.nodes.len()));
    parts
}

/// One below the other, and in the next column when this one is as high as the highest part or
/// as the whole is wide. Gives the corners and the size of all.
pub fn side_by_side(sizes: &[Size]) -> (Vec<Point>, Size) {
    let highest = sizes.iter().map(|size| size.height).fold(0.0, f64::max);
    let area: f64 = sizes.iter().map(|size| (size.width + GAP) * (size.height + GAP)).sum();
    let limit = highest.max(area.sqrt() * 0.8);
    let mut corners = Vec::with_capacity(sizes.len());
    let (mut at, mut wide) = (Point { x: 0.0, y: 0.0 }, 0.0_f64);
    let mut all = Size { width: 0.0, height: 0.0 };
    for size in sizes {
        if at.y > 0.0 && at.y + size.height > limit {
            at = Point { x: at.x + wide + GAP, y: 0.0 };
            wide = 0.0;
        }
        corners.push(at);
        wide = wide.max(size.width);
        all.width = all.width.max(at.x + size.width);
        all.height = all.height.max(at.y + size.height);
        // Single boxes may stand as close as those of a layer.
        at.y += size.height + if size.height < 2.0 * GAP { GAP / 3.0 } else { GAP };
    }
    (corners, all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_and_fill_columns() {
        let parts = connected(5, &[(3, 1), (1, 4)]);
        assert_eq!(parts[0], Part { nodes: vec![1, 3, 4], edges: vec![0, 1] });
        assert_eq!(parts[1..].iter().map(|p| p.nodes[0]).collect::<Vec<_>>(), [0, 2]);
        let size = |width, height| Size { width, height };
        let (corners, all) = side_by_side(&[size(10.0, 100.0), size(9.0, 40.0), size(8.0, 40.0)]);
        assert_eq!(corners[0], Point { x: 0.0, y: 0.0 });
        assert_eq!(corners[1], Point { x: 34.0, y: 0.0 });
        assert_eq!(corners[2].x, 34.0);
        assert_eq!((all.width, all.height), (43.0, 100.0));
    }
}
