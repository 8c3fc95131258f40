//! What a world is made of: types, their fields, and which subgraph has what.

use std::collections::{BTreeMap, BTreeSet};

/// Position of a type in `World::types`.
pub type TypeId = usize;
/// Position of a subgraph.
pub type Home = usize;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    Scalar(&'static str),
    /// The one enum, `Mood`.
    Mood,
    Type(TypeId),
}

/// A type with its lists and non-nulls, from the outside in: `[[X!]]!` is
/// `[true, false, true]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    pub base: Base,
    pub required: Vec<bool>,
}

#[derive(Debug, Clone)]
pub struct Field {
    pub name: String,
    pub shape: Shape,
    /// It takes `x: Int = 7`, and gives it back if it is a leaf.
    pub echo: bool,
    /// The subgraphs that resolve it.
    pub homes: Vec<Home>,
    /// The subgraph it was taken from with `@override`.
    pub overridden: Option<Home>,
    /// A field set of its own type, for `@requires`.
    pub requires: Option<String>,
    /// Fields of the type below, for `@provides`.
    pub provides: Option<String>,
    /// Subgraphs that know it from others only.
    pub external: BTreeSet<Home>,
    /// Others rely on its value: it never fails.
    pub relied_on: bool,
    /// Part of a key.
    pub key: bool,
}

impl Field {
    pub fn new(name: String, shape: Shape, homes: Vec<Home>) -> Self {
        Self {
            name,
            shape,
            echo: false,
            homes,
            overridden: None,
            requires: None,
            provides: None,
            external: BTreeSet::new(),
            relied_on: false,
            key: false,
        }
    }
}

pub enum Kind {
    /// With the field sets of its keys.
    Entity(Vec<&'static str>),
    Value,
    Interface {
        members: Vec<TypeId>,
        /// Where it has a key, and where it is an `@interfaceObject`.
        object: Option<(Home, Home)>,
    },
    Union(Vec<TypeId>),
}

/// How a subgraph has a type.
#[derive(Debug, Clone, Default)]
pub struct Presence {
    /// Positions of an entity's keys.
    pub keys: Vec<usize>,
    /// Nobody can be sent here by the keys.
    pub unresolvable: bool,
}

pub struct Type {
    pub name: String,
    pub kind: Kind,
    pub fields: Vec<Field>,
    pub present: BTreeMap<Home, Presence>,
}

pub struct World {
    pub subgraphs: usize,
    pub types: Vec<Type>,
    pub queries: Vec<Field>,
    pub mutations: Vec<Field>,
}

pub fn subgraph_name(home: Home) -> String {
    format!("s{home}")
}

impl World {
    pub fn base_name(&self, base: Base) -> &str {
        match base {
            Base::Scalar(name) => name,
            Base::Mood => "Mood",
            Base::Type(id) => &self.types[id].name,
        }
    }

    pub fn spelled(&self, shape: &Shape) -> String {
        let mut text = self.base_name(shape.base).to_owned();
        let inside_out = shape.required.iter().rev();
        for (at, required) in inside_out.enumerate() {
            if at > 0 {
                text = format!("[{text}]");
            }
            if *required {
                text.push('!');
            }
        }
        text
    }

    pub fn is_leaf(shape: &Shape) -> bool {
        !matches!(shape.base, Base::Type(_))
    }

    pub fn is_entity(&self, id: TypeId) -> bool {
        matches!(self.types[id].kind, Kind::Entity(_))
    }

    /// Object types a value of this type may have.
    pub fn possible(&self, id: TypeId) -> Vec<TypeId> {
        match &self.types[id].kind {
            Kind::Interface { members, .. } | Kind::Union(members) => members.clone(),
            Kind::Entity(_) | Kind::Value => vec![id],
        }
    }

    /// Object types a value of this type may have in a subgraph.
    pub fn possible_in(&self, id: TypeId, home: Home) -> Vec<TypeId> {
        let all = self.possible(id);
        match self.types[id].kind {
            Kind::Interface {
                object: Some((_, object)),
                ..
            } if object == home => all,
            _ => all
                .into_iter()
                .filter(|member| self.types[*member].present.contains_key(&home))
                .collect(),
        }
    }

    /// Object types that all of these subgraphs can give for a type.
    pub fn common(&self, id: TypeId, homes: &[Home]) -> Vec<TypeId> {
        let mut common = self.possible(id);
        for home in homes {
            let here = self.possible_in(id, *home);
            common.retain(|member| here.contains(member));
        }
        common
    }

    /// Interfaces that an object type has anywhere.
    pub fn interfaces(&self, id: TypeId) -> impl Iterator<Item = TypeId> {
        let of = move |(at, ty): (TypeId, &Type)| match &ty.kind {
            Kind::Interface { members, .. } if members.contains(&id) => Some(at),
            _ => None,
        };
        self.types.iter().enumerate().filter_map(of)
    }

    /// The fields a client sees: of an interface object's, its members have them too.
    pub fn fields(&self, id: TypeId) -> Vec<&Field> {
        let mut fields: Vec<&Field> = self.types[id].fields.iter().collect();
        for interface in self.interfaces(id) {
            let added = self.types[interface].fields.iter();
            fields.extend(added.filter(|field| !field.homes.is_empty()));
        }
        fields
    }
}
