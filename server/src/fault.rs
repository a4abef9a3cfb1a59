//! Points of the protocol at which a test build can be made to die or to stand still, to show that nothing is lost there. Each
//! stands before or after a durable step or a request to lakeFS that changes something. Without the feature `fault-points`, which
//! no release has, there is nothing at them.

#[cfg(feature = "fault-points")]
mod armed;

/// The moment before a step.
pub(crate) async fn before(step: &str) {
    #[cfg(feature = "fault-points")]
    armed::reach("before", step).await;
    #[cfg(not(feature = "fault-points"))]
    let _ = step;
}

/// The moment after a step.
pub(crate) async fn after(step: &str) {
    #[cfg(feature = "fault-points")]
    armed::reach("after", step).await;
    #[cfg(not(feature = "fault-points"))]
    let _ = step;
}
