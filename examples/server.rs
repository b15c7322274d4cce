//! An index behind HTTP: searches, new documents while it is searched, health and metrics.
//!
//! ```sh
//! cargo run --release --example server -- papers.zgr 127.0.0.1:8080
//! curl '127.0.0.1:8080/search?q=why+do+wings+shake&k=5&where=year+>=+1950'
//! curl --data-binary @more.jsonl 127.0.0.1:8080/documents   # answers when they are durable
//! curl 127.0.0.1:8080/health 127.0.0.1:8080/metrics
//! ```
//!
//! As many searches run at once as there are cores. One thread writes: what came in within a second goes
//! into one commit. An interrupt lets what has begun come to its end.

use std::error::Error as StdError;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{Semaphore, mpsc, oneshot};
use zerogr::{Budget, CancelToken, Document, Error, Index, SearchOptions};

/// How long documents wait for others to be committed with.
const COMMIT_EVERY: Duration = Duration::from_secs(1);
/// Requests with documents that may wait; more are told to come again.
const QUEUED_BATCHES: usize = 64;

type Answer = Result<String, (StatusCode, String)>;

struct Server {
    index: Index,
    turns: Arc<Semaphore>,
    writer: mpsc::Sender<Batch>,
    searches: AtomicU64,
    failures: AtomicU64,
    time_us: AtomicU64,
}

/// Documents of one request, and where to say that they are durable.
struct Batch {
    documents: Vec<Document>,
    done: oneshot::Sender<Result<u64, String>>,
}

#[derive(Deserialize)]
struct Asked {
    q: String,
    k: Option<usize>,
    #[serde(rename = "where")]
    filter: Option<String>,
}

/// Stops a search whose client has gone away.
struct CancelOnDrop(CancelToken);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

fn refuse(status: StatusCode, why: impl Display) -> (StatusCode, String) {
    (status, format!("{why}\n"))
}

async fn search(State(server): State<Arc<Server>>, Query(asked): Query<Asked>) -> Answer {
    let turn = server.turns.clone().acquire_owned().await;
    let cancel = CancelOnDrop(CancelToken::new());
    let budget = Budget::new().cancel(cancel.0.clone());
    let index = server.index.clone();
    let begin = Instant::now();
    let work = move || -> Result<String, Error> {
        let _turn = turn;
        let mut options = SearchOptions::new().budget(budget);
        options.k = asked.k.unwrap_or(10).min(100);
        options.filter = asked.filter.map(|filter| filter.parse()).transpose()?;
        let result = index.search(&asked.q, &options)?;
        let hits = result.hits.iter().zip(result.documents()?);
        let hits: Vec<_> = hits
            .map(|(hit, text)| json!({"id": hit.id, "title": text.title, "score": hit.score}))
            .collect();
        Ok(format!("{}\n", json!({ "hits": hits })))
    };
    let answer = match tokio::task::spawn_blocking(work).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) if error.is_invalid_input() => Err(refuse(StatusCode::BAD_REQUEST, error)),
        Ok(Err(error)) => Err(refuse(StatusCode::INTERNAL_SERVER_ERROR, error)),
        Err(fault) => Err(refuse(StatusCode::INTERNAL_SERVER_ERROR, fault)),
    };
    let time_us = begin.elapsed().as_micros() as u64;
    server.time_us.fetch_add(time_us, Relaxed);
    server.searches.fetch_add(1, Relaxed);
    server
        .failures
        .fetch_add(u64::from(answer.is_err()), Relaxed);
    answer
}

async fn add(State(server): State<Arc<Server>>, lines: String) -> Answer {
    let mut check = server.index.document_check();
    let documents = (1..).zip(lines.lines()).map(|(number, line)| {
        let document = Document::from_json_line(line);
        let document = document.and_then(|document| check.check(&document).map(|()| document));
        let wrong = |error| refuse(StatusCode::BAD_REQUEST, format!("line {number}: {error}"));
        document.map_err(wrong)
    });
    let documents = documents.collect::<Result<_, _>>()?;
    let (done, committed) = oneshot::channel();
    let sent = server.writer.try_send(Batch { documents, done });
    sent.map_err(|error| refuse(StatusCode::SERVICE_UNAVAILABLE, error))?;
    match committed.await {
        Ok(Ok(generation)) => Ok(format!("{}\n", json!({ "generation": generation }))),
        Ok(Err(failed)) => Err(refuse(StatusCode::INTERNAL_SERVER_ERROR, failed)),
        Err(ended) => Err(refuse(StatusCode::INTERNAL_SERVER_ERROR, ended)),
    }
}

async fn health(State(server): State<Arc<Server>>) -> String {
    let snapshot = server.index.snapshot();
    format!("{}\n", json!({"generation": snapshot.generation()}))
}

async fn metrics(State(server): State<Arc<Server>>) -> String {
    let count = |counter: &AtomicU64| counter.load(Relaxed);
    let seconds = count(&server.time_us) as f64 / 1e6;
    let (searches, failures) = (count(&server.searches), count(&server.failures));
    format!(
        "search_seconds_sum {seconds}\nsearch_seconds_count {searches}\n\
         search_failures_total {failures}\n"
    )
}

/// Commits what comes, until nobody can send any more.
fn write(index: &Index, mut batches: mpsc::Receiver<Batch>) {
    while let Some(first) = batches.blocking_recv() {
        std::thread::sleep(COMMIT_EVERY);
        let mut waiting = vec![first];
        waiting.extend(std::iter::from_fn(|| batches.try_recv().ok()));
        let committed = index.writer().and_then(|mut writer| {
            let mut added = waiting.iter_mut().flat_map(|one| one.documents.drain(..));
            added.try_for_each(|document| writer.add(document))?;
            writer.commit()
        });
        let said = committed.map(|done| done.generation);
        let said = said.map_err(|error| error.to_string());
        for batch in waiting {
            // A client that has gone away is not told.
            let _ = batch.done.send(said.clone());
        }
    }
}

/// Serves until `ended`; then ends what has begun.
pub(crate) async fn serve(
    index: Index,
    listener: tokio::net::TcpListener,
    ended: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Box<dyn StdError>> {
    let (writer, batches) = mpsc::channel(QUEUED_BATCHES);
    let written = index.clone();
    let writing = std::thread::spawn(move || write(&written, batches));
    let cores = std::thread::available_parallelism()?;
    let server = Server {
        index,
        turns: Arc::new(Semaphore::new(cores.into())),
        writer,
        searches: AtomicU64::new(0),
        failures: AtomicU64::new(0),
        time_us: AtomicU64::new(0),
    };
    let routes = Router::new()
        .route("/search", get(search))
        .route("/documents", post(add))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(server));
    let serving = axum::serve(listener, routes);
    serving.with_graceful_shutdown(ended).await?;
    writing.join().map_err(|_| "the writer failed")?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn StdError>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(address)) = (arguments.next(), arguments.next()) else {
        return Err("say which index, and at which address it is served".into());
    };
    let index = Index::open(path)?;
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("http://{}", listener.local_addr()?);
    let interrupt = async { tokio::signal::ctrl_c().await.unwrap_or(()) };
    serve(index, listener, interrupt).await
}
