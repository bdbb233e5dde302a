//! What can be known about the whole mesh without a server: hostnames declared twice, listeners, and every peer.
//!
//! The instances of one block are alike, so each check looks at a block and its peers once and never at every instance.

use std::collections::{BTreeMap, HashMap, HashSet, hash_map::Entry};

use crate::mesh::{DeclaredType, Hostname, Pattern, PeerName};

use super::{
    Code, Finding, Findings, Span, file::Draft, finding::short, instance::Block, looks::Looks, names::NameList, nearest::nearest,
    reader::At,
};

/// Which block declares a hostname, and where.
pub(super) struct Index<'a>(HashMap<&'a str, (usize, Span)>);

impl<'a> Index<'a> {
    /// Indexes the blocks; hostnames that come again are findings, one for each place however many names it stands for.
    pub(super) fn new(blocks: &'a [Block], findings: &mut Findings) -> Self {
        let mut index: HashMap<&str, (usize, Span)> = HashMap::with_capacity(blocks.len());
        let mut repeated: Vec<(Span, Span, &Hostname, usize)> = Vec::new();
        for (i, block) in blocks.iter().enumerate() {
            for name in &block.names {
                match index.entry(name.value.as_str()) {
                    Entry::Vacant(slot) => _ = slot.insert((i, name.span)),
                    Entry::Occupied(first) => match repeated.last_mut() {
                        Some((again, _, _, more)) if *again == name.span => *more += 1,
                        _ => repeated.push((name.span, first.get().1, &name.value, 0)),
                    },
                }
            }
        }
        similar(blocks, findings);
        for (again, first, name, more) in repeated {
            if findings.said(Code::DuplicateHostname, again) {
                continue;
            }
            let names = if more == 0 { format!("`{name}` is") } else { format!("`{name}` and {more} more of these are") };
            let finding = Finding::error(Code::DuplicateHostname, again, format!("{names} declared twice"));
            let finding = if again == first { finding } else { finding.related(first, "first here") };
            findings.push(finding.help("keep one declaration of each instance"));
        }
        Self(index)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether a pattern matches any hostname.
    pub(super) fn any(&self, pattern: &Pattern) -> bool {
        self.0.keys().any(|name| pattern.matches(name))
    }

    pub(super) fn get(&self, name: &Hostname) -> Option<(usize, Span)> {
        self.0.get(name.as_str()).copied()
    }
}

/// Hostnames that differ in case alone: two instances to the controller, and one host to everybody else.
fn similar(blocks: &[Block], findings: &mut Findings) {
    let has_upper = |name: &&At<Hostname>| name.value.as_str().bytes().any(|b| b.is_ascii_uppercase());
    let names = || blocks.iter().flat_map(|block| &block.names);
    let upper: Vec<&At<Hostname>> = names().filter(has_upper).collect();
    if upper.is_empty() {
        return;
    }
    let mut first: HashMap<String, &At<Hostname>> = HashMap::new();
    for name in names() {
        let lower = name.value.as_str().to_ascii_lowercase();
        let other = *first.entry(lower).or_insert(name);
        if other.value != name.value {
            let message = format!("`{}` and `{}` differ in upper and lower case alone", other.value, name.value);
            let finding = Finding::warning(Code::SimilarHostname, name.span, message).related(other.span, "the other");
            findings.push(finding.help("the controller takes them for two instances, a name server for one host: keep one"));
        }
    }
}

/// A link between two blocks, and the peer that makes it.
struct Link<'a> {
    target: usize,
    peer: &'a At<PeerName>,
}

