//! Reading the values of a body as leniently, and as strictly, as the server does: one function for each kind of field. What
//! goes wrong is a message, never a panic.

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::{answer::Answer, settings::Dialect};

/// The messages of single fields, in the order in which the fields were looked at.
#[derive(Default)]
pub(super) struct Complaints(Map<String, Value>);

impl Complaints {
    pub(super) fn add(&mut self, field: &str, messages: &[String]) {
        if !messages.is_empty() {
            self.0.insert(field.to_owned(), json!(messages));
        }
    }

    /// Keeps the message of a failed reading and goes on with the next field.
    pub(super) fn keep<T>(&mut self, field: &str, result: Result<T, String>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(message) => {
                self.add(field, &[message]);
                None
            }
        }
    }

    pub(super) fn into_result(self) -> Result<(), Answer> {
        if self.0.is_empty() { Ok(()) } else { Err(Answer::json(400, Value::Object(self.0))) }
    }
}

/// A rule between fields that is broken: one message that belongs to none of them.
pub(super) fn overall(message: &str) -> Answer {
    Answer::json(400, json!({ "__all__": [message] }))
}

const NOT_NULL: &str = "This field may not be null.";
const NOT_A_BOOLEAN: &str = "Must be a valid boolean.";
const NOT_A_NUMBER: &str = "A valid number is required.";
const NOT_AN_INTEGER: &str = "A valid integer is required.";

/// A text as the server's language would print the value, for messages and for places where anything is made a text.
pub(super) fn printed(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Text: numbers are taken as their digits, null as nothing.
pub(super) fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) if text.trim().is_empty() => Err("This field may not be blank.".to_owned()),
        Value::String(text) => Ok(text.trim().to_owned()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null => Ok(String::new()),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err("Not a valid string.".to_owned()),
    }
}

/// One of a list of words.
pub(super) fn choice<T>(value: &Value, parse: impl Fn(&str) -> Option<T>) -> Result<T, String> {
    let text = if value.is_null() { String::new() } else { printed(value) };
    parse(&text).ok_or_else(|| format!("\"{text}\" is not a valid choice."))
}

/// A boolean in one of its many spellings. `nullable` fields take null, its spelling and nothing for false.
pub(super) fn boolean(value: &Value, dialect: Dialect, nullable: bool) -> Result<bool, String> {
    let spelled = match value {
        Value::Bool(value) => return Ok(*value),
        Value::Null if nullable => return Ok(false),
        Value::Null => return Err(NOT_NULL.to_owned()),
        Value::Number(number) => match number.as_f64() {
            Some(1.0) => return Ok(true),
            Some(0.0) => return Ok(false),
            _ => return Err(NOT_A_BOOLEAN.to_owned()),
        },
        Value::String(text) => text,
        Value::Array(_) | Value::Object(_) => return Err(NOT_A_BOOLEAN.to_owned()),
    };
    let lower = spelled.to_lowercase();
    // AWX 23.7: a word is written small, large or with a capital; AWX 24.6: in any way.
    let capital = lower.chars().take(1).flat_map(char::to_uppercase).chain(lower.chars().skip(1)).collect::<String>();
    if dialect == Dialect::Hostnames && ![&lower, &lower.to_uppercase(), &capital].contains(&spelled) {
        return Err(NOT_A_BOOLEAN.to_owned());
    }
    match lower.as_str() {
        "t" | "y" | "yes" | "true" | "on" | "1" => Ok(true),
        "f" | "n" | "no" | "false" | "off" | "0" => Ok(false),
        "null" | "" if nullable => Ok(false),
        _ => Err(NOT_A_BOOLEAN.to_owned()),
    }
}

/// An integer, or null. Digits in a text are taken too, and zeros behind a point.
pub(super) fn integer(value: &Value) -> Result<Option<i64>, String> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => return Err(NOT_AN_INTEGER.to_owned()),
    };
    let text = text.trim();
    let whole = match text.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|byte| byte == b'0') => whole,
        Some(_) => return Err(NOT_AN_INTEGER.to_owned()),
        None => text,
    };
    let (negative, digits) = match whole.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, whole.strip_prefix('+').unwrap_or(whole)),
    };
    let plain = digits_of(digits).ok_or(NOT_AN_INTEGER)?;
    // Too large for us is too large for any column: the largest number stands for all of them.
    let size = plain.parse::<i64>().unwrap_or(i64::MAX);
    Ok(Some(if negative { -size } else { size }))
}

/// Digits with single underscores between them, without those.
fn digits_of(text: &str) -> Option<String> {
    let grouped = text.split('_').all(|group| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit()));
    grouped.then(|| text.replace('_', ""))
}

/// A decimal of at most three digits, two of them behind the point, in hundredths. Its precision is what was written, so
/// that `1.000` is refused.
pub(super) fn capacity(value: &Value) -> Result<i64, String> {
    let text = match value {
        Value::Null => return Err(NOT_NULL.to_owned()),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().replace('_', ""),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => return Err(NOT_A_NUMBER.to_owned()),
    };
    let Written { negative, digits, exponent } = Written::parse(&text).ok_or(NOT_A_NUMBER)?;
    let count = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    let places = exponent.saturating_neg().max(0);
    let total = if exponent >= 0 { count.saturating_add(exponent) } else { count.max(places) };
    if total > 3 {
        return Err("Ensure that there are no more than 3 digits in total.".to_owned());
    }
    if places > 2 {
        return Err("Ensure that there are no more than 2 decimal places.".to_owned());
    }
    if total - places > 1 {
        return Err("Ensure that there are no more than 1 digits before the decimal point.".to_owned());
    }
    // At most three digits and an exponent from -2 to 2 are left.
    let plain = digits.parse::<i64>().unwrap_or(0);
    let scale = match exponent {
        1.. => 1000,
        0 => 100,
        -1 => 10,
        _ => 1,
    };
    let value = plain * scale;
    if negative && value > 0 {
        return Err("Ensure this value is greater than or equal to 0.".to_owned());
    }
    Ok(value)
}

