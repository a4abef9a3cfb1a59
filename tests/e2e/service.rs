//! Health, reflection, deadlines, probes, gRPC-Web, CORS, tracing and shutdown.

use crate::fixture::{Server, refused, why};
use bytes::Bytes;
use http::Method;
use lakeport_embedded::{Fault, On};
use lakeport_proto::v1::{BatchWriteRequest, ReadRequest, StatRequest, WatchTransactionRequest, WriteRequest};
use prost::Message;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

async fn get(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}

#[tokio::test]
async fn the_health_service_and_probes_report_ready() {
    let server = Server::start().await;
    for service in ["", "lakeport.v1.FileService"] {
        let request = HealthCheckRequest { service: service.into() };
        let response = HealthClient::new(server.channel.clone()).check(request).await.unwrap().into_inner();
        assert_eq!(response.status, 1, "{service}");
    }
    for path in ["/livez", "/readyz", "/metrics"] {
        let response = get(server.admin_address(), path).await;
        assert!(response.starts_with("HTTP/1.1 200"), "{path}: {response}");
    }
}

#[tokio::test]
async fn a_deadline_ends_unary_and_streaming_calls() {
    let server = Server::with_faults().await;
    server.put("a", "1").await;
    server.arm(On::new(Method::GET, "/objects/stat"), Fault::Delay(Duration::from_secs(5)), 1);
    let mut request = tonic::Request::new(StatRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        path: "a".into(),
        ..Default::default()
    });
    request.metadata_mut().insert("grpc-timeout", "200m".parse().unwrap());
    let began = Instant::now();
    let too_late = refused(Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    assert_eq!(why(server.files_without_deadline().stat(request).await), too_late);
    assert!(began.elapsed() < Duration::from_secs(4), "the caller waited for lakeFS");

    // A deadline also ends a stream whose response headers were received already.
    server.begin("t").await;
    let mut request = tonic::Request::new(WatchTransactionRequest { transaction_id: "t".into() });
    request.metadata_mut().insert("grpc-timeout", "300m".parse().unwrap());
    let mut watch = server.transactions_without_deadline().watch_transaction(request).await.unwrap().into_inner();
    assert!(watch.message().await.unwrap().is_some());
    assert_eq!(why(watch.message().await), too_late);
}

