//! From text to a document that is safe to plan: limits, syntax, limits on the
//! tree, validation. Runs once per distinct text.

use graphql_tools::static_graphql::query;

use super::{Document, limits, validate};
use crate::config::Limits;
use crate::error::{GraphqlError, Location, code};
use crate::schema::Schema;

/// Parses and validates `text`.
///
/// # Errors
/// The errors a client gets, never empty.
pub(crate) fn parse(
    text: &str,
    schema: &Schema,
    limits: &Limits,
) -> Result<Document, Vec<GraphqlError>> {
    limits::check_text(text, limits).map_err(|error| vec![error])?;
    let ast = syntax(text)?;
    limits::check_document(&ast, limits).map_err(|error| vec![error])?;
    validate::validate(&ast, schema, limits)?;
    Ok(Document::new(text, ast, schema))
}

fn syntax(text: &str) -> Result<query::Document, Vec<GraphqlError>> {
    let parsed = std::panic::catch_unwind(|| graphql_tools::parser::parse_query::<String>(text));
    match parsed {
        Ok(Ok(document)) if document.definitions.is_empty() => Err(vec![
            GraphqlError::new("Syntax error: the document is empty.")
                .with_code(code::GRAPHQL_PARSE_FAILED),
        ]),
        Ok(Ok(document)) => Ok(document.into_static()),
        Ok(Err(error)) => {
            let position = error.0.position;
            let mut graphql =
                GraphqlError::new(format!("Syntax error: {}", one_line(&error.to_string())))
                    .with_code(code::GRAPHQL_PARSE_FAILED);
            graphql.locations.push(Location {
                line: position.line,
                column: position.column,
            });
            Err(vec![graphql])
        }
        Err(_) => Err(vec![
            GraphqlError::new("Syntax error.").with_code(code::GRAPHQL_PARSE_FAILED),
        ]),
    }
}

/// The parser's report is a block of lines; clients get one.
fn one_line(report: &str) -> String {
    let mut lines: Vec<&str> = report
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    if lines
        .first()
        .is_some_and(|line| line.contains("arse error at"))
    {
        lines.remove(0);
    }
    let text: String = lines.join("; ");
    text.chars().take(300).collect()
}
