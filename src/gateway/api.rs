//! The old HTTP API, over Kafka: a request is sent, and answered when its outcome arrives.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Serialize;
use time::OffsetDateTime;
use tokio::time::{Instant, timeout, timeout_at};
use uuid::Uuid;

use crate::gateway::AppState;
use crate::gateway::auth::Proof;
use crate::gateway::client::Client;
use crate::gateway::entry::Entry;
use crate::gateway::interview::Answers;
use crate::gateway::outcomes::{Call, is_stale, reply};
use crate::gateway::refusal::Refusal;
use crate::gateway::requests::{Asked, Fresh};
use crate::gateway::shares::{CROWDED, Kind, Share};
use crate::http::body::is_too_slow;
use crate::kafka::outgoing::Producer;
use crate::telemetry::gateway::Refused;

/// How long the brokers may take for a request, and the gateway to be able to see its outcome.
const SENDING: Duration = Duration::from_secs(10);
/// How long the outcome that made an answer stale may take to be seen after the worker has said so.
const SETTLING: Duration = Duration::from_secs(10);

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// What a caller gets that waits for events.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Accepted<'a> {
    request_id: &'a str,
}

/// A handler for one of the calls.
pub async fn ask(
    call: Call,
    State(app): State<Arc<AppState>>,
    client: Client,
    Extension(proof): Extension<Proof>,
    Extension(share): Extension<Share>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let deadline = Instant::now() + app.timeout;
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::too_long(),
        _ if is_too_slow(&rejection) => Refusal::too_slow(),
        _ => Refusal::not_json(),
    })?;
    let (id, now) = (Uuid::new_v4(), OffsetDateTime::now_utc());
    let fresh = Fresh { id, number: rand::random(), now, patience: app.timeout, proven: proof.member() };
    let mut asked = Asked::read(call.kind(), &headers, &body, &fresh)?;
    let of_no_member = (proof.member().is_none() && asked.spelling.is_none())
        .then(|| app.shares.take(Kind::NoMember, &client))
        .transpose();
    let of_no_member = of_no_member.map_err(|refusal| refusal.of(&asked.id))?;
    let _place = app.callers.try_acquire().map_err(|_| {
        app.metrics.refused(Refused::Callers);
        Refusal::full(CROWDED).of(&asked.id)
    })?;
    // Before that the outcome of an earlier request with this id could be taken for this one's.
    let seeing = timeout(SENDING, app.hub.caught_up()).await;
    seeing.map_err(|_| Refusal::broker_unavailable().of(&asked.id))?;
    let mut answered = None;
    if asked.answers_unnamed {
        let answers = timeout_at(deadline, app.hub.answers(asked.member)).await;
        match answers.map_err(|_| Refusal::timed_out().of(&asked.id))? {
            Answers::Question(id) => {
                asked.name_question(id);
                answered = Some(id);
            }
            // Not what the member answers, which is thrown away: it cannot be an answer to this. Who would rather hear of it
            // by an event is told at once all the same: there will be none.
            Answers::Unseen(open) => return tell(&app, call, &asked, &open),
            Answers::Coming | Answers::Unknown => {}
        }
    }
    if asked.respond_async {
        // Its work counts for its client's share although nobody waits for it here.
        let wait = share.is_of_one().then(|| app.hub.follow(asked.member, &asked.id, call.kind()));
        send(&app, &asked).await?;
        if let Some(mut wait) = wait {
            tokio::spawn(async move {
                let _held = (share, of_no_member);
                let _ = timeout_at(deadline, wait.outcome()).await;
            });
        }
        let body = Json(Accepted { request_id: &asked.id });
        return Ok((StatusCode::ACCEPTED, [(PREFERENCE_APPLIED, "respond-async")], body).into_response());
    }
    // Before it is sent, so that no outcome comes too early.
    let mut wait = app.hub.wait(asked.member, &asked.id, call.kind());
    send(&app, &asked).await?;
    let mut stopping = app.stopping.clone();
    let outcome = tokio::select! {
        outcome = timeout_at(deadline, wait.outcome()) => outcome.ok().flatten(),
        // Nothing is lost: whoever asks again with the same key gets the outcome.
        _ = stopping.wait_for(|stopping| *stopping) => None,
    };
    let mut outcome = outcome.ok_or_else(|| Refusal::timed_out().of(&asked.id))?;
    if asked.answers_unnamed && is_stale(&outcome) {
        // Who knows no question ids cannot know what went wrong: it is shown where the interview stands now.
        let standing = app.hub.standing_after(asked.member, answered);
        let settled = timeout_at(deadline.min(Instant::now() + SETTLING), standing).await;
        outcome = settled.ok().flatten().unwrap_or(outcome);
    }
    tell(&app, call, &asked, &outcome)
}

/// Answers with an outcome, which the member has then been shown.
fn tell(app: &AppState, call: Call, asked: &Asked, outcome: &Entry) -> Result<Response, Refusal> {
    let Some(reply) = reply(call, asked, outcome) else {
        tracing::error!(record = outcome.place(), "an outcome that is none of the contract");
        return Err(Refusal::internal().of(&asked.id));
    };
    app.hub.show(outcome);
    Ok((reply.status, Json(reply.body)).into_response())
}

async fn send(app: &AppState, asked: &Asked) -> Result<(), Refusal> {
    let refused = || Refusal::broker_unavailable().of(&asked.id);
    // A request that times out here may still be taken later; with the same key it is the same request.
    let sent = timeout(SENDING, app.producer.send(&asked.outgoing(&app.topics))).await.map_err(|_| refused())?;
    sent.map_err(|error| {
        tracing::error!(%error, kind = ?asked.kind, "a request was not taken");
        refused()
    })
}
