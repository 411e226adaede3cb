//! What users test their machines with.

#[cfg(feature = "runtime")]
mod clock;
#[cfg(feature = "runtime")]
pub mod store;

#[cfg(feature = "runtime")]
pub use clock::VirtualClock;
