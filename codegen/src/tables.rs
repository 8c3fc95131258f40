//! `subgraphs/*/src/tables.rs`: what diesel knows of a domain's tables, from PostgreSQL's catalogue.

use std::fmt::Write;

use serde::Deserialize;

/// A table, as PostgreSQL's catalogue describes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Table {
    /// Its name, without the schema.
    pub name: String,
    /// What `COMMENT ON TABLE` says.
    pub comment: Option<String>,
    /// Its columns, in their order.
    pub columns: Vec<Column>,
    /// The columns of its primary key, in the key's order.
    pub primary_key: Vec<String>,
    /// Its foreign keys inside the schema.
    pub references: Vec<Reference>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// PostgreSQL's name of its type (`pg_type.typname`); an array's begins with `_`.
    pub sql_type: String,
    /// Whether it may be null.
    pub nullable: bool,
    /// What `COMMENT ON COLUMN` says.
    pub comment: Option<String>,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Reference {
    /// The table it leads to.
    pub table: String,
    /// The referencing columns.
    pub columns: Vec<String>,
    /// The referenced columns.
    pub to: Vec<String>,
}

/// Why a table cannot be declared to diesel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TablesError {
    /// A column has a type that has no counterpart.
    #[error(
        "the column {column} has PostgreSQL's type {sql_type}, for which no type of diesel is known; add it to TYPES in codegen/src/tables.rs, or keep such columns out of the domain"
    )]
    UnknownType {
        /// `schema.table.column`.
        column: String,
        /// PostgreSQL's name of the type.
        sql_type: String,
    },
    /// diesel finds rows by their primary key.
    #[error("the table {0} has no primary key")]
    NoPrimaryKey(String),
}

/// PostgreSQL's types and diesel's, in `diesel::sql_types`.
const TYPES: &[(&str, &str)] = &[
    ("bool", "Bool"),
    ("bpchar", "Bpchar"),
    ("bytea", "Bytea"),
    ("char", "CChar"),
    ("cidr", "Cidr"),
    ("citext", "Citext"),
    ("date", "Date"),
    ("datemultirange", "Datemultirange"),
    ("daterange", "Daterange"),
    ("float4", "Float4"),
    ("float8", "Float8"),
    ("inet", "Inet"),
    ("int2", "Int2"),
    ("int4", "Int4"),
    ("int4multirange", "Int4multirange"),
    ("int4range", "Int4range"),
    ("int8", "Int8"),
    ("int8multirange", "Int8multirange"),
    ("int8range", "Int8range"),
    ("interval", "Interval"),
    ("json", "Json"),
    ("jsonb", "Jsonb"),
    ("macaddr", "Macaddr"),
    ("macaddr8", "Macaddr8"),
    ("money", "Money"),
    ("numeric", "Numeric"),
    ("nummultirange", "Nummultirange"),
    ("numrange", "Numrange"),
    ("oid", "Oid"),
    ("pg_lsn", "PgLsn"),
    ("text", "Text"),
    ("time", "Time"),
    ("timestamp", "Timestamp"),
    ("timestamptz", "Timestamptz"),
    ("tsmultirange", "Tsmultirange"),
    ("tsrange", "Tsrange"),
    ("tstzmultirange", "Tstzmultirange"),
    ("tstzrange", "Tstzrange"),
    ("uuid", "Uuid"),
    ("varchar", "Varchar"),
];