/// All checks of the whole mesh but that of hostnames declared twice.
pub(super) fn check(draft: &Draft, index: &Index<'_>, looks: &mut Looks, findings: &mut Findings) {
    let external = External::new(&draft.settings.external, index, findings);
    let mut used = HashSet::new();
    let mut unknown = Vec::new();
    let mut selves = BTreeMap::new();
    let mut links: Vec<Vec<Link<'_>>> = Vec::with_capacity(draft.blocks.len());
    for (i, block) in draft.blocks.iter().enumerate() {
        let mut of_block = Vec::new();
        let peers = block.fields.peers.iter().flat_map(|peers| &peers.value.names);
        if block.is_leaving() {
            // They count as used, and are judged no further.
            used.extend(peers.filter_map(|peer| external.entry(&peer.value, looks, findings)));
            links.push(of_block);
            continue;
        }
        listener(block, findings);
        two_addresses(block, index, findings);
        for peer in peers {
            match index.get(peer.value.host()) {
                // Its own peers could not be read, so these may not be meant.
                Some(_) if block.broken && block.default_peers => {}
                Some((target, span)) if target == i => {
                    selves.entry(peer.span).or_insert(SelfPeers { block, peer, declared: span, count: 0 }).count += 1;
                }
                Some((target, span)) => {
                    of_block.push(Link { target, peer });
                    declared_peer(draft.blocks.get(target), span, peer, findings);
                }
                None => match external.entry(&peer.value, looks, findings) {
                    Some(entry) => _ = used.insert(entry),
                    None => unknown.push(peer),
                },
            }
        }
        links.push(of_block);
    }
    for selves in selves.values() {
        findings.push(self_peer(selves));
    }
    mutual(&links, findings);
    if !draft.incomplete {
        unknown_peers(draft, index, &unknown, findings);
        if !draft.blocks.iter().any(|block| block.broken) {
            external.unused(&used, findings);
        }
    }
}

/// The peers that only the controller knows.
struct External<'a> {
    list: &'a NameList<PeerName>,
    names: HashMap<&'a PeerName, Span>,
}

impl<'a> External<'a> {
    /// The list; an entry that is listed twice or declared is probably a slip.
    fn new(list: &'a NameList<PeerName>, index: &Index<'_>, findings: &mut Findings) -> Self {
        let mut names: HashMap<&PeerName, Span> = HashMap::with_capacity(list.names.len());
        for name in &list.names {
            let declared = match &name.value {
                PeerName::Instance(hostname) => index.get(hostname).map(|(_, span)| span),
                PeerName::Address { .. } => None,
            };
            let (why, other, label) = match (declared, names.get(&name.value)) {
                (Some(span), _) => ("is declared here, so it is not external", span, "declared here"),
                (None, Some(first)) => ("is listed twice in `external`", *first, "first here"),
                (None, None) => {
                    names.insert(&name.value, name.span);
                    continue;
                }
            };
            let finding = Finding::warning(Code::External, name.span, format!("`{}` {why}", name.value));
            findings.push(finding.related(other, label).help("remove it from `external`"));
        }
        Self { list, names }
    }

    /// The entry that lists a peer: its name, the instance that it is an address of, or a pattern.
    fn entry(&self, peer: &PeerName, looks: &mut Looks, findings: &mut Findings) -> Option<Span> {
        let text = peer.to_string();
        let patterns = [&self.list.wild, &self.list.without].into_iter().flatten();
        for item in patterns {
            if !looks.spend(&item.value, 1, item.span, findings) {
                return Some(item.span);
            }
        }
        if self.list.takes_out(&text) {
            return None;
        }
        let of_instance = || match peer {
            PeerName::Address { host, port: _ } => self.names.get(&PeerName::Instance(host.clone())),
            PeerName::Instance(_) => None,
        };
        let by_name = self.names.get(peer).or_else(of_instance).copied();
        let matches = |item: &&At<Pattern>| item.value.matches(&text) || item.value.matches(peer.host().as_str());
        by_name.or_else(|| self.list.wild.iter().find(matches).map(|item| item.span))
    }

    /// The entries that no instance peers to.
    fn unused(&self, used: &HashSet<Span>, findings: &mut Findings) {
        let names = self.list.names.iter().map(|name| (name.value.to_string(), name.span));
        let all: BTreeMap<Span, String> =
            names.chain(self.list.wild.iter().map(|item| (item.value.to_string(), item.span))).map(|(text, span)| (span, text)).collect();
        // A list that takes everything finds no typing error any more.
        for item in self.list.wild.iter().filter(|item| item.value.as_str().bytes().all(|b| matches!(b, b'*' | b'?' | b'.'))) {
            let message = format!("`{}` lists every name, so that no unknown peer is found any more", item.value);
            let finding = Finding::warning(Code::External, item.span, message);
            findings.push(finding.help("list the names, or a narrower pattern"));
        }
        for (span, text) in all.into_iter().filter(|(span, _)| !used.contains(span)) {
            let finding = Finding::warning(Code::External, span, format!("no instance peers to `{}`", short(&text)));
            findings.push(finding.help("remove it from `external`, or correct it"));
        }
    }
}

