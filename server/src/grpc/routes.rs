//! From a method to the service that has it.

use super::payload::PayloadService;
use super::{BoxError, Service};
use crate::grpc::methods::{INTERNAL_MESSAGE_BYTES, Method};
use bytes::Bytes;
use http::{Request, Response};
use lakeport_proto::v1::file_service_server::FileServiceServer;
use lakeport_proto::v1::transaction_service_server::TransactionServiceServer;
use lakeport_proto::v1::version_service_server::VersionServiceServer;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic_health::server::HealthReporter;
use tower::Service as _;

/// The services of the contract, health and reflection. Clones are cheap.
#[derive(Clone)]
pub struct Routes {
    files: PayloadService,
    transactions: TransactionServiceServer<Service>,
    versions: VersionServiceServer<Service>,
    /// Health and reflection. Answers any other path with UNIMPLEMENTED.
    internal: axum::Router,
}

/// Names of the services whose health is reported. The empty one stands for the server.
pub const HEALTH_NAMES: [&str; 4] = [
    "",
    <FileServiceServer<Service> as NamedService>::NAME,
    <TransactionServiceServer<Service> as NamedService>::NAME,
    <VersionServiceServer<Service> as NamedService>::NAME,
];

impl Routes {
    /// The routes to a service, and the reporter of its health.
    ///
    /// # Errors
    /// The descriptors of the contract are invalid.
    pub async fn new(service: &Service) -> Result<(Self, HealthReporter), BoxError> {
        let (reporter, health) = tonic_health::server::health_reporter();
        for name in HEALTH_NAMES {
            reporter.set_service_status(name, tonic_health::ServingStatus::Serving).await;
        }
        let descriptors = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(lakeport_proto::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let internal = tonic::service::Routes::new(health.max_decoding_message_size(INTERNAL_MESSAGE_BYTES))
            .add_service(descriptors().build_v1()?.max_decoding_message_size(INTERNAL_MESSAGE_BYTES))
            .add_service(descriptors().build_v1alpha()?.max_decoding_message_size(INTERNAL_MESSAGE_BYTES));
        let routes = Self {
            files: service.files(),
            transactions: service.transactions(),
            versions: service.versions(),
            internal: internal.into_axum_router(),
        };
        Ok((routes, reporter))
    }

    /// Runs the handler of a method.
    pub async fn call<B>(&self, method: &Method, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError> + Send,
    {
        let service = method.name().split('/').next().unwrap_or_default();
        let response = match service {
            "lakeport.v1.FileService" => self.files.clone().call(request).await,
            "lakeport.v1.TransactionService" => self.transactions.clone().call(request).await,
            "lakeport.v1.VersionService" => self.versions.clone().call(request).await,
            _ => self.internal.clone().call(request.map(Body::new)).await.map(|response| response.map(Body::new)),
        };
        response.unwrap_or_else(|never| match never {})
    }
}
