//! Armed faults, from the variable `LAKEPORT_FAULTS`. With `LAKEPORT_FAULTS=before:merge:2:die,after:commit:1:hold=FILE`,
//! the server dies before the second merge, and blocks after the first commit until `FILE` exists.

use std::collections::HashMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

/// Interval of the checks whether a file exists.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

static ARMED: LazyLock<Vec<Armed>> = LazyLock::new(|| match std::env::var("LAKEPORT_FAULTS") {
    Ok(faults) => faults.split(',').filter(|fault| !fault.is_empty()).map(parsed).collect(),
    Err(_) => Vec::new(),
});
/// How many times each point was reached.
static REACHED: LazyLock<Mutex<HashMap<String, u32>>> = LazyLock::new(Mutex::default);

struct Armed {
    point: String,
    nth: u32,
    action: Action,
}

#[derive(Clone)]
enum Action {
    /// Ends the process like kill -9: nothing is finished, flushed or sent.
    Die,
    /// Blocks this task until the file exists. Other tasks continue.
    Hold(PathBuf),
}

fn parsed(text: &str) -> Armed {
    text.parse().unwrap_or_else(|()| {
        // A test whose fault never occurs would prove nothing.
        eprintln!("LAKEPORT_FAULTS: {text:?} is not a fault");
        std::process::abort()
    })
}

impl FromStr for Armed {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (point, nth, action) = match *text.split(':').collect::<Vec<_>>() {
            [moment, step, nth, action] => (format!("{moment}:{step}"), nth, action),
            _ => return Err(()),
        };
        let action = match action.split_once('=') {
            None if action == "die" => Action::Die,
            Some(("hold", file)) => Action::Hold(file.into()),
            _ => return Err(()),
        };
        Ok(Self { point, nth: nth.parse().map_err(drop)?, action })
    }
}

pub(super) async fn reach(moment: &str, step: &str) {
    let Some(action) = action_at(&format!("{moment}:{step}")) else { return };
    match action {
        Action::Die => {
            eprintln!("fault point {moment}:{step}: the process ends");
            std::process::abort();
        }
        Action::Hold(file) => {
            eprintln!("fault point {moment}:{step}: blocked");
            while !file.exists() {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        }
    }
}

/// Increments the number of times that the point was reached. Returns the action that is armed for this number, if any.
fn action_at(point: &str) -> Option<Action> {
    if ARMED.is_empty() {
        return None;
    }
    let mut reached = REACHED.lock().unwrap_or_else(PoisonError::into_inner);
    let times = reached.entry(point.to_owned()).or_default();
    *times += 1;
    ARMED.iter().find(|armed| armed.point == point && armed.nth == *times).map(|armed| armed.action.clone())
}
