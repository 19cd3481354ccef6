//! Circles of modules that need each other.

use std::collections::VecDeque;

/// A group of modules each of which needs all others, or one that needs itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circle {
    /// The shortest way from its first module back to that; each module on it needs the next.
    pub path: Vec<usize>,
    /// How many modules are in the group.
    pub members: usize,
}

/// All groups, by their first modules. `needs[m]` is what `m` needs.
///
/// Tarjan's algorithm with a stack of its own ("Depth-first search and linear graph algorithms",
/// SIAM J. Comput. 1972), so that long chains do no harm.
pub fn find(needs: &[Vec<usize>]) -> Vec<Circle> {
    let mut groups: Vec<Vec<usize>> = components(needs);
    let needs_itself = |module: &usize| needs[*module].contains(module);
    groups.retain(|group| group.len() > 1 || group.iter().any(needs_itself));
    for group in &mut groups {
        group.sort_unstable();
    }
    groups.sort_unstable();
    groups
        .iter()
        .map(|group| Circle { path: way_around(needs, group), members: group.len() })
        .collect()
}

#[derive(Clone, Copy, Default)]
struct State {
    /// Number of the visit, from 1.
    number: usize,
    low: usize,
    on_stack: bool,
}

fn components(needs: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut states = vec![State::default(); needs.len()];
    let mut groups = Vec::new();
    let mut stack = Vec::new();
    let mut number = 0;
    for root in 0..needs.len() {
        if states[root].number != 0 {
            continue;
        }
        // Modules on the way down, and how many of their needs were looked at.
        let mut way = vec![(root, 0)];
        while let Some((module, looked)) = way.pop() {
            if looked == 0 {
                number += 1;
                states[module] = State { number, low: number, on_stack: true };
                stack.push(module);
            }
            if let Some(&used) = needs[module].get(looked) {
                way.push((module, looked + 1));
                if states[used].number == 0 {
                    way.push((used, 0));
                } else if states[used].on_stack {
                    states[module].low = states[module].low.min(states[used].number);
                }
                continue;
            }
            if states[module].low == states[module].number {
                let from = stack.iter().rposition(|&member| member == module).unwrap_or(0);
                let group = stack.split_off(from);
                group.iter().for_each(|&member| states[member].on_stack = false);
                groups.push(group);
            }
            if let Some(&(user, _)) = way.last() {
                states[user].low = states[user].low.min(states[module].low);
            }
        }
    }
    groups
}

/// The shortest way from the first module of a group to itself.
fn way_around(needs: &[Vec<usize>], group: &[usize]) -> Vec<usize> {
    let Some(&first) = group.first() else { return Vec::new() };
    let mut before: Vec<Option<usize>> = vec![None; needs.len()];
    let mut open = VecDeque::from([first]);
    while let Some(module) = open.pop_front() {
        for &used in &needs[module] {
            if used == first {
                let mut path = vec![module];
                while let Some(user) = path.last().and_then(|&last| before[last]) {
                    path.push(user);
                }
                path.reverse();
                return path;
            }
            if before[used].is_none() && group.binary_search(&used).is_ok() {
                before[used] = Some(module);
                open.push_back(used);
            }
        }
    }
    vec![first]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_their_shortest_ways() {
        let needs = [vec![1, 2], vec![0, 3], vec![0], vec![4], vec![5], vec![3], vec![0]];
        let found = find(&needs);
        assert_eq!(found[0], Circle { path: vec![0, 1], members: 3 });
        assert_eq!(found[1], Circle { path: vec![3, 4, 5], members: 3 });
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn a_complete_graph_and_a_long_ring() {
        let complete: Vec<Vec<usize>> =
            (0..8).map(|m| (0..8).filter(|other| *other != m).collect()).collect();
        assert_eq!(find(&complete), [Circle { path: vec![0, 1], members: 8 }]);
        let ring: Vec<Vec<usize>> = (0..60_000).map(|m| vec![(m + 1) % 60_000]).collect();
        assert_eq!(find(&ring)[0].path.len(), 60_000);
    }
}
