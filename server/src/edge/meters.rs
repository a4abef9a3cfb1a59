//! Metrics of calls: calls in flight, status codes and durations.

use crate::grpc::methods::Method;
use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use tonic::Code;

/// Registers the descriptions of all metrics of calls.
pub fn describe() {
    describe_counter!("lakeport_rpc_handled_total", "Finished calls, by method and status code.");
    describe_histogram!(
        "lakeport_rpc_duration_seconds",
        Unit::Seconds,
        "Duration of calls, to the end of the response."
    );
    describe_gauge!("lakeport_rpc_active", "Calls in flight, by method.");
    describe_counter!(
        "lakeport_rpc_stalled_total",
        "Streams that the server ended because their client was stalled and another call needed the permit, by side (reader, writer)."
    );
}

/// Number of gRPC status codes.
const CODES: usize = 17;

/// The metrics of all methods, registered once: a lookup in the registry for each call would cost more than the rest of the edge.
pub(super) struct Meters(HashMap<&'static str, Arc<Meter>>);

struct Meter {
    method: &'static str,
    active: Gauge,
    duration: Histogram,
    handled: [OnceLock<Counter>; CODES],
}

/// A call in flight. It counts as cancelled if it is dropped before its end.
pub(super) struct InFlight {
    meter: Arc<Meter>,
    began: Instant,
    code: Code,
}

impl Meters {
    pub(super) fn new() -> Self {
        let meter = |method: &'static Method| {
            let name = method.name();
            let meter = Meter {
                method: name,
                active: gauge!("lakeport_rpc_active", "method" => name),
                duration: histogram!("lakeport_rpc_duration_seconds", "method" => name),
                handled: [const { OnceLock::new() }; CODES],
            };
            (method.path, Arc::new(meter))
        };
        Self(Method::all().map(meter).collect())
    }

    pub(super) fn begin(&self, method: &Method) -> Option<InFlight> {
        let meter = Arc::clone(self.0.get(method.path)?);
        meter.active.increment(1.0);
        Some(InFlight { meter, began: Instant::now(), code: Code::Cancelled })
    }
}

impl InFlight {
    pub(super) fn end(mut self, code: Code) {
        self.code = code;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        // The edge turns a panic into this status.
        let code = if std::thread::panicking() { Code::Internal } else { self.code };
        let Meter { method, active, duration, handled } = &*self.meter;
        active.decrement(1.0);
        duration.record(self.began.elapsed());
        if let Some(counter) = usize::try_from(i32::from(code)).ok().and_then(|code| handled.get(code)) {
            let register =
                || counter!("lakeport_rpc_handled_total", "method" => *method, "code" => format!("{code:?}"));
            counter.get_or_init(register).increment(1);
        }
    }
}
