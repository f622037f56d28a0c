//! Stock phrases: what models say around what they were asked for. Whoever finds another one adds it here; how it is looked
//! for is its readers' affair: labels are read in `envelope`, replies in `boilerplate`. Those of résumés are in
//! `resume/markdown/phrases.rs`.
//!
//! rustfmt, which would give every phrase a line of its own, leaves this file alone.

/// Whose turn it is, in the words that chat templates write after the token that begins one; in lower case.
pub mod role {
    /// The model's own.
    pub const OWN: &[&str] = &["assistant", "model", "ai", "bot", "chatbot", "gpt"];

    /// Its own, to think in (HyperCLOVA X THINK).
    pub const THINKING: &[&str] =
        &["assistant/think", "think", "thinking", "thought", "thoughts", "reasoning", "analysis"];

    /// Somebody else's.
    pub const OTHERS: &[&str] = &[
        "user", "human", "prompter", "system", "developer", "tool", "tools", "ipython", "function", "observation", "environment",
        "document", "documents", "tool_list", "tool/function_call",
    ];
}

/// How a model labels what it writes.
pub mod label {
    /// How it names itself before it speaks.
    pub const SPEAKERS: &[&str] = &[
        "assistant", "어시스턴트", "chatbot", "model", "챗봇", "면접관", "컨설턴트", "interviewer", "ai", "bot",
        "gpt4 correct assistant", "midm", "response", "output",
    ];

    /// Those of them that begin another turn when something was said already.
    pub const SURE_SPEAKERS: &[&str] =
        &["assistant", "어시스턴트", "chatbot", "챗봇", "면접관", "interviewer", "gpt4 correct assistant", "midm"];

    /// How it names the other side when it goes on with a dialogue of its own.
    pub const OTHERS: &[&str] = &[
        "user", "human", "사용자", "유저", "지원자", "질문", "다음 질문", "question", "q", "instruction", "interviewee",
        "candidate", "applicant", "gpt4 correct user", "지원자의 답변", "지원자 답변", "면접자", "응시자", "사용자 입력", "instruct",
        "system",
    ];

    /// More of both, in headings alone (Alpaca, KoAlpaca, KULLM, Vicuna, Solar: `### Instruction:`).
    pub const HEADED: &[&str] = &[
        "input", "context", "prompt", "system", "response", "assistant", "output", "입력", "명령어", "지시", "지시사항",
        "맥락", "시스템", "응답", "답변",
    ];

    /// Those of them that are the model's.
    pub const OWN_HEADINGS: &[&str] = &["response", "assistant", "output", "응답", "답변"];

    /// What it says below its reply, and about it.
    pub const ENDNOTES: &[&str] = &[
        "translation", "english translation", "영어 번역", "번역", "word count", "글자 수", "글자수", "문장 수", "note",
    ];

    /// Its feedback.
    pub const FEEDBACK: &[&str] = &[
        "피드백 내용", "피드백 결과", "최종 피드백", "최종 답변", "final answer", "종합 피드백", "피드백", "feedback", "면접관 피드백", "답변 피드백",
        "면접 피드백", "답변", "답변 평가", "평가", "종합 평가", "평가 의견", "총평", "한 줄 평", "한줄평", "강평", "코멘트", "면접관 코멘트", "의견",
        "종합 의견", "면접관 의견", "응답", "answer", "comment", "comments", "review",
    ];

    /// Those of them that name nothing else.
    pub const SURELY_FEEDBACK: &[&str] = &["피드백", "feedback"];

    /// How the longer ones end.
    pub const LONG_FEEDBACK: &[&str] = &["피드백", "feedback", "평가", "총평", "코멘트"];

    /// What it writes to itself before that, or says again, when there is a label of the reply proper below.
    pub const BEFORE: &[&str] = &["답변", "answer", "분석", "analysis", "plan"];

    /// What it thinks before that, label or no label below.
    pub const THOUGHTS: &[&str] = &[
        "생각", "생각 과정", "사고", "사고 과정", "추론", "추론 과정", "속마음", "thought", "thoughts", "thinking", "reasoning", "chain of thought",
        "thinking process", "thought process", "reasoning process", "my thought process", "my thinking process",
        "here's a thinking process", "here's my thinking process", "here's my thought process", "here is my thought process",
    ];

    /// The reply proper, below that.
    pub const PROPER: &[&str] =
        &["피드백", "최종 피드백", "최종 답변", "feedback", "final answer", "final feedback", "answer", "final", "response", "응답"];

