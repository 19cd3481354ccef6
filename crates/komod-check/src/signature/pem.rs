//! Certificates in files: DER, or PEM (RFC 7468).

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// The certificates of a file, in DER; the bytes themselves if it is no PEM. `None` for PEM without
/// a whole certificate.
pub(super) fn certificates(file: &[u8]) -> Option<Vec<Vec<u8>>> {
    let text = match std::str::from_utf8(file) {
        Ok(text) if text.contains("-----BEGIN ") => text,
        _ => return Some(vec![file.to_vec()]),
    };
    let bodies = text.split(BEGIN).skip(1);
    let all: Option<Vec<_>> = bodies.map(|body| base64(body.split_once(END)?.0)).collect();
    all.filter(|all| !all.is_empty())
}

/// Base64 (RFC 4648) in lines.
fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.bytes().filter(|byte| !byte.is_ascii_whitespace());
    let digits: Vec<u8> = digits.collect();
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3);
    for group in digits.chunks(4) {
        let group: &[u8; 4] = group.try_into().ok()?;
        let padding = group.iter().rev().take_while(|digit| **digit == b'=').count();
        let mut value = 0_u32;
        for digit in group {
            let six = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                b'=' => 0,
                _ => return None,
            };
            value = value << 6 | u32::from(six);
        }
        let [_, three @ ..] = value.to_be_bytes();
        bytes.extend_from_slice(three.get(..3_usize.checked_sub(padding)?)?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn der_and_pem() {
        assert_eq!(certificates(&[0x30, 0x82]), Some(vec![vec![0x30, 0x82]]));
        let file = format!("x\n{BEGIN}\nMIIB\n/w==\n{END}\n{BEGIN}MA=={END}");
        let expected = vec![vec![0x30, 0x82, 1, 0xff], vec![0x30]];
        assert_eq!(certificates(file.as_bytes()), Some(expected));
        assert_eq!(certificates(b"-----BEGIN RSA PRIVATE KEY-----"), None);
        assert_eq!(certificates(format!("{BEGIN}MII{END}").as_bytes()), None);
        assert_eq!(certificates(format!("{BEGIN}MI$I{END}").as_bytes()), None);
        assert_eq!(certificates(format!("{BEGIN}MIIB").as_bytes()), None);
    }
}
