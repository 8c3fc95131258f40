//! Listing objects: by prefix, folded at a delimiter, a page at a time.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::bucket::Listed;

/// The most entries of one page, as in S3.
pub(super) const MAX_KEYS: usize = 1000;

/// What to list.
#[derive(Debug, Default)]
pub(super) struct Query {
    pub(super) prefix: String,
    pub(super) delimiter: Option<String>,
    /// Only keys behind this one; a folded prefix here skips everything under it.
    pub(super) after: Option<String>,
    pub(super) limit: usize,
}

/// One page.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) objects: Vec<(String, Listed)>,
    pub(super) prefixes: Vec<String>,
    /// Where the next page begins, when there is one.
    pub(super) next: Option<String>,
}

impl Query {
    /// The page out of all objects in key order. Folded groups are skipped whole, so a page costs
    /// as many steps as it has entries.
    pub(super) fn page(&self, objects: &BTreeMap<String, Listed>) -> Page {
        let mut page = Page::default();
        let mut from = match &self.after {
            Some(after) if self.folded(after).as_deref() == Some(after) => skip_prefix(after),
            Some(after) if *after >= self.prefix => Bound::Excluded(after.clone()),
            _ => Bound::Included(self.prefix.clone()),
        };
        let mut last = None;
        loop {
            let next = objects.range((from, Bound::Unbounded)).next();
            let Some((key, listed)) = next.filter(|(key, _)| key.starts_with(&self.prefix)) else {
                return page;
            };
            if page.objects.len() + page.prefixes.len() >= self.limit {
                page.next = last;
                return page;
            }
            if let Some(group) = self.folded(key) {
                from = skip_prefix(&group);
                last = Some(group.clone());
                page.prefixes.push(group);
            } else {
                from = Bound::Excluded(key.clone());
                last = Some(key.clone());
                page.objects.push((key.clone(), listed.clone()));
            }
        }
    }

    /// The common prefix that `key` disappears into, if any.
    fn folded(&self, key: &str) -> Option<String> {
        let delimiter = self
            .delimiter
            .as_deref()
            .filter(|delimiter| !delimiter.is_empty())?;
        let rest = key.strip_prefix(&self.prefix)?;
        let (head, _) = rest.split_once(delimiter)?;
        Some(format!("{}{head}{delimiter}", self.prefix))
    }
}

/// The first position behind every key that begins with `prefix`.
fn skip_prefix(prefix: &str) -> Bound<String> {
    let mut next = prefix.to_owned();
    while let Some(last) = next.pop() {
        let successor = ((last as u32 + 1)..=(char::MAX as u32)).find_map(char::from_u32);
        if let Some(successor) = successor {
            next.push(successor);
            return Bound::Included(next);
        }
    }
    Bound::Unbounded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(keys: &[&str]) -> BTreeMap<String, Listed> {
        let listed = Listed {
            size: 1,
            etag: String::new(),
            modified_ms: 0,
        };
        keys.iter()
            .map(|key| ((*key).to_owned(), listed.clone()))
            .collect()
    }

    fn all_pages(query: &Query, objects: &BTreeMap<String, Listed>) -> Vec<String> {
        let mut seen = Vec::new();
        let mut after = query.after.clone();
        loop {
            let query = Query {
                prefix: query.prefix.clone(),
                delimiter: query.delimiter.clone(),
                after: after.clone(),
                limit: query.limit,
            };
            let page = query.page(objects);
            assert!(page.objects.len() + page.prefixes.len() <= query.limit);
            seen.extend(page.prefixes);
            seen.extend(page.objects.into_iter().map(|(key, _)| key));
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        seen.sort();
        seen
    }

    const KEYS: &[&str] = &[
        "a", "a/b", "a/c/d", "ab", "b/1", "b/2", "b/3", "c", "图/一", "图/二",
    ];

    #[test]
    fn pages_of_any_size_cover_every_key_once() {
        let objects = objects(KEYS);
        for limit in 1..=KEYS.len() {
            assert_eq!(
                all_pages(
                    &Query {
                        limit,
                        ..Query::default()
                    },
                    &objects
                ),
                KEYS
            );
        }
    }

    #[test]
    fn a_delimiter_folds_groups_and_pages_never_repeat_them() {
        let objects = objects(KEYS);
        for limit in 1..=KEYS.len() {
            let query = Query {
                delimiter: Some("/".to_owned()),
                limit,
                ..Query::default()
            };
            assert_eq!(
                all_pages(&query, &objects),
                ["a", "a/", "ab", "b/", "c", "图/"]
            );
        }
    }

    #[test]
    fn a_prefix_selects_and_is_not_folded_itself() {
        let query = Query {
            prefix: "a/".to_owned(),
            delimiter: Some("/".to_owned()),
            limit: 10,
            ..Query::default()
        };
        assert_eq!(all_pages(&query, &objects(KEYS)), ["a/b", "a/c/"]);
    }

    #[test]
    fn a_full_last_page_has_no_next() {
        let page = Query {
            limit: KEYS.len(),
            ..Query::default()
        }
        .page(&objects(KEYS));
        assert_eq!((page.objects.len(), page.next), (KEYS.len(), None));
    }
}
