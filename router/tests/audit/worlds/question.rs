//! Random operations on a world, valid by construction: a response key always
//! stands for the same field of a type, and for the same shape in all types.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::dice::Dice;
use super::model::{Base, Field, Kind, TypeId, World};

/// Selections that a whole operation may have.
const SIZE: usize = 60;

pub struct Question {
    pub text: String,
    pub variables: Map<String, Value>,
}

pub fn question(world: &World, seed: u64) -> Question {
    let mut writer = Writer {
        world,
        dice: Dice::new(seed ^ 0x9E57),
        room: SIZE,
        aliases: 0,
        fragments: Vec::new(),
        declared: BTreeMap::new(),
        variables: Map::new(),
        swapped: BTreeMap::new(),
    };
    writer.swap();
    let mutation = !world.mutations.is_empty() && writer.dice.percent(15);
    let (keyword, on, roots) = match mutation {
        true => ("mutation", "Mutation", &world.mutations),
        false => ("query", "Query", &world.queries),
    };
    let depth = writer.dice.between(2, 5);
    let set = writer.roots(on, roots, depth, mutation);
    let declared: Vec<String> = writer
        .declared
        .iter()
        .map(|(name, ty)| format!("${name}: {ty}"))
        .collect();
    let head = match declared.is_empty() {
        true => keyword.to_owned(),
        false => format!("{keyword}({})", declared.join(", ")),
    };
    let fragments = writer.fragments.iter();
    let fragments: Vec<String> = fragments.map(|(_, _, text)| text.clone()).collect();
    Question {
        text: format!("{head} {set}\n{}", fragments.join("\n")),
        variables: writer.variables,
    }
}

struct Writer<'a> {
    world: &'a World,
    dice: Dice,
    room: usize,
    aliases: usize,
    /// Name, type, text.
    fragments: Vec<(String, TypeId, String)>,
    declared: BTreeMap<String, String>,
    variables: Map<String, Value>,
    /// Fields that are called like another one of their type.
    swapped: BTreeMap<String, String>,
}

impl<'a> Writer<'a> {
    /// Two fields of a type change names for the whole operation.
    fn swap(&mut self) {
        for ty in &self.world.types {
            if !matches!(ty.kind, Kind::Entity(_)) || !self.dice.percent(25) {
                continue;
            }
            let own = |field: &&Field| {
                let common = !field.name.starts_with(&ty.name.to_lowercase());
                World::is_leaf(&field.shape) && !common && !field.echo
            };
            let leaves: Vec<&Field> = ty.fields.iter().filter(own).collect();
            if let [a, b, ..] = leaves[..] {
                self.swapped.insert(a.name.clone(), b.name.clone());
                self.swapped.insert(b.name.clone(), a.name.clone());
            }
        }
    }

    fn roots(&mut self, on: &str, roots: &'a [Field], depth: usize, mutation: bool) -> String {
        let mut items = Vec::new();
        for _ in 0..self.dice.between(1, 3) {
            let field = self.dice.pick(roots);
            items.push(self.field(field, depth));
        }
        if !mutation && self.dice.percent(20) {
            let field = self.dice.pick(roots);
            let directive = self.directive();
            items.push(format!(
                "... on {on}{directive} {{ {} }}",
                self.field(field, depth)
            ));
        }
        format!("{{ {} }}", items.join(" "))
    }

    fn field(&mut self, field: &'a Field, depth: usize) -> String {
        self.room = self.room.saturating_sub(1);
        let mut text = String::new();
        let swapped = self.swapped.get(&field.name).cloned();
        let arguments = self.arguments(field);
        if !arguments.is_empty() || self.dice.percent(15) {
            self.aliases += 1;
            text += &format!("x{}: ", self.aliases);
        } else if let Some(name) = swapped {
            text += &format!("{name}: ");
        }
        text += &field.name;
        text += &arguments;
        if self.dice.percent(10) {
            text += &self.directive();
        }
        if let Base::Type(id) = field.shape.base {
            text += &format!(" {}", self.set(id, depth.saturating_sub(1)));
        }
        text
    }

