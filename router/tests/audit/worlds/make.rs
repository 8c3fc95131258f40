//! A world from a seed: types are spread over subgraphs at random, in ways that
//! federation allows.

use std::collections::BTreeMap;

use super::dice::Dice;
use super::model::{Base, Field, Home, Kind, Presence, Shape, Type, TypeId, World};

const KEYS: [&str; 4] = ["id", "sku", "id region", "code { text }"];
const SCALARS: [&str; 5] = ["String", "Int", "Float", "Boolean", "ID"];

pub fn world(seed: u64) -> World {
    let mut dice = Dice::new(seed);
    let subgraphs = dice.between(2, 4);
    let world = World {
        subgraphs,
        types: Vec::new(),
        queries: Vec::new(),
        mutations: Vec::new(),
    };
    let mut maker = Maker { dice, world };
    maker.entities();
    maker.values();
    maker.abstract_types();
    maker.object_fields();
    maker.interface_objects();
    maker.overrides();
    maker.requirements();
    maker.provisions();
    maker.roots();
    maker.key_fields();
    maker.settle();
    maker.prune();
    maker.world
}

/// A world being made.
pub(super) struct Maker {
    pub(super) dice: Dice,
    pub(super) world: World,
}

impl Maker {
    fn add(&mut self, name: String, kind: Kind) -> TypeId {
        self.world.types.push(Type {
            name,
            kind,
            fields: Vec::new(),
            present: BTreeMap::new(),
        });
        self.world.types.len() - 1
    }

    pub(super) fn of_kind(&self, wanted: impl Fn(&Kind) -> bool) -> Vec<TypeId> {
        let all = 0..self.world.types.len();
        all.filter(|id| wanted(&self.world.types[*id].kind))
            .collect()
    }

    pub(super) fn entity_ids(&self) -> Vec<TypeId> {
        self.of_kind(|kind| matches!(kind, Kind::Entity(_)))
    }

    /// Subgraphs that define fields of an entity, not only know of it.
    pub(super) fn real_homes(&self, id: TypeId) -> Vec<Home> {
        let present = self.world.types[id].present.iter();
        present
            .filter(|(_, presence)| !presence.unresolvable)
            .map(|(home, _)| *home)
            .collect()
    }

    fn entities(&mut self) {
        // What the nested key is made of.
        let code = self.add("Code".into(), Kind::Value);
        let text = Field {
            relied_on: true,
            ..Field::new("text".into(), named(Base::Scalar("ID"), true), vec![])
        };
        self.world.types[code].fields.push(text);
        for number in 0..self.dice.between(2, 5) {
            let mut keys = vec![KEYS[0]];
            let more: Vec<_> = KEYS[1..]
                .iter()
                .copied()
                .filter(|_| self.dice.percent(25))
                .collect();
            keys.extend(more);
            let all: Vec<usize> = (0..keys.len()).collect();
            let id = self.add(format!("E{number}"), Kind::Entity(keys));
            let homes: Vec<Home> = (0..self.world.subgraphs).collect();
            let homes = self.dice.some(&homes, 60);
            let chained = self.dice.percent(30);
            for (at, home) in homes.into_iter().enumerate() {
                let keys = match (at, chained) {
                    (0, true) => all.clone(),
                    (_, true) => self.dice.some(&all, 50),
                    (_, false) => self.with_first_key(&all),
                };
                let presence = Presence {
                    keys,
                    unresolvable: false,
                };
                self.world.types[id].present.insert(home, presence);
            }
        }
    }

    fn with_first_key(&mut self, all: &[usize]) -> Vec<usize> {
        let chosen = all
            .iter()
            .copied()
            .filter(|key| *key == 0 || self.dice.percent(30));
        chosen.collect()
    }

    fn values(&mut self) {
        for number in 0..self.dice.between(1, 2) {
            let id = self.add(format!("V{number}"), Kind::Value);
            for field in 0..self.dice.between(1, 3) {
                let shape = self.scalar_shape();
                let field = Field::new(format!("v{number}{}", letter(field)), shape, vec![]);
                self.world.types[id].fields.push(field);
            }
            if self.dice.percent(40) {
                let entity = *self.dice.pick(&self.entity_ids());
                let shape = named(Base::Type(entity), false);
                let field = Field::new(format!("v{number}ref"), shape, vec![]);
                self.world.types[id].fields.push(field);
            }
        }
    }

