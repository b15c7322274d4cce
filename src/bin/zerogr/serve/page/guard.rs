//! Who may ask, and what a browser may do with the answer.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Nothing but the style of this page and its forms.
const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// Lets through what asks for this machine at `port`, and says of the answer what may be done with it.
pub async fn guard(State(port): State<u16>, request: Request, next: Next) -> Response {
    let mut answer = match is_ours(request.headers(), port) {
        true => next.run(request).await,
        false => (
            StatusCode::FORBIDDEN,
            "This page is for browsers on this machine: ask for it by http://127.0.0.1.\n",
        )
            .into_response(),
    };
    let headers = answer.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// Whether a request names this machine, and if it comes from a page, a page of ours.
fn is_ours(headers: &HeaderMap, port: u16) -> bool {
    let names = ["127.0.0.1", "localhost"].map(|name| format!("{name}:{port}"));
    let is_named = |text: &str| names.iter().any(|name| text.eq_ignore_ascii_case(name));
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let is_asked_for = host.is_some_and(is_named);
    let comes_from_us = headers.get(header::ORIGIN).is_none_or(|origin| {
        let origin = origin.to_str().ok();
        origin
            .and_then(|origin| origin.strip_prefix("http://"))
            .is_some_and(is_named)
    });
    is_asked_for && comes_from_us
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_machine_may_ask() {
        for (host, origin, may) in [
            (Some("127.0.0.1:7700"), None, true),
            (Some("LOCALHOST:7700"), Some("http://localhost:7700"), true),
            (Some("127.0.0.1:7700"), Some("http://127.0.0.1:7700"), true),
            (Some("127.0.0.1"), None, false),
            (Some("127.0.0.1:80"), None, false),
            (Some("evil.example:7700"), None, false),
            (Some("127.0.0.1:7700"), Some("http://evil.example"), false),
            (Some("127.0.0.1:7700"), Some("null"), false),
            (
                Some("127.0.0.1:7700"),
                Some("https://127.0.0.1:7700"),
                false,
            ),
            (None, None, false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [(header::HOST, host), (header::ORIGIN, origin)] {
                if let Some(value) = value {
                    headers.insert(name, value.parse().unwrap());
                }
            }
            assert_eq!(is_ours(&headers, 7700), may, "{host:?} {origin:?}");
        }
    }
}
