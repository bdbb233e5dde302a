//! Which path is answered by whom, which methods it takes, and what holds before any handler is asked: slashes, the body's
//! type, and who is calling.

use super::{
    accounts, activity, addresses,
    answer::{Answer, Outcome},
    auth::{self, Caller, Identity},
    call::Call,
    groups, instances, jobs, options, sessions,
    settings::{Dialect, Settings},
    system,
    tables::Tables,
};

/// A path that is answered, with what is variable in it.
#[derive(Debug, PartialEq)]
enum Route {
    GatewayRoot,
    Gateway,
    Api,
    Login,
    Logout,
    Version2,
    Ping,
    Config,
    Me,
    System,
    Tokens,
    Token(String),
    Users,
    Instances,
    Instance(String),
    InstanceAddresses(String),
    InstancePeers(String),
    InstanceGroups(String),
    InstanceJobs(String),
    Groups,
    Group(String),
    GroupInstances(String),
    Addresses,
    Address(String),
    Jobs,
    Activities,
    Activity(String),
    Mesh,
}

impl Route {
    fn parse(settings: &Settings, segments: &[String]) -> Option<Self> {
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let ("api", rest) = segments.split_first().map(|(first, rest)| (*first, rest))? else { return None };
        if !settings.gateway {
            return Self::of_controller(settings, rest);
        }
        Some(match *rest {
            [] => Self::GatewayRoot,
            ["controller", ..] => return Self::of_controller(settings, rest.get(1..)?),
            ["gateway", "v1"] => Self::Gateway,
            ["gateway", "v1", "tokens"] => Self::Tokens,
            ["gateway", "v1", "tokens", id] if is_number(id) => Self::Token(id.to_owned()),
            _ => return None,
        })
    }

    /// By what follows the controller's root.
    fn of_controller(settings: &Settings, segments: &[&str]) -> Option<Self> {
        let has_addresses = settings.dialect == Dialect::Addresses;
        let (has_sessions, has_tokens) = (settings.has_sessions(), settings.has_tokens());
        let rest = match *segments {
            [] => return Some(Self::Api),
            ["login"] if has_sessions => return Some(Self::Login),
            ["logout"] if has_sessions => return Some(Self::Logout),
            ["v2", ref rest @ ..] => rest,
            _ => return None,
        };
        Some(match *rest {
            [] => Self::Version2,
            ["ping"] => Self::Ping,
            ["config"] => Self::Config,
            ["me"] => Self::Me,
            ["settings", "system"] => Self::System,
            ["tokens"] if has_tokens => Self::Tokens,
            ["tokens", id] if has_tokens && is_number(id) => Self::Token(id.to_owned()),
            ["users"] => Self::Users,
            ["instances"] => Self::Instances,
            ["instances", key] => Self::Instance(key.to_owned()),
            ["instances", key, "receptor_addresses"] if has_addresses => Self::InstanceAddresses(key.to_owned()),
            ["instances", key, "peers"] => Self::InstancePeers(key.to_owned()),
            ["instances", key, "instance_groups"] => Self::InstanceGroups(key.to_owned()),
            ["instances", key, "jobs"] => Self::InstanceJobs(key.to_owned()),
            ["instance_groups"] => Self::Groups,
            ["instance_groups", key] => Self::Group(key.to_owned()),
            ["instance_groups", key, "instances"] => Self::GroupInstances(key.to_owned()),
            ["receptor_addresses"] if has_addresses => Self::Addresses,
            ["receptor_addresses", id] if has_addresses && is_number(id) => Self::Address(id.to_owned()),
            ["unified_jobs"] => Self::Jobs,
            ["activity_stream"] => Self::Activities,
            ["activity_stream", id] if is_number(id) => Self::Activity(id.to_owned()),
            ["mesh_visualizer"] => Self::Mesh,
            _ => return None,
        })
    }

