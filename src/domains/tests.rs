//! What holds for every domain, whatever it does: about its migrations, its keys and its users.

use atelier_contracts::accounts::UserDeleted;
use atelier_kit::{KIT_MIGRATIONS, db::Connection, event::Fact, peers::LocalPeers};
use atelier_testing::{TestDatabase, deps, test_servers};
use diesel::{
    migration::{Migration, MigrationSource},
    pg::Pg,
};
use diesel_async::{AsyncConnection, AsyncMigrationHarness, RunQueryDsl};
use diesel_migrations::MigrationHarness;

use super::*;

/// The tables that diesel and the kit keep in every domain's schema.
const OF_THE_KIT: &str = "'__diesel_schema_migrations', 'outbox', 'inbox'";

/// Columns of type uuid that could be about a user, and are not.
const NOT_ABOUT_USERS: &[(&str, &str)] = &[
    (
        "media.object_removal.upload_id",
        "an upload of this domain, which may be gone already",
    ),
    ("media.upload.task_id", "a task"),
    (
        "tasks.task.lease_id",
        "a secret of the worker that holds the lease",
    ),
    (
        "tasks.task.worker",
        "a worker of this domain, which may be gone already",
    ),
    (
        "tasks.worker.access_token",
        "an access token, which accounts deletes with its user",
    ),
    (
        "tasks.worker_grant.access_token",
        "an access token, which accounts deletes with its user",
    ),
];

/// What PostgreSQL has in the schema `domain`, a line for each column, constraint, index, sequence,
/// function, trigger, type and view.
async fn catalogue(database: &TestDatabase, domain: &str) -> Vec<String> {
    let from = format!(
        "(SELECT format('column %s.%s %s %s %s', t.relname, c.attname, format_type(c.atttypid, c.atttypmod),
                CASE WHEN c.attnotnull THEN 'NOT NULL' END,
                c.attidentity::text || c.attgenerated::text || coalesce(pg_get_expr(d.adbin, d.adrelid), '')) AS line, n.nspname
            FROM pg_attribute c JOIN pg_class t ON t.oid = c.attrelid JOIN pg_namespace n ON n.oid = t.relnamespace
            LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = c.attnum
            WHERE t.relkind IN ('r', 'p') AND c.attnum > 0 AND NOT c.attisdropped
        UNION ALL SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(k.oid)), n.nspname
            FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
        UNION ALL SELECT format('index %s', indexdef), schemaname FROM pg_indexes
        UNION ALL SELECT format('sequence %s %s', sequencename, data_type), schemaname FROM pg_sequences
        UNION ALL SELECT format('view %s %s', viewname, definition), schemaname FROM pg_views
        UNION ALL SELECT format('function %s', pg_get_functiondef(f.oid)), n.nspname
            FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace WHERE f.prokind IN ('f', 'p')
        UNION ALL SELECT format('trigger %s', pg_get_triggerdef(g.oid)), n.nspname
            FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid JOIN pg_namespace n ON n.oid = t.relnamespace
            WHERE NOT g.tgisinternal
        UNION ALL SELECT format('type %s %s', typname, typtype), n.nspname
            FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE typtype IN ('d', 'e', 'r')
        ) AS everything WHERE nspname = '{domain}' ORDER BY line"
    );
    database.texts("line", &from).await
}

/// What is gone and what is new.
fn differences(before: &[String], after: &[String]) -> Vec<String> {
    let gone = before.iter().filter(|line| !after.contains(line));
    let new = after.iter().filter(|line| !before.contains(line));
    gone.map(|line| format!("- {line}"))
        .chain(new.map(|line| format!("+ {line}")))
        .collect()
}

/// All domains in one database, so that one could reach for another's tables.
async fn all_domains() -> TestDatabase {
    let domains: Vec<_> = DOMAINS
        .iter()
        .map(|domain| (domain.name, domain.migrations))
        .collect();
    TestDatabase::create_many(test_servers().await, &domains).await
}

