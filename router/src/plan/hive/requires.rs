//! `@requires` as keys. The planner enters a subgraph again for a field that
//! requires others by one of the keys there, whether or not that key is known
//! where it comes from, and gives up or fails when it is not. For such operations
//! the supergraph is written in another way: fields with the same requirement move
//! to a subgraph of their own, whose keys are those of the real one together with
//! what is required. That asks the same of the subgraphs, in more requests where
//! the planner would have merged some, so it is the second choice.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use graphql_tools::static_graphql::schema as ast;

use super::unions::{base, join};
use crate::plan::tree::Tree;
use crate::schema::directives::{flag, is_resolvable, named, text};

/// Names of the subgraphs that were added, with those they stand for.
pub(super) struct KeyedRequires {
    services: HashMap<String, String>,
}

/// Fields of a type that require the same in the same subgraph.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    ty: String,
    graph: String,
    requires: String,
}

impl KeyedRequires {
    /// Rewrites a supergraph, or gives nothing when it has no such fields.
    pub(super) fn rewrite(document: &mut ast::Document) -> Option<Self> {
        let mut groups: BTreeMap<Group, BTreeSet<String>> = BTreeMap::new();
        for definition in &document.definitions {
            let ast::Definition::TypeDefinition(ast::TypeDefinition::Object(ty)) = definition
            else {
                continue;
            };
            for field in &ty.fields {
                for (graph, requires) in requirements(field) {
                    if keys(&ty.directives, graph).next().is_some() {
                        let group = Group {
                            ty: ty.name.clone(),
                            graph: graph.to_owned(),
                            requires: requires.to_owned(),
                        };
                        groups.entry(group).or_default().insert(field.name.clone());
                    }
                }
            }
        }
        if groups.is_empty() {
            return None;
        }
        for definition in &mut document.definitions {
            if let ast::Definition::TypeDefinition(ast::TypeDefinition::Object(ty)) = definition
                && groups.keys().any(|group| group.ty == ty.name)
            {
                spell_out(ty);
            }
        }
        let mut rewritten = Self {
            services: HashMap::new(),
        };
        for (at, (group, fields)) in groups.iter().enumerate() {
            let own = format!("{}__REQUIRES_{at}", group.graph);
            rewritten.add_graph(document, &group.graph, &own)?;
            move_fields(document, group, fields, &own);
        }
        Some(rewritten)
    }

    fn add_graph(&mut self, document: &mut ast::Document, graph: &str, own: &str) -> Option<()> {
        for definition in &mut document.definitions {
            let ast::Definition::TypeDefinition(ast::TypeDefinition::Enum(graphs)) = definition
            else {
                continue;
            };
            if graphs.name == "join__Graph" {
                let mut value = graphs.values.iter().find(|v| v.name == graph)?.clone();
                value.name = own.to_owned();
                for directive in &mut value.directives {
                    if let Some((_, name)) = directive.arguments.iter_mut().find(|a| a.0 == "name")
                    {
                        let real = match &*name {
                            ast::Value::String(real) => real.clone(),
                            _ => return None,
                        };
                        *name = ast::Value::String(own.to_owned());
                        self.services.insert(own.to_owned(), real);
                    }
                }
                graphs.values.push(value);
            }
        }
        Some(())
    }

    /// Names the real subgraphs in a plan.
    pub(super) fn restore(&self, tree: &mut Tree) {
        match tree {
            Tree::Sequence(all) | Tree::Parallel(all) => {
                all.iter_mut().for_each(|tree| self.restore(tree));
            }
            Tree::Fetch(fetch) => {
                if let Some(real) = self.services.get(&fetch.service) {
                    fetch.service.clone_from(real);
                }
            }
        }
    }
}

/// Names the subgraphs of fields that all subgraphs of their type have.
pub(super) fn spell_out(ty: &mut ast::ObjectType) {
    let graphs: BTreeSet<String> = named(&ty.directives, "join__type")
        .filter_map(|join| text(join, "graph").map(str::to_owned))
        .collect();
    for field in &mut ty.fields {
        if named(&field.directives, "join__field").next().is_none() {
            let joins = graphs.iter().map(|graph| join("join__field", graph));
            field.directives.extend(joins);
        }
    }
}

/// Subgraphs where a field requires others, with what it requires. A requirement
/// with arguments cannot be a key.
fn requirements(field: &ast::Field) -> impl Iterator<Item = (&str, &str)> {
    named(&field.directives, "join__field").filter_map(|join| {
        let requires = text(join, "requires").filter(|set| !set.contains('('))?;
        Some((text(join, "graph")?, requires))
    })
}

/// The keys by which a subgraph is entered.
fn keys<'a>(directives: &'a [ast::Directive], graph: &'a str) -> impl Iterator<Item = &'a str> {
    named(directives, "join__type")
        .filter(move |join| text(join, "graph") == Some(graph))
        .filter(|join| is_resolvable(join))
        .filter_map(|join| text(join, "key"))
}

