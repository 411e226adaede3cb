//! Turns for others: where a store answers at once, whoever starts or answers one execution after the other never waits
//! for anything, and handlers would have to wait for the last of them. What they work on would be cold by then, too.

use tokio::task::coop::consume_budget;

/// What the start of an execution takes of tokio's budget of a turn, in which a message on a channel takes one: some
/// thirty starts, and the handlers called for them have their turn.
pub(super) const START: usize = 4;

/// The same of an answer.
pub(super) const REPORT: usize = 2;

/// Takes so much of the budget of whoever calls; lets others have their turn if there is not enough left.
pub(super) async fn after(units: usize) {
    for _ in 0..units {
        consume_budget().await;
    }
}
