//! How much of the API a server takes. Who refuses a field is asked once more without it, and spared from then on. Pure.

use super::classify::{Cause, Fault, Told};

/// Which field limits the reply: OpenAI's newer models refuse the old one, and older servers do not know the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LimitField {
    MaxTokens,
    MaxCompletionTokens,
}

impl LimitField {
    fn name(self) -> &'static str {
        match self {
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::MaxTokens => Self::MaxCompletionTokens,
            Self::MaxCompletionTokens => Self::MaxTokens,
        }
    }
}

/// How a reply's form is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// By a JSON schema.
    Schema,
    /// As any JSON object.
    Object,
    /// By the prompt alone.
    Text,
}

/// What a server takes, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    pub form: Form,
    pub limit: LimitField,
    /// The other field was refused before.
    limit_is_sure: bool,
    pub temperature: bool,
    pub top_p: bool,
    pub n: bool,
    /// Messages of the role `system`.
    pub system: bool,
    /// Replies as they are written, with what they cost.
    pub stream: bool,
    pub stream_options: bool,
    /// That nothing is to be stored: said to those alone that might.
    pub store: bool,
}

/// What was asked for beside a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// A form.
    pub schema: bool,
    pub stream: bool,
    /// This server has answered in a stream before.
    pub stream_is_sure: bool,
}

/// What a refusal teaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lesson {
    pub dialect: Dialect,
    /// What the server does not take.
    pub refused: &'static str,
    /// The server itself said what it is: else it is a guess until a reply proves it.
    pub is_told: bool,
}

/// What servers call a form of the reply besides `response_format`.
const FORM: [&str; 7] =
    ["json_schema", "json_object", "schema", "guided", "grammar", "structured output", "input should be 'text'"];
/// Words for a reply that is read while it is written; part of others they say nothing (`upstream`).
const STREAM: [&str; 3] = ["stream", "streaming", "streamed"];
/// Statuses of a server that cannot answer so: not acceptable, not implemented.
const UNABLE: [u16; 2] = [406, 501];
/// How templates say that they have no place for a system message.
const NO_SYSTEM: [&str; 3] = ["system role", "system message", "roles must alternate"];

impl Dialect {
    /// All of it, with this field.
    pub fn new(limit: LimitField) -> Self {
        let (temperature, top_p, n, system) = (true, true, true, true);
        let (stream, stream_options) = (true, true);
        Self {
            form: Form::Schema,
            limit,
            limit_is_sure: false,
            temperature,
            top_p,
            n,
            system,
            stream,
            stream_options,
            store: false,
        }
    }

    /// The same, in which the server is told, or not told, to store nothing.
    pub fn storing_nothing(self, store: bool) -> Self {
        Self { store, ..self }
    }

    /// What a whole answer to a request for a stream teaches.
    pub fn without_streams(self) -> Lesson {
        Lesson { dialect: Self { stream: false, ..self }, refused: "stream", is_told: true }
    }

