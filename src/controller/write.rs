//! Writing one instance.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::Value as Json;
use tokio::time::sleep;

use super::{
    Client, ControllerError,
    client::Call,
    wire::{self, AddressRow, Created, Page, StateRow},
};
use crate::mesh::{Body, Dialect, Peer, Value};

/// How long the hostnames of one look-up may be together: a longer URL is refused by what stands before many controllers.
const QUERY_LENGTH: usize = 2000;

/// How long a wait for a row to go pauses at first; each pause is twice the one before, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// AWX looks once a minute whether the jobs of what is removed are done.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long a row may take to go before the run goes on without what waits for it.
const LONGEST_WAIT: Duration = Duration::from_mins(10);

impl Client {
    /// Creates an instance and gives its id.
    pub async fn create(&self, hostname: &str, body: &Body) -> Result<i64, ControllerError> {
        let mut fields = self.fields(body).await?;
        fields.insert("hostname".to_owned(), Json::from(hostname));
        let path = self.path("instances/");
        let body = Json::Object(fields);
        // A row of that name that was there had other addresses.
        self.addresses.lock().await.forget(hostname, true);
        let created: Created = self.http.json(Call { method: Method::POST, body: Some(&body), ..Call::get(&path) }).await?;
        Ok(created.id)
    }

    /// Changes an instance, by its id: a hostname of digits would read as one.
    pub async fn patch(&self, id: i64, hostname: &str, body: &Body) -> Result<(), ControllerError> {
        let fields = self.fields(body).await?;
        self.send_patch(id, fields).await?;
        // AWX 23.8 and later: an address that is made again has another id.
        if body.iter().any(|(_, value)| *value == Value::Port(None)) {
            self.addresses.lock().await.forget(hostname, false);
        }
        Ok(())
    }

    /// Asks for the removal of an instance. The controller waits for its jobs, then deletes the row and every link from and to it.
    pub async fn remove(&self, id: i64, body: &Body) -> Result<(), ControllerError> {
        let mut fields = self.fields(body).await?;
        fields.insert("node_state".to_owned(), Json::from("deprovisioning"));
        self.send_patch(id, fields).await
    }

    /// Waits until the row of an instance that is on its way out is gone.
    pub async fn gone(&self, id: i64, hostname: &str) -> Result<(), ControllerError> {
        let path = self.path(&format!("instances/{id}/"));
        let begin = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let is_late = begin.elapsed() >= LONGEST_WAIT;
            let state = match self.http.json::<StateRow>(Call::get(&path)).await {
                Err(ControllerError::Status { status: 404, .. }) => return Ok(()),
                // One answer that did not come is no reason to give up what takes minutes.
                Err(error) if error.is_passing() && !is_late => None,
                row => Some(row?.node_state),
            };
            if let Some(state) = state.filter(|state| is_late || state == "deprovision-fail") {
                let seconds = begin.elapsed().as_secs();
                return Err(ControllerError::StillThere { hostname: hostname.to_owned(), state, seconds });
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn send_patch(&self, id: i64, fields: serde_json::Map<String, Json>) -> Result<(), ControllerError> {
        let path = self.path(&format!("instances/{id}/"));
        let body = Json::Object(fields);
        self.http.send(Call { method: Method::PATCH, body: Some(&body), ..Call::get(&path) }).await?;
        Ok(())
    }

    /// The body in the server's dialect.
    async fn fields(&self, body: &Body) -> Result<serde_json::Map<String, Json>, ControllerError> {
        if self.dialect() != Dialect::Addresses {
            return Ok(wire::fields(body, |peer| Json::from(peer.hostname.as_str())));
        }
        let peers: BTreeSet<&Peer> =
            body.iter().filter_map(|(_, v)| if let Value::Peers(set) = v { Some(set) } else { None }).flatten().collect();
        // Held while looking up, so that of many requests that need the same new address one asks for it.
        let mut book = self.addresses.lock().await;
        let unknown: Vec<&str> = peers.iter().filter(|p| book.id(p).is_none()).map(|p| p.hostname.as_str()).collect();
        for chunk in chunks(&unknown) {
            let path = self.path("receptor_addresses/");
            let query = [("instance__hostname__in", chunk.join(",")), ("canonical", "true".to_owned()), ("page_size", "200".to_owned())];
            let page: Page<AddressRow> = self.http.json(Call { query: &query, ..Call::get(&path) }).await?;
            // The canonical address of an instance has its hostname.
            for row in page.results {
                book.learn(row.address, row.id);
            }
        }
        if let Some(peer) = peers.iter().find(|p| book.id(p).is_none()) {
            return Err(ControllerError::NoAddress { peer: peer.hostname.clone() });
        }
        Ok(wire::fields(body, |peer| Json::from(book.id(peer))))
    }
}

/// Hostnames in portions that a URL and a page of the answer can hold.
fn chunks<'n>(hostnames: &[&'n str]) -> Vec<Vec<&'n str>> {
    let mut chunks: Vec<Vec<&str>> = Vec::new();
    let mut length = 0;
    for hostname in hostnames {
        if let Some(chunk) = chunks.last_mut().filter(|chunk| length + hostname.len() < QUERY_LENGTH && chunk.len() < 200) {
            chunk.push(hostname);
            length += hostname.len() + 3;
        } else {
            chunks.push(vec![hostname]);
            length = hostname.len();
        }
    }
    chunks
}
