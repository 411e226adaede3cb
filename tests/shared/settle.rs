//! Time for everybody else.

/// Lets everybody else have their turns, until nothing more happens.
pub(crate) async fn settle() {
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}
