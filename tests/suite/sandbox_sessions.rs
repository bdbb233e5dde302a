//! The sandbox's sessions over HTTP, with the cookies and headers that were measured on AWX 24.6.1 and 23.7.0.

use std::{collections::BTreeMap, net::Ipv4Addr};

use meshform::sandbox::{Dialect, Server, Settings};
use reqwest::{Client, Method, header, redirect::Policy};
use serde_json::{Value, json};

use super::harness::{DIALECTS, block_on, http};

const LIST: &str = "/api/v2/instances/";

/// A browser: it keeps cookies, and sends the one against CSRF as a header when it is told to.
struct Browser {
    client: Client,
    url: String,
    cookies: BTreeMap<String, String>,
}

struct Reply {
    status: u16,
    headers: header::HeaderMap,
    body: String,
}

impl Reply {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn set_cookies(&self) -> Vec<&str> {
        self.headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok()).collect()
    }

    fn detail(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["detail"].as_str().unwrap_or_default().to_owned()
    }
}

/// What a request has beside its method and path.
#[derive(Default)]
struct With<'a> {
    authorization: Option<&'a str>,
    csrf: Option<&'a str>,
    form: Option<&'a str>,
    json: Option<Value>,
}

impl Browser {
    fn new(server: &Server) -> Self {
        // For what it installs.
        let _ = http();
        let client = Client::builder().no_proxy().tls_certs_only([]).redirect(Policy::none()).build().expect("a client");
        Self { client, url: server.url(), cookies: BTreeMap::new() }
    }

    fn send(&mut self, method: &Method, path: &str, with: With<'_>) -> Reply {
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.url));
        if !self.cookies.is_empty() {
            let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        let With { authorization, csrf, form, json } = with;
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        if let Some(csrf) = csrf {
            request = request.header("X-CSRFToken", csrf);
        }
        if let Some(form) = form {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.to_owned());
        }
        if let Some(json) = json {
            request = request.json(&json);
        }
        let reply = block_on(async {
            let answer = request.send().await.expect("an answer");
            let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
            Reply { status, headers, body: answer.text().await.expect("a body") }
        });
        for cookie in reply.set_cookies() {
            let (name, rest) = cookie.split_once('=').expect("a name");
            let value = rest.split(';').next().unwrap_or_default();
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        reply
    }

    fn get(&mut self, path: &str) -> Reply {
        self.send(&Method::GET, path, With::default())
    }

    fn create(&mut self, hostname: &str, csrf: Option<&str>) -> Reply {
        self.send(&Method::POST, LIST, With { csrf, json: Some(json!({ "hostname": hostname })), ..With::default() })
    }

    fn csrf(&self) -> String {
        self.cookies.get("csrftoken").cloned().unwrap_or_default()
    }

    fn post_form(&mut self, form: &str) -> Reply {
        let csrf = self.csrf();
        self.send(&Method::POST, "/api/login/", With { csrf: Some(&csrf), form: Some(form), ..With::default() })
    }

    fn login(&mut self) -> Reply {
        self.get("/api/login/");
        let reply = self.post_form("username=admin&password=password&next=%2Fapi%2Fv2%2F");
        assert_eq!((reply.status, reply.header("location")), (302, "/api/v2/"));
        reply
    }
}

fn start(dialect: Dialect) -> Server {
    with(Settings { dialect, ..Settings::default() })
}

fn with(settings: Settings) -> Server {
    Server::start((Ipv4Addr::LOCALHOST, 0).into(), settings).expect("a free port")
}