/// A decimal as it was written: its sign, its digits without zeros in front, and where the point is.
struct Written {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Written {
    fn parse(text: &str) -> Option<Self> {
        let (mantissa, power) = match text.find(['e', 'E']) {
            Some(at) => (text.get(..at)?, text.get(at + 1..)?.parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (negative, unsigned) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (whole, places) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let all: String = whole.chars().chain(places.chars()).map(decimal_digit).collect::<Option<_>>()?;
        if all.is_empty() {
            return None;
        }
        let significant = all.trim_start_matches('0');
        let digits = if significant.is_empty() { "0" } else { significant }.to_owned();
        let behind = i64::try_from(places.chars().count()).ok()?;
        Some(Self { negative, digits, exponent: power.checked_sub(behind)? })
    }
}

/// A digit of the scripts that write them like ours: the server takes any decimal digit that Unicode knows.
fn decimal_digit(character: char) -> Option<char> {
    if character.is_ascii_digit() {
        return Some(character);
    }
    let zeros = ['\u{660}', '\u{6f0}', '\u{966}', '\u{ff10}'];
    let value = zeros.into_iter().find_map(|zero| u32::from(character).checked_sub(u32::from(zero)).filter(|digit| *digit < 10))?;
    char::from_digit(value, 10)
}

/// A decimal in a filter, of any precision.
pub(super) fn any_decimal(text: &str) -> Option<Decimal> {
    let text = text.trim();
    Decimal::from_str_exact(text).ok().or_else(|| Decimal::from_scientific(text).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{boolean, capacity, integer};
    use crate::sandbox::settings::Dialect;

    #[test]
    fn capacities_are_read_as_measured() {
        let taken: [(Value, i64); 21] = [
            (json!(0), 0),
            (json!(1), 100),
            (json!(1.5), 150),
            (json!(0.7), 70),
            (json!("9.99"), 999),
            (json!("1e-1"), 10),
            (json!(" 0.5 "), 50),
            (json!("1.0"), 100),
            (json!("0.00"), 0),
            (json!("1e0"), 100),
            (json!("-0"), 0),
            (json!("+1"), 100),
            (json!(".5"), 50),
            (json!("5."), 500),
            (json!("1e-2"), 1),
            (json!("00001"), 100),
            (json!("1E0"), 100),
            (json!("0_1"), 100),
            (json!("1_"), 100),
            (json!("１"), 100),
            (json!("٣"), 300),
        ];
        for (value, wanted) in taken {
            assert_eq!(capacity(&value), Ok(wanted), "{value}");
        }
        let refused = [
            json!("abc"),
            json!(-1),
            json!("-0.01"),
            json!("10"),
            json!("100"),
            json!("0.333"),
            json!("1.000"),
            json!("0.000"),
            json!(null),
            json!(""),
            json!(true),
            json!("NaN"),
            json!("Infinity"),
            json!(0.123_456_789),
            json!("0e5"),
            json!("1e-3"),
            json!("0x1"),
            json!(100.0),
            json!("1 0"),
            json!([1]),
            json!({"a": 1}),
            json!("1_0"),
            json!("1e99999999999999999999"),
            json!("."),
            json!("1e2"),
        ];
        for value in refused {
            assert!(capacity(&value).is_err(), "{value} is refused");
        }
    }

    #[test]
    fn booleans_are_read_as_measured() {
        for (value, wanted) in [
            (json!("yes"), true),
            (json!(1), true),
            (json!(1.0), true),
            (json!("True"), true),
            (json!("ON"), true),
            (json!("t"), true),
            (json!(0), false),
            (json!("no"), false),
            (json!("Off"), false),
            (json!("N"), false),
            (json!(null), false),
            (json!(""), false),
            (json!("null"), false),
        ] {
            for dialect in [Dialect::Addresses, Dialect::Hostnames] {
                assert_eq!(boolean(&value, dialect, true), Ok(wanted), "{value}");
            }
        }
        for value in [json!("maybe"), json!(2), json!([]), json!({}), json!("None"), json!(" true "), json!([1])] {
            assert!(boolean(&value, Dialect::Addresses, true).is_err(), "{value} is refused");
        }
        assert_eq!(boolean(&json!("yEs"), Dialect::Addresses, true), Ok(true), "24.6 does not look at the case");
        assert!(boolean(&json!("yEs"), Dialect::Hostnames, true).is_err(), "23.7 knows three spellings of a word");
        assert!(boolean(&json!(null), Dialect::Addresses, false).is_err(), "the flag of 24.6 is never null");
    }

    #[test]
    fn integers_are_read_as_measured() {
        for (value, wanted) in [
            (json!(27199), 27199),
            (json!("27199"), 27199),
            (json!(27199.0), 27199),
            (json!(" 27199 "), 27199),
            (json!("+5000"), 5000),
            (json!("2_7199"), 27199),
            (json!("27199."), 27199),
            (json!("27199.00"), 27199),
            (json!(-1), -1),
            (json!(1e3), 1000),
        ] {
            assert_eq!(integer(&value), Ok(Some(wanted)), "{value}");
        }
        for value in
            [json!("abc"), json!(27199.5), json!(true), json!(""), json!("1e4"), json!([5]), json!({"a": 1}), json!("2__7"), json!("_2")]
        {
            assert!(integer(&value).is_err(), "{value} is refused");
        }
    }
}
