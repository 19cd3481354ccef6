//! Why a kernel that is there cannot be spoken to.

pub use crate::agent_line::LineError;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RealError {
    #[error(transparent)]
    Line(#[from] LineError),
}
