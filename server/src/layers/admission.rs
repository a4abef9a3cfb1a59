//! How many calls at once, of each kind, in all and of one caller. A permit is held until the body of the answer ends.

use super::ending::told;
use super::{is_internal, refused};
use crate::auth::{Access, Caller};
use crate::error::{Error, Kind};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a call waits for a place.
const QUEUE: Duration = Duration::from_millis(50);

/// Kinds of calls, each with places of its own, so that none can starve another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kinds {
    Unary,
    Read,
    Write,
    Watch,
    /// What ends transactions must always get through.
    End,
}

impl Kinds {
    fn of(path: &str) -> Self {
        match path.rsplit('/').next().unwrap_or_default() {
            "Read" | "List" | "BatchRead" | "BatchStat" | "Log" | "Diff" | "ListTransactionChanges" => Self::Read,
            "Write" | "BatchWrite" | "Delete" | "Copy" | "Move" => Self::Write,
            "WatchTransaction" => Self::Watch,
            "CommitTransaction" | "RollbackTransaction" | "KeepAliveTransaction" => Self::End,
            _ => Self::Unary,
        }
    }

    fn places(self) -> usize {
        match self {
            Self::Unary | Self::End => 512,
            Self::Read | Self::Write => 256,
            Self::Watch => 16_384,
        }
    }
}

/// Who holds how many places. Only who is verified stands here.
type Shares = Arc<Mutex<HashMap<(Arc<str>, Kinds), usize>>>;

/// The places.
#[derive(Clone)]
pub struct Admission {
    /// Of the places of a kind, one principal may have one in so many, and more while half of them are free.
    part: usize,
    places: Arc<HashMap<Kinds, Arc<Semaphore>>>,
    shares: Shares,
}

/// One caller's share of the places of a kind.
struct Share {
    shares: Shares,
    key: (Arc<str>, Kinds),
}

impl Admission {
    /// Places for callers who are told apart, or for the one principal that all callers are.
    pub fn new(access: Access) -> Self {
        let part = if access == Access::PassThrough { 4 } else { 1 };
        let kinds = [Kinds::Unary, Kinds::Read, Kinds::Write, Kinds::Watch, Kinds::End];
        let places = kinds.into_iter().map(|kind| (kind, Arc::new(Semaphore::new(kind.places()))));
        Self { part, places: Arc::new(places.collect()), shares: Shares::default() }
    }

    /// One place of a caller's part.
    fn share(&self, principal: &Arc<str>, kind: Kinds) -> Option<Share> {
        let key = (Arc::clone(principal), kind);
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let held = shares.entry(key.clone()).or_default();
        let is_plenty = self.places.get(&kind).is_some_and(|places| places.available_permits() * 2 > kind.places());
        if *held >= kind.places() / self.part && !is_plenty {
            return None;
        }
        *held += 1;
        Some(Share { shares: Arc::clone(&self.shares), key })
    }

    async fn place(&self, kind: Kinds) -> Option<OwnedSemaphorePermit> {
        let places = Arc::clone(self.places.get(&kind)?);
        tokio::time::timeout(QUEUE, places.acquire_owned()).await.ok()?.ok()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = shares.get_mut(&self.key) {
            *held -= 1;
            if *held == 0 {
                shares.remove(&self.key);
            }
        }
    }
}

pub(super) async fn admitted(State(admission): State<Admission>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let Some(caller) = request.extensions().get::<Caller>().filter(|_| !is_internal(path)) else {
        return next.run(request).await;
    };
    let kind = Kinds::of(path);
    let overloaded = |whose: &str| {
        refused(Error::new(Kind::Overloaded, format!("{whose} as many such calls under way as allowed: try again")))
    };
    let Some(share) = admission.share(&caller.principal, kind) else { return overloaded("you have") };
    let Some(place) = admission.place(kind).await else { return overloaded("the server has") };
    let response = next.run(request).await;
    told(response, move |_| {
        drop(place);
        drop(share);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn enter(admission: &Admission, who: &Arc<str>, kind: Kinds) -> Option<(Share, OwnedSemaphorePermit)> {
        let share = admission.share(who, kind)?;
        Some((share, admission.place(kind).await?))
    }

    async fn all(admission: &Admission, who: &Arc<str>) -> Vec<(Share, OwnedSemaphorePermit)> {
        let mut held = Vec::new();
        while let Some(place) = enter(admission, who, Kinds::Read).await {
            held.push(place);
        }
        held
    }

    #[tokio::test(start_paused = true)]
    async fn one_principal_leaves_half_of_the_places_and_gets_its_own_back() {
        let admission = Admission::new(Access::PassThrough);
        let (greedy, other) = (Arc::from("greedy"), Arc::from("other"));
        let places = Kinds::Read.places();
        let held = all(&admission, &greedy).await;
        assert_eq!(held.len(), places / 2);
        let others = all(&admission, &other).await;
        assert_eq!(others.len(), places / 4, "what is left is shared");
        assert!(enter(&admission, &greedy, Kinds::End).await.is_some(), "what ends transactions is counted on its own");
        drop((held, others));
        assert!(enter(&admission, &greedy, Kinds::Read).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_one_principal_that_all_callers_are_may_have_all() {
        let admission = Admission::new(Access::Service);
        assert_eq!(all(&admission, &Arc::from("lakeport")).await.len(), Kinds::Read.places());
    }
}
