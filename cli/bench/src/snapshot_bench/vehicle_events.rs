//! Invented vehicles: refined objects with their receipts, as the transform would leave them.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow_schema::SchemaRef;
use bytes::Bytes;
use contract::TableContract;
use lake::{Chunk, Day, DayStart, Receipt, RefinedObject, StreamKey, file};
use store::ObjectStore;

use polelake::error::CliError;

/// Rows of a refined object: those of a full Kafka batch.
const OBJECT_ROWS: u64 = 10_000;

/// Which vehicles a day tells of.
#[derive(Clone, Copy)]
pub(super) enum VehicleSelection {
    /// All of them.
    All,
    /// So many in a million, spread evenly.
    Spread(u64),
    /// The first of so many parts of all ids: its rows lie together.
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

/// A number that has nothing to do with its place: an id, a choice.
fn mix_bits(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn vehicle_id(vehicle: u64) -> String {
    let (a, b) = (mix_bits(vehicle), mix_bits(vehicle ^ 0x5555_5555_0000_0000));
    format!(
        "{:08x}-{:04x}-5{:03x}-8{:03x}-{:012x}",
        a >> 32,
        a >> 16 & 0xffff,
        a >> 4 & 0xfff,
        b >> 52,
        b & 0xffff_ffff_ffff
    )
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

    /// Writes the day's objects; gives the offset behind the last.
    pub(super) async fn write_objects(
        &self,
        raw: &dyn ObjectStore,
        refined: &dyn ObjectStore,
    ) -> Result<i64, CliError> {
        let schema = lake::schema::refined_schema(self.table);
        let told: Vec<u64> = (0..self.vehicles)
            .filter(|vehicle| self.includes_vehicle(*vehicle))
            .collect();
        let mut offset = self.offset;
        for vehicles in told.chunks(OBJECT_ROWS as usize) {
            let chunk = Chunk {
                topic: self.topic.to_owned(),
                epoch: 1,
                partition: 0,
                offset,
            };
            let rows = file::write_parquet(
                &schema,
                &[self.record_batch(&schema, vehicles, offset)?],
                file::refined_properties(),
            )?;
            let key = chunk.refined_key(&self.table.name, self.day);
            refined.put(&key, rows, "").await?;
            let next = offset + vehicles.len() as i64;
            let receipt = self.object_receipt(&chunk, next, key, vehicles.len() as u64);
            refined
                .put(&chunk.receipt_key(), receipt.to_json()?.into(), "")
                .await?;
            raw.put(&chunk.raw_key(), Bytes::new(), "").await?;
            offset = next;
        }
        Ok(offset)
    }

    fn object_receipt(&self, chunk: &Chunk, next: i64, key: String, rows: u64) -> Receipt {
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
            landed: rows,
            refined: rows,
            ignored: 0,
            erased: 0,
            quarantined: Default::default(),
            undeclared: Default::default(),
            unlisted: Default::default(),
            minutes: Default::default(),
            lag: Default::default(),
            days: vec![DayStart {
                date: self.day.to_string(),
                offset: chunk.offset,
            }],
            tables: [(self.table.name.clone(), RefinedObject { key, rows })].into(),
            redriven: Vec::new(),
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

    fn column_values(
        &self,
        field: &arrow_schema::FieldRef,
        vehicles: &[u64],
        offset: i64,
    ) -> ArrayRef {
        let text = |text: &dyn Fn(u64) -> String| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(
                vehicles.iter().map(|vehicle| text(*vehicle)),
            ))
        };
        let number = |number: &dyn Fn(usize, u64) -> i64| {
            Int64Array::from_iter_values(
                vehicles
                    .iter()
                    .enumerate()
                    .map(|(place, vehicle)| number(place, *vehicle)),
            )
        };
        let begins = self.day.start_micros();
        let moment = |step: i64| -> ArrayRef {
            let times = (0..vehicles.len() as i64)
                .map(|place| begins + (offset + place) * step % 86_400_000_000);
            Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC"))
        };
        let one_of = |some: &'static [&'static str], salt: u64| {
            text(&move |vehicle| {
                some[(mix_bits(vehicle ^ salt) % some.len() as u64) as usize].to_owned()
            })
        };
        match field.name().as_str() {
            "pole_id" | "owner_id" => text(&vehicle_id),
            "source" => text(&|_| "bench".into()),
            "source_record_id" => text(&|vehicle| format!("vehicle-{vehicle}")),
            "source_event_id" => text(&|vehicle| vehicle_id(vehicle ^ (self.version as u64) << 48)),
            "entity_version" => Arc::new(number(&|_, _| self.version)),
            "event_time" => moment(977),
            "ingested_at" => moment(1_000),
            "contract_version" | "mapping_version" => text(&|_| "1.0.0".into()),
            "topic" => text(&|_| self.topic.to_owned()),
            "partition" => Arc::new(number(&|_, _| 0)),
            "offset" => Arc::new(number(&|place, _| offset + place as i64)),
            "vrm" => {
                text(&|vehicle| format!("ZZ{:02} {:03X}", vehicle % 100, mix_bits(vehicle) % 4_096))
            }
            "make" => one_of(
                &[
                    "FORD", "VAUXHALL", "SKODA", "NISSAN", "TOYOTA", "BMW", "KIA", "FIAT",
                ],
                1,
            ),
            "model" => text(&|vehicle| format!("MODEL {}", mix_bits(vehicle ^ 2) % 400)),
            "year" => Arc::new(number(&|_, vehicle| {
                1990 + (mix_bits(vehicle ^ 3) % 36) as i64
            })),
            "body_shape" => one_of(&["HATCHBACK", "ESTATE", "SALOON", "VAN"], 4),
            "colour" => one_of(
                &["BLACK", "WHITE", "GREY", "BLUE", "RED", "GREEN"],
                5 + self.version as u64,
            ),
            "_op" => text(&|_| "u".into()),
            _ => new_null_array(field.data_type(), vehicles.len()),
        }
    }
}