fn move_fields(document: &mut ast::Document, group: &Group, moved: &BTreeSet<String>, own: &str) {
    let mut used = Vec::new();
    for definition in &mut document.definitions {
        let ast::Definition::TypeDefinition(ast::TypeDefinition::Object(ty)) = definition else {
            continue;
        };
        if ty.name != group.ty {
            continue;
        }
        let keys = keys(&ty.directives, &group.graph);
        let keys: Vec<String> = keys.map(str::to_owned).collect();
        let mut top = BTreeSet::new();
        for key in &keys {
            top.extend(names_at_top(key));
            let mut join = join("join__type", own);
            let set = ast::Value::String(format!("{key} {}", group.requires));
            join.arguments.push(("key".to_owned(), set));
            ty.directives.push(join);
        }
        let required = names_at_top(&group.requires);
        for field in &mut ty.fields {
            if moved.contains(&field.name) {
                used.push(base(&field.field_type).to_owned());
                for join in &mut field.directives {
                    if text(join, "graph") == Some(&group.graph) {
                        join.arguments.retain(|(name, _)| name != "requires");
                        set_graph(join, own);
                    }
                }
            } else if top.contains(&field.name) || required.contains(&field.name) {
                used.push(base(&field.field_type).to_owned());
                know(field, &group.graph, own, !top.contains(&field.name));
            }
        }
    }
    Copier {
        graph: &group.graph,
        own,
        done: BTreeSet::from([group.ty.clone()]),
    }
    .copy(document, used);
}

/// Makes a field known where it is part of a key.
fn know(field: &mut ast::Field, graph: &str, own: &str, external: bool) {
    let joins: Vec<_> = named(&field.directives, "join__field").collect();
    let resolves = joins
        .iter()
        .any(|join| text(join, "graph") == Some(graph) && !flag(join, "external"));
    let mut join = join("join__field", own);
    if external || !resolves {
        let truth = ast::Value::Boolean(true);
        join.arguments.push(("external".to_owned(), truth));
    }
    field.directives.push(join);
}

/// Copies what a subgraph knows of types to another.
struct Copier<'a> {
    graph: &'a str,
    own: &'a str,
    done: BTreeSet<String>,
}

impl Copier<'_> {
    fn copy(&mut self, document: &mut ast::Document, mut used: Vec<String>) {
        while let Some(name) = used.pop() {
            if !self.done.insert(name.clone()) {
                continue;
            }
            for definition in &mut document.definitions {
                let ast::Definition::TypeDefinition(ty) = definition else {
                    continue;
                };
                self.copy_type(ty, &name, &mut used);
            }
        }
    }

    fn copy_type(&self, ty: &mut ast::TypeDefinition, name: &str, used: &mut Vec<String>) {
        match ty {
            ast::TypeDefinition::Object(object) => {
                let implements = |join: &&ast::Directive| {
                    self.here(join) && text(join, "interface") == Some(name)
                };
                if named(&object.directives, "join__implements").any(|join| implements(&join)) {
                    used.push(object.name.clone());
                }
                if object.name == name {
                    self.copy_directives(&mut object.directives);
                    self.copy_fields(&mut object.fields, used);
                }
            }
            ast::TypeDefinition::Interface(interface) if interface.name == name => {
                self.copy_directives(&mut interface.directives);
                self.copy_fields(&mut interface.fields, used);
            }
            ast::TypeDefinition::Union(union) if union.name == name => {
                let members = named(&union.directives, "join__unionMember");
                let here = members.filter(|join| self.here(join));
                used.extend(here.filter_map(|join| text(join, "member").map(str::to_owned)));
                self.copy_directives(&mut union.directives);
            }
            ast::TypeDefinition::Enum(values) if values.name == name => {
                self.copy_directives(&mut values.directives);
                for value in &mut values.values {
                    self.copy_directives(&mut value.directives);
                }
            }
            ast::TypeDefinition::Scalar(scalar) if scalar.name == name => {
                self.copy_directives(&mut scalar.directives);
            }
            _ => {}
        }
    }

    fn here(&self, join: &ast::Directive) -> bool {
        text(join, "graph") == Some(self.graph)
    }

    /// Types are not entered there by their keys: those of the real subgraph do.
    fn copy_directives(&self, directives: &mut Vec<ast::Directive>) {
        let mut copies: Vec<ast::Directive> = Vec::new();
        for join in directives.iter().filter(|join| self.here(join)) {
            let mut copy = join.clone();
            let keyed = ["key", "resolvable"];
            copy.arguments
                .retain(|(name, _)| !keyed.contains(&name.as_str()));
            set_graph(&mut copy, self.own);
            if !copies.contains(&copy) {
                copies.push(copy);
            }
        }
        directives.extend(copies);
    }

    fn copy_fields(&self, fields: &mut [ast::Field], used: &mut Vec<String>) {
        for field in fields {
            let joins: Vec<_> = named(&field.directives, "join__field").collect();
            let known = joins.is_empty();
            let here = joins.into_iter().find(|join| self.here(join));
            let copy = here
                .filter(|join| text(join, "requires").is_none())
                .cloned();
            if known || copy.is_some() {
                used.push(base(&field.field_type).to_owned());
            }
            if let Some(mut copy) = copy {
                let moved = ["override", "overrideLabel"];
                copy.arguments
                    .retain(|(name, _)| !moved.contains(&name.as_str()));
                set_graph(&mut copy, self.own);
                field.directives.push(copy);
            }
        }
    }
}

fn set_graph(join: &mut ast::Directive, graph: &str) {
    for (name, value) in &mut join.arguments {
        if name == "graph" {
            *value = ast::Value::Enum(graph.to_owned());
        }
    }
}

/// Names of the fields at the top of a field set.
pub(super) fn names_at_top(set: &str) -> BTreeSet<String> {
    let mut depth = 0_usize;
    let mut names = BTreeSet::new();
    let spaced = set
        .replace('{', " { ")
        .replace('}', " } ")
        .replace(',', " ");
    for word in spaced.split_whitespace() {
        match word {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            name if depth == 0 => {
                names.insert(name.to_owned());
            }
            _ => {}
        }
    }
    names
}
