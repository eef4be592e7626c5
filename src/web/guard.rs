//! What stands before every handler: limits, deadlines, and the headers of every answer.

use std::{sync::Arc, time::Duration};

use axum::{
    body::HttpBody,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::sync::Semaphore;
use url::Url;

use super::reply::text;

/// The largest request body; no handler reads one.
const BODY_BYTES: u64 = 16 * 1024;

/// Everything comes from this server, nothing may be framed, no inline script or style runs.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// How many requests of a kind may be answered at once, and how long one may take.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    permits: Arc<Semaphore>,
    deadline: Duration,
}

impl Limits {
    pub(super) fn new(at_once: usize, deadline: Duration) -> Self {
        Self { permits: Arc::new(Semaphore::new(at_once)), deadline }
    }
}

/// Answers 503 when too many requests are being answered or one takes too long.
pub(super) async fn limit(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let Ok(_permit) = limits.permits.try_acquire() else {
        let busy = text(StatusCode::SERVICE_UNAVAILABLE, "too many requests at once, try again");
        return ([(header::RETRY_AFTER, "1")], busy).into_response();
    };
    tokio::time::timeout(limits.deadline, next.run(request)).await.unwrap_or_else(|_| {
        text(StatusCode::SERVICE_UNAVAILABLE, "the answer took too long and was given up")
    })
}

/// Refuses bodies that no handler would read.
pub(super) async fn limit_body(request: Request, next: Next) -> Response {
    if request.body().size_hint().lower() > BODY_BYTES {
        return text(StatusCode::PAYLOAD_TOO_LARGE, "no request here needs a body of that size");
    }
    next.run(request).await
}

/// Refuses what a browser sends on behalf of another site: a page elsewhere must not be able to
/// reload the daemon or spend tokens. Other clients send none of these headers.
pub(super) async fn same_site(request: Request, next: Next) -> Response {
    if is_foreign(request.headers()) {
        return text(StatusCode::FORBIDDEN, "requests from other sites are refused");
    }
    next.run(request).await
}

/// Refuses what does not say that it is JSON: a form of another site can send any other type
/// without being asked whether it may.
pub(super) async fn json(request: Request, next: Next) -> Response {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    if !essence.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        return text(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "this changes the daemon: send it with `Content-Type: application/json`",
        );
    }
    next.run(request).await
}

/// Whether a page of another site caused the request. Browsers leave `Sec-Fetch-Site` out where we
/// are reached by plain HTTP, and then `Origin` tells, or `Referer` of what has no origin.
fn is_foreign(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if matches!(site, Some(b"cross-site" | b"same-site")) {
        return true;
    }
    let sender = headers.get(header::ORIGIN).or_else(|| headers.get(header::REFERER));
    sender.is_some_and(|sender| !is_ours(sender, headers.get(header::HOST)))
}

/// Whether `sender`, a URL, has the host and port that were asked. The scheme may differ: TLS can
/// end in front of us.
fn is_ours(sender: &HeaderValue, host: Option<&HeaderValue>) -> bool {
    let sender = sender.to_str().ok().and_then(|sender| Url::parse(sender).ok());
    let (Some(sender), Some(host)) = (sender, host.and_then(|host| host.to_str().ok())) else {
        return false;
    };
    // By the sender's scheme, so that its default port may be written or left out.
    let asked = Url::parse(&format!("{}://{host}/", sender.scheme()));
    asked.is_ok_and(|asked| asked.host().is_some() && asked.origin() == sender.origin())
}

/// Sets the headers that every answer carries. What is shown changes with every beat, so nothing
/// is stored unless the handler says otherwise, and a page that stands alone has a policy of its
/// own.
pub(super) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let fixed = HeaderValue::from_static;
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(fixed(CONTENT_SECURITY_POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    headers.insert(header::REFERRER_POLICY, fixed("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, fixed("DENY"));
    headers.entry(header::CACHE_CONTROL).or_insert(fixed("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, middleware::from_fn_with_state, routing::get};
    use hyper::service::Service;
    use hyper_util::service::TowerToHyperService;
    use tokio::sync::Notify;

    use super::*;

    /// A service with one permit, whose handler says that it began and waits to be let go.
    fn service(
        deadline: Duration,
        began: &Arc<Notify>,
        go: &Arc<Notify>,
    ) -> TowerToHyperService<Router> {
        let (began, go) = (Arc::clone(began), Arc::clone(go));
        let handler = async move || {
            began.notify_one();
            go.notified().await;
        };
        let limit = from_fn_with_state(Limits::new(1, deadline), limit);
        TowerToHyperService::new(Router::new().route("/", get(handler)).layer(limit))
    }

    #[tokio::test]
    async fn one_request_too_many_is_refused_and_the_place_is_given_back() {
        let (began, go) = (Arc::default(), Arc::default());
        let service = service(Duration::from_secs(600), &began, &go);
        let ask = || service.call(http::Request::new(Body::empty()));
        let second = async {
            began.notified().await;
            let refused = ask().await.expect("an answer");
            go.notify_one();
            refused
        };
        let (first, refused) = tokio::join!(ask(), second);
        assert_eq!(first.expect("an answer").status(), StatusCode::OK);
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
        go.notify_one();
        assert_eq!(ask().await.expect("an answer").status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn an_answer_that_does_not_come_is_given_up() {
        let service = service(Duration::from_millis(5), &Arc::default(), &Arc::default());
        let answer = service.call(http::Request::new(Body::empty())).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
