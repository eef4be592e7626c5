//! From messages to the bytes of requests.
//!
//! Owns how large a request may get, its compression, and the frame that gRPC puts around it.

use std::io::Write as _;

use bytes::{BufMut as _, Bytes, BytesMut};
use flate2::{Compression, write::GzEncoder};
use prost::Message;

use super::message::{
    Data, Metric, MetricsRequest, Resource, ResourceMetrics, ResourceSpans, ScopeMetrics,
    ScopeSpans, Span, TracesRequest, scope,
};
use crate::config::{OtlpCompression, OtlpProtocol};

/// A request of metrics is closed when it has grown to this size. Collectors refuse what is larger
/// than 4 MiB, and the metric that closes it can be as large again.
const FULL: usize = 1 << 20;

/// Most points of one metric in a request; a point is less than 1 KiB.
const POINTS: usize = 1000;

/// How requests are packed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packing {
    pub(super) protocol: OtlpProtocol,
    pub(super) compression: OtlpCompression,
}

/// Gathers metrics into requests.
pub(super) struct Metrics<'a> {
    packing: Packing,
    resource: &'a Resource,
    metrics: Vec<Metric>,
    size: usize,
    requests: Vec<Bytes>,
}

impl<'a> Metrics<'a> {
    /// No metric yet.
    pub(super) fn new(packing: Packing, resource: &'a Resource) -> Self {
        Self { packing, resource, metrics: Vec::new(), size: 0, requests: Vec::new() }
    }

    /// Adds a metric, in pieces if it is large.
    pub(super) fn add(&mut self, metric: Metric) {
        for piece in pieces(metric) {
            self.size += piece.encoded_len();
            self.metrics.push(piece);
            if self.size >= FULL {
                self.close();
            }
        }
    }

    /// The requests.
    pub(super) fn requests(mut self) -> Vec<Bytes> {
        if !self.metrics.is_empty() {
            self.close();
        }
        self.requests
    }

    fn close(&mut self) {
        let metrics = std::mem::take(&mut self.metrics);
        self.size = 0;
        let request = MetricsRequest {
            resource_metrics: vec![ResourceMetrics {
                resource: Some(self.resource.clone()),
                scope_metrics: vec![ScopeMetrics { scope: Some(scope()), metrics }],
            }],
        };
        self.requests.push(self.packing.pack(&request));
    }
}

/// A metric of at most [`POINTS`] points each.
fn pieces(metric: Metric) -> Vec<Metric> {
    fn cut<T>(mut points: Vec<T>) -> Vec<Vec<T>> {
        let mut cut = Vec::new();
        while points.len() > POINTS {
            let rest = points.split_off(POINTS);
            cut.push(std::mem::replace(&mut points, rest));
        }
        cut.push(points);
        cut
    }
    let Metric { name, description, unit, data } = metric;
    let data: Vec<Data> = match data {
        Some(Data::Gauge(mut gauge)) => {
            let with = |points| Data::Gauge(super::message::Gauge { points });
            cut(std::mem::take(&mut gauge.points)).into_iter().map(with).collect()
        }
        Some(Data::Sum(mut sum)) => {
            let cut = cut(std::mem::take(&mut sum.points));
            let with = |points| Data::Sum(super::message::Sum { points, ..sum });
            cut.into_iter().map(with).collect()
        }
        Some(Data::Histogram(mut histogram)) => {
            let cut = cut(std::mem::take(&mut histogram.points));
            let with = |points| Data::Histogram(super::message::Histogram { points, ..histogram });
            cut.into_iter().map(with).collect()
        }
        None => Vec::new(),
    };
    let whole = |data| Metric {
        name: name.clone(),
        description: description.clone(),
        unit: unit.clone(),
        data: Some(data),
    };
    data.into_iter().map(whole).collect()
}

/// The request of these spans.
pub(super) fn traces(packing: Packing, resource: Resource, spans: Vec<Span>) -> Bytes {
    packing.pack(&TracesRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource),
            scope_spans: vec![ScopeSpans { scope: Some(scope()), spans }],
        }],
    })
}

impl Packing {
    fn pack(self, message: &impl Message) -> Bytes {
        let bytes = message.encode_to_vec();
        let (flag, bytes) = match self.compression {
            OtlpCompression::None => (0, bytes),
            OtlpCompression::Gzip => (1, gzip(&bytes)),
        };
        match self.protocol {
            OtlpProtocol::Http => bytes.into(),
            OtlpProtocol::Grpc => {
                let mut framed = BytesMut::with_capacity(bytes.len() + 5);
                framed.put_u8(flag);
                // A request is cut long before it does not fit.
                framed.put_u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
                framed.put_slice(&bytes);
                framed.freeze()
            }
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing to memory does not fail.
    let written = packed.write_all(bytes).and_then(|()| packed.finish());
    written.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{
        super::message::{Gauge, NumberPoint, text},
        *,
    };

    fn gauge(points: usize) -> Metric {
        let point = |at: usize| NumberPoint {
            start_unix_nanos: 0,
            unix_nanos: 1,
            value: Some(at as f64),
            exemplars: Vec::new(),
            attributes: vec![text("target", format!("{at:0>900}"))],
        };
        let points = (0..points).map(point).collect();
        let data = Some(Data::Gauge(Gauge { points }));
        Metric { name: "n".into(), description: "d".into(), unit: "s".into(), data }
    }

    #[test]
    fn requests_stay_below_what_collectors_take_and_lose_no_point() {
        let packing = Packing { protocol: OtlpProtocol::Http, compression: OtlpCompression::None };
        let resource = Resource::default();
        let mut metrics = Metrics::new(packing, &resource);
        metrics.add(gauge(7_500));
        metrics.add(gauge(1));
        let requests = metrics.requests();
        assert!(requests.len() > 3, "{}", requests.len());
        assert!(requests.iter().all(|request| request.len() < 4 << 20));
        let mut seen = Vec::new();
        for request in requests {
            let request = MetricsRequest::decode(request).expect("ours");
            let scopes = request.resource_metrics.into_iter().flat_map(|one| one.scope_metrics);
            for metric in scopes.flat_map(|scope| scope.metrics) {
                assert_eq!((metric.name.as_str(), metric.unit.as_str()), ("n", "s"));
                let Some(Data::Gauge(gauge)) = metric.data else { panic!("a gauge") };
                seen.extend(gauge.points.iter().filter_map(|point| point.value));
            }
        }
        let expected: Vec<f64> = (0..7_500).chain([0]).map(f64::from).collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn grpc_frames_what_it_sends() {
        for (compression, flag) in [(OtlpCompression::None, 0), (OtlpCompression::Gzip, 1)] {
            let packing = Packing { protocol: OtlpProtocol::Grpc, compression };
            let framed = packing.pack(&text("key", "value"));
            let length = u32::from_be_bytes(framed[1..5].try_into().expect("four"));
            assert_eq!((framed[0], length as usize), (flag, framed.len() - 5));
        }
    }
}
