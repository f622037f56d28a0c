//! Who hears a reply while the model writes it.

/// Hears a reply while it is being written. What is heard is what the model says, special tokens and all: the beginning of
/// what [`ask`](super::Model::ask) returns, unless the call fails and another one [`begins`](Self::begins).
///
/// It is called between two reads of the network, so it is quick and waits for nothing.
pub trait Listener: Send + Sync {
    /// A reply begins. What was heard before is no part of it: another server is asked, or the same once more.
    fn begins(&self);

    /// More of the reply: all that came together.
    fn hears(&self, more: &str);
}

/// Hears nothing: what is read while it is written is known to hang as soon as it does.
impl Listener for () {
    fn begins(&self) {}

    fn hears(&self, _: &str) {}
}
