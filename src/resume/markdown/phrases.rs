//! Stock phrases of résumés: what models say around one, how its sections are called, and what a blank in it asks for. In
//! lower case. Whoever finds another one adds it here; how it is looked for is its readers' affair.
//!
//! rustfmt, which would give every phrase a line of its own, leaves this file alone.

/// What a model says around the résumé.
pub mod talk {
    /// How it begins before the résumé comes.
    pub const OPENINGS: &[&str] = &[
        "here is", "here's", "here are", "below is", "sure", "certainly", "of course", "i've", "i have", "based on",
        "네,", "네!", "물론", "알겠습니다", "다음은", "아래는", "좋습니다", "작성된", "안녕하세요",
    ];

    /// What it says before the résumé comes.
    pub const ANNOUNCEMENTS: &[&str] = &[
        "이력서를 작성", "형식으로 작성", "이력서입니다", "이력서 초안", "이력서는 다음과", "작성해 드", "작성해드", "작성하겠습니다",
        "요청하신", "제공해 주신", "제공해주신", "제공된 정보", "주어진 정보", "your resume", "your résumé",
        "a resume",
    ];

    /// How sentences end that the member is asked something with.
    pub const REQUESTS: &[&str] = &[
        "하세요", "주세요", "으세요", "보세요", "쓰세요", "마세요", "치세요", "우세요", "꾸세요", "내세요", "십시오", "십시요",
        "시길 바랍니다", "시기 바랍니다", "시기를 바랍니다", "셨기를 바랍니다", "셨길 바랍니다", "시면 됩니다", "으면 됩니다",
        "시는 것이 좋습니다", "시는 것을 권장합니다", "하는 것이 좋습니다", "하는 것을 추천합니다", "하는 것을 권장합니다", "하면 좋습니다",
        "하면 더 좋습니다", "하면 좋을 것 같습니다", "하실 수 있습니다", "시면 좋습니다", "시면 좋겠습니다", "드릴까요", "있으신가요", "하신가요",
        "되시나요",
    ];

    /// How it offers something,
    pub const OFFERS: &[&str] =
        &["드리겠습니다", "드릴게요", "드릴 수 있습니다", "드렸습니다", "드립니다", "드릴 수 있어요", "가능합니다"];

    /// which is done to a résumé.
    pub const EDITS: &[&str] = &[
        "작성", "수정", "보완", "반영", "다듬", "도와", "업데이트", "변경", "추천드", "권장드", "제안드", "안내드", "완성해",
        "추가해 드", "추가해드", "정리해 드", "정리해드",
    ];

    /// How it names what the member may do: `필요하시면`.
    pub const IF_YOU: &[&str] = &[
        "있으시면", "있으면 말씀", "있으면 알려", "하시면", "주시면", "되시면", "필요하면 말씀", "필요하면 알려", "으시다면",
        "하신다면", "신다면", "보시면",
    ];

    /// What the résumé was made from, as only its writer calls it.
    pub const SOURCES: &[&str] = &[
        "제공해 주신", "제공해주신", "제공하신", "입력하신", "말씀하신", "말씀해 주신", "말씀해주신", "알려주신",
        "알려 주신", "답변하신", "답변해 주신", "답변해주신", "작성해 주신", "작성해주신", "요청하신", "제공된 정보",
        "주어진 정보", "제공된 내용", "주어진 내용", "제공된 답변",
    ];

    /// What it says of the résumé, anywhere in a sentence.
    pub const ANNOUNCED: &[&str] = &[
        "이력서를 작성했습니다", "이력서를 작성하였습니다", "이력서를 완성했습니다", "이력서를 완성하였습니다",
        "이력서를 정리했습니다", "이력서를 구성했습니다", "이력서를 작성해 드", "이력서를 작성해드", "이력서를 작성해 보",
        "이력서를 작성하겠습니다", "이력서를 다음과", "이력서가 작성되", "이력서가 완성되", "이력서입니다", "이력서예요",
        "이력서 초안입니다", "이력서 예시입니다", "이력서는 다음과", "이력서를 마칩니다", "이력서를 마치겠습니다",
        "이력서 작성을 마", "이력서 작성이 완료", "이력서가 될 것", "이력서가 됩니다", "좋은 이력서", "이력서를 완성하",
    ];

