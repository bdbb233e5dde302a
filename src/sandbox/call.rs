//! A request as handlers see it: no connection, no bytes, only a method, a decoded path, parameters and a body.

use serde_json::{Map, Value};

use super::answer::Answer;

#[derive(Debug, Default)]
pub(super) struct Call {
    pub(super) method: String,
    /// As it was sent, still encoded and without the query.
    pub(super) path: String,
    /// As it was sent, without the question mark.
    pub(super) query: String,
    pub(super) authorization: Option<String>,
    /// All cookies, as they were sent.
    pub(super) cookies: Option<String>,
    /// The header `X-CSRFToken`.
    pub(super) csrf: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Call {
    pub(super) fn path_and_query(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }

    /// Whether it changes nothing.
    pub(super) fn reads(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    }

    /// The parameters in the order they were sent, decoded.
    pub(super) fn parameters(&self) -> Vec<(String, String)> {
        pairs(&self.query)
    }

    /// The fields of a form, decoded; none of another body.
    pub(super) fn form(&self) -> Vec<(String, String)> {
        if !self.is_of("application/x-www-form-urlencoded") {
            return Vec::new();
        }
        pairs(&String::from_utf8_lossy(&self.body))
    }

    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        let mut cookies = self.cookies.as_deref()?.split(';').filter_map(|cookie| cookie.trim().split_once('='));
        cookies.find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    fn is_of(&self, kind: &str) -> bool {
        let essence = self.content_type.as_deref().unwrap_or_default().split(';').next().unwrap_or_default();
        essence.trim().eq_ignore_ascii_case(kind)
    }

    /// The parts of the path between its slashes, decoded; nothing for a path with an empty part, which no server has.
    pub(super) fn segments(&self) -> Option<Vec<String>> {
        let inner = self.path.strip_prefix('/')?;
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        inner.split('/').map(|part| (!part.is_empty()).then(|| decode(part, false))).collect()
    }

    /// The body of a write. The server reads it before it looks at who is asking.
    pub(super) fn object(&self) -> Result<Map<String, Value>, Answer> {
        if self.body.is_empty() {
            return Ok(Map::new());
        }
        if !self.is_of("application/json") {
            return Err(Answer::detail(415, "The content type of a request has to be application/json."));
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(object)) => Ok(object),
            Ok(Value::Null) => Err(Answer::json(400, serde_json::json!({ "__all__": ["This field may not be null."] }))),
            Ok(_) => Err(Answer::bad_request("JSON parse error - not a JSON object")),
            Err(error) => Err(Answer::bad_request(&format!("JSON parse error - {error}"))),
        }
    }
}

/// Names and values, decoded, in their order.
fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            (decode(key, true), decode(value, true))
        })
        .collect()
}

/// Undoes percent encoding; in a query a plus sign is a space. What is not UTF-8 becomes the replacement character.
fn decode(text: &str, plus_is_space: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' if plus_is_space => bytes.push(b' '),
            b'%' => {
                let mut ahead = rest.clone();
                let digits = (ahead.next().and_then(hex), ahead.next().and_then(hex));
                if let (Some(high), Some(low)) = digits {
                    bytes.push(high * 16 + low);
                    rest = ahead;
                } else {
                    bytes.push(b'%');
                }
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Percent encoding as the server writes it into `next`, `previous` (`plus` for a space) and named URLs.
pub(super) fn encode(text: &str, plus: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' if plus => out.push('+'),
            other => {
                out.push('%');
                for digit in [other >> 4, other & 15] {
                    out.extend(char::from_digit(u32::from(digit), 16).map(|digit| digit.to_ascii_uppercase()));
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn percent_encoding_goes_both_ways() {
        for (plain, encoded) in
            [("a b", "a+b"), ("2001:db8::1", "2001%3Adb8%3A%3A1"), ("ü/&=", "%C3%BC%2F%26%3D"), ("a-b_c.d~e", "a-b_c.d~e")]
        {
            assert_eq!(encode(plain, true), encoded);
            assert_eq!(decode(encoded, true), plain);
        }
        assert_eq!(decode("a+b%", false), "a+b%", "a plus sign is itself in a path, a lone percent sign too");
        assert_eq!(decode("%zz%4", true), "%zz%4");
    }
}
