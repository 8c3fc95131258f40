//! Running the tasks that the domain asks for, without an engine.

use std::sync::Arc;

use async_trait::async_trait;
use atelier_kit::{
    event::Fact,
    id::{Id, Task, User},
    jobs::{Handler, NewTask, Running, TaskFailure, TaskOrder},
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::World;

/// A task at work.
pub struct Work {
    task: NewTask,
    pub steps: std::sync::Mutex<Vec<(f64, String)>>,
    stop: CancellationToken,
    /// What happens when a step begins.
    on_step: OnStep,
}

/// What happens when a step begins: it hears the step, and may stop the task.
pub type OnStep = Box<dyn Fn(&str, &CancellationToken) + Send + Sync>;

#[async_trait]
impl Running for Work {
    fn id(&self) -> Id<Task> {
        self.task.id
    }
    fn payload(&self) -> &Value {
        &self.task.payload
    }
    fn owner(&self) -> Option<Id<User>> {
        self.task.owner
    }
    fn attempt(&self) -> i16 {
        1
    }
    fn progress(&self, progress: f64, step: Option<&str>) {
        self.steps
            .lock()
            .unwrap()
            .push((progress, step.unwrap_or_default().to_owned()));
        (self.on_step)(step.unwrap_or_default(), &self.stop);
    }
    fn log(&self, _: String) {}
    async fn stopped(&self) {
        self.stop.cancelled().await;
    }
    fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }
}

/// What came of a task.
pub struct Ran {
    pub task: NewTask,
    pub work: Arc<Work>,
    pub outcome: Result<Value, TaskFailure>,
}

impl World {
    /// The tasks that were asked for and have not been run by [`World::work`].
    pub async fn tasks(&self) -> Vec<NewTask> {
        let facts = "json_build_object('topic', topic, 'payload', payload)";
        let rows = self
            .database()
            .texts(facts, "media.outbox ORDER BY id")
            .await;
        let done = self.done.lock().await;
        rows.iter()
            .filter_map(|row| {
                let fact: Value = serde_json::from_str(row).unwrap();
                let topic = fact["topic"].as_str().unwrap();
                if !TaskOrder::TOPICS.contains(&topic) {
                    return None;
                }
                match TaskOrder::read(topic, &fact["payload"]).unwrap() {
                    TaskOrder::Request(task) => Some(*task),
                    TaskOrder::Cancel(_) => None,
                }
            })
            .filter(|task| !done.contains(&task.id))
            .collect()
    }

    /// Runs every task that was asked for.
    pub async fn work(&self) -> Vec<Ran> {
        let mut ran = Vec::new();
        for task in self.tasks().await {
            self.done.lock().await.insert(task.id);
            ran.push(self.run(task, false).await);
        }
        ran
    }

    /// Runs a task, as somebody who was told to stop or not.
    pub async fn run(&self, task: NewTask, stopped: bool) -> Ran {
        let stop = CancellationToken::new();
        if stopped {
            stop.cancel();
        }
        self.run_watched(task, stop, Box::new(|_, _| {})).await
    }

    /// Runs a task and watches its steps.
    pub async fn run_watched(
        &self,
        task: NewTask,
        stop: CancellationToken,
        on_step: OnStep,
    ) -> Ran {
        let handlers = atelier_media::handlers(
            self.deps().clone(),
            self.storage.clone(),
            self.config.clone(),
        );
        let handler: &Arc<dyn Handler> = handlers
            .iter()
            .find(|handler| handler.task_type() == task.task_type && handler.queue() == task.queue)
            .unwrap();
        let work = Arc::new(Work {
            task: task.clone(),
            steps: std::sync::Mutex::default(),
            stop,
            on_step,
        });
        let outcome = handler.run(Arc::clone(&work) as Arc<dyn Running>).await;
        Ran {
            task,
            work,
            outcome,
        }
    }
}