    /// Its question.
    pub const QUESTION: &[&str] = &[
        "다음 질문", "추가 질문", "첫 번째 질문", "두 번째 질문", "세 번째 질문", "질문", "question", "q",
        "next question",
    ];

    /// An answer of its own making.
    pub const ANSWER: &[&str] = &["답변", "answer", "a", "답"];
}

/// Keys of JSON that a model writes unasked.
pub mod key {
    /// Its feedback,
    pub const SURELY_FEEDBACK: &[&str] = &["feedback", "피드백"];

    /// and what else it may stand under when the reply is an object and nothing else.
    pub const FEEDBACK: &[&str] = &[
        "content", "response", "answer", "output", "reply", "result", "text", "답변", "응답", "evaluation", "평가", "comment",
        "review", "최종 피드백",
    ];

    /// What was asked for, in an object that is no error therefore.
    pub const ASKED: &[&str] = &["feedback", "피드백", "question", "enough", "content", "response"];
}

/// What stands before a feedback or a question, or in its place.
pub mod reply {
    /// Sentences, without spaces and marks, that only say that the reply is coming.
    pub const PLEASANTRIES: &[&str] = &[
        "네", "예", "네알겠습니다", "알겠습니다", "물론입니다", "물론이죠", "네물론입니다", "감사합니다",
        "안녕하세요", "좋은질문입니다", "좋은답변감사합니다", "답변감사합니다", "sure", "certainly", "ofcourse",
        "okay", "absolutely", "네좋습니다", "좋은질문이네요", "답변잘들었습니다", "답변잘읽었습니다", "답변해주셔서감사합니다",
        "이상입니다", "끝", "파이팅", "화이팅", "없음", "해당없음", "반갑습니다", "만나서반갑습니다", "저는면접관입니다",
        "물론이에요", "네확인했습니다", "확인했습니다", "좋은질문이에요", "답변감사드립니다", "안녕하세요면접관입니다", "지원자님안녕하세요",
        "답변을검토했습니다", "답변을확인했습니다", "답변을잘읽었습니다", "답변을읽었습니다", "답변확인했습니다", "답변을잘들었습니다",
    ];

    /// How they begin when a colon ends them.
    pub const LEADS: &[&str] = &["다음은", "here", "feedback"];

    /// How such sentences end when they are longer.
    pub const ANNOUNCEMENTS: &[&str] = &[
        "피드백드리겠습니다", "피드백을드리겠습니다", "피드백해드리겠습니다", "피드백을제공하겠습니다",
        "피드백입니다", "질문드리겠습니다", "질문을드리겠습니다", "다음질문입니다", "피드백을제공해드리겠습니다",
        "피드백을시작하겠습니다", "피드백을작성하겠습니다", "피드백을작성해드리겠습니다", "피드백을작성했습니다",
        "피드백을작성해보았습니다", "피드백을작성하였습니다", "아래와같이작성했습니다", "아래와같이작성하였습니다", "피드백을드립니다", "피드백드립니다", "피드백을남깁니다", "평가해드리겠습니다", "평가하겠습니다",
        "살펴보겠습니다", "검토해보겠습니다", "질문하겠습니다", "여쭤보겠습니다", "여쭙겠습니다", "질문을하겠습니다",
        "문장으로쓰세요", "문장으로작성했습니다", "문장으로작성하겠습니다",
        "피드백드릴게요", "피드백을드릴게요", "피드백해드릴게요", "답변을평가해보겠습니다", "결과는다음과같습니다", "평가는다음과같습니다",
        "피드백은다음과같습니다", "답변잘보았습니다", "답변잘봤습니다", "답변을잘보았습니다", "답변잘읽어보았습니다", "답변을잘읽어보았습니다",
    ];

