//! Users' pictures, through accounts, media and the public route.

use reqwest::{StatusCode, header};
use serde_json::{Value, json};

use crate::{
    harness::{Atelier, Client, Place, eventually},
    uploads::{picture, upload},
};

const UPDATE: &str = "mutation($input: ProfileUpdateInput!) { profileUpdate(input: $input) { user { id } userErrors { code path } } }";
const SEEN: &str = "query($name: String!) { user(username: $name) { avatar { id publicUrl derivatives { publicUrl } } } }";

async fn avatar(client: &Client) -> Value {
    let data = client.run(SEEN, json!({ "name": "ada" })).await;
    data["user"]["avatar"].clone()
}

async fn status(client: &Client, path: &str) -> StatusCode {
    let url = format!("{}{path}", client.base);
    client
        .http
        .get(url)
        .send()
        .await
        .expect("an answer")
        .status()
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_the_picture_of_a_profile_and_no_other() {
    let place = Place::new().await;
    let atelier = Atelier::up(&place).await;
    let visitor = atelier.client.clone();
    let ada = visitor.registered("ada").await;
    let uploaded = async |name: &str, seed: u32| {
        let uploaded = upload(&ada, name, picture(seed)).await;
        uploaded.expect("the upload is acknowledged").asset
    };
    let (first, second) = (uploaded("a.png", 1).await, uploaded("b.png", 2).await);
    let set = async |who: &Client, asset: &Value| {
        let input = json!({ "input": { "avatarId": asset } });
        who.run(UPDATE, input).await["profileUpdate"]["userErrors"].clone()
    };
    let bob = visitor.registered("bob").await;
    assert_eq!(set(&bob, &json!(first)).await[0]["code"], "NOT_FOUND");
    assert_eq!(set(&ada, &json!(first)).await, json!([]));
    let seen = eventually("the making of derivatives", || async {
        let seen = avatar(&visitor).await;
        (seen["publicUrl"].is_string() && seen["derivatives"][0].is_object()).then_some(seen)
    })
    .await;
    assert_eq!(seen["id"], json!(first));
    let path = seen["derivatives"][0]["publicUrl"]
        .as_str()
        .expect("a path");
    let url = format!("{}{path}", visitor.base);
    let read = visitor.http.get(&url).send().await.expect("an answer");
    assert_eq!(read.status(), StatusCode::OK);
    let etag = read.headers()[header::ETAG].clone();
    let again = visitor.http.get(&url).header(header::IF_NONE_MATCH, etag);
    let again = again.send().await.expect("an answer");
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);

    assert_eq!(set(&ada, &json!(second)).await, json!([]));
    assert_eq!(avatar(&visitor).await["id"], json!(second));
    assert_eq!(status(&visitor, path).await, StatusCode::NOT_FOUND);
    assert_eq!(set(&ada, &Value::Null).await, json!([]));
    assert_eq!(avatar(&visitor).await, Value::Null);
    let second = format!("/media/public/{second}/original");
    assert_eq!(status(&visitor, &second).await, StatusCode::NOT_FOUND);
}
