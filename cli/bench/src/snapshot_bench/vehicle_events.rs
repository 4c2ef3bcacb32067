//! Synthetic vehicles: refined objects with their receipts, as the transform would write them.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow_schema::{FieldRef, SchemaRef};
use bytes::Bytes;
use contract::TableContract;
use lake::{
    Chunk, Day, DayStart, EventIdFilter, EventIdHash, ObjectDigest, Receipt, RefinedObject,
    StreamKey, file,
};
use store::ObjectStore;

use crate::mixed::{mix_bits, mix_uuid};
use polelake::error::CliError;

/// Rows of a refined object: those of a full Kafka batch.
const OBJECT_ROWS: u64 = 10_000;

/// Microseconds of a day.
const DAY_MICROS: i64 = 86_400_000_000;

/// Makes of a vehicle.
const MAKES: [&str; 8] = [
    "FORD", "VAUXHALL", "SKODA", "NISSAN", "TOYOTA", "BMW", "KIA", "FIAT",
];

/// Body shapes of a vehicle.
const BODY_SHAPES: [&str; 4] = ["HATCHBACK", "ESTATE", "SALOON", "VAN"];

/// Colours of a vehicle.
const COLOURS: [&str; 6] = ["BLACK", "WHITE", "GREY", "BLUE", "RED", "GREEN"];

/// Which vehicles have an event on a day.
#[derive(Clone, Copy)]
pub(super) enum VehicleSelection {
    /// All of them.
    All,
    /// This many in a million, spread evenly.
    Spread(u64),
    /// The first of this many equal parts of all ids: its rows are close together.
    Clustered(u64),
}

/// A day of events.
pub(super) struct VehicleEvents<'e> {
    pub(super) table: &'e TableContract,
    pub(super) topic: &'e str,
    pub(super) day: Day,
    pub(super) vehicles: u64,
    pub(super) selection: VehicleSelection,
    /// The first offset.
    pub(super) offset: i64,
    pub(super) version: i64,
}

