//! Who may ask: a browser of this machine that was given the token, on behalf of this page and of no other.
//!
//! The socket listens on the loopback interface alone. What a name of somebody else resolves to it (DNS rebinding) is refused
//! by the `Host`, what another page sends by the `Origin` and a cookie that is sent to this page alone, and what another user
//! of the machine sends by the token in that cookie.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State as Of};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HOST, HeaderName, LOCATION,
    ORIGIN, REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::State;
use crate::problem::Refusal;

/// What the page may load: its own files, and pictures that it makes.
const POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// Who may ask.
#[derive(Debug)]
pub struct Access {
    token: String,
    port: u16,
}

impl Access {
    /// A new token of 128 bits for a page on this port.
    pub fn new(port: u16) -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        let token = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { token, port })
    }

    /// The address that lets a browser in.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}/?token={}", self.port, self.token)
    }

    /// Cookies are shared by all ports of a host.
    fn cookie(&self) -> String {
        format!("giantstep-{}", self.port)
    }

    fn is_own_host(&self, host: &str) -> bool {
        let port = format!(":{}", self.port);
        matches!(
            host.strip_suffix(&port),
            Some("127.0.0.1" | "localhost" | "[::1]")
        )
    }

    fn is_own_origin(&self, origin: &str) -> bool {
        origin
            .strip_prefix("http://")
            .is_some_and(|host| self.is_own_host(host))
    }

    /// Hashes are compared in a time that does not depend on where they differ.
    fn is_token(&self, given: &str) -> bool {
        blake3::hash(given.as_bytes()) == blake3::hash(self.token.as_bytes())
    }

    fn has_cookie(&self, headers: &HeaderMap) -> bool {
        let cookies = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok());
        cookies
            .flat_map(|all| all.split(';'))
            .filter_map(|cookie| cookie.trim().split_once('='))
            .any(|(name, value)| name == self.cookie() && self.is_token(value))
    }

    /// The answer to a request that does not go further; none to one that does.
    fn answered(&self, request: &Request) -> Option<Response> {
        let headers = request.headers();
        let text = |name: HeaderName| {
            let mut values = headers.get_all(name).iter();
            match (values.next(), values.next()) {
                (Some(only), None) => only.to_str().ok(),
                _ => None,
            }
        };
        let named = request.uri().authority().map(|host| host.as_str());
        let hosts = [text(HOST), named.or(text(HOST))];
        if !hosts
            .iter()
            .all(|host| host.is_some_and(|host| self.is_own_host(host)))
        {
            let message = "this name is not that of the laboratory";
            return Some(Refusal::new(StatusCode::MISDIRECTED_REQUEST, message).into_response());
        }
        if request.method() == Method::GET
            && request.uri().path() == "/"
            && let Some(given) = request.uri().query().and_then(token_of)
        {
            return Some(match self.is_token(given) {
                true => self.entered(),
                false => self.kept_out(),
            });
        }
        if !self.has_cookie(headers) {
            return Some(self.kept_out());
        }
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            return None;
        }
        if !text(ORIGIN).is_some_and(|origin| self.is_own_origin(origin)) {
            let message = "changes are asked for by the page of this laboratory alone";
            return Some(Refusal::new(StatusCode::FORBIDDEN, message).into_response());
        }
        let kind = text(CONTENT_TYPE).map(|kind| kind.split(';').next().unwrap_or(kind).trim());
        if request.method() == Method::POST && kind != Some("application/json") {
            let message = "what is sent here is application/json";
            return Some(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message).into_response());
        }
        None
    }

    /// The page again, without the token in its address.
    fn entered(&self) -> Response {
        let cookie = format!(
            "{}={}; Path=/; HttpOnly; SameSite=Strict",
            self.cookie(),
            self.token
        );
        (
            StatusCode::SEE_OTHER,
            [(LOCATION, "/".to_owned()), (SET_COOKIE, cookie)],
        )
            .into_response()
    }

    fn kept_out(&self) -> Response {
        let words = "Open the address that `giantstep lab` has printed: it ends in a token that lets this browser in.\n";
        let kind = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
        (StatusCode::UNAUTHORIZED, kind, Body::from(words)).into_response()
    }
}

fn token_of(query: &str) -> Option<&str> {
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix("token="))
}

/// Lets through what may ask, and says to the browser what it may do with the answer.
pub async fn guard(Of(state): Of<Arc<State>>, request: Request, next: Next) -> Response {
    let mut response = match state.access.answered(&request) {
        Some(answered) => answered,
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
