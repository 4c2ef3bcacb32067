//! A column of a table, and its type.

/// The type of a column. Flat only: Qlik reads nested types as null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// UTF-8 text.
    Text,
    /// A signed 64-bit number.
    Integer,
    /// A 64-bit floating point number.
    Float,
    /// True or false.
    Boolean,
    /// Days since 1970-01-01.
    Date,
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp,
    /// An exact number of so many digits, so many of them behind the point. Money is
    /// `decimal(12,2)`.
    Decimal(u8, i8),
}

impl ColumnType {
    /// The type that `physicalType` names.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "string" => Self::Text,
            "bigint" => Self::Integer,
            "double" => Self::Float,
            "boolean" => Self::Boolean,
            "date" => Self::Date,
            "timestamp" => Self::Timestamp,
            _ => {
                let (digits, scale) = text
                    .strip_prefix("decimal(")?
                    .strip_suffix(')')?
                    .split_once(',')?;
                let digits = digits
                    .trim()
                    .parse()
                    .ok()
                    .filter(|digits| (1..=38).contains(digits))?;
                Self::Decimal(
                    digits,
                    scale
                        .trim()
                        .parse()
                        .ok()
                        .filter(|scale| (0..=18).contains(scale))?,
                )
            }
        })
    }

    /// The type as Glue and Athena write it.
    #[must_use]
    pub fn glue_type(&self) -> String {
        match self {
            Self::Text => "string".into(),
            Self::Integer => "bigint".into(),
            Self::Float => "double".into(),
            Self::Boolean => "boolean".into(),
            Self::Date => "date".into(),
            Self::Timestamp => "timestamp".into(),
            Self::Decimal(digits, scale) => format!("decimal({digits},{scale})"),
        }
    }
}

/// A column of a table.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name, snake_case.
    pub name: String,
    /// Its type.
    pub kind: ColumnType,
    /// Whether a row without it is refused.
    pub required: bool,
    /// What it means.
    pub meaning: String,
    /// `public`, `internal` or `personal`.
    pub classification: String,
    /// Whether it holds people's data: no report shows a value of it.
    pub personal: bool,
    /// Words to find it by; numbers of the Minimum POLE Data Standards.
    pub tags: Vec<String>,
    /// The reference list that its values are of, where a rule names one.
    pub list: Option<String>,
    /// Synthetic values, as they could stand there.
    pub examples: Vec<String>,
    /// Whether it is part of the key.
    pub key: bool,
}