    /// How it points at what it wrote.
    pub const POINTERS: &[&str] = &[
        "위 이력서", "위의 이력서", "이 이력서", "본 이력서", "해당 이력서", "상기 이력서", "아래 이력서", "이상의 이력서",
        "완성된 이력서", "작성된 이력서", "위 내용", "위의 내용", "상기 내용", "위 예시", "이 예시", "위 초안", "이 초안",
        "위 양식", "이 양식", "위 템플릿", "이 템플릿", "위 문서", "이 문서", "위 정보", "위의 정보", "이상으로", "위와 같이",
    ];

    /// What it says of that.
    pub const REMARKS_ON: &[&str] = &[
        "예시", "초안", "도움이 되", "작성했습니다", "작성하였습니다", "작성되었습니다", "작성됐습니다", "작성한 것",
        "작성된 것", "작성해", "완성했습니다", "완성되었습니다", "구성했습니다", "구성되었습니다", "마칩니다", "마치겠습니다",
        "수정이 필요", "참고용", "바탕으로 한", "기반으로 작성", "맞춰 작성", "강조했습니다", "강조하였습니다", "반영했습니다",
        "반영하였습니다", "수정하", "보완하",
    ];

    /// What applicants say at the end of theirs, and no writer for them.
    pub const OF_APPLICANTS: &[&str] =
        &["사실과", "사실임을", "틀림없", "다름없", "거짓", "연락 주", "연락주", "뵙고", "뵐 ", "사실입니다", "읽어 주셔서", "읽어주셔서"];

    /// Wishes,
    pub const WISHES: &[&str] = &[
        "행운", "좋은 결과", "합격", "취업 성공", "취업에 성공", "구직 활동", "도움이 되길", "도움이 되기를", "도움이 되었",
        "도움이 되셨", "도움이 됐", "성공적인", "원하시는",
    ];
    /// and how they end.
    pub const WISHING: &[&str] = &[
        "바랍니다", "바라요", "바랄게요", "빕니다", "빌겠습니다", "빌어요", "기원합니다", "기원할게요", "응원합니다",
        "응원할게요", "응원하겠습니다", "좋겠습니다", "좋겠네요", "좋겠어요",
    ];

    /// Of whom an applicant speaks.
    pub const OWN: &[&str] =
        &["팀에", "팀의", "회사에", "귀사", "조직에", "고객", "동료", "사용자", "저는", "제가", "저의", "입사", "후배", "업계"];

    /// Whole sentences that are nothing but manners.
    pub const MANNERS: &[&str] = &[
        "감사합니다", "고맙습니다", "파이팅", "화이팅", "물론입니다", "알겠습니다", "네알겠습니다", "네물론입니다", "물론이죠",
        "응원합니다", "행운을빕니다", "수고하셨습니다", "수고많으셨습니다", "이상입니다", "끝", "이력서끝", "이상", "endofresume", "sure", "certainly", "ofcourse", "thankyou", "goodluck", "bestofluck",
    ];

    /// How a remark begins; whether it is one to the member, the rest has to say.
    pub const REMARKS: &[&str] = &["참고:", "참고로", "참고 사항:", "주의:", "note:", "*참고", "※", "p.s.", "tip:", "팁:"];

    /// Remarks that always are one to the member.
    pub const TIPS: &[&str] = &["tip:", "팁:"];

    /// What makes such a remark one to the member.
    pub const OF_WRITING: &[&str] = &["이력서", "작성", "수정", "예시", "내용을", "빈칸", "정보를", "제공", "resume", "please", "placeholder"];

    /// English sentences to the member begin so.
    pub const ENGLISH: &[&str] = &[
        "here is", "here's", "below is", "i hope", "hope this", "let me know", "please let", "please feel", "feel free",
        "please note", "please replace", "please fill", "please adjust", "please review", "note that", "note: this",
        "note: the", "good luck", "best of luck", "if you need", "if you would", "if you'd", "if you have", "this resume",
        "this résumé", "the above resume", "remember to", "make sure to", "you can ", "would you like", "i've ",
        "i have created", "i have written", "sure!", "sure,", "certainly!",
    ];

