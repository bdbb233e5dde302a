//! Writing one instance, so that it is known in the end whether it was done: a write whose answer was lost is settled by looking.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value as Json;

use super::{
    Client, ControllerError,
    client::{Call, known},
    retry::{Next, next},
    wire::{self, AddressRow, Created, Page},
};
use crate::mesh::{Body, Dialect, Peer, Value};

/// How long the hostnames of one look-up may be together: a longer URL is refused by what stands before many controllers.
const QUERY_LENGTH: usize = 2000;

/// The fields of a request.
type Fields = serde_json::Map<String, Json>;

impl Client {
    /// Creates an instance and gives its id. A POST whose answer was lost is never sent again before its hostname was looked up.
    pub async fn create(&self, hostname: &str, body: &Body) -> Result<i64, ControllerError> {
        let mut fields = self.fields(body).await?;
        fields.insert("hostname".to_owned(), Json::from(hostname));
        let json = Json::Object(fields);
        // A row of that name that was there had other addresses.
        self.addresses.lock().await.forget(hostname, true);
        let id = self.send_create(hostname, &json).await?;
        self.listens(hostname, body).await;
        Ok(id)
    }

    async fn send_create(&self, hostname: &str, json: &Json) -> Result<i64, ControllerError> {
        let path = self.path("instances/");
        let call = Call { method: Method::POST, body: Some(json), ..Call::get(&path) };
        let mut patience = self.http.pauses.of_request();
        let mut was_lost = false;
        loop {
            let miss = match self.http.once(&call).await {
                Ok(answer) => match known::<Created>(answer, &call) {
                    Ok(created) => return Ok(created.id),
                    Err(error) => error.into(),
                },
                Err(miss) => miss,
            };
            let step = match next(&Method::POST, &miss.error) {
                // The one that was lost came through in the end.
                Next::Stop if was_lost && is_refused(&miss.error) => Next::Look,
                step => step,
            };
            let again = matches!(step, Next::Again | Next::LookThenAgain) && patience.wait(&miss).await;
            if matches!(step, Next::Look | Next::LookThenAgain) {
                was_lost = true;
                match self.row_of(hostname).await {
                    Ok(Some(row)) => return self.settle(hostname, row, json).await,
                    Ok(None) => {}
                    Err(look_up) => return Err(unsettled(miss.error, look_up)),
                }
            }
            if !again {
                return Err(patience.gave_up(miss.error));
            }
        }
    }

    /// Makes what a lost create left, or somebody else, as it was to be.
    async fn settle(&self, hostname: &str, row: Json, sent: &Json) -> Result<i64, ControllerError> {
        let unexpected = || ControllerError::NoRow { hostname: hostname.to_owned() };
        let id = row.get("id").and_then(Json::as_i64).ok_or_else(unexpected)?;
        let fields = sent.as_object().ok_or_else(unexpected)?;
        let wrong: Fields = differing(&row, fields).map(|(field, value)| (field.clone(), value.clone())).collect();
        if wrong.contains_key("node_type") {
            let node_type = row.get("node_type").and_then(Json::as_str).unwrap_or_default().to_owned();
            return Err(ControllerError::Taken { hostname: hostname.to_owned(), node_type });
        }
        if !wrong.is_empty() {
            self.send_patch(id, wrong).await?;
        }
        Ok(id)
    }

    /// The row of a hostname, if there is one.
    async fn row_of(&self, hostname: &str) -> Result<Option<Json>, ControllerError> {
        let path = self.path("instances/");
        let query = [("hostname", hostname.to_owned())];
        let call = Call { query: &query, ..Call::get(&path) };
        let page: Page<Json> = known(self.http.look(call.clone()).await?, &call)?;
        Ok(page.results.into_iter().next())
    }

    /// Changes an instance, by its id: a hostname of digits would read as one.
    pub async fn patch(&self, id: i64, hostname: &str, body: &Body) -> Result<(), ControllerError> {
        let fields = self.fields(body).await?;
        self.send_patch(id, fields).await?;
        // AWX 23.8 and later: an address that is made again has another id.
        if body.iter().any(|(_, value)| *value == Value::Port(None)) {
            self.addresses.lock().await.forget(hostname, false);
        }
        self.listens(hostname, body).await;
        Ok(())
    }

    /// An instance that began to listen, if it did, will be looked up with the first whose address is needed.
    async fn listens(&self, hostname: &str, body: &Body) {
        if self.dialect() == Dialect::Addresses && body.iter().any(|(_, value)| matches!(value, Value::Port(Some(_)))) {
            self.addresses.lock().await.began_to_listen(hostname);
        }
    }

