//! Taking up tasks.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use atelier_kit::{
    db::Connection,
    error::{Error, ErrorCode},
    id::{Id, Task},
    jobs::NewTask,
    telemetry::propagate::traceparent,
};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{Engine, JsonFault, MAX_PAYLOAD, Status, Undo, family::Operation, json_fault};
use crate::db::{self, Changed, enqueue::NewRows, family::Delta};

/// Tasks of this queue have no work of their own: they run while their children do. Their payload
/// tells how many children there will be, as [`EXPECTED_CHILDREN`].
pub const GROUP_QUEUE: &str = "group";
/// How many children a group (in its payload) or a task that asked for children while it ran (in its
/// result) waits for. Children come through the asking domain's outbox, maybe after their parent's
/// own work is done; without this number it would not wait for them.
pub const EXPECTED_CHILDREN: &str = "expectedChildren";
/// Tasks inserted in one statement.
const CHUNK: usize = 1000;

/// What became of a wanted task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enqueued {
    /// It was taken up.
    Accepted,
    /// It was taken up before: asking twice is harmless.
    Known,
    /// Another task with its unique key is not finished. Which one, if it has not finished meanwhile.
    Duplicate(Option<Id<Task>>),
}

pub(super) fn expected_children(value: Option<&Value>) -> i32 {
    value
        .and_then(Value::as_i64)
        .and_then(|count| i32::try_from(count).ok())
        .map_or(0, |count| count.max(0))
}

/// Why a task cannot be accepted, if it cannot.
fn fault(task: &NewTask) -> Option<&'static str> {
    let name = |text: &str| {
        !text.is_empty()
            && text.len() <= 100
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    let payload = json_fault(&task.payload, MAX_PAYLOAD);
    let checks = [
        (
            name(&task.task_type),
            "The type is not a name of up to 100 letters, digits, dots, dashes and underscores.",
        ),
        (
            name(&task.queue),
            "The queue is not a name of up to 100 letters, digits, dots, dashes and underscores.",
        ),
        (
            !matches!(payload, Some(JsonFault::TooLarge(_))),
            "The payload is larger than 64 KiB.",
        ),
        (
            payload != Some(JsonFault::Nul),
            "The payload holds a NUL character.",
        ),
        (
            payload != Some(JsonFault::TooDeep),
            "The payload is nested more than 64 levels deep.",
        ),
        (
            task.unique_key.as_ref().is_none_or(|key| key.len() <= 500),
            "The unique key is longer than 500 bytes.",
        ),
        (
            task.subject
                .as_ref()
                .is_none_or(|subject| subject.len() <= 200),
            "The subject is longer than 200 bytes.",
        ),
        (
            (1..=100).contains(&task.max_attempts),
            "There must be between 1 and 100 attempts.",
        ),
        (
            (-100..=100).contains(&task.priority),
            "The priority is not between -100 and 100.",
        ),
        (
            task.steps.len() <= 100 && task.steps.iter().all(|step| step.len() <= 100),
            "There are more than 100 steps, or one with a long name.",
        ),
        (
            task.requires.len() <= 20,
            "It requires more than 20 capabilities.",
        ),
        (
            task.parent != Some(task.id),
            "A task cannot be its own parent.",
        ),
    ];
    checks
        .into_iter()
        .find(|(good, _)| !good)
        .map(|(_, fault)| fault)
}

impl Engine {
    /// Takes up tasks in a transaction of its own and wakes workers. What became of each is in the
    /// order of the tasks.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` for a task that is out of bounds (none is taken up then), `UNAVAILABLE` if the
    /// database does not answer.
    pub async fn enqueue(&self, tasks: &[NewTask]) -> Result<Vec<Enqueued>, Error> {
        if let Some(fault) = tasks.iter().find_map(fault) {
            return Err(Error::with_detail(ErrorCode::BadUserInput, fault));
        }
        let trace = traceparent();
        let mut outcomes = Vec::with_capacity(tasks.len());
        for chunk in tasks.chunks(CHUNK) {
            self.know_queues(chunk.iter().map(|task| task.queue.as_str()))
                .await?;
            let found = Mutex::default();
            self.perform(Operation::Enqueue {
                tasks: chunk,
                trace: trace.as_deref(),
                outcomes: &found,
            })
            .await?;
            outcomes.append(&mut found.into_inner());
        }
        Ok(outcomes)
    }

