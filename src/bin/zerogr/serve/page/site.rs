//! The addresses of the site and who answers them.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use maud::Markup;
use zerogr::Index;

use crate::console::failure::Failure;

use super::asked::Asked;
use super::document_page::{self, AskedDocument};
use super::{frame, guard, results_page, search};

/// What answers at `port`.
pub fn routes(index: Index, port: u16) -> Router {
    Router::new()
        .route("/", get(results))
        .route("/document", get(document))
        .route("/style.css", get(style))
        .fallback(nothing)
        .layer(middleware::from_fn_with_state(port, guard::guard))
        .with_state(Arc::new(index))
}

async fn results(
    State(index): State<Arc<Index>>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let Query(asked) = match asked {
        Ok(asked) => asked,
        Err(rejected) => return wrong(&rejected.body_text()),
    };
    answer(move || {
        let name = index.path().file_stem().unwrap_or(index.path().as_os_str());
        let name = name.to_string_lossy();
        let found = match asked.q.trim() {
            "" => None,
            _ => Some(search::search(&index, &asked)),
        };
        let (found, failed) = match found.transpose() {
            Ok(found) => (found, None),
            Err(failure) => (None, Some(failure.to_string())),
        };
        let status = match failed {
            Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
            None => StatusCode::OK,
        };
        let documents = index.snapshot().document_count();
        let page = results_page::page(&name, documents, &asked, found.as_ref(), failed.as_deref());
        Ok((status, page))
    })
    .await
}

async fn document(
    State(index): State<Arc<Index>>,
    asked: Result<Query<AskedDocument>, QueryRejection>,
) -> Response {
    let Query(asked) = match asked {
        Ok(asked) => asked,
        Err(rejected) => return wrong(&rejected.body_text()),
    };
    answer(move || {
        index.refresh()?;
        Ok(match index.snapshot().document(&asked.id)? {
            Some(document) => (StatusCode::OK, document_page::page(&document, &asked)),
            None => {
                let message = format!("There is no document {:?} in the index.", asked.id);
                let content = frame::problem(&message);
                (StatusCode::NOT_FOUND, frame::page("not found", &content))
            }
        })
    })
    .await
}

async fn style() -> Response {
    let style = include_str!("style.css");
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], style).into_response()
}

async fn nothing() -> Response {
    let page = frame::page("not found", &frame::problem("There is no such page."));
    (StatusCode::NOT_FOUND, html(page)).into_response()
}

/// Does `work` beside the thread that answers, which others wait for.
async fn answer(
    work: impl FnOnce() -> Result<(StatusCode, Markup), Failure> + Send + 'static,
) -> Response {
    let failed = |message: &str| {
        let page = frame::page("failed", &frame::problem(message));
        (StatusCode::INTERNAL_SERVER_ERROR, html(page)).into_response()
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok((status, page))) => (status, html(page)).into_response(),
        Ok(Err(failure)) => failed(&failure.to_string()),
        Err(fault) => failed(&format!("a fault of zerogr, please report it: {fault}")),
    }
}

fn wrong(message: &str) -> Response {
    let page = frame::page("not understood", &frame::problem(message));
    (StatusCode::BAD_REQUEST, html(page)).into_response()
}

fn html(page: Markup) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    (kind, page.into_string()).into_response()
}
