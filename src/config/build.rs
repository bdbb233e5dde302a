//! The mesh out of the blocks of all files.

use std::{collections::btree_map::Entry, sync::Arc};

use jiff::civil::Date;

use crate::mesh::{Declared, DeclaredMesh, DeclaredState, Given, Ignore, MeshSettings, Place};

use super::{
    Code, Finding, Findings, Severity, Source,
    checks::{self, Index},
    file::Draft,
    instance::Block,
    looks::Looks,
    overrides,
    reader::At,
    settings::Settings,
    whole, wildcards,
};

/// The most instances of a mesh.
const MAX_INSTANCES: usize = 1_000_000;

/// The most links of a mesh.
const MAX_LINKS: usize = 4_000_000;

/// Checks the blocks together and makes the mesh.
pub(super) fn mesh(sources: &[Source], draft: &mut Draft, today: Date, findings: &mut Findings) -> DeclaredMesh {
    let mut mesh = DeclaredMesh { files: sources.iter().map(|s| s.path.clone()).collect(), ..DeclaredMesh::default() };
    // Of a file that is empty or broken more is said elsewhere.
    let said =
        |f: &Finding| f.severity == Severity::Error || f.code == Code::NoInstances || f.code == Code::EmptyFile && sources.len() == 1;
    if draft.blocks.is_empty() && !findings.as_slice().iter().any(said) {
        let mut finding = match draft.settings.owns.as_deref().and_then(<[_]>::first) {
            None => Finding::about(Code::NoInstances, None, "no instances are declared"),
            Some(item) => {
                Finding::warning(Code::NoInstances, item.span, "no instances are declared, so that everything which `owns` names shall go")
            }
        };
        finding.severity = Severity::Warning;
        findings.push(finding.help("list them below `instances:`"));
    }
    if let Some(finding) = too_many(&draft.blocks) {
        findings.push(finding);
        return mesh;
    }
    let mut looks = Looks::default();
    overrides::apply(draft, today, &mut looks, findings);
    wildcards::resolve(draft, &mut looks, findings);
    if let Some(finding) = too_many(&draft.blocks) {
        findings.push(finding);
        return mesh;
    }
    let draft = &*draft;
    let index = Index::new(&draft.blocks, findings);
    checks::check(draft, &index, &mut looks, findings);
    whole::check(draft, &index, today, &mut looks, findings);
    mesh.settings = settings(&draft.settings);
    for block in &draft.blocks {
        for name in &block.names {
            // Of a hostname that is declared twice, which is an error, the first counts.
            if let Entry::Vacant(slot) = mesh.instances.entry(name.value.clone()) {
                slot.insert(declared(block, name.span.place));
            }
        }
    }
    mesh
}

/// A slip in a range must not become a process that eats the machine.
fn too_many(blocks: &[Block]) -> Option<Finding> {
    let (mut instances, mut links) = (0, 0);
    for block in blocks {
        let peers = block.fields.peers.as_ref().map_or(0, |peers| peers.value.names.len());
        instances += block.names.len();
        links += block.names.len().saturating_mul(peers);
        let limit = if instances > MAX_INSTANCES {
            "a million instances"
        } else if links > MAX_LINKS {
            "four million links from instances to peers"
        } else {
            continue;
        };
        let span = block.names.first()?.span;
        let finding = Finding::error(Code::TooMany, span, format!("with this declaration the mesh has more than {limit}"));
        return Some(finding.help("look for a slip in its ranges"));
    }
    None
}

/// An instance of a block; `place` is that of its hostname.
fn declared(block: &Block, place: Place) -> Declared {
    let fields = &block.fields;
    Declared {
        place,
        node_type: fields.node_type.map(given),
        node_state: fields.node_state.map_or(Given { value: DeclaredState::Installed, place }, given),
        enabled: fields.enabled.map(given),
        capacity_adjustment: fields.capacity_adjustment.map(given),
        managed_by_policy: fields.managed_by_policy.map(given),
        listener_port: fields.listener_port.map(given),
        peers_from_control_nodes: fields.peers_from_control_nodes.map(given),
        peers: fields.peers.as_ref().map(|peers| Given {
            value: peers.value.names.iter().map(|peer| Given { value: peer.value.clone(), place: peer.span.place }).collect(),
            place: peers.span.place,
        }),
        protect: block.protect.map(given),
        replaces: block.replaces.clone().map(given),
        own_keys: Arc::clone(&block.own_keys),
    }
}

fn settings(settings: &Settings) -> MeshSettings {
    let Settings { controller, owns, external: _, protect, max_removals, ignore, applied_by } = settings;
    MeshSettings {
        controller: controller.iter().cloned().map(given).collect(),
        owns: whole::list(owns.as_deref().unwrap_or_default()),
        protect: whole::list(protect),
        max_removals: max_removals.map(given),
        ignore: ignore
            .iter()
            .map(|rule| Ignore {
                hostname: whole::list(&rule.hostname),
                field: rule.field.value,
                until: rule.until.value,
                reason: rule.reason.value.clone(),
                place: rule.field.span.place,
            })
            .collect(),
        applied_by: applied_by.iter().cloned().map(given).collect(),
    }
}

fn given<T>(at: At<T>) -> Given<T> {
    Given { value: at.value, place: at.span.place }
}
