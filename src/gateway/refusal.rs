//! What the gateway answers when it cannot give what was asked for.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::events::decode::MEMBER_ID;
use crate::events::outcome::FailureCode;

/// What a caller is told of a failure, the worker's or the gateway's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureBody<'a> {
    pub code: &'a str,
    pub message: &'a str,
    pub retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<&'a str>,
}

/// A failure of the gateway's own, in the form of the worker's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: StatusCode,
    pub code: &'static str,
    /// Korean; may be shown to the member.
    pub message: &'static str,
    /// Whether the same request can succeed when it is sent again.
    pub retryable: bool,
    /// The request's id, once it has one.
    pub request_id: Option<String>,
    /// The field or header that is wrong.
    pub field: Option<&'static str>,
    /// When to come again.
    pub retry_after: Option<Duration>,
    /// How to say who asks (RFC 9110, 11.6.1).
    pub challenge: Option<&'static str>,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: &'static str) -> Self {
        let retryable = status.is_server_error();
        Self { status, code, message, retryable, request_id: None, field: None, retry_after: None, challenge: None }
    }

    /// The body is no JSON object.
    pub fn not_json() -> Self {
        let message = "요청 내용을 읽을 수 없습니다. JSON 객체로 보내 주세요.";
        Self::new(StatusCode::BAD_REQUEST, FailureCode::InvalidRequest.name(), message)
    }

    /// A field or header breaks a rule.
    pub fn invalid(field: &'static str, message: &'static str) -> Self {
        Self { field: Some(field), ..Self::new(StatusCode::BAD_REQUEST, FailureCode::InvalidRequest.name(), message) }
    }

    /// There is no valid member id.
    pub fn no_member() -> Self {
        Self::invalid(MEMBER_ID[0], "회원 번호(memberId)를 1 이상의 정수로 보내 주세요.")
    }

    /// The body is longer than any request may be.
    pub fn too_long() -> Self {
        let message = "보낸 내용이 너무 깁니다. 내용을 줄여서 다시 시도해 주세요.";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, FailureCode::InputTooLong.name(), message)
    }

    /// The body did not come in time.
    pub fn too_slow() -> Self {
        let message = "요청 내용이 제때 도착하지 않았습니다. 잠시 후 다시 시도해 주세요.";
        Self { retryable: true, ..Self::new(StatusCode::REQUEST_TIMEOUT, "TIMEOUT", message) }
    }

    /// The body says that it is something else than JSON.
    pub fn wrong_content_type() -> Self {
        let message = "Content-Type은 application/json이어야 합니다.";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message)
    }

    /// The client asks too often, or all places are taken. To callers of the old API a status from 400 to 499 says that
    /// the member's input is wrong for good, which it is not.
    pub fn full(retry_after: Duration) -> Self {
        let message = "요청이 너무 많습니다. 잠시 후 다시 시도해 주세요.";
        let refusal = Self::new(StatusCode::SERVICE_UNAVAILABLE, "OVERLOADED", message);
        Self { retry_after: Some(retry_after), ..refusal }
    }

    /// The gateway is asked for by a name that is none of its own.
    pub fn foreign_host() -> Self {
        let message = "이 서버의 주소가 아닌 이름으로 온 요청입니다.";
        Self::new(StatusCode::FORBIDDEN, "FORBIDDEN_HOST", message)
    }

    /// A page of another origin asks.
    pub fn foreign_origin() -> Self {
        let message = "허용되지 않은 주소에서 온 요청입니다.";
        Self::new(StatusCode::FORBIDDEN, "FORBIDDEN_ORIGIN", message)
    }

    /// Nobody knows who asks.
    pub fn unauthenticated() -> Self {
        let message = "로그인이 필요합니다. 로그인한 뒤 다시 시도해 주세요.";
        Self { challenge: Some("Bearer"), ..Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message) }
    }

    /// What was given to show who asks does not count, or no longer.
    pub fn invalid_token() -> Self {
        let message = "로그인이 만료되었거나 올바르지 않습니다. 다시 로그인해 주세요.";
        let challenge = Some("Bearer error=\"invalid_token\"");
        Self { challenge, ..Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message) }
    }

    /// Whoever asks may not.
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "FORBIDDEN", "이 요청을 할 권한이 없습니다.")
    }

    /// A member asks for another.
    pub fn other_member() -> Self {
        let message = "로그인한 회원의 번호가 아닙니다. 자신의 회원 번호로 다시 시도해 주세요.";
        let refusal = Self::new(StatusCode::FORBIDDEN, "FORBIDDEN_MEMBER", message);
        Self { field: MEMBER_ID.first().copied(), ..refusal }
    }

    /// The login does not say who asks.
    pub fn no_login() -> Self {
        let message = "지금은 로그인을 확인할 수 없습니다. 잠시 후 다시 시도해 주세요.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "LOGIN_UNAVAILABLE", message)
    }

    /// The brokers do not take the request in time.
    pub fn broker_unavailable() -> Self {
        let message = "지금은 요청을 받을 수 없습니다. 잠시 후 다시 시도해 주세요.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "BROKER_UNAVAILABLE", message)
    }

    /// The outcome did not come in time.
    pub fn timed_out() -> Self {
        // Whether something still comes of it depends on how far it was; asking again is right either way.
        let message = "제때 결과가 나오지 않았습니다. 잠시 후 다시 시도해 주세요.";
        Self::new(StatusCode::GATEWAY_TIMEOUT, "TIMEOUT", message)
    }

    /// The outcome cannot be understood.
    pub fn internal() -> Self {
        let message = "일시적인 오류가 발생했습니다. 잠시 후 다시 시도해 주세요.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, FailureCode::Internal.name(), message)
    }

    /// No résumé that the gateway remembers has this document.
    pub fn no_document() -> Self {
        let message = "문서를 찾을 수 없습니다. 이력서 작성이 끝났는지 확인해 주세요.";
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    }

    /// The documents' store does not answer.
    pub fn no_store() -> Self {
        let message = "문서를 가져오지 못했습니다. 잠시 후 다시 시도해 주세요.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, FailureCode::StorageUnavailable.name(), message)
    }

    /// There is nothing at this address.
    pub fn nothing_here() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", "없는 주소입니다.")
    }

    /// This address is asked for in another way.
    pub fn wrong_method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "이 주소에서 쓸 수 없는 방식의 요청입니다.")
    }

    /// The server that requests are passed on to does not answer.
    pub fn no_upstream() -> Self {
        let message = "지금은 요청을 처리할 수 없습니다. 잠시 후 다시 시도해 주세요.";
        Self::new(StatusCode::BAD_GATEWAY, "UPSTREAM_UNAVAILABLE", message)
    }

    /// The request that is refused.
    pub fn of(self, request_id: &str) -> Self {
        Self { request_id: Some(request_id.to_owned()), ..self }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = FailureBody {
            code: self.code,
            message: self.message,
            retryable: self.retryable,
            request_id: self.request_id.as_deref(),
            field: self.field,
        };
        let mut response = (self.status, Json(body)).into_response();
        if let Some(pause) = self.retry_after {
            // Whole seconds, and never none: who comes back at once is refused again.
            let seconds = pause.as_secs().saturating_add(u64::from(pause.subsec_nanos() > 0)).max(1);
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(challenge) = self.challenge {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}
