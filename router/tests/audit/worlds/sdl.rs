//! The SDL of a world: of each of its subgraphs, and undivided.

use std::fmt::Write;

use super::model::{Base, Field, Home, Kind, Presence, TypeId, World, subgraph_name};

const LINK: &str = "extend schema @link(url: \"https://specs.apollo.dev/federation/v2.9\", \
    import: [\"@key\", \"@shareable\", \"@external\", \"@requires\", \"@provides\", \
    \"@override\", \"@interfaceObject\"])\n";
const MOOD: &str = "enum Mood { SUNNY RAINY }\n";

impl World {
    /// What one server that knows everything would serve.
    pub fn undivided_sdl(&self) -> String {
        let mut text = MOOD.to_owned();
        for (id, ty) in self.types.iter().enumerate() {
            if ty.present.is_empty() {
                continue;
            }
            let fields = self.fields(id);
            let mut fields: Vec<String> = fields.iter().map(|field| self.line(field)).collect();
            match &ty.kind {
                Kind::Union(members) => {
                    self.union(&mut text, id, members);
                    continue;
                }
                Kind::Interface { .. } => {
                    fields = ty.fields.iter().map(|field| self.line(field)).collect();
                    let _ = write!(text, "interface {}", ty.name);
                }
                Kind::Entity(_) | Kind::Value => {
                    let interfaces: Vec<TypeId> = self.interfaces(id).collect();
                    let _ = write!(text, "type {}{}", ty.name, self.implements(&interfaces));
                }
            }
            let _ = writeln!(text, " {{ {} }}", fields.join(" "));
        }
        for (name, roots) in [("Query", &self.queries), ("Mutation", &self.mutations)] {
            let fields: Vec<String> = roots.iter().map(|field| self.line(field)).collect();
            if !fields.is_empty() {
                let _ = writeln!(text, "type {name} {{ {} }}", fields.join(" "));
            }
        }
        text
    }

    pub fn subgraph_sdl(&self, home: Home) -> String {
        let mut text = format!("{LINK}{MOOD}");
        for (id, ty) in self.types.iter().enumerate() {
            if let Some(presence) = ty.present.get(&home) {
                self.define(&mut text, id, home, presence);
            }
        }
        for (name, roots) in [("Query", &self.queries), ("Mutation", &self.mutations)] {
            let here = roots.iter().filter(|field| field.homes.contains(&home));
            let fields: Vec<String> = here.map(|field| self.line_in(field, home)).collect();
            if !fields.is_empty() {
                let _ = writeln!(text, "type {name} {{ {} }}", fields.join(" "));
            }
        }
        text
    }

    fn define(&self, text: &mut String, id: TypeId, home: Home, presence: &Presence) {
        let ty = &self.types[id];
        let mut fields: Vec<String> = Vec::new();
        let known = |field: &&Field| {
            field.homes.contains(&home)
                || field.external.contains(&home)
                || field.overridden == Some(home)
        };
        let head = match &ty.kind {
            Kind::Union(_) => return self.union(text, id, &self.possible_in(id, home)),
            Kind::Interface {
                object: Some((_, object)),
                ..
            } if *object == home => {
                fields.push("id: ID!".into());
                format!("type {} @key(fields: \"id\") @interfaceObject", ty.name)
            }
            Kind::Interface { object, .. } => {
                let common = ty.fields.iter();
                let here = common.filter(|field| self.in_interface(id, field, home));
                fields.extend(here.map(|field| self.line(field)));
                let key = match object {
                    Some((with_key, _)) if *with_key == home => " @key(fields: \"id\")",
                    _ => "",
                };
                format!("interface {}{key}", ty.name)
            }
            Kind::Value => {
                fields.extend(ty.fields.iter().map(|field| self.line(field)));
                format!("type {} @shareable", ty.name)
            }
            Kind::Entity(keys) => {
                let has = |interface: &TypeId| self.types[*interface].present.contains_key(&home);
                let interfaces: Vec<TypeId> = self.interfaces(id).filter(has).collect();
                let mut head = format!("type {}{}", ty.name, self.implements(&interfaces));
                for key in &presence.keys {
                    let _ = write!(head, " @key(fields: \"{}\"", keys[*key]);
                    head += match presence.unresolvable {
                        true => ", resolvable: false)",
                        false => ")",
                    };
                }
                head
            }
        };
        if !matches!(ty.kind, Kind::Value) {
            let known = ty.fields.iter().filter(known);
            fields.extend(known.map(|field| self.line_in(field, home)));
        }
        let _ = writeln!(text, "{head} {{ {} }}", fields.join(" "));
    }

    /// Whether an interface has a field in a subgraph: all its members there do.
    pub fn in_interface(&self, id: TypeId, field: &Field, home: Home) -> bool {
        if field.key {
            return true;
        }
        let resolves = |member: &TypeId| {
            let mut fields = self.types[*member].fields.iter();
            fields.any(|own| own.name == field.name && own.homes.contains(&home))
        };
        field.homes.is_empty() && self.possible_in(id, home).iter().all(resolves)
    }

    fn union(&self, text: &mut String, id: TypeId, members: &[TypeId]) {
        let names = members
            .iter()
            .map(|member| self.types[*member].name.as_str());
        let names = names.collect::<Vec<_>>().join(" | ");
        let _ = writeln!(text, "union {} = {names}", self.types[id].name);
    }

    fn implements(&self, interfaces: &[TypeId]) -> String {
        if interfaces.is_empty() {
            return String::new();
        }
        let names = interfaces.iter().map(|id| self.types[*id].name.as_str());
        format!(" implements {}", names.collect::<Vec<_>>().join(" & "))
    }

    fn line(&self, field: &Field) -> String {
        let arguments = if field.echo { "(x: Int = 7)" } else { "" };
        format!("{}{arguments}: {}", field.name, self.spelled(&field.shape))
    }

    fn line_in(&self, field: &Field, home: Home) -> String {
        let mut line = self.line(field);
        if !field.homes.contains(&home) {
            // Where it was taken from it stands as it did.
            if field.overridden != Some(home) {
                line += " @external";
            }
            return line;
        }
        let below = matches!(field.shape.base, Base::Type(_));
        if field.homes.len() > 1 && !field.key || !field.key && !field.external.is_empty() && !below
        {
            line += " @shareable";
        }
        if let Some(from) = field.overridden {
            let _ = write!(line, " @override(from: \"{}\")", subgraph_name(from));
        }
        for (directive, set) in [("requires", &field.requires), ("provides", &field.provides)] {
            if let Some(set) = set {
                let _ = write!(line, " @{directive}(fields: \"{set}\")");
            }
        }
        line
    }
}
