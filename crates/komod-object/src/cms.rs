//! The signature's own format: DER (ITU-T X.690). No cryptography.

pub mod der;