    /// Last sections that speak to the member, without spaces.
    pub const HEADINGS: &[&str] = &[
        "추가로필요한정보", "추가필요정보", "추가정보요청", "작성팁", "팁", "tips", "이력서작성팁", "추가질문",
        "필요한추가정보", "작성시참고사항", "보완할점", "보완이필요한부분",
    ];

    /// Last sections that may.
    pub const PERHAPS_HEADINGS: &[&str] = &[
        "참고", "참고사항", "안내", "안내사항", "유의사항", "note", "notes", "추가정보", "비고", "마무리", "맺음말",
    ];
}

/// How the parts of a résumé are called.
pub mod section {
    /// Titles of the whole; the document has its own.
    pub const TITLES: &[&str] = &["이력서", "resume", "résumé", "cv", "curriculum vitae", "경력기술서"];

    /// What the names of sections are made of.
    pub const WORDS: &[&str] = &[
        "자기", "소개", "소개서", "요약", "개요", "프로필", "경력", "경험", "이력", "주요", "핵심", "역량", "기술", "스택",
        "보유", "사용", "프로젝트", "학력", "학업", "교육", "이수", "사항", "내역", "내용", "자격", "자격증", "증", "기타",
        "및", "와", "과", "수상", "어학", "외국어", "능력", "활동", "대외", "성과", "업무", "직무", "사회", "개인", "개발",
        "포트폴리오", "링크", "병역", "취득", "강점", "장점", "목표", "지원", "동기", "논문", "특허", "봉사", "상세",
        "연구", "실적", "회사", "근무", "인턴", "인턴십", "오픈소스", "기여", "정보", "전문", "한줄", "세부", "추가", "분야",
        "summary", "profile", "about", "me", "objective", "work", "professional", "experience", "experiences",
        "employment", "history", "education", "skill", "skills", "technical", "core", "competencies", "project",
        "projects", "personal", "certification", "certifications", "certificates", "award", "awards", "activities",
        "career", "highlights", "achievements", "publications", "languages", "and", "key", "additional", "others",
    ];

    /// What the names of sections that repeat the document's basic facts are made of.
    pub const FACTS_WORDS: &[&str] = &[
        "지원자", "지원", "신청자", "본인", "나의", "기본", "정보", "인적", "사항", "개인", "신상", "연락처", "연락",
        "프로필", "이메일", "및", "과", "와", "and", "contact", "contacts", "information", "info", "personal", "basic",
        "details", "data", "me", "applicant", "기초", "인사",
    ];

    /// One of these is among them.
    pub const FACTS: &[&str] = &[
        "기본정보", "기초정보", "인적사항", "인적정보", "개인정보", "신상정보", "신상", "연락처", "지원자정보", "basicinformation",
        "basicinfo", "personalinformation", "personalinfo", "personaldetails", "personaldata", "contact",
    ];

    /// Labels that nothing but a section of basic facts has, without spaces.
    pub const SURE_FACT_LABELS: &[&str] = &[
        "이메일", "이메일주소", "메일", "email", "emailaddress", "희망직무", "희망직종", "지원직무", "지원분야", "희망분야",
        "전공여부", "desiredposition", "desiredjob", "preferredjob",
    ];

    /// Labels of what the document says itself, without spaces.
    pub const FACT_LABELS: &[&str] = &[
        "이메일", "이메일주소", "메일", "email", "emailaddress", "희망직무", "희망직종", "지원직무", "지원분야", "희망분야",
        "직무", "전공여부", "전공", "연락이메일", "최근회사", "회사", "직책", "근무기간", "총경력", "경력기간", "자격증수", "프로젝트수",
        "desiredposition", "desiredjob", "preferredjob", "position", "job", "major",
    ];
}

