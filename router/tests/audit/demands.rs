//! What federation demands of a plan: that external fields are asked for only
//! where they are provided, and that required ones are sent as they are.

use graphql_tools::static_graphql::query;
use serde_json::Value;

use crate::execution::{Object, Run};
use crate::schema::base;
use crate::tables::Tables;
use crate::values::selects;

impl Run<'_> {
    /// Refuses external fields that nothing provides and required fields the
    /// router did not send, or sent with other values than they have.
    pub fn may_answer(&self, object: &Object, field: &query::Field) -> Result<(), String> {
        let schema = &self.subgraph.schema;
        let known = &schema.types[&object.ty].fields[&field.name];
        let name = format!("{}.{}", object.ty, field.name);
        let in_key = schema
            .key_fields
            .contains(&(object.ty.clone(), field.name.clone()));
        let provided = object.provided.iter().any(|set| selects(set, &field.name));
        if known.external && !in_key && !provided {
            return Err(format!("{name} is external and not provided here"));
        }
        let Some(requires) = &known.requires else {
            return Ok(());
        };
        let Some(representation) = &object.representation else {
            return Err(format!("{name} asked without what it requires"));
        };
        let row = Value::Object(object.row.clone());
        self.agrees(&object.ty, representation, &row, requires)
            .map_err(|message| format!("{name}: {message}"))
    }

    /// Whether what was sent is what the tables say, for all of a field set.
    fn agrees(
        &self,
        ty: &str,
        sent: &Value,
        truth: &Value,
        set: &query::SelectionSet,
    ) -> Result<(), String> {
        if let (Value::Array(sent), Value::Array(truth)) = (sent, truth) {
            if sent.len() != truth.len() {
                return Err(format!(
                    "{} items were sent, not {}",
                    sent.len(),
                    truth.len()
                ));
            }
            let mut pairs = sent.iter().zip(truth);
            return pairs.try_for_each(|(sent, truth)| self.agrees(ty, sent, truth, set));
        }
        if sent.is_null() && truth.is_null() {
            return Ok(());
        }
        let schema = &self.subgraph.schema;
        let truth = self.subgraph.tables.complete_row(schema, ty, truth);
        for selection in &set.items {
            match selection {
                query::Selection::Field(field) if field.name == "__typename" => {}
                query::Selection::Field(field) => {
                    let declared = schema
                        .types
                        .get(ty)
                        .and_then(|ty| ty.fields.get(&field.name));
                    let declared_arguments = declared.map_or(&[][..], |f| &f.arguments);
                    let arguments = self.arguments(field, declared_arguments);
                    let Some(got) = sent.get(&field.name) else {
                        return Err(format!("{} was not sent", field.name));
                    };
                    let want = Tables::value(&truth, &field.name, &arguments)
                        .ok_or_else(|| format!("no data for the required {}", field.name))?;
                    let want = self.subgraph.tables.expand(&want);
                    let below = declared.map_or("", |field| base(&field.ty));
                    if field.selection_set.items.is_empty() {
                        if *got != want {
                            return Err(format!("{} was sent as {got}, not {want}", field.name));
                        }
                    } else {
                        let below = want["__typename"].as_str().unwrap_or(below).to_owned();
                        self.agrees(&below, got, &want, &field.selection_set)?;
                    }
                }
                query::Selection::InlineFragment(fragment) => {
                    let name = truth["__typename"].as_str().unwrap_or(ty).to_owned();
                    let applies = fragment
                        .type_condition
                        .as_ref()
                        .is_none_or(|query::TypeCondition::On(on)| schema.is(&name, on));
                    if applies {
                        self.agrees(&name, sent, &truth, &fragment.selection_set)?;
                    }
                }
                query::Selection::FragmentSpread(_) => unreachable!("not in a field set"),
            }
        }
        Ok(())
    }
}

/// What `@provides` further up says about the objects under a field.
pub fn provided_below(object: &Object, name: &str) -> Vec<query::SelectionSet> {
    fn visit(set: &query::SelectionSet, name: &str, out: &mut Vec<query::SelectionSet>) {
        for selection in &set.items {
            match selection {
                query::Selection::Field(field) if field.name == name => {
                    out.push(field.selection_set.clone());
                }
                query::Selection::InlineFragment(fragment) => {
                    visit(&fragment.selection_set, name, out);
                }
                _ => {}
            }
        }
    }
    let mut out = Vec::new();
    for set in &object.provided {
        visit(set, name, &mut out);
    }
    out
}