    /// Takes up tasks in the caller's transaction, on behalf of domains that asked by events and so
    /// cannot be refused: a task out of bounds becomes a failed one, one whose unique key is held a
    /// cancelled one, for the asker to see. Each comes with the trace that asked for it. The number
    /// of statements does not grow with the number of acceptable tasks. Call [`Engine::taken_up`]
    /// after the commit.
    ///
    /// # Errors
    /// Whatever the statements fail with; the transaction is lost then.
    pub async fn take_up(
        &self,
        connection: &mut Connection,
        asked: Vec<(NewTask, Option<String>)>,
    ) -> Result<Vec<Changed>, Error> {
        let mut changed = Vec::new();
        let (mut tasks, mut traces) = (Vec::new(), Vec::new());
        for (task, trace) in asked {
            match fault(&task) {
                None => {
                    tasks.push(task);
                    traces.push(trace);
                }
                Some(fault) => changed.extend(
                    self.refused(connection, &task, Status::Failed, "INVALID_TASK", fault)
                        .await?,
                ),
            }
        }
        if !tasks.is_empty() {
            let queues: Vec<String> = tasks.iter().map(|task| task.queue.clone()).collect();
            db::queue::ensure(connection, &queues, self.now()).await?;
            let (inserted, outcomes) = self.insert(connection, &tasks, traces).await?;
            changed.extend(inserted);
            for (task, outcome) in tasks.iter().zip(outcomes) {
                let Enqueued::Duplicate(holder) = outcome else {
                    continue;
                };
                let message = match holder {
                    Some(holder) => format!("The task {holder} does this already."),
                    None => "Another task did this already.".to_owned(),
                };
                changed.extend(
                    self.refused(connection, task, Status::Cancelled, "DUPLICATE", &message)
                        .await?,
                );
            }
        }
        Ok(self.follow_up(connection, changed).await?.states)
    }

    /// Wakes workers, and tells those who watch, of tasks taken up in a transaction that committed.
    pub fn taken_up(&self, changed: &[Changed]) {
        self.tell(changed);
    }

    /// Notes a task that is not taken up, as one that has ended.
    async fn refused(
        &self,
        connection: &mut Connection,
        task: &NewTask,
        status: Status,
        code: &'static str,
        message: &str,
    ) -> Result<Vec<Changed>, Error> {
        let cut = |text: &str| text.chars().take(100).collect::<String>();
        let mut rows = NewRows::default();
        let bare = NewTask {
            payload: Value::Null,
            parent: None,
            unique_key: None,
            subject: task.subject.as_deref().map(cut),
            priority: 0,
            max_attempts: 1,
            requires: BTreeMap::new(),
            ..NewTask::new(
                task.id,
                &cut(&task.task_type),
                &cut(&task.queue),
                Value::Null,
            )
        };
        let bare = NewTask {
            owner: task.owner,
            ..bare
        };
        rows.push(&bare, status, self.now());
        rows.error_code = vec![Some(code)];
        rows.error_message = vec![Some(message.to_owned())];
        rows.trace = vec![None];
        Ok(db::enqueue::insert(connection, rows, self.now()).await?)
    }

    /// Inserts valid tasks, each with its trace; returns the new ones and what became of each.
    pub(super) async fn insert(
        &self,
        connection: &mut Connection,
        tasks: &[NewTask],
        traces: Vec<Option<String>>,
    ) -> Result<(Vec<Changed>, Vec<Enqueued>), Undo> {
        let now = self.now();
        let new: HashSet<Id<Task>> = tasks.iter().map(|task| task.id).collect();
        let outside: BTreeSet<Id<Task>> = tasks
            .iter()
            .filter_map(|task| task.parent)
            .filter(|id| !new.contains(id))
            .collect();
        let parents: HashMap<Id<Task>, bool> = if outside.is_empty() {
            HashMap::new()
        } else {
            let outside: Vec<_> = outside.into_iter().collect();
            let found = db::enqueue::lock_parents(connection, &outside).await?;
            found
                .into_iter()
                .map(|row| {
                    (
                        row.id,
                        row.cancel_requested_at.is_some() || row.status == Status::Cancelled,
                    )
                })
                .collect()
        };
        let mut rows = NewRows {
            trace: traces,
            ..NewRows::default()
        };
        for task in tasks {
            let known = task
                .parent
                .is_none_or(|parent| new.contains(&parent) || parents.contains_key(&parent));
            if !known {
                tracing::warn!(target: "tasks", task = %task.id, "the parent of a task does not exist; the task has none");
            }
            let cancelled = task
                .parent
                .and_then(|parent| parents.get(&parent))
                .copied()
                .unwrap_or(false);
            let status = match (cancelled, task.queue.as_str(), task.run_at) {
                (true, ..) => Status::Cancelled,
                (_, GROUP_QUEUE, _) => Status::Running,
                (_, _, Some(at)) if at > now => Status::Scheduled,
                _ => Status::Queued,
            };
            rows.push(task, status, now);
            if !known && let Some(parent) = rows.parent.last_mut() {
                *parent = None;
            }
        }
        let changed = db::enqueue::insert(connection, rows, now).await?;
        let inserted: HashMap<Id<Task>, Option<Id<Task>>> =
            changed.iter().map(|task| (task.id, task.parent)).collect();
        self.add_children(connection, &inserted).await?;
        let steps = steps(tasks, &inserted);
        if !steps.is_empty() {
            db::enqueue::insert_steps(connection, &steps).await?;
        }
        let outcomes = outcomes(connection, tasks, &inserted).await?;
        Ok((changed, outcomes))
    }

