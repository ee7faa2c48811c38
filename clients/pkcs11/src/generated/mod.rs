//! Tables that `npm run generate` writes from those of the server.

pub mod errors;
