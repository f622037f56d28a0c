//! Special tokens of chat templates: one table of them all, and how one is found in a text.
//!
//! A server should keep them to itself. Where it does not (a template that does not fit, a quantised model whose token
//! list is wrong, `skip_special_tokens` off), they stand in the reply as text. [`turn`](super::turn) knows what to do
//! with each [`Part`]; whoever meets another family adds a row here, and no code.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use super::phrases::role;

use self::Part::{
    Channel, End, Filler, Message, Other, Own, ReplyClose, ReplyOpen, ThoughtClose, ThoughtOpen, ToolClose, ToolOpen,
    Turn,
};

/// What a token means in a dialogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A turn begins; whose it is follows as a word.
    Turn,
    /// The model's own turn begins.
    Own,
    /// Somebody else's turn begins: the user's, the system's, a tool's.
    Other,
    /// A turn is over; what follows it was made up.
    End,
    /// The name of a channel follows, up to `Message`.
    Channel,
    Message,
    ThoughtOpen,
    ThoughtClose,
    ToolOpen,
    ToolClose,
    /// What is meant for the reader begins.
    ReplyOpen,
    ReplyClose,
    /// Says nothing: padding, the beginning of a text, what no template uses.
    Filler,
}

/// Every token that means something, by family. Bars of DeepSeek's kind (`｜`) and its `▁` are written `|` and `_`, as
/// [`read`] reads them. `<|…|>` and `[|…|]` with any other name are fillers.
///
/// What is said of each family comes from the `tokenizer_config.json` (added tokens) and the chat template that its
/// makers publish with the model; where another source is meant, it is named.
#[rustfmt::skip]
pub const TABLE: &[(Part, &str)] = &[
    // ChatML (Qwen, Yi, InternLM2, Hermes, SmolLM, A.X, Solar Pro, HyperCLOVA X SEED; Phi-4 adds <|im_sep|>).
    (Turn, "<|im_start|>"),
    (End, "<|im_end|> <|endoftext|> <|endofturn|> <|stop|>"),
    // InternLM2 and InternLM1, where the names of its ChatML tokens were lost.
    (Turn, "[UNUSED_TOKEN_146]"),
    (End, "[UNUSED_TOKEN_145] <eoa>"),
    (Filler, "<eoh>"),
    // Kimi K2 (its own ChatML, and the reasoning marks of Kimi-VL and K1.5).
    (Turn, "<|im_user|> <|im_assistant|> <|im_system|>"),
    (ThoughtOpen, "◁think▷"),
    (ThoughtClose, "◁/think▷"),
    (ToolOpen, "<|tool_calls_section_begin|> <|tool_call_begin|>"),
    (ToolClose, "<|tool_calls_section_end|> <|tool_call_end|>"),
    // Cohere: Command R, Command A and Aya.
    (Turn, "<|START_OF_TURN_TOKEN|>"),
    (Own, "<|CHATBOT_TOKEN|>"),
    (Other, "<|USER_TOKEN|> <|SYSTEM_TOKEN|> <|START_TOOL_RESULT|>"),
    (End, "<|END_OF_TURN_TOKEN|> <EOS_TOKEN> <EOP_TOKEN>"),
    (ThoughtOpen, "<|START_THINKING|>"),
    (ThoughtClose, "<|END_THINKING|>"),
    (ToolOpen, "<|START_ACTION|>"),
    (ToolClose, "<|END_ACTION|>"),
    (ReplyOpen, "<|START_RESPONSE|> <|START_TEXT|>"),
    (ReplyClose, "<|END_RESPONSE|> <|END_TEXT|>"),
    (Filler, "<BOS_TOKEN> <PAD> <UNK> <CLS> <SEP> <MASK_TOKEN>"),
    // Llama 3 and 4 (and what was made of them: Kanana, Mi:dm 2, Bllossom).
    (Turn, "<|start_header_id|> <|header_start|>"),
    (End, "<|eot_id|> <|eom_id|> <|end_of_text|> <|eot|> <|eom|>"),
    (ToolOpen, "<|python_tag|> <|python_start|>"),
    (ToolClose, "<|python_end|>"),
    // Llama 2 and Mistral; Magistral's [THINK].
    (Other, "[INST] [SYSTEM_PROMPT] [AVAILABLE_TOOLS] [TOOL_RESULTS] [TOOL_CONTENT]"),
    (Own, "[/INST]"),
    (Filler, "[/SYSTEM_PROMPT] [/AVAILABLE_TOOLS] [/TOOL_RESULTS] <<SYS>> <</SYS>> [PREFIX] [SUFFIX] [MIDDLE] [IMG]"),
    (ToolOpen, "[TOOL_CALLS] [CALL_ID] [ARGS]"),
    (ThoughtOpen, "[THINK]"),
    (ThoughtClose, "[/THINK]"),
    // SentencePiece's own, which Llama 2, Mistral, Gemma, T5 and many others take over; Zephyr and Vicuna end with </s>.
    (End, "</s> <eos> <EOS> <|EOT|> <eod>"),
    (End, "<eos_token> </eos> <EOT> [EOT] <end_of_utterance> </S> <\\s>"),
    (Filler, "<s> <bos> <BOS> <pad> <unk> <mask> <sep> <cls> [BOS] [EOS]"),
    // Pictures and sounds: Gemma 3 and 3n, LLaVA, Qwen2-Audio, SmolVLM.
    (Filler, "<image> <image_soft_token> <audio_soft_token> <start_of_image> <end_of_image> <audio>"),
    // Gemma 1 to 3; MedGemma thinks between two of its unused tokens.
    (Turn, "<start_of_turn>"),
    (End, "<end_of_turn>"),
    (ThoughtOpen, "<unused94>"),
    (ThoughtClose, "<unused95>"),
    (ToolOpen, "<start_function_call>"),
    (ToolClose, "<end_function_call>"),
    // Gemma 4.
    (Turn, "<|turn>"),
    (End, "<turn|>"),
    (ThoughtOpen, "<|channel>"),
    (ThoughtClose, "<channel|>"),
    (ToolOpen, "<|tool_call> <|tool_response> <|tool>"),
    (ToolClose, "<tool_call|> <tool_response|> <tool|>"),
    // DeepSeek V2 to V3.2 and R1, with its own bars.
    (Own, "<|assistant|>"),
    (Other, "<|user|> <|tool_outputs_begin|>"),
    (End, "<|end_of_sentence|>"),
    (Filler, "<|begin_of_sentence|> <|tool_outputs_end|>"),
    (ToolOpen, "<|tool_calls_begin|> <|DSML|function_calls> <|DSML|tool_calls>"),
    (ToolClose, "<|tool_calls_end|> </|DSML|function_calls> </|DSML|tool_calls>"),
    // gpt-oss: the harmony format of openai/harmony.
    (Turn, "<|start|>"),
    (Channel, "<|channel|>"),
    (Message, "<|message|>"),
    (End, "<|end|> <|return|> <|call|>"),
    // Solar Open; its turns end as those of harmony do.
    (Turn, "<|begin|>"),
    (Message, "<|content|>"),
    (ThoughtOpen, "<|think|>"),
    (ToolOpen, "<|tool_calls|>"),
    // EXAONE 3 to 4 and K-EXAONE.
    (Own, "[|assistant|]"),
    (Other, "[|user|] [|system|] [|tool|]"),
    (End, "[|endofturn|]"),
    // ChatGLM and GLM-4, Zephyr, TinyLlama and Phi-3, whose turns begin alike.
    (Other, "<|system|> <|observation|> <|tool|> <|developer|>"),
    (Filler, "[gMASK] [sMASK] <sop> <eop>"),
    // InternLM1, Baichuan 1 and Jamba.
    (Own, "<|Bot|>"),
    (Other, "<|User|> <|Human|> <|System|>"),
    (Filler, "<|bom|> <|startoftext|>"),
    // Granite.
    (Turn, "<|start_of_role|>"),
    (ToolOpen, "<|tool_call|>"),
    (ToolClose, "<|/tool_call|>"),
    // OpenChat and Starling.
    (End, "<|end_of_turn|>"),
    // Nemotron: roles after numbered tokens, a turn's end is another.
    (Turn, "<extra_id_0> <extra_id_1> <SPECIAL_10> <SPECIAL_11>"),
    (End, "<SPECIAL_12>"),
    // MiniMax M1 and M2, and Text-01.
    (Turn, "]~b] <beginning_of_sentence>"),
    (End, "[e~[ <end_of_sentence>"),
    (Filler, "]~!b["),
    (ToolOpen, "<minimax:tool_call>"),
    (ToolClose, "</minimax:tool_call>"),
    // Seed-OSS.
    (Turn, "<seed:bos>"),
    (End, "<seed:eos>"),
    (ThoughtOpen, "<seed:think>"),
    (ThoughtClose, "</seed:think>"),
    (ToolOpen, "<seed:tool_call>"),
    (ToolClose, "</seed:tool_call>"),
    // Hunyuan, Grok, dots.llm1 and LongCat.
    (Own, "<|hy_Assistant|> <|response|>"),
    (Other, "<|hy_User|> <|userprompt|>"),
    (End, "<|eos|> <|separator|> <|endofresponse|>"),
    (ThoughtOpen, "<longcat_think>"),
    (ThoughtClose, "</longcat_think>"),
    (ToolOpen, "<longcat_tool_call>"),
    (ToolClose, "</longcat_tool_call>"),
    // Apertus and LFM2.
    (Own, "<|assistant_start|>"),
    (Other, "<|user_start|> <|system_start|> <|developer_start|>"),
    (End, "<|assistant_end|>"),
    (ThoughtOpen, "<|inner_prefix|>"),
    (ThoughtClose, "<|inner_suffix|>"),
    (ToolOpen, "<|tools_prefix|> <|tool_call_start|>"),
    (ToolClose, "<|tools_suffix|>"),
    // Sky-T1, OpenThinker and others that were taught with their system prompt.
    (ThoughtOpen, "<|begin_of_thought|>"),
    (ThoughtClose, "<|end_of_thought|>"),
    (ReplyOpen, "<|begin_of_solution|>"),
    (ReplyClose, "<|end_of_solution|>"),
    // Tags that reasoning models write: DeepSeek R1, Qwen3, QwQ, GLM-4.5, EXAONE Deep, Granite 3.2, Hunyuan, Claude-like
    // ones; and what prompts for small models teach them.
    (ThoughtOpen, "<think> <thinking> <thought> <thoughts> <reasoning> <reflection> <analysis> <scratchpad> <rationale>"),
    (ThoughtClose, "</think> </thinking> </thought> </thoughts> </reasoning> </reflection> </analysis> </scratchpad> </rationale>"),
    (ThoughtOpen, "<inner_monologue> <chain_of_thought> <cot> <planning> <생각> <사고> <사고과정> <추론> <분석>"),
    (ThoughtOpen, "<reason> <internal>"),
    (ThoughtClose, "</reason> </internal> [/thinking] [/thought] [/reasoning] [/생각]"),
    (ThoughtClose, "</inner_monologue> </chain_of_thought> </cot> </planning> </생각> </사고> </사고과정> </추론> </분석>"),
    (ReplyOpen, "<answer> <final_answer> <final> <response> <reply> <output> <result> <feedback> <피드백> <응답> <최종답변>"),
    (ReplyClose, "</answer> </final_answer> </final> </response> </reply> </output> </result> </feedback> </피드백> </응답> </최종답변>"),
    // Tool calls of Hermes and Qwen, Llama 3.1, Claude-like ones, GLM and EXAONE.
    (ToolOpen, "<tool_call> <tool_calls> <tool_response> <tool_result> <tools> <function_calls> <function_call> <invoke> <function>"),
    (ToolClose, "</tool_call> </tool_calls> </tool_response> </tool_result> </tools> </function_calls> </function_call> </invoke> </function>"),
    // Code models: StarCoder, SantaCoder.
    (Filler, "<fim_prefix> <fim_middle> <fim_suffix> <fim_pad> <filename> <reponame> <file_sep>"),
];

