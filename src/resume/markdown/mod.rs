//! The résumé as Markdown: a model's reply made usable, or the member's own words laid out.
//!
//! A reply's way (`clean`): `unpack` takes it out of what it was wrapped in, `html` turns HTML into Markdown, `literal` keeps
//! text text that Markdown would take for something else, `headings`, `lists` and `tables` make plain what models write in
//! other ways; then `sections` and `talk` drop what is no part of a résumé, and `placeholder` what was to be filled in.
//! `outline` tells of one that is still being written which section it has come to.

mod clean;
mod headings;
mod html;
mod layout;
mod line;
mod lists;
mod literal;
mod mask;
mod names;
mod outline;
#[rustfmt::skip]
mod phrases;
mod placeholder;
mod sections;
mod tables;
mod talk;
mod unpack;
mod words;

pub use self::clean::clean;
pub use self::html::is_element;
pub use self::layout::{lay_out, months};
pub use self::outline::Headings;

#[cfg(test)]
mod tests;
