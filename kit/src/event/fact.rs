//! Facts as types: what has happened in a domain, and whom it concerns.

use serde_json::Value;

use super::Event;
use crate::id::{Entity, Id};

/// Something that has happened in a domain, for other domains and for subscribers: a type for one
/// topic, or an enum of facts whose order matters. Declared with [`facts!`](crate::facts).
pub trait Fact: Sized + Send + Sync + 'static {
    /// The domain that emits it; `None` if any domain may.
    const DOMAIN: Option<&'static str>;
    /// The possible topics, such as `asset.created`.
    const TOPICS: &'static [&'static str];

    /// Returns the topic, one of [`Fact::TOPICS`].
    fn topic(&self) -> &'static str;

    /// Returns the wire id of the entity that the fact is about.
    fn key(&self) -> String;

    /// Returns the wire ids of all others whom the fact concerns, such as the owner of the entity.
    /// Only subscribers who follow the key or one of these ids are woken.
    fn concerns(&self) -> Vec<String> {
        Vec::new()
    }

    /// Returns the details.
    ///
    /// # Errors
    /// If they cannot be written as JSON.
    fn payload(&self) -> serde_json::Result<Value>;

    /// Reads the details of an event with one of [`Fact::TOPICS`].
    ///
    /// # Errors
    /// If the details have another shape.
    fn read(topic: &str, payload: &Value) -> serde_json::Result<Self>;
}

/// A fact with the event that carried it.
#[derive(Debug, Clone)]
pub struct Told<F> {
    /// The fact.
    pub fact: F,
    /// Unique for all time.
    pub event_id: uuid::Uuid,
    /// The domain that emitted it.
    pub domain: String,
    /// W3C trace context of the cause.
    pub trace: Option<String>,
    /// When it happened.
    pub occurred_at: chrono::DateTime<chrono::Utc>,
}

impl<F: Fact> Told<F> {
    /// Reads the fact in an event; `None` if it is of another type.
    ///
    /// # Errors
    /// If the details have another shape.
    pub fn of(event: &Event) -> serde_json::Result<Option<Self>> {
        let other_domain = F::DOMAIN.is_some_and(|domain| domain != event.domain);
        if other_domain || !F::TOPICS.contains(&event.topic.as_str()) {
            return Ok(None);
        }
        Ok(Some(Self {
            fact: F::read(&event.topic, &event.payload)?,
            event_id: event.id,
            domain: event.domain.clone(),
            trace: event.trace.clone(),
            occurred_at: event.occurred_at,
        }))
    }
}

/// A field of a fact that holds ids of those whom the fact concerns.
pub trait Concern {
    /// Adds the wire ids.
    fn name(&self, ids: &mut Vec<String>);
}

impl<E: Entity> Concern for Id<E> {
    fn name(&self, ids: &mut Vec<String>) {
        ids.push(self.to_string());
    }
}

impl<C: Concern> Concern for Option<C> {
    fn name(&self, ids: &mut Vec<String>) {
        self.iter().for_each(|one| one.name(ids));
    }
}

impl<C: Concern> Concern for Vec<C> {
    fn name(&self, ids: &mut Vec<String>) {
        self.iter().for_each(|one| one.name(ids));
    }
}