impl VehicleEvents<'_> {
    fn includes_vehicle(&self, vehicle: u64) -> bool {
        match self.selection {
            VehicleSelection::All => true,
            VehicleSelection::Spread(million) => {
                mix_bits(vehicle ^ 0x1234_5678) % 1_000_000 < million
            }
            VehicleSelection::Clustered(parts) => mix_bits(vehicle) < u64::MAX / parts,
        }
    }

    /// Writes the day's objects; gives the offset after the last.
    pub(super) async fn write_objects(
        &self,
        raw: &dyn ObjectStore,
        refined: &dyn ObjectStore,
    ) -> Result<i64, CliError> {
        let schema = lake::schema::refined_schema(self.table);
        let selected: Vec<u64> = (0..self.vehicles)
            .filter(|vehicle| self.includes_vehicle(*vehicle))
            .collect();
        let mut offset = self.offset;
        for vehicles in selected.chunks(OBJECT_ROWS as usize) {
            let chunk = Chunk {
                topic: self.topic.to_owned(),
                epoch: 1,
                partition: 0,
                offset,
            };
            let batch = self.record_batch(&schema, vehicles, offset)?;
            let rows = file::write_parquet(&schema, &[batch], file::refined_properties())?;
            let key = chunk.refined_key(&self.table.name, self.day);
            let object = RefinedObject {
                digest: ObjectDigest::of_content(&rows),
                key,
                rows: vehicles.len() as u64,
            };
            refined.put(&object.key, rows, "").await?;

            let next = offset + vehicles.len() as i64;
            let receipt = Receipt {
                event_ids: Some(self.event_ids(vehicles)),
                ..self.object_receipt(&chunk, next, object)
            };
            let receipt = receipt.to_json()?.into();
            refined.put(&chunk.receipt_key(), receipt, "").await?;
            raw.put(&chunk.raw_key(), Bytes::new(), "").await?;
            offset = next;
        }
        Ok(offset)
    }

    fn event_ids(&self, vehicles: &[u64]) -> EventIdFilter {
        let ids = vehicles
            .iter()
            .map(|vehicle| vehicle_event_id(*vehicle, self.version));
        EventIdFilter::of_hashes(ids.map(|id| EventIdHash::of_id(&id)).collect())
    }

    fn object_receipt(&self, chunk: &Chunk, next: i64, object: RefinedObject) -> Receipt {
        Receipt {
            stream: StreamKey {
                topic: chunk.topic.clone(),
                epoch: 1,
                partition: 0,
            },
            offset: chunk.offset,
            next,
            source: "bench".into(),
            contract_version: "1.0.0".into(),
            mapping_version: "1.0.0".into(),
            landed: object.rows,
            refined: object.rows,
            days: vec![DayStart {
                date: self.day.to_string(),
                offset: chunk.offset,
            }],
            tables: [(self.table.name.clone(), object)].into(),
            ..Receipt::default()
        }
    }

    fn record_batch(
        &self,
        schema: &SchemaRef,
        vehicles: &[u64],
        offset: i64,
    ) -> Result<RecordBatch, CliError> {
        let columns = schema
            .fields()
            .iter()
            .map(|field| self.column_values(field, vehicles, offset));
        Ok(RecordBatch::try_new(Arc::clone(schema), columns.collect())?)
    }

    /// The values of one column, provenance or the table's own; columns that no event sets are
    /// null.
    fn column_values(&self, field: &FieldRef, vehicles: &[u64], offset: i64) -> ArrayRef {
        match field.name().as_str() {
            "event_time" => self.time_column(vehicles.len(), offset, 977),
            "ingested_at" => self.time_column(vehicles.len(), offset, 1_000),
            "entity_version" => integer_column(vehicles, |_| self.version),
            "partition" => integer_column(vehicles, |_| 0),
            "offset" => Arc::new(Int64Array::from_iter_values(
                (offset..).take(vehicles.len()),
            )),
            "year" => integer_column(vehicles, |vehicle| {
                1990 + (mix_bits(vehicle ^ 3) % 36) as i64
            }),
            name => match self.text_value(name, 0) {
                None => new_null_array(field.data_type(), vehicles.len()),
                Some(_) => Arc::new(StringArray::from_iter(
                    vehicles
                        .iter()
                        .map(|vehicle| self.text_value(name, *vehicle)),
                )),
            },
        }
    }

    /// A vehicle's text in a column; none where no event sets the column.
    fn text_value(&self, column: &str, vehicle: u64) -> Option<String> {
        let text = match column {
            "pole_id" | "owner_id" => mix_uuid(vehicle),
            "source" => "bench".to_owned(),
            "source_record_id" => format!("vehicle-{vehicle}"),
            "source_event_id" => vehicle_event_id(vehicle, self.version),
            "contract_version" | "mapping_version" => "1.0.0".to_owned(),
            "topic" => self.topic.to_owned(),
            "vrm" => format!("ZZ{:02} {:03X}", vehicle % 100, mix_bits(vehicle) % 4_096),
            "make" => choose_text(&MAKES, vehicle, 1),
            "model" => format!("MODEL {}", mix_bits(vehicle ^ 2) % 400),
            "body_shape" => choose_text(&BODY_SHAPES, vehicle, 4),
            "colour" => choose_text(&COLOURS, vehicle, 5 + self.version as u64),
            "_op" => "u".to_owned(),
            _ => return None,
        };
        Some(text)
    }

    /// Times of the day, `step` microseconds from row to row.
    fn time_column(&self, rows: usize, offset: i64, step: i64) -> ArrayRef {
        let start = self.day.start_micros();
        let times = (offset..)
            .take(rows)
            .map(|row| start + row * step % DAY_MICROS);
        Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC"))
    }
}

/// The id of the event by which a vehicle got a version.
pub(super) fn vehicle_event_id(vehicle: u64, version: i64) -> String {
    mix_uuid(vehicle ^ (version as u64) << 48)
}

fn integer_column(vehicles: &[u64], value: impl Fn(u64) -> i64) -> ArrayRef {
    let values = vehicles.iter().map(|vehicle| value(*vehicle));
    Arc::new(Int64Array::from_iter_values(values))
}

/// One of the texts, chosen by the vehicle and the column's salt.
fn choose_text(texts: &[&str], vehicle: u64, salt: u64) -> String {
    let choice = mix_bits(vehicle ^ salt) % texts.len() as u64;
    texts[choice as usize].to_owned()
}
