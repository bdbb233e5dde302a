//! How much one run matches names against patterns, so that a small file cannot make it take for ever.

use crate::mesh::Pattern;

use super::{Code, Finding, Findings, Span};

/// How many parts of patterns may be held against names: a pattern such as `*.example.com` has two, so these are fifty of them
/// for a mesh of 100,000.
const MAX: usize = 10_000_000;

/// What is left of it.
pub(super) struct Looks {
    left: usize,
    /// Whether something went beyond it, so that what was read does not mean what was written.
    over: bool,
}

impl Default for Looks {
    fn default() -> Self {
        Self { left: MAX, over: false }
    }
}

impl Looks {
    /// Whether so many names may be held against a pattern. That they may not is an error, said once.
    pub(super) fn spend(&mut self, pattern: &Pattern, names: usize, span: Span, findings: &mut Findings) -> bool {
        if self.over {
            return false;
        }
        if self.try_spend(pattern, names) {
            return true;
        }
        self.over = true;
        let finding = Finding::error(Code::TooMany, span, "the patterns up to here are held against more names than one run may look at");
        findings.push(finding.help("use ranges, or the `defaults` of each site, in place of so many patterns with `*` and `?`"));
        false
    }

    /// The same for what can be left out without harm.
    pub(super) fn try_spend(&mut self, pattern: &Pattern, names: usize) -> bool {
        let cost = pattern.cost().saturating_mul(names);
        let fits = cost <= self.left;
        if fits {
            self.left -= cost;
        }
        fits
    }
}
