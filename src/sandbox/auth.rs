//! Who is asking, and what such a person may do.

use std::{fmt::Write, num::NonZeroU32};

use ring::{
    digest, pbkdf2,
    rand::{SecureRandom, SystemRandom},
};

use super::{
    answer::Answer,
    call::Call,
    sessions,
    tables::{Tables, User},
};

/// The user behind a request, and how much the way of asking allows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    pub(super) user: i64,
    pub(super) is_superuser: bool,
    pub(super) is_system_auditor: bool,
    /// False for a token of scope `read`.
    pub(super) may_write: bool,
}

impl Caller {
    fn new(tables: &Tables, user: i64, may_write: bool) -> Option<Self> {
        let User { id, is_superuser, is_system_auditor, .. } = tables.users.get(&user)?;
        Some(Self { user: *id, is_superuser: *is_superuser, is_system_auditor: *is_system_auditor, may_write })
    }

    /// Superusers and auditors see the mesh; for everybody else it looks empty.
    pub(super) fn sees_all(self) -> bool {
        self.is_superuser || self.is_system_auditor
    }

    pub(super) fn must_see_all(self) -> Result<(), Answer> {
        if self.sees_all() { Ok(()) } else { Err(Answer::forbidden()) }
    }

    pub(super) fn must_be_superuser(self) -> Result<(), Answer> {
        if self.is_superuser { Ok(()) } else { Err(Answer::forbidden()) }
    }
}

/// What came of looking for credentials. Nothing and nonsense are alike.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Identity {
    pub(super) caller: Option<Caller>,
    /// Whether a password was looked at, right or wrong.
    pub(super) password: bool,
}

/// Looks for a token that is right, then for a session, then for a name and a password. Who writes by a session has to show
/// that no other site does.
pub(super) fn identify(tables: &mut Tables, call: &Call) -> Result<Identity, Answer> {
    let header = call.authorization.as_deref().and_then(|header| header.split_once(' '));
    let given = |wanted: &str| header.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(wanted)).map(|(_, credentials)| credentials.trim());
    if let Some(caller) = given("bearer").and_then(|token| bearer(tables, token)) {
        return Ok(Identity { caller: Some(caller), password: false });
    }
    if let Some(caller) = sessions::user(tables, call).and_then(|user| Caller::new(tables, user, true)) {
        if !call.reads() {
            sessions::check_csrf(call)?;
        }
        return Ok(Identity { caller: Some(caller), password: false });
    }
    let pair = given("basic").and_then(base64).and_then(|plain| String::from_utf8(plain).ok());
    let Some((name, password)) = pair.as_deref().and_then(|pair| pair.split_once(':')) else { return Ok(Identity::default()) };
    let user = verify(tables, name, password);
    Ok(Identity { caller: user.and_then(|user| Caller::new(tables, user, true)), password: true })
}

fn bearer(tables: &Tables, token: &str) -> Option<Caller> {
    let wanted = fingerprint(token);
    let token = tables.tokens.values().find(|token| token.digest == wanted)?;
    Caller::new(tables, token.user, token.scope.split_whitespace().any(|scope| scope == "write"))
}

/// Whose name and password this is. What was right once is remembered, so that the stretching is paid once and not on every
/// request.
pub(super) fn verify(tables: &mut Tables, name: &str, password: &str) -> Option<i64> {
    let known = fingerprint(&format!("{name}:{password}"));
    if let Some(user) = tables.verified.get(&known) {
        return Some(*user);
    }
    let user = tables.users.values().find(|user| user.username == name).filter(|user| matches(&user.password, password))?.id;
    tables.verified.insert(known, user);
    Some(user)
}

/// The digest under which a token is kept.
pub(super) fn fingerprint(token: &str) -> String {
    hex(digest::digest(&digest::SHA256, token.as_bytes()).as_ref())
}

/// Few rounds: this guards throwaway passwords in a file, and every test that starts a server waits for it.
const ROUNDS: NonZeroU32 = NonZeroU32::new(100).expect("a hundred is not zero");

/// What is kept of a password: a salt and the salted digest.
pub(super) fn hash(password: &str) -> Option<String> {
    let salt = random::<16>()?;
    let salt = hex(&salt);
    Some(format!("{salt}${}", stretched(&salt, password)))
}

fn matches(kept: &str, password: &str) -> bool {
    kept.split_once('$').is_some_and(|(salt, digest)| stretched(salt, password) == digest)
}

fn stretched(salt: &str, password: &str) -> String {
    let mut out = [0; 32];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, salt.as_bytes(), password.as_bytes(), &mut out);
    hex(&out)
}

/// A new token: thirty letters and digits.
pub(super) fn new_token() -> Option<String> {
    letters::<30>()
}

/// A new key of a session, or against CSRF: thirty-two letters and digits.
pub(super) fn new_key() -> Option<String> {
    letters::<32>()
}

fn letters<const N: usize>() -> Option<String> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let bytes = random::<N>()?;
    Some(bytes.iter().filter_map(|byte| LETTERS.get(usize::from(*byte) % LETTERS.len())).map(|letter| char::from(*letter)).collect())
}

/// A random identifier in the usual form (version 4).
pub(super) fn new_uuid() -> Option<String> {
    let bytes = random::<16>()?;
    let mut out = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        let byte = match at {
            6 => byte & 0x0f | 0x40,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        write!(out, "{byte:02x}").ok()?;
    }
    Some(out)
}

fn random<const N: usize>() -> Option<[u8; N]> {
    let mut out = [0; N];
    SystemRandom::new().fill(&mut out).ok()?;
    Some(out)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Base 64 with or without its padding, as much of it as basic authentication needs.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::{base64, hash, matches, new_token, new_uuid};

    #[test]
    fn base64_is_read() {
        for (encoded, plain) in [("YWRtaW46cGFzc3dvcmQ=", "admin:password"), ("YTpi", "a:b"), ("YTo", "a:"), ("", "")] {
            assert_eq!(base64(encoded).as_deref(), Some(plain.as_bytes()), "{encoded}");
        }
        assert_eq!(base64("a b"), None);
    }

    #[test]
    fn passwords_tokens_and_identifiers_are_made() {
        let kept = hash("secret").expect("random numbers");
        assert!(matches(&kept, "secret") && !matches(&kept, "Secret") && !kept.contains("secret"));
        assert_eq!(new_token().expect("random numbers").len(), 30);
        let uuid = new_uuid().expect("random numbers");
        assert_eq!((uuid.len(), uuid.matches('-').count(), uuid.chars().nth(14)), (36, 4, Some('4')));
    }
}