#[test]
fn a_login_opens_a_session_that_every_answer_renews() {
    for dialect in DIALECTS {
        let server = start(dialect);
        let mut browser = Browser::new(&server);
        let reply = browser.get("/api/login/");
        let csrf = browser.csrf();
        assert_eq!((reply.status, csrf.len(), reply.header("content-type")), (200, 32, "text/html; charset=utf-8"));
        assert_eq!(reply.set_cookies(), [format!("csrftoken={csrf}; Path=/; SameSite=Lax")]);
        let reply = browser.login();
        assert_eq!((reply.header("x-api-session-cookie-name"), reply.header("session-timeout")), ("awx_sessionid", "1800"));
        let mut set = reply.set_cookies();
        set.sort_unstable();
        let [session, token, flag] = set.as_slice() else { panic!("{set:?}") };
        assert!(session.starts_with("awx_sessionid=") && session.contains("; HttpOnly; Max-Age=1800; Path=/; SameSite=Lax"), "{session}");
        assert!(token.starts_with("csrftoken=") && browser.csrf() != csrf, "another token");
        assert_eq!(*flag, "userLoggedIn=true; Path=/; SameSite=Lax");
        assert_eq!(server.sessions(), 1);

        for path in [LIST, "/api/v2/ping/", "/api/v2/nosuch/"] {
            let reply = browser.get(path);
            assert!(reply.set_cookies().iter().any(|cookie| cookie.starts_with("awx_sessionid=")), "{path}");
            assert_eq!(reply.header("session-timeout"), "1800", "{path}");
        }
        let me: Value = serde_json::from_str(&browser.get("/api/v2/me/").body).expect("JSON");
        assert_eq!(me["results"][0]["username"], "admin");
        let csrf = browser.csrf();
        assert_eq!(browser.create("a", Some(&csrf)).status, 201);
        let checked: Vec<String> =
            server.journal().iter().filter(|one| one.password).map(|one| format!("{} {}", one.method, one.path)).collect();
        assert_eq!(checked, ["POST /api/login/"], "a session needs no password");
    }
}

#[test]
fn what_a_login_answers() {
    for dialect in DIALECTS {
        let server = start(dialect);
        let mut browser = Browser::new(&server);
        let form = "username=admin&password=password&next=/api/v2/";
        let reply = browser.send(&Method::POST, "/api/login/", With { form: Some(form), ..With::default() });
        assert_eq!((reply.status, reply.header("content-type")), (403, "text/html; charset=utf-8"), "without cookie and header");
        browser.get("/api/login/");
        for csrf in [None, Some("abc")] {
            let reply = browser.send(&Method::POST, "/api/login/", With { form: Some(form), csrf, ..With::default() });
            assert_eq!((reply.status, server.sessions()), (403, 0), "{csrf:?}");
        }
        for form in ["username=admin&password=wrong", "username=nobody&password=password", "username=admin", ""] {
            let reply = browser.post_form(form);
            assert_eq!((reply.status, reply.header("content-type"), server.sessions()), (401, "text/html; charset=utf-8", 0), "{form}");
        }
        let csrf = browser.csrf();
        let json = json!({ "username": "admin", "password": "password" });
        let reply = browser.send(&Method::POST, "/api/login/", With { json: Some(json), csrf: Some(&csrf), ..With::default() });
        assert_eq!((reply.status, server.sessions()), (401, 0), "it takes forms alone");
        let hidden = format!("{form}&csrfmiddlewaretoken={csrf}");
        let reply = browser.send(&Method::POST, "/api/login/", With { form: Some(&hidden), ..With::default() });
        assert_eq!((reply.status, server.sessions()), (302, 1), "the token may be in the form");
        let key = browser.cookies.get("awx_sessionid").cloned();
        for (next, wanted) in
            [("", "/accounts/profile/"), ("&next=http://x.example.com/", "/accounts/profile/"), ("&next=//x", "/accounts/profile/")]
        {
            let reply = browser.post_form(&format!("username=admin&password=password{next}"));
            assert_eq!((reply.status, reply.header("location"), server.sessions()), (302, wanted, 1), "{next}");
        }
        assert_eq!(browser.cookies.get("awx_sessionid").cloned(), key, "who logs in again keeps the session");
        let reply = browser.post_form("username=admin&password=wrong");
        assert_eq!((reply.status, reply.header("x-api-session-cookie-name")), (200, "awx_sessionid"), "and who fails to");
        let reply = browser.send(&Method::DELETE, "/api/login/", With { csrf: Some(&browser.csrf()), ..With::default() });
        assert_eq!((reply.status, reply.header("allow")), (405, "GET, POST, PUT, HEAD, OPTIONS"));
        for path in ["/api/login", "/api/logout"] {
            let reply = browser.get(path);
            assert_eq!((reply.status, reply.header("location")), (301, format!("{path}/").as_str()));
        }
    }
}