/// What a block's own listener says against its other fields.
fn listener(block: &Block, findings: &mut Findings) {
    if block.broken {
        return;
    }
    let fields = &block.fields;
    let Some(name) = block.names.first() else { return };
    match (&fields.listener_port, &fields.peers_from_control_nodes) {
        (Some(port), Some(flag)) if port.value.is_none() && flag.value => {
            let message = "`peers_from_control_nodes` needs a listener, and `listener_port` is null";
            // What stands further down is the instance's own, as a rule; the other may be a default.
            let finding = if flag.span < port.span {
                Finding::error(Code::DeafFlag, port.span, message).related(flag.span, "control nodes shall dial it")
            } else {
                Finding::error(Code::DeafFlag, flag.span, message).related(port.span, "no listener")
            };
            findings.push(finding.help("give it a `listener_port` (27199 is usual), or set `peers_from_control_nodes: false`"));
        }
        (None, _) if fields.node_type.is_some_and(|t| t.value == DeclaredType::Hop) => {
            let more = match block.names.len() {
                1 => String::new(),
                n => format!(" and {} more", n - 1),
            };
            let message = format!("no `listener_port` is given for hop node `{}`{more}", name.value);
            let finding = Finding::warning(Code::HopWithoutPort, name.span, message);
            findings.push(finding.help(
                "without it a new hop listens on 27199 before AWX 23.0, and not at all from 23.0 on: give the port, or `null` if nothing dials it",
            ));
        }
        _ => {}
    }
}

/// Two addresses of one instance. Of a host that is not declared nobody knows whether it is one: its ports may lead to two.
fn two_addresses(block: &Block, index: &Index<'_>, findings: &mut Findings) {
    let mut first: HashMap<&Hostname, Span> = HashMap::new();
    for peer in block.fields.peers.iter().flat_map(|peers| &peers.value.names) {
        let PeerName::Address { host, port: _ } = &peer.value else { continue };
        if index.get(host).is_none() {
            continue;
        }
        if let Some(first) = first.insert(host, peer.span) {
            let message = format!("`peers` has two addresses of `{host}`");
            let finding = Finding::error(Code::DuplicatePeer, peer.span, message).related(first, "the other");
            findings.push(finding.help("keep one of the two: AWX 23.8 and later refuses a second link between two instances"));
        }
    }
}

/// How many instances peer to themselves by what stands at one place, and the first of them.
struct SelfPeers<'a> {
    block: &'a Block,
    peer: &'a At<PeerName>,
    declared: Span,
    count: usize,
}

fn self_peer(selves: &SelfPeers<'_>) -> Finding {
    let SelfPeers { block, peer, declared, count } = selves;
    let name = peer.value.host();
    let message = match count {
        1 => format!("`{name}` peers to itself"),
        n => format!("`{name}` and {} more peer to themselves", n - 1),
    };
    let finding = Finding::error(Code::SelfPeer, peer.span, message).related(*declared, "declared here");
    if block.default_peers {
        let (whose, who) = if *count == 1 { ("its", format!("`{name}`")) } else { ("their", "each".to_owned()) };
        // A hop that is not said to be one takes what is meant for execution nodes.
        let is_assumed = block.fields.node_type.is_some_and(|at| block.names.first().is_some_and(|name| name.span == at.span));
        let or_hop = if is_assumed { "; or say `node_type: hop` if it is one" } else { "" };
        finding.help(format!("{whose} peers come from `defaults`: give {who} peers of its own, `peers: []` for none{or_hop}"))
    } else if *count == 1 && block.fields.peers.as_ref().is_some_and(|peers| peers.value.wild.iter().any(|item| item.span == peer.span)) {
        finding.help(format!("take it out again: add `\"!{name}\"` to `peers`"))
    } else if block.names.len() == 1 {
        finding.help("remove it from `peers`")
    } else if *count == 1 {
        finding.help(format!("declare `{name}` apart from the others, with peers of its own"))
    } else {
        finding.help("take them out of `peers`, or declare them apart from the others, with peers of their own")
    }
}

