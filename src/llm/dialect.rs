//! How much of the API a server takes. Who refuses a field is asked once more without it, and spared from then on. Pure.

use super::classify::{Cause, Told};

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
/// How templates say that they have no place for a system message.
const NO_SYSTEM: [&str; 3] = ["system role", "system message", "roles must alternate"];

impl Dialect {
    /// All of it, with this field.
    pub fn new(limit: LimitField) -> Self {
        let (temperature, top_p, n, system) = (true, true, true, true);
        Self { form: Form::Schema, limit, limit_is_sure: false, temperature, top_p, n, system }
    }

    /// How to ask once more what was refused in this dialect; `None` where nothing can be left out for it. Each is poorer
    /// than the one before, so this ends. `has_schema` says that a form was asked for.
    pub fn after(self, cause: Cause, told: &Told, has_schema: bool) -> Option<Lesson> {
        if !matches!(cause, Cause::Rejected | Cause::Broken | Cause::NotAnApi) {
            return None;
        }
        let lesson = |refused, dialect| Some(Lesson { dialect, refused, is_told: true });
        let asks_for_form = has_schema && self.form != Form::Text;
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
        let dialect = Self { form: Form::Text, ..self };
        (asks_for_form && cause == Cause::Rejected).then_some(Lesson {
            dialect,
            refused: "response_format",
            is_told: false,
        })
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
    };

    fn after(dialect: Dialect, cause: Cause, body: &str, has_schema: bool) -> Option<Lesson> {
        dialect.after(cause, &Told::read(body.as_bytes()), has_schema)
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