    /// How to ask once more what was refused in this dialect; `None` where nothing can be left out for it. Each is poorer
    /// than the one before, so this ends.
    pub fn after(self, fault: &Fault, told: &Told, asked: Asked) -> Option<Lesson> {
        let cause = fault.cause;
        if !matches!(cause, Cause::Rejected | Cause::Broken | Cause::NotAnApi) {
            return None;
        }
        let lesson = |refused, dialect| Some(Lesson { dialect, refused, is_told: true });
        let asks_for_form = asked.schema && self.form != Form::Text;
        let asks_for_stream = asked.stream && self.stream;
        if asks_for_stream && self.stream_options && told.names("stream_options", &["include_usage"]) {
            return lesson("stream_options", Self { stream_options: false, ..self });
        }
        if asks_for_stream && told.names_word(&STREAM) && (cause == Cause::Rejected || told.is_unsupported()) {
            return lesson("stream", Self { stream: false, ..self });
        }
        if self.system && told.says(&NO_SYSTEM) {
            return lesson("the system role", Self { system: false, ..self });
        }
        if asks_for_form && told.names("response_format", &FORM) {
            return match self.form {
                Form::Schema => lesson("json_schema", Self { form: Form::Object, ..self }),
                Form::Object | Form::Text => lesson("response_format", Self { form: Form::Text, ..self }),
            };
        }
        if !self.limit_is_sure && told.names(self.limit.name(), &[]) {
            return lesson(self.limit.name(), Self { limit: self.limit.other(), limit_is_sure: true, ..self });
        }
        // Who does not know of it has nothing that it is stored in.
        if self.store
            && (told.is_at("store") || told.names_word(&["store"]))
            && (cause == Cause::Rejected || told.is_unsupported())
        {
            return lesson("store", Self { store: false, ..self });
        }
        // Of two that exclude each other the one goes that says what is so anyway.
        if self.top_p && told.names("top_p", &[]) {
            return lesson("top_p", Self { top_p: false, ..self });
        }
        if self.temperature && told.names("temperature", &[]) {
            return lesson("temperature", Self { temperature: false, ..self });
        }
        if self.n && told.names("n", &[]) {
            return lesson("n", Self { n: false, ..self });
        }
        let guess = |refused, dialect| Some(Lesson { dialect, refused, is_told: false });
        let is_unable = fault.status.is_some_and(|status| UNABLE.contains(&status));
        if asks_for_stream && !asked.stream_is_sure && is_unable {
            return guess("stream", Self { stream: false, ..self });
        }
        if asks_for_form && cause == Cause::Rejected {
            return guess("response_format", Self { form: Form::Text, ..self });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Dialect = Dialect {
        form: Form::Schema,
        limit: LimitField::MaxTokens,
        limit_is_sure: false,
        temperature: true,
        top_p: true,
        n: true,
        system: true,
        stream: true,
        stream_options: true,
        store: false,
    };

    fn after(dialect: Dialect, cause: Cause, body: &str, has_schema: bool) -> Option<Lesson> {
        let asked = Asked { schema: has_schema, stream: false, stream_is_sure: false };
        dialect.after(&Fault::transport(cause), &Told::read(body.as_bytes()), asked)
    }

    const STREAMED: Asked = Asked { schema: false, stream: true, stream_is_sure: false };

    /// The same, to a request for a stream; what is refused, and whether that is told.
    fn after_stream(status: u16, cause: Cause, body: &str, asked: Asked) -> Option<(&'static str, bool)> {
        let fault = Fault { cause, status: Some(status), retry_after: None };
        let lesson = ALL.after(&fault, &Told::read(body.as_bytes()), asked)?;
        let Dialect { stream, stream_options, .. } = lesson.dialect;
        assert_eq!((stream, stream_options), (lesson.refused != "stream", lesson.refused != "stream_options"));
        Some((lesson.refused, lesson.is_told))
    }

    #[test]
    fn a_refused_stream_is_asked_for_as_a_whole_and_refused_options_are_left_out() {
        let says = |message: &str| format!(r#"{{"error":{{"message":"{message}"}}}}"#);
        for (status, cause, body, refused) in [
            (400, Cause::Rejected, about("stream"), "stream"),
            (400, Cause::Rejected, about("stream_options"), "stream_options"),
            (400, Cause::Rejected, about("stream_options.include_usage"), "stream_options"),
            (422, Cause::Rejected, says("Streaming is turned off for this key."), "stream"),
            (
                422,
                Cause::Rejected,
                r#"{"detail":[{"loc":["body","stream_options"],"msg":"extra inputs"}]}"#.to_owned(),
                "stream_options",
            ),
            (501, Cause::NotAnApi, says("streaming is not supported"), "stream"),
            (500, Cause::Broken, says("this server does not support stream=true"), "stream"),
        ] {
            assert_eq!(after_stream(status, cause, &body, STREAMED), Some((refused, true)), "{body}");
        }
    }

    #[test]
    fn a_status_of_who_is_unable_may_be_the_streams_as_long_as_none_has_come() {
        for status in UNABLE {
            assert_eq!(after_stream(status, Cause::NotAnApi, "{}", STREAMED), Some(("stream", false)), "{status}");
            let sure = Asked { stream_is_sure: true, ..STREAMED };
            assert_eq!(after_stream(status, Cause::NotAnApi, "{}", sure), None, "{status}");
        }
        for (status, cause) in [(400, Cause::Rejected), (404, Cause::NotAnApi), (500, Cause::Broken)] {
            assert_eq!(after_stream(status, cause, "upstream reset", STREAMED), None, "{status}");
        }
        let fields = "unknown field `seed`, expected one of `messages`, `stream`";
        assert_eq!(after_stream(422, Cause::Rejected, fields, STREAMED), None);
        assert_eq!(after_stream(500, Cause::Broken, "stream reset", STREAMED), None, "it is not about the field");
    }

    fn about(field: &str) -> String {
        format!(r#"{{"error":{{"message":"Unsupported parameter: '{field}'","param":"{field}"}}}}"#)
    }

    #[test]
    fn a_field_that_is_named_is_left_out_and_the_limit_said_by_its_other_name() {
        let after = |field| after(ALL, Cause::Rejected, &about(field), false).map(|lesson| lesson.dialect);
        assert_eq!(after("temperature"), Some(Dialect { temperature: false, ..ALL }));
        assert_eq!(after("top_p"), Some(Dialect { top_p: false, ..ALL }));
        assert_eq!(after("n"), Some(Dialect { n: false, ..ALL }));
        let other = Dialect { limit: LimitField::MaxCompletionTokens, limit_is_sure: true, ..ALL };
        assert_eq!(after("max_tokens"), Some(other));
        assert_eq!(after("messages"), None);
    }

    #[test]
    fn a_schema_gives_way_to_an_object_and_that_to_words() {
        let refused = about("response_format.type");
        let object = after(ALL, Cause::Broken, &refused, true).unwrap().dialect;
        assert_eq!(object.form, Form::Object);
        let text = after(object, Cause::Rejected, &refused, true).unwrap().dialect;
        assert_eq!(text.form, Form::Text);
        assert_eq!(after(text, Cause::Rejected, &refused, true), None);
        assert_eq!(after(ALL, Cause::Rejected, &refused, false), None, "none was asked for");
    }

    #[test]
    fn a_refusal_that_names_nothing_may_be_the_forms_and_is_believed_when_words_alone_do() {
        let lesson = after(ALL, Cause::Rejected, r#"{"error":{"message":"bad request"}}"#, true).unwrap();
        assert_eq!((lesson.dialect.form, lesson.is_told), (Form::Text, false));
        assert_eq!(after(ALL, Cause::Broken, "Internal Server Error", true), None);
        assert_eq!(after(ALL, Cause::Rejected, r#"{"error":{"message":"bad request"}}"#, false), None);
    }

    #[test]
    fn each_refusal_makes_it_poorer_until_there_is_nothing_to_leave_out() {
        let everything =
            "response_format max_tokens max_completion_tokens top_p temperature 'n' system role not supported";
        let (mut dialect, mut steps) = (ALL, 0);
        while let Some(lesson) = after(dialect, Cause::Rejected, everything, true) {
            assert_ne!(dialect, lesson.dialect);
            (dialect, steps) = (lesson.dialect, steps + 1);
        }
        assert_eq!(steps, 7);
    }

    #[test]
    fn what_is_not_about_a_field_teaches_nothing() {
        for cause in [Cause::Overflow, Cause::UnknownModel, Cause::Denied, Cause::Busy, Cause::Silent] {
            assert_eq!(after(ALL, cause, &about("temperature"), true), None, "{cause:?}");
        }
    }
}
