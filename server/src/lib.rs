//! One gRPC service that gives every language a filesystem and real transactions on lakeFS.
//!
//! Where to read first: [`app`] wires the parts together, [`grpc`] is the border, [`ops`] is what the product does.

pub mod admin;
pub mod app;
pub mod auth;
pub mod config;
pub mod edge;
pub mod error;
mod fault;
pub mod grpc;
pub mod idle;
pub mod janitor;
pub mod limits;
pub mod listen;
pub mod memory;
pub mod ops;
pub mod quickstart;
pub mod readiness;
pub mod sweep;
pub mod telemetry;
pub mod timing;
pub mod upload;
pub mod welcome;
