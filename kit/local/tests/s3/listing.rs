//! Listing objects through the protocol.

use crate::world::{BUCKET, World, code};

#[tokio::test]
async fn pages_cover_all_keys_in_order_and_see_later_changes() {
    let world = World::new().await;
    let mut keys: Vec<String> = (0..25).map(|number| format!("dir/{number:02}")).collect();
    keys.push("图/一".to_owned());
    for key in keys.iter().rev() {
        world.put(key, b"x").await;
    }
    assert_eq!(list_all(&world, 10).await, keys);
    // The listing was built by now; changes must show in it.
    world.put("dir/99", b"x").await;
    world
        .s3
        .delete_object()
        .bucket(BUCKET)
        .key("dir/00")
        .send()
        .await
        .unwrap();
    keys.remove(0);
    keys.insert(24, "dir/99".to_owned());
    assert_eq!(list_all(&world, 7).await, keys);
}

async fn list_all(world: &World, page: i32) -> Vec<String> {
    let mut seen = Vec::new();
    let mut token = None;
    loop {
        let answer = world
            .s3
            .list_objects_v2()
            .bucket(BUCKET)
            .max_keys(page)
            .set_continuation_token(token);
        let answer = answer.send().await.unwrap();
        assert!(answer.contents().len() <= usize::try_from(page).unwrap());
        seen.extend(
            answer
                .contents()
                .iter()
                .filter_map(|object| object.key().map(str::to_owned)),
        );
        token = answer.next_continuation_token;
        if token.is_none() {
            return seen;
        }
    }
}

#[tokio::test]
async fn a_delimiter_shows_folders_and_entries_describe_objects() {
    let world = World::new().await;
    let etag = world.put("top", b"12345").await;
    world.put("dir/a", b"x").await;
    world.put("dir/b", b"x").await;
    let answer = world
        .s3
        .list_objects_v2()
        .bucket(BUCKET)
        .delimiter("/")
        .send()
        .await
        .unwrap();
    let prefixes: Vec<_> = answer
        .common_prefixes()
        .iter()
        .filter_map(|prefix| prefix.prefix())
        .collect();
    assert_eq!(prefixes, ["dir/"]);
    let object = &answer.contents()[0];
    assert_eq!(
        (object.key(), object.size(), object.e_tag()),
        (Some("top"), Some(5), Some(etag.as_str()))
    );
}

#[tokio::test]
async fn a_made_up_token_is_refused() {
    let world = World::new().await;
    let list = world
        .s3
        .list_objects_v2()
        .bucket(BUCKET)
        .continuation_token("%%%")
        .send()
        .await;
    assert_eq!(code(&list.unwrap_err()), "InvalidRequest");
}
