//! Edges that close a circle.

/// Which edges to turn round so that there is no circle: those that lead back to where a walk
/// along the edges came from.
pub fn turned(nodes: usize, edges: &[(usize, usize)]) -> Vec<bool> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        Never,
        OnTheWay,
        Done,
    }
    let mut out: Vec<Vec<usize>> = vec![Vec::new(); nodes];
    for (number, (from, _)) in edges.iter().enumerate() {
        out[*from].push(number);
    }
    let mut seen = vec![Seen::Never; nodes];
    let mut turned = vec![false; edges.len()];
    for start in 0..nodes {
        if seen[start] != Seen::Never {
            continue;
        }
        seen[start] = Seen::OnTheWay;
        let mut way = vec![(start, 0)];
        while let Some((node, next)) = way.last_mut() {
            let Some(&edge) = out[*node].get(*next) else {
                seen[*node] = Seen::Done;
                way.pop();
                continue;
            };
            *next += 1;
            let to = edges[edge].1;
            match seen[to] {
                Seen::Never => {
                    seen[to] = Seen::OnTheWay;
                    way.push((to, 0));
                }
                Seen::OnTheWay => turned[edge] = true,
                Seen::Done => {}
            }
        }
    }
    turned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_edge_of_each_circle_is_turned() {
        let edges = [(0, 1), (1, 2), (2, 0), (2, 3), (3, 2), (0, 3)];
        assert_eq!(turned(4, &edges), [false, false, true, false, true, false]);
        assert_eq!(turned(3, &[(0, 1), (0, 2), (1, 2)]), [false; 3]);
    }
}
