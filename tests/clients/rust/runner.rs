//! Runs the steps of a scenario.

use crate::expected::{Found, difference, list, object};
use crate::fixture::{Fixture, Sandbox};
use crate::operations::{Failure, Operations};
use crate::scenario::{Scenario, flag, text};
use futures_util::future::LocalBoxFuture;
use http::Method;
use lakeport_client::{Client, Credentials, Endpoint};
use lakeport_tests::codes::code_name;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Interval at which the runner looks for calls that have not ended.
const POLL: Duration = Duration::from_millis(10);
/// Number of looks.
const POLLS: usize = 200;

/// Runs a scenario.
///
/// # Errors
/// The step whose result differs, and the difference.
pub(crate) async fn run(fixture: &Fixture, scenario: &Scenario) -> Result<(), String> {
    let sandbox = fixture.sandbox(Value::Object(scenario.sandbox.clone())).await?;
    let runner = Runner::new(sandbox.clone())?;
    let mut result = runner.steps(&scenario.steps).await;
    for restart in runner.take_restarts() {
        let ended = restart.await.map_err(|error| error.to_string()).flatten();
        result = result.and(ended);
    }
    if result.is_ok() {
        let open = calls(&sandbox, "").await?;
        result = difference(&json!({"open": 0}), &open, "after the scenario").map_or(Ok(()), Err);
    }
    drop(runner);
    sandbox.call(Method::DELETE, "", None).await?;
    result
}

/// One run of a scenario.
pub(crate) struct Runner {
    pub(crate) sandbox: Sandbox,
    folder: tempfile::TempDir,
    variables: Mutex<HashMap<String, Value>>,
    /// Arguments of `connect`, by the name of the client.
    connections: Mutex<HashMap<String, Value>>,
    /// Clients by name and timeout.
    clients: tokio::sync::Mutex<HashMap<(String, Option<u64>), Client>>,
    restarts: Mutex<Vec<JoinHandle<Result<(), String>>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Runner {
    fn new(sandbox: Sandbox) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let known = [
            ("address", sandbox.address.clone()),
            ("key", sandbox.key.clone()),
            ("secret", sandbox.secret.clone()),
            ("folder", folder.path().display().to_string()),
        ];
        let variables = known.map(|(name, value)| (name.to_owned(), Value::String(value))).into_iter().collect();
        Ok(Self {
            sandbox,
            folder,
            variables: Mutex::new(variables),
            connections: Mutex::default(),
            clients: tokio::sync::Mutex::default(),
            restarts: Mutex::default(),
        })
    }

    fn take_restarts(&self) -> Vec<JoinHandle<Result<(), String>>> {
        std::mem::take(&mut *locked(&self.restarts))
    }