    fn arguments(&mut self, field: &Field) -> String {
        if !field.echo || self.dice.percent(40) {
            return String::new();
        }
        if self.dice.percent(50) {
            return format!("(x: {})", self.dice.below(100));
        }
        let name = format!("n{}", self.dice.below(3));
        if !self.declared.contains_key(&name) {
            let (ty, given) = match self.dice.below(3) {
                0 => ("Int", false),
                1 => ("Int = 5", false),
                _ => ("Int", true),
            };
            self.declared.insert(name.clone(), ty.to_owned());
            if given {
                let number = self.dice.below(100);
                self.variables.insert(name.clone(), number.into());
            }
        }
        format!("(x: ${name})")
    }

    /// Such a directive, with the space before it.
    fn directive(&mut self) -> String {
        let directive = *self.dice.pick(&["skip", "include"]);
        if self.dice.percent(20) {
            let literal = self.dice.percent(50);
            return format!(" @{directive}(if: {literal})");
        }
        let name = format!("b{}", self.dice.below(3));
        if !self.declared.contains_key(&name) {
            self.declared.insert(name.clone(), "Boolean!".to_owned());
            let value = self.dice.percent(50);
            self.variables.insert(name.clone(), value.into());
        }
        format!(" @{directive}(if: ${name})")
    }

    fn set(&mut self, id: TypeId, depth: usize) -> String {
        let mut items = Vec::new();
        for _ in 0..self.dice.between(1, 4) {
            items.push(self.item(id, depth));
            if self.room == 0 {
                break;
            }
        }
        format!("{{ {} }}", items.join(" "))
    }

    fn item(&mut self, id: TypeId, depth: usize) -> String {
        let fields = self.fields(id, depth);
        let inside = match self.world.types[id].kind {
            Kind::Interface { .. } | Kind::Union(_) => 45,
            Kind::Entity(_) | Kind::Value => 15,
        };
        let deeper = depth > 0 && self.room > 0;
        if deeper && self.dice.percent(inside) {
            return self.inline(id, depth);
        }
        if deeper && self.dice.percent(12) {
            return self.spread(id, depth);
        }
        if fields.is_empty() || self.dice.percent(10) {
            self.room = self.room.saturating_sub(1);
            return match self.dice.percent(30) {
                true => "kind: __typename".into(),
                false => "__typename".into(),
            };
        }
        let field = *self.dice.pick(&fields);
        self.field(field, depth)
    }

    /// What may be selected; only leaves where nothing may lie below.
    fn fields(&self, id: TypeId, depth: usize) -> Vec<&'a Field> {
        let world = self.world;
        let all = match world.types[id].kind {
            Kind::Interface { .. } => world.types[id].fields.iter().collect(),
            Kind::Union(_) => Vec::new(),
            Kind::Entity(_) | Kind::Value => world.fields(id),
        };
        let deeper = depth > 0 && self.room > 0;
        all.into_iter()
            .filter(|field| deeper || World::is_leaf(&field.shape))
            .collect()
    }

    /// A type that some objects of another have.
    fn overlapping(&mut self, id: TypeId) -> TypeId {
        let possible = self.world.possible(id);
        let overlaps = |other: &TypeId| {
            let others = self.world.possible(*other);
            !self.world.types[*other].present.is_empty()
                && others.iter().any(|one| possible.contains(one))
        };
        let all: Vec<TypeId> = (0..self.world.types.len()).filter(overlaps).collect();
        *self.dice.pick(&all)
    }

    fn inline(&mut self, id: TypeId, depth: usize) -> String {
        self.room = self.room.saturating_sub(1);
        let directive = match self.dice.percent(20) {
            true => self.directive(),
            false => String::new(),
        };
        if self.dice.percent(10) {
            return format!("...{directive} {}", self.set(id, depth));
        }
        let on = self.overlapping(id);
        let set = self.set(on, depth - 1);
        format!("... on {}{directive} {set}", self.world.types[on].name)
    }

    fn spread(&mut self, id: TypeId, depth: usize) -> String {
        self.room = self.room.saturating_sub(1);
        let on = self.overlapping(id);
        let known = self.fragments.iter().find(|(_, of, _)| *of == on);
        let name = match known {
            Some((name, ..)) if self.dice.percent(50) => name.clone(),
            _ => {
                // Named only when it is written, so that it cannot hold itself.
                let set = self.set(on, depth - 1);
                let name = format!("F{}", self.fragments.len());
                let text = format!("fragment {name} on {} {set}", self.world.types[on].name);
                self.fragments.push((name.clone(), on, text));
                name
            }
        };
        let directive = match self.dice.percent(20) {
            true => self.directive(),
            false => String::new(),
        };
        format!("...{name}{directive}")
    }
}
