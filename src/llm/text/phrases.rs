//! Stock phrases: what models say around what they were asked for. Whoever finds another one adds it here; how it is looked
//! for is its readers' affair: labels are read in `envelope`, replies in `boilerplate`, résumés in `resume/markdown/`.
//!
//! rustfmt, which would give every phrase a line of its own, leaves this file alone.

/// Whose turn it is, in the words that chat templates write after the token that begins one; in lower case.
pub mod role {
    /// The model's own.
    pub const OWN: &[&str] = &["assistant", "model", "ai", "bot", "chatbot", "gpt"];

    /// Its own, to think in (HyperCLOVA X THINK).
    pub const THINKING: &[&str] = &["assistant/think", "think", "thought", "analysis"];

    /// Somebody else's.
    pub const OTHERS: &[&str] = &[
        "user", "human", "system", "developer", "tool", "tools", "ipython", "function", "observation", "environment",
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
        "candidate", "applicant", "gpt4 correct user", "지원자의 답변", "지원자 답변",
    ];

    /// More of both, in headings alone (Alpaca, KoAlpaca, KULLM, Vicuna, Solar: `### Instruction:`).
    pub const HEADED: &[&str] = &[
        "input", "context", "prompt", "system", "response", "assistant", "output", "입력", "명령어", "지시", "지시사항",
        "맥락", "시스템", "응답", "답변",
    ];

    /// Those of them that are the model's.
    pub const OWN_HEADINGS: &[&str] = &["response", "assistant", "output", "응답", "답변"];

    /// What it says below its reply, and about it.
    pub const AFTERWORDS: &[&str] = &[
        "translation", "english translation", "영어 번역", "번역", "word count", "글자 수", "글자수", "문장 수", "note",
    ];

    /// Its feedback.
    pub const FEEDBACK: &[&str] = &[
        "피드백 내용", "최종 피드백", "최종 답변", "final answer", "종합 피드백", "피드백", "feedback", "면접관 피드백", "답변", "평가", "응답",
        "answer",
    ];

    /// Those of them that name nothing else.
    pub const SURELY_FEEDBACK: &[&str] = &["피드백", "feedback"];

    /// What it writes to itself before that, or says again, when there is a label of the reply proper below.
    pub const BEFORE: &[&str] =
        &["답변", "answer", "생각", "사고 과정", "분석", "thought", "thinking", "thoughts", "reasoning", "analysis", "plan"];

