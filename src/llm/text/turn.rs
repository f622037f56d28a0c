//! The model's own turn: a reply without special tokens, thoughts and calls of tools, up to where its turn ended.
//!
//! A scanner cuts the reply into text and [`tokens`]; a state machine reads them once, from left to right, and keeps what
//! the model says. Only two things look back: a thought that closes without having been opened (its opening was in the
//! prompt) takes away what came before it, and so does the mark behind which the reply proper begins.

use std::borrow::Cow;
use std::ops::ControlFlow::{self, Break, Continue};

use super::phrases::role;
use super::tokens::{self, Part, Token};
use super::written::unescaped;
use super::{brackets, is_alphanumeric, is_hangul};

/// What harmony's header of the final channel, and one of its thoughts, leave when a server drops special tokens.
const BARE_FINAL: &str = "assistantfinal";
const BARE_THOUGHTS: [&str; 3] = ["assistantanalysis", "analysis", "assistantcommentary"];
/// The channel that is meant for the reader.
const FINAL: &str = "final";
/// What follows a token that is spoken of, and not used.
const KINDS: [&str; 5] = ["토큰", "태그", "요소", "token", "tag"];
const PARTICLES: [&str; 15] =
    ["를", "을", "은", "는", "이", "가", "도", "와", "과", "의", "로", "에", "에서", "으로", "라는"];
/// What encloses such a token.
const ENCLOSING: [(char, char); 6] = [('`', '`'), ('"', '"'), ('\'', '\''), ('“', '”'), ('‘', '’'), ('(', ')')];
/// How vocabularies write a space (SentencePiece, byte-level BPE) and a line end.
const SPACES: [char; 2] = ['▁', 'Ġ'];
const LINE_END: char = 'Ċ';

/// What of `text` the model says itself.
pub fn own(text: &str) -> Cow<'_, str> {
    match brackets::plain(unescaped(text)) {
        Cow::Borrowed(text) => own_words(text),
        Cow::Owned(text) => Cow::Owned(own_words(&text).into_owned()),
    }
}

fn own_words(text: &str) -> Cow<'_, str> {
    let text = without_bare_channels(text);
    if !text.contains(|c| tokens::may_begin(c) || SPACES.contains(&c) || c == LINE_END) {
        return Cow::Borrowed(text);
    }
    let text = brackets::rearmed(text);
    let mut speech = Speech::default();
    for piece in Pieces(&text, None) {
        if speech.hear(piece).is_break() {
            break;
        }
    }
    Cow::Owned(speech.end())
}

/// Whether a thought ends in `text` that did not begin there.
pub fn ends_thought(text: &str) -> bool {
    let mut speech = Speech::default();
    text.contains(tokens::may_begin)
        && Pieces(text, None).any(|piece| speech.hear(piece).is_break() || speech.thought)
        && speech.thought
}

/// Whether `text` holds a token that is used as one.
pub fn holds_token(text: &str) -> bool {
    Pieces(text, None).any(|piece| matches!(piece, Piece::Token(_) | Piece::Byte(_)))
}

/// `text` behind the names of channels that were tokens before a server dropped those.
fn without_bare_channels(text: &str) -> &str {
    // The last one: what came before it was thought or called.
    if let Some((_, reply)) = text.rsplit_once(BARE_FINAL) {
        return reply;
    }
    let thought = BARE_THOUGHTS.iter().find_map(|name| text.trim_start().strip_prefix(name));
    let goes_on =
        |rest: &str| rest.starts_with(|c: char| is_hangul(c) || c.is_ascii_uppercase()) && !is_inflected(rest);
    if thought.is_some_and(goes_on) { "" } else { text }
}

/// Whether a particle and a space follow, as behind a noun.
fn is_inflected(rest: &str) -> bool {
    PARTICLES.iter().any(|particle| rest.strip_prefix(particle).is_some_and(|rest| rest.starts_with(' ')))
}

/// A part of a reply.
enum Piece<'a> {
    Text(&'a str),
    Token(Token<'a>),
    Byte(u8),
}

/// The pieces of a text, with the character before it.
struct Pieces<'a>(&'a str, Option<char>);