/// Fillers that are numbered: Gemma, T5, Baichuan and Ling, Nemotron, InternLM, Mistral, Llama 3.
const NUMBERED: &[(&str, &str)] = &[
    ("<unused", ">"),
    ("<extra_id_", ">"),
    ("<extra_", ">"),
    ("<reserved_", ">"),
    ("<SPECIAL_", ">"),
    ("[UNUSED_TOKEN_", "]"),
    ("[unused", "]"),
    ("[control_", "]"),
];
/// Characters of a token, brackets included; a longer one is text.
pub const LONGEST: usize = 48;

static TOKENS: LazyLock<HashMap<&str, Part>> =
    LazyLock::new(|| TABLE.iter().flat_map(|(part, tokens)| tokens.split(' ').map(|token| (token, *part))).collect());

/// A token at the beginning of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    pub part: Part,
    pub text: &'a str,
}

impl<'a> Token<'a> {
    /// Its name, without brackets and bars.
    pub fn name(&self) -> &'a str {
        self.text.trim_matches(|c| "<>[]|｜◁▷~".contains(c))
    }

    /// Whether it looks like a tag of HTML or XML and so may be one.
    pub fn is_tag(&self) -> bool {
        let name = self.text.trim_start_matches(['<', '/']).trim_end_matches('>');
        self.text.starts_with('<') && name.chars().all(|c| c.is_alphabetic() || c == '_')
    }
}

