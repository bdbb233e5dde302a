//! All small meshes: every pair of meshes of up to three instances is planned, and its steps are run in every order that their
//! edges allow against a model of the server. Where the number of requests is above what is obviously needed, a search tells
//! whether fewer would do.
//!
//! By default all pairs of up to two instances are tried, and a sample of those of three without the search. `MESHFORM_TEST_SMALL`
//! is the stride of a sample with the search, or `full` for all of them (with `--release`: it takes the better part of an hour).
//! With it, or with `--nocapture`, the figures are printed.

mod model;
mod pairs;
mod planned;
mod run;
mod search;
mod tally;

use std::{collections::HashSet, env, io::Write, thread};

use meshform::{mesh::Dialect, plan::Plan};

use model::{COUNT, Rows, Set, Verb, bit, members, names, reachable, show, show_call};
use pairs::{Pair, pairs};
use planned::{Planned, disrupted, plan_of, show_steps, steps};
use run::Run;
use search::Search;
use tally::Tally;

/// Every so many pairs of three instances one is tried; a prime, so that the sample does not keep step with the pairs' own order.
const STRIDE: usize = 997;

/// Threads for each dialect.
const THREADS: usize = 2;

fn stride() -> Option<usize> {
    let given = env::var("MESHFORM_TEST_SMALL").ok()?;
    Some(if given == "full" { 1 } else { given.parse().expect("MESHFORM_TEST_SMALL is a stride or `full`") })
}

fn all_small_meshes(dialect: Dialect) {
    let given = stride();
    let stride = given.unwrap_or(STRIDE);
    let share = |first: usize| {
        let mut worker = Worker { dialect, searches: given.is_some(), tally: Tally::default(), ends: HashSet::new() };
        pairs(dialect, stride).skip(first).step_by(THREADS).for_each(|pair| worker.check(&pair));
        worker.tally
    };
    let tally = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|first| scope.spawn(move || share(first))).collect();
        let tallies = threads.into_iter().map(|thread| thread.join().expect("no pair panics"));
        tallies.fold(Tally::default(), Tally::with)
    });
    if given.is_some() || env::args().any(|argument| argument == "--nocapture") {
        write!(std::io::stderr(), "{dialect}, stride {stride}: {tally}").expect("stderr takes it");
    }
    assert!(tally.wrong.is_empty(), "{dialect}: {tally}");
}

/// Tries pairs, one after the other.
struct Worker {
    dialect: Dialect,
    /// Whether the searches, which take most of the time, are made for pairs of three instances, too.
    searches: bool,
    tally: Tally,
    /// The ends that were planned again, each with the instances that are declared to go.
    ends: HashSet<(Rows, Set)>,
}

impl Worker {
    fn check(&mut self, pair: &Pair) {
        self.tally.pairs += 1;
        let plan = plan_of(self.dialect, &pair.before, pair);
        if let Err(why) = self.judge(pair, &plan) {
            self.tally.wrong.add(pair.number, || format!("{}\n      {why}", shown(pair)));
        }
    }

    fn judge(&mut self, pair: &Pair, plan: &Plan) -> Result<(), String> {
        if let Some(refusal) = plan.refused.first() {
            if let Some(way) = self.search(pair, 0).any() {
                return Err(format!("refused: {}: {}\n      possible: {}", refusal.hostname, refusal.reason, shown_way(&way)));
            }
            self.tally.impossible += 1;
            return Ok(());
        }
        let (steps, disrupted) = (steps(plan)?, disrupted(plan)?);
        let keep = reachable(&pair.before) & reachable(&pair.after);
        let run = Run::new(self.dialect, pair, &steps, keep & !disrupted);
        run.every_order().map_err(|why| format!("{}\n      {why}", show_steps(&steps)))?;
        self.plan_again(pair)?;
        if self.searches || !pair.has_three() {
            self.count(pair, &steps, keep & !disrupted);
            self.look_for_less_disruption(pair, &steps, keep, disrupted);
        }
        Ok(())
    }

    /// A second plan is empty.
    fn plan_again(&mut self, pair: &Pair) -> Result<(), String> {
        let went = (0..COUNT).filter(|i| pair.before[*i].is_some() && pair.after[*i].is_none()).fold(0, |set, i| set | bit(i));
        let is_empty = !self.ends.insert((pair.after, went)) || plan_of(self.dialect, &pair.after, pair).is_empty();
        if is_empty { Ok(()) } else { Err("the second plan is not empty".to_owned()) }
    }

    fn search<'p>(&self, pair: &'p Pair, keep: Set) -> Search<'p> {
        Search { dialect: self.dialect, before: &pair.before, after: &pair.after, keep, drops: false }
    }

    /// Counts the requests beside the least number.
    fn count(&mut self, pair: &Pair, steps: &[Planned], keep: Set) {
        let requests = steps.iter().filter(|step| step.call.verb != Verb::Wait).count();
        let told =
            |way: &[model::Call]| format!("{}\n      planned: {}\n      shorter: {}", shown(pair), show_steps(steps), shown_way(way));
        if let Some(way) = (Search { drops: true, ..self.search(pair, keep) }).shorter(requests) {
            self.tally.longer.entry(requests - way.len()).or_default().add(pair.number, || told(&way));
        } else if let Some(way) = self.search(pair, keep).shorter(requests) {
            self.tally.drops.add(pair.number, || told(&way));
        } else {
            self.tally.least += 1;
        }
    }

    /// Looks for a way on which nobody is disrupted, or somebody less.
    fn look_for_less_disruption(&mut self, pair: &Pair, steps: &[Planned], keep: Set, disrupted: Set) {
        if disrupted == 0 {
            return;
        }
        self.tally.disrupted += 1;
        let told = |spared: Set, way: &[model::Call]| {
            let told = format!("spares {} of {}: {}", names(spared), names(disrupted), shown_way(way));
            format!("{}\n      planned: {}\n      {told}", shown(pair), show_steps(steps))
        };
        if let Some(way) = self.search(pair, keep).any() {
            self.tally.needless.add(pair.number, || told(disrupted, &way));
            return;
        }
        let spared = members(disrupted & keep).find_map(|i| {
            let way = self.search(pair, keep & !disrupted | bit(i)).any()?;
            Some((bit(i), way))
        });
        if let Some((spared, way)) = spared {
            self.tally.too_many.add(pair.number, || told(spared, &way));
        }
    }
}

fn shown(pair: &Pair) -> String {
    format!("{}  =>  {}", show(&pair.before), show(&pair.after))
}

fn shown_way(way: &[model::Call]) -> String {
    way.iter().map(show_call).collect::<Vec<_>>().join("; ")
}

#[test]
fn all_small_meshes_with_addresses() {
    all_small_meshes(Dialect::Addresses);
}

#[test]
fn all_small_meshes_with_hostnames() {
    all_small_meshes(Dialect::Hostnames);
}