    /// Asks for the removal of an instance. The controller waits for its jobs, then deletes the row and every link from and to it.
    pub async fn remove(&self, id: i64, body: &Body) -> Result<(), ControllerError> {
        let mut fields = self.fields(body).await?;
        fields.insert("node_state".to_owned(), Json::from("deprovisioning"));
        self.send_patch(id, fields).await
    }

    async fn send_patch(&self, id: i64, fields: Fields) -> Result<(), ControllerError> {
        let path = self.path(&format!("instances/{id}/"));
        let body = Json::Object(fields);
        let call = Call { method: Method::PATCH, body: Some(&body), ..Call::get(&path) };
        let mut patience = self.http.pauses.of_request();
        loop {
            let Err(miss) = self.http.once(&call).await else { return Ok(()) };
            let step = next(&Method::PATCH, &miss.error);
            let again = matches!(step, Next::Again | Next::LookThenAgain) && patience.wait(&miss).await;
            if matches!(step, Next::Look | Next::LookThenAgain) {
                match self.is_so(&path, &body).await {
                    Ok(true) => return Ok(()),
                    Ok(false) => {}
                    Err(look_up) => return Err(unsettled(miss.error, look_up)),
                }
            }
            if !again {
                return Err(patience.gave_up(miss.error));
            }
        }
    }

    /// Whether an instance is as a PATCH was to make it: one that was to go is so, too, when it is gone.
    async fn is_so(&self, path: &str, sent: &Json) -> Result<bool, ControllerError> {
        let Some(fields) = sent.as_object() else { return Ok(false) };
        match self.http.look(Call::get(path)).await {
            Ok(row) => Ok(differing(&row, fields).next().is_none()),
            Err(ControllerError::Status { status: 404, .. }) => Ok(fields.contains_key("node_state")),
            Err(error) => Err(error),
        }
    }

    /// The body in the server's dialect.
    async fn fields(&self, body: &Body) -> Result<Fields, ControllerError> {
        if self.dialect() != Dialect::Addresses {
            return Ok(wire::fields(body, |peer| Json::from(peer.hostname.as_str())));
        }
        let peers: BTreeSet<&Peer> =
            body.iter().filter_map(|(_, v)| if let Value::Peers(set) = v { Some(set) } else { None }).flatten().collect();
        // Held while looking up, so that of many requests that need the same new address one asks for it.
        let mut book = self.addresses.lock().await;
        let unknown: BTreeSet<String> = peers.iter().filter(|p| book.id(p).is_none()).map(|p| p.hostname.clone()).collect();
        let names = if unknown.is_empty() { Vec::new() } else { book.to_look_up(&unknown) };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        // Of those who will ask next no more than what one more request does not cost.
        for chunk in chunks(&names).iter().take_while(|chunk| chunk.iter().any(|name| unknown.contains(*name))) {
            let query = [("instance__hostname__in", chunk.join(",")), ("canonical", "true".to_owned())];
            // The canonical address of an instance has its hostname.
            for row in self.all_matching::<AddressRow>("receptor_addresses/", &query).await? {
                book.learn(row.address, row.id);
            }
        }
        if let Some(peer) = peers.iter().find(|p| book.id(p).is_none()) {
            return Err(ControllerError::NoAddress { peer: peer.hostname.clone() });
        }
        Ok(wire::fields(body, |peer| Json::from(book.id(peer))))
    }
}

/// A write of which nobody knows whether it was done.
fn unsettled(error: ControllerError, look_up: ControllerError) -> ControllerError {
    ControllerError::Unsettled { error: Box::new(error), look_up: Box::new(look_up) }
}

fn is_refused(error: &ControllerError) -> bool {
    matches!(error, ControllerError::Status { status: 400, .. })
}

/// The fields of a row that are not as they were sent. `peers` are a set, in either dialect.
fn differing<'f>(row: &'f Json, sent: &'f Fields) -> impl Iterator<Item = (&'f String, &'f Json)> {
    let as_set = |json: &Json| json.as_array().map(|items| items.iter().map(ToString::to_string).collect::<BTreeSet<_>>());
    sent.iter().filter(move |(field, value)| match (row.get(field.as_str()), as_set(value)) {
        (Some(live), Some(wanted)) => as_set(live) != Some(wanted),
        (live, _) => live != Some(*value),
    })
}

/// Hostnames in portions that a URL and a page of the answer can hold.
pub(super) fn chunks<'n>(hostnames: &[&'n str]) -> Vec<Vec<&'n str>> {
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