/// Whether a token may begin with `c`.
pub fn may_begin(c: char) -> bool {
    matches!(c, '<' | '[' | '◁' | ']')
}

/// The token that `text` begins with.
pub fn read(text: &str) -> Option<Token<'_>> {
    let text = extent(text)?;
    let known = |name: &str| TOKENS.get(name).copied();
    let part = known(text).or_else(|| {
        let plain = plain(text);
        known(&plain).or_else(|| known(&opening(&plain)?)).or_else(|| by_name(&plain))
    })?;
    Some(Token { part, text })
}

/// Whether `text`, as far as it goes, is the beginning of a token: what the end of a text may be that broke off.
pub fn may_become(text: &str) -> bool {
    let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/' | '▁');
    let barred = ["<|", "<｜", "[|"].iter().find_map(|open| text.strip_prefix(open));
    let begun = |token: &str| token.len() > text.len() && token.starts_with(text);
    (2..3 * LONGEST).contains(&text.len())
        && (barred.is_some_and(|name| name.len() < LONGEST && name.trim_end_matches('|').chars().all(in_name))
            || TOKENS.keys().any(|token| begun(token)))
}

/// The byte that a SentencePiece model writes when its vocabulary lacks a character: `<0x0A>`.
pub fn byte(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("<0x")?.split_at_checked(2).filter(|(_, rest)| rest.starts_with('>'))?.0;
    u8::from_str_radix(digits, 16).ok()
}