/// Blanks that a model leaves in a résumé for the member to fill in.
pub mod blank {
    /// What names of blanks are made of: `[담당 업무]`, `<회사명>`, `{{팀 규모}}`.
    pub const WORDS: &[&str] = &[
        "이름", "성명", "성함", "본인", "지원자", "귀하", "회사", "기업", "직장", "소속", "학교", "대학", "대학교", "대학원",
        "고등학교", "학과", "학부", "전공", "부전공", "학위", "학점", "졸업", "입학", "재학", "입사", "퇴사", "재직", "시작",
        "종료", "완료", "근무", "수행", "진행", "기간", "날짜", "일자", "일시", "년도", "연도", "년월", "연월", "연월일",
        "년월일", "년", "연", "월", "일", "연락처", "전화", "번호", "휴대폰", "핸드폰", "휴대전화", "이메일", "메일", "주소",
        "거주지", "생년월일", "나이", "성별", "링크", "깃허브", "블로그", "포트폴리오", "직무", "직책", "직위", "직급", "부서",
        "팀", "팀원", "역할", "담당", "맡은", "업무", "내용", "설명", "상세", "세부", "주요", "핵심", "구체적", "구체적인",
        "정확한", "관련", "해당", "사용", "사용한", "보유", "기술", "스택", "언어", "프로그래밍", "도구", "툴", "프레임워크",
        "라이브러리", "데이터베이스", "프로젝트", "서비스", "제품", "기능", "목표", "목적", "성과", "결과", "수치", "숫자",
        "금액", "비율", "퍼센트", "규모", "인원", "수", "명", "건수", "횟수", "점수", "등급", "자격증", "자격", "발급",
        "기관", "취득", "수상", "대회", "상", "활동", "경험", "경력", "교육", "과정", "과목", "강의", "희망", "연봉", "지역",
        "도시", "국가", "본문", "제목", "명칭", "사진", "서명", "텍스트", "문구", "값", "의", "및", "또는", "등", "한줄",
        "소개", "자기소개", "지표", "github", "url", "linkedin", "sns", "it", "ai", "향상", "개선", "예시", "언급", "입력", "기재", "작성", "기입", "추가", "필요", "필요시",
        "직접", "추후", "예정", "삽입",
    ];

    /// The same in English; a single one stands for a blank only where there is nothing else.
    pub const ENGLISH: &[&str] = &[
        "your", "full", "first", "last", "name", "company", "employer", "position", "job", "title", "date", "start",
        "end", "month", "year", "university", "school", "college", "degree", "major", "email", "address", "phone",
        "number", "link", "url", "github", "linkedin", "blog", "portfolio", "city", "state", "country", "location",
        "project", "description", "role", "responsibility", "responsibilities", "achievement", "achievements", "metric",
        "metrics", "skill", "skills", "technology", "technologies", "team", "size", "insert", "enter", "add", "here",
        "the", "of", "specific", "details", "example", "placeholder", "text", "username", "id", "certification", "percentage", "todo",
    ];

    /// How names end that name no value, even in front of text: `[회사명] 백엔드 개발자`.
    pub const SURE_ENDS: &[&str] = &[
        "회사명", "기업명", "학교명", "대학명", "대학교명", "학과명", "전공명", "프로젝트명", "자격증명", "직무명",
        "팀명", "부서명", "기술명", "서비스명", "기관명", "companyname", "projectname", "schoolname", "jobtitle",
    ];

    /// How a request in brackets begins or ends.
    pub const REQUEST_STARTS: &[&str] = &["여기에", "예:", "예)", "예시:", "ex)", "e.g.", "your ", "insert ", "enter ", "add your"];
    pub const REQUEST_ENDS: &[&str] = &[
        "하세요", "주세요", "십시오", "하시오", "입력하기", "작성하기", "기재하기", "적기", "쓰기", "to be filled", "if applicable",
        "if any",
    ];

