//! Something that a loop waits for beside other things, and that may not be there.

use std::pin::Pin;

/// A future, while there is one.
pub type Pending<T> = Option<Pin<Box<dyn Future<Output = T> + Send>>>;

/// What it brings; never anything while there is none.
pub async fn wait_for<T>(future: &mut Pending<T>) -> T {
    match future {
        Some(future) => future.as_mut().await,
        None => std::future::pending().await,
    }
}