    pub(crate) fn set(&self, variable: &str, value: Value) {
        locked(&self.variables).insert(variable.to_owned(), value);
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) fn steps<'a>(&'a self, steps: &'a [Value]) -> LocalBoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            for step in steps {
                self.step(step).await?;
            }
            Ok(())
        })
    }

    async fn step(&self, raw: &Value) -> Result<(), String> {
        let step = self.resolved(raw)?;
        let began = Instant::now();
        let result = self.called(&step).await?;
        let took = began.elapsed();
        let wrong = match (result, step.get("fails")) {
            (Ok(found), None) => {
                self.save(&step, &found);
                difference(step.get("expect").unwrap_or(&json!({})), &found, "result")
            }
            (Ok(found), Some(_)) => Some(format!("succeeded with {:.300}", format!("{found:?}"))),
            (Err(failure), None) => Some(format!("{failure:?}")),
            (Err(failure), Some(expected)) => difference(&partial_message(expected), &failure.found(), "error"),
        };
        let limit = step["within_ms"].as_u64().map(Duration::from_millis);
        let late = limit.filter(|limit| took > *limit).map(|_| format!("took {} ms", took.as_millis()));
        match wrong.or(late) {
            None => Ok(()),
            Some(wrong) => Err(format!("{}: {wrong}", shown(&step))),
        }
    }

    fn save(&self, step: &Value, found: &Found) {
        for (variable, field) in step["save"].as_object().into_iter().flatten() {
            let value = field.as_str().and_then(|field| found.field(field)).cloned().unwrap_or_default();
            self.set(variable, value);
        }
    }

    /// Runs the operation of a step. The outer error is one of the runner.
    async fn called(&self, step: &Value) -> Result<Result<Found, Failure>, String> {
        let nothing = object([]);
        match text(step, "do") {
            "connect" => return Ok(self.connect(step).await.map(|()| nothing)),
            "store_file" => {
                let file = self.folder().join(text(step, "name"));
                std::fs::write(file, text(step, "text")).map_err(|error| error.to_string())?;
            }
            "fault" => {
                let mut fault = step.as_object().cloned().unwrap_or_default();
                fault.remove("do");
                self.sandbox.call(Method::POST, "/faults", Some(Value::Object(fault))).await?;
            }
            "clear_faults" => drop(self.sandbox.call(Method::DELETE, "/faults", None).await?),
            "calls" => return calls(&self.sandbox, text(step, "rpc")).await.map(Ok),
            "restart" => self.restart(step).await?,
            "wait" => tokio::time::sleep(milliseconds(step, "ms").unwrap_or_default()).await,
            "for_each" => self.for_each(step).await?,
            "cancel_repeatedly" => return self.cancel_repeatedly(step).await.map(Ok),
            _ => return self.operation(step).await,
        }
        Ok(Ok(nothing))
    }

    /// Runs an operation of the client.
    ///
    /// # Errors
    /// This client does not have the operation.
    pub(crate) async fn operation(&self, step: &Value) -> Result<Result<Found, Failure>, String> {
        let name = step["client"].as_str().unwrap_or("default");
        let client = match self.client(name, step["timeout_ms"].as_u64()).await {
            Ok(client) => client,
            Err(error) => return Ok(Err(error.into())),
        };
        let operations = Operations { client, repository: &self.sandbox.repository, runner: self };
        let call = operations.call(step);
        match milliseconds(step, "cancel_after_ms") {
            None => call.await,
            Some(after) => tokio::time::timeout(after, call).await.unwrap_or(Ok(Err(Failure::Cancelled))),
        }
    }

    /// The first call connects, so it reports an unreachable server.
    async fn connect(&self, step: &Value) -> Result<(), Failure> {
        locked(&self.connections).insert(text(step, "as").to_owned(), step.clone());
        Client::lazy(&self.endpoint(step)?)?;
        Ok(())
    }

    async fn client(&self, name: &str, timeout_ms: Option<u64>) -> Result<Client, lakeport_client::Error> {
        let mut clients = self.clients.lock().await;
        if let Some(client) = clients.get(&(name.to_owned(), timeout_ms)) {
            return Ok(client.clone());
        }
        let how = locked(&self.connections).get(name).cloned().unwrap_or_else(|| json!({}));
        let mut endpoint = self.endpoint(&how)?;
        if let Some(timeout) = timeout_ms {
            endpoint = endpoint.timeout(Duration::from_millis(timeout));
        }
        let client = Client::connect(&endpoint).await?;
        clients.insert((name.to_owned(), timeout_ms), client.clone());
        Ok(client)
    }

    /// Returns the endpoint of a client with the arguments of `connect`.
    fn endpoint(&self, how: &Value) -> Result<Endpoint, lakeport_client::Error> {
        if let Some(variables) = how.get("env") {
            let home = self.folder().display().to_string();
            let variable = |name: &str| match variables[name].as_str() {
                None if name == "HOME" => Some(home.clone()),
                value => value.map(str::to_owned),
            };
            return Endpoint::from_variables(&variable);
        }
        let url = how["endpoint"].as_str().map_or_else(|| format!("grpc://{}", self.sandbox.address), str::to_owned);
        let credentials = match (how["key"].as_str(), how["token"].as_str()) {
            (Some(key), _) => Some(Credentials::basic(key, text(how, "secret"))),
            (None, Some(token)) => Some(Credentials::bearer(token)),
            (None, None) if flag(how, "anonymous") => None,
            (None, None) => Some(Credentials::basic(&self.sandbox.key, &self.sandbox.secret)),
        };
        Ok(Endpoint::new(url).credentials(credentials))
    }

    async fn restart(&self, step: &Value) -> Result<(), String> {
        let (sandbox, down) = (self.sandbox.clone(), json!({"down_ms": step["down_ms"].as_u64().unwrap_or_default()}));
        let restarting =
            tokio::spawn(async move { sandbox.call(Method::POST, "/restart", Some(down)).await.map(drop) });
        if !flag(step, "background") {
            return restarting.await.map_err(|error| error.to_string())?;
        }
        locked(&self.restarts).push(restarting);
        // The next step begins when the server is down.
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok(())
    }

    async fn for_each(&self, step: &Value) -> Result<(), String> {
        let steps = step["steps"].as_array().cloned().unwrap_or_default();
        for values in step["values"].as_array().into_iter().flatten() {
            let variables = step["variables"].as_array().into_iter().flatten();
            for (variable, value) in variables.zip(values.as_array().into_iter().flatten()) {
                self.set(variable.as_str().unwrap_or_default(), value.clone());
            }
            self.steps(&steps).await?;
        }
        Ok(())
    }

    /// Returns the value with the variables in its strings replaced. The steps inside a step are resolved when they run.
    fn resolved(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => self.expanded(text)?,
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.resolved(item)).collect::<Result<_, _>>()?)
            }
            Value::Object(fields) => {
                let resolved = |(name, value): (&String, &Value)| {
                    let value = if name == "steps" { value.clone() } else { self.resolved(value)? };
                    Ok::<_, String>((name.clone(), value))
                };
                Value::Object(fields.iter().map(resolved).collect::<Result<Map<_, _>, _>>()?)
            }
            other => other.clone(),
        })
    }

    fn expanded(&self, text: &str) -> Result<Value, String> {
        let variables = locked(&self.variables);
        let value = |name: &str| variables.get(name).cloned().ok_or_else(|| format!("no variable ${name}"));
        let is_name =
            |name: &str| !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
        if let Some(name) = text.strip_prefix('$').filter(|name| is_name(name)) {
            return value(name);
        }
        let (mut done, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once('$') {
            done.push_str(before);
            let end = |name: &str| name.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
            let (name, next) = match after.strip_prefix('{').and_then(|inside| inside.split_once('}')) {
                Some(braced) => braced,
                None => after.split_at(end(after).unwrap_or(after.len())),
            };
            match is_name(name) {
                true => done.push_str(value(name)?.as_str().unwrap_or_default()),
                false => done.push('$'),
            }
            rest = next;
        }
        Ok(Value::String(done + rest))
    }
}

