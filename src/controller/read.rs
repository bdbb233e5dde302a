//! Reading the whole mesh: by its differences from a declared one, or row by row.

use std::collections::BTreeSet;

use super::{
    Client, ControllerError,
    address_book::AddressBook,
    assemble::assemble,
    delta::Rows,
    rows::TRIES,
    wire::{AddressRow, InstanceRow, Topology},
};
use crate::mesh::{Dialect, Expected, LiveMesh};

/// How often reading by differences is tried before all rows are listed.
const TRIES_BY_DIFFERENCES: usize = 3;

impl Client {
    /// Reads all instances, which takes as long as they differ from what is expected: it asks for the rows that do, and knows of the
    /// others what they have. Where the server refuses that, or changes under it, all rows are listed.
    pub async fn read(&self, expected: &Expected) -> Result<LiveMesh, ControllerError> {
        // AWX before 23.0: the quick lists have too little.
        let tries = if self.dialect() == Dialect::None { 0 } else { TRIES_BY_DIFFERENCES };
        for _ in 0..tries {
            let rows = match self.delta(expected).await {
                Err(error) if error.is_refusal() || error.is_odd() => {
                    tracing::debug!("all rows are listed, since the server refuses less: {error}");
                    break;
                }
                rows => rows?,
            };
            if let Some(rows) = rows
                && let Some(live) = self.put_together(rows).await
            {
                return Ok(live);
            }
            tracing::debug!("the mesh changed while it was read");
        }
        self.read_all().await
    }

    /// Reads all instances row by row. A list that changes while it is read is read again.
    pub async fn read_all(&self) -> Result<LiveMesh, ControllerError> {
        for _ in 0..TRIES {
            let Some(instances) = self.list::<InstanceRow>("instances/").await? else { continue };
            let Some(addresses) = self.addresses().await? else { continue };
            // AWX before 23.0: nothing is known of paths, so that nobody asks which links were connected.
            let topology = if self.dialect() == Dialect::None { Topology::default() } else { self.visualizer().await? };
            if let Some(live) = self.put_together(Rows { instances, addresses, topology }).await {
                return Ok(live);
            }
        }
        Err(ControllerError::Unstable { tries: TRIES })
    }

    /// All receptor addresses, by id, where the server has them; `None` if some came or went meanwhile.
    pub(super) async fn addresses(&self) -> Result<Option<Vec<AddressRow>>, ControllerError> {
        match self.dialect() {
            Dialect::None | Dialect::Hostnames => Ok(Some(Vec::new())),
            Dialect::Addresses => self.list("receptor_addresses/").await,
        }
    }

    /// The mesh of some rows; `None` if they do not fit, since one list was read before a change and another after it.
    async fn put_together(&self, rows: Rows) -> Option<LiveMesh> {
        let Rows { instances, addresses, topology } = rows;
        let mut live = assemble(instances, addresses)?;
        let established = topology.links.into_iter().filter(|link| link.link_state == "established");
        live.established = established.map(|link| (link.source, link.target)).collect::<BTreeSet<_>>();
        *self.addresses.lock().await = AddressBook::of(&live);
        Some(live)
    }
}
