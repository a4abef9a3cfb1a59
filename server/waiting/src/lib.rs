//! Tells which part of the system a call waits for, so that a call whose deadline passes can name it.
//!
//! The server runs each call in the scope of a [`Waiting`]. The clients of lakeFS and of the session store count their requests in
//! the scope of the current call. Outside a call, they count nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

tokio::task_local! {
    static CALL: Arc<Waiting>;
}

/// A part of the system that a call can wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// lakeFS, or its object store.
    Lakefs,
    /// The database of the transactions.
    SessionStore,
}

/// The requests of one call that have no response yet.
#[derive(Debug, Default)]
pub struct Waiting {
    lakefs: AtomicUsize,
    session_store: AtomicUsize,
}

/// Handle on the current call, for code that runs in another task. Empty outside a call.
#[derive(Debug, Clone, Default)]
pub struct Call(Option<Arc<Waiting>>);

/// A request without a response. Dropping it records the response.
#[derive(Debug)]
pub struct Wait {
    call: Call,
    side: Side,
}

/// Returns the current call.
pub fn current() -> Call {
    Call(CALL.try_with(Arc::clone).ok())
}

/// Records that the current call waits for a side.
pub fn on(side: Side) -> Wait {
    current().on(side)
}

/// Returns a future that runs in the scope of the current call, for a task that the call waits for.
pub fn inherit<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let Call(call) = current();
    async move {
        match call {
            Some(call) => CALL.scope(call, future).await,
            None => future.await,
        }
    }
}

impl Call {
    /// Records that the call waits for a side.
    pub fn on(&self, side: Side) -> Wait {
        if let Some(waiting) = &self.0 {
            waiting.count(side).fetch_add(1, Ordering::Relaxed);
        }
        Wait { call: self.clone(), side }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(waiting) = &self.call.0 {
            waiting.count(self.side).fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Waiting {
    fn count(&self, side: Side) -> &AtomicUsize {
        match side {
            Side::Lakefs => &self.lakefs,
            Side::SessionStore => &self.session_store,
        }
    }

    /// Returns the side that the call waits for; `None` if it waits for neither, e.g. for its client or a permit.
    pub fn side(&self) -> Option<Side> {
        [Side::SessionStore, Side::Lakefs].into_iter().find(|side| self.count(*side).load(Ordering::Relaxed) > 0)
    }

    /// Runs a future as this call.
    pub fn scope<F: Future>(self: &Arc<Self>, future: F) -> impl Future<Output = F::Output> {
        CALL.scope(Arc::clone(self), future)
    }

    /// Runs a function as this call.
    pub fn enter<T>(self: &Arc<Self>, run: impl FnOnce() -> T) -> T {
        CALL.sync_scope(Arc::clone(self), run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_knows_which_side_it_waits_for() {
        let call = Arc::new(Waiting::default());
        assert_eq!(call.side(), None);
        let wait = call.enter(|| on(Side::Lakefs));
        assert_eq!(call.side(), Some(Side::Lakefs));
        drop(wait);
        assert_eq!(call.side(), None);
        drop(on(Side::Lakefs));
        assert_eq!(call.side(), None, "a request outside the call was counted");
    }

    #[tokio::test]
    async fn a_task_inherits_the_call() {
        let call = Arc::new(Waiting::default());
        let task = call.enter(|| {
            tokio::spawn(inherit(async {
                let _wait = on(Side::SessionStore);
                std::future::pending::<()>().await;
            }))
        });
        tokio::task::yield_now().await;
        assert_eq!(call.side(), Some(Side::SessionStore));
        task.abort();
        assert!(task.await.is_err());
        assert_eq!(call.side(), None);
    }
}
