//! What a world holds, as the tables the mock subgraphs read.

use serde_json::{Map, Value, json};

use super::dice::Dice;
use super::model::{Base, Field, Home, Kind, TypeId, World, subgraph_name};

/// Rows of each entity.
const ROWS: usize = 3;

pub fn tables(world: &World, seed: u64) -> Value {
    let mut filler = Filler {
        dice: Dice::new(seed ^ 0xDA7A),
        world,
        count: 0,
    };
    let mut tables = Map::new();
    for (id, ty) in world.types.iter().enumerate() {
        if let Kind::Entity(_) = ty.kind {
            let rows = (0..ROWS).map(|row| filler.row(id, row)).collect();
            tables.insert(ty.name.clone(), rows);
        }
    }
    for (id, ty) in world.types.iter().enumerate() {
        if let Kind::Interface {
            members,
            object: Some((_, home)),
        } = &ty.kind
        {
            let rows = members.iter().flat_map(|member| {
                let rows = tables[&world.types[*member].name].as_array();
                rows.unwrap().iter().cloned()
            });
            let name = format!("{}.{}", subgraph_name(*home), world.types[id].name);
            let rows: Vec<Value> = rows.collect();
            tables.insert(name, rows.into());
        }
    }
    for (name, roots) in [("Query", &world.queries), ("Mutation", &world.mutations)] {
        let mut row = Map::new();
        for field in roots {
            row.insert(field.name.clone(), filler.value_of(field, "root"));
        }
        tables.insert(name.to_owned(), row.into());
    }
    tables.into()
}

struct Filler<'a> {
    dice: Dice,
    world: &'a World,
    count: usize,
}

impl Filler<'_> {
    fn row(&mut self, id: TypeId, number: usize) -> Value {
        let name = &self.world.types[id].name;
        let mut row = Map::new();
        row.insert("__typename".into(), name.clone().into());
        let of_key = |part: &str| format!("{name}-{part}-{number}");
        for part in ["id", "sku", "region"] {
            row.insert(part.into(), of_key(part).into());
        }
        let code = json!({"__typename": "Code", "text": of_key("code")});
        row.insert("code".into(), code);
        let of_object = self.world.interfaces(id).any(|interface| {
            let kind = &self.world.types[interface].kind;
            matches!(
                kind,
                Kind::Interface {
                    object: Some(_),
                    ..
                }
            )
        });
        for field in self.world.fields(id) {
            if !field.key {
                // Where an interface is an object its fields come for all objects, and
                // a failed object has no type.
                let mut field = field.clone();
                let own = self.world.types[id]
                    .fields
                    .iter()
                    .any(|f| f.name == field.name);
                field.relied_on |= !own || of_object && field.shape.required[0];
                let field = &field;
                let value = self.value_of(field, &format!("{name}-{number}"));
                row.insert(field.name.clone(), value);
            }
        }
        row.into()
    }

    fn value_of(&mut self, field: &Field, owner: &str) -> Value {
        if self.dice.percent(3) && !field.relied_on {
            return json!({"$error": format!("{owner} has no {}", field.name)});
        }
        if field.echo && World::is_leaf(&field.shape) {
            return "$x".into();
        }
        self.value(&field.shape.required, field.shape.base, &field.homes)
    }

    fn value(&mut self, required: &[bool], base: Base, homes: &[Home]) -> Value {
        if !required[0] && self.dice.percent(15) {
            return Value::Null;
        }
        if required.len() > 1 {
            let items = 0..self.dice.below(4);
            return items
                .map(|_| self.value(&required[1..], base, homes))
                .collect();
        }
        self.count += 1;
        match base {
            Base::Scalar("Int") => self.count.into(),
            Base::Scalar("Float") => json!(f64::from(u32::try_from(self.count).unwrap()) + 0.5),
            Base::Scalar("Boolean") => self.dice.percent(50).into(),
            Base::Scalar(name) => format!("{name} {}", self.count).into(),
            Base::Mood => (*self.dice.pick(&["SUNNY", "RAINY"])).into(),
            Base::Type(id) => self.object(id, homes),
        }
    }

    fn object(&mut self, id: TypeId, homes: &[Home]) -> Value {
        let object = *self.dice.pick(&self.world.common(id, homes));
        let ty = &self.world.types[object];
        if self.world.is_entity(object) {
            let row = self.dice.below(ROWS);
            let id = format!("{}-id-{row}", ty.name);
            return json!({"__typename": ty.name, "id": id});
        }
        let mut fields = Map::new();
        fields.insert("__typename".into(), ty.name.clone().into());
        for field in &ty.fields {
            let value = match field.relied_on {
                true => self.value(&field.shape.required, field.shape.base, homes),
                false => self.value_of(field, &ty.name),
            };
            fields.insert(field.name.clone(), value);
        }
        fields.into()
    }
}
