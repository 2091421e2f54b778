//! Behaviours as they were told last, kept in less than half of the room that they
//! take as records of their own.
//!
//! What many have in common, their flow, its addresses and their shape, is held once;
//! names of targets stand in one text.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use engine::dissectors::dissector::FrameId;
use engine::dissectors::value::Value;
use engine::observation as record;
use pyo3::prelude::*;

use crate::behaviour::Behaviour;
use crate::shared::{Ends, Quick, Shape};

/// What a result says of a behaviour, but for what its flow and its shape say.
struct Row {
    number: u64,
    sequence: u64,
    /// The digest of its key, in halves: whole it would ask for more room.
    id: (u64, u64),
    flow: Arc<record::FlowFacts>,
    ends: Arc<Ends>,
    shape: Arc<Shape>,
    /// Where the name of its target is.
    target: Option<(u32, u32)>,
    unit: Option<u32>,
    intervals: Box<[(u32, u32)]>,
    count: u64,
    first_seen_ns: i64,
    last_seen_ns: i64,
    period_ns: f64,
    period_deviation_ns: f64,
    latency_ns: f64,
    values: Option<Values>,
    files: (u32, u32),
    frames: (u64, u64),
    new: bool,
    overflow: bool,
}

/// The values of a behaviour; a bound that there is not is no number.
struct Values {
    kind: &'static str,
    min: f64,
    max: f64,
    last: Value,
    change_count: u64,
}

/// A mean or a bound where there may be none.
fn packed(number: Option<f64>) -> f64 {
    number.unwrap_or(f64::NAN)
}

fn unpacked(number: f64) -> Option<f64> {
    Some(number).filter(|number| !number.is_nan())
}

impl Row {
    fn record(&self, names: &str) -> record::Behaviour {
        let alike = &self.shape.alike;
        let target = self.target.and_then(|(at, end)| names.get(at as usize..end as usize));
        record::Behaviour {
            sequence: self.sequence,
            number: self.number,
            id: u128::from(self.id.0) << 64 | u128::from(self.id.1),
            new: self.new,
            flow: Arc::clone(&self.flow),
            protocol: alike.protocol,
            role: alike.role,
            code: alike.code,
            operation: alike.operation,
            class: alike.class,
            unit: self.unit,
            target: target.map(str::to_owned),
            intervals: self.intervals.to_vec(),
            status: alike.status,
            answered: alike.answered,
            count: self.count,
            first_seen_ns: self.first_seen_ns,
            last_seen_ns: self.last_seen_ns,
            period_ns: unpacked(self.period_ns),
            period_deviation_ns: unpacked(self.period_deviation_ns),
            latency_ns: unpacked(self.latency_ns),
            values: self.values.as_ref().map(|own| record::ValueFacts {
                kind: own.kind,
                min: unpacked(own.min),
                max: unpacked(own.max),
                last: own.last.clone(),
                change_count: own.change_count,
            }),
            anomalies: alike.anomalies,
            frame: FrameId { file: self.files.0, number: self.frames.0 },
            latest_frame: FrameId { file: self.files.1, number: self.frames.1 },
            overflow: self.overflow,
        }
    }

    fn behaviour(&self, names: &str) -> Behaviour {
        let (ends, shape) = (Arc::clone(&self.ends), Arc::clone(&self.shape));
        Behaviour(Box::new(self.record(names)), ends, shape)
    }
}

/// Behaviours as they were told last.
#[pyclass(module = "otmon._engine")]
#[derive(Default)]
pub struct Behaviours {
    rows: Vec<Row>,
    /// Where the row of a number is.
    places: HashMap<u64, u32, Quick>,
    /// The names of all targets.
    names: String,
}

impl Behaviours {
    /// Where a name is among those of targets; none where there is no room left.
    fn name(&mut self, name: &str) -> Option<(u32, u32)> {
        let at = u32::try_from(self.names.len()).ok()?;
        let end = u32::try_from(self.names.len().checked_add(name.len())?).ok()?;
        self.names.push_str(name);
        Some((at, end))
    }

    fn row(&self, number: u64) -> Option<&Row> {
        self.places.get(&number).and_then(|place| self.rows.get(*place as usize))
    }

