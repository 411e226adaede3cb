//! Where the links in the mail lead: looking approves nothing, only `POST` decides.
//!
//! Mail scanners follow links. So `GET` shows what would be approved and asks; the page's buttons `POST` to the
//! same address. Whether an answer counts is the runtime's decision: the first one does.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use maud::{DOCTYPE, Markup, html};
use serde::{Deserialize, Serialize};
use stepwright::{Clock, ReportError, Runtime, TaskToken, Timestamp, TokenHash};

use crate::{Answer, Draft, record_decision};

/// The query of a link.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Link {
    request_id: String,
    timestamp: String,
    token: String,
}

/// What the buttons send.
#[derive(Deserialize)]
struct Decision {
    answer: Answer,
}

/// The requests that somebody was asked about.
#[derive(Clone)]
pub(crate) struct Desk {
    runtime: Runtime,
    clock: Arc<dyn Clock>,
    address: SocketAddr,
    requests: Arc<Mutex<HashMap<String, Request>>>,
}

#[derive(Clone)]
struct Request {
    task: String,
    asked_at: String,
    /// Enough to know the token again, and not enough to use it.
    token: TokenHash,
    answered: Option<(Answer, Timestamp)>,
}

impl Desk {
    pub(crate) fn new(runtime: Runtime, clock: Arc<dyn Clock>, address: SocketAddr) -> Self {
        Self { runtime, clock, address, requests: Arc::default() }
    }

    /// Keeps a request, and gives the link to it.
    pub(crate) fn register(
        &self,
        draft: Draft,
        token: &TaskToken,
    ) -> Result<String, serde_urlencoded::ser::Error> {
        let Draft { request_id, timestamp, task } = draft;
        let request = Request { task, asked_at: timestamp.clone(), token: token.hash(), answered: None };
        self.requests().insert(request_id.clone(), request);
        let link = Link { request_id, timestamp, token: token.reveal().to_owned() };
        let query = serde_urlencoded::to_string(&link)?;
        Ok(format!("http://{}/verification?{query}", self.address))
    }

    /// The request that a link is about, and its token; nothing if any part of the link is wrong.
    fn find(&self, link: &Link) -> Option<(Request, TaskToken)> {
        let token: TaskToken = link.token.parse().ok()?;
        let request = self.requests().get(&link.request_id)?.clone();
        let right = request.token == token.hash() && request.asked_at == link.timestamp;
        right.then_some((request, token))
    }

    fn answered(&self, link: &Link, answer: Answer) {
        if let Some(request) = self.requests().get_mut(&link.request_id) {
            request.answered = Some((answer, self.clock.now()));
        }
    }

    fn requests(&self) -> MutexGuard<'_, HashMap<String, Request>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The whole endpoint.
pub(crate) fn router(desk: Desk) -> Router {
    Router::new()
        .route("/verification", get(show).post(decide))
        .method_not_allowed_fallback(async || {
            page(StatusCode::METHOD_NOT_ALLOWED, "This cannot be done here", &html! {})
        })
        .fallback(async || page(StatusCode::NOT_FOUND, "There is nothing here", &html! {}))
        .with_state(desk)
}

/// Shows what would be approved, and asks.
async fn show(State(desk): State<Desk>, link: Result<Query<Link>, QueryRejection>) -> Response {
    let Ok(Query(link)) = link else { return incomplete() };
    match desk.find(&link) {
        None => unknown(),
        Some((Request { answered: Some(answer), .. }, _)) => already_answered(Some(answer)),
        Some((request, _)) => page(
            StatusCode::OK,
            "Do you approve this?",
            &html! {
                p { strong { (request.task) } }
                p { "Asked at " (request.asked_at) ". Nothing is decided until you press a button." }
                // Without an action it goes to the address of the page, which has the token.
                form method="post" {
                    button name="answer" value="approve" { "Approve" } " "
                    button name="answer" value="reject" { "Reject" } " "
                    button name="answer" value="decline" { "I do not decide this" }
                }
            },
        ),
    }
}

/// Tells the execution what was decided.
async fn decide(
    State(desk): State<Desk>,
    link: Result<Query<Link>, QueryRejection>,
    decision: Result<Form<Decision>, FormRejection>,
) -> Response {
    let Ok(Query(link)) = link else { return incomplete() };
    let Some((request, token)) = desk.find(&link) else { return unknown() };
    let Ok(Form(Decision { answer })) = decision else {
        return page(
            StatusCode::BAD_REQUEST,
            "This is no answer",
            &html! { p { "Send " code { "answer=approve" } ", " code { "reject" } " or " code { "decline" } " as a form." } },
        );
    };
    match record_decision(&desk.runtime, &token, &link.request_id, answer).await {
        Ok(()) => {
            desk.answered(&link, answer);
            page(
                StatusCode::OK,
                "Thank you",
                &html! { p { "You " strong { (past(answer)) } ": " (request.task) } },
            )
        }
        Err(ReportError::TaskTimedOut | ReportError::TaskDoesNotExist) => already_answered(request.answered),
        Err(ReportError::InvalidToken) => unknown(),
        Err(error) => page(
            StatusCode::SERVICE_UNAVAILABLE,
            "Your answer did not arrive",
            &html! { p { (error) ". Try again." } },
        ),
    }
}

fn already_answered(answer: Option<(Answer, Timestamp)>) -> Response {
    let how = match answer {
        Some((answer, at)) => {
            html! { p { "It was " (past(answer)) " at " (at) ". This click changed nothing." } }
        }
        None => html! { p { "Nobody waits for it any longer. This click changed nothing." } },
    };
    page(StatusCode::GONE, "This was already answered", &how)
}

fn unknown() -> Response {
    let what = html! { p { "No request has this link. Was it copied whole?" } };
    page(StatusCode::NOT_FOUND, "This link leads nowhere", &what)
}

fn incomplete() -> Response {
    let what = html! { p { "It has to have " code { "requestId" } ", " code { "timestamp" } " and " code { "token" } ", each once." } };
    page(StatusCode::BAD_REQUEST, "This link is not whole", &what)
}

fn past(answer: Answer) -> &'static str {
    match answer {
        Answer::Approve => "approved",
        Answer::Reject => "rejected",
        Answer::Decline => "declined",
    }
}

/// A page; `html!` has escaped all values in it. The address is a secret, so it is not passed on or kept.
fn page(status: StatusCode, title: &str, body: &Markup) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { (title) }
                style { "body { font: 1.1em sans-serif; max-width: 40em; margin: 3em auto; padding: 0 1em } button { font: inherit }" }
            }
            body { h1 { (title) } (body) }
        }
    };
    let headers = [
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
        ),
    ];
    (status, headers, Html(page.into_string())).into_response()
}