    fn abstract_types(&mut self) {
        let entities = self.entity_ids();
        for number in 0..self.dice.between(0, 2) {
            let members = self.dice.some(&entities, 50);
            let id = self.add(
                format!("I{number}"),
                Kind::Interface {
                    members: members.clone(),
                    object: None,
                },
            );
            let mut key = Field::new("id".into(), named(Base::Scalar("ID"), true), vec![]);
            key.key = true;
            self.world.types[id].fields.push(key);
            for member in &members {
                for presence in self.world.types[*member].present.values_mut() {
                    if !presence.keys.contains(&0) {
                        presence.keys.insert(0, 0);
                    }
                }
            }
            for field in 0..self.dice.between(0, 2) {
                let name = format!("i{number}{}", letter(field));
                let shape = self.scalar_shape();
                let common = Field::new(name.clone(), shape.clone(), vec![]);
                self.world.types[id].fields.push(common);
                for member in &members {
                    let homes = self.homes_of_field(*member);
                    let field = Field::new(name.clone(), shape.clone(), homes);
                    self.world.types[*member].fields.push(field);
                }
            }
        }
        let objects = self.of_kind(|kind| matches!(kind, Kind::Entity(_) | Kind::Value));
        // Not the part of a key.
        let objects = &objects[1..];
        for number in 0..self.dice.between(0, 2) {
            let members = self.dice.some(objects, 40);
            self.add(format!("U{number}"), Kind::Union(members));
        }
    }

    fn homes_of_field(&mut self, entity: TypeId) -> Vec<Home> {
        let homes = self.real_homes(entity);
        match self.dice.percent(20) {
            true => self.dice.some(&homes, 60),
            false => vec![*self.dice.pick(&homes)],
        }
    }

    fn object_fields(&mut self) {
        for entity in self.entity_ids() {
            let name = self.world.types[entity].name.to_lowercase();
            for number in 0..self.dice.between(2, 5) {
                let shape = self.shape();
                let homes = self.homes_of_field(entity);
                let mut field = Field::new(format!("{name}{}", letter(number)), shape, homes);
                field.echo = match World::is_leaf(&field.shape) {
                    true => self.echoes(&mut field.shape),
                    false => self.dice.percent(10),
                };
                self.ensure_field(&field);
                self.world.types[entity].fields.push(field);
            }
        }
    }

    fn echoes(&mut self, shape: &mut Shape) -> bool {
        let echoes = self.dice.percent(15);
        if echoes {
            *shape = named(Base::Scalar("Int"), false);
        }
        echoes
    }

    pub(super) fn scalar_shape(&mut self) -> Shape {
        let base = match self.dice.percent(15) {
            true => Base::Mood,
            false => Base::Scalar(SCALARS[self.dice.below(SCALARS.len())]),
        };
        self.wrapped(base, 15)
    }

    fn shape(&mut self) -> Shape {
        if self.dice.percent(50) {
            return self.scalar_shape();
        }
        let targets = 1..self.world.types.len();
        let target = *self.dice.pick(&targets.collect::<Vec<_>>());
        self.wrapped(Base::Type(target), 45)
    }

    fn wrapped(&mut self, base: Base, lists: usize) -> Shape {
        let depth = match self.dice.percent(lists) {
            true if self.dice.percent(15) => 3,
            true => 2,
            false => 1,
        };
        let required = (0..depth).map(|_| self.dice.percent(35)).collect();
        Shape { base, required }
    }

    fn ensure_field(&mut self, field: &Field) {
        if let Base::Type(id) = field.shape.base {
            for home in field.homes.iter().chain(&field.external) {
                self.ensure(id, *home);
            }
        }
    }

    /// Makes a subgraph know a type, as little of it as it needs.
    pub(super) fn ensure(&mut self, id: TypeId, home: Home) {
        if self.world.types[id].present.contains_key(&home) {
            return;
        }
        let mut presence = Presence::default();
        if let Kind::Entity(keys) = &self.world.types[id].kind {
            let count = keys.len();
            let in_interface = self.world.interfaces(id).next().is_some();
            presence.keys = match in_interface {
                true => vec![0],
                false => vec![self.dice.below(count)],
            };
            presence.unresolvable = self.dice.percent(50);
        }
        let of_value = match self.world.types[id].kind {
            Kind::Value => self.world.types[id].fields.clone(),
            _ => Vec::new(),
        };
        self.world.types[id].present.insert(home, presence);
        for field in of_value {
            if let Base::Type(below) = field.shape.base {
                self.ensure(below, home);
            }
        }
        let is_abstract = !matches!(self.world.types[id].kind, Kind::Entity(_) | Kind::Value);
        if is_abstract && self.world.possible_in(id, home).is_empty() {
            let member = *self.dice.pick(&self.world.possible(id));
            self.ensure(member, home);
        }
    }

