//! A board: another machine, reached by ssh. It needs a POSIX shell, and `insmod` and `rmmod` where
//! komod's own binary does not run; nothing is left there.

mod board;
mod carried;
mod connection;
mod quoting;
mod shell;

pub use board::Board;
pub use connection::Connection;
pub use shell::Shell;

use super::RealError;
use crate::agent_line::{AgentLine, Manners};
use carried::Carried;

/// Starts an agent there; the error says why there is none, and only that.
pub fn agent(
    connection: &Connection,
    board: &Board,
    manners: Manners,
) -> Result<Result<AgentLine, String>, RealError> {
    if let Err(why) = carried::is_of_use(board) {
        return Ok(Err(why));
    }
    let carried = match Carried::carry(connection, board) {
        Ok(carried) => carried,
        Err(e @ (RealError::NoFolder { .. } | RealError::Copy { .. })) => {
            return Ok(Err(e.to_string()));
        }
        Err(e) => return Err(e),
    };
    Ok(AgentLine::start(connection.command(&carried.start), manners).map_err(|e| e.to_string()))
}
