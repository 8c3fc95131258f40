//! Operations that ask for members of a union only some subgraphs of the field
//! know. Which subgraph is asked decides what the objects can be, so one is
//! chosen for each such place, from outside to inside. All subgraphs of the field
//! are tried: the best is the one that answers soonest, then the one that knows
//! most of the members asked for, then the one with the fewest requests.

use std::cmp::Reverse;
use std::time::Instant;

use hive_router_query_planner::ast::operation::OperationDefinition;

use super::choices::{Choice, Walk};
use super::unions::PartialUnions;
use super::{Reading, cost};
use crate::plan::PlanError;
use crate::plan::tree::{Selection, Tree};

/// Plans tried for one operation. Behind them the subgraph that knows most of
/// the members is taken.
const MAX_TRIALS: usize = 64;

impl Reading {
    pub(super) fn plan_pinned(
        &self,
        unions: &PartialUnions,
        operation: &OperationDefinition,
        deadline: Instant,
    ) -> Result<Tree, PlanError> {
        let walk = Walk {
            supergraph: &self.inner.supergraph,
            unions,
        };
        let mut choices = walk.choices(operation);
        let mut trials = 0;
        let is_tried = |choice: &&Choice| {
            trials += choice.candidates.len();
            trials <= MAX_TRIALS
        };
        let tried = choices.iter().take_while(is_tried).count();
        let mut tree = None;
        for at in 0..tried {
            tree = self.decide(&walk, operation, &mut choices, at, deadline)?;
        }
        if tried < choices.len() {
            choices[tried..].iter_mut().for_each(Choice::guess);
            tree = self.try_plan(&walk, operation, &choices, deadline)?;
            if tree.is_none() {
                choices.truncate(tried);
            }
        }
        let mut tree = match tree {
            Some(tree) => tree,
            None => self.plan_as_is(&walk.with_choices(operation, &choices), deadline)?,
        };
        rename_twins(&mut tree, unions);
        Ok(tree)
    }

    /// Decides the choice at `at`, those before it being decided; gives the plan.
    fn decide(
        &self,
        walk: &Walk,
        operation: &OperationDefinition,
        choices: &mut [Choice],
        at: usize,
        deadline: Instant,
    ) -> Result<Option<Tree>, PlanError> {
        let mut best: Option<(_, Option<String>, Tree)> = None;
        for candidate in choices[at].candidates.clone() {
            choices[at].chosen = Some(candidate.graph);
            let Some(tree) = self.try_plan(walk, operation, choices, deadline)? else {
                continue;
            };
            let choice = &choices[at];
            let soon = choice
                .spots
                .iter()
                .map(|spot| cost::rounds_until(&tree, &spot.path).unwrap_or(usize::MAX));
            let cost = (
                soon.max(),
                Reverse(candidate.known),
                cost::fetches(&tree),
                cost::rounds(&tree),
            );
            if best.as_ref().is_none_or(|(least, ..)| cost < *least) {
                best = Some((cost, choice.chosen.clone(), tree));
            }
        }
        let (chosen, tree) = match best {
            Some((_, chosen, tree)) => (chosen, Some(tree)),
            None => (None, None),
        };
        choices[at].chosen = chosen;
        Ok(tree)
    }

    /// The plan with these choices; none when a subgraph cannot be reached there,
    /// or does not lead to all that is asked for.
    fn try_plan(
        &self,
        walk: &Walk,
        operation: &OperationDefinition,
        choices: &[Choice],
        deadline: Instant,
    ) -> Result<Option<Tree>, PlanError> {
        match self.plan_as_is(&walk.with_choices(operation, choices), deadline) {
            Ok(tree) => Ok(Some(tree)),
            Err(PlanError::Timeout) => Err(PlanError::Timeout),
            Err(PlanError::Refused(_) | PlanError::Panicked) => Ok(None),
        }
    }
}

impl Choice {
    fn guess(&mut self) {
        let best = self
            .candidates
            .iter()
            .rev()
            .max_by_key(|candidate| candidate.known);
        self.chosen = best.map(|candidate| candidate.graph.clone());
    }
}

/// Gives the fields their own names again.
fn rename_twins(tree: &mut Tree, unions: &PartialUnions) {
    match tree {
        Tree::Sequence(all) | Tree::Parallel(all) => {
            all.iter_mut().for_each(|tree| rename_twins(tree, unions));
        }
        Tree::Fetch(fetch) => {
            let mut renamed = rename_in(&mut fetch.selection, unions);
            for branch in &mut fetch.branches {
                renamed |= rename_in(&mut branch.selection, unions);
            }
            if renamed {
                fetch.write();
            }
        }
    }
}

fn rename_in(selection: &mut [Selection], unions: &PartialUnions) -> bool {
    let mut renamed = false;
    for item in selection {
        match item {
            Selection::Fragment { children, .. } => renamed |= rename_in(children, unions),
            Selection::Field { name, children, .. } => {
                if let Some(original) = unions.original(name) {
                    name.clone_from(original);
                    renamed = true;
                }
                renamed |= rename_in(children, unions);
            }
        }
    }
    renamed
}
