//! Enums that are the same in the database, in facts and in the schema.

/// Declares enums whose values have the same names in PostgreSQL (as text), in facts and in the
/// schema.
///
/// ```
/// atelier_kit::text_enum! {
///     /// How a lamp is mounted.
///     pub enum Mount {
///         /// It hangs from the ceiling.
///         Ceiling = "CEILING",
///         /// It stands on the floor.
///         Floor = "FLOOR",
///     }
/// }
/// assert_eq!(Mount::Floor.as_str(), "FLOOR");
/// ```
#[macro_export]
macro_rules! text_enum {
    ($($(#[$meta:meta])* $vis:vis enum $enum:ident {
        $($(#[$doc:meta])* $variant:ident = $text:literal,)+
    })+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord,
            ::serde::Serialize, ::serde::Deserialize,
            ::diesel::deserialize::FromSqlRow, ::diesel::expression::AsExpression,
            ::async_graphql::Enum)]
        #[diesel(sql_type = ::diesel::sql_types::Text)]
        $vis enum $enum {
            $($(#[$doc])* #[serde(rename = $text)] #[graphql(name = $text)] $variant,)+
        }

        impl $enum {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the name in PostgreSQL, in facts and in the schema.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl ::std::fmt::Display for $enum {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl ::diesel::serialize::ToSql<::diesel::sql_types::Text, ::diesel::pg::Pg> for $enum {
            fn to_sql<'b>(
                &'b self,
                out: &mut ::diesel::serialize::Output<'b, '_, ::diesel::pg::Pg>,
            ) -> ::diesel::serialize::Result {
                <str as ::diesel::serialize::ToSql<::diesel::sql_types::Text, ::diesel::pg::Pg>>::to_sql(self.as_str(), out)
            }
        }

        impl ::diesel::deserialize::FromSql<::diesel::sql_types::Text, ::diesel::pg::Pg> for $enum {
            fn from_sql(bytes: ::diesel::pg::PgValue<'_>) -> ::diesel::deserialize::Result<Self> {
                let text = <String as ::diesel::deserialize::FromSql<::diesel::sql_types::Text, ::diesel::pg::Pg>>::from_sql(bytes)?;
                match text.as_str() {
                    $($text => Ok(Self::$variant),)+
                    other => Err(format!(concat!("not a ", stringify!($enum), ": {}"), other).into()),
                }
            }
        }
    )+};
}
