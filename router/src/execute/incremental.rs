//! Answers in pieces: every fetch starts when what it is made from is merged;
//! the first answer goes out when its fetches are in, each deferred fragment
//! when its own are.

mod by_id;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures::channel::mpsc;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesUnordered};
use futures::{FutureExt, SinkExt, StreamExt};
use serde_json::{Map, Value};
use tracing::Instrument;

use self::by_id::Ledger;
use super::fetch::Answered;
use super::payload::{self, Payload, PieceAt};
use super::project::{Found, project, project_deferred};
use super::{Ceiling, Run, Source};
use crate::error::{GraphqlError, PathSegment, code};
use crate::operation::PreparedOperation;
use crate::plan::{Deferral, FIRST, FetchSet, OperationPlan, Target};
use crate::request::IncrementalFormat as Format;
use crate::snapshot::Snapshot;
use crate::subgraph::RequestContext;

/// Errors kept until their piece is written; more are dropped.
const MAX_ERRORS: usize = 1000;

/// An operation whose answer may come in pieces.
pub(crate) struct Incremental {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) plan: Arc<OperationPlan>,
    pub(crate) operation: Arc<PreparedOperation>,
    pub(crate) variables: Map<String, Value>,
    pub(crate) context: Arc<RequestContext>,
    pub(crate) format: Format,
    /// Of each piece.
    pub(crate) ceiling: Ceiling,
}

/// What comes out, in this order.
#[derive(Debug)]
pub(crate) enum Message {
    /// The whole answer: nothing was left to defer. Nothing follows.
    Whole(Bytes, usize),
    /// The first answer, with the number of its errors.
    First(Bytes, usize),
    /// Deferred fragments.
    Next(Bytes),
    /// The router failed. Nothing follows.
    Failed(Bytes),
}

impl Message {
    /// The JSON of the message.
    pub(crate) fn into_bytes(self) -> Bytes {
        match self {
            Self::Whole(bytes, _) | Self::First(bytes, _) => bytes,
            Self::Next(bytes) | Self::Failed(bytes) => bytes,
        }
    }
}

impl Incremental {
    /// Runs the operation as its messages are taken; dropping the stream ends it.
    pub(crate) fn messages(self) -> BoxStream<'static, Message> {
        // Room for one message: a client that does not read stops the work.
        let (sender, receiver) = mpsc::channel(0);
        let mut last = sender.clone();
        let request_id = Arc::clone(&self.context.request_id);
        let work = async move {
            if AssertUnwindSafe(self.run(sender))
                .catch_unwind()
                .await
                .is_err()
            {
                let error = GraphqlError::new("Something went wrong inside of the router.")
                    .with_code(code::INTERNAL);
                let broken = payload::broken(&error, &request_id);
                let _ = last.send(Message::Failed(broken)).await;
            }
        };
        // The work has no messages of its own; it sends them while it is polled.
        let work =
            futures::stream::once(work.in_current_span()).filter_map(|()| std::future::ready(None));
        futures::stream::select(work, receiver).boxed()
    }

    async fn run(self, mut sender: mpsc::Sender<Message>) {
        let Some(deferral) = &self.plan.deferral else {
            return;
        };
        let run = Run::new(
            &self.plan,
            &self.snapshot.subgraphs,
            &self.variables,
            Arc::clone(&self.context),
        );
        let mut pieces = Pieces {
            work: &self,
            deferral,
            run,
            merged: FetchSet::default(),
            errors: Vec::new(),
            waiting: Vec::new(),
            ledger: (self.format == Format::ById).then(Ledger::default),
        };
        let mut left: Vec<usize> = (0..self.plan.fetches.len()).collect();
        let mut running = FuturesUnordered::new();
        let mut is_first = true;
        loop {
            pieces.start(&mut left, &mut running);
            if is_first && deferral.pieces[FIRST].needs.is_subset(&pieces.merged) {
                let message = pieces.first();
                is_first = false;
                let is_whole = matches!(message, Message::Whole(..));
                if sender.send(message).await.is_err() || is_whole {
                    return;
                }
            }
            if !is_first
                && let Some(message) = pieces.ready()
                && sender.send(Message::Next(message)).await.is_err()
            {
                return;
            }
            if !is_first && !pieces.are_left() {
                return;
            }
            let error = match self.in_time(running.next()).await {
                Some(Some(answered)) => {
                    pieces.merge(answered);
                    continue;
                }
                // Nothing runs although a piece waits: cannot be, but must not hang.
                Some(None) => GraphqlError::new("Something went wrong inside of the router.")
                    .with_code(code::INTERNAL),
                None => {
                    GraphqlError::new("The request took too long.").with_code(code::REQUEST_TIMEOUT)
                }
            };
            let message = if is_first {
                Message::Failed(payload::broken(&error, &self.context.request_id))
            } else {
                Message::Next(pieces.give_up(&error))
            };
            let _ = sender.send(message).await;
            return;
        }
    }

    /// Waits for `future` until the request's time is over.
    async fn in_time<F: Future>(&self, future: F) -> Option<F::Output> {
        match self.context.deadline {
            Some(deadline) => tokio::time::timeout_at(deadline.into(), future).await.ok(),
            None => Some(future.await),
        }
    }
}

