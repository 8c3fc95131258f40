//! What federation's directives do to a world: interfaces become objects elsewhere,
//! fields move, require others and are provided.

use super::make::{Maker, letter};
use super::model::{Base, Field, Home, Kind, Presence, TypeId, World};

impl Maker {
    pub(super) fn interface_objects(&mut self) {
        // Nothing implements an interface where it is an object.
        let others = self.world.subgraphs;
        for id in self.of_kind(|kind| matches!(kind, Kind::Interface { .. })) {
            if self.dice.percent(60) {
                continue;
            }
            let with_key = self.dice.below(others);
            let home = self.world.subgraphs;
            self.world.subgraphs += 1;
            let Kind::Interface { members, object } = &mut self.world.types[id].kind else {
                continue;
            };
            *object = Some((with_key, home));
            for member in members.clone() {
                self.ensure(member, with_key);
                let presence = self.world.types[member].present.get_mut(&with_key);
                presence.unwrap().unresolvable = false;
            }
            self.ensure(id, with_key);
            self.world.types[id]
                .present
                .insert(home, Presence::default());
            let number = self.world.types[id].name[1..].to_owned();
            for field in 0..self.dice.between(1, 2) {
                let shape = self.scalar_shape();
                let name = format!("io{number}{}", letter(field));
                let field = Field::new(name, shape, vec![home]);
                self.world.types[id].fields.push(field);
            }
        }
    }

    pub(super) fn overrides(&mut self) {
        for entity in self.entity_ids() {
            for at in 0..self.world.types[entity].fields.len() {
                let field = &self.world.types[entity].fields[at];
                let (homes, leaf) = (field.homes.clone(), World::is_leaf(&field.shape));
                let from: Vec<Home> = self
                    .real_homes(entity)
                    .into_iter()
                    .filter(|home| !homes.contains(home))
                    .collect();
                if homes.len() == 1 && leaf && !from.is_empty() && self.dice.percent(10) {
                    let from = *self.dice.pick(&from);
                    self.world.types[entity].fields[at].overridden = Some(from);
                }
            }
        }
    }

    pub(super) fn requirements(&mut self) {
        for entity in self.entity_ids() {
            let name = self.world.types[entity].name.to_lowercase();
            for number in 0..self.dice.between(0, 2) {
                let homes = self.real_homes(entity);
                let home = *self.dice.pick(&homes);
                let possible: Vec<usize> = (0..self.world.types[entity].fields.len())
                    .filter(|at| self.may_be_required(entity, *at, home))
                    .collect();
                if possible.is_empty() {
                    continue;
                }
                let chosen = self.dice.some(&possible, 30);
                let mut set = Vec::new();
                for at in chosen {
                    set.push(self.require(entity, at, home));
                }
                let shape = self.scalar_shape();
                let mut field = Field::new(format!("{name}r{}", letter(number)), shape, vec![home]);
                field.requires = Some(set.join(" "));
                self.world.types[entity].fields.push(field);
            }
        }
    }

    fn may_be_required(&self, entity: TypeId, at: usize, home: Home) -> bool {
        let field = &self.world.types[entity].fields[at];
        let below = match field.shape.base {
            Base::Type(id) => matches!(self.world.types[id].kind, Kind::Value | Kind::Entity(_)),
            _ => true,
        };
        let common = self.world.interfaces(entity).any(|interface| {
            let fields = &self.world.types[interface].fields;
            fields.iter().any(|common| common.name == field.name)
        });
        below
            && !common
            && !field.echo
            && field.overridden != Some(home)
            && !field.homes.contains(&home)
    }

    /// Makes a field known in `home`; gives how it is selected.
    fn require(&mut self, entity: TypeId, at: usize, home: Home) -> String {
        let field = &mut self.world.types[entity].fields[at];
        field.external.insert(home);
        field.relied_on = true;
        let (name, base) = (field.name.clone(), field.shape.base);
        let Base::Type(id) = base else { return name };
        self.ensure(id, home);
        if let Kind::Entity(keys) = &self.world.types[id].kind {
            let key = keys[self.world.types[id].present[&home].keys[0]];
            let more = self.require_below(id, home);
            return format!("{name} {{ {key}{more} }}");
        }
        let mut below = Vec::new();
        for field in &mut self.world.types[id].fields {
            if World::is_leaf(&field.shape) {
                field.relied_on = true;
                below.push(field.name.clone());
            }
        }
        format!("{name} {{ {} }}", below.join(" "))
    }

    pub(super) fn provisions(&mut self) {
        for owner in self.entity_ids() {
            for at in 0..self.world.types[owner].fields.len() {
                let field = &self.world.types[owner].fields[at];
                let (Base::Type(target), &[home]) = (field.shape.base, &field.homes[..]) else {
                    continue;
                };
                if !self.world.is_entity(target) || !self.dice.percent(40) {
                    continue;
                }
                let candidates: Vec<usize> = (0..self.world.types[target].fields.len())
                    .filter(|at| {
                        let field = &self.world.types[target].fields[*at];
                        World::is_leaf(&field.shape)
                            && field.requires.is_none()
                            && field.overridden.is_none()
                            && self.may_be_required(target, *at, home)
                    })
                    .collect();
                if candidates.is_empty() {
                    continue;
                }
                let provided = *self.dice.pick(&candidates);
                let name = self.require(target, provided, home);
                self.world.types[owner].fields[at].provides = Some(name);
            }
        }
    }

    /// A field of an entity that is required below another one, with the space
    /// before it; or nothing.
    fn require_below(&mut self, entity: TypeId, home: Home) -> String {
        let leaves: Vec<usize> = (0..self.world.types[entity].fields.len())
            .filter(|at| {
                let field = &self.world.types[entity].fields[*at];
                World::is_leaf(&field.shape) && self.may_be_required(entity, *at, home)
            })
            .collect();
        if leaves.is_empty() || self.dice.percent(60) {
            return String::new();
        }
        let chosen = *self.dice.pick(&leaves);
        format!(" {}", self.require(entity, chosen, home))
    }
}
