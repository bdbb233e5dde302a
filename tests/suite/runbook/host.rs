//! A small model of a controller on a host: what `awx-manage` and the API do there with the commands of a runbook.

use std::collections::{BTreeMap, BTreeSet};

use meshform::mesh::{Dialect, LiveAddress, LiveInstance, LiveMesh, NodeState, NodeType, Peer};
use serde_json::Value as Json;

pub(crate) struct Host {
    pub(crate) dialect: Dialect,
    pub(crate) mesh: LiveMesh,
    /// The links that went since it was asked last, for a moment or for good: who dialled whom.
    cut: BTreeSet<(String, String)>,
    next_id: i64,
}

type Done = Result<(), String>;

impl Host {
    pub(crate) fn new(dialect: Dialect, mesh: LiveMesh) -> Self {
        Self { dialect, mesh, cut: BTreeSet::new(), next_id: 1000 }
    }

    /// Runs the commands of a script.
    pub(crate) fn run(&mut self, script: &str) -> Done {
        let (_, commands) = script.split_once("\nsay ").unwrap_or((script, ""));
        let mut id = None;
        for line in commands.lines().skip(1) {
            let words = shlex::split(line).ok_or_else(|| format!("no words: {line}"))?;
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match words.as_slice() {
                ["manage", command, rest @ ..] => self.manage(command, rest).map_err(|error| format!("{error}: {line}"))?,
                ["patch", "$id", body] => self.patch(id.take().ok_or("no id")?, body)?,
                ["patch", known, body] => self.patch(known.parse().map_err(|_none| line)?, body)?,
                [find, name] if find.starts_with("id=$(id_of") => {
                    let name = name.trim_end_matches(')');
                    id = Some(self.mesh.instances.get(name).ok_or_else(|| format!("{name} is not there"))?.id);
                }
                ["wait_until_idle", _] | ["say" | "printf", ..] | ["at=end"] | [] => {}
                other => return Err(format!("unknown: {other:?}")),
            }
        }
        Ok(())
    }

    /// The links that went since it was asked last.
    pub(crate) fn cut(&mut self) -> BTreeSet<(String, String)> {
        std::mem::take(&mut self.cut)
    }

    /// As if receptor had been set up on every node: all are ready, and all links established.
    pub(crate) fn connect(&mut self) {
        let rows = self.mesh.instances.iter();
        let links = rows.flat_map(|(name, row)| row.peers.iter().map(|peer| (name.clone(), peer.hostname.clone())));
        self.mesh.established = links.collect();
        self.mesh.instances.values_mut().for_each(|row| row.node_state = NodeState::from("ready"));
    }

    fn patch(&mut self, id: i64, body: &str) -> Done {
        let (name, row) = self.mesh.instances.iter_mut().find(|(_, row)| row.id == id).ok_or("no such id")?;
        let (name, had_flag) = (name.clone(), row.peers_from_control_nodes);
        for (field, value) in serde_json::from_str::<BTreeMap<String, Json>>(body).map_err(|error| error.to_string())? {
            match (field.as_str(), value) {
                ("enabled", Json::Bool(value)) => row.enabled = value,
                ("managed_by_policy", Json::Bool(value)) => row.managed_by_policy = value,
                ("capacity_adjustment", Json::String(value)) => row.capacity_adjustment = value.parse().map_err(|_none| "no decimal")?,
                ("peers_from_control_nodes", Json::Bool(false)) if self.dialect == Dialect::Hostnames || !row.managed => {
                    row.peers_from_control_nodes = false;
                }
                (field, value) => return Err(format!("refused: {field} {value}")),
            }
        }
        if had_flag && !row.peers_from_control_nodes {
            self.forget(&name, |row| row.node_type.is_control_plane());
        }
        Ok(())
    }

    fn manage(&mut self, command: &str, words: &[&str]) -> Done {
        let mut given = Options::of(words);
        let done = match command {
            "provision_instance" => self.provision(&mut given),
            "deprovision_instance" => self.deprovision(given.take("--hostname")?),
            "add_receptor_address" if self.dialect == Dialect::Addresses => self.add_address(&mut given),
            "remove_receptor_address" if self.dialect == Dialect::Addresses => self.remove_address(given.take("--address")?),
            "register_peers" => self.register(&mut given),
            _ => Err("no such command".to_owned()),
        };
        done.and_then(|()| if given.0.is_empty() { Ok(()) } else { Err(format!("{:?} left", given.0)) })
    }

    fn provision(&mut self, given: &mut Options<'_>) -> Done {
        let name = given.take("--hostname")?;
        let node_type = NodeType::from(given.take("--node_type")?);
        let old = self.dialect == Dialect::Hostnames;
        let port = given.take("--listener_port").ok().filter(|_| old).map(|port| port.parse().expect("a port"));
        if let Some(row) = self.mesh.instances.get_mut(name) {
            // It can do so, and the whole row would have to be looked at again.
            if row.node_type != node_type {
                return Err("changes its type".to_owned());
            }
            if old {
                row.listener_port = port;
            }
            return Ok(());
        }
        self.next_id += 1;
        let row = LiveInstance {
            id: self.next_id,
            node_type,
            node_state: NodeState::from("installed"),
            enabled: true,
            capacity_adjustment: 1.into(),
            managed_by_policy: true,
            listener_port: port,
            peers_from_control_nodes: false,
            managed: !old,
            jobs_running: 0,
            peers: BTreeSet::new(),
            addresses: Vec::new(),
        };
        self.mesh.instances.insert(name.to_owned(), row);
        Ok(())
    }