type Running<'a> = FuturesUnordered<BoxFuture<'a, Answered>>;

/// An error with the fetch it came from.
struct Reported {
    fetch: usize,
    /// The fetch gave nothing: the error is of all it was to give.
    is_whole: bool,
    error: GraphqlError,
}

/// A deferred fragment of an object, not delivered yet.
struct Waiting {
    piece: usize,
    found: Found,
}

struct Pieces<'a> {
    work: &'a Incremental,
    deferral: &'a Deferral,
    run: Run<'a>,
    merged: FetchSet,
    errors: Vec<Reported>,
    /// Fragments that wait, when pieces are told by path.
    waiting: Vec<Waiting>,
    /// The same when they are told by id.
    ledger: Option<Ledger>,
}

impl<'a> Pieces<'a> {
    /// Starts all fetches whose inputs are merged.
    fn start(&mut self, left: &mut Vec<usize>, running: &mut Running<'a>) {
        loop {
            let ready = |at: &usize| self.deferral.inputs[*at].is_subset(&self.merged);
            let Some(position) = left.iter().position(ready) else {
                return;
            };
            let at = left.remove(position);
            match self.run.start(at) {
                Some(answer) => running.push(answer.boxed()),
                None => self.merged.insert(at),
            }
        }
    }

    fn merge(&mut self, answered: Answered) {
        let at = answered.at;
        self.run.failed = false;
        self.run.take_in(answered);
        // Root fields are reported one by one.
        let is_entities = matches!(self.work.plan.fetches[at].target, Target::Entities { .. });
        for error in self.run.errors.drain(..) {
            if self.errors.len() < MAX_ERRORS {
                self.errors.push(Reported {
                    fetch: at,
                    is_whole: self.run.failed && is_entities,
                    error,
                });
            }
        }
        self.merged.insert(at);
    }

