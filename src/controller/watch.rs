//! Watching what becomes of instances by itself: rows that go when their jobs are done, nodes that become ready, links that are
//! established.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::{
    Client, ControllerError,
    client::{Call, known},
    wire::{self, JobRow, StateRow},
};
use crate::mesh::{NodeState, NodeType, Topology};

/// How long a wait for a row to go pauses at first; each pause is twice the one before, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// AWX looks once a minute whether the jobs of what is removed are done.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// So many jobs are named.
const JOBS: usize = 5;

/// What is still there although its removal was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Its state.
    pub state: String,
    /// How many jobs run on it.
    pub jobs_running: i64,
    /// The ids of some of them.
    pub jobs: Vec<i64>,
}

/// How a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReport {
    /// Its state.
    pub node_state: NodeState,
    /// How many jobs run on it.
    pub jobs_running: i64,
    /// What the controller says is wrong with it.
    pub errors: String,
}

impl Client {
    /// All nodes, and the links that were seen connected.
    pub async fn topology(&self) -> Result<Topology, ControllerError> {
        let seen = self.visualizer().await?;
        let nodes = seen.nodes.iter().map(|node| {
            let kind = (NodeType::from(node.node_type.as_str()), NodeState::from(node.node_state.as_str()));
            (node.hostname.clone(), kind)
        });
        let links = |state: &str| {
            let links = seen.links.iter().filter(|link| link.link_state == state);
            links.map(|link| (link.source.clone(), link.target.clone())).collect()
        };
        let (established, adding) = (links("established"), links("adding"));
        Ok(Topology { nodes: nodes.collect(), established, adding })
    }

    /// All nodes and links, as the controller gives them.
    pub(super) async fn visualizer(&self) -> Result<wire::Topology, ControllerError> {
        let path = self.path("mesh_visualizer/");
        self.http.json(Call::get(&path)).await
    }

    /// How the nodes of some hostnames are, as far as they are there.
    pub async fn reports(&self, hostnames: &[&str]) -> Result<BTreeMap<String, NodeReport>, ControllerError> {
        let mut reports = BTreeMap::new();
        for chunk in super::write::chunks(hostnames) {
            let rows = self.all_matching::<StateRow>("instances/", &[("hostname__in", chunk.join(","))]).await?;
            reports.extend(rows.into_iter().map(|StateRow { id: _, hostname, node_state, jobs_running, errors }| {
                (hostname, NodeReport { node_state: NodeState::from(node_state.as_str()), jobs_running, errors })
            }));
        }
        Ok(reports)
    }

    /// Waits until the row of an instance that is on its way out is gone, or for so long; then tells what holds it. Meanwhile
    /// `on_jobs` is told whenever other jobs hold it.
    pub async fn gone(&self, id: i64, limit: Duration, on_jobs: impl Fn(&Left)) -> Result<Option<Left>, ControllerError> {
        self.wait_for(id, limit, on_jobs, |_| false).await
    }

    /// Waits until no job runs on an instance, or for so long; else as [`gone`](Self::gone).
    pub async fn idle(&self, id: i64, limit: Duration, on_jobs: impl Fn(&Left)) -> Result<Option<Left>, ControllerError> {
        self.wait_for(id, limit, on_jobs, |row| row.jobs_running == 0).await
    }

    async fn wait_for(
        &self,
        id: i64,
        limit: Duration,
        on_jobs: impl Fn(&Left),
        is_over: impl Fn(&StateRow) -> bool,
    ) -> Result<Option<Left>, ControllerError> {
        let path = self.path(&format!("instances/{id}/"));
        let begin = Instant::now();
        let mut pause = FIRST_PAUSE;
        let mut told = Vec::new();
        loop {
            let call = Call::get(&path);
            // Few at once, however many are waited for; and one bad answer is no reason to give up what takes minutes.
            let polling = self.polls.acquire().await;
            let row: StateRow = match self.http.look(call.clone()).await {
                Err(error) if matches!(error.root(), ControllerError::Status { status: 404, .. }) => return Ok(None),
                row => known(row?, &call)?,
            };
            drop(polling);
            if row.node_state == NodeState::DeprovisionFail.as_str() {
                return Err(ControllerError::NotRemoved { hostname: row.hostname, words: row.errors });
            }
            if is_over(&row) {
                return Ok(None);
            }
            let jobs = if row.jobs_running > 0 { self.jobs(row.id).await.unwrap_or_default() } else { Vec::new() };
            let left = Left { state: row.node_state, jobs_running: row.jobs_running, jobs };
            if begin.elapsed() >= limit || self.hurry().is_cancelled() {
                return Ok(Some(left));
            }
            if left.jobs != told {
                on_jobs(&left);
                told = left.jobs;
            }
            tokio::select! {
                () = sleep(pause.min(limit.saturating_sub(begin.elapsed()))) => {}
                () = self.hurry().cancelled() => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The ids of some jobs that run on an instance.
    async fn jobs(&self, id: i64) -> Result<Vec<i64>, ControllerError> {
        let query = [("status__in", "running,waiting".to_owned()), ("page_size", JOBS.to_string())];
        let page = self.page::<JobRow>(&format!("instances/{id}/jobs/"), &query).await?;
        Ok(page.results.into_iter().map(|job| job.id).collect())
    }
}