    fn deprovision(&mut self, name: &str) -> Done {
        self.mesh.instances.remove(name).ok_or("not found")?;
        self.forget(name, |_| true);
        Ok(())
    }

    /// The links to an instance end, of those who are meant.
    fn forget(&mut self, name: &str, who: impl Fn(&LiveInstance) -> bool) {
        for (dialer, row) in self.mesh.instances.iter_mut().filter(|(_, row)| who(row)) {
            if row.peers.remove(&Peer::named(name)) {
                self.cut.insert((dialer.clone(), name.to_owned()));
            }
        }
    }

    fn add_address(&mut self, given: &mut Options<'_>) -> Done {
        let (name, host) = (given.take("--instance")?, given.take("--address")?);
        let port = given.take("--port")?.parse().map_err(|_none| "no port")?;
        given.take("--canonical")?;
        let flag = given.take("--peers_from_control_nodes").is_ok();
        let row = self.mesh.instances.get_mut(name).ok_or("no such instance")?;
        if row.addresses.iter().any(|address| address.canonical && address.host != host) {
            return Err("has a canonical address already".to_owned());
        }
        let is_new = row.addresses.is_empty();
        row.addresses =
            vec![LiveAddress { id: 0, host: host.to_owned(), port, protocol: "tcp".to_owned(), is_internal: false, canonical: true }];
        row.listener_port = Some(port);
        // What is not given stays.
        row.peers_from_control_nodes = flag || !is_new && row.peers_from_control_nodes;
        if row.peers_from_control_nodes {
            for row in self.mesh.instances.values_mut().filter(|row| row.node_type.is_control_plane()) {
                row.peers.insert(Peer::named(name));
            }
        } else {
            self.forget(name, |row| row.node_type.is_control_plane());
        }
        Ok(())
    }

    fn remove_address(&mut self, host: &str) -> Done {
        let mut rows = self.mesh.instances.iter_mut();
        let (name, row) = rows.find(|(_, row)| row.addresses.iter().any(|address| address.host == host)).ok_or("not found")?;
        row.addresses.clear();
        (row.listener_port, row.peers_from_control_nodes) = (None, false);
        let name = name.clone();
        self.forget(&name, |_| true);
        Ok(())
    }

    fn register(&mut self, given: &mut Options<'_>) -> Done {
        let source = given.take("")?;
        let known = |name: &&str| match self.dialect {
            Dialect::Addresses => self.mesh.instances.get(*name).is_some_and(|row| !row.addresses.is_empty()),
            _ => self.mesh.instances.contains_key(*name),
        };
        let (added, dropped) = (given.all("--peers"), given.all("--disconnect"));
        if let Some(unknown) = added.iter().chain(&dropped).find(|name| !known(name)) {
            return Err(format!("{unknown} has no address"));
        }
        let dials = |name: &str, far: &str| self.mesh.instances.get(name).is_some_and(|row| row.peers.contains(&Peer::named(far)));
        if self.dialect == Dialect::Addresses && added.iter().any(|name| dials(name, source)) {
            return Err("dials back".to_owned());
        }
        if added.contains(&source) || added.len() + dropped.len() == 0 {
            return Err("dials itself, or nothing is said".to_owned());
        }
        let row = self.mesh.instances.get_mut(source).ok_or("no such instance")?;
        let goes = dropped.iter().filter(|name| row.peers.remove(&Peer::named(**name)));
        self.cut.extend(goes.map(|name| (source.to_owned(), (*name).to_owned())));
        row.peers.extend(added.into_iter().map(Peer::named));
        Ok(())
    }
}

/// Options with what they are given; what stands before them is that of "".
struct Options<'w>(Vec<(&'w str, Vec<&'w str>)>);

impl<'w> Options<'w> {
    fn of(words: &[&'w str]) -> Self {
        let mut options: Vec<(&str, Vec<&str>)> = Vec::new();
        for word in words {
            match options.last_mut() {
                _ if word.starts_with("--") => options.push((word, Vec::new())),
                Some((_, values)) => values.push(word),
                None => options.push(("", vec![word])),
            }
        }
        Self(options)
    }

    fn all(&mut self, name: &str) -> Vec<&'w str> {
        let at = self.0.iter().position(|(known, _)| *known == name);
        at.map(|at| self.0.remove(at).1).unwrap_or_default()
    }

    /// The value of an option; nothing of a switch.
    fn take(&mut self, name: &str) -> Result<&'w str, String> {
        let at = self.0.iter().position(|(known, _)| *known == name).ok_or_else(|| format!("no {name}"))?;
        Ok(self.0.remove(at).1.first().copied().unwrap_or_default())
    }
}
