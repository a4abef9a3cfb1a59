//! What happens at the points: `LAKEPORT_FAULTS=before:merge:2:die,after:commit:1:hold=FILE` dies before the second merge, and stands
//! still after the first commit until there is such a file.

use std::collections::HashMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

/// How often a file is looked for.
const LOOK: Duration = Duration::from_millis(10);

static ARMED: LazyLock<Vec<Armed>> = LazyLock::new(|| match std::env::var("LAKEPORT_FAULTS") {
    Ok(faults) => faults.split(',').filter(|fault| !fault.is_empty()).map(parsed).collect(),
    Err(_) => Vec::new(),
});
/// How often each point was reached.
static REACHED: LazyLock<Mutex<HashMap<String, u32>>> = LazyLock::new(Mutex::default);

struct Armed {
    point: String,
    nth: u32,
    what: What,
}

#[derive(Clone)]
enum What {
    /// The process ends as by kill -9: nothing is finished, flushed or said.
    Die,
    /// This task waits until there is such a file, and the rest goes on.
    Hold(PathBuf),
}

fn parsed(text: &str) -> Armed {
    text.parse().unwrap_or_else(|()| {
        // A test whose fault never happens would show nothing.
        eprintln!("LAKEPORT_FAULTS: {text:?} is no fault");
        std::process::abort()
    })
}

impl FromStr for Armed {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (point, nth, what) = match *text.split(':').collect::<Vec<_>>() {
            [moment, step, nth, what] => (format!("{moment}:{step}"), nth, what),
            _ => return Err(()),
        };
        let what = match what.split_once('=') {
            None if what == "die" => What::Die,
            Some(("hold", file)) => What::Hold(file.into()),
            _ => return Err(()),
        };
        Ok(Self { point, nth: nth.parse().map_err(drop)?, what })
    }
}

pub(super) async fn reach(moment: &str, step: &str) {
    let Some(what) = met(&format!("{moment}:{step}")) else { return };
    match what {
        What::Die => {
            eprintln!("fault point {moment}:{step}: the process ends");
            std::process::abort();
        }
        What::Hold(file) => {
            eprintln!("fault point {moment}:{step}: stands still");
            while !file.exists() {
                tokio::time::sleep(LOOK).await;
            }
        }
    }
}

fn met(point: &str) -> Option<What> {
    if ARMED.is_empty() {
        return None;
    }
    let mut reached = REACHED.lock().unwrap_or_else(PoisonError::into_inner);
    let times = reached.entry(point.to_owned()).or_default();
    *times += 1;
    ARMED.iter().find(|armed| armed.point == point && armed.nth == *times).map(|armed| armed.what.clone())
}
