//! Fault points: places where a test can make the server die or block, to show that nothing is lost there.
//!
//! A fault point is before or after a durable step, or a request to lakeFS that changes something. Fault points do nothing
//! unless the feature `fault-points` is on, and no release has this feature.

#[cfg(all(feature = "fault-points", debug_assertions))]
mod armed;

/// Fault point before a step.
pub(crate) async fn before(step: &str) {
    #[cfg(all(feature = "fault-points", debug_assertions))]
    armed::reach("before", step).await;
    #[cfg(not(all(feature = "fault-points", debug_assertions)))]
    let _ = step;
}

/// Fault point after a step.
pub(crate) async fn after(step: &str) {
    #[cfg(all(feature = "fault-points", debug_assertions))]
    armed::reach("after", step).await;
    #[cfg(not(all(feature = "fault-points", debug_assertions)))]
    let _ = step;
}
