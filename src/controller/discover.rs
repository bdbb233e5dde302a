//! Finding the API: its root, its version and dialect, what it allows, and who one is there.

use serde_json::Value as Json;

use super::{
    ControllerError,
    client::{Call, Http, ServerInfo},
    wire::{ApiRoot, Me, Page, Ping, SystemSettings},
};
use crate::mesh::{Capabilities, Dialect};

/// What was found.
pub(super) struct Discovered {
    pub(super) root: String,
    pub(super) server: ServerInfo,
}

pub(super) async fn discover(http: &Http) -> Result<Discovered, ControllerError> {
    let root = api_root(http).await?;
    let at = |resource: &str| format!("{root}{resource}");
    let (ping, me) = (at("ping/"), at("me/"));
    let (ping, resources, me): (Ping, Json, Page<Me>) = tokio::try_join!(
        http.json(Call { authenticated: false, ..Call::get(&ping) }),
        http.send(Call::get(&root)),
        http.json(Call::get(&me)),
    )?;
    let me = me.results.first().ok_or_else(|| ControllerError::Unexpected {
        method: "GET".into(),
        path: at("me/"),
        what: "it does not say who is logged in".into(),
    })?;
    if !me.is_superuser && !me.is_system_auditor {
        return Err(ControllerError::CannotSee { user: me.username.clone() });
    }
    // AWX 23.8 brought receptor addresses, and with them `peers` as their ids.
    let dialect =
        if resources.get("receptor_addresses").is_some() { Dialect::Addresses } else { by_first_row(http, &at("instances/")).await? };
    // After the question who one is: to a user who cannot see the mesh the settings are forbidden too.
    let system: SystemSettings = http.json(Call::get(&at("settings/system/"))).await?;
    // Where the setting is not told (an older version) the server's own answer to a write decides.
    let capabilities = Capabilities { dialect, kubernetes: system.is_k8s.unwrap_or(true) };
    let server = ServerInfo { url: http.url(), version: ping.version, install_uuid: ping.install_uuid, capabilities };
    Ok(Discovered { root, server })
}

/// The dialect of a controller without receptor addresses: AWX 23.0 brought `peers`. Products number their controllers otherwise, so
/// a row has to tell; there always is that of the control node.
async fn by_first_row(http: &Http, path: &str) -> Result<Dialect, ControllerError> {
    let query = [("order_by", "id".to_owned()), ("page_size", "1".to_owned())];
    let page: Page<Json> = http.json(Call { query: &query, ..Call::get(path) }).await?;
    let lacks_peers = page.results.first().is_some_and(|row| row.get("peers").is_none());
    Ok(if lacks_peers { Dialect::None } else { Dialect::Hostnames })
}

/// The controller's own `/api/`, or the one that a gateway (AAP 2.5 and later) has below it.
async fn api_root(http: &Http) -> Result<String, ControllerError> {
    for path in ["/api/", "/api/controller/"] {
        let answer = match http.send(Call { authenticated: false, ..Call::get(path) }).await {
            Ok(answer) => answer,
            Err(ControllerError::Status { status: 404, .. } | ControllerError::NotJson { status: 404, .. }) => continue,
            Err(error) => return Err(error),
        };
        if let Some(ApiRoot { current_version }) = root_of(&answer) {
            return Ok(current_version);
        }
    }
    Err(ControllerError::NotAController(http.url()))
}

/// The root that an answer names, if it is a path of this very server.
fn root_of(answer: &Json) -> Option<ApiRoot> {
    let root: ApiRoot = serde_json::from_value(answer.clone()).ok()?;
    let is_path = root.current_version.starts_with('/') && !root.current_version.starts_with("//") && root.current_version.ends_with('/');
    is_path.then_some(root)
}