/// A set of migrations that was lent.
struct Lent(&'static EmbeddedMigrations);

impl MigrationSource<Pg> for Lent {
    fn migrations(&self) -> diesel::migration::Result<Vec<Box<dyn Migration<Pg>>>> {
        self.0.migrations()
    }
}

/// A connection to the schema of `domain`, which is made.
async fn harness(database: &TestDatabase, domain: &str) -> AsyncMigrationHarness<Connection> {
    let mut connection = Connection::establish(database.url()).await.unwrap();
    for statement in [
        format!("CREATE SCHEMA {domain}"),
        format!("SET search_path TO {domain}"),
    ] {
        let made = diesel::sql_query(statement).execute(&mut connection);
        made.await.unwrap();
    }
    AsyncMigrationHarness::new(connection)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_migration_goes_down_to_what_was_before_and_up_again() {
    for domain in DOMAINS {
        let database = TestDatabase::empty(test_servers().await).await;
        let mut harness = harness(&database, domain.name).await;
        // Creates diesel's table of migrations, which stays.
        tokio::task::block_in_place(|| harness.applied_migrations()).unwrap();
        let mut steps = Vec::new();
        for set in [&KIT_MIGRATIONS, domain.migrations] {
            let count = MigrationSource::<Pg>::migrations(set).unwrap().len();
            assert!(count > 0, "{} has no migrations", domain.name);
            for _ in 0..count {
                let before = catalogue(&database, domain.name).await;
                let up = tokio::task::block_in_place(|| {
                    harness
                        .run_next_migration(Lent(set))
                        .map(|version| version.to_string())
                });
                let up = up.unwrap_or_else(|cause| panic!("{}: {cause}", domain.name));
                steps.push((set, up, before));
            }
        }
        let all = catalogue(&database, domain.name).await;
        for (set, up, before) in steps.iter().rev() {
            let down = tokio::task::block_in_place(|| {
                harness
                    .revert_last_migration(Lent(set))
                    .map(|version| version.to_string())
            });
            let down = down.unwrap_or_else(|cause| panic!("{} {up} down: {cause}", domain.name));
            assert_eq!(down, *up);
            let left = differences(before, &catalogue(&database, domain.name).await);
            assert!(left.is_empty(), "{} {up} down: {left:#?}", domain.name);
        }
        for (set, up, _) in &steps {
            let again = tokio::task::block_in_place(|| {
                harness
                    .run_next_migration(Lent(set))
                    .map(|version| version.to_string())
            });
            let again = again.unwrap_or_else(|cause| panic!("{} {up} again: {cause}", domain.name));
            assert_eq!(again, *up);
        }
        let changed = differences(&all, &catalogue(&database, domain.name).await);
        assert!(changed.is_empty(), "{}: {changed:#?}", domain.name);
    }
}

/// Every foreign key of the schema `domain`, where `condition` holds, as `table.name`.
async fn foreign_keys(database: &TestDatabase, domain: &str, condition: &str) -> Vec<String> {
    let from = format!(
        "pg_constraint k WHERE k.contype = 'f' AND k.connamespace = '{domain}'::regnamespace AND {condition}"
    );
    database
        .texts("k.conrelid::regclass || '.' || k.conname", &from)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_foreign_key_has_an_index_that_begins_with_its_columns() {
    let database = all_domains().await;
    // In any order, and for a partial index only if it merely leaves out nulls.
    let lacks = "NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indisvalid
        AND (SELECT array_agg(c ORDER BY c) FROM unnest((i.indkey::smallint[])[0:cardinality(k.conkey) - 1]) c)
            = (SELECT array_agg(c ORDER BY c) FROM unnest(k.conkey) c)
        AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) IN
            (SELECT format('(%I IS NOT NULL)', a.attname) FROM pg_attribute a
                WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey))))";
    let mut looked_at = 0;
    for domain in DOMAINS {
        let without = foreign_keys(&database, domain.name, lacks).await;
        assert!(without.is_empty(), "no index for {without:?}");
        looked_at += foreign_keys(&database, domain.name, "true").await.len();
    }
    assert!(looked_at > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_foreign_key_leaves_its_domain() {
    let database = all_domains().await;
    for domain in DOMAINS {
        let leaves =
            "(SELECT relnamespace FROM pg_class t WHERE t.oid = k.confrelid) <> k.connamespace";
        let leaving = foreign_keys(&database, domain.name, leaves).await;
        assert!(leaving.is_empty(), "{leaving:?}");
    }
}

/// The columns of a domain that may hold users' ids: all of type uuid, except a table's own `id` and what
/// leads to another table of the domain.
async fn possible_users(database: &TestDatabase, domain: &str) -> Vec<String> {
    let from = format!(
        "pg_attribute c JOIN pg_class t ON t.oid = c.attrelid
        WHERE t.relnamespace = '{domain}'::regnamespace AND t.relkind IN ('r', 'p')
            AND t.relname NOT IN ({OF_THE_KIT}) AND c.attnum > 0
            AND c.atttypid IN ('uuid'::regtype, 'uuid[]'::regtype)
            AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = t.oid
                AND (k.contype = 'p' AND k.conkey = ARRAY[c.attnum] AND c.attname = 'id'
                    OR k.contype = 'f' AND c.attnum = ANY (k.conkey)))
        ORDER BY 1"
    );
    database
        .texts(
            &format!("'{domain}.' || t.relname || '.' || c.attname"),
            &from,
        )
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_that_knows_users_forgets_those_who_are_deleted() {
    let shared = Shared::new(
        &Servers::nowhere().unwrap(),
        Arc::new(LocalPeers::default()),
    )
    .unwrap();
    let mut not_about_users: Vec<_> = NOT_ABOUT_USERS.iter().map(|(column, _)| *column).collect();
    for domain in DOMAINS {
        let test = deps(domain.name, domain.migrations).await;
        let mut users = possible_users(&test.database, domain.name).await;
        users.retain(|column| {
            let known = not_about_users.iter().position(|known| known == column);
            known.map(|at| not_about_users.swap_remove(at)).is_none()
        });
        let subgraph = (domain.build)(test.deps.clone(), &shared).unwrap();
        let forgets = subgraph.consumers().iter().any(|consumer| {
            UserDeleted::TOPICS
                .iter()
                .any(|topic| consumer.topics().contains(topic))
        });
        // accounts tells the fact, in the transaction that forgets.
        assert!(
            users.is_empty() || forgets || UserDeleted::DOMAIN == Some(domain.name),
            "{} does not consume {:?}, but has columns about users: {users:?}. Register it with \
             Subgraph::on::<UserDeleted>, or say in NOT_ABOUT_USERS what they hold",
            domain.name,
            UserDeleted::TOPICS,
        );
    }
    assert!(
        not_about_users.is_empty(),
        "NOT_ABOUT_USERS has more than there is: {not_about_users:?}"
    );
}
