//! Which hostnames the server takes for an instance.

use std::net::{Ipv4Addr, Ipv6Addr};

/// What the server has against a hostname; nothing if it takes it. The length is checked in characters.
pub(super) fn complaints(name: &str) -> Vec<String> {
    let mut out = Vec::new();
    if is_loopback(name) {
        out.push("hostname cannot be localhost or 127.0.0.1".to_owned());
    }
    if name.contains(' ') {
        out.push("whitespaces in hostnames are illegal".to_owned());
    } else if !is_address(name) && !is_simple(name) && !is_qualified(name) {
        out.push(format!("illegal characters detected in hostname={name}. Please verify."));
    }
    if name.chars().count() > 250 {
        out.push("Ensure this field has no more than 250 characters.".to_owned());
    }
    out
}

/// `localhost`, 127 with one to three more numbers, and whatever is a one after zeros and colons.
fn is_loopback(name: &str) -> bool {
    if name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(rest) = name.strip_prefix("127.") {
        let parts: Vec<&str> = rest.split('.').collect();
        return parts.len() <= 3 && parts.into_iter().all(number);
    }
    name.strip_suffix('1').is_some_and(|zeros| zeros.bytes().all(|byte| byte == b'0' || byte == b':'))
}

fn is_address(name: &str) -> bool {
    if name.parse::<Ipv4Addr>().is_ok() {
        return true;
    }
    // A zone is part of an address for the server.
    let (address, zone) = name.split_once('%').map_or((name, "zone"), |(address, zone)| (address, zone));
    address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty() && !zone.contains('%')
}

fn is_label(label: &str) -> bool {
    let mut bytes = label.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphanumeric()) && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// One label, however long.
fn is_simple(name: &str) -> bool {
    is_label(name)
}

/// Labels of up to 63 characters, the last of at least two.
fn is_qualified(name: &str) -> bool {
    name.split('.').all(|label| is_label(label) && label.len() <= 63) && name.rsplit('.').next().is_some_and(|top| top.len() >= 2)
}

#[cfg(test)]
mod tests {
    use super::complaints;

    #[test]
    fn hostnames_are_taken_and_refused_as_measured() {
        let long = "x".repeat(63);
        let taken = [
            "min.example.com",
            "MIN.example.com",
            "x",
            "5",
            "12345678",
            "1271",
            "1e3",
            "a-",
            "dash-.example.com",
            "a--b.cd",
            "a.bc",
            "10.0.0.1",
            "999.1.1.11",
            "2001:db8::1",
            "::",
            "1::",
            "::ffff:1.2.3.4",
            "fe80::1%eth0",
            "localhost.example.com",
            "x.localhost",
            "127.0.0.1.example.com",
            &format!("{long}.co"),
            &format!("aa.{long}"),
            &"a".repeat(250),
        ];
        for name in taken {
            assert_eq!(complaints(name), Vec::<String>::new(), "{name} is taken");
        }
        let refused = [
            "",
            "localhost",
            "LOCALHOST",
            "127.0.0.1",
            "127.1",
            "127.0.0",
            "127.0.0.1.1",
            "::1",
            "0::1",
            "::0001",
            "1",
            "01",
            "0000:0000:0000:0000:0000:0000:0000:0001",
            "has space.example.com",
            "tab\tx.example.com",
            "under_score.example.com",
            "-dash.example.com",
            "-",
            "a..b.com",
            ".lead.com",
            "trail.com.",
            "ünï.example.com",
            "999.1.1.1",
            "010.1.1.1",
            "1.2",
            "1.2.3",
            "5.5",
            "a.b",
            "host;rm",
            "a/b.com",
            "*.example.com",
            &format!("{long}x.co"),
            &format!("aa.{long}x"),
            &"a".repeat(251),
        ];
        for name in refused {
            assert!(!complaints(name).is_empty(), "{name} is refused");
        }
    }
}
