//! Which step is next.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap, HashMap},
};

use crate::plan::Step;

/// The steps that wait and those that are ready, the one with the longest chain behind it first.
pub(super) struct Queue<'a> {
    steps: &'a [Step],
    /// For each step how many it still waits for.
    waits_for: HashMap<usize, usize>,
    /// For each step those that wait for it.
    behind: HashMap<usize, Vec<usize>>,
    chain: HashMap<usize, usize>,
    /// The held steps that were let go.
    released: BTreeSet<usize>,
    ready: BinaryHeap<(usize, Reverse<usize>)>,
}

impl<'a> Queue<'a> {
    /// The steps but those that are `done` already.
    pub(super) fn new(steps: &'a [Step], done: &BTreeSet<usize>) -> Self {
        let mut behind: HashMap<usize, Vec<usize>> = HashMap::new();
        for step in steps {
            for first in &step.after {
                behind.entry(*first).or_default().push(step.id);
            }
        }
        // A step stands after all that it waits for, so that from the end each chain is known when it is needed.
        let mut chain: HashMap<usize, usize> = HashMap::new();
        for step in steps.iter().rev() {
            let longest = behind.get(&step.id).into_iter().flatten().filter_map(|next| chain.get(next)).max();
            chain.insert(step.id, 1 + longest.copied().unwrap_or(0));
        }
        let open = |step: &Step| step.after.iter().filter(|id| !done.contains(id)).count() + usize::from(step.held.is_some());
        let waits_for = steps.iter().map(|step| (step.id, open(step))).collect();
        let mut queue = Self { steps, waits_for, behind, chain, released: BTreeSet::new(), ready: BinaryHeap::new() };
        for step in steps.iter().filter(|step| open(step) == 0 && !done.contains(&step.id)) {
            queue.push(step.id);
        }
        queue
    }

    /// Lets a held step go; false if it was let go before and waits for something else.
    pub(super) fn release(&mut self, step: &Step) -> bool {
        let is_new = self.released.insert(step.id);
        if is_new {
            self.count_off(step.id);
        }
        is_new
    }

    fn push(&mut self, id: usize) {
        self.ready.push((self.chain.get(&id).copied().unwrap_or(0), Reverse(id)));
    }

    pub(super) fn next(&mut self) -> Option<&'a Step> {
        let (_, Reverse(id)) = self.ready.pop()?;
        self.steps.get(id.checked_sub(1)?)
    }

    pub(super) fn done(&mut self, step: &Step) {
        for next in self.behind.remove(&step.id).unwrap_or_default() {
            self.count_off(next);
        }
    }

    fn count_off(&mut self, id: usize) {
        if let Some(left) = self.waits_for.get_mut(&id).filter(|left| **left > 0) {
            *left -= 1;
            if *left == 0 {
                self.push(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{mesh::Place, plan::Request};

    #[test]
    fn the_longest_chain_goes_first() {
        let step = |id, after: &[usize]| Step {
            id,
            hostname: format!("n{id}"),
            instance: None,
            action: Request::Create,
            body: Vec::new(),
            after: after.to_vec(),
            place: Place { file: 0, line: 1, column: 1 },
            why: String::new(),
            held: None,
        };
        let steps = [step(1, &[]), step(2, &[]), step(3, &[2]), step(4, &[3]), step(5, &[1])];
        let mut queue = Queue::new(&steps, &BTreeSet::new());
        let mut order = Vec::new();
        while let Some(next) = queue.next() {
            order.push(next.id);
            queue.done(next);
        }
        assert_eq!(order, [2, 1, 3, 4, 5]);
    }
}