    fn allow(&self) -> &'static str {
        match self {
            Self::Instances | Self::Groups | Self::GroupInstances(_) | Self::Tokens | Self::Users => "GET, POST, HEAD, OPTIONS",
            Self::Instance(_) => "GET, PUT, PATCH, HEAD, OPTIONS",
            Self::Token(_) => "GET, DELETE, HEAD, OPTIONS",
            _ => "GET, HEAD, OPTIONS",
        }
    }

    fn is_public(&self) -> bool {
        matches!(self, Self::GatewayRoot | Self::Gateway | Self::Api | Self::Version2 | Self::Ping)
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// To the same path with a slash. A client that follows this blindly makes a GET of its POST.
fn moved(call: &Call) -> Answer {
    let query = if call.query.is_empty() { String::new() } else { format!("?{}", call.query) };
    Answer::moved(format!("{}/{query}", call.path))
}

/// Answers one request.
pub(super) fn answer(tables: &mut Tables, settings: &Settings, call: &Call) -> Answer {
    let answer = answered(tables, settings, call);
    if settings.has_sessions() { sessions::renew(tables, call, answer) } else { answer }
}

fn answered(tables: &mut Tables, settings: &Settings, call: &Call) -> Answer {
    let dialect = tables.dialect;
    let Some(route) = call.segments().and_then(|segments| Route::parse(settings, &segments)) else { return Answer::no_such_path() };
    if !call.path.ends_with('/') {
        match (&route, dialect) {
            // AWX 24.6 finds an instance or a group without the last slash as well.
            (Route::Instance(_) | Route::Group(_), Dialect::Addresses) => {}
            // AWX 23.7 does not know it by its name then.
            (Route::Instance(key) | Route::Group(key), Dialect::Hostnames) if !is_number(key) => return Answer::no_such_path(),
            _ => return moved(call),
        }
    }
    // Pages for people, which say nothing of the product and take their own credentials.
    if let Route::Login | Route::Logout = route {
        let outcome = if route == Route::Login { sessions::login(tables, call) } else { sessions::logout(tables, call) };
        return outcome.unwrap_or_else(|refused| refused);
    }
    let mut identity = Identity::default();
    // A body that cannot be read is told before anybody is asked who they are, and a ping asks nobody.
    let readable = if call.reads() { Ok(()) } else { call.object().map(drop) };
    let outcome = readable.and_then(|()| {
        if route != Route::Ping {
            identity = auth::identify(tables, call)?;
        }
        tables.actor = identity.caller.map(|caller| caller.user);
        dispatch(tables, settings, &route, identity.caller, call)
    });
    tables.actor = None;
    let mut answer = match outcome {
        Ok(answer) | Err(answer) => answer,
    };
    answer.work.password = identity.password;
    if !answer.headers.iter().any(|(name, _)| *name == "allow") {
        answer = answer.with("allow", route.allow().to_owned());
    }
    if let Route::GatewayRoot | Route::Gateway = route {
        return answer;
    }
    if identity.caller.is_some() {
        answer = answer.with("x-api-product-version", dialect.version().to_owned());
    }
    answer.with("x-api-product-name", "AWX".to_owned())
}

/// The root gives who may want to log in a token against CSRF.
fn api(tables: &Tables, settings: &Settings, call: &Call) -> Outcome {
    let root = system::api(tables.paths);
    if settings.has_sessions() { sessions::offer(tables, call, root) } else { Ok(root) }
}

fn dispatch(tables: &mut Tables, settings: &Settings, route: &Route, caller: Option<Caller>, call: &Call) -> Outcome {
    let method = if call.method == "HEAD" { "GET" } else { call.method.as_str() };
    match (route, method) {
        (Route::GatewayRoot, "GET") => return Ok(system::gateway_root(tables.paths)),
        (Route::Gateway, "GET") => return Ok(system::gateway(tables.paths)),
        (Route::Api, "GET") => return api(tables, settings, call),
        (Route::Version2, "GET") => return Ok(system::version2(tables.paths, settings)),
        (Route::Ping, "GET") => return Ok(system::ping(tables)),
        _ => {}
    }
    let Some(caller) = caller else {
        let public = route.is_public();
        return Err(if public { Answer::method_not_allowed(&call.method, route.allow()) } else { Answer::unauthenticated() });
    };
    if !call.reads() && !caller.may_write {
        return Err(Answer::forbidden());
    }
    let on_host = settings.on_host;
    match (route, method) {
        (Route::Config, "GET") => Ok(system::config(tables.dialect)),
        (Route::Me, "GET") => accounts::me(tables, caller, call),
        (Route::System, "GET") => system::settings(settings, caller),
        (Route::Mesh, "GET") => system::mesh(tables, caller),
        (Route::Tokens, "GET") => accounts::tokens(tables, caller, call),
        (Route::Tokens, "POST") => accounts::create_token(tables, caller, call),
        (Route::Token(id), "GET") => accounts::show_token(tables, caller, id),
        (Route::Token(id), "DELETE") => accounts::delete_token(tables, caller, id),
        (Route::Users, "GET") => accounts::users(tables, caller, call),
        (Route::Users, "POST") => accounts::create_user(tables, caller, call),
        (Route::Instances, "GET") => instances::index(tables, caller, call),
        (Route::Instances, "POST") => instances::create(tables, on_host, caller, call),
        (Route::Instance(key), "GET") => instances::show(tables, caller, key, call),
        (Route::Instance(key), "PATCH" | "PUT") => instances::change(tables, on_host, caller, key, call),
        (Route::InstanceAddresses(key), "GET") => instances::addresses(tables, caller, key, call),
        (Route::InstancePeers(key), "GET") => instances::peers(tables, caller, key, call),
        (Route::InstanceGroups(key), "GET") => instances::groups(tables, caller, key, call),
        (Route::InstanceJobs(key), "GET") => instances::jobs(tables, caller, key, call),
        (Route::Groups, "GET") => groups::index(tables, caller, call),
        (Route::Groups, "POST") => groups::create(tables, caller, call),
        (Route::Group(key), "GET") => groups::show(tables, caller, key, call),
        (Route::GroupInstances(key), "GET") => groups::instances(tables, caller, key, call),
        (Route::GroupInstances(key), "POST") => groups::change_instances(tables, caller, key, call),
        (Route::Addresses, "GET") => addresses::index(tables, caller, call),
        (Route::Address(id), "GET") => addresses::show(tables, caller, id, call),
        (Route::Jobs, "GET") => jobs::index(tables, caller, call),
        (Route::Activities, "GET") => activity::index(tables, caller, call),
        (Route::Activity(id), "GET") => activity::show(tables, caller, id, call),
        (Route::Instances, "OPTIONS") => Ok(Answer::ok(options::instances(tables.dialect, caller, "Instances"))),
        (Route::Instance(_), "OPTIONS") => Ok(Answer::ok(options::instances(tables.dialect, caller, "Instance Detail"))),
        (Route::Addresses | Route::Address(_), "OPTIONS") => Ok(Answer::ok(options::addresses())),
        (_, "OPTIONS") => Ok(Answer::ok(serde_json::json!({ "renders": ["application/json"], "parses": ["application/json"] }))),
        _ => Err(Answer::method_not_allowed(&call.method, route.allow())),
    }
}