    /// Remarks in parentheses that ask the member to do the work, as a whole and without spaces.
    pub const REMARKS: &[&str] = &[
        "작성필요", "입력필요", "기재필요", "추가필요", "확인필요", "보완필요", "기입필요", "수정필요", "작성요망", "기재요망",
        "입력요망", "확인요망", "직접입력", "직접작성", "직접기재", "추후작성", "추후기재", "추후입력", "추후추가", "추후보완",
        "추후업데이트", "해당시", "해당시기재", "해당시작성", "필요시기재", "필요시작성", "필요시추가", "있는경우", "있을경우",
        "내용입력", "내용작성", "정보없음", "미기재", "미입력", "tobefilled", "tbd", "ifapplicable", "ifany", "optional",
        "예시", "샘플", "example", "sample",
    ];

    /// With these ends, a remark says what is to be done to: `(구체적인 수치 기재 필요)`.
    pub const REMARK_ENDS: &[&str] = &["작성필요", "입력필요", "기재필요", "추가필요", "확인필요", "보완필요", "기입필요", "요망"];

    /// Values that say that there is none, without spaces.
    pub const NO_VALUES: &[&str] = &[
        "해당없음", "해당사항없음", "정보없음", "미기재", "미입력", "미제공", "미정", "작성필요", "입력필요",
        "기재필요", "추후작성", "추후기재", "추후입력", "추후보완", "추후업데이트", "추후추가", "추후업데이트예정",
        "추후작성예정", "추후기재예정", "확인필요", "제공되지않음", "입력되지않음", "기재되지않음", "정보가없음",
        "정보가제공되지않음", "정보제공되지않음", "직접입력", "직접작성", "na", "tbd", "tba", "todo", "추가예정", "notprovided",
        "notspecified", "notapplicable",
    ];

    /// Those that may be what is to be told: `장애: 없음`.
    pub const NONE: &[&str] = &["없음", "none"];

    /// The names that stand for anybody.
    pub const ANYBODY: &[&str] = &["홍길동", "johndoe", "janedoe", "honggildong", "yourname"];

    /// What stands before them.
    pub const NAME_LABELS: &[&str] = &["이름", "성명", "성함", "name", "fullname"];

    /// What may be left hanging on a blank that is taken out of a sentence.
    pub const PARTICLES: &[&str] = &[
        "에서는", "에서의", "에서", "으로", "에게", "이며", "이라는", "라는", "은", "는", "이", "가", "을", "를", "의", "에",
        "로", "와", "과", "님",
    ];

    /// What is counted by a number that a letter stands for: `N% 향상`, `X명`.
    pub const COUNTED: &[&str] = &[
        "%", "퍼센트", "명", "건", "배", "개월", "개", "년차", "년간", "년", "회", "초", "ms", "시간", "분", "원", "만", "천", "억", "대", "위",
        "점", "tps", "rps", "qps",
    ];

    /// What happened to what was counted.
    pub const CHANGES: &[&str] = &[
        "향상", "개선", "단축", "감소", "증가", "절감", "달성", "상승", "축소", "절약", "성장", "확대", "줄", "늘", "높", "낮", "빨라",
        "감축", "확보", "기록", "경력", "근무", "동안",
    ];

    /// What says nothing without a number beside it.
    pub const EMPTY_WITHOUT: &[&str] = &[
        "향상", "개선", "단축", "감소", "증가", "절감", "달성", "상승", "축소", "사용자", "고객", "회원", "팀원", "인원", "규모",
        "약", "총", "최대", "최소", "평균", "이상", "이하", "월", "일", "연", "하루", "월간", "일간", "정도", "내외", "동시", "접속자", "참여",
        "mau", "dau", "를", "을", "으로", "의", "로",
    ];
}

/// What a circled or bulleted line begins with when it is an item of a list.
pub const BULLETS: &[char] = &[
    '•', '‣', '▪', '▫', '◾', '◽', '●', '○', '◦', '■', '□', '◆', '◇', '▶', '▷', '►', '▸', '➤', '➢', '➔', '→', '✔', '✓',
    '✅', '☑', '⁃', '‧', '◈', '❑', '❒', 'ㅇ', '·', 'ㆍ', '∙', '⦁', '❖', '★', '☆', '–', '—', '―', '−', '‐', '‑', '・',
];
