//! The résumé as Markdown: a model's reply made usable, or the member's own words laid out.

mod boilerplate;
mod clean;
mod layout;
mod placeholder;

pub use self::clean::clean;
pub use self::layout::lay_out;

#[cfg(test)]
mod tests;
