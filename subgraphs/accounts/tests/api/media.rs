//! Media, as far as this domain knows it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use async_trait::async_trait;
use atelier_contracts::media::{Asset, AssetKind};
use atelier_kit::{
    actor::Actor,
    error::{Error, ErrorCode},
    id::{Id, User},
    peers::Peers,
};
use serde_json::{Value, json};

/// Files, and what accounts shows of them to everybody.
#[derive(Default)]
pub struct Media(Mutex<Files>);

#[derive(Default)]
struct Files {
    assets: BTreeMap<String, (String, AssetKind)>,
    public: BTreeSet<(String, String)>,
    down: bool,
}

impl Media {
    /// A file of a user.
    pub fn add(&self, asset: Id<Asset>, owner: Id<User>, kind: AssetKind) {
        let file = (owner.to_string(), kind);
        self.0
            .lock()
            .unwrap()
            .assets
            .insert(asset.to_string(), file);
    }

    /// Answers no calls, or does again.
    pub fn set_down(&self, down: bool) {
        self.0.lock().unwrap().down = down;
    }

    /// The files that are shown to everybody, each with what shows it.
    pub fn public(&self) -> Vec<(String, String)> {
        self.0.lock().unwrap().public.iter().cloned().collect()
    }
}

impl Files {
    fn attach(&mut self, input: &Value) -> Vec<Value> {
        let mut refused = Vec::new();
        for asset in texts(&input["assetIds"]) {
            let owned = self
                .assets
                .get(&asset)
                .filter(|(owner, _)| input["userId"] == json!(owner));
            let reason = match owned {
                None => Some("NOT_FOUND"),
                Some((_, kind)) if input["kind"] != json!(kind) => Some("WRONG_KIND"),
                Some(_) => None,
            };
            match reason {
                Some(reason) => refused.push(json!({ "assetId": asset, "reason": reason })),
                None => drop(self.public.insert((asset, text(&input["subject"])))),
            }
        }
        refused
    }

    fn detach(&mut self, input: &Value) {
        for asset in texts(&input["assetIds"]) {
            self.public.remove(&(asset, text(&input["subject"])));
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(text).collect()
}

#[async_trait]
impl Peers for Media {
    async fn call(
        &self,
        domain: &str,
        actor: Actor,
        operation: &'static str,
        variables: Value,
    ) -> Result<Value, Error> {
        assert_eq!((domain, actor), ("media", Actor::service("accounts")));
        let mut files = self.0.lock().unwrap();
        if files.down {
            return Err(Error::new(ErrorCode::Unavailable));
        }
        let input = &variables["input"];
        assert_eq!(input["audience"], "public");
        Ok(if operation.contains("audienceAttach(") {
            let refused = files.attach(input);
            json!({ "audienceAttach": { "refused": refused, "userErrors": [] } })
        } else {
            files.detach(input);
            json!({ "audienceDetach": { "userErrors": [] } })
        })
    }
}
