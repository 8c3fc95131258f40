//! Enqueuing tasks.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use atelier_contracts::tasks::TaskStatus;
use atelier_kit::{
    db::Connection,
    error::{Error, ErrorCode},
    id::{Id, Task},
    jobs::NewTask,
    telemetry::propagate::traceparent,
    transaction::Tx,
};
use serde_json::{Value, json};

use super::{Engine, JsonFault, MAX_PAYLOAD, json_fault};
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

/// A task with the trace context of whoever asks for it.
pub type Traced = (NewTask, Option<String>);

/// What became of a wanted task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enqueued {
    /// It is enqueued.
    Accepted,
    /// It was enqueued before: asking twice is harmless.
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

/// Whether nothing but a row comes of a task: nobody is told of it, nothing depends on it, and it
/// stands in nobody's way.
fn is_plain(task: &NewTask) -> bool {
    task.owner.is_none()
        && task.parent.is_none()
        && task.unique_key.is_none()
        && task.steps.is_empty()
        && task.queue != GROUP_QUEUE
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
    /// Enqueues tasks in a transaction of their own and wakes workers. What became of each is in the
    /// order of the tasks.
    ///
    /// Single tasks that are enqueued at the same time share a transaction.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` for a task that is out of bounds (none is enqueued then), `UNAVAILABLE` if the
    /// database does not answer.
    pub async fn enqueue(&self, tasks: &[NewTask]) -> Result<Vec<Enqueued>, Error> {
        if let Some(fault) = tasks.iter().find_map(fault) {
            return Err(Error::with_detail(ErrorCode::BadUserInput, fault));
        }
        let trace = traceparent();
        let traced = |task: &NewTask| (task.clone(), trace.clone());
        if let [task] = tasks
            && task.parent.is_none()
        {
            return Ok(vec![self.enqueue_with_others(traced(task)).await?]);
        }
        let mut outcomes = Vec::with_capacity(tasks.len());
        for chunk in tasks.chunks(CHUNK) {
            let chunk: Vec<Traced> = chunk.iter().map(traced).collect();
            outcomes.append(&mut self.enqueue_together(&chunk).await?);
        }
        Ok(outcomes)
    }

    /// Enqueues valid tasks in one transaction.
    pub(super) async fn enqueue_together(&self, tasks: &[Traced]) -> Result<Vec<Enqueued>, Error> {
        let queues = tasks.iter().map(|(task, _)| task.queue.as_str());
        self.know_queues(queues).await?;
        let insert = async |tx: &mut Tx| -> Result<Vec<Enqueued>, Error> {
            let (inserted, outcomes) = self.insert(tx, tasks).await?;
            self.follow_up(tx, inserted).await?;
            Ok(outcomes)
        };
        // Where one statement does it all, the round trips of a transaction are saved.
        if tasks.iter().all(|(task, _)| is_plain(task)) {
            self.deps().statement(insert).await
        } else {
            self.deps().transaction(insert).await
        }
    }

    /// Enqueues tasks in the caller's transaction, on behalf of domains that asked by facts and so
    /// cannot be refused: a task out of bounds becomes a failed one, one whose unique key is held a
    /// cancelled one, for the asker to see. Each comes with the trace that asked for it. The number
    /// of statements does not grow with the number of acceptable tasks.
    ///
    /// # Errors
    /// Whatever the statements fail with; the transaction is lost then.
    pub async fn enqueue_with(&self, tx: &mut Tx, asked: Vec<Traced>) -> Result<(), Error> {
        let mut changed = Vec::new();
        let mut tasks = Vec::new();
        for (task, trace) in asked {
            match fault(&task) {
                None => tasks.push((task, trace)),
                Some(fault) => changed.extend(
                    self.insert_refused(tx, &task, TaskStatus::Failed, "INVALID_TASK", fault)
                        .await?,
                ),
            }
        }
        if !tasks.is_empty() {
            let queues: Vec<String> = tasks.iter().map(|(task, _)| task.queue.clone()).collect();
            db::queue::ensure(tx, &queues, self.now()).await?;
            let (inserted, outcomes) = self.insert(tx, &tasks).await?;
            changed.extend(inserted);
            for ((task, _), outcome) in tasks.iter().zip(outcomes) {
                let Enqueued::Duplicate(holder) = outcome else {
                    continue;
                };
                let message = match holder {
                    Some(holder) => format!("The task {holder} does this already."),
                    None => "Another task did this already.".to_owned(),
                };
                changed.extend(
                    self.insert_refused(tx, task, TaskStatus::Cancelled, "DUPLICATE", &message)
                        .await?,
                );
            }
        }
        self.follow_up(tx, changed).await
    }

    /// Inserts a task that is refused, as one that has ended.
    async fn insert_refused(
        &self,
        tx: &mut Tx,
        task: &NewTask,
        status: TaskStatus,
        code: &'static str,
        message: &str,
    ) -> Result<Vec<Changed>, Error> {
        let cut = |text: &str| text.chars().take(100).collect::<String>();
        let mut rows = NewRows::default();
        let (task_type, queue) = (cut(&task.task_type), cut(&task.queue));
        let bare = NewTask {
            owner: task.owner,
            subject: task.subject.as_deref().map(cut),
            max_attempts: 1,
            ..NewTask::new(task.id, &task_type, &queue, Value::Null)
        };
        rows.push(&bare, None, status, self.now());
        rows.error_code = vec![Some(code)];
        rows.error_message = vec![Some(message.to_owned())];
        rows.trace = vec![None];
        Ok(db::enqueue::insert(tx, rows, self.now()).await?)
    }

    /// Inserts valid tasks; returns the new ones and what became of each.
    pub(super) async fn insert(
        &self,
        tx: &mut Tx,
        tasks: &[Traced],
    ) -> Result<(Vec<Changed>, Vec<Enqueued>), Error> {
        let now = self.now();
        let new: HashSet<Id<Task>> = tasks.iter().map(|(task, _)| task.id).collect();
        let parents = lock_parents(tx, tasks, &new).await?;
        let mut rows = NewRows::default();
        for (task, trace) in tasks {
            let parent = task
                .parent
                .filter(|parent| new.contains(parent) || parents.contains_key(parent));
            if parent.is_none() && task.parent.is_some() {
                tracing::warn!(target: "tasks", task = %task.id, "the parent of a task does not exist; the task has none");
            }
            let is_cancelled = |parent| parents.get(&parent).copied().unwrap_or(false);
            let status = match (task.queue.as_str(), task.run_at) {
                _ if parent.is_some_and(is_cancelled) => TaskStatus::Cancelled,
                (GROUP_QUEUE, _) => TaskStatus::Running,
                (_, Some(at)) if at > now => TaskStatus::Scheduled,
                _ => TaskStatus::Queued,
            };
            rows.push(task, parent, status, now);
            rows.trace.push(trace.clone());
        }
        let changed = db::enqueue::insert(tx, rows, now).await?;
        let inserted: HashMap<Id<Task>, Option<Id<Task>>> =
            changed.iter().map(|task| (task.id, task.parent)).collect();
        self.add_children(tx, &inserted).await?;
        let steps = steps(tasks, &inserted);
        if !steps.is_empty() {
            db::enqueue::insert_steps(tx, &steps).await?;
        }
        let outcomes = outcomes(tx, tasks, &inserted).await?;
        Ok((changed, outcomes))
    }

    async fn add_children(
        &self,
        tx: &mut Tx,
        inserted: &HashMap<Id<Task>, Option<Id<Task>>>,
    ) -> Result<(), Error> {
        let mut totals: BTreeMap<Id<Task>, Delta> = BTreeMap::new();
        for parent in inserted.values().flatten() {
            totals.entry(*parent).or_default().total += 1;
        }
        if !totals.is_empty() {
            db::family::count(tx, &totals.into_iter().collect::<Vec<_>>()).await?;
        }
        Ok(())
    }
}

