//! The names of a domain and an entity, in every form, and how they take the place of the example's.

/// Names that would clash with parts of the house.
const TAKEN: [&str; 14] = [
    "api",
    "codegen",
    "composition",
    "contracts",
    "kit",
    "lighting",
    "local",
    "macros",
    "node",
    "objects",
    "public",
    "router",
    "stub",
    "supergraph",
];

/// A name that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnusableName {
    /// The domain's.
    #[error("{0:?} cannot be a domain's name: it has 3 to 30 lowercase letters, and is none of {taken}", taken = TAKEN.join(", "))]
    Domain(String),
    /// The entity's.
    #[error("{0:?} cannot be an entity's name: it has 3 to 40 letters in the form `SpaceMember`")]
    Entity(String),
}

/// A domain's and an entity's names.
#[derive(Debug, Clone)]
pub struct Names {
    /// `gallery`
    pub domain: String,
    /// `Gallery`
    pub domain_type: String,
    /// `SpaceMember`
    pub entity: String,
    /// `space_member`
    pub snake: String,
    /// `spm`: how ids begin.
    pub prefix: String,
    /// When the migration was written: `20261128093000`.
    pub now: String,
}

impl Names {
    /// Checks the names.
    ///
    /// # Errors
    /// See [`UnusableName`].
    pub fn new(domain: &str, entity: &str, now: &str) -> Result<Self, UnusableName> {
        let domain_fits = (3..=30).contains(&domain.len())
            && domain.bytes().all(|byte| byte.is_ascii_lowercase());
        if !domain_fits || TAKEN.contains(&domain) {
            return Err(UnusableName::Domain(domain.to_owned()));
        }
        let bytes = entity.as_bytes();
        let entity_fits = (3..=40).contains(&bytes.len())
            && bytes.iter().all(u8::is_ascii_alphabetic)
            && bytes[0].is_ascii_uppercase()
            && !bytes
                .windows(2)
                .any(|two| two.iter().all(u8::is_ascii_uppercase));
        if !entity_fits {
            return Err(UnusableName::Entity(entity.to_owned()));
        }
        let snake = snake(entity);
        Ok(Self {
            domain: domain.to_owned(),
            domain_type: capitalised(domain),
            entity: entity.to_owned(),
            prefix: prefix(&snake),
            snake,
            now: now.to_owned(),
        })
    }

    /// `SpaceMembers`
    pub fn entities(&self) -> String {
        plural(&self.entity)
    }

    /// Where a file of the example goes.
    pub(super) fn path(&self, example: &str) -> String {
        example
            .replace("20260101000001", &self.now)
            .replace("lighting", &self.domain)
            .replace("lamp", &self.snake)
    }

    /// What a file of the example becomes.
    pub(super) fn fill(&self, path: &str, example: &str) -> String {
        let in_tests = path.contains("/tests/");
        let in_schema = path.contains("/graphql/");
        let lines = example.lines().map(|line| {
            let comment = ["//", "--"]
                .iter()
                .any(|mark| line.trim_start().starts_with(mark));
            if comment {
                return self.replace(line, Form::Words) + "\n";
            }
            let mut filled = String::new();
            for (index, part) in line.split('"').enumerate() {
                if index > 0 {
                    filled.push('"');
                }
                let form = match (index % 2 == 1, in_tests, in_schema) {
                    (true, true, _) => Form::Camel,
                    (true, false, true) => Form::Words,
                    _ => Form::Snake,
                };
                filled += &self.replace(part, form);
            }
            filled + "\n"
        });
        // Only the example needs its feature.
        let filled: String = lines.collect();
        filled.replace(
            "{ workspace = true, features = [\"example\"] }",
            "{ workspace = true }",
        )
    }

    fn replace(&self, text: &str, form: Form) -> String {
        let (one, many) = (form.of(&self.snake), form.of(&plural(&self.snake)));
        let camel = Form::Camel.of(&self.snake);
        let mut text = text.to_owned();
        if form == Form::Words && "aeiou".contains(&one[..1]) {
            text = text
                .replace("a lamp", "an lamp")
                .replace("A lamp", "An lamp");
        }
        for next in 'A'..='Z' {
            // The names of mutations and fields, wherever they stand: `lampCreate`.
            text = text.replace(&format!("lamp{next}"), &format!("{camel}{next}"));
        }
        text.replace("lamps", &many)
            .replace("lamp", &one)
            .replace("Lamps", &plural(&self.entity))
            .replace("Lamp", &self.entity)
            .replace("lmp", &self.prefix)
            .replace("lighting", &self.domain)
            .replace("Lighting", &self.domain_type)
    }
}

