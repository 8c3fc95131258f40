//! `docs/ERRORS.md`: every error code that clients may meet.

use std::fmt::Write;

/// Error codes in the order in which they are listed.
pub type CodeSpecs = Vec<CodeSpec>;

/// One error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeSpec {
    /// Whose it is; codes with the same domain share a table.
    pub domain: &'static str,
    /// Stable name: what clients match on.
    pub name: &'static str,
    /// Five-digit number.
    pub numeric: i32,
    /// Status (RFC 9110) where the failure concerns a whole HTTP request.
    pub http_status: u16,
    /// English message with `{parameters}`.
    pub en: &'static str,
    /// Simplified Chinese message.
    pub zh_cn: &'static str,
}

const HEAD: &str = "\
# Errors

Written by `make generate`; do not edit.

Expected failures of a mutation come in its payload as `userErrors`, each with `code`, `numericCode`, \
`message` and the `path` of the input it is about. Everything else comes in the response's `errors`, with \
`extensions.code`, `extensions.numericCode` and `extensions.requestId`. Match on the code or the number: \
they never change. Messages are for people, in the language of `Accept-Language`, and may be reworded.

Errors of the router itself have a `code` and no number: docs/ROUTER.md lists them. An object that is \
referred to and does not exist is null where the schema allows it, without an error; where it must not be \
null the error is `ENTITY_NOT_FOUND`, with the object's `type` and the `service` that does not have it.
";

/// The page, with a table for each domain.
pub fn error_reference(codes: &[CodeSpec]) -> String {
    let mut page = HEAD.to_owned();
    let mut domains: Vec<&str> = Vec::new();
    for code in codes {
        if !domains.contains(&code.domain) {
            domains.push(code.domain);
        }
    }
    for domain in domains {
        let _ = write!(
            page,
            "\n## {domain}\n\n| code | number | HTTP | English | 中文 |\n|---|---|---|---|---|\n"
        );
        for code in codes.iter().filter(|code| code.domain == domain) {
            let _ = writeln!(
                page,
                "| `{}` | {} | {} | {} | {} |",
                code.name,
                code.numeric,
                code.http_status,
                cell(code.en),
                cell(code.zh_cn)
            );
        }
    }
    page
}

/// Text that cannot end a table's cell or row.
fn cell(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('|', "\\|")
        .replace(['\r', '\n'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(domain: &'static str, name: &'static str, en: &'static str) -> CodeSpec {
        CodeSpec {
            domain,
            name,
            numeric: 10003,
            http_status: 404,
            en,
            zh_cn: "资源不存在。",
        }
    }

    #[test]
    fn each_domain_is_a_table_in_the_order_of_the_codes() {
        let page = error_reference(&[
            code("shop", "B", "b"),
            code("chat", "C", "c"),
            code("shop", "A", "a"),
        ]);
        let tables: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with("## ") || line.starts_with("| `"))
            .collect();
        assert_eq!(
            tables,
            [
                "## shop",
                "| `B` | 10003 | 404 | b | 资源不存在。 |",
                "| `A` | 10003 | 404 | a | 资源不存在。 |",
                "## chat",
                "| `C` | 10003 | 404 | c | 资源不存在。 |",
            ]
        );
    }

    #[test]
    fn a_message_cannot_break_the_table() {
        assert!(error_reference(&[code("t", "A", "a | b\nc")]).contains("| a \\| b c |"));
    }
}