#[test]
fn who_writes_by_a_session_shows_the_token() {
    for dialect in DIALECTS {
        let server = start(dialect);
        let mut browser = Browser::new(&server);
        browser.login();
        let own = browser.csrf();
        let other = "x".repeat(32);
        for (csrf, wanted) in [
            (None, "CSRF Failed: CSRF token missing."),
            (Some("abc"), "CSRF Failed: CSRF token from the 'X-Csrftoken' HTTP header has incorrect length."),
            (Some(other.as_str()), "CSRF Failed: CSRF token from the 'X-Csrftoken' HTTP header incorrect."),
        ] {
            let reply = browser.create("a", csrf);
            assert_eq!((reply.status, reply.detail().as_str()), (403, wanted));
            assert_eq!((reply.header("x-api-product-version"), reply.header("session-timeout")), ("", "1800"));
        }
        browser.cookies.remove("csrftoken");
        let reply = browser.create("a", Some(&own));
        assert_eq!((reply.status, reply.detail().as_str()), (403, "CSRF Failed: CSRF cookie not set."));
        browser.cookies.insert("csrftoken".to_owned(), other.clone());
        assert_eq!(browser.create("a", Some(&other)).status, 201, "any token, if cookie and header have the same");
        let reply = browser.send(&Method::POST, LIST, With { form: Some("x"), ..With::default() });
        assert_eq!(reply.status, 415, "a body that cannot be read comes first");
        let reply = browser.send(&Method::DELETE, "/api/v2/instances/1/", With::default());
        assert_eq!(reply.status, 403, "and a method that is not taken later");
    }
}

#[test]
fn a_token_comes_before_a_session_and_a_session_before_a_password() {
    for dialect in DIALECTS {
        let server = start(dialect);
        let mut browser = Browser::new(&server);
        let basic = Some("Basic YWRtaW46cGFzc3dvcmQ=");
        let made = browser.send(&Method::POST, "/api/v2/tokens/", With { authorization: basic, json: Some(json!({})), ..With::default() });
        let made: Value = serde_json::from_str(&made.body).expect("JSON");
        let bearer = format!("Bearer {}", made["token"].as_str().expect("a token"));
        browser.login();
        let mut status = |method: &Method, authorization| {
            browser.send(method, LIST, With { authorization, json: Some(json!({})), ..With::default() }).status
        };
        assert_eq!(status(&Method::POST, Some(&bearer)), 400, "a token needs no header, only a body");
        assert_eq!(status(&Method::POST, basic), 403, "the session is asked first");
        for wrong in ["Basic YWRtaW46d3Jvbmc=", "Bearer nonsense"] {
            assert_eq!(status(&Method::GET, Some(wrong)), 200, "{wrong}");
        }
        assert_eq!(server.journal().iter().filter(|one| one.password).count(), 2, "the token's making and the login");
    }
}

