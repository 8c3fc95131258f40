//! Guessing, registering and posing as somebody else.

use std::collections::BTreeSet;

use atelier_kit::clock::random_bytes;
use serde_json::{Value, json};

use crate::target::{PASSWORD, Target, attacks, code};

#[tokio::test(flavor = "multi_thread")]
async fn guesses_are_slowed_down() {
    let target = Target::up().await;
    target
        .side_by_side(attacks![target;
            guesses_against_an_account_are_slowed_down,
            many_guesses_at_once_gain_nothing,
            guesses_from_one_network_at_many_accounts_are_slowed_down,
            names_that_look_like_others_are_taken,
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_lock_nobody_out() {
    let target = Target::up().await;
    target
        .side_by_side(attacks![target;
            an_owner_signs_in_while_others_guess,
            one_request_hashes_once,
            one_network_registers_only_so_many,
            networks_of_ipv6_count_by_their_prefix,
            common_passwords_are_refused,
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_poses_as_somebody_else() {
    let target = Target::up().await;
    target
        .side_by_side(attacks![target;
            names_that_look_like_others_by_a_capital_letter_are_taken,
            reserved_names_do_not_pass_in_other_letters,
            what_turns_text_round_is_dropped,
        ])
        .await;
}

async fn guess(target: &Target, login: &str, at: usize, ip: &str) -> Option<String> {
    let answer = target.log_in(login, &format!("wrong guess {at}"), ip).await;
    answer
        .pointer("/userErrors/0/code")
        .and_then(Value::as_str)
        .map(str::to_owned)
}

async fn guesses_against_an_account_are_slowed_down(target: Target) {
    let person = target.person("hanna").await;
    let mut slowed = 0;
    for at in 0..30 {
        if guess(&target, &person.name, at, "203.0.113.5")
            .await
            .as_deref()
            == Some("TOO_MANY_ATTEMPTS")
        {
            slowed += 1;
        }
    }
    assert!(slowed >= 15, "30 guesses were slowed down {slowed} times");
}

async fn many_guesses_at_once_gain_nothing(target: Target) {
    let person = target.person("hazel").await;
    let (name, target) = (&person.name, &target);
    let guesses = (0..40).map(|at| guess(target, name, at, "203.0.113.6"));
    let told = futures::future::join_all(guesses).await;
    let judged = told
        .iter()
        .filter(|code| code.as_deref() == Some("INVALID_CREDENTIALS"))
        .count();
    assert!(judged <= 12, "{judged} of 40 guesses at once were judged");
}

async fn guesses_from_one_network_at_many_accounts_are_slowed_down(target: Target) {
    let mut slowed = 0;
    for at in 0..80 {
        let told = guess(&target, &format!("sprayed-{at}"), at, "203.0.113.7").await;
        if told.as_deref() == Some("TOO_MANY_ATTEMPTS") {
            slowed += 1;
        }
    }
    assert!(
        slowed >= 10,
        "80 guesses at 80 accounts were slowed down {slowed} times"
    );
}

async fn register(
    target: &Target,
    name: &str,
    shown: Option<&str>,
    password: &str,
    ip: &str,
) -> Value {
    let query = "mutation($input: AuthRegisterInput!) { authRegister(input: $input) { \
        tokens { user { id username displayName } } userErrors { code path } } }";
    let mut input = json!({ "username": name, "email": format!("m{}@example.org", hex::encode(random_bytes::<8>())), "password": password });
    if let Some(shown) = shown {
        input["displayName"] = json!(shown);
    }
    target
        .sent_from(ip, None, query, json!({ "input": input }))
        .await
}

async fn names_that_look_like_others_are_taken(target: Target) {
    target.person("helena").await;
    for name in [
        "helena",
        "HELENA",
        "he1ena",
        "ｈｅｌｅｎａ",
        "he\u{200b}lena",
        "h\u{435}lena",
        "hel\u{435}na",
        " helena ",
    ] {
        let answer = register(&target, name, None, PASSWORD, "198.51.100.40").await;
        assert!(code(&answer).is_some(), "{name:?} passed: {answer:#}");
    }
    for name in [
        "admin",
        "Admin",
        "adm1n",
        "a.d.m.i.n",
        "r00t",
        "ATELIER",
        "sys-tem",
        "\u{430}dmin",
    ] {
        let answer = register(&target, name, None, PASSWORD, "198.51.100.41").await;
        assert!(
            matches!(
                code(&answer),
                Some("USERNAME_RESERVED" | "USERNAME_INVALID" | "IDENTITY_TAKEN")
            ),
            "{name:?} passed: {answer:#}"
        );
    }
}

async fn an_owner_signs_in_while_others_guess(target: Target) {
    let person = target.person("hilda").await;
    // They have signed in from home before.
    target
        .signed_in(&person.name, PASSWORD, "198.51.100.200")
        .await;
    // Each guess that is let through doubles the wait, so that soon the next one comes too early,
    // however busy this machine is.
    let mut waits = false;
    for at in 0..60 {
        let answer = guess(&target, &person.name, at, "203.0.113.20").await;
        waits = answer.as_deref() == Some("TOO_MANY_ATTEMPTS");
        if waits && at >= 40 {
            break;
        }
    }
    assert!(waits, "who guesses waits");
    for ip in ["198.51.100.200", "192.0.2.33"] {
        let answer = target.log_in(&person.name, PASSWORD, ip).await;
        assert!(
            answer["tokens"]["accessToken"].is_string(),
            "the owner is locked out from {ip}: {answer:#}"
        );
    }
}

async fn one_request_hashes_once(target: Target) {
    let login = |at: usize| {
        format!(
            "a{at}: authLogin(input: {{ login: \"nobody\", password: \"guess {at}\" }}) {{ userErrors {{ code }} }}"
        )
    };
    let sign = |at: usize| {
        format!(
            "a{at}: authRegister(input: {{ username: \"many{at}\", email: \"many{at}@example.org\", password: \"{PASSWORD}\" }}) {{ tokens {{ accessToken }} userErrors {{ code }} }}"
        )
    };
    for document in [
        format!("mutation {{ {} {} }}", login(0), login(1)),
        format!(
            "mutation {{ {} }}",
            (0..50).map(sign).collect::<Vec<_>>().join(" ")
        ),
        format!("mutation {{ {} {} }}", sign(60), login(2)),
    ] {
        let answer = target
            .sent_from("203.0.113.30", None, &document, json!({}))
            .await;
        // Refused as a whole, or all but the first.
        let made = answer["data"]
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(_, payload)| {
                !payload["tokens"].is_null()
                    || payload.pointer("/userErrors/0/code") == Some(&json!("INVALID_CREDENTIALS"))
            });
        assert!(made.count() <= 1, "{document:.200}: {answer:.600}");
    }
}

async fn one_network_registers_only_so_many(target: Target) {
    let mut made = 0;
    for at in 0..60 {
        let answer = register(
            &target,
            &format!("herd{at}x"),
            None,
            PASSWORD,
            "203.0.113.40",
        )
        .await;
        if code(&answer).is_none() {
            made += 1;
        } else {
            assert_eq!(code(&answer), Some("TOO_MANY_ATTEMPTS"), "{answer:#}");
        }
    }
    assert!(made <= 40, "{made} accounts from one network at once");
    let elsewhere = register(&target, "herdless", None, PASSWORD, "192.0.2.40").await;
    assert_eq!(code(&elsewhere), None, "others register: {elsewhere:#}");
}

async fn networks_of_ipv6_count_by_their_prefix(target: Target) {
    // One customer has 2^64 addresses or more.
    let mut slowed = 0;
    for at in 0..80 {
        let told = guess(
            &target,
            &format!("sixth-{at}"),
            at,
            &format!("2001:db8:1:2:{at:x}::{at:x}"),
        )
        .await;
        if told.as_deref() == Some("TOO_MANY_ATTEMPTS") {
            slowed += 1;
        }
    }
    assert!(
        slowed >= 10,
        "80 addresses of one prefix were slowed down {slowed} times"
    );
}

async fn common_passwords_are_refused(target: Target) {
    let common = [
        "password1234",
        "qwerty123456",
        "iloveyou1",
        "monkey123",
        "football1",
        "1234567890",
        "letmein123",
        "zaq12wsx",
        "qazwsxedc",
    ];
    let mut passed = BTreeSet::new();
    for (at, password) in common.iter().enumerate() {
        let answer = register(
            &target,
            &format!("weak{at}y"),
            None,
            password,
            &format!("192.0.2.{}", 50 + at),
        )
        .await;
        if !matches!(code(&answer), Some("PASSWORD_COMMON" | "WEAK_PASSWORD")) {
            passed.insert(password);
        }
    }
    assert!(passed.is_empty(), "common passwords passed: {passed:?}");
}

async fn names_that_look_like_others_by_a_capital_letter_are_taken(target: Target) {
    target.person("helmine").await;
    for name in ["heImine", "HEImine"] {
        let answer = register(&target, name, None, PASSWORD, "198.51.100.42").await;
        assert!(code(&answer).is_some(), "{name:?} passed: {answer:#}");
    }
}

async fn reserved_names_do_not_pass_in_other_letters(target: Target) {
    for (at, name) in [
        "officiaI",
        "OfficiaI",
        "adrnin",
        "suppоrt",
        "modеrator",
        "Officia1",
        "sуstem",
        "ＡＤＭＩＮ",
    ]
    .into_iter()
    .enumerate()
    {
        let answer = register(
            &target,
            name,
            None,
            PASSWORD,
            &format!("192.0.2.{}", 100 + at),
        )
        .await;
        assert!(
            matches!(
                code(&answer),
                Some("USERNAME_RESERVED" | "USERNAME_INVALID")
            ),
            "{name:?} passed: {answer:#}"
        );
    }
    for (at, shown) in [
        "Administrator",
        "Atelier Support",
        "OFFICIAL",
        "officiaI",
        "M0derator",
        "аdmin",
    ]
    .into_iter()
    .enumerate()
    {
        let answer = register(
            &target,
            &format!("posing{at}z"),
            Some(shown),
            PASSWORD,
            &format!("192.0.2.{}", 120 + at),
        )
        .await;
        let kept = answer
            .pointer("/data/authRegister/tokens/user/displayName")
            .and_then(Value::as_str);
        assert_ne!(
            kept,
            Some(shown),
            "somebody is shown as {shown:?}: {answer:#}"
        );
    }
}

/// Characters that turn text round or hide in it (Unicode UAX #9, and those of no width).
const DECEIVING: [char; 12] = [
    '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}',
    '\u{2069}', '\u{200e}', '\u{200f}', '\u{61c}',
];

async fn what_turns_text_round_is_dropped(target: Target) {
    let person = target.person("harriet").await;
    for letter in DECEIVING {
        let shown = format!("Anna{letter}gnp.exe");
        let query = "mutation($input: ProfileUpdateInput!) { profileUpdate(input: $input) { user { displayName } userErrors { code } } }";
        let answer = person
            .client
            .send(query, json!({ "input": { "displayName": shown } }))
            .await
            .expect("an answer");
        assert!(
            !answer["data"].to_string().contains(letter),
            "a display name keeps {letter:?}: {answer:#}"
        );
        let query = "mutation($input: UploadCreateInput!) { uploadCreate(input: $input) { upload { filename } userErrors { code } } }";
        let input = json!({ "filename": format!("photo{letter}gnp.exe"), "contentType": "image/png", "byteSize": 100 });
        let answer = person
            .client
            .send(query, json!({ "input": input }))
            .await
            .expect("an answer");
        assert!(
            !answer["data"].to_string().contains(letter),
            "a filename keeps {letter:?}: {answer:#}"
        );
    }
}