impl<'a> Pieces<'a> {
    fn take(&mut self, len: usize) -> &'a str {
        let (taken, rest) = self.0.split_at_checked(len).unwrap_or((self.0, ""));
        self.1 = taken.chars().next_back().or(self.1);
        self.0 = rest;
        taken
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let first = self.0.chars().next()?;
        if !tokens::may_begin(first) {
            let end = self.0.find(tokens::may_begin).unwrap_or(self.0.len());
            return Some(Piece::Text(self.take(end)));
        }
        if let Some(byte) = tokens::byte(self.0) {
            self.take(tokens::BYTE_LEN);
            return Some(Piece::Byte(byte));
        }
        let Some(token) = tokens::read(self.0) else {
            if tokens::may_become(self.0) {
                // It broke off within a token.
                self.0 = "";
                return None;
            }
            return Some(Piece::Text(self.take(first.len_utf8())));
        };
        let before = self.1;
        self.take(token.text.len());
        // `Set<s>` is code.
        let generic = token.is_tag() && before.is_some_and(|c| c.is_ascii_alphanumeric());
        if generic || is_spoken_of(before, self.0) {
            // Its name alone says as much, and is no token.
            return Some(Piece::Text(token.name()));
        }
        Some(Piece::Token(token))
    }
}

/// Whether a token between `before` and `after` is what the sentence is about: "the `<eos>` token".
pub(super) fn is_spoken_of(before: Option<char>, after: &str) -> bool {
    let next = after.chars().next();
    let enclosed = ENCLOSING.iter().any(|(open, close)| before == Some(*open) && next == Some(*close));
    // A word begins with it.
    let begins = before.is_none_or(|c| c.is_whitespace() || "(\"'“‘,/·".contains(c));
    let listed = || matches!(next, Some(',' | '/' | '·')) && !after.starts_with("//");
    let named = || KINDS.iter().any(|kind| after.trim_start_matches(' ').starts_with(kind));
    enclosed || (begins && (listed() || named() || is_inflected(after)))
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Own,
    /// A turn began: whose it is follows.
    Role,
    Other,
    /// The name of a channel follows; whether it is the final one is known when it came.
    Header {
        last: bool,
    },
    Thought,
    Tool,
}

/// What was heard of the model's own words.
#[derive(Default)]
struct Speech {
    said: String,
    /// Whether that is more than marks and spaces.
    says_something: bool,
    mode: Mode,
    /// A token came.
    marked: bool,
    /// A thought ended that had not begun.
    thought: bool,
    /// Within marks that enclose the reply proper.
    in_reply: bool,
    /// A text was struck through by HTML, and not begun by `<s>`.
    struck: bool,
    bytes: Vec<u8>,
}

impl Speech {
    /// Breaks when the model's turn is over.
    fn hear(&mut self, piece: Piece<'_>) -> ControlFlow<()> {
        if let Piece::Byte(byte) = piece {
            self.bytes.push(byte);
            return Continue(());
        }
        self.end_bytes();
        match piece {
            Piece::Text(text) => self.text(text),
            Piece::Token(token) => return self.token(token),
            Piece::Byte(_) => {}
        }
        Continue(())
    }

    fn end(mut self) -> String {
        self.end_bytes();
        self.said
    }

    fn end_bytes(&mut self) {
        if !self.bytes.is_empty() {
            let bytes = std::mem::take(&mut self.bytes);
            self.text(&String::from_utf8_lossy(&bytes));
        }
    }

    fn text(&mut self, text: &str) {
        match self.mode {
            Mode::Own => self.say(text),
            Mode::Role => self.role(text),
            Mode::Header { .. } => self.header(text),
            Mode::Other | Mode::Thought | Mode::Tool => {}
        }
    }

    fn say(&mut self, text: &str) {
        // InternLM's own marks have a colon behind them.
        let text = if self.says_something || !self.marked { text } else { text.trim_start_matches(':') };
        if text.contains(|c| SPACES.contains(&c) || c == LINE_END) {
            self.said.push_str(&text.replace(SPACES, " ").replace(LINE_END, "\n"));
        } else {
            self.said.push_str(text);
        }
        self.says_something = self.says_something || text.chars().any(is_alphanumeric);
    }