    /// The reply proper, below that.
    pub const PROPER: &[&str] =
        &["피드백", "최종 피드백", "최종 답변", "feedback", "final answer", "final feedback", "answer", "final"];

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
    ];

    /// What only is polite, without spaces and marks: said before or after a reply, and none.
    pub const POLITE: &[&str] = &[
        "궁금한점이있", "궁금하신점이있", "질문이있으시면", "질문이있으면", "질문있으시면", "도움이되셨", "도움이되었기를",
        "도움이되었으면", "도움이되었길", "도움이되길", "도움이되기를", "도움이필요하시면", "도움이필요하면", "언제든지말씀",
        "언제든말씀", "언제든지문의", "언제든지질문", "화이팅", "파이팅", "응원합니다", "응원하겠습니다", "앞으로도좋은",
        "기대하겠습니다", "수고하셨습니다", "수고많으셨습니다", "고생하셨습니다", "좋은결과있", "좋은결과가있", "좋은결과를기원",
        "좋은결과를바랍", "행운을빕니다", "행운을빌", "합격을기원", "면접잘보", "피드백을마칩니다", "피드백을마치겠습니다",
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
        "실패하였습니다",
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
        "수 없", "어렵습니다", "어려워요", "어려울", "불가", "않습니다", "않겠습니다", "않아요", "거부", "없습니다", "없어요",
    ];

    /// Or one of these, which need no apology.
    pub const SURE_REFUSALS: &[&str] = &[
        "도와드릴 수 없", "도와 드릴 수 없", "도움을 드릴 수 없", "도움을 드리기 어렵", "도움드리기 어렵", "답변드릴 수 없",
        "답변 드릴 수 없", "답변을 드릴 수 없", "답변해 드릴 수 없", "답변해드릴 수 없", "답변드리기 어렵", "답변을 드리기 어렵",
        "답변을 제공할 수 없", "답변을 제공하지 않", "응답할 수 없습니다", "응할 수 없", "제공해 드릴 수 없", "제공해드릴 수 없",
        "피드백을 제공할 수 없", "피드백을 드릴 수 없", "평가해 드릴 수 없", "요청을 처리할 수 없", "요청은 처리할 수 없",
        "요청을 수행할 수 없", "요청에 응할 수 없", "말씀드릴 수 없", "말씀드리기 어렵", "답변할 수 없", "대답할 수 없", "들어줄 수 없", "들어드릴 수 없", "알려드릴 수 없", "알려 드릴 수 없",
        "평가를 거부", "답변을 거부", "요청을 거부",
    ];

    /// What goes along with a refusal: sentences that hold these refuse nothing, and say nothing else.
    pub const REGRETS: &[&str] =
        &["죄송합니다", "죄송해요", "양해", "유감입니다", "다른 질문", "다른 주제", "다른 요청", "다른 도움", "sorry", "apolog"];

    /// How an English refusal begins, in lower case,
    pub const REFUSALS: &[&str] = &[
        "i'm sorry", "i’m sorry", "i am sorry", "sorry", "i cannot", "i can't", "i can’t", "i can not", "i am unable",
        "i'm unable", "i’m unable", "i'm not able", "i’m not able", "i am not able", "i won't", "i won’t", "i must decline", "i'm just an ai", "i’m just an ai", "i don't have", "i don’t have", "i do not have",
        "unfortunately", "i apologize", "i apologise", "my apologies", "as an ai language", "as an ai model",
        "as an ai assistant", "as an ai,", "as a language model", "as a large language", "we cannot", "this request",
    ];

    /// and what it holds besides.
    pub const REFUSED: &[&str] = &[
        "help", "assist", "comply", "fulfill", "do that", "do this", "with that", "with this", "provide", "answer", "respond",
        "continue", "request", "decline", "discuss",
    ];
}

/// What stands around a résumé, in lower case.
pub mod resume {
    /// How a model begins when it talks about what it is going to write.
    pub const OPENINGS: &[&str] = &[
        "here is", "here's", "here are", "below is", "sure", "certainly", "of course", "i've", "i have", "based on",
        "네,", "네!", "물론", "알겠습니다", "다음은", "아래는", "좋습니다", "작성된",
    ];

    /// What it says about the résumé before it comes.
    pub const ANNOUNCEMENTS: &[&str] = &[
        "이력서를 작성", "이력서입니다", "이력서 초안", "이력서는 다음과", "작성해 드", "작성해드", "작성하겠습니다",
        "요청하신", "제공해 주신", "제공해주신", "제공된 정보", "주어진 정보", "your resume", "your résumé",
        "a resume",
    ];

    /// What it says when it is done.
    pub const CLOSINGS: &[&str] = &[
        "도움이 되셨", "도움이 되길", "도움이 되기를", "도움이 되었으면", "추가로 필요한 정보", "추가로 필요한 내용",
        "추가로 필요한 사항", "추가로 필요한 부분", "추가하고 싶은", "추가하실", "추가적인 정보", "추가 정보가",
        "수정이 필요하", "수정하고 싶", "수정이나", "말씀해 주", "말씀해주", "알려주세요", "알려 주세요", "알려주시",
        "알려 주시", "궁금한 점이 있", "위 이력서", "이 이력서", "위의 이력서", "본 이력서", "해당 이력서",
        "상기 이력서", "행운을 빕니다", "hope this", "i hope", "let me know", "feel free", "please note", "note that",
        "this resume", "this résumé", "good luck", "기재해 주",
    ];

    /// How remarks begin that are not part of the résumé.
    pub const REMARKS: &[&str] = &["참고:", "참고로", "주의:", "note:", "※", "p.s.", "감사합니다"];

