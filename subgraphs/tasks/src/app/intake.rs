//! Taking in the tasks that other domains ask for.

use async_trait::async_trait;
use atelier_kit::{
    delivery::Consume,
    error::Error,
    event::Told,
    id::{Id, Task},
    jobs::{NewTask, TaskOrder},
    transaction::Tx,
};

use crate::engine::{Engine, Traced};

/// Enqueues and cancels what other domains order. An order that comes twice makes one task, because
/// the asker chose its id.
pub struct Intake(pub Engine);

#[async_trait]
impl Consume<TaskOrder> for Intake {
    /// Orders of one kind that follow each other share their statements.
    async fn consume(&self, tx: &mut Tx, orders: &[Told<TaskOrder>]) -> Result<(), Error> {
        let same = |one: &Told<TaskOrder>, next: &Told<TaskOrder>| {
            std::mem::discriminant(&one.fact) == std::mem::discriminant(&next.fact)
        };
        for run in orders.chunk_by(same) {
            let (requested, cancelled) = sort(run);
            if requested.is_empty() {
                self.0.cancel_with(tx, &cancelled).await?;
            } else {
                self.0.enqueue_with(tx, requested).await?;
            }
        }
        Ok(())
    }
}

/// The tasks that are wanted, each with the trace of its cause, and those that are not any more.
fn sort(orders: &[Told<TaskOrder>]) -> (Vec<Traced>, Vec<Id<Task>>) {
    let (mut requested, mut cancelled) = (Vec::new(), Vec::new());
    for order in orders {
        match &order.fact {
            TaskOrder::Request(task) => requested.push((NewTask::clone(task), order.trace.clone())),
            TaskOrder::Cancel(task) => cancelled.push(*task),
        }
    }
    (requested, cancelled)
}