/// In which form a name takes the place of the example's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `space_member`, in code.
    Snake,
    /// `spaceMember`, in operations.
    Camel,
    /// `space member`, in sentences.
    Words,
}

impl Form {
    fn of(self, snake: &str) -> String {
        match self {
            Self::Snake => snake.to_owned(),
            Self::Words => snake.replace('_', " "),
            Self::Camel => {
                let mut words = snake.split('_');
                let first = words.next().unwrap_or_default().to_owned();
                words.fold(first, |name, word| name + &capitalised(word))
            }
        }
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
        .unwrap_or_default()
}

fn snake(entity: &str) -> String {
    let mut name = String::new();
    for letter in entity.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

fn plural(name: &str) -> String {
    let before_last = name.chars().rev().nth(1).unwrap_or('a');
    match name.chars().last() {
        Some('y') if !"aeiou".contains(before_last) => format!("{}ies", &name[..name.len() - 1]),
        Some('s' | 'x' | 'z') => format!("{name}es"),
        Some('h') if "cs".contains(before_last) => format!("{name}es"),
        _ => format!("{name}s"),
    }
}

/// Three letters that name the entity: its first and the consonants behind it, as far as they go.
fn prefix(snake: &str) -> String {
    let letters: Vec<char> = snake.chars().filter(char::is_ascii_alphabetic).collect();
    let starts = snake.split('_').filter_map(|word| word.chars().next());
    let consonants = letters[1..]
        .iter()
        .copied()
        .filter(|letter| !"aeiou".contains(*letter));
    let mut chosen: Vec<char> = vec![letters[0]];
    if snake.contains('_') {
        chosen = starts.collect();
    }
    for letter in consonants.chain(letters[1..].iter().copied()) {
        if chosen.len() >= 3 {
            break;
        }
        if chosen.last() != Some(&letter) {
            chosen.push(letter);
        }
    }
    chosen.truncate(3);
    chosen.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_every_form() {
        let names = Names::new("gallery", "SpaceMember", "20261128093000").unwrap();
        assert_eq!(names.snake, "space_member");
        assert_eq!(names.entities(), "SpaceMembers");
        assert_eq!(names.domain_type, "Gallery");
        assert_eq!(names.prefix.len(), 3);
        let plurals = [
            ("story", "stories"),
            ("box", "boxes"),
            ("day", "days"),
            ("sketch", "sketches"),
        ];
        for (one, many) in plurals {
            assert_eq!(plural(one), many);
        }
    }

    #[test]
    fn sentences_code_and_operations_get_the_form_that_they_need() {
        let names = Names::new("gallery", "AlbumEntry", "20261128093000").unwrap();
        let filled = |path: &str, line: &str| names.fill(path, line);
        for (path, line, expected) in [
            (
                "src/app/x.rs",
                "/// Creates a lamp; see `lampCreate`.\n",
                "/// Creates an album entry; see `albumEntryCreate`.\n",
            ),
            (
                "src/app/x.rs",
                "lamp::insert(tx, LIST_OF_LAMPS)\n",
                "album_entry::insert(tx, LIST_OF_LAMPS)\n",
            ),
            (
                "src/graphql/lamp.rs",
                "#[graphql(desc = \"The lamp's id.\")]\n",
                "#[graphql(desc = \"The album entry's id.\")]\n",
            ),
            (
                "subgraphs/lighting/tests/api/lamp.rs",
                "{ lamp(id: $id) }\n",
                "{ album_entry(id: $id) }\n",
            ),
            (
                "subgraphs/lighting/tests/api/lamp.rs",
                "ask(\"{ lamp(id: 1) }\")\n",
                "ask(\"{ albumEntry(id: 1) }\")\n",
            ),
            (
                "contracts/lighting.rs",
                "LampCreated = \"lamp.created\" {},\n",
                "AlbumEntryCreated = \"album_entry.created\" {},\n",
            ),
        ] {
            assert_eq!(filled(path, line), expected);
        }
    }

    #[test]
    fn names_that_cannot_be_used_are_refused() {
        for domain in [
            "",
            "ab",
            "Gallery",
            "my-gallery",
            "../up",
            "kit",
            "gallery2",
        ] {
            assert!(
                matches!(
                    Names::new(domain, "Space", ""),
                    Err(UnusableName::Domain(_))
                ),
                "{domain}"
            );
        }
        for entity in [
            "",
            "Ab",
            "space",
            "Space_Member",
            "HTTPThing",
            "Spa ce",
            "Spüce",
        ] {
            assert!(
                matches!(
                    Names::new("gallery", entity, ""),
                    Err(UnusableName::Entity(_))
                ),
                "{entity}"
            );
        }
    }
}
