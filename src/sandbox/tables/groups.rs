//! Instance groups: who is in which. Policies, which a real controller applies from time to time, are told and not followed.

use std::collections::BTreeSet;

use serde_json::json;

use super::{
    Group, Instance, Micros, NodeState, NodeType, Tables,
    activity::{Object, Operation, object, text},
    next,
};

/// The group of the control plane, which has its nodes.
const CONTROL_PLANE: &str = "controlplane";
/// The group that jobs run in unless told otherwise.
const DEFAULT: &str = "default";

impl Group {
    /// The two that every controller has cannot be deleted.
    pub(in crate::sandbox) fn is_own(&self) -> bool {
        [CONTROL_PLANE, DEFAULT].contains(&self.name.as_str())
    }
}

impl Tables {
    /// The groups of a controller that was just installed.
    pub(in crate::sandbox) fn add_own_groups(&mut self) {
        let now = self.now();
        let controls = self.control_nodes().into_iter().collect();
        self.add_group(CONTROL_PLANE, 100, controls, now);
        self.add_group(DEFAULT, 100, BTreeSet::new(), now);
    }

    /// An empty group without a policy; what is given back is its id.
    pub(in crate::sandbox) fn create_group(&mut self, name: &str) -> i64 {
        let now = self.now();
        let id = self.add_group(name, 0, BTreeSet::new(), now);
        let changes = object(json!({
            "name": name,
            "max_concurrent_jobs": 0,
            "max_forks": 0,
            "is_container_group": false,
            "credential": null,
            "policy_instance_percentage": 0,
            "policy_instance_minimum": 0,
            "policy_instance_list": "[]",
            "pod_spec_override": "",
            "id": id,
        }));
        self.record(Operation::Create, (Object::InstanceGroup, id), None, &changes);
        id
    }

    fn add_group(&mut self, name: &str, percentage: i64, instances: BTreeSet<i64>, created: Micros) -> i64 {
        let id = next(&mut self.sequences.groups);
        let policy_instance_list = Vec::new();
        self.groups.insert(
            id,
            Group { id, name: name.to_owned(), created, policy_instance_percentage: percentage, policy_instance_list, instances },
        );
        self.touch();
        id
    }

    pub(in crate::sandbox) fn groups_of(&self, instance: i64) -> impl Iterator<Item = &Group> {
        self.groups.values().filter(move |group| group.instances.contains(&instance))
    }

    /// Everybody in a group by hostname, as the server orders instances wherever it is not told to do otherwise.
    pub(in crate::sandbox) fn members(&self, group: &Group) -> Vec<&Instance> {
        let mut rows: Vec<&Instance> = group.instances.iter().filter_map(|id| self.instances.get(id)).collect();
        rows.sort_unstable_by(|one, other| one.hostname.cmp(&other.hostname));
        rows
    }

    /// The members that could take a job now; those are what a group counts.
    pub(in crate::sandbox) fn working_members(&self, group: &Group) -> Vec<&Instance> {
        let mut rows = self.members(group);
        rows.retain(|row| row.enabled && row.node_state == NodeState::Ready && row.node_type != NodeType::Hop);
        rows
    }

    /// Who joins by hand is on the list of the group's policy as well, so that the policy does not take it out again.
    pub(in crate::sandbox) fn join(&mut self, group: i64, instance: i64) {
        let hostname = self.hostname_of(instance).to_owned();
        let Some(row) = self.groups.get_mut(&group) else { return };
        let joins = row.instances.insert(instance);
        let before = row.policy_instance_list.clone();
        if !before.contains(&hostname) {
            row.policy_instance_list.push(hostname);
        }
        self.record_member(joins.then_some(Operation::Associate), group, instance, &before);
        self.touch();
    }

    pub(in crate::sandbox) fn leave(&mut self, group: i64, instance: i64) {
        let hostname = self.hostname_of(instance).to_owned();
        let Some(row) = self.groups.get_mut(&group) else { return };
        let leaves = row.instances.remove(&instance);
        let before = row.policy_instance_list.clone();
        row.policy_instance_list.retain(|listed| *listed != hostname);
        self.record_member(leaves.then_some(Operation::Disassociate), group, instance, &before);
        self.touch();
    }

    /// Who joined or left, then the list of the policy where that became another one.
    fn record_member(&mut self, operation: Option<Operation>, group: i64, instance: i64, before: &[String]) {
        if let Some(operation) = operation {
            self.record_link(operation, (Object::InstanceGroup, group), (Object::Instance, instance));
        }
        let after = self.groups.get(&group).map(|group| group.policy_instance_list.as_slice()).unwrap_or_default();
        if before != after {
            // A list is told as a text within the text.
            let changes = object(json!({ "policy_instance_list": [text(&json!(before)), text(&json!(after))] }));
            self.record(Operation::Update, (Object::InstanceGroup, group), None, &changes);
        }
    }

    /// Of an instance that is gone. Its name stays on the lists of policies, as it does on a real controller.
    pub(super) fn leave_all(&mut self, instance: i64) {
        for group in self.groups.values_mut() {
            group.instances.remove(&instance);
        }
    }
}