    /// Whose turn it is, in the word that follows its beginning.
    fn role(&mut self, text: &str) {
        let text = text.trim_start();
        if text.is_empty() {
            return;
        }
        let rest = text.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '/');
        let word = text.get(..text.len() - rest.len()).unwrap_or_default().to_ascii_lowercase();
        // A recipient or a name may follow on the same line.
        let named = rest.starts_with(" to=") || rest.starts_with(" name=");
        let rest = if named { rest.split_once('\n').map_or("", |(_, rest)| rest) } else { rest };
        self.mode = match word.as_str() {
            word if role::OTHERS.contains(&word) => Mode::Other,
            word if role::THINKING.contains(&word) => Mode::Thought,
            _ => Mode::Own,
        };
        if self.mode == Mode::Own {
            self.say(if role::OWN.contains(&word.as_str()) { rest } else { text });
        }
    }

    fn header(&mut self, text: &str) {
        let text = text.trim_start();
        let rest = text.trim_start_matches(|c: char| c.is_ascii_lowercase());
        let last = text.len() - rest.len() == FINAL.len() && text.starts_with(FINAL);
        self.mode = Mode::Header { last };
        // Without the token that should follow, the text begins right here.
        if rest.starts_with(|c: char| is_hangul(c) || c == '\n') {
            self.message();
            self.text(rest);
        }
    }

    fn message(&mut self) {
        if let Mode::Header { last } = self.mode {
            self.mode = if last { Mode::Own } else { Mode::Thought };
        }
    }

    fn token(&mut self, token: Token<'_>) -> ControlFlow<()> {
        self.marked = true;
        match token.part {
            // What follows an end is made up, and so is another turn. A reply may begin with the end of the turn before it.
            Part::End if token.text == "</s>" && self.struck => self.struck = false,
            Part::End | Part::Turn | Part::Own | Part::Other if self.mode == Mode::Own && self.says_something => {
                return Break(());
            }
            Part::End if matches!(self.mode, Mode::Thought | Mode::Tool | Mode::Header { .. }) => self.mode = Mode::Own,
            Part::End => {}
            Part::Turn => self.mode = Mode::Role,
            Part::Own => self.mode = Mode::Own,
            Part::Other => self.mode = Mode::Other,
            Part::Channel => {
                // The token before the role was lost.
                if role::OWN.contains(&self.said.trim()) {
                    self.forget();
                }
                self.mode = Mode::Header { last: true };
            }
            Part::Message => self.message(),
            Part::ThoughtOpen => self.mode = Mode::Thought,
            Part::ThoughtClose => {
                if self.mode != Mode::Thought {
                    self.thought = true;
                    self.forget();
                }
                self.mode = Mode::Own;
            }
            Part::ToolOpen if self.mode != Mode::Thought => self.mode = Mode::Tool,
            Part::ToolClose if self.mode == Mode::Tool => self.mode = Mode::Own,
            Part::ReplyOpen if self.mode != Mode::Thought || !token.is_tag() => self.reply_opens(token),
            Part::ReplyClose if self.mode == Mode::Own && self.says_something => return Break(()),
            Part::Filler if token.text == "<s>" && self.says_something => self.struck = true,
            Part::ToolOpen | Part::ToolClose | Part::ReplyOpen | Part::ReplyClose | Part::Filler => {}
        }
        Continue(())
    }

    /// What came before it is no reply, unless it is a tag that stands within a line.
    fn reply_opens(&mut self, token: Token<'_>) {
        let line = self.said.rsplit('\n').next().unwrap_or_default();
        let begins = line.trim().is_empty() || line.trim_end().ends_with('>');
        if !self.in_reply && (!token.is_tag() || begins) {
            self.forget();
            self.in_reply = true;
            self.mode = Mode::Own;
        }
    }

    fn forget(&mut self) {
        self.said.clear();
        self.says_something = false;
        self.struck = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        own(text).trim().to_owned()
    }

    #[test]
    fn the_turns_of_every_family_are_read() {
        for text in [
            "<|im_start|>assistant\n좋습니다.<|im_end|>\n<|im_start|>user\n다음",
            "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>좋습니다.<|END_OF_TURN_TOKEN|><|USER_TOKEN|>다음",
            "<|START_THINKING|>음<|END_THINKING|><|START_RESPONSE|>좋습니다.<|END_RESPONSE|>",
            "<s>좋습니다.</s>",
            "좋습니다.</s> [INST] 다음 [/INST] 나쁩니다.",
            "[INST] 질문 [/INST] 좋습니다.",
            "[/INST] 좋습니다.",
            "<|eot_id|>좋습니다.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n다음",
            "<|start_header_id|>assistant<|end_header_id|>\n\n좋습니다.",
            "<|header_start|>assistant<|header_end|>\n\n좋습니다.<|eot|>",
            "<start_of_turn>model\n좋습니다.<end_of_turn>\n<start_of_turn>user\n다음",
            "<|turn>model\n<|channel>thought\n음<channel|>좋습니다.<turn|>",
            "<unused94>thought\n음<unused95>좋습니다.",
            "[|assistant|]좋습니다.[|endofturn|]\n[|user|]다음",
            "<｜Assistant｜><think>음</think>좋습니다.<｜end▁of▁sentence｜><｜User｜>다음",
            "<|channel|>analysis<|message|>음<|end|><|start|>assistant<|channel|>final<|message|>좋습니다.<|return|>",
            "<|start|>assistant to=functions.f<|channel|>commentary<|message|>{}<|call|><|start|>assistant<|channel|>final<|message|>좋습니다.",
            "<|channel|>final\n좋습니다.",
            "assistant<|channel|>final<|message|>좋습니다.",
            "<|begin|>assistant<|think|>음<|end|><|begin|>assistant<|content|>좋습니다.<|end|>",
            "<|im_start|>assistant/think\n음<|im_end|>\n<|im_start|>assistant\n좋습니다.<|endofturn|>",
            "[gMASK]<sop><|assistant|>\n좋습니다.<|user|>다음",
            "[THINK]음[/THINK]좋습니다.",
            "◁think▷음◁/think▷좋습니다.",
            "]~b]ai\n좋습니다.[e~[\n]~b]user\n다음",
            "<|Bot|>: 좋습니다.<eoa>",
            "[UNUSED_TOKEN_146]assistant\n좋습니다.[UNUSED_TOKEN_145]",
            "<seed:think>음</seed:think>좋습니다.<seed:eos>",
            "<extra_id_1>Assistant\n좋습니다.<extra_id_1>User\n다음",
            "<|start_of_role|>assistant<|end_of_role|>좋습니다.<|end_of_text|>",
            "<pad><pad>좋습니다.<eos>",
        ] {
            assert_eq!(said(text), "좋습니다.", "{text}");
        }
    }

    #[test]
    fn thoughts_are_dropped_opened_closed_and_half() {
        assert_eq!(said("<thinking>음</thinking>좋습니다."), "좋습니다.");
        assert_eq!(said("음…</think>\n좋습니다."), "좋습니다.");
        assert_eq!(said("좋습니다.<think>더 볼까"), "좋습니다.");
        assert_eq!(said("<think>아직"), "");
        assert_eq!(said("음</think>다시</think>좋습니다."), "좋습니다.");
        assert_eq!(said("analysis음.assistantfinal좋습니다."), "좋습니다.");
        assert_eq!(said("analysis답변이 짧다."), "");
        assert_eq!(said("analysis는 좋습니다."), "analysis는 좋습니다.");
    }

    #[test]
    fn calls_of_tools_are_dropped() {
        assert_eq!(said("좋습니다.<tool_call>{\"name\": \"f\"}</tool_call>"), "좋습니다.");
        assert_eq!(said("[TOOL_CALLS]f[ARGS]{}</s>좋습니다."), "좋습니다.");
        assert_eq!(said("<function=f>{}</function>좋습니다."), "좋습니다.");
    }

    #[test]
    fn the_reply_proper_is_taken_out_of_its_tags() {
        assert_eq!(said("음.\n<answer>좋습니다.</answer>\n끝"), "좋습니다.");
        assert_eq!(said("<feedback>\n좋습니다."), "좋습니다.");
        assert_eq!(said("<think>음\n<answer>초안</answer></think><answer>좋습니다.</answer>"), "좋습니다.");
    }

    #[test]
    fn a_token_that_is_spoken_of_becomes_its_name() {
        assert_eq!(said("문장의 끝은 `<eos>`로 나타냅니다."), "문장의 끝은 `eos`로 나타냅니다.");
        assert_eq!(said("<pad> 토큰과 <unk>를 구분했습니다."), "pad 토큰과 unk를 구분했습니다.");
        assert_eq!(said("<bos>, <eos> 토큰"), "bos, eos 토큰");
        assert_eq!(said("핵심<pad>을 짚었습니다."), "핵심을 짚었습니다.");
        assert_eq!(said("Set<s>는 코드입니다."), "Sets는 코드입니다.");
    }

    #[test]
    fn tokens_in_other_brackets_are_tokens() {
        assert_eq!(said("＜think＞음＜/think＞좋습니다.&lt;/s&gt;&lt;|user|&gt;다음"), "좋습니다.");
        assert_eq!(said("&lt;eos&gt; 토큰"), "eos 토큰");
    }

    #[test]
    fn bytes_and_the_spaces_of_vocabularies_become_what_they_stand_for() {
        assert_eq!(said("좋습니다.<0x0A>예시<0xEA><0xB0><0x80>"), "좋습니다.\n예시가");
        assert_eq!(said("▁핵심을▁짚었습니다.Ċ예시"), "핵심을 짚었습니다.\n예시");
        assert_eq!(said("\\ud575\\uc2ec\\uc744"), "핵심을");
    }

    #[test]
    fn what_only_resembles_a_token_stays() {
        for text in [
            "a <| b |> c",
            "List<String>과 a[i]",
            "[x] 할 일",
            "가 < 나 > 다",
            "<div>와 <span>",
            "&lt;div&gt;와 ＜주의＞",
        ] {
            assert_eq!(own(text), text);
        }
        assert_eq!(said("좋은 <s>가</s>나"), "좋은 가나");
    }
}