/// What [`byte`] takes.
pub const BYTE_LEN: usize = "<0x0A>".len();

/// The text from an opening bracket up to the one that closes it, when it is short.
fn extent(text: &str) -> Option<&str> {
    let mut chars = text.char_indices().take(LONGEST);
    let (_, first) = chars.next()?;
    let close = match first {
        '<' => '>',
        '[' if text.starts_with("[e~[") => return text.get(..4),
        '[' => ']',
        '◁' => '▷',
        ']' if text.starts_with("]~b]") => return text.get(..4),
        ']' if text.starts_with("]~!b[") => return text.get(..5),
        _ => return None,
    };
    if text.starts_with("<<") {
        return ["<<SYS>>", "<</SYS>>"].into_iter().find(|token| text.starts_with(token));
    }
    let end = chars.take_while(|(_, c)| *c == close || !(may_begin(*c) || *c == '\n')).find(|(_, c)| *c == close);
    text.get(..end?.0 + close.len_utf8())
}

/// `token` with plain bars and spaces, and in lower case where it is a tag that people write by hand.
fn plain(token: &str) -> Cow<'_, str> {
    let mut plain = Cow::Borrowed(token);
    if token.contains(['｜', '▁']) {
        let barred = token.replace('｜', "|").replace('▁', "_");
        // DeepSeek writes its roles with a capital, as InternLM does.
        plain = Cow::Owned(if barred.starts_with("<|") { barred.to_ascii_lowercase() } else { barred });
    }
    let lower = plain.to_ascii_lowercase();
    let by_hand =
        matches!(TOKENS.get(lower.as_str()), Some(ThoughtOpen | ThoughtClose | ReplyOpen | ReplyClose | ToolOpen));
    if by_hand { Cow::Owned(lower) } else { plain }
}

