//! How far what a request holds may go.

/// Which servers a request may be sent to, where not all are in the country.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// To those in the country alone.
    #[default]
    Home,
    /// Beyond its borders, too: whoever sent the request says that the member has agreed.
    Overseas,
}
