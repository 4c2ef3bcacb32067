//! The verb `epoch`: a count since 1970 becomes an instant, exactly.

use crate::mapping::EpochUnit;
use crate::time::ExactInstant;

/// What every other value is refused with.
const NO_COUNT: &str = "a count since 1970 was expected, of at most nanoseconds";

/// Digits before the point at most: 9999-12-31 has 21 of them in nanoseconds.
const WHOLE_DIGITS_MAX: usize = 21;

impl EpochUnit {
    /// Digits after the point down to the nanosecond.
    fn decimals(self) -> usize {
        match self {
            Self::Seconds => 9,
            Self::Millis => 6,
            Self::Micros => 3,
            Self::Nanos => 0,
        }
    }

    /// The instant of a count, such as `1772438400.25`. Zeros beyond the nanosecond are no digits.
    pub(super) fn read_count(self, text: &str) -> Result<ExactInstant, &'static str> {
        let text = text.trim();
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        if !is_digits(whole) || !is_digits(fraction) || whole.len() > WHOLE_DIGITS_MAX {
            return Err(NO_COUNT);
        }

        let decimals = self.decimals();
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > decimals {
            return Err(NO_COUNT);
        }
        let nanos: i128 = format!("{whole}{fraction:0<decimals$}")
            .parse()
            .map_err(|_| NO_COUNT)?;
        let signed = if is_negative { -nanos } else { nanos };
        ExactInstant::from_nanos(signed).ok_or(NO_COUNT)
    }

    /// The count of an instant as text: whole where the instant is.
    pub(crate) fn count_text(self, instant: ExactInstant) -> String {
        let nanos = i128::from(instant.micros) * 1_000 + i128::from(instant.nanos);
        let decimals = self.decimals();
        let per_unit = 10_u128.pow(u32::try_from(decimals).unwrap_or_default());
        let (whole, rest) = (
            nanos.unsigned_abs() / per_unit,
            nanos.unsigned_abs() % per_unit,
        );

        let sign = if nanos < 0 { "-" } else { "" };
        match rest {
            0 => format!("{sign}{whole}"),
            _ => format!(
                "{sign}{whole}.{}",
                format!("{rest:0decimals$}").trim_end_matches('0')
            ),
        }
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UNITS: [EpochUnit; 4] = [
        EpochUnit::Seconds,
        EpochUnit::Millis,
        EpochUnit::Micros,
        EpochUnit::Nanos,
    ];

    fn exact(micros: i64, nanos: i16) -> Result<ExactInstant, &'static str> {
        Ok(ExactInstant { micros, nanos })
    }

    proptest! {
        #[test]
        fn every_count_of_every_unit_is_exact(
            nanos in -62_135_596_800_000_000_000..253_402_300_799_999_999_999i128,
        ) {
            let instant = ExactInstant::from_nanos(nanos).unwrap();
            let expected = Ok(instant);
            for unit in UNITS {
                let text = unit.count_text(instant);
                prop_assert_eq!(unit.read_count(&text), expected, "{}", text);
            }
            prop_assert_eq!(EpochUnit::Nanos.read_count(&nanos.to_string()), expected);
            let sign = if nanos < 0 { "-" } else { "" };
            for (unit, decimals) in [
                (EpochUnit::Micros, 3_usize),
                (EpochUnit::Millis, 6),
                (EpochUnit::Seconds, 9),
            ] {
                let per_unit = 10_u128.pow(u32::try_from(decimals).unwrap());
                let size = nanos.unsigned_abs();
                let (whole, rest) = (size / per_unit, size % per_unit);
                let text = format!("{sign}{whole}.{rest:0decimals$}");
                prop_assert_eq!(unit.read_count(&text), expected, "{}", text);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}|[0-9.-]{0,40}") {
            let _ = EpochUnit::Seconds.read_count(&text);
        }
    }

    #[test]
    fn counts_are_exact_or_refused() {
        assert_eq!(
            EpochUnit::Seconds.read_count("1772438400"),
            exact(1_772_438_400_000_000, 0)
        );
        assert_eq!(
            EpochUnit::Millis.read_count(" 1772438400123 "),
            exact(1_772_438_400_123_000, 0)
        );
        assert_eq!(EpochUnit::Seconds.read_count("1.5"), exact(1_500_000, 0));
        assert_eq!(EpochUnit::Seconds.read_count("-0.5"), exact(-500_000, 0));
        assert_eq!(EpochUnit::Nanos.read_count("-800"), exact(-1, 200));
        assert_eq!(EpochUnit::Micros.read_count("1.2000"), exact(1, 200));
        for text in [
            "",
            "-",
            ".5",
            "1.",
            "+1",
            "1e9",
            "1 000",
            "0x10",
            "1.5.5",
            "NaN",
            "99999999999999999999999",
        ] {
            assert_eq!(EpochUnit::Seconds.read_count(text), Err(NO_COUNT), "{text}");
        }
        assert_eq!(EpochUnit::Nanos.read_count("1.5"), Err(NO_COUNT));
        assert_eq!(EpochUnit::Micros.read_count("1.0001"), Err(NO_COUNT));
    }
}