/// Declares the facts about one kind of entity: a type for each, and an enum of all of them.
///
/// The fields between `by { … }` belong to every fact: the first is the key, the others say whom
/// the fact concerns.
///
/// ```
/// use atelier_kit::{entity, facts, id::{Id, User}};
///
/// entity!(pub Lamp, "lmp");
///
/// facts! {
///     /// The facts about lamps.
///     pub enum LampFact in "lighting" by {
///         /// The lamp.
///         lamp: Id<Lamp>,
///         /// Whose it is.
///         owner: Option<Id<User>>,
///     } {
///         /// A lamp was lit.
///         LampLit = "lamp.lit" {
///             /// How bright it is, in lumens.
///             lumens: u32,
///         },
///         /// A lamp was put out.
///         LampPutOut = "lamp.put_out" {},
///     }
/// }
/// ```
#[macro_export]
macro_rules! facts {
    ($(#[$doc:meta])* $vis:vis enum $all:ident in $domain:literal by $head:tt {
        $($(#[$fact_doc:meta])* $name:ident = $topic:literal $fields:tt,)+
    }) => {
        $(
            $crate::facts!(@fact $domain $head $(#[$fact_doc])* $vis $name = $topic $fields);

            impl From<$name> for $all {
                fn from(fact: $name) -> Self {
                    Self::$name(fact)
                }
            }
        )+

        $crate::facts!(@key $all $head [$($name)+]);

        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        $vis enum $all {
            $($(#[$fact_doc])* $name($name),)+
        }

        impl $crate::event::Fact for $all {
            const DOMAIN: Option<&'static str> = Some($domain);
            const TOPICS: &'static [&'static str] = &[$($topic),+];

            fn topic(&self) -> &'static str {
                match self { $(Self::$name(fact) => fact.topic(),)+ }
            }

            fn key(&self) -> String {
                match self { $(Self::$name(fact) => fact.key(),)+ }
            }

            fn concerns(&self) -> Vec<String> {
                match self { $(Self::$name(fact) => fact.concerns(),)+ }
            }

            fn payload(&self) -> ::serde_json::Result<::serde_json::Value> {
                match self { $(Self::$name(fact) => fact.payload(),)+ }
            }

            fn read(topic: &str, payload: &::serde_json::Value) -> ::serde_json::Result<Self> {
                match topic {
                    $($topic => <$name as $crate::event::Fact>::read(topic, payload).map(Self::$name),)+
                    other => Err(::serde::de::Error::custom(format_args!("no topic of {}: {other}", $domain))),
                }
            }
        }
    };

    (@key $all:ident
        { $(#[$key_doc:meta])* $key:ident: $key_ty:ty $(, $(#[$concern_doc:meta])* $concern:ident: $concern_ty:ty)* $(,)? }
        $names:tt
    ) => {
        $crate::facts!(@read $all $names $(#[$key_doc])* $key: $key_ty, |it| *it);
        $($crate::facts!(@read $all $names $(#[$concern_doc])* $concern: &$concern_ty, |it| it);)*
    };

    (@read $all:ident [$($name:ident)+] $(#[$doc:meta])* $field:ident: $ty:ty, |$it:ident| $read:expr) => {
        impl $all {
            $(#[$doc])*
            pub const fn $field(&self) -> $ty {
                let $it = match self { $(Self::$name(fact) => &fact.$field,)+ };
                $read
            }
        }
    };

    (@fact $domain:literal
        { $(#[$key_doc:meta])* $key:ident: $key_ty:ty $(, $(#[$concern_doc:meta])* $concern:ident: $concern_ty:ty)* $(,)? }
        $(#[$doc:meta])* $vis:vis $name:ident = $topic:literal
        { $($(#[$field_doc:meta])* $field:ident: $ty:ty),* $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
        $vis struct $name {
            $(#[$key_doc])*
            pub $key: $key_ty,
            $($(#[$concern_doc])* pub $concern: $concern_ty,)*
            $($(#[$field_doc])* pub $field: $ty,)*
        }

        impl $crate::event::Fact for $name {
            const DOMAIN: Option<&'static str> = Some($domain);
            const TOPICS: &'static [&'static str] = &[$topic];

            fn topic(&self) -> &'static str {
                $topic
            }

            fn key(&self) -> String {
                self.$key.to_string()
            }

            fn concerns(&self) -> Vec<String> {
                #[allow(unused_mut, reason = "not every fact concerns somebody else")]
                let mut ids = Vec::new();
                $($crate::event::Concern::name(&self.$concern, &mut ids);)*
                ids
            }

            fn payload(&self) -> ::serde_json::Result<::serde_json::Value> {
                ::serde_json::to_value(self)
            }

            fn read(_: &str, payload: &::serde_json::Value) -> ::serde_json::Result<Self> {
                <Self as ::serde::Deserialize>::deserialize(payload)
            }
        }
    };
}