    fn source(&self) -> Source<'_> {
        Source {
            plan: &self.work.plan,
            operation: &self.work.operation,
            schema: &self.work.snapshot.supergraph.schema,
            store: &self.run.store,
            variables: &self.work.variables,
            ceiling: self.work.ceiling,
        }
    }

    fn first(&mut self) -> Message {
        let mut errors = self.errors_of(FIRST, &[]);
        let mut data = Vec::with_capacity(1024);
        let found = project(&self.source(), &mut errors, &mut data);
        let mut payload = Payload::new(&self.work.context.request_id);
        match &mut self.ledger {
            Some(ledger) => ledger.begin(self.deferral, &self.work.plan, found, &mut payload),
            None => self.wait_for(found),
        }
        if !self.are_left() {
            return Message::Whole(payload.whole(&data, &errors), errors.len());
        }
        Message::First(payload.first(&data, &errors), errors.len())
    }

    fn are_left(&self) -> bool {
        match &self.ledger {
            Some(ledger) => ledger.are_left(),
            None => !self.waiting.is_empty(),
        }
    }

    fn is_ready(&self, piece: usize) -> bool {
        self.deferral.pieces[piece].needs.is_subset(&self.merged)
    }

    /// The next message, when any fragment is ready.
    fn ready(&mut self) -> Option<Bytes> {
        if self.ledger.is_some() {
            return self.ready_by_id();
        }
        let mut payload = Payload::new(&self.work.context.request_id);
        let mut any = false;
        loop {
            let waiting = std::mem::take(&mut self.waiting);
            let (ready, rest): (Vec<_>, Vec<_>) = waiting
                .into_iter()
                .partition(|waiting| self.is_ready(waiting.piece));
            self.waiting = rest;
            if ready.is_empty() {
                break;
            }
            any = true;
            for waiting in ready {
                self.deliver(&waiting, &mut payload);
            }
        }
        any.then(|| payload.next(!self.waiting.is_empty()))
    }

    fn deliver(&mut self, waiting: &Waiting, payload: &mut Payload<'_>) {
        let mut errors = self.errors_of(waiting.piece, &waiting.found.path);
        let mut data = Vec::with_capacity(256);
        let found = project_deferred(&self.source(), &waiting.found, &mut errors, &mut data);
        payload.piece(self.place_of(waiting), &data, &errors);
        self.wait_for(found);
    }

    /// Takes note of deferred fragments in what was just written.
    fn wait_for(&mut self, found: Vec<Found>) {
        for found in found {
            if let Some(piece) = self.deferral.piece(found.of, &found.path) {
                self.waiting.push(Waiting { piece, found });
            }
        }
    }

    fn place_of<'w>(&self, waiting: &'w Waiting) -> PieceAt<'w>
    where
        'a: 'w,
    {
        PieceAt {
            label: self.deferral.label(waiting.piece),
            path: &waiting.found.path,
        }
    }

    /// The last message when time is up: what still waits is null.
    fn give_up(&mut self, error: &GraphqlError) -> Bytes {
        let mut payload = Payload::new(&self.work.context.request_id);
        for waiting in std::mem::take(&mut self.waiting) {
            let error = error.clone().at(waiting.found.path.clone());
            payload.piece(self.place_of(&waiting), b"null", &[error]);
        }
        if let Some(ledger) = &mut self.ledger {
            ledger.give_up(error, &mut payload);
        }
        payload.next(false)
    }

    /// The errors that belong to the piece at `path`.
    fn errors_of(&self, piece: usize, path: &[PathSegment]) -> Vec<GraphqlError> {
        let own = &self.deferral.pieces[piece].own;
        let mut errors = Vec::new();
        for reported in &self.errors {
            let at = reported.error.path.as_deref();
            let inside = at.is_some_and(|at| at.starts_with(path));
            let asked = at.map_or(&[][..], |at| self.deferral.asked.pieces(at));
            // Asked once more for a later piece, what was asked before may fail
            // then only.
            let is_theirs = asked
                .iter()
                .any(|piece| self.deferral.pieces[*piece].needs.contains(reported.fetch));
            let belongs = if reported.is_whole || at.is_none() {
                own.contains(reported.fetch)
            } else if is_theirs {
                inside && asked.contains(&piece)
            } else {
                let around = at.is_some_and(|at| path.starts_with(at));
                (inside || around) && own.contains(reported.fetch)
            };
            if belongs {
                let mut error = reported.error.clone();
                if !inside && piece != FIRST {
                    error.path = Some(path.to_vec());
                }
                errors.push(error);
            }
        }
        errors
    }
}