    /// The rows that count: of one digest that with the highest number, where it is asked for.
    fn last_told(&self, distinct: bool) -> Vec<&Row> {
        if !distinct {
            return self.rows.iter().collect();
        }
        let mut last: HashMap<(u64, u64), &Row, Quick> = HashMap::default();
        for row in &self.rows {
            last.entry(row.id)
                .and_modify(|one| {
                    if one.number < row.number {
                        *one = row;
                    }
                })
                .or_insert(row);
        }
        last.into_values().collect()
    }
}

#[pymethods]
impl Behaviours {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    fn __len__(&self) -> usize {
        self.rows.len()
    }

    fn keep(&mut self, behaviour: &Behaviour) -> u64 {
        let Behaviour(own, ends, shape) = behaviour;
        let place = self.places.get(&own.number).copied();
        let before = place.and_then(|place| self.rows.get(place as usize));
        let (count, target) = match before {
            // What it addresses is part of what it is.
            Some(before) => (before.count, before.target),
            None => (0, own.target.as_deref().and_then(|name| self.name(name))),
        };
        #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
        let id = ((own.id >> 64) as u64, own.id as u64);
        let row = Row {
            number: own.number,
            sequence: own.sequence,
            id,
            flow: Arc::clone(&own.flow),
            ends: Arc::clone(ends),
            shape: Arc::clone(shape),
            target,
            unit: own.unit,
            intervals: own.intervals.as_slice().into(),
            count: own.count,
            first_seen_ns: own.first_seen_ns,
            last_seen_ns: own.last_seen_ns,
            period_ns: packed(own.period_ns),
            period_deviation_ns: packed(own.period_deviation_ns),
            latency_ns: packed(own.latency_ns),
            values: own.values.as_ref().map(|own| Values {
                kind: own.kind,
                min: packed(own.min),
                max: packed(own.max),
                last: own.last.clone(),
                change_count: own.change_count,
            }),
            files: (own.frame.file, own.latest_frame.file),
            frames: (own.frame.number, own.latest_frame.number),
            new: own.new,
            overflow: own.overflow,
        };
        match place.and_then(|place| self.rows.get_mut(place as usize)) {
            Some(before) => *before = row,
            None => {
                if let Ok(place) = u32::try_from(self.rows.len()) {
                    self.places.insert(own.number, place);
                    self.rows.push(row);
                }
            }
        }
        count
    }

    fn get(&self, number: u64) -> Option<Behaviour> {
        self.row(number).map(|row| row.behaviour(&self.names))
    }

    #[pyo3(signature = (*, distinct = false))]
    fn in_order(&self, distinct: bool) -> Vec<u64> {
        let mut rows = self.last_told(distinct);
        rows.sort_unstable_by_key(|row| (row.first_seen_ns, row.id, row.number));
        rows.into_iter().map(|row| row.number).collect()
    }

    #[pyo3(signature = (*, distinct = false))]
    fn anomaly_counts(
        &self,
        distinct: bool,
    ) -> BTreeMap<&'static str, BTreeMap<&'static str, u64>> {
        let mut counts: BTreeMap<_, BTreeMap<_, u64>> = BTreeMap::new();
        for row in self.last_told(distinct) {
            let alike = &row.shape.alike;
            for anomaly in alike.anomalies.iter() {
                let of_protocol = counts.entry(alike.protocol.registration().name).or_default();
                let count = of_protocol.entry(anomaly.as_str()).or_default();
                *count = count.saturating_add(row.count);
            }
        }
        counts
    }

    fn keep_latest(&mut self, at_most: usize) {
        let mut rows = std::mem::take(&mut self.rows);
        rows.sort_by_key(|row| std::cmp::Reverse(row.last_seen_ns));
        rows.truncate(at_most);
        let names = std::mem::take(&mut self.names);
        self.places.clear();
        for mut row in rows {
            let name = row.target.and_then(|(at, end)| names.get(at as usize..end as usize));
            row.target = name.and_then(|name| self.name(name));
            if let Ok(place) = u32::try_from(self.rows.len()) {
                self.places.insert(row.number, place);
                self.rows.push(row);
            }
        }
    }
}
