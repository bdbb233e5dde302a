//! The jobs that run on nodes. They belong to a hostname, so that a node may be made after its jobs, and are never kept.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use super::{Due, Instance, Micros, Tables, time};
use crate::sandbox::settings::Jobs;

/// The id of the first job, away from those of other rows.
const FIRST: i64 = 4711;

/// A job, of which a mesh needs no more than where it is.
#[derive(Debug, Clone, Copy)]
pub(in crate::sandbox) struct Job<'a> {
    pub(in crate::sandbox) id: i64,
    pub(in crate::sandbox) execution_node: &'a str,
}

impl Job<'_> {
    pub(in crate::sandbox) const NAME: &'static str = "sandbox job";
    /// Every job runs; one that is over is not there any more.
    pub(in crate::sandbox) const STATUS: &'static str = "running";
}

/// The jobs of one hostname.
#[derive(Debug, Default)]
struct Running {
    /// Their ids. Ranges, since a number of jobs costs nothing and may be any.
    ids: Vec<Range<i64>>,
    /// How many there ever were.
    total: i64,
    /// When they end, if they do.
    ends: Option<Micros>,
}

impl Running {
    fn count(&self) -> i64 {
        self.ids.iter().map(|ids| ids.end - ids.start).sum()
    }
}

/// The jobs of all hostnames.
#[derive(Debug, Default)]
pub(super) struct Queue {
    by_hostname: HashMap<String, Running>,
    /// Whose the ids are that were ever given out, by the first of those that were given together.
    owners: BTreeMap<i64, String>,
    /// How many ids were given out.
    given: i64,
}

impl Queue {
    pub(super) fn new(jobs: &[Jobs], start: Micros) -> Self {
        let mut queue = Self::default();
        for Jobs { hostname, count, ends_after } in jobs {
            queue.set(hostname, *count);
            if let Some(running) = queue.by_hostname.get_mut(hostname) {
                running.ends = ends_after.map(|delay| start.saturating_add(time::micros(delay)));
            }
        }
        queue
    }

    /// Those that go on keep their ids, those that are too many end from the newest on. None of them ends by itself.
    fn set(&mut self, hostname: &str, count: i64) {
        let running = self.by_hostname.entry(hostname.to_owned()).or_default();
        running.ends = None;
        let mut more = count.max(0);
        running.ids.retain_mut(|ids| {
            ids.end = ids.end.min(ids.start.saturating_add(more));
            more -= ids.end - ids.start;
            !ids.is_empty()
        });
        if more > 0 {
            let first = FIRST.saturating_add(self.given);
            self.owners.insert(first, hostname.to_owned());
            running.ids.push(first..first.saturating_add(more));
            running.total = running.total.saturating_add(more);
            self.given = self.given.saturating_add(more);
        }
    }

    fn end(&mut self, hostname: &str) {
        if let Some(running) = self.by_hostname.get_mut(hostname) {
            running.ids.clear();
        }
    }
}

impl Tables {
    /// How many jobs run on a node.
    pub(in crate::sandbox) fn jobs_on(&self, instance: &Instance) -> i64 {
        self.running_on(instance).map_or(0, Running::count)
    }

    /// How many jobs ran on a node or still do.
    pub(in crate::sandbox) fn jobs_ever_on(&self, instance: &Instance) -> i64 {
        self.known_of(instance).map_or(0, |running| running.total)
    }

    /// The jobs that run on a node.
    pub(in crate::sandbox) fn jobs_of<'a>(&'a self, instance: &'a Instance) -> impl Iterator<Item = Job<'a>> {
        let ids = self.running_on(instance).into_iter().flat_map(|running| running.ids.iter().cloned().flatten());
        ids.map(|id| Job { id, execution_node: &instance.hostname })
    }

    /// A job by its id, also one that is over.
    pub(in crate::sandbox) fn job(&self, id: i64) -> Option<Job<'_>> {
        let (_, owner) = self.jobs.owners.range(..=id).next_back()?;
        Some(Job { id, execution_node: owner })
    }

    fn known_of(&self, instance: &Instance) -> Option<&Running> {
        instance.node_type.executes().then(|| self.jobs.by_hostname.get(&instance.hostname)).flatten()
    }

    fn running_on(&self, instance: &Instance) -> Option<&Running> {
        self.known_of(instance).filter(|running| running.ends.is_none_or(|ends| ends > self.now()))
    }

    /// Lets so many jobs run on a node from now on, until another number is set. A node that only waited for them goes.
    pub(in crate::sandbox) fn set_jobs(&mut self, hostname: &str, count: i64) {
        let over = self.jobs.by_hostname.get(hostname).and_then(|running| running.ends).is_some_and(|ends| ends <= self.now());
        if over {
            self.jobs.end(hostname);
        }
        self.jobs.set(hostname, count);
        let going = self.id_of(hostname).and_then(|id| self.instances.get(&id)).and_then(|row| Some((row.goes?, row.id)));
        if let Some((when, id)) = going {
            self.due.insert((when, Due::Gone(id)));
        }
        self.touch();
    }

    /// A node on its way out whose time has come: it goes, or waits until its jobs end. Where they don't end by themselves,
    /// [`set_jobs`](Self::set_jobs) asks again.
    pub(super) fn go(&mut self, id: i64) {
        let Some(row) = self.instances.get(&id) else { return };
        let now = self.now();
        // Somebody may have brought it back since.
        if row.goes.is_none_or(|goes| goes > now) {
            return;
        }
        match self.running_on(row).filter(|running| running.count() > 0).map(|running| running.ends) {
            None => self.remove_instance(id),
            Some(None) => {}
            Some(Some(ends)) => {
                self.due.insert((ends, Due::Gone(id)));
            }
        }
    }
}