/// What the declaration of a peer says against being one.
fn declared_peer(block: Option<&Block>, declared: Span, peer: &At<PeerName>, findings: &mut Findings) {
    let Some(block) = block.filter(|_| [Code::LeavingPeer, Code::DeafPeer].iter().all(|code| !findings.said(*code, peer.span))) else {
        return;
    };
    let name = peer.value.host();
    if let Some(state) = block.fields.node_state.filter(|_| block.is_leaving()) {
        let message = format!("`{name}` is declared `deprovisioning`, so nothing can peer to it");
        let finding = Finding::error(Code::LeavingPeer, peer.span, message).related(state.span, format!("`{name}` shall go"));
        findings.push(finding.help("remove it from `peers`"));
    } else if let Some(port) = block.fields.listener_port.filter(|port| port.value.is_none() && !block.broken)
        && matches!(peer.value, PeerName::Instance(_))
    {
        let finding = Finding::error(Code::DeafPeer, peer.span, format!("`{name}` has no listener, so nothing can peer to it"));
        let finding = finding.related(port.span, format!("the `listener_port` of `{name}`"));
        let finding = if port.span.place.file == declared.place.file { finding } else { finding.related(declared, "declared here") };
        findings.push(finding.help(format!("give `{name}` a `listener_port` (27199 is usual), or remove it from `peers`")));
    }
}

/// Pairs of instances that peer to each other. Both ends of a pair of blocks are alike, so a pair of blocks is enough.
fn mutual(links: &[Vec<Link<'_>>], findings: &mut Findings) {
    let by_pair: HashMap<(usize, usize), &At<PeerName>> =
        links.iter().enumerate().flat_map(|(i, of)| of.iter().rev().map(move |link| ((i, link.target), link.peer))).collect();
    for (source, of) in links.iter().enumerate() {
        for link in of.iter().filter(|link| link.target < source) {
            // The first link of the pair speaks for all of them.
            let is_first = by_pair.get(&(source, link.target)).is_some_and(|first| std::ptr::eq(*first, link.peer));
            let Some(back) = by_pair.get(&(link.target, source)).filter(|_| is_first && !findings.said(Code::MutualPeers, link.peer.span))
            else {
                continue;
            };
            let (a, b) = (back.value.host(), link.peer.value.host());
            let finding = Finding::warning(Code::MutualPeers, link.peer.span, format!("`{a}` and `{b}` peer to each other"));
            let finding = finding.related(back.span, format!("`{b}` peers to `{a}` here"));
            findings.push(finding.help("one direction is enough, since traffic goes both ways; AWX 23.8 and later refuses the second"));
        }
    }
}

/// In how many names one run looks for what was probably meant, so that many unknown peers of a large mesh stay quick.
const MAX_LOOKS: usize = 2_000_000;

/// Peers that nobody declares; each place once, however many blocks share it.
fn unknown_peers(draft: &Draft, index: &Index<'_>, unknown: &[&At<PeerName>], findings: &mut Findings) {
    let broken = BrokenNames::new(&draft.broken_names);
    let external: Vec<String> = draft.settings.external.names.iter().map(|name| name.value.to_string()).collect();
    let mut seen = HashSet::new();
    let mut names: Vec<&str> = Vec::new();
    let mut last = None;
    let mut looks = 0;
    for peer in unknown {
        let text = peer.value.to_string();
        // A range that is unknown is said once, and a hostname that could not be read has its finding already.
        if last == Some(peer.span) || !seen.insert((peer.span, &peer.value)) || broken.may_mean(&text) {
            continue;
        }
        last = Some(peer.span);
        if names.is_empty() {
            names = index.0.keys().copied().collect();
            names.extend(external.iter().map(String::as_str));
            names.sort_unstable();
        }
        looks += names.len();
        let near = if looks > MAX_LOOKS { None } else { nearest(&text, names.iter().copied()) };
        let help = match near {
            Some(near) => format!("did you mean `{near}`? otherwise declare it, or list it in `external` if only the controller knows it"),
            None => "declare it, or list it in `external` if only the controller knows it".to_owned(),
        };
        findings.push(Finding::error(Code::UnknownPeer, peer.span, format!("peer `{text}` is not declared")).help(help));
    }
}

/// Hostnames that could not be read.
struct BrokenNames<'a> {
    whole: HashSet<&'a str>,
    /// Of ranges what stands in front of the bracket.
    heads: HashSet<&'a str>,
}

impl<'a> BrokenNames<'a> {
    fn new(names: &'a [String]) -> Self {
        let heads = names.iter().filter_map(|name| name.split_once('[')).map(|(head, _)| head).filter(|head| !head.is_empty());
        Self { whole: names.iter().map(String::as_str).collect(), heads: heads.collect() }
    }

    fn may_mean(&self, name: &str) -> bool {
        self.whole.contains(name)
            || !self.heads.is_empty() && name.char_indices().any(|(i, _)| name.get(..i).is_some_and(|head| self.heads.contains(head)))
    }
}
