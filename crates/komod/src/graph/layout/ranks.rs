//! In which layer each box lies.

/// By the longest way to the right; what has more users than needs of its own moves left, up to
/// the last of its users.
pub fn ranks(nodes: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let (mut out, mut into) = (vec![Vec::new(); nodes], vec![Vec::new(); nodes]);
    for &(from, to) in edges {
        out[from].push(to);
        into[to].push(from);
    }
    let order = users_first(&out, &into);
    let mut to_go = vec![0; nodes];
    for &node in order.iter().rev() {
        to_go[node] = out[node].iter().map(|to| to_go[*to] + 1).max().unwrap_or(0);
    }
    let longest = to_go.iter().copied().max().unwrap_or(0);
    let mut ranks: Vec<usize> = to_go.iter().map(|to_go| longest - to_go).collect();
    for &node in &order {
        if into[node].len() >= out[node].len()
            && let Some(last) = into[node].iter().map(|user| ranks[*user]).max()
        {
            ranks[node] = last + 1;
        }
    }
    ranks
}

fn users_first(out: &[Vec<usize>], into: &[Vec<usize>]) -> Vec<usize> {
    let mut waits: Vec<usize> = into.iter().map(Vec::len).collect();
    let mut order: Vec<usize> = (0..out.len()).filter(|node| waits[*node] == 0).collect();
    let mut next = 0;
    while let Some(&node) = order.get(next) {
        next += 1;
        for &to in &out[node] {
            waits[to] -= 1;
            if waits[to] == 0 {
                order.push(to);
            }
        }
    }
    debug_assert_eq!(order.len(), out.len(), "a circle");
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_lie_to_the_right_and_close_by() {
        // 0 needs 1, 1 needs 2; 3 needs only 2; 4 is needed by 0 alone.
        let edges = [(0, 1), (1, 2), (3, 2), (0, 4)];
        assert_eq!(ranks(5, &edges), [0, 1, 2, 1, 1]);
    }
}