    /// What only is polite, without spaces and marks: said before or after a reply, and none.
    pub const POLITE: &[&str] = &[
        "궁금한점이있", "궁금하신점이있", "질문이있으시면", "질문이있으면", "질문있으시면", "도움이되셨", "도움이되었기를",
        "도움이되었으면", "도움이되었길", "도움이되길", "도움이되기를", "도움이필요하시면", "도움이필요하면", "언제든지말씀",
        "언제든말씀", "언제든지문의", "언제든지질문", "화이팅", "파이팅", "응원합니다", "응원하겠습니다", "앞으로도좋은",
        "기대하겠습니다", "수고하셨습니다", "수고많으셨습니다", "고생하셨습니다", "좋은결과있", "좋은결과가있", "좋은결과를기원",
        "좋은결과를바랍", "행운을빕니다", "행운을빌", "합격을기원", "면접잘보", "궁금하신사항이있", "궁금하신사항은", "응원할게요", "응원해요", "더필요한게있으", "더필요한것이있으", "이피드백은ai",
        "이피드백이도움", "ai가생성했", "ai가작성했", "피드백을마칩니다", "피드백을마치겠습니다",
        "면접준비잘", "좋은하루", "건승을", "수고하셨어요", "질문으로넘어가겠습니다", "도와드릴일", "letmeknow", "thankyoufor", "hopethishelps", "goodluck", "bestofluck", "feelfreeto", "keepupthegoodwork", "happytohelp",
    ];

    /// Questions that only are polite, without spaces and marks.
    pub const OFFERS: &[&str] = &[
        "도와드릴까요", "어떤도움이필요", "시작할까요", "시작해볼까요", "진행할까요", "준비되셨나요", "준비가되셨", "괜찮으신가요",
        "괜찮으실까요", "다른질문이있", "더필요하신것", "계속할까요", "howcanihelp", "howmayihelp", "howcaniassist",
        "howmayiassist", "anythingelse", "shallwebegin", "areyouready",
    ];

    /// How the report of an error begins, in lower case.
    pub const ERRORS: &[&str] = &[
        "error code", "traceback (most recent call last)", "internal server error", "bad gateway",
        "service unavailable", "gateway timeout", "connection error", "connection refused", "request timed out",
        "llm 호출", "오류가 발생했습니다", "에러가 발생했습니다", "서버 오류", "<!doctype", "<html", "panicked at",
        "upstream connect error", "connection reset", "connection timed out", "connection aborted", "read timed out",
        "upstream request timeout", "no healthy upstream", "too many requests", "rate limit", "you exceeded your current quota",
        "cuda out of memory", "cuda error", "econnrefused", "connect econnrefused", "getaddrinfo", "segmentation fault",
        "exception in thread", "uncaught exception", "unhandled exception", "fatal error", "failed to fetch",
        "failed to connect", "failed to generate", "unable to connect", "could not connect", "max retries exceeded",
        "httpconnectionpool", "httpsconnectionpool", "model not found", "this model's maximum context length",
        "status code", "http error", "http 4", "http 5", "http/1.1 4", "http/1.1 5", "400 bad request", "401 unauthorized",
        "403 forbidden", "404 not found", "429 too many", "500 internal", "502 bad", "503 service", "504 gateway",
        "out of memory", "일시적인 오류", "시스템 오류", "알 수 없는 오류", "요청 시간이 초과", "네트워크 오류",
    ];

    /// How the name of an error ends, in lower case.
    pub const ERROR_NAMES: &[&str] = &["error", "exception", "오류", "에러", "fatal"];

    /// What a program says in Korean when it failed, and hardly anybody about an answer.
    pub const FAILURES: &[&str] = &[
        "오류가 발생했습니다", "오류가 발생하였습니다", "에러가 발생했습니다", "문제가 발생했습니다", "다시 시도해", "다시 시도하세요",
        "다시 시도하십시오", "잠시 후", "잠시 뒤", "호출 실패", "생성하지 못", "생성할 수 없",
        "처리하지 못", "처리할 수 없", "불러오지 못", "부르지 못", "호출하지 못", "호출에 실패", "연결하지 못", "연결할 수 없",
        "연결에 실패", "응답하지 않", "응답이 없습니다", "시간이 초과", "시간을 초과", "이용할 수 없", "관리자에게 문의", "실패했습니다",
        "실패하였습니다", "가져오지 못", "받아오지 못", "요청이 많아", "점검 중입니다", "토큰 한도", "API 키",
    ];

    /// What follows the name of an error in an English sentence about it.
    pub const ABOUT: &[&str] =
        &["is", "are", "was", "and", "or", "vs", "vs.", "means", "can", "occurs", "happens", "handling", "codes", "versus"];

    /// A Korean refusal holds one of these, in lower case,
    pub const APOLOGIES: &[&str] = &[
        "죄송", "유감", "안타깝", "ai 언어 모델", "인공지능 언어 모델", "저는 ai", "ai로서", "ai라서", "ai라 ", "ai이므로", "ai이기",
        "ai 모델", "저는 인공지능", "인공지능이", "인공지능으로서", "언어 모델로서", "언어 모델이", "이 요청", "해당 요청", "그 요청", "요청하신",
        "해당 내용", "해당 질문", "해당 주제", "이 주제", "정책", "부적절", "가이드라인",
    ];

