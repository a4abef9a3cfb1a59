//! The service around the calls: health, reflection, deadlines, probes, the end.

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
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn health_and_probes_say_ready() {
    let server = Server::start().await;
    for service in ["", "lakeport.v1.FileService"] {
        let request = HealthCheckRequest { service: service.into() };
        let answer = HealthClient::new(server.channel.clone()).check(request).await.unwrap().into_inner();
        assert_eq!(answer.status, 1, "{service}");
    }
    for path in ["/livez", "/readyz", "/metrics"] {
        let answer = get(server.admin_address(), path).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_deadline_ends_the_whole_call() {
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
    assert_eq!(why(server.patient_files().stat(request).await), too_late);
    assert!(began.elapsed() < Duration::from_secs(4), "the caller waited for lakeFS");

    // Of a stream, too, whose headers came long ago.
    server.begin("t").await;
    let mut request = tonic::Request::new(WatchTransactionRequest { transaction_id: "t".into() });
    request.metadata_mut().insert("grpc-timeout", "300m".parse().unwrap());
    let mut watch = server.patient_transactions().watch_transaction(request).await.unwrap().into_inner();
    assert!(watch.message().await.unwrap().is_some());
    assert_eq!(why(watch.message().await), too_late);
}

#[tokio::test]
async fn the_end_lets_calls_finish_and_sends_watchers_elsewhere() {
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
    assert!(call.await.unwrap().is_ok(), "a call that was accepted was cut");
    assert!(watch.message().await.unwrap().unwrap().reconnect);
    assert!(watch.message().await.unwrap().is_none());
}

#[tokio::test]
async fn a_download_that_is_cut_by_the_end_says_so() {
    let mut server = Server::with_faults().await;
    // Far more than waits on its way to a client that does not read.
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
    // Nobody reads on: the server does not wait for that for ever.
    let end = tokio::spawn(async move { server.stop_within(Duration::from_millis(300)).await });
    tokio::time::sleep(Duration::from_millis(600)).await;
    let told = loop {
        match download.message().await {
            Ok(message) => assert!(message.is_some(), "a part of the object passes for all of it"),
            error => break why(error),
        }
        // The end of a server that is busy comes late: the object must not have ended before it.
        tokio::time::sleep(Duration::from_millis(30)).await;
    };
    assert_eq!(told, refused(Code::Unavailable, "SHUTTING_DOWN"));
    end.await.unwrap();
}

#[tokio::test]
async fn nothing_but_the_contract_is_served() {
    let server = Server::start().await;
    let answer = get(server.address(), "/").await;
    assert!(answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert!(!answer.contains("lakeport-data"));
}

/// As a browser's client speaks, over HTTP/1.1: what comes back, as text.
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
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn grpc_web_reads_an_object() {
    let server = Server::start().await;
    server.put("a", "over the web").await;
    let message = server.read_request("main", "a").encode_to_vec();
    let answer = over_the_web(&server, "FileService/Read", &message).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("application/grpc-web+proto"), "{answer}");
    assert!(answer.contains("over the web") && answer.contains("grpc-status:0"), "{answer}");
}

#[tokio::test]
async fn what_no_handler_sees_has_a_reason_too() {
    let server = Server::start().await;
    // `path` is a byte that is no UTF-8.
    let not_text = [0x1a, 0x01, 0xff];
    for method in ["FileService/Stat", "FileService/Read", "FileService/Delete", "FileService/Write"] {
        let answer = over_the_web(&server, method, &not_text).await;
        assert!(answer.contains("grpc-status: 3") && answer.contains("grpc-status-details-bin"), "{method}: {answer}");
        assert!(answer.contains("path"), "{method}: {answer}");
    }
    let answer = over_the_web(&server, "FileService/Nothing", &[]).await;
    assert!(answer.contains("grpc-status: 12") && answer.contains("grpc-status-details-bin"), "{answer}");
    let too_large = BatchWriteRequest { repository: "x".repeat(5 << 20), ..Default::default() };
    let refused = server.files.clone().batch_write(too_large).await;
    assert_eq!(why(refused), (Code::InvalidArgument, "INVALID_FIELD".into()));
}

/// What a browser asks before it lets a page call.
#[tokio::test]
async fn pages_of_named_websites_may_call_and_no_others() {
    let server = Server::start().await;
    for (origin, may_call) in [("https://app.example.com", true), ("https://evil.example.com", false), ("null", false)]
    {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let head = format!(
            "OPTIONS /lakeport.v1.FileService/Read HTTP/1.1\r\nhost: x\r\nconnection: close\r\norigin: {origin}\r\n\
             access-control-request-method: POST\r\naccess-control-request-headers: authorization,x-grpc-web\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer).to_lowercase();
        let is_refused = answer.starts_with("http/1.1 403");
        assert_eq!(is_refused, !may_call, "{answer}");
        let is_named = answer.contains(&format!("access-control-allow-origin: {origin}\r\n"));
        assert_eq!(is_named, may_call, "{answer}");
        assert!(!may_call || answer.contains("access-control-allow-headers: authorization,x-grpc-web"), "{answer}");
    }
}

#[tokio::test]
async fn a_call_goes_on_with_the_trace_of_its_caller() {
    let server = Server::start().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let mut request = tonic::Request::new(lakeport_proto::v1::GetServerInfoRequest {});
    request.metadata_mut().insert("traceparent", format!("00-{trace}-00f067aa0ba902b7-01").parse().unwrap());
    let answer = server.files.clone().get_server_info(request).await.unwrap();
    assert_eq!(answer.metadata().get("x-request-id").unwrap(), trace);
}

/// What a client without the contract asks: both versions of the question.
#[tokio::test]
async fn the_contract_is_told_to_whoever_asks() {
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
    let answers = client.server_reflection_info(tokio_stream::iter(questions)).await.unwrap().into_inner();
    let answers: Vec<ServerReflectionResponse> = crate::fixture::all(answers).await.unwrap();
    let Some(MessageResponse::ListServicesResponse(listed)) = &answers[0].message_response else {
        panic!("{answers:?}")
    };
    let services: Vec<_> = listed.service.iter().map(|service| service.name.as_str()).collect();
    for service in ["lakeport.v1.FileService", "lakeport.v1.TransactionService", "lakeport.v1.VersionService"] {
        assert!(services.contains(&service), "{services:?}");
    }
    for answer in &answers[1..] {
        assert!(matches!(answer.message_response, Some(MessageResponse::FileDescriptorResponse(_))), "{answer:?}");
    }
}