/// The tag that opens with attributes (`<think time="3">`, `<function=search>`).
fn opening(tag: &str) -> Option<String> {
    let name = tag.split([' ', '=']).next().filter(|name| name.starts_with('<') && name.len() < tag.len())?;
    Some([name, ">"].concat())
}

/// What a token of no known family is by its name: `<|end_of_utterance|>`, `<|USER|>`, `</inner_thoughts>`. A barred one
/// that says nothing is a filler.
fn by_name(token: &str) -> Option<Part> {
    let enclosed = |open, close| token.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    if let Some(name) = enclosed("<|", "|>").or_else(|| enclosed("[|", "|]")) {
        let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || "_-:/.".contains(c));
        return is_name.then(|| named(&name.to_ascii_lowercase()).unwrap_or(Filler));
    }
    let numbered = NUMBERED.iter().any(|(open, close)| {
        enclosed(*open, *close).is_some_and(|number| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()))
    });
    if numbered {
        return Some(Filler);
    }
    let tag = enclosed("<", ">")?;
    let in_name = |c: char| c.is_alphanumeric() || "_-:/".contains(c) || c == ' ' && !tag.is_ascii();
    let is_name = tag.chars().all(in_name) && !tag.starts_with(' ');
    named(&tag.to_lowercase()).filter(|part| is_name && matches!(part, ThoughtOpen | ThoughtClose))
}