    /// Last sections that speak to the member, without spaces.
    pub const REMARK_HEADINGS: &[&str] = &[
        "참고", "참고사항", "안내", "안내사항", "유의사항", "note", "notes", "추가로필요한정보", "추가필요정보",
        "추가정보요청", "추가정보", "작성팁", "팁",
    ];

    /// Titles of the whole; the document has its own.
    pub const TITLES: &[&str] = &["이력서", "resume", "résumé", "cv", "curriculum vitae", "경력기술서"];

    /// Sections that the document has itself, without spaces.
    pub const FACTS: &[&str] = &[
        "기본정보", "인적사항", "개인정보", "지원자정보", "basicinformation", "personalinformation", "personalinfo",
        "personaldetails",
    ];
}

/// Blanks that a model leaves in a résumé for the member to fill in, in lower case and, but for `REQUESTS`, `REMARKS` and
/// `PARTICLES`, without spaces.
pub mod blank {
    /// In brackets. In front of a value, `[기간] 2023` is a label.
    pub const NAMES: &[&str] = &[
        "이름", "성명", "성함", "본인이름", "지원자이름", "지원자", "연락처", "전화번호", "휴대폰", "휴대폰번호",
        "핸드폰번호", "이메일", "이메일주소", "주소", "거주지", "생년월일", "나이", "학교", "대학교", "대학", "학과",
        "전공", "학위", "졸업년도", "졸업연도", "입학년도", "입학연도", "회사", "기업", "직책", "직위", "직급",
        "부서", "기간", "근무기간", "시작일", "종료일", "날짜", "년도", "연도", "년월", "연월", "링크", "url",
        "깃허브", "깃허브링크", "github링크", "github주소", "포트폴리오링크", "블로그주소", "숫자", "수치", "내용",
        "성과", "점수", "발급기관", "취득일", "name", "fullname", "email", "emailaddress", "phone", "phonenumber",
        "address", "date", "company", "position", "university", "degree", "link", "number", "city",
    ];

    /// In brackets even in front of text.
    pub const SURE_NAMES: &[&str] = &[
        "회사명", "기업명", "학교명", "대학명", "대학교명", "학과명", "전공명", "프로젝트명", "자격증명", "직무명",
        "팀명", "부서명", "기술명", "서비스명", "기관명", "companyname", "projectname", "schoolname", "jobtitle",
    ];

    /// What a blank in brackets asks for.
    pub const REQUESTS: &[&str] = &["입력하", "기재하", "작성하", "여기에", "your ", "insert ", "enter "];

    /// How such a request ends.
    pub const REQUEST_ENDS: &[&str] = &["입력", "기재", "작성", "필요"];

    /// Remarks in parentheses that ask the member to do the work.
    pub const REMARKS: &[&str] = &[
        "작성 필요", "작성필요", "입력 필요", "입력필요", "기재 필요", "추가 필요", "확인 필요", "직접 입력",
        "직접 작성", "추후 작성", "추후 기재", "추후 입력", "추후 추가", "해당 시", "내용 입력", "정보 없음",
        "미기재", "미입력", "to be filled", "if applicable",
    ];

    /// Values that say that there is none.
    pub const NO_VALUES: &[&str] = &[
        "없음", "해당없음", "해당사항없음", "정보없음", "미기재", "미입력", "미제공", "미정", "작성필요", "입력필요",
        "기재필요", "추후작성", "추후기재", "확인필요", "제공되지않음", "입력되지않음", "기재되지않음", "na", "none",
        "tbd",
    ];

    /// The names that stand for anybody.
    pub const ANYBODY: &[&str] = &["홍길동", "johndoe", "janedoe", "honggildong"];

    /// What stands before them.
    pub const NAME_LABELS: &[&str] = &["이름", "성명", "성함", "name"];

    /// What may be left hanging on a blank that is taken out of a sentence.
    pub const PARTICLES: &[&str] = &[
        "에서는", "에서", "으로", "에게", "이며", "은", "는", "이", "가", "을", "를", "의", "에", "로", "와", "과",
        "님",
    ];
}
