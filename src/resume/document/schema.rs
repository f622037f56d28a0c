//! The schema of WordprocessingML as far as our parts use it: ECMA-376, part 1, annex A (wml.xsd, transitional).

use quick_xml::events::{BytesStart, Event};

/// A content model: an element, the attributes that it may have, and its children in order, each once or as often as its mark
/// says (`?`, `*` and `+` as in a regular expression; `a|b` is a choice). An element without a rule has a value at most.
/// Whoever writes something new finds it refused here, and looks its place up first.
type Rule = (&'static str, &'static str, &'static str);

const RULES: &[Rule] = &[
    // document.xml
    ("document", "mc:Ignorable", "background? body?"),
    ("body", "", "p|tbl* sectPr?"),
    ("sectPr", "", SECTION),
    ("pgSz", "w:w w:h", ""),
    ("pgMar", "w:top w:right w:bottom w:left w:header w:footer w:gutter", ""),
    ("footerReference", "w:type r:id", ""),
    ("titlePg", "", ""),
    ("p", "w14:paraId", "pPr? r|hyperlink|fldSimple*"),
    ("fldSimple", "w:instr", "r*"),
    ("tabs", "", "tab+"),
    ("pPr", "", PARAGRAPH),
    ("numPr", "", "ilvl? numId?"),
    ("ind", "w:left w:right w:hanging", ""),
    ("spacing", "w:val w:before w:after w:line w:lineRule", ""),
    ("hyperlink", "r:id w:history", "r*"),
    ("r", "", "rPr? t|br|tab*"),
    ("rPr", "", RUN),
    ("t", "xml:space", "#text"),
    ("br", "", ""),
    // Of a run, and of a paragraph's tab stops.
    ("tab", "w:val w:leader w:pos", ""),
    ("shd", "w:val w:color w:fill", ""),
    ("tbl", "", "tblPr tblGrid tr*"),
    ("tblPr", "", TABLE),
    ("tblW", "w:w w:type", ""),
    ("tblInd", "w:w w:type", ""),
    ("tblLayout", "w:type", ""),
    ("tblGrid", "", "gridCol*"),
    ("gridCol", "w:w", ""),
    ("tr", "", "trPr? tc*"),
    ("trPr", "", "cantSplit|tblHeader*"),
    ("cantSplit", "", ""),
    ("tblHeader", "", ""),
    // A cell ends with a paragraph.
    ("tc", "", "tcPr? tbl* p+"),
    ("tcPr", "", CELL),
    ("tcW", "w:w w:type", ""),
    // footer.xml
    ("ftr", "", "p|tbl+"),
    // numbering.xml
    ("numbering", "", "numPicBullet* abstractNum* num* numIdMacAtCleanup?"),
    ("abstractNum", "w:abstractNumId", "nsid? multiLevelType? tmpl? name? styleLink? numStyleLink? lvl*"),
    ("lvl", "w:ilvl", "start? numFmt? lvlRestart? pStyle? isLgl? suff? lvlText? lvlPicBulletId? lvlJc? pPr? rPr?"),
    ("num", "w:numId", "abstractNumId lvlOverride*"),
    ("lvlOverride", "w:ilvl", "startOverride? lvl?"),
    // styles.xml
    ("styles", "", "docDefaults? latentStyles? style*"),
    ("docDefaults", "", "rPrDefault? pPrDefault?"),
    ("rPrDefault", "", "rPr?"),
    ("pPrDefault", "", "pPr?"),
    ("latentStyles", "w:defLockedState w:defUIPriority w:defSemiHidden w:defUnhideWhenUsed w:defQFormat w:count", ""),
    ("style", "w:type w:default w:customStyle w:styleId", STYLE),
    ("rFonts", "w:ascii w:hAnsi w:eastAsia w:cs", ""),
    ("lang", "w:val w:eastAsia w:bidi", ""),
    ("tblCellMar", "", "top? left? bottom? right?"),
    ("tblBorders", "", "top? left? bottom? right? insideH? insideV?"),
    ("pBdr", "", "top? left? bottom? right? between? bar?"),
    ("top", BORDER, ""),
    ("left", BORDER, ""),
    ("bottom", BORDER, ""),
    ("right", BORDER, ""),
    ("insideH", BORDER, ""),
    ("insideV", BORDER, ""),
    // fontTable.xml
    ("fonts", "", "font*"),
    ("font", "w:name", "altName? panose1? charset? family? notTrueType? pitch? sig?"),
    ("sig", "w:usb0 w:usb1 w:usb2 w:usb3 w:csb0 w:csb1", ""),
    // settings.xml
    ("settings", "", "zoom? defaultTabStop? characterSpacingControl? compat? themeFontLang?"),
    ("zoom", "w:percent", ""),
    ("compat", "", "compatSetting*"),
    ("compatSetting", "w:name w:uri w:val", ""),
    ("themeFontLang", "w:val w:eastAsia w:bidi", ""),
];
const PARAGRAPH: &str = "pStyle? keepNext? keepLines? pageBreakBefore? framePr? widowControl? numPr? suppressLineNumbers? \
    pBdr? shd? tabs? suppressAutoHyphens? kinsoku? wordWrap? overflowPunct? topLinePunct? autoSpaceDE? autoSpaceDN? bidi? \
    adjustRightInd? snapToGrid? spacing? ind? contextualSpacing? mirrorIndents? suppressOverlap? jc? textDirection? \
    textAlignment? textboxTightWrap? outlineLvl? divId? cnfStyle? rPr? sectPr? pPrChange?";
const RUN: &str = "rStyle? rFonts? b? bCs? i? iCs? caps? smallCaps? strike? dstrike? outline? shadow? emboss? imprint? \
    noProof? snapToGrid? vanish? webHidden? color? spacing? w? kern? position? sz? szCs? highlight? u? effect? bdr? shd? \
    fitText? vertAlign? rtl? cs? em? lang? eastAsianLayout? specVanish? oMath?";
const TABLE: &str = "tblStyle? tblpPr? tblOverlap? bidiVisual? tblStyleRowBandSize? tblStyleColBandSize? tblW? jc? \
    tblCellSpacing? tblInd? tblBorders? shd? tblLayout? tblCellMar? tblLook? tblCaption? tblDescription?";
const CELL: &str = "cnfStyle? tcW? gridSpan? hMerge? vMerge? tcBorders? shd? noWrap? tcMar? textDirection? tcFitText? vAlign? \
    hideMark?";
const SECTION: &str = "headerReference|footerReference* footnotePr? endnotePr? type? pgSz? pgMar? paperSrc? pgBorders? \
    lnNumType? pgNumType? cols? formProt? vAlign? noEndnote? titlePg? textDirection? bidi? rtlGutter? docGrid?";
const STYLE: &str = "name? aliases? basedOn? next? link? autoRedefine? hidden? uiPriority? semiHidden? unhideWhenUsed? \
    qFormat? locked? personal? personalCompose? personalReply? rsid? pPr? rPr? tblPr? trPr? tcPr? tblStylePr*";
const BORDER: &str = "w:val w:sz w:space w:color w:w w:type";

/// An element that is being read: its name, and the names of its children so far.
struct Open {
    name: String,
    children: Vec<String>,
}

/// Says what the schema does not allow in a part, the first thing only.
pub fn violation(part: &str) -> Option<String> {
    let mut reader = quick_xml::Reader::from_str(part);
    let mut open = vec![Open { name: "the part".to_owned(), children: Vec::new() }];
    loop {
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(error) => return Some(format!("not well-formed: {error}")),
        };
        let found = match &event {
            Event::Start(tag) => {
                let name = begin(tag, &mut open);
                open.push(Open { name, children: Vec::new() });
                attributes(tag)
            }
            Event::Empty(tag) => {
                let name = begin(tag, &mut open);
                attributes(tag).or_else(|| children(&Open { name, children: Vec::new() }))
            }
            Event::End(_) => open.pop().and_then(|open| children(&open)),
            Event::Text(text) if !text.iter().all(u8::is_ascii_whitespace) => {
                let open = open.last()?;
                let mixed = rule(&open.name).is_none_or(|rule| rule.2 != "#text");
                mixed.then(|| format!("text in {}", open.name))
            }
            Event::Eof => return None,
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
}

fn begin(tag: &BytesStart<'_>, open: &mut [Open]) -> String {
    let name = String::from_utf8_lossy(tag.name().as_ref()).into_owned();
    let name = name.strip_prefix("w:").unwrap_or(&name).to_owned();
    open.last_mut().unwrap().children.push(name.clone());
    name
}

fn rule(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.0 == name)
}

fn attributes(tag: &BytesStart<'_>) -> Option<String> {
    let name = String::from_utf8_lossy(tag.name().as_ref()).into_owned();
    let allowed = rule(name.trim_start_matches("w:")).map_or("w:val", |rule| rule.1);
    tag.attributes().find_map(|attribute| {
        let attribute = attribute.unwrap();
        let key = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
        let known = key.starts_with("xmlns") || allowed.split(' ').any(|allowed| allowed == key);
        (!known).then(|| format!("{key} at {name}"))
    })
}

fn children(open: &Open) -> Option<String> {
    let order = rule(&open.name).map_or("", |rule| rule.2);
    let mut left = open.children.as_slice();
    for step in order.split(' ').filter(|step| !matches!(*step, "" | "#text")) {
        let names = step.trim_end_matches(['?', '*', '+']);
        let most = if step.ends_with(['*', '+']) { usize::MAX } else { 1 };
        let found = left.iter().take_while(|child| names.split('|').any(|name| name == *child)).take(most).count();
        if found == 0 && !step.ends_with(['?', '*']) {
            return Some(format!("{} without {names}: {:?}", open.name, open.children));
        }
        left = &left[found..];
    }
    left.first().map(|child| format!("{child} in {} is not in its place: {:?}", open.name, open.children))
}

#[test]
fn what_the_schema_does_not_allow_is_found() {
    for (part, wanted) in [
        (
            "<w:p><w:pPr><w:jc w:val=\"right\"/><w:pStyle w:val=\"a\"/></w:pPr></w:p>",
            "pStyle in pPr is not in its place",
        ),
        ("<w:p><w:pPr><w:rPr/><w:pStyle w:val=\"a\"/></w:pPr></w:p>", "pStyle in pPr is not in its place"),
        ("<w:r><w:rPr><w:b/><w:rStyle w:val=\"a\"/></w:rPr></w:r>", "rStyle in rPr is not in its place"),
        ("<w:rPr><w:b/><w:b/></w:rPr>", "b in rPr is not in its place"),
        ("<w:numPr><w:numId w:val=\"1\"/><w:ilvl w:val=\"1\"/></w:numPr>", "ilvl in numPr is not in its place"),
        ("<w:tblGrid><w:gridCol w:w=\"1\" w:type=\"dxa\"/></w:tblGrid>", "w:type at w:gridCol"),
        ("<w:tc><w:tcPr/></w:tc>", "tc without p"),
        ("<w:tbl><w:tr/></w:tbl>", "tbl without tblPr"),
        ("<w:p>text</w:p>", "text in p"),
        ("<w:p><w:new/></w:p>", "new in p is not in its place"),
        ("<w:p><w:r></w:p>", "not well-formed"),
    ] {
        let found = violation(part).unwrap_or_default();
        assert!(found.starts_with(wanted), "{part}: {found}");
    }
    assert_eq!(violation("<w:p><w:pPr><w:pStyle w:val=\"a\"/></w:pPr><w:r><w:t>x</w:t></w:r></w:p>"), None);
}
