//! A saved plan: the plan with all that showing it needs, and what was seen of every instance that it touches or refers to, so that
//! it can be run later if nobody else changed those meanwhile. Text in, text out: reading and writing the file is for others.

mod file;
mod resume;

pub use file::{SavedError, is_plan_file};
pub use resume::{Moved, Progress};

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Permissions, Plan, Request, Step, diff::live_value};
use crate::mesh::{
    Capabilities, Declared, DeclaredMesh, Expected, Field, Hostname, LiveInstance, LiveMesh, NodeState, OwnKeys, Peer, Place, Value,
};

/// What a plan file holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// What the plan was made of.
    pub origin: Origin,
    /// The files of the configuration, for the places in the plan.
    pub files: Vec<String>,
    /// The users' keys that begin with `x-`, of the instances that change.
    pub own_keys: BTreeMap<String, OwnKeys>,
    /// The plan; nothing in it is refused or not allowed.
    pub plan: Plan,
    /// What was seen of the instances that the plan touches or refers to, control and hybrid nodes aside; none of one that was not
    /// there.
    pub seen: BTreeMap<String, Option<Seen>>,
    /// What all instances had, so that reading them again is quick.
    #[serde(default)]
    pub expected: Expected,
}

/// What a plan was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The controller.
    pub controller: Controller,
    /// The fingerprint of the configuration.
    pub configuration: String,
    /// The paths as they were given.
    pub paths: Vec<String>,
    /// What the plan was allowed.
    pub permissions: Permissions,
    /// What the configuration warns of.
    pub warnings: Vec<Warned>,
}

/// The controller that a plan is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Controller {
    /// Where it is.
    pub url: String,
    /// Its version.
    pub version: String,
    /// Which installation it is; stays when its address changes.
    pub install_uuid: String,
    /// What it allows.
    #[serde(flatten)]
    pub capabilities: Capabilities,
}

/// A warning about the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warned {
    /// Its name for programs.
    pub code: String,
    /// What it says.
    pub message: String,
    /// Where, if it has a place.
    pub place: Option<Place>,
}

/// What was seen of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Its id.
    pub id: i64,
    /// Whether it was on its way out.
    pub leaving: Option<Leaving>,
    /// Every field that can be managed. Control and hybrid nodes and what is on its way out are not among its peers: they go by
    /// themselves.
    pub fields: BTreeMap<Field, Value>,
}

impl Saved {
    /// A plan to be saved, with what it was made from.
    pub fn new(origin: Origin, plan: Plan, declared: &DeclaredMesh, live: &LiveMesh) -> Self {
        let own_keys = plan.changes.iter().filter_map(|change| {
            let keys = &declared.instances.get(change.hostname.as_str())?.own_keys;
            (!keys.is_empty()).then(|| (change.hostname.clone(), OwnKeys::clone(keys)))
        });
        Self {
            own_keys: own_keys.collect(),
            files: declared.files.clone(),
            seen: seen(&plan, live),
            expected: Expected::seen(live),
            origin,
            plan,
        }
    }

    /// What was declared, as far as a report of the plan shows it: the names of the files and the users' own keys.
    pub fn declared(&self) -> DeclaredMesh {
        let instances = self.own_keys.iter().filter_map(|(name, keys)| {
            let instance = Declared::new(Place { file: 0, line: 1, column: 1 });
            Some((name.parse::<Hostname>().ok()?, Declared { own_keys: keys.clone().into(), ..instance }))
        });
        DeclaredMesh { files: self.files.clone(), instances: instances.collect(), ..DeclaredMesh::default() }
    }
}

/// How an instance is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Leaving {
    /// Its removal is under way.
    Deprovisioning,
    /// Its removal failed, so that it is asked for again.
    DeprovisionFail,
}

impl Leaving {
    fn of(state: &NodeState) -> Option<Self> {
        match state {
            NodeState::Deprovisioning => Some(Self::Deprovisioning),
            NodeState::DeprovisionFail => Some(Self::DeprovisionFail),
            NodeState::Present(_) => None,
        }
    }
}

impl Seen {
    fn of(instance: &LiveInstance, live: &LiveMesh) -> Self {
        let value = |field| match live_value(instance, field) {
            Value::Peers(peers) => Value::Peers(peers.into_iter().filter(|peer| !passes(&peer.hostname, live)).collect()),
            other => other,
        };
        let fields = Field::ALL.iter().map(|field| (*field, value(*field))).collect();
        Self { id: instance.id, leaving: Leaving::of(&instance.node_state), fields }
    }

    fn peers(&self) -> &BTreeSet<Peer> {
        static NONE: BTreeSet<Peer> = BTreeSet::new();
        if let Some(Value::Peers(peers)) = self.fields.get(&Field::Peers) { peers } else { &NONE }
    }
}

fn is_control_plane(hostname: &str, live: &LiveMesh) -> bool {
    live.instances.get(hostname).is_some_and(|instance| instance.node_type.is_control_plane())
}

/// Whether links to an instance may go without anybody's hand.
fn passes(hostname: &str, live: &LiveMesh) -> bool {
    is_control_plane(hostname, live) || live.instances.get(hostname).is_some_and(|instance| instance.node_state.is_leaving())
}

/// What was seen of whatever a step changes, a body names, or a changed instance dials, and of who dials what goes or closes.
fn seen(plan: &Plan, live: &LiveMesh) -> BTreeMap<String, Option<Seen>> {
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let ends = |step: &&Step| step.action == Request::Remove || step.body.contains(&(Field::ListenerPort, Value::Port(None)));
    let ending: BTreeSet<&str> = plan.steps.iter().filter(ends).map(|step| step.hostname.as_str()).collect();
    let dials = |instance: &LiveInstance| instance.peers.iter().any(|peer| ending.contains(peer.hostname.as_str()));
    if !ending.is_empty() {
        names.extend(live.instances.iter().filter(|(_, instance)| dials(instance)).map(|(name, _)| name.as_str()));
    }
    for step in &plan.steps {
        names.insert(&step.hostname);
        for (_, value) in &step.body {
            if let Value::Peers(peers) = value {
                names.extend(peers.iter().map(|peer| peer.hostname.as_str()));
            }
        }
        let dialled = live.instances.get(&step.hostname).into_iter().flat_map(|instance| &instance.peers);
        names.extend(dialled.map(|peer| peer.hostname.as_str()));
    }
    let seen = |name: &str| live.instances.get(name).map(|instance| Seen::of(instance, live));
    names.into_iter().filter(|name| !is_control_plane(name, live)).map(|name| (name.to_owned(), seen(name))).collect()
}
