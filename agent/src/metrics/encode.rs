//! The edge: own counters become metric families of the `prometheus` crate, and those become text. The only module that knows the crate.

use std::collections::BTreeMap;

use prometheus::TextEncoder;
use prometheus::proto;

use super::histogram::Histogram;
use super::table::{Metric, MetricKind, TABLE};

/// Families under construction, by name.
#[derive(Debug, Default)]
pub(super) struct Families {
    families: BTreeMap<&'static str, (&'static Metric, Vec<proto::Metric>)>,
    series: usize,
}

impl Families {
    /// One series of a counter or gauge, with the labels' values in the table's order.
    pub(super) fn add(&mut self, metric: &'static Metric, labels: &[&str], value: f64) {
        let mut point = point(metric, labels);
        match metric.kind {
            MetricKind::Counter => {
                let mut counter = proto::Counter::default();
                counter.set_value(value);
                point.set_counter(counter);
            }
            MetricKind::Gauge | MetricKind::Histogram => {
                let mut gauge = proto::Gauge::default();
                gauge.set_value(value);
                point.set_gauge(gauge);
            }
        }
        self.put(metric, point, 1);
    }

    /// The series of a histogram.
    pub(super) fn add_histogram(&mut self, metric: &'static Metric, labels: &[&str], histogram: &Histogram) {
        let mut point = point(metric, labels);
        let mut encoded = proto::Histogram::default();
        let buckets = histogram.buckets().map(|(bound, below)| {
            let mut bucket = proto::Bucket::default();
            bucket.set_upper_bound(bound);
            bucket.set_cumulative_count(below);
            bucket
        });
        let buckets: Vec<_> = buckets.collect();
        let series = buckets.len() + 3;
        encoded.set_bucket(buckets);
        encoded.set_sample_count(histogram.count());
        encoded.set_sample_sum(histogram.sum());
        point.set_histogram(encoded);
        self.put(metric, point, series);
    }

    /// Series so far.
    pub(super) fn series(&self) -> usize {
        self.series
    }

    /// The text format 0.0.4, families and series in a steady order.
    pub(super) fn encode(self) -> String {
        let families: Vec<proto::MetricFamily> = self
            .families
            .into_values()
            .map(|(metric, mut points)| {
                points.sort_by(|a, b| labels_of(a).cmp(labels_of(b)));
                let mut family = proto::MetricFamily::default();
                family.set_name(metric.name.to_owned());
                family.set_help(metric.help.to_owned());
                family.set_field_type(match metric.kind {
                    MetricKind::Counter => proto::MetricType::COUNTER,
                    MetricKind::Gauge => proto::MetricType::GAUGE,
                    MetricKind::Histogram => proto::MetricType::HISTOGRAM,
                });
                family.set_metric(points);
                family
            })
            .collect();
        TextEncoder::new()
            .encode_to_string(&families)
            .expect("families have names and points, and a String takes everything")
    }

    fn put(&mut self, metric: &'static Metric, point: proto::Metric, series: usize) {
        debug_assert!(TABLE.iter().any(|known| std::ptr::eq(*known, metric)), "{} is not in the table", metric.name);
        self.series += series;
        self.families.entry(metric.name).or_insert_with(|| (metric, Vec::new())).1.push(point);
    }
}

fn labels_of(point: &proto::Metric) -> impl Iterator<Item = &str> {
    point.get_label().iter().map(proto::LabelPair::value)
}

fn point(metric: &Metric, values: &[&str]) -> proto::Metric {
    debug_assert_eq!(metric.labels.len(), values.len(), "{}", metric.name);
    let pairs = metric.labels.iter().zip(values).map(|(name, value)| {
        let mut pair = proto::LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    });
    proto::Metric::from_label(pairs.collect())
}