#[test]
fn a_session_ends_by_logout_or_from_outside() {
    for dialect in DIALECTS {
        let server = start(dialect);
        let mut browser = Browser::new(&server);
        browser.login();
        let mut thief = Browser { client: browser.client.clone(), url: browser.url.clone(), cookies: browser.cookies.clone() };
        assert_eq!(browser.send(&Method::POST, "/api/logout/", With::default()).status, 403, "without the token");
        assert_eq!((thief.get(LIST).status, server.sessions()), (200, 1));
        let reply = browser.get("/api/logout/");
        assert_eq!((reply.status, reply.header("location")), (302, "/api/"));
        let over = "awx_sessionid=\"\"; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; SameSite=Lax";
        assert_eq!(reply.set_cookies(), ["userLoggedIn=false; Path=/", over]);
        let reply = thief.get(LIST);
        assert_eq!((reply.status, reply.set_cookies(), server.sessions()), (401, vec![over], 0), "its cookie is worth nothing now");
        assert_eq!(thief.create("a", None).status, 401);
        assert_eq!(thief.get("/api/logout/").status, 302, "also for one who has none");

        browser.login();
        let csrf = browser.csrf();
        assert_eq!(browser.send(&Method::POST, "/api/logout/", With { csrf: Some(&csrf), ..With::default() }).status, 302);
        assert_eq!(browser.get(LIST).status, 401);

        browser.login();
        assert_eq!(browser.get(LIST).status, 200);
        server.end_sessions();
        assert_eq!((browser.get(LIST).status, server.sessions()), (401, 0));
    }
}

#[test]
fn passwords_and_tokens_change_from_outside() {
    let server = start(Dialect::Addresses);
    let mut browser = Browser::new(&server);
    let (old, new) = ("Basic YWRtaW46cGFzc3dvcmQ=", "Basic YWRtaW46bmV3");
    let mut made = |description: &str| {
        let json = Some(json!({ "description": description }));
        let made = browser.send(&Method::POST, "/api/v2/tokens/", With { authorization: Some(old), json, ..With::default() });
        let made: Value = serde_json::from_str(&made.body).expect("JSON");
        format!("Bearer {}", made["token"].as_str().expect("a token"))
    };
    let tokens = [made("first"), made("second")];
    assert_eq!(server.tokens(), ["first", "second"]);
    browser.login();
    server.set_password("admin", "new").expect("a user");
    assert_eq!(browser.get(LIST).status, 401, "the old password's sessions are over");
    let mut status =
        |authorization: &str| browser.send(&Method::GET, LIST, With { authorization: Some(authorization), ..With::default() }).status;
    assert_eq!([status(old), status(new), status(&tokens[0])], [401, 200, 200]);
    server.revoke_tokens();
    assert_eq!([status(&tokens[0]), status(&tokens[1]), status(new)], [401, 401, 200]);
    assert_eq!(server.tokens(), Vec::<String>::new());
    let message = server.set_password("nobody", "x").expect_err("not there").to_string();
    assert_eq!(message, "the sandbox has no user `nobody`");
}

#[test]
fn a_controller_may_lack_sessions_or_tokens() {
    let basic = || With { authorization: Some("Basic YWRtaW46cGFzc3dvcmQ="), ..With::default() };
    let server = with(Settings { without_sessions: true, ..Settings::default() });
    let mut browser = Browser::new(&server);
    for path in ["/api/login/", "/api/logout/", "/api/login"] {
        assert_eq!(browser.get(path).status, 404, "{path}");
    }
    assert_eq!(browser.get("/api/").set_cookies(), Vec::<&str>::new());
    assert_eq!(browser.send(&Method::GET, "/api/v2/tokens/", basic()).status, 200);

    let server = with(Settings { without_tokens: true, ..Settings::default() });
    let mut browser = Browser::new(&server);
    for path in ["/api/v2/tokens/", "/api/v2/tokens/1/"] {
        assert_eq!(browser.send(&Method::GET, path, basic()).status, 404, "{path}");
    }
    assert_eq!(browser.send(&Method::POST, "/api/v2/tokens/", With { json: Some(json!({})), ..basic() }).status, 404);
    let root: Value = serde_json::from_str(&browser.get("/api/v2/").body).expect("JSON");
    assert!(root.get("tokens").is_none() && root.get("instances").is_some(), "{root}");
    assert_eq!(browser.get("/api/").set_cookies().len(), 1, "the root gives the token against CSRF, too");
    browser.login();
    assert_eq!(browser.get(LIST).status, 200);
}
