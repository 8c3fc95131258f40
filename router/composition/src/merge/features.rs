//! Which features the supergraph has to link to, and under which names.

use std::collections::BTreeSet;

use crate::spec::definitions::Feature;
use crate::spec::{Link, Version};
use crate::subgraph::{Marks, Subgraph};
use crate::syntax::DirectiveDefinition;

use super::Supergraph;

/// What the subgraphs use.
pub(super) struct Features<'g> {
    pub used: BTreeSet<Feature>,
    pub cost: &'g str,
    pub list_size: &'g str,
    pub uses_list_size: bool,
    pub newest: Version,
}

impl<'g> Features<'g> {
    pub(super) fn of(supergraph: &Supergraph<'g>) -> Self {
        let mut features = Self {
            used: BTreeSet::new(),
            cost: "cost",
            list_size: "listSize",
            uses_list_size: false,
            newest: Version::One,
        };
        for subgraph in supergraph.subgraphs {
            features.newest = features.newest.max(subgraph.version);
            for ty in subgraph.types.values() {
                features.add(&ty.marks);
                for field in ty.fields.values() {
                    features.add_some(field.marks.as_deref());
                    for argument in field.arguments.values() {
                        features.add_some(argument.marks.as_deref());
                    }
                }
                for input in ty.inputs.values() {
                    features.add_some(input.marks.as_deref());
                }
                for value in ty.values.values() {
                    features.add_some(value.marks.as_deref());
                }
            }
        }
        features
    }

    fn add_some(&mut self, marks: Option<&'g Marks<'g>>) {
        if let Some(marks) = marks {
            self.add(marks);
        }
    }

    fn add(&mut self, marks: &'g Marks<'g>) {
        let mut mark = |used: bool, feature: Feature| {
            if used {
                self.used.insert(feature);
            }
        };
        mark(!marks.tags.is_empty(), Feature::Tag);
        mark(marks.inaccessible.is_some(), Feature::Inaccessible);
        mark(marks.authenticated, Feature::Authenticated);
        mark(!marks.scopes.is_empty(), Feature::RequiresScopes);
        mark(!marks.policies.is_empty(), Feature::Policy);
        mark(
            marks.cost.is_some() || marks.list_size.is_some(),
            Feature::Cost,
        );
        mark(
            !marks.contexts.is_empty() || marks.from_context.is_some(),
            Feature::Context,
        );
        if let Some(name) = marks.cost_name {
            self.cost = name;
        }
        if let Some(name) = marks.list_size_name {
            self.list_size = name;
            self.uses_list_size = true;
        }
    }
}

/// A directive that `@composeDirective` carries into the supergraph.
pub(super) struct ComposedDirective<'g> {
    pub definition: DirectiveDefinition<'g>,
}

/// A custom feature the supergraph links to.
pub(super) struct ComposedLink<'g> {
    pub identity: &'g str,
    pub version: Option<&'g str>,
    /// Directives: name in the feature, name in the supergraph.
    pub imports: Vec<(&'g str, &'g str)>,
}

/// The composed directives and their features, each once.
pub(super) fn composed<'g>(
    supergraph: &Supergraph<'g>,
) -> (Vec<ComposedDirective<'g>>, Vec<ComposedLink<'g>>) {
    let mut directives: Vec<ComposedDirective<'g>> = Vec::new();
    let mut links: Vec<ComposedLink<'g>> = Vec::new();
    for subgraph in supergraph.subgraphs {
        for (name, _) in &subgraph.composed {
            let Some(definition) = subgraph.directives.get(name) else {
                continue;
            };
            match directives
                .iter_mut()
                .find(|known| known.definition.name.text == *name)
            {
                Some(known) => unite(&mut known.definition, definition),
                None => directives.push(ComposedDirective {
                    definition: (*definition).clone(),
                }),
            }
            if let Some((link, element)) = link_of(subgraph, name) {
                add_link(&mut links, link, element, name);
            }
        }
    }
    (directives, links)
}

/// Whatever either subgraph allows is allowed.
fn unite<'g>(known: &mut DirectiveDefinition<'g>, other: &DirectiveDefinition<'g>) {
    known.repeatable |= other.repeatable;
    for location in &other.locations {
        if !known.locations.contains(location) {
            known.locations.push(location);
        }
    }
    for argument in &other.arguments {
        match known
            .arguments
            .iter_mut()
            .find(|a| a.name.text == argument.name.text)
        {
            Some(mine) => {
                mine.ty = mine.ty.weakest(argument.ty);
                if argument.default.is_some() {
                    mine.default.clone_from(&argument.default);
                }
            }
            None => known.arguments.push(argument.clone()),
        }
    }
}

/// The link that imports a directive, and the name it has there.
pub(crate) fn link_of<'s, 'g>(
    subgraph: &'s Subgraph<'g>,
    local: &str,
) -> Option<(&'s Link<'g>, &'g str)> {
    subgraph.links.iter().find_map(|link| {
        let import = link.imports.iter().find(|import| {
            import.is_directive() && import.local().trim_start_matches('@') == local
        })?;
        Some((link, import.name.trim_start_matches('@')))
    })
}

fn add_link<'g>(
    links: &mut Vec<ComposedLink<'g>>,
    link: &Link<'g>,
    element: &'g str,
    local: &'g str,
) {
    let index = links
        .iter()
        .position(|known| known.identity == link.identity)
        .unwrap_or_else(|| {
            links.push(ComposedLink {
                identity: link.identity,
                version: link.version,
                imports: Vec::new(),
            });
            links.len() - 1
        });
    let known = &mut links[index];
    if version_number(link.version) > version_number(known.version) {
        known.version = link.version;
    }
    if !known.imports.contains(&(element, local)) {
        known.imports.push((element, local));
    }
}

/// Major and minor of `v1.2`.
pub(crate) fn version_number(version: Option<&str>) -> (u32, u32) {
    let parse = |text: &str| text.parse().unwrap_or(0);
    version
        .and_then(|v| v.trim_start_matches('v').split_once('.'))
        .map_or((0, 0), |(major, minor)| (parse(major), parse(minor)))
}