/// What a token of this name means, in lower case.
fn named(name: &str) -> Option<Part> {
    const THOUGHTS: [&str; 7] = ["think", "thought", "reasoning", "monologue", "생각", "사고", "속마음"];
    const ENDS: [&str; 3] = ["end", "close", "stop"];
    const ENDED: [&str; 8] = ["turn", "message", "text", "sentence", "sequence", "utterance", "response", "dialog"];
    let words = || name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let is_one_of = |list: &[&str]| words().any(|word| list.contains(&word));
    let ends = is_one_of(&ENDS) || name.starts_with("end") || name.ends_with("end");
    if THOUGHTS.iter().any(|thought| name.contains(thought)) {
        return Some(if ends || name.starts_with('/') { ThoughtClose } else { ThoughtOpen });
    }
    let role = if is_one_of(role::OWN) {
        Some(Own)
    } else if is_one_of(role::OTHERS) {
        Some(Other)
    } else {
        None
    };
    match role {
        Some(_) if ends => Some(End),
        Some(role) => Some(role),
        None => (is_one_of(&["eos", "eod", "eot", "eom"]) || ends && is_one_of(&ENDED)).then_some(End),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// How the tokens of every family are written, for the alphabets of property tests.
    pub fn spellings() -> Vec<&'static str> {
        let others = "<｜end▁of▁sentence｜> <｜User｜> <unused12> <|reserved_special_token_7|> [UNUSED_TOKEN_9] <0x0A> <function=f>";
        TABLE.iter().map(|(_, tokens)| *tokens).chain([others]).flat_map(|tokens| tokens.split(' ')).collect()
    }

    fn part(text: &str) -> Option<Part> {
        read(text).map(|token| token.part)
    }

    #[test]
    fn every_token_of_the_table_is_read_as_the_table_says() {
        for (part, tokens) in TABLE {
            for token in tokens.split(' ') {
                assert_eq!(read(&format!("{token}다음")), Some(Token { part: *part, text: token }), "{token}");
            }
        }
    }

    #[test]
    fn other_bars_other_cases_and_attributes_make_no_difference() {
        assert_eq!(part("<｜end▁of▁sentence｜>"), Some(End));
        assert_eq!(part("<｜User｜>"), Some(Other));
        assert_eq!(part("<｜Assistant｜>"), Some(Own));
        assert_eq!(part("<Thinking>"), Some(ThoughtOpen));
        assert_eq!(part("<think time=\"3\">"), Some(ThoughtOpen));
        assert_eq!(part("<function=search>"), Some(ToolOpen));
    }

    #[test]
    fn what_no_template_uses_is_a_filler() {
        for token in ["<|reserved_special_token_7|>", "<unused12>", "[UNUSED_TOKEN_9]", "[|foo|]", "<extra_id_42>"] {
            assert_eq!(part(token), Some(Filler), "{token}");
        }
    }

    #[test]
    fn a_token_of_no_known_family_is_what_its_name_says() {
        for (token, is) in [
            ("<|USER|>", Other),
            ("<|prompter|>", Other),
            ("<|start_of_user|>", Other),
            ("<|assistant_begin|>", Own),
            ("<|end_of_assistant|>", End),
            ("<|turn_end|>", End),
            ("<|eos_token|>", End),
            ("<|begin_of_thinking|>", ThoughtOpen),
            ("<|/thinking|>", ThoughtClose),
            ("<|endofthink|>", ThoughtClose),
            ("<inner_thoughts>", ThoughtOpen),
            ("</생각 과정>", ThoughtClose),
            ("<|end_of_role|>", Filler),
            ("<|vision_end|>", Filler),
        ] {
            assert_eq!(part(token), Some(is), "{token}");
        }
        for tag in ["<end_of_list>", "<User>", "</assistant>", "<a think>b>"] {
            assert_eq!(part(tag), None, "{tag}");
        }
    }

    #[test]
    fn what_only_resembles_a_token_is_text() {
        let long = format!("<|{}|>", "a".repeat(LONGEST));
        for text in
            ["<| b |>", "<String>", "<S>", "[x]", "[0]", "[inst]", "< think>", "<a href=\"x\">", "[]", "<", &long]
        {
            assert_eq!(part(text), None, "{text}");
        }
    }

    #[test]
    fn the_beginning_of_a_token_is_known() {
        for text in ["<|", "<|im_", "<|im_end|", "[|endof", "<end_of_t", "</thi", "[/IN", "<｜User"] {
            assert!(may_become(text), "{text}");
        }
        for text in ["<", "[", "<|im end", "<|im_end|>", "List<Str", "[1", "a"] {
            assert!(!may_become(text), "{text}");
        }
    }

    #[test]
    fn a_byte_is_read() {
        assert_eq!(
            (byte("<0x0A>"), byte("<0xEC>다"), byte("<0xZZ>"), byte("<0x0A")),
            (Some(10), Some(0xEC), None, None)
        );
    }
}
