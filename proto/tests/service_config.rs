//! Checks that the service config retries exactly the methods that the contract declares safe to repeat.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports failures by panicking")]

use lakeport_proto::FILE_DESCRIPTOR_SET;
use prost::Message;
use prost_types::method_options::IdempotencyLevel;
use prost_types::{FileDescriptorSet, MethodDescriptorProto};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const SERVICE_CONFIG: &str = include_str!("../lakeport/v1/service_config.json");

/// Returns the methods of the contract, each with its full name, such as `lakeport.v1.FileService/Stat`.
fn methods() -> Vec<(String, MethodDescriptorProto)> {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let files = set.file.into_iter().filter(|file| file.package() == "lakeport.v1");
    let services = files.flat_map(|file| file.service);
    let methods = services.flat_map(|service| {
        let service_name = service.name.unwrap();
        service.method.into_iter().map(move |method| (format!("lakeport.v1.{service_name}/{}", method.name()), method))
    });
    methods.collect()
}

/// Returns the idempotency level of a method, or `None` if the contract does not set it explicitly.
fn idempotency(method: &MethodDescriptorProto) -> Option<IdempotencyLevel> {
    let number = method.options.as_ref()?.idempotency_level?;
    Some(IdempotencyLevel::try_from(number).unwrap())
}

/// Returns the only method config of the service config.
fn method_config() -> Value {
    let config: Value = serde_json::from_str(SERVICE_CONFIG).unwrap();
    let [method_config] = config["methodConfig"].as_array().unwrap().as_slice() else {
        panic!("the service config does not have exactly one method config")
    };
    method_config.clone()
}

#[test]
fn every_method_sets_its_idempotency_level() {
    let methods = methods();
    assert!(methods.len() > 30, "the descriptor set lacks methods: {}", methods.len());
    let missing: Vec<_> =
        methods.iter().filter(|(_, method)| idempotency(method).is_none()).map(|(name, _)| name).collect();
    assert!(missing.is_empty(), "without idempotency_level: {missing:?}");
}

#[test]
fn retried_methods_are_those_without_side_effects_and_idempotent_ones() {
    let safe: BTreeSet<String> = methods()
        .into_iter()
        .filter(|(_, method)| idempotency(method).is_some_and(|level| level != IdempotencyLevel::IdempotencyUnknown))
        .map(|(name, _)| name)
        .collect();
    let name = |name: &Value| format!("{}/{}", name["service"].as_str().unwrap(), name["method"].as_str().unwrap());
    let listed: Vec<String> = method_config()["name"].as_array().unwrap().iter().map(name).collect();
    let retried: BTreeSet<String> = listed.iter().cloned().collect();
    assert_eq!(retried.len(), listed.len(), "a method is listed twice");
    let unsafe_to_retry: Vec<_> = retried.difference(&safe).collect();
    assert!(unsafe_to_retry.is_empty(), "listed, but unknown or not idempotent: {unsafe_to_retry:?}");
    let missing: Vec<_> = safe.difference(&retried).collect();
    assert!(missing.is_empty(), "idempotent, but not listed: {missing:?}");
}

#[test]
fn only_unavailable_is_retried() {
    assert_eq!(method_config()["retryPolicy"]["retryableStatusCodes"], json!(["UNAVAILABLE"]));
}
