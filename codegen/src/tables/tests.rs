use super::*;

fn column(name: &str, sql_type: &str, nullable: bool) -> Column {
    Column {
        name: name.to_owned(),
        sql_type: sql_type.to_owned(),
        nullable,
        comment: None,
    }
}

/// A table with the key `id` and a column of type `uuid` for each foreign key.
fn table(name: &str, references: &[(&str, &str)]) -> Table {
    let columns = references
        .iter()
        .map(|(name, _)| column(name, "uuid", true));
    Table {
        name: name.to_owned(),
        comment: None,
        columns: [column("id", "uuid", false)]
            .into_iter()
            .chain(columns)
            .collect(),
        primary_key: vec!["id".to_owned()],
        references: references
            .iter()
            .map(|(column, table)| Reference {
                table: (*table).to_owned(),
                columns: vec![(*column).to_owned()],
                to: vec!["id".to_owned()],
            })
            .collect(),
    }
}

#[test]
fn a_table_is_declared_with_its_key_columns_types_and_comments() {
    let mut film = table("film", &[]);
    film.comment = Some("A film.\n\nOf a studio.".to_owned());
    film.columns.extend([
        column("title", "citext", false),
        column("tags", "_text", false),
        column("details", "jsonb", true),
        column("digest", "bytea", true),
        column("price", "numeric", true),
        column("shown", "tstzrange", true),
        column("marks", "_int4", true),
    ]);
    film.columns[1].comment = Some("As its maker wrote it.".to_owned());
    film.primary_key.push("title".to_owned());
    assert_eq!(
        tables_rs("cinema", &[film]).unwrap(),
        "\
//! The tables of the PostgreSQL schema `cinema`.
//!
//! Written by `make generate` from the migrations; do not edit.

diesel::table! {
    /// A film.
    ///
    /// Of a studio.
    cinema.film (id, title) {
        id -> Uuid,
        /// As its maker wrote it.
        title -> Citext,
        tags -> Array<Text>,
        details -> Nullable<Jsonb>,
        digest -> Nullable<Bytea>,
        price -> Nullable<Numeric>,
        shown -> Nullable<Tstzrange>,
        marks -> Nullable<Array<Int4>>,
    }
}
"
    );
}

#[test]
fn tables_stand_in_the_order_of_the_alphabet_and_may_be_used_together() {
    let text = tables_rs("cinema", &[table("film", &[]), table("actor", &[])]).unwrap();
    let (actor, film) = (text.find("cinema.actor"), text.find("cinema.film"));
    assert!(actor.is_some() && actor < film, "{text}");
    assert!(
        text.ends_with(
            "\n\ndiesel::allow_tables_to_appear_in_same_query! {\n    actor,\n    film,\n}\n"
        ),
        "{text}"
    );
}

#[test]
fn a_foreign_key_joins_two_tables_only_if_nothing_else_could() {
    let mut award = table("award", &[("name", "film")]);
    award.references[0].to = vec!["title".to_owned()];
    let mut scene = table("scene", &[("film", "film")]);
    scene.references[0].columns.push("number".to_owned());
    scene.references[0].to.push("number".to_owned());
    let tables = [
        // To the primary key: joinable.
        table("film", &[("studio", "studio")]),
        // To itself, and twice to the same table.
        table("studio", &[("parent", "studio")]),
        table("role", &[("actor", "person"), ("singer", "person")]),
        // There and back.
        table("person", &[("agent", "agency")]),
        table("agency", &[("head", "person")]),
        award,
        scene,
    ];
    let text = tables_rs("cinema", &tables).unwrap();
    let joins: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("diesel::joinable!"))
        .collect();
    assert_eq!(joins, ["diesel::joinable!(film -> studio (studio));"]);
}

#[test]
fn names_that_rust_or_diesel_needs_are_told_apart() {
    let mut kind = table("type", &[]);
    kind.columns.extend([
        column("match", "text", false),
        column("type", "text", false),
        column("2nd", "text", false),
    ]);
    let mut worker = table("worker", &[]);
    worker.columns.push(column("worker", "text", false));
    let text = tables_rs("tasks", &[kind, worker]).unwrap();
    for expected in [
        "    #[sql_name = \"type\"]\n    tasks.type_ (id) {\n",
        "        #[sql_name = \"match\"]\n        match_ -> Text,\n",
        "        #[sql_name = \"type\"]\n        type__ -> Text,\n",
        "        #[sql_name = \"2nd\"]\n        _2nd -> Text,\n",
        "        #[sql_name = \"worker\"]\n        worker_ -> Text,\n",
        "    type_,\n    worker,\n",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn a_type_without_a_counterpart_and_a_table_without_a_key_are_refused_by_name() {
    let mut film = table("film", &[]);
    for sql_type in ["tsvector", "_tsvector"] {
        film.columns.truncate(1);
        film.columns.push(column("words", sql_type, false));
        let error = tables_rs("cinema", std::slice::from_ref(&film)).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("cinema.film.words"), "{text}");
        assert!(text.contains(&format!(" {sql_type},")), "{text}");
    }
    film.primary_key.clear();
    let error = tables_rs("cinema", &[film]).unwrap_err();
    assert_eq!(error, TablesError::NoPrimaryKey("cinema.film".to_owned()));
}

#[test]
fn a_table_that_is_added_stands_where_it_is_generated() {
    let joined = table("film", &[("studio", "studio")]);
    let all = [
        table("actor", &[]),
        joined,
        table("scene", &[]),
        table("studio", &[]),
    ];
    for added in [0, 2] {
        let mut before = all.to_vec();
        let table = before.remove(added);
        let before = tables_rs("cinema", &before).unwrap();
        let table = declared("cinema", &table).unwrap();
        assert_eq!(
            with_table(&before, &table).unwrap(),
            tables_rs("cinema", &all).unwrap()
        );
    }
    let one = tables_rs("cinema", &all[..1]).unwrap();
    let other = declared("cinema", &all[2]).unwrap();
    let both = [all[0].clone(), all[2].clone()];
    assert_eq!(
        with_table(&one, &other).unwrap(),
        tables_rs("cinema", &both).unwrap()
    );
}
