//! What stands in for the worker's neighbours where a fault is staged, and how a test waits for what happens to it.

pub mod documents;
pub mod model;
pub mod model_server;
pub mod producer;
pub mod state;
pub mod teller;

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::kit::wait::PATIENCE;

/// What `future` brings. Panics after [`PATIENCE`].
pub async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("after {PATIENCE:?} still not: {what}"),
    }
}

/// Where a double stands still until the test lets it go on.
#[derive(Clone, Debug)]
pub struct Gate(Arc<watch::Sender<Standing>>);

#[derive(Debug)]
struct Standing {
    is_open: bool,
    came: usize,
}

impl Gate {
    pub fn shut() -> Self {
        Self(Arc::new(watch::Sender::new(Standing { is_open: false, came: 0 })))
    }

    /// Lets everybody go on, now and later.
    pub fn open(&self) {
        self.0.send_modify(|standing| standing.is_open = true);
    }

    /// Waits until somebody has come to it.
    pub async fn reached(&self) {
        let mut standing = self.0.subscribe();
        in_time("somebody stands at the gate", standing.wait_for(|standing| standing.came > 0)).await.unwrap();
    }

    /// A double comes to it.
    async fn pass(&self) {
        self.0.send_modify(|standing| standing.came += 1);
        self.0.subscribe().wait_for(|standing| standing.is_open).await.unwrap();
    }
}

/// What a double was given, in this order.
#[derive(Debug)]
struct Calls<T>(watch::Sender<Vec<T>>);

impl<T: Clone> Calls<T> {
    fn new() -> Self {
        Self(watch::Sender::new(Vec::new()))
    }

    fn push(&self, call: T) {
        self.0.send_modify(|calls| calls.push(call));
    }

    fn all(&self) -> Vec<T> {
        self.0.borrow().clone()
    }

    /// Waits until `find` finds something in them.
    async fn find<F>(&self, what: &str, mut find: impl FnMut(&[T]) -> Option<F>) -> F {
        let mut calls = self.0.subscribe();
        in_time(what, async move {
            loop {
                if let Some(found) = find(&calls.borrow_and_update()) {
                    return found;
                }
                calls.changed().await.unwrap();
            }
        })
        .await
    }
}
