//! The HTTP proxy between the client and the server.

use super::address::Address;
use crate::{Error, Result};
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

/// Connects to servers through a proxy, with the method CONNECT.
#[derive(Debug, Clone)]
pub(super) struct ProxyConnector {
    /// URL of the proxy, without its password.
    pub(super) address: Uri,
    pub(super) tunnel: Tunnel<HttpConnector>,
}

/// Which proxy to use.
#[derive(Debug, Clone, Default)]
pub(super) enum Proxy {
    /// That of the environment, but none for a server on this machine.
    #[default]
    Environment,
    Off,
    Url(String),
}

impl Proxy {
    /// Returns the connector of the proxy for this address. `variables` reads the environment.
    pub(super) fn connector(
        &self,
        address: &Address,
        variables: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<ProxyConnector>> {
        let proxies = match self {
            Self::Off => return Ok(None),
            Self::Environment if address.is_local() => return Ok(None),
            Self::Environment => environment(variables),
            Self::Url(url) => Matcher::builder().all(url.as_str()).build(),
        };
        let Address::Tcp { host, port, .. } = address else { return Ok(None) };
        // As in gRPC, HTTPS_PROXY is the proxy of servers without TLS too: the method is CONNECT in both cases.
        let uri =
            format!("https://{host}:{port}").parse().map_err(|_| Error::invalid("the host is not valid in a URL"))?;
        match (proxies.intercept(&uri), self) {
            (Some(proxy), _) => connector(&proxy).map(Some),
            (None, Self::Url(_)) => Err(invalid()),
            (None, _) => Ok(None),
        }
    }
}

fn environment(variables: &dyn Fn(&str) -> Option<String>) -> Matcher {
    let variable = |name: &str| variables(&name.to_uppercase()).or_else(|| variables(name)).unwrap_or_default();
    Matcher::builder().all(variable("all_proxy")).https(variable("https_proxy")).no(variable("no_proxy")).build()
}

fn connector(proxy: &Intercept) -> Result<ProxyConnector> {
    let address = proxy.uri().clone();
    if address.scheme_str() != Some("http") {
        return Err(invalid());
    }
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let tunnel = Tunnel::new(address.clone(), connector);
    let tunnel = match proxy.basic_auth() {
        None => tunnel,
        Some(authorization) => tunnel.with_auth(authorization.clone()),
    };
    Ok(ProxyConnector { address, tunnel })
}

/// Does not show the URL, which may have a password.
fn invalid() -> Error {
    Error::invalid(
        "the proxy, such as that of HTTPS_PROXY, must be the URL of an HTTP proxy, such as http://proxy.example:3128",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds_proxy(url: &str, variables: &[(&str, &str)]) -> Result<bool> {
        let read = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Ok(Proxy::Environment.connector(&Address::parse(url)?, &read)?.is_some())
    }

    #[test]
    fn the_environment_names_a_proxy() {
        let proxy = ("HTTPS_PROXY", "http://proxy.example:3128");
        let except = ("NO_PROXY", "intern.example, 10.0.0.0/8");
        for (url, variables, expected) in [
            ("grpcs://h.example", &[proxy][..], true),
            ("grpc://h.example:1", &[proxy], true),
            ("grpc://h.example", &[("https_proxy", "http://p:1")], true),
            ("grpc://h.example", &[("ALL_PROXY", "http://p:1")], true),
            ("grpc://h.example", &[("HTTP_PROXY", "http://p:1")], false),
            ("grpc://h.example", &[], false),
            ("grpc://a.intern.example", &[proxy, except], false),
            ("grpc://10.1.2.3", &[proxy, except], false),
            ("grpc://11.1.2.3", &[proxy, except], true),
            ("grpc://127.0.0.1:1", &[proxy], false),
            ("grpc://localhost", &[proxy], false),
            ("grpcs://[::1]", &[proxy], false),
            ("unix:/s", &[proxy], false),
        ] {
            assert_eq!(finds_proxy(url, variables).unwrap(), expected, "{url} {variables:?}");
        }
    }

    #[test]
    fn other_kinds_of_proxies_are_refused() {
        for proxy in ["socks5://p:1", "https://p:1"] {
            assert!(finds_proxy("grpc://h.example", &[("HTTPS_PROXY", proxy)]).is_err(), "{proxy}");
        }
    }
}
