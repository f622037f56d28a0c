//! Numbers that say who somebody is, or how to reach them. They are told from ordinary numbers (dates, amounts, versions,
//! ranges, numbers of problems) by their groups of digits and what stands between these.

use super::plain::Text;
use super::{Found, Kind};

/// Groups that are looked at, and digits of one.
const GROUPS: usize = 6;
const DIGITS: usize = 20;
/// Characters between two groups.
const GAP: usize = 4;
/// Digits of a resident number before the hyphen, and behind it.
const BIRTH: usize = 6;
const SERIAL: usize = 7;
/// Characters before a passport's number that have to say so, where its form is that of other numbers.
const SAID_BEFORE: usize = 20;

/// What stands between two groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gap {
    /// Nothing follows.
    None,
    Space,
    Dot,
    /// A hyphen, or a bracket.
    Hyphen,
}

/// Digits, and what is behind them.
#[derive(Debug)]
struct Group {
    digits: String,
    end: usize,
    gap: Gap,
}

/// The number that begins at `at`, if there is one, and from where to go on looking if there is none.
pub(super) fn at(text: &Text, at: usize) -> (Option<Found>, usize) {
    let Some(c) = text.get(at) else { return (None, at + 1) };
    let before = text.before(at);
    if c.is_ascii_uppercase() && !before.is_some_and(|before| before.is_ascii_alphanumeric()) {
        return (passport(text, at), at + 1);
    }
    let has_plus = c == '+';
    let start = if has_plus { at + 1 } else { at };
    let is_digit = |at: usize| text.get(at).is_some_and(|c| c.is_ascii_digit());
    if !is_digit(start) || before.is_some_and(|before| before.is_ascii_digit()) && !has_plus {
        return (None, at + 1);
    }
    let groups = groups(text, start);
    let next = groups.first().map_or(at + 1, |first| first.end);
    let number = Number { text, at, has_plus, groups: &groups };
    (number.resident().or_else(|| number.card()).or_else(|| number.phone()), next)
}

/// Groups of digits from `at` on.
fn groups(text: &Text, mut at: usize) -> Vec<Group> {
    let is_digit = |at: usize| text.get(at).is_some_and(|c| c.is_ascii_digit());
    let mut groups = Vec::new();
    while groups.len() < GROUPS && is_digit(at) {
        let mut end = at;
        while is_digit(end) {
            end += 1;
        }
        let is_long = end - at > DIGITS;
        let (gap, next) = gap(text, end);
        groups.push(Group { digits: text.text(at..end.min(at + DIGITS + 1)), end, gap });
        if is_long || gap == Gap::None {
            break;
        }
        at = next;
    }
    groups
}

/// What stands behind a group, and where the next one begins.
fn gap(text: &Text, end: usize) -> (Gap, usize) {
    let is_between = |at: usize| text.get(at).is_some_and(|c| matches!(c, ' ' | '-' | '.' | '(' | ')'));
    let mut at = end;
    while at - end < GAP && is_between(at) {
        at += 1;
    }
    let between = text.text(end..at);
    let has = |wanted: char| between.matches(wanted).count();
    let gap = match (has('-') + has(')').max(has('(')), has('.')) {
        _ if at == end || !text.get(at).is_some_and(|c| c.is_ascii_digit()) || has('-') > 1 => Gap::None,
        (0, 0) => Gap::Space,
        (0, 1) => Gap::Dot,
        (_, 0) => Gap::Hyphen,
        _ => Gap::None,
    };
    (gap, at)
}

/// Groups that may be a number.
struct Number<'a> {
    text: &'a Text,
    at: usize,
    has_plus: bool,
    groups: &'a [Group],
}

