//! What users test their machines with: mocks, virtual time, fixtures.
//!
//! The [`Simulator`] runs a machine with mocks, without any runtime, and [`TestState`] one state of it. The `VirtualClock` lets a real runtime
//! run in virtual time, and the module `store` tells whether a store keeps its promises.

#[cfg(feature = "runtime")]
mod clock;
mod fixture;
#[cfg(feature = "runtime")]
mod keeper;
mod mock;
mod mocks;
mod run;
mod script;
mod simulator;
#[cfg(feature = "runtime")]
pub mod store;
mod test_state;
mod world;

#[cfg(feature = "runtime")]
pub use clock::VirtualClock;
pub use fixture::{Fixture, FixtureError, FixtureRun, Mismatch};
pub use mock::Mock;
pub use mocks::{Mocks, Unmocked};
pub use run::{Run, RunError};
pub use script::{Call, Happening, Report, Script};
pub use simulator::{Simulator, SimulatorError};
pub use test_state::{
    ErrorDetails, ErrorOutput, FieldValidation, InspectionData, InspectionLevel, MockedResult,
    StateConfiguration, TestState, TestStateError, TestStateErrorCode, TestStateOutcome, TestStateStatus,
    TestedCall,
};
