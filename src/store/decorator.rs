//! Stores that change what another one does.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::arn::Arn;
use crate::execution::Event;
use crate::history::HistoryEvent;
use crate::id::{ExecutionId, TokenHash};
use crate::store::{
    Changed, Claim, Claims, Commit, Created, ExecutionFilter, ExecutionSummary, InboxId, NewExecution,
    OwnerId, Page, PageRequest, PromptStore, Revision, Store, StoreError, StoredExecution, TaskAddress,
};
use crate::time::Timestamp;

macro_rules! decorator {
    ($(#[$about:meta])* $($method:ident($($name:ident: $type:ty),*) -> $answer:ty;)*) => {
        $(#[$about])*
        pub trait Decorator: fmt::Debug + Send + Sync + Sized + 'static {
            /// The store that is decorated.
            fn inner(&self) -> &dyn Store;

            /// What every call comes through that is passed on: `work` is that of the inner store's `method`.
            ///
            /// # Errors
            ///
            /// Those of the inner store, and whatever else it likes.
            fn call<T: Send>(
                &self,
                method: &'static str,
                work: impl Future<Output = Result<T, StoreError>> + Send,
            ) -> impl Future<Output = Result<T, StoreError>> + Send {
                let _ = method;
                work
            }

            /// [`Store::is_shared`].
            fn is_shared(&self) -> bool {
                self.inner().is_shared()
            }

            /// [`Store::prompt`]: not unless it says so.
            fn prompt(&self) -> Option<&dyn PromptStore> {
                None
            }

            $(
                #[doc = concat!("[`Store::", stringify!($method), "`].\n\n# Errors\n\nThe same.")]
                fn $method(
                    &self,
                    $($name: $type),*
                ) -> impl Future<Output = Result<$answer, StoreError>> + Send {
                    async move { self.call(stringify!($method), self.inner().$method($($name),*)).await }
                }
            )*
        }

        #[async_trait]
        impl<D: Decorator> Store for D {
            fn is_shared(&self) -> bool {
                Decorator::is_shared(self)
            }

            fn prompt(&self) -> Option<&dyn PromptStore> {
                Decorator::prompt(self)
            }

            $(
                async fn $method(&self, $($name: $type),*) -> Result<$answer, StoreError> {
                    Decorator::$method(self, $($name),*).await
                }
            )*
        }
    };
}

decorator! {
    /// A store that passes on to another one what it does not do itself.
    ///
    /// What has a method of its own in an implementation is done by that; all the rest goes through
    /// [`call`](Self::call). Whatever implements this is a [`Store`].
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU64, Ordering};
    ///
    /// use serde_json::json;
    /// use stepwright::store::{Decorator, StoreError};
    /// use stepwright::{MemoryStore, Runtime, StateMachine, Store};
    ///
    /// /// Counts how often the store is asked for something.
    /// #[derive(Debug, Default)]
    /// struct Counting {
    ///     store: MemoryStore,
    ///     calls: AtomicU64,
    /// }
    ///
    /// impl Decorator for Counting {
    ///     fn inner(&self) -> &dyn Store {
    ///         &self.store
    ///     }
    ///
    ///     async fn call<T: Send>(
    ///         &self,
    ///         _: &'static str,
    ///         work: impl Future<Output = Result<T, StoreError>> + Send,
    ///     ) -> Result<T, StoreError> {
    ///         self.calls.fetch_add(1, Ordering::Relaxed);
    ///         work.await
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = Arc::new(Counting::default());
    /// let runtime = Runtime::builder().store(store.clone()).build()?;
    /// let machine = StateMachine::parse(r#"{ "StartAt": "S", "States": { "S": { "Type": "Succeed" } } }"#)?;
    /// runtime.start_execution(&Arc::new(machine), "one", json!({})).await?.wait().await?;
    /// assert!(store.calls.load(Ordering::Relaxed) > 0);
    /// # Ok(())
    /// # }
    /// ```
    create(execution: NewExecution, first: Commit) -> Created;
    commit(id: &ExecutionId, expected: Revision, commit: Commit) -> Revision;
    reopen(id: &ExecutionId, expected: Revision, commit: Commit) -> Revision;
    load(id: &ExecutionId) -> Option<StoredExecution>;
    describe(id: &ExecutionId) -> Option<ExecutionSummary>;
    find_task(token: &TokenHash) -> Option<TaskAddress>;
    history(id: &ExecutionId, page: PageRequest) -> Page<HistoryEvent>;
    list(filter: ExecutionFilter, page: PageRequest) -> Page<ExecutionSummary>;
    claim(claim: Claim) -> Claims;
    release(owner: OwnerId, executions: Option<&[ExecutionId]>) -> ();
    owned(owner: OwnerId) -> Vec<ExecutionId>;
    changed(owner: OwnerId) -> Changed;
    post(id: &ExecutionId, event: Event) -> InboxId;
    settled(id: &ExecutionId, posted: InboxId) -> bool;
    offers(activity: &Arn, most: usize, held: Duration) -> Vec<TaskAddress>;
    set_activity(activity: &Arn, exists: bool) -> ();
    missing_activities() -> BTreeSet<Arn>;
    forget(closed_before: Timestamp, most: usize) -> usize;
    expire(closed_before: Timestamp, most: usize) -> usize;
}
