//! Stock phrases: what models say around what they were asked for. Whoever finds another one adds it here; how it is looked
//! for is its readers' affair: labels are read in `envelope`, replies in `boilerplate`, résumés in `resume/markdown/`.
//!
//! rustfmt, which would give every phrase a line of its own, leaves this file alone.

/// How a model labels what it writes.
pub mod label {
    /// How it names itself before it speaks.
    pub const SPEAKERS: &[&str] = &[
        "assistant", "어시스턴트", "chatbot", "model", "챗봇", "면접관", "컨설턴트", "interviewer", "ai", "bot",
    ];

    /// How it names the other side when it goes on with a dialogue of its own.
    pub const OTHERS: &[&str] = &["user", "human", "사용자", "지원자", "질문", "question"];

    /// Its feedback.
    pub const FEEDBACK: &[&str] = &[
        "피드백 내용", "최종 피드백", "종합 피드백", "피드백", "feedback", "면접관 피드백", "답변", "평가", "응답",
        "answer",
    ];

    /// Those of them that name nothing else.
    pub const SURELY_FEEDBACK: &[&str] = &["피드백", "feedback"];

    /// Its question.
    pub const QUESTION: &[&str] = &[
        "다음 질문", "추가 질문", "첫 번째 질문", "두 번째 질문", "세 번째 질문", "질문", "question", "q",
        "next question",
    ];

    /// An answer of its own making.
    pub const ANSWER: &[&str] = &["답변", "answer", "a", "답"];
}

/// What stands before a feedback or a question, or in its place.
pub mod reply {
    /// Sentences, without spaces and marks, that only say that the reply is coming.
    pub const PLEASANTRIES: &[&str] = &[
        "네", "예", "네알겠습니다", "알겠습니다", "물론입니다", "물론이죠", "네물론입니다", "감사합니다",
        "안녕하세요", "좋은질문입니다", "좋은답변감사합니다", "답변감사합니다", "sure", "certainly", "ofcourse",
        "okay", "absolutely",
    ];

    /// How such sentences end when they are longer.
    pub const ANNOUNCEMENTS: &[&str] = &[
        "피드백드리겠습니다", "피드백을드리겠습니다", "피드백해드리겠습니다", "피드백을제공하겠습니다",
        "피드백입니다", "질문드리겠습니다", "질문을드리겠습니다", "다음질문입니다",
    ];

    /// How the report of an error begins, in lower case.
    pub const ERRORS: &[&str] = &[
        "error code", "traceback (most recent call last)", "internal server error", "bad gateway",
        "service unavailable", "gateway timeout", "connection error", "connection refused", "request timed out",
        "llm 호출", "오류가 발생했습니다", "에러가 발생했습니다", "서버 오류", "<!doctype", "<html", "panicked at",
        "upstream connect error",
    ];

    /// How the name of an error ends, in lower case.
    pub const ERROR_NAMES: &[&str] = &["error", "exception", "오류", "에러", "fatal"];

    /// A Korean refusal holds one of these, in lower case,
    pub const APOLOGIES: &[&str] = &["죄송", "ai 언어 모델", "인공지능 언어 모델"];

    /// and one of these.
    pub const INABILITIES: &[&str] = &["없습니다", "없어요", "어렵습니다"];

    /// How an English refusal begins, in lower case.
    pub const REFUSALS: &[&str] = &[
        "i'm sorry", "i’m sorry", "sorry,", "i cannot", "i can't", "i can’t", "as an ai", "i am unable",
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
