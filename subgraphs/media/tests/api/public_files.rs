//! Files that everybody may see, under addresses that stay the same.

use std::slice::from_ref;

use atelier_contracts::audience::Audience;
use atelier_kit::actor::Actor;
use axum::{
    body::Body,
    http::{Request, Response, StatusCode, header},
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{
    pictures,
    world::{World, config, noise, somebody, world, world_with},
};

async fn get(world: &World, method: &str, path: &str, known: Option<&str>) -> Response<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(etag) = known {
        request = request.header(header::IF_NONE_MATCH, etag);
    }
    let routes = world.subgraph.routes.clone();
    let request = request.body(Body::empty()).unwrap();
    routes.oneshot(request).await.unwrap()
}

fn text(response: &Response<Body>, name: header::HeaderName) -> String {
    let value = response.headers().get(name);
    value.map_or(String::new(), |value| value.to_str().unwrap().to_owned())
}

async fn bytes(response: Response<Body>) -> Vec<u8> {
    response
        .into_body()
        .collect()
        .await
        .unwrap()
        .to_bytes()
        .to_vec()
}

/// The public addresses of a file and of its derivatives.
async fn addresses(world: &World, who: &Actor, asset: &Value) -> (Value, Vec<(String, Value)>) {
    let query = "query($id: ID!) { asset(id: $id) { publicUrl derivatives { name format publicUrl url { url } } } }";
    let asset = world.data(who, query, json!({ "id": asset })).await["asset"].take();
    let of = |row: &Value| {
        let public = row["publicUrl"].as_str().unwrap_or_default().to_owned();
        (public, row["url"]["url"].clone())
    };
    let rows = asset["derivatives"].as_array().unwrap();
    (asset["publicUrl"].clone(), rows.iter().map(of).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_picture_is_read_by_everybody_and_kept_by_caches_until_it_is_not() {
    let world = world().await;
    let owner = somebody(&world);
    let asset = world.picture(&owner, None).await;
    let id = asset.as_str().unwrap();
    let original = format!("/media/public/{id}/original");
    let (before, derivatives) = addresses(&world, &owner, &asset).await;
    assert_eq!(before, Value::Null);
    assert!(derivatives.iter().all(|(public, _)| public.is_empty()));
    assert_eq!(get(&world, "GET", &original, None).await.status(), 404);

    world
        .attach(&Audience::Public, &owner, from_ref(&asset))
        .await;
    let (public, derivatives) = addresses(&world, &somebody(&world), &asset).await;
    assert_eq!(public, json!(original));
    assert_eq!(
        derivatives[0].0,
        format!("/media/public/{id}/thumbnail_256.webp")
            .replace("webp", derivatives[0].0.rsplit('.').next().unwrap())
    );
    for (path, signed) in &derivatives {
        let response = get(&world, "GET", path, None).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(
            text(&response, header::CACHE_CONTROL),
            "public, max-age=3600, immutable"
        );
        assert_eq!(text(&response, header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert!(text(&response, header::CONTENT_SECURITY_POLICY).contains("sandbox"));
        let extension = path.rsplit('.').next().unwrap();
        assert_eq!(
            text(&response, header::CONTENT_TYPE),
            format!("image/{extension}")
        );
        let (etag, length) = (
            text(&response, header::ETAG),
            text(&response, header::CONTENT_LENGTH),
        );
        let stored = world.fetch(signed).await.2;
        assert_eq!(length, stored.len().to_string());
        assert_eq!(bytes(response).await, stored);

        for known in [
            etag.clone(),
            format!("W/{etag}"),
            format!("\"x\", {etag}"),
            "*".to_owned(),
        ] {
            let response = get(&world, "GET", path, Some(&known)).await;
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert_eq!(text(&response, header::ETAG), etag);
            assert_eq!(bytes(response).await, b"");
        }
        assert_eq!(get(&world, "GET", path, Some("\"x\"")).await.status(), 200);
        let head = get(&world, "HEAD", path, None).await;
        assert_eq!(
            (head.status(), text(&head, header::CONTENT_LENGTH)),
            (StatusCode::OK, length)
        );
        assert_eq!(bytes(head).await, b"");
    }
    let response = get(&world, "GET", &original, None).await;
    assert_eq!(text(&response, header::CONTENT_TYPE), "image/jpeg");
    let etag = text(&response, header::ETAG);

    world.detach(&Audience::Public, from_ref(&asset)).await;
    for (path, _) in derivatives.iter().chain([&(original, Value::Null)]) {
        for known in [None, Some(etag.as_str()), Some("*")] {
            let response = get(&world, "GET", path, known).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND);
            assert_eq!(text(&response, header::CACHE_CONTROL), "no-store");
            assert_eq!(text(&response, header::ETAG), "");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_public_is_not_found_and_neither_is_what_could_harm() {
    let mut small = config();
    small.public_max_bytes = 5000;
    let world = world_with(small).await;
    let owner = somebody(&world);
    let group = Audience::Group(world.group());
    let to_group = world.picture(&owner, None).await;
    world.attach(&group, &owner, from_ref(&to_group)).await;
    let trashed = world.picture(&owner, None).await;
    let with_position = world.picture(&owner, Some(pictures::notes())).await;
    let upload = async |name: &str, kind: &str, bytes: &[u8]| {
        let done = world.upload(&owner, name, kind, bytes).await;
        done["asset"]["id"].clone()
    };
    let page = upload("a.html", "text/html", b"<html><script>1</script></html>").await;
    let unknown = upload("b", "application/octet-stream", &noise(1, 90)).await;
    let mut large = pictures::png(&pictures::halves(10, 10), None);
    large.resize(6000, 0);
    let large = upload("c.png", "image/png", &large).await;
    world.work().await;
    let public = [&trashed, &with_position, &page, &unknown, &large].map(Value::clone);
    world.attach(&Audience::Public, &owner, &public).await;
    world
        .mutate(&owner, "assetDelete", "", json!({ "id": trashed }))
        .await;
    for asset in public.iter().chain([&to_group]) {
        let id = asset.as_str().unwrap();
        let path = format!("/media/public/{id}/original");
        assert_eq!(
            get(&world, "GET", &path, None).await.status(),
            404,
            "{path}"
        );
        let (address, _) = addresses(&world, &owner, asset).await;
        assert_eq!(address, Value::Null);
    }
    let id = with_position.as_str().unwrap();
    for (path, status) in [
        (format!("/media/public/{id}/thumbnail_256.webp"), 200),
        (
            format!(
                "/media/public/{}/thumbnail_256.webp",
                to_group.as_str().unwrap()
            ),
            404,
        ),
        (
            format!(
                "/media/public/{}/thumbnail_256.webp",
                trashed.as_str().unwrap()
            ),
            404,
        ),
        (format!("/media/public/{id}/thumbnail_256.png"), 404),
        (format!("/media/public/{id}/thumbnail_256"), 404),
        (format!("/media/public/{id}/..%2Foriginal"), 404),
        (format!("/media/public/{id}/%ff"), 400),
        ("/media/public/x/original".to_owned(), 404),
        (format!("/media/public/{}/original", world.group()), 404),
    ] {
        let found = get(&world, "GET", &path, None).await.status().as_u16();
        assert_eq!(found, status, "{path}");
    }
    assert_eq!(
        get(
            &world,
            "POST",
            &format!("/media/public/{id}/original"),
            None
        )
        .await
        .status(),
        405
    );
}