/// The parents that exist already, locked; whether each is cancelled.
async fn lock_parents(
    tx: &mut Tx,
    tasks: &[Traced],
    new: &HashSet<Id<Task>>,
) -> Result<HashMap<Id<Task>, bool>, Error> {
    let parents = tasks.iter().filter_map(|(task, _)| task.parent);
    let existing: BTreeSet<Id<Task>> = parents.filter(|id| !new.contains(id)).collect();
    if existing.is_empty() {
        return Ok(HashMap::new());
    }
    let existing: Vec<_> = existing.into_iter().collect();
    let locked = db::enqueue::lock_parents(tx, &existing).await?;
    let is_cancelled = |row: &db::enqueue::ParentRow| {
        row.cancel_requested_at.is_some() || row.status == TaskStatus::Cancelled
    };
    Ok(locked
        .into_iter()
        .map(|row| (row.id, is_cancelled(&row)))
        .collect())
}

fn steps(
    tasks: &[Traced],
    inserted: &HashMap<Id<Task>, Option<Id<Task>>>,
) -> Vec<(Id<Task>, i16, String)> {
    let tasks = tasks.iter().map(|(task, _)| task);
    let new = tasks.filter(|task| inserted.contains_key(&task.id));
    new.flat_map(|task| {
        (1..)
            .zip(&task.steps)
            .map(|(position, name)| (task.id, position, name.clone()))
    })
    .collect()
}

async fn outcomes(
    connection: &mut Connection,
    tasks: &[Traced],
    inserted: &HashMap<Id<Task>, Option<Id<Task>>>,
) -> Result<Vec<Enqueued>, Error> {
    // Of several with the same id, the first was inserted.
    let mut fresh: HashSet<Id<Task>> = inserted.keys().copied().collect();
    let accepted: Vec<bool> = tasks
        .iter()
        .map(|(task, _)| fresh.remove(&task.id))
        .collect();
    let refused = || {
        let tasks = tasks.iter().map(|(task, _)| task).zip(&accepted);
        tasks
            .filter(|(_, accepted)| !**accepted)
            .map(|(task, _)| task)
    };
    let ids: Vec<_> = refused().map(|task| task.id).collect();
    if ids.is_empty() {
        return Ok(vec![Enqueued::Accepted; tasks.len()]);
    }
    let keys: Vec<_> = refused()
        .filter_map(|task| task.unique_key.clone())
        .collect();
    let holders = db::enqueue::holders(connection, &ids, &keys).await?;
    let outcome = |(task, accepted): (&NewTask, bool)| {
        if accepted {
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
    let tasks = tasks.iter().map(|(task, _)| task);
    Ok(tasks.zip(accepted).map(outcome).collect())
}

impl NewRows {
    fn push(
        &mut self,
        task: &NewTask,
        parent: Option<Id<Task>>,
        status: TaskStatus,
        now: chrono::DateTime<chrono::Utc>,
    ) {
        self.id.push(task.id);
        self.task_type.push(task.task_type.clone());
        self.queue.push(task.queue.clone());
        self.status.push(status);
        self.priority.push(task.priority);
        self.owner.push(task.owner);
        self.subject.push(task.subject.clone());
        self.payload.push(task.payload.clone());
        self.unique_key.push(task.unique_key.clone());
        self.run_at.push(task.run_at.unwrap_or(now));
        self.max_attempts.push(task.max_attempts);
        self.parent.push(parent);
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
