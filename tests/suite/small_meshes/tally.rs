//! What came out, in figures and with a few examples of each kind.

use std::{collections::BTreeMap, fmt};

/// How many examples of a kind are shown.
const SHOWN: usize = 5;

/// Pairs of a kind: how many, and the first of them.
#[derive(Default)]
pub(super) struct Examples {
    count: usize,
    first: BTreeMap<usize, String>,
}

impl Examples {
    pub(super) fn add(&mut self, number: usize, text: impl FnOnce() -> String) {
        self.count += 1;
        // Numbers come in order.
        if self.first.len() < SHOWN {
            self.first.insert(number, text());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn with(mut self, other: Self) -> Self {
        self.count += other.count;
        self.first.extend(other.first);
        while self.first.len() > SHOWN {
            self.first.pop_last();
        }
        self
    }
}

impl fmt::Display for Examples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.count)?;
        self.first.iter().try_for_each(|(number, text)| writeln!(f, "    {number}: {text}"))
    }
}

/// What came out for one dialect.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) pairs: usize,
    /// Refused, and there is no way.
    pub(super) impossible: usize,
    /// What must not be.
    pub(super) wrong: Examples,
    /// With the least number of requests.
    pub(super) least: usize,
    /// With more, but only since links that go for good are dropped before their far end goes or closes.
    pub(super) drops: Examples,
    /// By how many requests more than the least.
    pub(super) longer: BTreeMap<usize, Examples>,
    /// With somebody who loses its path for a while.
    pub(super) disrupted: usize,
    /// Of these, those in which nobody would have to.
    pub(super) needless: Examples,
    /// Of the others, those in which somebody of several would not have to.
    pub(super) too_many: Examples,
}

impl Tally {
    pub(super) fn with(mut self, other: Self) -> Self {
        for (excess, examples) in other.longer {
            let known = self.longer.remove(&excess).unwrap_or_default();
            self.longer.insert(excess, known.with(examples));
        }
        Self {
            pairs: self.pairs + other.pairs,
            impossible: self.impossible + other.impossible,
            wrong: self.wrong.with(other.wrong),
            least: self.least + other.least,
            drops: self.drops.with(other.drops),
            longer: self.longer,
            disrupted: self.disrupted + other.disrupted,
            needless: self.needless.with(other.needless),
            too_many: self.too_many.with(other.too_many),
        }
    }

    /// Hundredths of a percent of the pairs that were counted, rounded down, so that 100.00% means all.
    fn share_with_the_least(&self) -> usize {
        let counted = self.least + self.drops.count + self.longer.values().map(|examples| examples.count).sum::<usize>();
        (self.least * 10_000).checked_div(counted).unwrap_or(10_000)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = self.share_with_the_least();
        writeln!(f, "{} pairs", self.pairs)?;
        writeln!(f, "  refused, and impossible: {}", self.impossible)?;
        writeln!(f, "  with the least number of requests: {}, {}.{:02}%", self.least, share / 100, share % 100)?;
        write!(f, "  with more, only since links are dropped first that would go by themselves: {}", self.drops)?;
        for (excess, examples) in self.longer.iter().rev() {
            write!(f, "  with {excess} more: {examples}")?;
        }
        writeln!(f, "  with somebody disrupted: {}", self.disrupted)?;
        write!(f, "    and nobody had to be: {}", self.needless)?;
        write!(f, "    and somebody could have been spared: {}", self.too_many)?;
        write!(f, "  wrong: {}", self.wrong)
    }
}