    fn roots(&mut self) {
        for home in 0..self.world.subgraphs {
            for number in 0..self.dice.between(1, 2) {
                let shape = self.root_shape(home);
                let mut homes = vec![home];
                let other = self.dice.below(self.world.subgraphs);
                let object_home = |id: TypeId| match self.world.types[id].kind {
                    Kind::Interface { object, .. } => object.map(|(_, home)| home),
                    _ => None,
                };
                let apart = match shape.base {
                    Base::Type(id) => object_home(id).is_some(),
                    _ => false,
                };
                if other != home && !apart && self.dice.percent(20) && self.may_have(&shape, other)
                {
                    homes.push(other);
                }
                let name = format!("q{home}{}", letter(number));
                let field = Field::new(name, shape, homes);
                self.ensure_field(&field);
                self.world.queries.push(field);
            }
        }
        for number in 0..self.dice.between(0, 2) {
            let home = self.dice.below(self.world.subgraphs);
            let shape = self.root_shape(home);
            let field = Field::new(format!("m{number}"), shape, vec![home]);
            self.ensure_field(&field);
            self.world.mutations.push(field);
        }
    }

    /// Members of an interface cannot stand beside the interface object.
    fn may_have(&self, shape: &Shape, home: Home) -> bool {
        let Base::Type(id) = shape.base else {
            return true;
        };
        let object = self.world.types.iter().find(|ty| match ty.kind {
            Kind::Interface { object, .. } => object.is_some_and(|(_, at)| at == home),
            _ => false,
        });
        object.is_none_or(|object| object.name == self.world.types[id].name)
    }

    fn root_shape(&mut self, home: Home) -> Shape {
        loop {
            let shape = self.shape();
            if self.may_have(&shape, home) {
                return shape;
            }
        }
    }

    /// A field that several subgraphs resolve gives what all of them can give.
    fn settle(&mut self) {
        let unsettled = |world: &World, field: &Field| match field.shape.base {
            Base::Type(id) => field.homes.len() > 1 && world.common(id, &field.homes).is_empty(),
            _ => false,
        };
        for at in 0..self.world.queries.len() {
            if unsettled(&self.world, &self.world.queries[at]) {
                self.world.queries[at].homes.truncate(1);
            }
        }
        for id in 0..self.world.types.len() {
            for at in 0..self.world.types[id].fields.len() {
                if unsettled(&self.world, &self.world.types[id].fields[at]) {
                    self.world.types[id].fields[at].homes.truncate(1);
                }
            }
        }
    }

    /// Takes out of abstract types what they have in no subgraph.
    fn prune(&mut self) {
        for id in self.of_kind(|kind| matches!(kind, Kind::Interface { .. } | Kind::Union(_))) {
            let world = &self.world;
            let homes: Vec<Home> = world.types[id].present.keys().copied().collect();
            let somewhere = |member: &TypeId| {
                let here = |home: &Home| world.types[*member].present.contains_key(home);
                homes.iter().any(here)
            };
            let defined = |field: &Field| {
                let here = |home: &Home| world.in_interface(id, field, *home);
                !field.homes.is_empty() || homes.iter().any(here)
            };
            let fields = world.types[id].fields.iter();
            let fields: Vec<Field> = fields.filter(|field| defined(field)).cloned().collect();
            let mut kept = world.possible(id);
            kept.retain(somewhere);
            self.world.types[id].fields = fields;
            match &mut self.world.types[id].kind {
                Kind::Interface { members, .. } | Kind::Union(members) => *members = kept,
                Kind::Entity(_) | Kind::Value => {}
            }
        }
    }

    fn key_fields(&mut self) {
        for entity in self.entity_ids() {
            let ty = &self.world.types[entity];
            let Kind::Entity(keys) = &ty.kind else {
                continue;
            };
            let uses = |word: &str| -> Vec<Home> {
                let has = |presence: &Presence| {
                    let mut keys = presence.keys.iter().map(|key| keys[*key]);
                    keys.any(|key| key.split(' ').any(|part| part == word))
                };
                let present = ty.present.iter().filter(|(_, presence)| has(presence));
                present.map(|(home, _)| *home).collect()
            };
            let id = Base::Scalar("ID");
            let parts = [
                ("id", id),
                ("sku", id),
                ("region", id),
                ("code", Base::Type(0)),
            ];
            let fields: Vec<Field> = parts
                .into_iter()
                .map(|(name, base)| Field {
                    key: true,
                    relied_on: true,
                    ..Field::new(name.into(), named(base, true), uses(name))
                })
                .filter(|field| !field.homes.is_empty())
                .collect();
            let code = fields.iter().find(|field| field.name == "code");
            for home in code.map_or(&[][..], |field| &field.homes).to_vec() {
                self.ensure(0, home);
            }
            self.world.types[entity].fields.splice(0..0, fields);
        }
    }
}

fn named(base: Base, required: bool) -> Shape {
    Shape {
        base,
        required: vec![required],
    }
}

pub(super) fn letter(number: usize) -> char {
    char::from(b'a' + u8::try_from(number).unwrap())
}
