//! Runs the steps of a plan in every order that their edges allow. Two orders that come to the same state with the same steps
//! done have the same future, so nothing is run twice and even long plans are run in all their orders.

use std::collections::HashSet;

use meshform::mesh::Dialect;

use super::{
    model::{Server, Set, Verb, bit, has_stray_link, names, reachable},
    pairs::Pair,
    planned::Planned,
};

pub(super) struct Run<'p> {
    dialect: Dialect,
    pair: &'p Pair,
    steps: &'p [Planned],
    /// Who must have a path after each step.
    keep: Set,
    seen: HashSet<(u32, Server)>,
    order: Vec<usize>,
}

impl<'p> Run<'p> {
    pub(super) fn new(dialect: Dialect, pair: &'p Pair, steps: &'p [Planned], keep: Set) -> Self {
        Self { dialect, pair, steps, keep, seen: HashSet::new(), order: Vec::new() }
    }

    /// What goes wrong in some order.
    pub(super) fn every_order(mut self) -> Result<(), String> {
        self.from(0, Server::new(self.pair.before))
    }

    fn from(&mut self, done: u32, server: Server) -> Result<(), String> {
        if !self.seen.insert((done, server)) {
            return Ok(());
        }
        let steps = self.steps;
        let left = || steps.iter().enumerate().filter(|(i, _)| done >> i & 1 == 0);
        if left().next().is_none() {
            let is_as_declared = server.rows == self.pair.after;
            return if is_as_declared { Ok(()) } else { Err(self.told("the end is not as declared")) };
        }
        let mut ready = left().filter(|(_, step)| step.after & !done == 0).peekable();
        if ready.peek().is_none() {
            return Err(self.told("the rest wait for each other"));
        }
        for (i, step) in ready {
            self.order.push(i + 1);
            let next = self.send(server, step)?;
            self.from(done | 1 << i, next)?;
            self.order.pop();
        }
        Ok(())
    }

    fn send(&self, server: Server, step: &Planned) -> Result<Server, String> {
        let call = &step.call;
        let names_a_row = matches!(call.verb, Verb::Patch | Verb::Remove);
        if names_a_row && step.names_first_row == (server.made & bit(call.at) != 0) {
            return Err(self.told("the last step does not name the row that is there"));
        }
        let next = server.send(self.dialect, call).map_err(|why| self.told(&format!("the last step is refused: {why}")))?;
        if has_stray_link(&next.rows, &self.pair.before, &self.pair.after) {
            return Err(self.told("a link that neither mesh has"));
        }
        match self.keep & !reachable(&next.rows) {
            0 => Ok(next),
            lost => Err(self.told(&format!("no path for {}", names(lost)))),
        }
    }

    fn told(&self, what: &str) -> String {
        let order: Vec<String> = self.order.iter().map(ToString::to_string).collect();
        format!("after steps {}: {what}", order.join(" "))
    }
}
