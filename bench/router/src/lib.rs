//! Parts of the router's benchmark: the shop behind the routers, the queries,
//! a load generator and what is read of a process. `README.md` tells how to run it.

pub mod http1;
pub mod load;
pub mod process;
pub mod queries;
pub mod recording;
pub mod shop;
pub mod subgraphs;