impl Number<'_> {
    fn found(&self, kind: Kind, end: usize) -> Found {
        let comes_back = matches!(kind, Kind::Phone | Kind::Email);
        // A bracket that is only closed within it: `(02) 123-4567`.
        let start = if self.text.before(self.at) == Some('(') && self.closes(end) { self.at - 1 } else { self.at };
        Found { kind, chars: start..end, comes_back }
    }

    fn closes(&self, end: usize) -> bool {
        let within = self.text.text(self.at..end);
        within.contains(')') && !within.contains('(')
    }

    /// How many digits each group has.
    fn lengths(&self) -> Vec<usize> {
        self.groups.iter().map(|group| group.digits.len()).collect()
    }

    /// All digits of the first groups.
    fn digits(&self, groups: usize) -> String {
        self.groups.iter().take(groups).map(|group| group.digits.as_str()).collect()
    }

    /// Whether it goes on with digits behind a hyphen or a dot after these groups, or came so.
    fn is_part(&self, groups: usize) -> bool {
        let last = groups.checked_sub(1).and_then(|last| self.groups.get(last));
        let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        // At the end of a sentence another number may follow.
        let goes_on = last.is_some_and(|last| {
            matches!(self.text.get(last.end), Some('-' | '.')) && is_digit(self.text.get(last.end + 1))
        });
        let came = matches!(self.text.before(self.at), Some('-' | '.'))
            && is_digit(self.at.checked_sub(1).and_then(|at| self.text.before(at)));
        goes_on || came
    }

    /// A resident number, or a foreigner's: `990101-1234567`, with its end starred out, or in one piece.
    fn resident(&self) -> Option<Found> {
        let first = self.groups.first()?;
        if first.digits.len() == BIRTH + SERIAL {
            let (birth, serial) = first.digits.split_at_checked(BIRTH)?;
            let is_one = is_date(birth) && (is_grown_up(birth, serial) || is_checked(&first.digits));
            let kind = of_serial(serial).filter(|_| is_one)?;
            // A bar code may be made of a day, too.
            let comes_back = !is_checked(&first.digits);
            return Some(Found { comes_back, ..self.found(kind, first.end) });
        }
        if first.digits.len() != BIRTH || !matches!(first.gap, Gap::Hyphen | Gap::Space) {
            return None;
        }
        let (_, begin) = gap(self.text, first.end);
        let end = begin + SERIAL;
        let serial = self.text.text(begin..end.min(self.text.len()));
        let kind = of_serial(&serial)?;
        let mut rest = serial.chars().skip(1);
        let is_serial = rest.all(|c| c.is_ascii_digit() || matches!(c, '*' | 'X' | 'x' | 'O'));
        let ends = !self.text.get(end).is_some_and(|c| c.is_ascii_digit() || c == '*');
        if serial.chars().count() != SERIAL || !is_serial || !ends {
            return None;
        }
        if is_date(&first.digits) {
            return Some(self.found(kind, end));
        }
        // No day of any calendar, and yet in this form: perhaps something else, which is then given back.
        let is_sum = |digits: &str| digits.ends_with("000");
        let is_alone = first.gap == Gap::Hyphen && !self.is_part(2) && !is_sum(&first.digits) && !is_sum(&serial);
        is_alone.then(|| Found { comes_back: true, ..self.found(kind, end) })
    }

    /// A card: in four groups of four, or in one piece with a check digit that fits.
    fn card(&self) -> Option<Found> {
        let lengths = self.lengths();
        let of_card = |digits: &str| digits.starts_with(['3', '4', '5', '6', '9']) && is_luhn(digits);
        let count = match lengths.as_slice() {
            [15 | 16, ..] if of_card(&self.digits(1)) => 1,
            [4, 6, 5, ..] if of_card(&self.digits(3)) => 3,
            [4, 4, 4, 4, ..] if of_card(&self.digits(4)) || self.is_hyphened(4) && !self.are_years(4) => 4,
            _ => return None,
        };
        let end = self.groups.get(count - 1)?.end;
        let is_in_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
        let alone = !self.is_part(count) && !is_in_word(self.text.before(self.at)) && !is_in_word(self.text.get(end));
        alone.then(|| self.found(Kind::Card, end))
    }

    fn is_hyphened(&self, groups: usize) -> bool {
        self.groups.iter().take(groups - 1).all(|group| group.gap == Gap::Hyphen)
    }

    fn are_years(&self, groups: usize) -> bool {
        self.groups.iter().take(groups).all(|group| group.digits.starts_with("19") || group.digits.starts_with("20"))
    }

    fn phone(&self) -> Option<Found> {
        (1..=self.groups.len()).find_map(|count| {
            let end = self.groups.get(count - 1)?.end;
            (self.is_domestic(count) || self.is_international(count)).then(|| self.found(Kind::Phone, end))
        })
    }

    /// As it is called within the country, by these groups.
    fn is_domestic(&self, count: usize) -> bool {
        let (lengths, digits) = (self.lengths(), self.digits(count));
        let Some(first) = self.groups.first().filter(|_| !self.has_plus) else { return false };
        let is_hyphened = count > 1 && self.is_hyphened(count);
        // Zeros and ones in a row are a number of another kind.
        if !is_hyphened && digits.chars().all(|c| matches!(c, '0' | '1')) {
            return false;
        }
        let later = lengths.get(1..count).unwrap_or_default();
        if is_mobile(&digits) {
            let is_fraction = count == 1 && self.text.before(self.at) == Some('.') && self.is_part(1);
            return first.digits.len() >= 3 && later.iter().all(|length| *length >= 2) && !is_fraction;
        }
        let Some(area) = area(&digits) else { return false };
        let fits = match later {
            [] => true,
            [7 | 8] => first.digits.len() == area,
            [4] => first.digits.len() > area && is_hyphened,
            [3 | 4, 4] => first.digits.len() == area,
            _ => false,
        };
        fits && !self.is_part(count)
    }

    /// As it is called from abroad: `+82 10-1234-5678`, `+82 (0)2-123-4567`, `+1 650-555-1234`.
    fn is_international(&self, count: usize) -> bool {
        let digits = self.digits(count);
        let Some(first) = self.groups.first() else { return false };
        let national = digits.strip_prefix("0082").or_else(|| digits.strip_prefix("82"));
        if let Some(national) = national {
            let national = ["0", national.strip_prefix('0').unwrap_or(national)].concat();
            let is_said = self.has_plus || digits.starts_with("00") || first.digits == "82" || count == 1;
            if is_said && (is_mobile(&national) || self.has_plus && area(&national).is_some()) {
                return true;
            }
        }
        let lengths = self.lengths();
        self.has_plus
            && !self.text.before(self.at).is_some_and(|c| c.is_ascii_alphanumeric() || c == '+')
            && count >= 3
            && count == self.groups.len()
            && first.digits.len() <= 3
            && (10..=15).contains(&digits.len())
            && lengths.last().is_some_and(|last| (3..=4).contains(last))
            && self.groups.iter().take(count - 1).any(|group| group.gap == Gap::Hyphen)
    }
}

