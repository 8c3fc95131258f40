//! Slot layouts: for each place in the merged answer, which response keys an
//! object there can have. Places that share entities share a layout, so that
//! one scanned entity fits them all.

/// A place in the merged answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LayoutId(usize);

#[derive(Debug, Default)]
struct Node {
    /// Set when this layout was joined into another.
    joined: Option<LayoutId>,
    keys: Vec<(String, Option<LayoutId>)>,
}

/// All layouts of a plan. Slots are stable once no more keys are declared.
#[derive(Debug)]
pub(crate) struct Layouts {
    nodes: Vec<Node>,
}

impl Layouts {
    pub(crate) fn new() -> Self {
        Self {
            nodes: vec![Node::default()],
        }
    }

    pub(crate) fn root(&self) -> LayoutId {
        LayoutId(0)
    }

    /// The layout that stands for `id` after joins.
    pub(crate) fn find(&self, mut id: LayoutId) -> LayoutId {
        while let Some(joined) = self.nodes[id.0].joined {
            id = joined;
        }
        id
    }

    fn position(&self, id: LayoutId, key: &str) -> Option<usize> {
        self.nodes[self.find(id).0]
            .keys
            .iter()
            .position(|(name, _)| name == key)
    }

    /// Makes sure objects at `id` have a slot for `key`.
    pub(crate) fn declare(&mut self, id: LayoutId, key: &str) {
        if self.position(id, key).is_none() {
            let id = self.find(id);
            self.nodes[id.0].keys.push((key.to_owned(), None));
        }
    }

    /// The layout of the objects under `key`, made when missing.
    pub(crate) fn child(&mut self, id: LayoutId, key: &str) -> LayoutId {
        self.declare(id, key);
        let id = self.find(id);
        let at = self.position(id, key).unwrap_or_default();
        if let Some(child) = self.nodes[id.0].keys[at].1 {
            return self.find(child);
        }
        let child = LayoutId(self.nodes.len());
        self.nodes.push(Node::default());
        self.nodes[id.0].keys[at].1 = Some(child);
        child
    }

    /// Makes two places share one layout.
    pub(crate) fn join(&mut self, a: LayoutId, b: LayoutId) {
        let (a, b) = (self.find(a), self.find(b));
        if a == b {
            return;
        }
        // Joined before going down: this ends even when a place contains itself.
        self.nodes[b.0].joined = Some(a);
        for (key, child) in std::mem::take(&mut self.nodes[b.0].keys) {
            self.declare(a, &key);
            let Some(child) = child else {
                continue;
            };
            match self.existing_child(a, &key) {
                Some(mine) => self.join(mine, child),
                None => self.adopt(a, &key, child),
            }
        }
    }

    /// Puts `child` under `key`, which has no layout yet. Making a new one and
    /// joining it would never end for places that contain themselves.
    fn adopt(&mut self, id: LayoutId, key: &str, child: LayoutId) {
        let id = self.find(id);
        if let Some(at) = self.position(id, key) {
            self.nodes[id.0].keys[at].1 = Some(child);
        }
    }

    /// The slot of `key`, when any fetch or path declared it.
    pub(crate) fn slot(&self, id: LayoutId, key: &str) -> Option<u32> {
        self.position(id, key).and_then(|at| u32::try_from(at).ok())
    }

    /// The layout under `key`, when one exists.
    pub(crate) fn existing_child(&self, id: LayoutId, key: &str) -> Option<LayoutId> {
        let at = self.position(id, key)?;
        self.nodes[self.find(id).0].keys[at]
            .1
            .map(|child| self.find(child))
    }

    /// Number of slots of an object.
    pub(crate) fn width(&self, id: LayoutId) -> u32 {
        u32::try_from(self.nodes[self.find(id).0].keys.len()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joining_a_place_with_one_inside_it_ends() {
        let mut layouts = Layouts::new();
        let root = layouts.root();
        let user = layouts.child(root, "user");
        let friend = layouts.child(user, "friend");
        let inner = layouts.child(friend, "friend");
        layouts.declare(inner, "id");
        layouts.join(friend, user);
        layouts.join(inner, user);
        assert_eq!(layouts.find(user), layouts.find(inner));
        assert_eq!(
            layouts.existing_child(user, "friend"),
            Some(layouts.find(user))
        );
    }

    #[test]
    fn joined_places_share_slots_even_when_one_contains_the_other() {
        let mut layouts = Layouts::new();
        let root = layouts.root();
        let user = layouts.child(root, "user");
        layouts.declare(user, "id");
        let friend = layouts.child(user, "friend");
        layouts.declare(friend, "name");
        layouts.join(user, friend);
        assert_eq!(layouts.slot(user, "name"), layouts.slot(friend, "name"));
        assert_eq!(
            layouts.existing_child(friend, "friend"),
            Some(layouts.find(user))
        );
        assert_eq!(layouts.width(user), 3);
    }
}
