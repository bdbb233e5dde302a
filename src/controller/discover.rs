//! Finding the API: its root, its version and dialect, what it allows, and who one is there.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{
    ControllerError,
    client::{Call, Http, ServerInfo},
    pass::Door,
    wire::{ApiRoot, Me, Page, Ping, SystemSettings},
};
use crate::mesh::{Capabilities, Dialect};

/// What was found.
pub(super) struct Discovered {
    pub(super) root: String,
    pub(super) server: ServerInfo,
    /// Who one is.
    pub(super) me: Me,
    /// Whether it records who changes what.
    pub(super) activity_stream: Option<bool>,
}

pub(super) async fn discover(http: &Arc<Http>) -> Result<Discovered, ControllerError> {
    let root = api_root(http).await?;
    let gateway = has_gateway(http, &root).await?;
    http.log_in(Door { root: root.clone(), gateway }).await?;
    let at = |resource: &str| format!("{root}{resource}");
    let (ping, me, system) = (at("ping/"), at("me/"), at("settings/system/"));
    let (ping, resources, me, system) = tokio::join!(
        http.json::<Ping>(Call { authenticated: false, ..Call::get(&ping) }),
        http.send(Call::get(&root)),
        http.json::<Page<Me>>(Call::get(&me)),
        http.json::<SystemSettings>(Call::get(&system)),
    );
    let (ping, resources, me) = (ping?, resources?, me?);
    let me = me.results.into_iter().next().ok_or_else(|| ControllerError::Unexpected {
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
    let system = system?;
    // Where the setting is not told (an older version) the server's own answer to a write decides.
    let capabilities = Capabilities::new(dialect, system.is_k8s.unwrap_or(true));
    let server = ServerInfo { url: http.url(), version: ping.version, install_uuid: ping.install_uuid, capabilities };
    Ok(Discovered { root, server, me, activity_stream: system.activity_stream })
}

/// The dialect of a controller without receptor addresses: AWX 23.0 brought `peers`. Products number their controllers otherwise, so
/// a row has to tell; there always is that of the control node.
async fn by_first_row(http: &Arc<Http>, path: &str) -> Result<Dialect, ControllerError> {
    let query = [("order_by", "id".to_owned()), ("page_size", "1".to_owned())];
    let page: Page<Json> = http.json(Call { query: &query, ..Call::get(path) }).await?;
    let lacks_peers = page.results.first().is_some_and(|row| row.get("peers").is_none());
    Ok(if lacks_peers { Dialect::None } else { Dialect::Hostnames })
}

/// Where the API is: as somebody said, or the controller's own `/api/`, or the one that a gateway (AAP 2.5 and later) has below it.
async fn api_root(http: &Arc<Http>) -> Result<String, ControllerError> {
    let paths = http.api_prefix.as_deref().map_or_else(|| vec!["/api/", "/api/controller/"], |path| vec![path]);
    for path in &paths {
        let answer = match http.send(Call { authenticated: false, ..Call::get(path) }).await {
            Ok(answer) => answer,
            Err(ControllerError::Status { status: 404, .. } | ControllerError::NotJson { status: 404, .. }) => continue,
            Err(error) => return Err(error),
        };
        if let Some(ApiRoot { current_version }) = root_of(&answer) {
            return Ok(current_version);
        }
    }
    Err(ControllerError::NotAController { url: http.url(), asked: paths.join(" or ") })
}

/// Whether a gateway that makes tokens stands before the controller. The controller's own root says that none does.
async fn has_gateway(http: &Arc<Http>, root: &str) -> Result<bool, ControllerError> {
    if root == "/api/v2/" {
        return Ok(false);
    }
    match http.send(Call { authenticated: false, ..Call::get("/api/gateway/v1/") }).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_refusal() || error.is_odd() || error.is_forbidden() => Ok(false),
        Err(error) => Err(error),
    }
}

/// The root that an answer names, if it is a path of this very server.
fn root_of(answer: &Json) -> Option<ApiRoot> {
    let root: ApiRoot = serde_json::from_value(answer.clone()).ok()?;
    let is_path = root.current_version.starts_with('/') && !root.current_version.starts_with("//") && root.current_version.ends_with('/');
    is_path.then_some(root)
}
