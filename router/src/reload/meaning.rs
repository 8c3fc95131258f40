//! Whether two supergraphs are the same but for how they are written: composers
//! differ in order and in the version of the specifications they link.

use atelier_composition::syntax::{
    Directive, Document, InputValue, TypeDefinition, parse_document, print_document, print_value,
};

/// True when both mean the same to clients and to the planner.
pub(super) fn same(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    match (parse_document(one), parse_document(other)) {
        (Ok(one), Ok(other)) => canonical(one) == canonical(other),
        _ => false,
    }
}

/// Names of the specifications' own types and directives.
fn is_machinery(name: &str) -> bool {
    // The list of subgraphs says something; it is a type of the specification too.
    name != "join__Graph"
        && ["join__", "link__", "core__"]
            .iter()
            .any(|of| name.starts_with(of))
}

fn canonical(mut document: Document<'_>) -> String {
    for schema in &mut document.schemas {
        schema.directives.retain(|directive| {
            let name = directive.name.text;
            name != "link" && name != "core"
        });
        directives(&mut schema.directives);
        schema.operations.sort_by_key(|(operation, _)| *operation);
    }
    document.directives.retain(|definition| {
        let name = definition.name.text;
        !is_machinery(name) && name != "link" && name != "core"
    });
    document.directives.sort_by_key(|one| one.name.text);
    for definition in &mut document.directives {
        inputs(&mut definition.arguments);
        definition.locations.sort_unstable();
    }
    document.types.retain(|ty| !is_machinery(ty.name.text));
    document.types.sort_by_key(|ty| ty.name.text);
    document.types.iter_mut().for_each(sort);
    print_document(&document)
}

fn sort(ty: &mut TypeDefinition<'_>) {
    directives(&mut ty.directives);
    ty.interfaces.sort_by_key(|name| name.text);
    ty.members.sort_by_key(|name| name.text);
    ty.fields.sort_by_key(|field| field.name.text);
    for field in &mut ty.fields {
        inputs(&mut field.arguments);
        directives(&mut field.directives);
    }
    inputs(&mut ty.inputs);
    ty.values.sort_by_key(|value| value.name.text);
    for value in &mut ty.values {
        directives(&mut value.directives);
    }
}

fn inputs(inputs: &mut [InputValue<'_>]) {
    inputs.sort_by_key(|input| input.name.text);
    for input in inputs {
        directives(&mut input.directives);
    }
}

fn directives(applied: &mut [Directive<'_>]) {
    for directive in applied.iter_mut() {
        directive.arguments.sort_by_key(|(name, _)| name.text);
    }
    applied.sort_by_cached_key(|directive| {
        let arguments = directive.arguments.iter();
        let values: Vec<_> = arguments
            .map(|(name, value)| (name.text.to_owned(), print_value(value)))
            .collect();
        (directive.name.text.to_owned(), values)
    });
}

#[cfg(test)]
mod tests {
    use atelier_composition::{SubgraphSdl, compose};

    use super::same;

    fn composed(types: &str) -> String {
        let part = SubgraphSdl::new("a", "http://a/", types);
        compose(&[part]).unwrap().supergraph_sdl
    }

    #[test]
    fn order_and_versions_say_nothing_and_everything_else_does() {
        let sdl = composed("type Query { a(x: Int, y: Int): Int b: Kind } enum Kind { ONE TWO }");
        let written = sdl
            .replace("a(x: Int, y: Int)", "a(y: Int, x: Int)")
            .replace("join/v0.5", "join/v0.3")
            .replace("ONE @join__enumValue(graph: A)", "")
            .replace(
                "TWO @join__enumValue(graph: A)",
                "TWO @join__enumValue(graph: A) ONE @join__enumValue(graph: A)",
            );
        assert_ne!(written, sdl);
        assert!(same(&sdl, &written), "{sdl}\n{written}");
        for (from, to) in [
            ("y: Int", "y: Int!"),
            ("b: Kind", "b: Kind @inaccessible"),
            ("http://a/", "http://b/"),
            ("type Query", "\"What is asked.\" type Query"),
        ] {
            let other = sdl.replace(from, to);
            assert_ne!(other, sdl);
            assert!(!same(&sdl, &other), "{other}");
        }
    }
}