    /// and one of these.
    pub const INABILITIES: &[&str] = &[
        "수 없", "수가 없", "못합니다", "못하는 점", "곤란", "거절", "벗어납니다", "벗어난", "어긋", "위배", "어렵습니다", "어려워요", "어려울", "불가", "않습니다", "않겠습니다", "않아요", "거부", "없습니다", "없어요",
    ];

    /// Or one of these, which need no apology.
    pub const SURE_REFUSALS: &[&str] = &[
        "도와드릴 수 없", "도와 드릴 수 없", "도움을 드릴 수 없", "도움을 드리기 어렵", "도움드리기 어렵", "답변드릴 수 없",
        "답변 드릴 수 없", "답변을 드릴 수 없", "답변해 드릴 수 없", "답변해드릴 수 없", "답변드리기 어렵", "답변을 드리기 어렵",
        "답변을 제공할 수 없", "답변을 제공하지 않", "응답할 수 없습니다", "응할 수 없", "제공해 드릴 수 없", "제공해드릴 수 없",
        "피드백을 제공할 수 없", "피드백을 드릴 수 없", "평가해 드릴 수 없", "요청을 처리할 수 없", "요청은 처리할 수 없",
        "요청을 수행할 수 없", "요청에 응할 수 없", "말씀드릴 수 없", "말씀드리기 어렵", "답변할 수 없", "대답할 수 없", "들어줄 수 없", "들어드릴 수 없", "알려드릴 수 없", "알려 드릴 수 없",
        "평가를 거부", "답변을 거부", "요청을 거부", "요청은 거절", "요청을 거절", "도와 드릴 수가 없", "도와드릴 수가 없", "도와드리지 못", "도와 드리지 못",
        "도와줄 수 없", "도움을 드리기가", "답변을 드리지 못", "답변드리지 못", "답을 드릴 수 없", "응답해 드리지 않", "저는 이 작업",
    ];

    /// Or one of these, without spaces and marks: an assistant speaks of itself, or wants to be asked again.
    pub const ASKS_AGAIN: &[&str] = &[
        "저는ai모델이", "저는ai언어모델이", "저는인공지능이며", "저는인공지능입니다", "다시질문해주", "다시한번질문을설명해주", "다시한번질문해주", "질문을다시설명해주",
        "질문을다시입력해주", "질문을다시말씀해주", "질문하신내용을전달해주", "다시한번도와드릴", "알수없는질문입니다", "질문을이해하지못하여", "질문을이해하지못했습니다",
        "새로운문제를제시하시면", "다시한번질문에대해물어주", "다시한번질문에대해도움", "더많은정보를요청합니다",
    ];

    /// What goes along with a refusal: sentences that hold these refuse nothing, and say nothing else.
    pub const REGRETS: &[&str] =
        &["just an ai", "no comment", "저로서는 판단하기", "죄송합니다", "죄송해요", "양해", "유감입니다", "다른 질문", "다른 주제", "다른 요청", "다른 도움", "sorry", "apolog"];

    /// How an English refusal begins, in lower case,
    pub const REFUSALS: &[&str] = &[
        "i'm sorry", "i’m sorry", "i am sorry", "sorry", "i cannot", "i can't", "i can’t", "i can not", "i am unable",
        "i'm unable", "i’m unable", "i'm not able", "i’m not able", "i am not able", "i won't", "i won’t", "i must decline", "i'm just an ai", "i’m just an ai", "i don't have", "i don’t have", "i do not have",
        "i'm afraid i can", "i’m afraid i can", "i must refuse", "it's not appropriate for me", "it’s not appropriate for me",
        "i'm not comfortable", "i’m not comfortable", "unable to", "as an ai developed", "unfortunately", "i apologize", "i apologise", "my apologies", "as an ai language", "as an ai model",
        "as an ai assistant", "as an ai,", "as a language model", "as a large language", "we cannot", "this request",
    ];

    /// and what it holds besides.
    pub const REFUSED: &[&str] = &[
        "help", "assist", "comply", "fulfill", "do that", "do this", "with that", "with this", "provide", "answer", "respond",
        "continue", "request", "decline", "discuss",
    ];
}
