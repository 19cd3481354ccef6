//! Any bytes as a signature message, a certificate and a file with keys.
#![no_main]

use komod_check::signature::Keys;
use komod_object::cms::{Certificate, CmsError, Dialect, Message, Signed};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for dialect in [Dialect::Linux6_1, Dialect::Linux6_12] {
        let mut notes = Vec::new();
        match Message::parse(data, dialect, &mut notes, &mut |_| Ok(())) {
            Ok(message) => {
                assert!(!message.signers.is_empty());
                let attributes = message.has_attributes();
                assert!(message.signers.iter().all(|s| s.has_attributes == attributes));
                assert!(Signed::of_message(data).is_some());
            }
            Err(CmsError::SelfSigned { .. }) => panic!("nobody has judged"),
            Err(error) => assert!([22, 65, 74, 90, 129].contains(&error.errno())),
        }
        // A certificate that is refused where it was met ends the message there.
        let refused = Message::parse(data, dialect, &mut notes, &mut |_| Err(1));
        if refused.is_ok_and(|message| !message.certificates.is_empty()) {
            panic!("a refused certificate was kept");
        }
        let _ = Certificate::parse(data, dialect, &mut notes).map(|found| found.name());
    }
    let _ = Keys::default().add(data);
});
