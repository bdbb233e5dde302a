//! What plan and apply may do: the flags that allow what is refused without them.

use crate::{mesh::MaxRemovals, plan::Permissions};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What it may do")]
#[group(id = "permit")]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
pub(super) struct Args {
    /// Remove and make again an instance whose `node_type` changes
    #[arg(long)]
    allow_replace: bool,
    /// Take away for a while the only path of others, or reconnect an instance while jobs run on it
    #[arg(long)]
    allow_disrupt: bool,
    /// Set again, move or cut links that are not declared here
    #[arg(long)]
    touch_foreign: bool,
    /// Go on where the configuration owns instances and declares none
    #[arg(long)]
    allow_empty: bool,
    /// Disable a node before it is cut off, made again or removed, wait until no job runs on it, and enable it again
    #[arg(long)]
    drain: bool,
    /// Do not wait for install bundles: remove and close at once what ready nodes may still hang on
    #[arg(long)]
    no_hold: bool,
    /// Leave what somebody changed on the controller by hand, and do only what was not applied yet
    #[arg(long, conflicts_with = "no_blame")]
    pub(super) keep_drift: bool,
    /// Do not ask the controller whose changes are undone
    #[arg(long)]
    pub(super) no_blame: bool,
    /// How many instances may be removed, if that is more than the configuration allows: a number, or a percentage of the owned ones
    #[arg(long, value_name = "N|P%")]
    max_removals: Option<MaxRemovals>,
}

impl Args {
    pub(super) fn permissions(&self) -> Permissions {
        let Self { allow_replace, allow_disrupt, touch_foreign, allow_empty, drain, no_hold, max_removals, keep_drift: _, no_blame: _ } =
            self;
        Permissions {
            replace: *allow_replace,
            disrupt: *allow_disrupt,
            touch_foreign: *touch_foreign,
            empty: *allow_empty,
            drain: *drain,
            no_hold: *no_hold,
            max_removals: *max_removals,
        }
    }
}
