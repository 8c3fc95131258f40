//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::{config::ConfigFormat, settings::Settings};

/// An open-source backend for creator communities, as one federated GraphQL API.
#[derive(Debug, Parser)]
#[command(name = "atelier", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Where things are.
    #[command(flatten)]
    pub settings: Settings,
}

/// What the binary can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start everything in one process, servers included.
    Up(UpArgs),
    /// Serve the federation router alone.
    Router(RouterArgs),
    /// Serve one or more subgraphs over HTTP.
    Subgraph(SubgraphArgs),
    /// Do background tasks.
    Worker(WorkerArgs),
    /// Apply pending database migrations.
    Migrate,
    /// Make and retire the keys with which processes prove themselves to each other.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Export, compose and check the graph's schema.
    #[command(subcommand)]
    Schema(SchemaCommand),
    /// Show what can be set, what is in force, where it is from and what it means.
    Config(ConfigArgs),
    /// Check whether this machine has what is needed, and say what to do if not.
    Doctor,
    /// Work on one picture; started by workers, of no use to anybody else.
    #[command(hide = true)]
    PictureWorker {
        /// What the picture may cost.
        order: String,
    },
}

/// Options of `atelier up`.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// Where to listen for clients.
    #[arg(long, env = "ATELIER_LISTEN", default_value = "127.0.0.1:4000")]
    pub listen: SocketAddr,
    /// Add a demo user.
    #[arg(long)]
    pub demo: bool,
    /// Allow --demo although other machines can reach the address.
    #[arg(long, requires = "demo")]
    pub demo_for_strangers: bool,
    /// Do not do background tasks in this process.
    #[arg(long)]
    pub no_worker: bool,
    /// Tasks done at the same time, instead of `worker.concurrency`.
    #[arg(long)]
    pub concurrency: Option<usize>,
    /// A configuration file of the router alone, instead of the table `[router]` of --config.
    #[arg(long, env = "ATELIER_ROUTER_CONFIG")]
    pub router_config: Option<PathBuf>,
}

/// Options of `atelier router`.
#[derive(Debug, Args)]
pub struct RouterArgs {
    /// Where to listen for clients.
    #[arg(long, env = "ATELIER_LISTEN", default_value = "127.0.0.1:4000")]
    pub listen: SocketAddr,
    /// Listen on this port of the loopback interface instead.
    #[arg(long)]
    pub port: Option<u16>,
    /// Serve this supergraph instead of Atelier's own; its subgraph URLs are called as they are,
    /// and callers stay anonymous unless the configuration says otherwise.
    #[arg(long)]
    pub supergraph: Option<PathBuf>,
    /// A configuration file of the router alone, instead of the table `[router]` of --config.
    #[arg(long, env = "ATELIER_ROUTER_CONFIG")]
    pub router_config: Option<PathBuf>,
    /// Check the configuration and stop.
    #[arg(long)]
    pub check_config: bool,
    /// Where a subgraph is: `accounts=http://127.0.0.1:4001/graphql`. May be given often.
    #[arg(
        long = "subgraph",
        env = "ATELIER_SUBGRAPH_URLS",
        value_delimiter = ','
    )]
    pub subgraphs: Vec<String>,
}

/// Options of `atelier config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// How to show it.
    #[arg(long, value_enum, default_value_t = ConfigFormat::Text)]
    pub format: ConfigFormat,
}

/// Options of `atelier subgraph`.
#[derive(Debug, Args)]
pub struct SubgraphArgs {
    /// Which: accounts, media, tasks.
    #[arg(required = true)]
    pub names: Vec<String>,
    /// Where to listen; each subgraph is at `/NAME/graphql`.
    #[arg(
        long,
        env = "ATELIER_SUBGRAPH_LISTEN",
        default_value = "127.0.0.1:4001"
    )]
    pub listen: SocketAddr,
    /// Where the other subgraphs are: `accounts=http://127.0.0.1:4001/accounts/graphql`.
    #[arg(long = "peer", env = "ATELIER_SUBGRAPH_URLS", value_delimiter = ',')]
    pub peers: Vec<String>,
}

/// Options of `atelier worker`.
#[derive(Debug, Args)]
pub struct WorkerArgs {
    /// Only these queues; all that this binary has handlers for, if none is named.
    #[arg(long, value_delimiter = ',')]
    pub queues: Vec<String>,
    /// Tasks done at the same time, instead of `worker.concurrency`.
    #[arg(long)]
    pub concurrency: Option<usize>,
    /// Seconds after which the tasks of a worker that died are given to others, instead of
    /// `worker.lease`.
    #[arg(long, value_parser = clap::value_parser!(u64).range(2..=3600))]
    pub lease: Option<u64>,
    /// Where the subgraphs are: `accounts=http://127.0.0.1:4001/accounts/graphql`.
    #[arg(long = "peer", env = "ATELIER_SUBGRAPH_URLS", value_delimiter = ',')]
    pub peers: Vec<String>,
}

/// What `atelier keys` can do.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a new key for each of these parts, and trust it beside the ones it had.
    New {
        /// Which: router, and each subgraph.
        #[arg(required = true)]
        parts: Vec<String>,
        /// The folder with the keys.
        #[arg(long, env = "ATELIER_KEYS_DIR", default_value = "keys")]
        dir: PathBuf,
    },
    /// Trust only the newest key of each part from now on.
    Retire {
        /// The folder with the keys.
        #[arg(long, env = "ATELIER_KEYS_DIR", default_value = "keys")]
        dir: PathBuf,
    },
}

/// What `atelier schema` can do.
#[derive(Debug, Subcommand)]
pub enum SchemaCommand {
    /// Write `schema/` anew from the code: every subgraph and the supergraph.
    Generate {
        /// The folder to write.
        #[arg(long, default_value = "schema")]
        dir: PathBuf,
        /// Accept changes that break clients.
        #[arg(long)]
        allow_breaking: bool,
    },
    /// Compose subgraph files (`name=url=path`, or `path` alone) and print the supergraph.
    Compose {
        /// The subgraphs.
        #[arg(required = true)]
        subgraphs: Vec<String>,
    },
    /// Compare two schemas and fail if the change breaks clients.
    Check {
        /// What clients use today.
        old: PathBuf,
        /// What they would get.
        new: PathBuf,
    },
    /// Print every difference between two schemas.
    Diff {
        /// What clients use today.
        old: PathBuf,
        /// What they would get.
        new: PathBuf,
    },
    /// Write each subgraph's tables for diesel anew from its migrations, which run on a private
    /// PostgreSQL.
    Tables {
        /// Write nothing; fail if a file is not as it would be written.
        #[arg(long)]
        check: bool,
    },
    /// Start a new entity: migration, rows, decisions, schema, facts, subscription and tests; and its
    /// domain, if there is none of that name.
    Scaffold {
        /// The domain's name, one lowercase word: gallery.
        domain: String,
        /// The entity's name: SpaceMember.
        entity: String,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