    async fn add_children(
        &self,
        connection: &mut Connection,
        inserted: &HashMap<Id<Task>, Option<Id<Task>>>,
    ) -> Result<(), Undo> {
        let mut totals: BTreeMap<Id<Task>, Delta> = BTreeMap::new();
        for parent in inserted.values().flatten() {
            totals.entry(*parent).or_default().total += 1;
        }
        if !totals.is_empty() {
            db::family::count(connection, &totals.into_iter().collect::<Vec<_>>()).await?;
        }
        Ok(())
    }
}

fn steps(
    tasks: &[NewTask],
    inserted: &HashMap<Id<Task>, Option<Id<Task>>>,
) -> Vec<(Id<Task>, i16, String)> {
    let new = tasks.iter().filter(|task| inserted.contains_key(&task.id));
    new.flat_map(|task| {
        (1..)
            .zip(&task.steps)
            .map(|(position, name)| (task.id, position, name.clone()))
    })
    .collect()
}

async fn outcomes(
    connection: &mut Connection,
    tasks: &[NewTask],
    inserted: &HashMap<Id<Task>, Option<Id<Task>>>,
) -> Result<Vec<Enqueued>, Undo> {
    let missing: Vec<&NewTask> = tasks
        .iter()
        .filter(|task| !inserted.contains_key(&task.id))
        .collect();
    if missing.is_empty() {
        return Ok(vec![Enqueued::Accepted; tasks.len()]);
    }
    let ids: Vec<_> = missing.iter().map(|task| task.id).collect();
    let keys: Vec<_> = missing
        .iter()
        .filter_map(|task| task.unique_key.clone())
        .collect();
    let holders = db::enqueue::holders(connection, &ids, &keys).await?;
    let outcome = |task: &NewTask| {
        if inserted.contains_key(&task.id) {
            Enqueued::Accepted
        } else if holders.iter().any(|holder| holder.id == task.id) {
            Enqueued::Known
        } else {
            let holder = holders
                .iter()
                .find(|holder| holder.unique_key.is_some() && holder.unique_key == task.unique_key);
            Enqueued::Duplicate(holder.map(|holder| holder.id))
        }
    };
    Ok(tasks.iter().map(outcome).collect())
}

impl NewRows {
    fn push(&mut self, task: &NewTask, status: Status, now: chrono::DateTime<chrono::Utc>) {
        self.id.push(task.id);
        self.task_type.push(task.task_type.clone());
        self.queue.push(task.queue.clone());
        self.status.push(status.as_str());
        self.priority.push(task.priority);
        self.owner.push(task.owner);
        self.subject.push(task.subject.clone());
        self.payload.push(task.payload.clone());
        self.unique_key.push(task.unique_key.clone());
        self.run_at.push(task.run_at.unwrap_or(now));
        self.max_attempts.push(task.max_attempts);
        self.parent.push(task.parent);
        self.requires.push(json!(task.requires));
        let group = task.queue == GROUP_QUEUE;
        self.children_expected.push(if group {
            expected_children(task.payload.get(EXPECTED_CHILDREN))
        } else {
            0
        });
        self.error_code.push(None);
        self.error_message.push(None);
    }
}
