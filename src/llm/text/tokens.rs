//! Special tokens of chat templates, and the thoughts that models write between some: what a server should have kept to
//! itself, and what a model goes on with when its turn is over.

use std::borrow::Cow;

use super::without;

/// They end a turn; what follows them was made up.
const END_OF_TURN: &[&str] = &[
    "<|im_end|>",
    "<|END_OF_TURN_TOKEN|>",
    "<|END_RESPONSE|>",
    "<|eot_id|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<|end|>",
    "<end_of_turn>",
    "<|im_start|>user",
];
/// They begin a turn, and its role may follow.
const START_OF_TURN: &[&str] = &["<|im_start|>", "<|start_header_id|>"];
/// Without the bars that tell all others.
const BARE: &[&str] = &[
    "<start_of_turn>model",
    "<start_of_turn>",
    "<BOS_TOKEN>",
    "<EOS_TOKEN>",
    "<bos>",
    "<eos>",
    "<unk>",
    "[/INST]",
    "[INST]",
    "<<SYS>>",
    "<</SYS>>",
];
/// They may stand at the very ends only: within a text they are HTML that strikes it through.
const ENDS: (&str, &str) = ("<s>", "</s>");
/// What a model thinks stands between them.
const THOUGHTS: (&str, &str) = ("<think>", "</think>");
/// Characters of a token between its bars; a longer one is text.
const LONGEST: usize = 40;

/// What follows a model's thoughts; nothing when it never stopped thinking.
pub fn without_thoughts(text: &str) -> &str {
    let (open, close) = THOUGHTS;
    match text.rsplit_once(close) {
        Some((_, reply)) => reply,
        None if text.trim_start().starts_with(open) => "",
        None => text,
    }
}

/// `text` without thoughts and tokens, up to where the model's own turn ended.
pub fn own_turn(text: &str) -> String {
    let mut text = Cow::Borrowed(without_thoughts(text));
    for token in BARE {
        text = without(text, token);
    }
    let spoken = without_start(&text);
    let mut end = spoken.len();
    for token in END_OF_TURN.iter().filter(|token| spoken.contains(**token)) {
        // A reply may begin with the end of the turn before it.
        let mut ends = spoken.match_indices(token).map(|(at, _)| at);
        end = end.min(ends.find(|at| spoken.get(..*at).is_some_and(says_something)).unwrap_or(end));
    }
    without_barred(spoken.get(..end).unwrap_or_default())
}

/// `text` without the marks at its ends.
pub fn without_ends(text: &str) -> &str {
    text.trim().trim_start_matches(ENDS.0).trim_end_matches(ENDS.1).trim()
}

/// Whether anything but tokens and marks is there.
pub fn says_something(text: &str) -> bool {
    without_barred(text).chars().any(char::is_alphanumeric)
}

/// `text` without the start of a turn and its bare role (`<|im_start|>assistant`).
fn without_start(text: &str) -> &str {
    let text = text.trim_start();
    let Some(rest) = START_OF_TURN.iter().find_map(|token| text.strip_prefix(token)) else {
        return text;
    };
    rest.strip_prefix("assistant").unwrap_or(rest)
}

/// `text` without `<|...|>`.
fn without_barred(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<|") {
        out.push_str(before);
        let is_name = |name: &str| {
            name.len() <= LONGEST && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-:/.".contains(c))
        };
        match after.split_once("|>").filter(|(name, _)| is_name(name)) {
            Some((_, beyond)) => rest = beyond,
            None => {
                out.push_str("<|");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::super::envelope::turn;
    use super::*;

    #[test]
    fn special_tokens_are_dropped_and_end_the_turn() {
        for text in [
            "<|im_start|>assistant\n좋습니다.<|im_end|>\n<|im_start|>user\n다음",
            "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>좋습니다.<|END_OF_TURN_TOKEN|><|USER_TOKEN|>다음",
            "<s>좋습니다.</s>",
            "<|eot_id|>좋습니다.<|eot_id|>",
            "<start_of_turn>model\n좋습니다.<end_of_turn>",
            "[/INST] 좋습니다.",
            "<think>무엇을 쓸까</think>\n좋습니다.",
        ] {
            assert_eq!(turn(text), "좋습니다.", "{text}");
        }
        assert_eq!(turn("<think>아직 생각"), "");
    }

    #[test]
    fn what_only_resembles_a_token_stays() {
        assert_eq!(without_barred("a <| b |> c"), "a <| b |> c");
        assert_eq!(without_barred(&format!("<|{}|>", "a".repeat(41))), format!("<|{}|>", "a".repeat(41)));
        assert_eq!(without_ends("<s>가</s>나"), "가</s>나");
    }
}
