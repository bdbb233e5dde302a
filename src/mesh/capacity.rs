//! The capacity adjustment of an instance: the share of its capacity that jobs may use.

use std::{fmt, str::FromStr};

use rust_decimal::Decimal;
use thiserror::Error;

/// A declared `capacity_adjustment`: 0 to 9.99 with at most two places.
///
/// AWX 23.7 and 24.6: three digits with two after the point, at least 0; anything finer is refused, not rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CapacityAdjustment(Decimal);

/// Why a text is no capacity adjustment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CapacityError {
    /// Not a plain decimal number.
    #[error("not a decimal number")]
    NotANumber,
    /// Below 0 or above 9.99.
    #[error("out of range: it goes from 0 to 9.99")]
    OutOfRange,
    /// More than two places after the point.
    #[error("too fine: at most two places after the point")]
    TooFine,
}

impl CapacityAdjustment {
    /// The number; `0.5` and `0.50` are equal.
    pub fn decimal(self) -> Decimal {
        self.0
    }
}

impl TryFrom<Decimal> for CapacityAdjustment {
    type Error = CapacityError;

    fn try_from(value: Decimal) -> Result<Self, CapacityError> {
        let value = value.normalize();
        if value.is_sign_negative() && !value.is_zero() || value >= Decimal::TEN {
            Err(CapacityError::OutOfRange)
        } else if value.scale() > 2 {
            Err(CapacityError::TooFine)
        } else {
            Ok(Self(value.abs()))
        }
    }
}

impl FromStr for CapacityAdjustment {
    type Err = CapacityError;

    fn from_str(text: &str) -> Result<Self, CapacityError> {
        let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
        if !plain {
            return Err(CapacityError::NotANumber);
        }
        let value = Decimal::from_str(text).ok().or_else(|| Decimal::from_scientific(text).ok());
        value.ok_or(CapacityError::NotANumber)?.try_into()
    }
}

/// Always with two places, as the server answers it.
impl fmt::Display for CapacityAdjustment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_server_accepts_and_nothing_else() {
        for (text, wanted) in [
            ("0", Ok("0.00")),
            ("1", Ok("1.00")),
            ("0.5", Ok("0.50")),
            ("0.500", Ok("0.50")),
            ("9.99", Ok("9.99")),
            ("1e-1", Ok("0.10")),
            ("-0", Ok("0.00")),
            ("10", Err(CapacityError::OutOfRange)),
            ("9.999", Err(CapacityError::TooFine)),
            ("-0.01", Err(CapacityError::OutOfRange)),
            ("0.333", Err(CapacityError::TooFine)),
            ("1_0", Err(CapacityError::NotANumber)),
            ("0x1", Err(CapacityError::NotANumber)),
            ("NaN", Err(CapacityError::NotANumber)),
            ("", Err(CapacityError::NotANumber)),
        ] {
            let got = text.parse::<CapacityAdjustment>().map(|c| c.to_string());
            assert_eq!(got, wanted.map(str::to_owned), "{text}");
        }
    }
}