/// `010…` and its elders, in 10 or 11 digits.
fn is_mobile(digits: &str) -> bool {
    let begins = ["010", "011", "016", "017", "018", "019"].iter().any(|begin| digits.starts_with(begin));
    begins && (10..=11).contains(&digits.len())
}

/// How many digits the area code has of a number that has one, and as many digits as such have.
fn area(digits: &str) -> Option<usize> {
    let two = digits.get(1..3)?;
    let (area, rest) = match (digits.get(..2)?, two) {
        ("02", _) => (2, 7..=8),
        ("03", "31" | "32" | "33") | ("04", "41" | "42" | "43" | "44") => (3, 7..=8),
        ("05", "51" | "52" | "53" | "54" | "55") | ("06", "61" | "62" | "63" | "64") => (3, 7..=8),
        ("07", "70") | ("08", "80") => (3, 7..=8),
        ("05", "50") => (4, 7..=8),
        _ => return None,
    };
    rest.contains(&(digits.len() - area)).then_some(area)
}

/// `YYMMDD`
fn is_date(digits: &str) -> bool {
    let two = |from: usize| digits.get(from..from + 2).and_then(|two| two.parse().ok()).unwrap_or(0_u32);
    (1..=12).contains(&two(2)) && (1..=31).contains(&two(4))
}

/// Whose number it is, by the digit for sex and century.
fn of_serial(serial: &str) -> Option<Kind> {
    match serial.chars().next()? {
        '1'..='4' => Some(Kind::Resident),
        '5'..='8' => Some(Kind::Foreigner),
        _ => None,
    }
}

/// Whether somebody with this number may look for a job. Thirteen digits in a row are often a time in milliseconds.
fn is_grown_up(birth: &str, serial: &str) -> bool {
    let year: u32 = birth.get(..2).and_then(|year| year.parse().ok()).unwrap_or(0);
    match serial.chars().next() {
        Some('1' | '2' | '5' | '6') => year >= 25,
        Some('3' | '4' | '7' | '8') => year <= 12,
        _ => false,
    }
}

/// Whether the last digit is the one that older resident numbers have.
fn is_checked(digits: &str) -> bool {
    let digits: Vec<u32> = digits.chars().filter_map(|c| c.to_digit(10)).collect();
    let sum: u32 = digits.iter().zip([2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]).map(|(digit, weight)| digit * weight).sum();
    digits.last() == Some(&((11 - sum % 11) % 10))
}

/// Whether the last digit is the one that cards have.
fn is_luhn(digits: &str) -> bool {
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let digits = digits.chars().rev().filter_map(|c| c.to_digit(10)).enumerate();
    digits.map(|(at, digit)| if at % 2 == 0 { digit } else { doubled(digit) }).sum::<u32>() % 10 == 0
}

/// `M123A4567`, and `M12345678` where it is said that it is a passport's.
fn passport(text: &Text, at: usize) -> Option<Found> {
    let number: Vec<char> = text.text(at..(at + 9).min(text.len())).chars().collect();
    let ends = !text.get(at + 9).is_some_and(|c| c.is_ascii_alphanumeric());
    let is_digits = |chars: &[char]| chars.iter().all(char::is_ascii_digit);
    let [kind, a, b, c, middle, rest @ ..] = number.as_slice() else { return None };
    if !ends
        || !matches!(kind, 'M' | 'S' | 'R' | 'O' | 'D')
        || !is_digits(&[*a, *b, *c])
        || !is_digits(rest)
        || rest.len() != 4
    {
        return None;
    }
    let said = || {
        let before = text.text(at.saturating_sub(SAID_BEFORE)..at).to_lowercase();
        before.contains("여권") || before.contains("passport")
    };
    let is_one = middle.is_ascii_uppercase() || middle.is_ascii_digit() && said();
    is_one.then_some(Found { kind: Kind::Passport, chars: at..at + 9, comes_back: false })
}
