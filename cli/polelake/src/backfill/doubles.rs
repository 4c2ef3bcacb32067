//! Floating point numbers of a Parquet file that are no numbers: NaN and the infinities. JSON has
//! none, and the writer's null would hide them. They become texts, which the transform refuses by
//! path where the contract declares a number.

use std::fmt::Display;
use std::io::Write;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_array::{Array, ArrowPrimitiveType, PrimitiveArray};
use arrow_json::{Encoder, EncoderFactory, EncoderOptions, writer::NullableEncoder};
use arrow_schema::{ArrowError, DataType, FieldRef};

/// Writes floating point numbers, in records and in lists alike.
#[derive(Debug)]
pub(super) struct DoubleEncoders;

impl DoubleEncoders {
    /// The factory as arrow's writer takes it.
    pub(super) fn shared() -> Arc<dyn EncoderFactory> {
        Arc::new(Self)
    }
}

impl EncoderFactory for DoubleEncoders {
    fn make_default_encoder<'a>(
        &self,
        _field: &'a FieldRef,
        array: &'a dyn Array,
        _options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        Ok(match array.data_type() {
            DataType::Float16 => Some(double_encoder::<Float16Type>(array)),
            DataType::Float32 => Some(double_encoder::<Float32Type>(array)),
            DataType::Float64 => Some(double_encoder::<Float64Type>(array)),
            _ => None,
        })
    }
}

fn double_encoder<'a, T>(array: &'a dyn Array) -> NullableEncoder<'a>
where
    T: ArrowPrimitiveType,
    T::Native: Display + Into<f64>,
{
    let encoder = DoubleEncoder(array.as_primitive::<T>());
    NullableEncoder::new(Box::new(encoder), array.nulls().cloned())
}

struct DoubleEncoder<'a, T: ArrowPrimitiveType>(&'a PrimitiveArray<T>);

impl<T> Encoder for DoubleEncoder<'_, T>
where
    T: ArrowPrimitiveType,
    T::Native: Display + Into<f64>,
{
    fn encode(&mut self, index: usize, out: &mut Vec<u8>) {
        let number = self.0.value(index);
        let double: f64 = number.into();
        // Writing to memory cannot fail.
        let _ = if double.is_nan() {
            write!(out, "\"NaN\"")
        } else if double.is_infinite() {
            let sign = if double < 0.0 { "-" } else { "" };
            write!(out, "\"{sign}Infinity\"")
        } else {
            write!(out, "{number}")
        };
    }
}
