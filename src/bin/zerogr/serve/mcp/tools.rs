//! The tools of the protocol: which there are, and how a call becomes an answer.
//!
//! - I1. A call that fails is an answer that says why and what to do, never the end of the server.
//! - I2. Work is done beside the thread that reads messages; a call that the client takes back stops.

use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolResult, ContentBlock, Implementation, ServerCapabilities, ServerConfig};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler, tool, tool_handler, tool_router};
use serde_json::Value;
use zerogr::CancelToken;

use crate::console::failure::Failure;

use super::answers;
use super::indexes::Indexes;
use super::requests::{Add, Delete, Get, ListFields, Search};

/// What a client sees.
#[derive(Clone)]
pub struct Tools {
    indexes: Indexes,
    may_write: bool,
    router: ToolRouter<Self>,
}

impl Tools {
    /// The tools over `indexes`: those that read, and if it is allowed those that write.
    pub fn new(indexes: Indexes, may_write: bool) -> Tools {
        let router = match may_write {
            true => Self::readers() + Self::writers(),
            false => Self::readers(),
        };
        Tools {
            indexes,
            may_write,
            router,
        }
    }

    /// Does `work` on a thread of its own, until it is done or the client wants it no more.
    async fn answer(
        &self,
        context: RequestContext<RoleServer>,
        work: impl FnOnce(&Indexes, &CancelToken) -> Result<Value, Failure> + Send + 'static,
    ) -> CallToolResult {
        let cancel = CancelToken::new();
        let (indexes, stopped) = (self.indexes.clone(), cancel.clone());
        let mut done = tokio::task::spawn_blocking(move || work(&indexes, &stopped));
        let done = tokio::select! {
            done = &mut done => done,
            () = context.ct.cancelled() => {
                cancel.cancel();
                done.await
            }
        };
        match done {
            Ok(Ok(value)) => CallToolResult::success(vec![ContentBlock::text(value.to_string())]),
            Ok(Err(failure)) => said(failure.to_string()),
            Err(failed) => said(format!("a fault of zerogr, please report it: {failed}")),
        }
    }
}

/// An answer that says why there is no other.
fn said(message: String) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(message)])
}

#[tool_router(router = readers)]
impl Tools {
    /// Find documents by what they mean and by their words. Gives ids, titles and the places that
    /// answer best; `get` reads a document from `from_char` on.
    #[tool(annotations(
        title = "Search documents",
        read_only_hint = true,
        open_world_hint = false
    ))]
    async fn search(
        &self,
        Parameters(request): Parameters<Search>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        self.answer(context, move |indexes, cancel| {
            answers::search(indexes, &request, cancel)
        })
        .await
    }

    /// Read a document, or a piece of a long one.
    #[tool(annotations(
        title = "Read a document",
        read_only_hint = true,
        open_world_hint = false
    ))]
    async fn get(
        &self,
        Parameters(request): Parameters<Get>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        self.answer(context, move |indexes, _| answers::get(indexes, &request))
            .await
    }

    /// List the fields that documents can be filtered by (`where` of `search`), with their types and
    /// most frequent values.
    #[tool(annotations(title = "List fields", read_only_hint = true, open_world_hint = false))]
    async fn list_fields(
        &self,
        Parameters(request): Parameters<ListFields>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        self.answer(context, move |indexes, _| {
            answers::list_fields(indexes, &request)
        })
        .await
    }

    /// Tell which indexes there are, how many documents they hold, and whether they can be written to.
    #[tool(annotations(title = "Status", read_only_hint = true, open_world_hint = false))]
    async fn status(&self, context: RequestContext<RoleServer>) -> CallToolResult {
        let may_write = self.may_write;
        self.answer(context, move |indexes, _| {
            answers::status(indexes, may_write)
        })
        .await
    }
}

#[tool_router(router = writers)]
impl Tools {
    /// Add documents, or replace those with the same ids. They are found as soon as this answers.
    #[tool(annotations(
        title = "Add documents",
        read_only_hint = false,
        destructive_hint = true,
        idempotent_hint = true,
        open_world_hint = false
    ))]
    async fn add(
        &self,
        Parameters(request): Parameters<Add>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        self.answer(context, move |indexes, cancel| {
            answers::add(indexes, &request, cancel)
        })
        .await
    }

    /// Delete documents by their ids.
    #[tool(annotations(
        title = "Delete documents",
        read_only_hint = false,
        destructive_hint = true,
        idempotent_hint = true,
        open_world_hint = false
    ))]
    async fn delete(
        &self,
        Parameters(request): Parameters<Delete>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        self.answer(context, move |indexes, cancel| {
            answers::delete(indexes, &request, cancel)
        })
        .await
    }
}

#[tool_handler(router = self.router)]
impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        let about = format!(
            "Search of the user's own documents, offline. Indexes: {}. Search first, with a \
             question in plain words; then read what looks right with `get`, a long document from \
             the `from_char` of its hit on.",
            self.indexes.names()
        );
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("zerogr", env!("CARGO_PKG_VERSION")))
            .with_instructions(about)
    }
}