/// Names that neither a module nor a constant can have, or that `diesel::table!` uses itself.
const RESERVED: &[&str] = &[
    "Self",
    "abstract",
    "all_columns",
    "as",
    "async",
    "await",
    "become",
    "bool",
    "box",
    "break",
    "columns",
    "const",
    "continue",
    "crate",
    "do",
    "dsl",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "is",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "pub",
    "ref",
    "return",
    "self",
    "sql_type",
    "star",
    "static",
    "struct",
    "super",
    "table",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

/// How a table's declaration begins.
pub(crate) const TABLE: &str = "diesel::table! {";
const TOGETHER: &str = "diesel::allow_tables_to_appear_in_same_query! {";

/// The expression with which PostgreSQL describes the tables of `schema`: JSON that reads as
/// [`Vec<Table>`], as a text.
pub fn catalogue(schema: &str) -> String {
    let literal = format!("'{}'", schema.replace('\'', "''"));
    include_str!("tables/catalogue.sql").replace(":schema", &literal)
}

/// The file for diesel: the tables of the PostgreSQL schema `schema`, how they are joined, and that
/// they may be used together.
///
/// # Errors
/// If a table cannot be declared.
pub fn tables_rs(schema: &str, tables: &[Table]) -> Result<String, TablesError> {
    let mut tables: Vec<&Table> = tables.iter().collect();
    tables.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    let mut text = format!(
        "//! The tables of the PostgreSQL schema `{schema}`.\n\
         //!\n\
         //! Written by `make generate` from the migrations; do not edit.\n"
    );
    for table in &tables {
        let _ = write!(text, "\n{}", declared(schema, table)?);
    }
    let joins = joins(&tables);
    if !joins.is_empty() {
        let _ = write!(text, "\n{}", joins.concat());
    }
    let names: Vec<_> = tables.iter().map(|table| ident(&table.name)).collect();
    text.push_str(&together(&names));
    Ok(text)
}

/// A file of [`tables_rs`] with one more table that no foreign key leads to or from; `None` if the file
/// is of another form.
pub(crate) fn with_table(text: &str, table: &str) -> Option<String> {
    let mut paragraphs = text.trim_end().split("\n\n");
    let mut all = paragraphs.next()?.to_owned();
    let mut tables = vec![table.trim_end()];
    let mut others = Vec::new();
    for paragraph in paragraphs {
        if paragraph.starts_with(TABLE) {
            tables.push(paragraph);
        } else if !paragraph.starts_with(TOGETHER) {
            others.push(paragraph);
        }
    }
    let mut named = tables
        .into_iter()
        .map(|table| {
            let head = table.lines().find(|line| line.ends_with(") {"))?;
            let (name, _) = head.trim().split_once(" (")?;
            Some((name.rsplit('.').next()?.to_owned(), table))
        })
        .collect::<Option<Vec<_>>>()?;
    named.sort_unstable();
    let (names, tables): (Vec<_>, Vec<_>) = named.into_iter().unzip();
    for paragraph in tables.into_iter().chain(others) {
        all = all + "\n\n" + paragraph;
    }
    Some(all + "\n" + &together(&names))
}

/// `diesel::table!` for one table.
fn declared(schema: &str, table: &Table) -> Result<String, TablesError> {
    let whole = format!("{schema}.{}", table.name);
    if table.primary_key.is_empty() {
        return Err(TablesError::NoPrimaryKey(whole));
    }
    let name = ident(&table.name);
    let column = |column: &str| column_ident(column, &name);
    let key: Vec<_> = table.primary_key.iter().map(|name| column(name)).collect();
    let mut text = format!("{TABLE}\n{}", documented(table.comment.as_deref(), 4));
    if name != table.name {
        let _ = writeln!(text, "    #[sql_name = \"{}\"]", table.name);
    }
    let _ = writeln!(text, "    {schema}.{name} ({}) {{", key.join(", "));
    for each in &table.columns {
        let sql_type = diesel_type(&each.sql_type).ok_or_else(|| TablesError::UnknownType {
            column: format!("{whole}.{}", each.name),
            sql_type: each.sql_type.clone(),
        })?;
        let sql_type = match each.nullable {
            true => format!("Nullable<{sql_type}>"),
            false => sql_type,
        };
        let ident = column(&each.name);
        text.push_str(&documented(each.comment.as_deref(), 8));
        if ident != each.name {
            let _ = writeln!(text, "        #[sql_name = \"{}\"]", each.name);
        }
        let _ = writeln!(text, "        {ident} -> {sql_type},");
    }
    text.push_str("    }\n}\n");
    Ok(text)
}

/// The foreign keys that tell on their own how two tables are joined: of one column, to the primary
/// key, and no other between the same two.
fn joins(tables: &[&Table]) -> Vec<String> {
    let between = |one: &str, other: &str| {
        let count = |from: &str, to: &str| {
            let from = tables.iter().filter(|table| table.name == from);
            from.flat_map(|table| &table.references)
                .filter(|reference| reference.table == to)
                .count()
        };
        count(one, other) + count(other, one)
    };
    let mut joins = Vec::new();
    for table in tables {
        for reference in &table.references {
            let key = tables
                .iter()
                .find(|other| other.name == reference.table)
                .map(|other| &other.primary_key);
            let [column] = &reference.columns[..] else {
                continue;
            };
            if reference.table != table.name
                && key == Some(&reference.to)
                && between(&table.name, &reference.table) == 1
            {
                let (from, to) = (ident(&table.name), ident(&reference.table));
                let column = column_ident(column, &from);
                joins.push(format!("diesel::joinable!({from} -> {to} ({column}));\n"));
            }
        }
    }
    joins.sort_unstable();
    joins
}

/// That these tables may be used together, for a file that has more than one.
fn together(names: &[String]) -> String {
    if names.len() < 2 {
        return String::new();
    }
    format!("\n{TOGETHER}\n    {},\n}}\n", names.join(",\n    "))
}

/// diesel's type for one of PostgreSQL's. Arrays hold no null: a domain that lets them in loses them here.
fn diesel_type(sql_type: &str) -> Option<String> {
    let named = |name: &str| {
        let (_, diesel) = TYPES.iter().find(|(sql, _)| *sql == name)?;
        Some((*diesel).to_owned())
    };
    match sql_type.strip_prefix('_') {
        Some(element) => Some(format!("Array<{}>", named(element)?)),
        None => named(sql_type),
    }
}

/// A table's name in Rust.
fn ident(name: &str) -> String {
    let usable = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut ident: String = name
        .chars()
        .map(|letter| if usable(letter) { letter } else { '_' })
        .collect();
    if ident.starts_with(|letter: char| letter.is_ascii_digit()) {
        ident.insert(0, '_');
    }
    if RESERVED.contains(&&*ident) {
        ident.push('_');
    }
    ident
}

/// A column's name in Rust, which must not be its table's.
fn column_ident(name: &str, table: &str) -> String {
    let mut ident = ident(name);
    if ident == table {
        ident.push('_');
    }
    ident
}

fn documented(comment: Option<&str>, indent: usize) -> String {
    let lines = comment.into_iter().flat_map(str::lines);
    lines.fold(String::new(), |mut text, line| {
        let comment = format!("{:indent$}/// {line}", "");
        let _ = writeln!(text, "{}", comment.trim_end());
        text
    })
}

#[cfg(test)]
mod tests;