/// Returns the number of calls of an RPC, and of open calls. A call that a client has ended ends at the server a moment later.
pub(crate) async fn calls(sandbox: &Sandbox, rpc: &str) -> Result<Found, String> {
    let mut left = POLLS;
    loop {
        let found = sandbox.call(Method::GET, "/calls", None).await?;
        let (open, count) = (found["open"].as_u64().unwrap_or(u64::MAX), found["calls"][rpc].as_u64().unwrap_or(0));
        if open == 0 || left == 0 {
            return Ok(object([("count", count.into()), ("open", open.into())]));
        }
        left -= 1;
        tokio::time::sleep(POLL).await;
    }
}

/// Returns the expected error. Its message is a part of the message of the error.
fn partial_message(expected: &Value) -> Value {
    let mut expected = expected.clone();
    if let Some(message) = expected.get_mut("message") {
        *message = json!({"has": message});
    }
    expected
}

fn milliseconds(step: &Value, name: &str) -> Option<Duration> {
    step[name].as_u64().map(Duration::from_millis)
}

fn shown(step: &Value) -> String {
    let mut step = step.as_object().cloned().unwrap_or_default();
    for hidden in ["expect", "save", "fails", "steps"] {
        step.remove(hidden);
    }
    Value::Object(step).to_string().chars().take(300).collect()
}

impl Failure {
    fn found(&self) -> Found {
        let failures = match self {
            Self::Call(error) => error.failures(),
            Self::Text(_) | Self::Cancelled => &[],
        };
        let failed_paths = failures.iter().map(|failure| &failure.path);
        match self {
            Self::Cancelled => object([("code", "CANCELLED".into())]),
            Self::Text(text) => object([("message", text.as_str().into())]),
            Self::Call(error) => object([
                ("code", code_name(error.code()).into()),
                ("reason", error.reason_name().map(str::to_owned).into()),
                ("message", error.message().into()),
                ("paths", list(error.paths().iter().chain(failed_paths).map(String::as_str))),
                ("fields", list(error.field_violations().iter().map(|violation| violation.field.as_str()))),
                ("retry_after_ms", error.retry_delay().map(|delay| delay.as_millis() as u64).into()),
            ]),
        }
    }
}
