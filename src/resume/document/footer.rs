//! The foot of each page but the first: whose it is, and which.

use std::io;

use super::xml::{Part, WORD};

/// The footer: whose pages these are at the left, and `2 / 4` at the right.
///
/// The numbers are fields, which whoever shows the document reckons (ECMA-376, part 1, 17.16.5.39 NUMPAGES and 17.16.5.44
/// PAGE); what is written here is seen until then.
pub fn part(whose: &str) -> io::Result<Vec<u8>> {
    Part::build("w:ftr", &[WORD], |part| {
        part.element("w:p", &[], |part| {
            part.element("w:pPr", &[], |part| part.property("w:pStyle", "Footer"))?;
            run(part, whose)?;
            part.element("w:r", &[], |part| part.empty("w:tab", &[]))?;
            field(part, " PAGE ", "2")?;
            run(part, " / ")?;
            field(part, " NUMPAGES ", "2")
        })
    })
}

fn run(part: &mut Part, text: &str) -> io::Result<()> {
    part.element("w:r", &[], |part| part.text("w:t", &[("xml:space", "preserve")], text))
}

fn field(part: &mut Part, instruction: &str, shown: &str) -> io::Result<()> {
    part.element("w:fldSimple", &[("w:instr", instruction)], |part| run(part, shown))
}
