//! Sessions: login and logout, their cookies, and the token that keeps other sites from writing with them (CSRF). They live as
//! long as the server, are never kept, and end by being asked to alone.

use jiff::Timestamp;

use super::{
    answer::{Answer, Outcome},
    auth,
    call::Call,
    tables::Tables,
};

const SESSION: &str = "awx_sessionid";
const CSRF: &str = "csrftoken";
/// How long a session lasts on a real server after each request, which is told and not followed. In seconds.
const LIFETIME: i64 = 1800;
/// Where a login leads that does not say where to.
const PROFILE: &str = "/accounts/profile/";
const LOGIN_ALLOWS: &str = "GET, POST, PUT, HEAD, OPTIONS";

const FORM: &str = "<!DOCTYPE html>\n<html>\n<head><title> &middot; AWX REST API</title></head>\n<body><form method=\"POST\">\
    <input name=\"username\"><input name=\"password\" type=\"password\"></form></body>\n</html>\n";
const FORBIDDEN: &str = "\n<!DOCTYPE html>\n<html lang=\"en\">\n<head><title>403 Forbidden</title></head>\n<body><h1>Forbidden</h1>\
    <p>CSRF verification failed. Request aborted.</p></body>\n</html>\n";

/// Whose session a request belongs to.
pub(super) fn user(tables: &Tables, call: &Call) -> Option<i64> {
    tables.sessions.get(call.cookie(SESSION)?).copied()
}

/// The page to log in at, and the login itself. A wrong password is no mistake where there is a session already.
pub(super) fn login(tables: &mut Tables, call: &Call) -> Outcome {
    let token = csrf_cookie(call);
    let page = |tables: &Tables, status| offer(tables, call, Answer::html(status, FORM));
    match call.method.as_str() {
        "GET" | "HEAD" => return page(tables, 200),
        "OPTIONS" => return Ok(Answer::empty(200).with("allow", LOGIN_ALLOWS.to_owned())),
        _ => {}
    }
    let form = call.form();
    let field = |name: &str| form.iter().rev().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let sent = Some(field("csrfmiddlewaretoken")).filter(|token| !token.is_empty()).or(call.csrf.as_deref());
    if token.is_none() || token != sent {
        return Err(Answer::html(403, FORBIDDEN));
    }
    if !matches!(call.method.as_str(), "POST" | "PUT") {
        return Err(Answer::empty(405).with("allow", LOGIN_ALLOWS.to_owned()));
    }
    let (name, password) = (field("username"), field("password"));
    let before = user(tables, call);
    let filled = !name.is_empty() && !password.is_empty();
    let found = if filled { auth::verify(tables, name, password) } else { None };
    let mut answer = match (found, before) {
        (Some(user), _) => open(tables, call, user, field("next"))?,
        (None, Some(_)) => page(tables, 200)?,
        (None, None) => page(tables, 401)?,
    };
    if found.or(before).is_some() {
        answer = answer
            .with("x-api-session-cookie-name", SESSION.to_owned())
            .with("set-cookie", "userLoggedIn=true; Path=/; SameSite=Lax".to_owned());
    }
    answer.work.password = filled;
    Ok(answer)
}

/// A user who logs in again keeps the session; the token against CSRF changes all the same.
fn open(tables: &mut Tables, call: &Call, user: i64, next: &str) -> Outcome {
    let crash = || Answer::crash(tables.dialect);
    let token = auth::new_key().ok_or_else(crash)?;
    let fresh = auth::new_key().ok_or_else(crash)?;
    let key = match call.cookie(SESSION) {
        Some(key) if tables.sessions.get(key) == Some(&user) => key.to_owned(),
        Some(key) => {
            tables.sessions.remove(key);
            fresh
        }
        None => fresh,
    };
    // To another site nobody is led.
    let here = next.starts_with('/') && !next.starts_with("//") && !next.contains('\\');
    let answer = Answer::found(if here { next } else { PROFILE }.to_owned())
        .with("set-cookie", csrf(&token))
        .with("set-cookie", alive(tables, &key))
        .with("session-timeout", LIFETIME.to_string());
    tables.sessions.insert(key, user);
    Ok(answer)
}

/// Ends a session, also for one who only follows a link.
pub(super) fn logout(tables: &mut Tables, call: &Call) -> Outcome {
    if !call.reads() && (csrf_cookie(call).is_none() || csrf_cookie(call) != call.csrf.as_deref()) {
        return Err(Answer::html(403, FORBIDDEN));
    }
    if let Some(key) = call.cookie(SESSION) {
        tables.sessions.remove(key);
    }
    Ok(Answer::found(tables.paths.api.to_owned()).with("set-cookie", "userLoggedIn=false; Path=/".to_owned()))
}

/// Whether a write comes from somebody who can read the cookies, and not only have them sent.
pub(super) fn check_csrf(call: &Call) -> Result<(), Answer> {
    let refused = |text: &str| Err(Answer::detail(403, &format!("CSRF Failed: {text}.")));
    let Some(token) = csrf_cookie(call) else { return refused("CSRF cookie not set") };
    match call.csrf.as_deref() {
        None | Some("") => refused("CSRF token missing"),
        Some(sent) if sent == token => Ok(()),
        Some(sent) if ![32, 64].contains(&sent.len()) => refused("CSRF token from the 'X-Csrftoken' HTTP header has incorrect length"),
        Some(_) => refused("CSRF token from the 'X-Csrftoken' HTTP header incorrect"),
    }
}

/// A token against CSRF goes out with an answer: the one that the client has, or a new one.
pub(super) fn offer(tables: &Tables, call: &Call, answer: Answer) -> Outcome {
    let token = match csrf_cookie(call) {
        Some(token) => token.to_owned(),
        None => auth::new_key().ok_or_else(|| Answer::crash(tables.dialect))?,
    };
    Ok(answer.with("set-cookie", csrf(&token)))
}

/// What every answer does to the session of its request: it lasts longer, or its cookie is taken back.
pub(super) fn renew(tables: &Tables, call: &Call, answer: Answer) -> Answer {
    let Some(key) = call.cookie(SESSION) else { return answer };
    let told = |(name, value): &(&str, String)| *name == "set-cookie" && value.starts_with(SESSION);
    if answer.headers.iter().any(told) {
        return answer;
    }
    if tables.sessions.contains_key(key) {
        answer.with("set-cookie", alive(tables, key)).with("session-timeout", LIFETIME.to_string())
    } else {
        let over = format!("{SESSION}=\"\"; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; SameSite=Lax");
        answer.with("set-cookie", over)
    }
}

fn csrf_cookie(call: &Call) -> Option<&str> {
    call.cookie(CSRF).filter(|token| !token.is_empty())
}

fn csrf(token: &str) -> String {
    format!("{CSRF}={token}; Path=/; SameSite=Lax")
}

fn alive(tables: &Tables, key: &str) -> String {
    let end = tables.now().saturating_add(LIFETIME * 1_000_000);
    let end = Timestamp::from_microsecond(end).map_or_else(|_| String::new(), |end| end.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
    format!("{SESSION}={key}; expires={end}; HttpOnly; Max-Age={LIFETIME}; Path=/; SameSite=Lax")
}
