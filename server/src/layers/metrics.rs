//! What calls there are, how they end, and how long they take.

use super::ending::told;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use prost::Message;
use prost_types::FileDescriptorSet;
use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Instant;
use tonic::Code;

/// Says what each metric means.
pub fn describe() {
    describe_counter!("lakeport_rpc_handled_total", "Calls that have ended, by method and status code.");
    describe_histogram!(
        "lakeport_rpc_duration_seconds",
        Unit::Seconds,
        "How long calls took, to the end of the answer."
    );
    describe_gauge!("lakeport_rpc_active", "Calls under way, by method.");
}

pub(super) async fn measured(request: Request, next: Next) -> Response {
    let call = UnderWay::of(known(request.uri().path()));
    let response = next.run(request).await;
    told(response, move |code| call.ended(code))
}

/// A call under way. It is counted when it ends, and when nobody waits for its end any more.
struct UnderWay {
    method: String,
    began: Instant,
    code: Code,
}

impl UnderWay {
    fn of(method: String) -> Self {
        gauge!("lakeport_rpc_active", "method" => method.clone()).increment(1.0);
        Self { method, began: Instant::now(), code: Code::Cancelled }
    }

    fn ended(mut self, code: Code) {
        self.code = code;
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let method = std::mem::take(&mut self.method);
        // The layer around this one says so to the caller.
        let code = if std::thread::panicking() { Code::Internal } else { self.code };
        gauge!("lakeport_rpc_active", "method" => method.clone()).decrement(1.0);
        counter!("lakeport_rpc_handled_total", "method" => method.clone(), "code" => format!("{code:?}")).increment(1);
        histogram!("lakeport_rpc_duration_seconds", "method" => method).record(self.began.elapsed());
    }
}

/// Only methods of the contract become labels: anybody can send any path, and each label takes memory for ever.
fn known(path: &str) -> String {
    static METHODS: LazyLock<HashSet<String>> = LazyLock::new(methods);
    let method = path.trim_start_matches('/');
    if METHODS.contains(method) { method.to_owned() } else { "_OTHER".to_owned() }
}

/// `lakeport.v1.FileService/Read` and so on.
fn methods() -> HashSet<String> {
    let sets = [lakeport_proto::FILE_DESCRIPTOR_SET, tonic_health::pb::FILE_DESCRIPTOR_SET];
    let files = sets.iter().filter_map(|set| FileDescriptorSet::decode(*set).ok()).flat_map(|set| set.file);
    let services = files.flat_map(|file| {
        let package = file.package().to_owned();
        file.service.into_iter().map(move |service| (package.clone(), service))
    });
    let methods = services.flat_map(|(package, service)| {
        let service_name = service.name().to_owned();
        service.method.into_iter().map(move |method| format!("{package}.{service_name}/{}", method.name()))
    });
    methods.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_of_the_contract_are_counted_by_name_and_nothing_else() {
        assert_eq!(known("/lakeport.v1.FileService/Read"), "lakeport.v1.FileService/Read");
        assert_eq!(known("/grpc.health.v1.Health/Check"), "grpc.health.v1.Health/Check");
        for other in ["/lakeport.v1.FileService/Raed", "/lakeport.v1.X/000001", "/", ""] {
            assert_eq!(known(other), "_OTHER", "{other}");
        }
        assert!(methods().len() > 40);
    }
}