#[tokio::test]
async fn shutdown_completes_calls_and_tells_watchers_to_reconnect() {
    let mut server = Server::with_faults().await;
    server.begin("t").await;
    server.put_in("t", "a", "1").await.unwrap();
    let request = WatchTransactionRequest { transaction_id: "t".into() };
    let mut watch = server.transactions.clone().watch_transaction(request).await.unwrap().into_inner();
    watch.message().await.unwrap();
    server.arm(On::new(Method::GET, "/objects/stat"), Fault::Delay(Duration::from_secs(2)), 1);
    let stat = StatRequest { transaction_id: "t".into(), path: "a".into(), ..Default::default() };
    let mut files = server.files.clone();
    let call = tokio::spawn(async move { files.stat(stat).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    server.stop().await;
    assert!(call.await.unwrap().is_ok(), "the shutdown ended an accepted call");
    assert!(watch.message().await.unwrap().unwrap().reconnect);
    assert!(watch.message().await.unwrap().is_none());
}

#[tokio::test]
async fn a_download_interrupted_by_shutdown_fails_with_shutting_down() {
    let mut server = Server::with_faults().await;
    // Far more than the buffers between server and client hold.
    let piece = Bytes::from("7".repeat(2 << 20));
    let first = WriteRequest { finish_write: false, ..server.header("main", "large", "") };
    let pieces = (1..=16).map(|n| WriteRequest { data: piece.clone(), finish_write: n == 16, ..Default::default() });
    server.write(std::iter::once(first).chain(pieces).collect()).await.unwrap();
    let request = ReadRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        path: "large".into(),
        ..Default::default()
    };
    let mut download = server.files.clone().read(request).await.unwrap().into_inner();
    download.message().await.unwrap();
    // The client does not read, so the shutdown must end after its limit.
    let end = tokio::spawn(async move { server.stop_within(Duration::from_millis(300)).await });
    tokio::time::sleep(Duration::from_millis(600)).await;
    let error = loop {
        match download.message().await {
            Ok(message) => assert!(message.is_some(), "the download ended early without an error"),
            failed => break why(failed),
        }
        // On a busy machine, the shutdown takes longer. Read slowly, so that the download does not complete before it.
        tokio::time::sleep(Duration::from_millis(30)).await;
    };
    assert_eq!(error, refused(Code::Unavailable, "SHUTTING_DOWN"));
    end.await.unwrap();
}

#[tokio::test]
async fn plain_http_requests_do_not_expose_data() {
    let server = Server::start().await;
    let response = get(server.address(), "/").await;
    assert!(response.starts_with("HTTP/1.1 200") || response.starts_with("HTTP/1.1 4"), "{response}");
    assert!(!response.contains("lakeport-data"));
}

/// Sends a gRPC-Web request over HTTP/1.1, as a browser does, and returns the response as text.
async fn over_the_web(server: &Server, method: &str, message: &[u8]) -> String {
    let length = u32::try_from(message.len()).unwrap();
    let body = [&[0], length.to_be_bytes().as_slice(), message].concat();
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = format!(
        "POST /lakeport.v1.{method} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: \
         application/grpc-web+proto\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.unwrap();
    String::from_utf8_lossy(&response).into_owned()
}

#[tokio::test]
async fn grpc_web_reads_an_object() {
    let server = Server::start().await;
    server.put("a", "over the web").await;
    let message = server.read_request("main", "a").encode_to_vec();
    let response = over_the_web(&server, "FileService/Read", &message).await;
    assert!(response.starts_with("HTTP/1.1 200") && response.contains("application/grpc-web+proto"), "{response}");
    assert!(response.contains("over the web") && response.contains("grpc-status:0"), "{response}");
}

#[tokio::test]
async fn errors_raised_before_a_handler_have_details() {
    let server = Server::start().await;
    // The field `path` contains a byte that is not valid UTF-8.
    let not_text = [0x1a, 0x01, 0xff];
    for method in ["FileService/Stat", "FileService/Read", "FileService/Delete", "FileService/Write"] {
        let response = over_the_web(&server, method, &not_text).await;
        assert!(
            response.contains("grpc-status: 3") && response.contains("grpc-status-details-bin"),
            "{method}: {response}"
        );
        assert!(response.contains("path"), "{method}: {response}");
    }
    let response = over_the_web(&server, "FileService/Nothing", &[]).await;
    assert!(response.contains("grpc-status: 12") && response.contains("grpc-status-details-bin"), "{response}");
    let too_large = BatchWriteRequest { repository: "x".repeat(5 << 20), ..Default::default() };
    let refused = server.files.clone().batch_write(too_large).await;
    assert_eq!(why(refused), (Code::InvalidArgument, "INVALID_FIELD".into()));
}

/// Sends the CORS preflight requests of a browser.
#[tokio::test]
async fn cors_allows_only_configured_origins() {
    let server = Server::start().await;
    for (origin, may_call) in [("https://app.example.com", true), ("https://evil.example.com", false), ("null", false)]
    {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let head = format!(
            "OPTIONS /lakeport.v1.FileService/Read HTTP/1.1\r\nhost: x\r\nconnection: close\r\norigin: {origin}\r\n\
             access-control-request-method: POST\r\naccess-control-request-headers: authorization,x-grpc-web\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut response = Vec::new();
        stream.read_to_end(&mut response).await.unwrap();
        let response = String::from_utf8_lossy(&response).to_lowercase();
        let is_refused = response.starts_with("http/1.1 403");
        assert_eq!(is_refused, !may_call, "{response}");
        let is_named = response.contains(&format!("access-control-allow-origin: {origin}\r\n"));
        assert_eq!(is_named, may_call, "{response}");
        assert!(!may_call || response.contains("access-control-allow-headers: authorization,x-grpc-web"), "{response}");
    }
}

#[tokio::test]
async fn a_call_continues_the_trace_of_its_caller() {
    let server = Server::start().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let mut request = tonic::Request::new(lakeport_proto::v1::GetServerInfoRequest {});
    request.metadata_mut().insert("traceparent", format!("00-{trace}-00f067aa0ba902b7-01").parse().unwrap());
    let response = server.files.clone().get_server_info(request).await.unwrap();
    assert_eq!(response.metadata().get("x-request-id").unwrap(), trace);
}

/// Sends the requests of a client that does not have the protobuf files.
#[tokio::test]
async fn reflection_serves_the_contract() {
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};
    let server = Server::start().await;
    let ask = |question| ServerReflectionRequest { host: String::new(), message_request: Some(question) };
    let questions = vec![
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol("lakeport.v1.TransactionService".into())),
        ask(MessageRequest::FileContainingSymbol("google.rpc.ErrorInfo".into())),
    ];
    let mut client = ServerReflectionClient::new(server.channel.clone());
    let responses = client.server_reflection_info(tokio_stream::iter(questions)).await.unwrap().into_inner();
    let responses: Vec<ServerReflectionResponse> = crate::fixture::all(responses).await.unwrap();
    let Some(MessageResponse::ListServicesResponse(listed)) = &responses[0].message_response else {
        panic!("{responses:?}")
    };
    let services: Vec<_> = listed.service.iter().map(|service| service.name.as_str()).collect();
    for service in ["lakeport.v1.FileService", "lakeport.v1.TransactionService", "lakeport.v1.VersionService"] {
        assert!(services.contains(&service), "{services:?}");
    }
    for response in &responses[1..] {
        assert!(matches!(response.message_response, Some(MessageResponse::FileDescriptorResponse(_))), "{response:?}");
    }
}
