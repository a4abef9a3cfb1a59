//! Points of the protocol at which a test build can be made to die or to stand still, to show that nothing is lost there. Each
//! stands before or after a durable step or a request to lakeFS that changes something. Without the feature `fault-points`, which
//! no release has, there is nothing at them.

#[cfg(all(feature = "fault-points", debug_assertions))]
mod armed;

/// The moment before a step.
pub(crate) async fn before(step: &str) {
    #[cfg(all(feature = "fault-points", debug_assertions))]
    armed::reach("before", step).await;
    #[cfg(not(all(feature = "fault-points", debug_assertions)))]
    let _ = step;
}

/// The moment after a step.
pub(crate) async fn after(step: &str) {
    #[cfg(all(feature = "fault-points", debug_assertions))]
    armed::reach("after", step).await;
    #[cfg(not(all(feature = "fault-points", debug_assertions)))]
    let _ = step;
}
