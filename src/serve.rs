//! Listening: the address, and whose each request is.

use std::net::{IpAddr, SocketAddr};

use atelier_router::Server;
use axum::http::{HeaderMap, HeaderValue};
use tokio::net::TcpListener;

use crate::identity::CLIENT_IP;

/// Opens a port; `flag` is what sets another.
///
/// # Errors
/// Says what to do when the port is taken.
pub async fn listen(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    let (ip, port) = (address.ip(), address.port());
    TcpListener::bind(address).await.map_err(|cause| match cause.kind() {
        std::io::ErrorKind::AddrInUse => anyhow::anyhow!(
            "port {port} is taken by another program. Stop that program, or choose another port with: {flag} {ip}:PORT"
        ),
        std::io::ErrorKind::PermissionDenied => {
            anyhow::anyhow!("port {port} may only be opened by root. Choose one above 1023 with: {flag} {ip}:PORT")
        }
        _ => anyhow::Error::new(cause).context(format!("cannot listen on {address}")),
    })
}

/// Lets `server` know its clients behind `trusted` proxies.
pub fn knowing_clients(server: Server, trusted: usize) -> Server {
    server
        .behind_proxies(trusted > 0)
        .admit(move |request, peer| note_client(&mut request.headers, peer, trusted))
}

/// Notes the client's address where the rest of the process looks for it, and lets no client say it
/// themselves: behind `trusted` proxies it is the entry that the outermost of them added.
fn note_client(headers: &mut HeaderMap, peer: SocketAddr, trusted: usize) -> IpAddr {
    let forwarded = (trusted > 0)
        .then(|| forwarded_for(headers, trusted))
        .flatten();
    headers.remove(CLIENT_IP);
    let ip = forwarded.unwrap_or_else(|| peer.ip());
    if let Ok(value) = HeaderValue::from_str(&ip.to_string()) {
        headers.insert(CLIENT_IP, value);
    }
    ip
}

fn forwarded_for(headers: &HeaderMap, trusted: usize) -> Option<IpAddr> {
    // Bytes, since what clients wrote to the left of the proxies' entries need not be text.
    let chain: Vec<&[u8]> = headers
        .get_all("x-forwarded-for")
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .collect();
    let at = chain.len().checked_sub(trusted)?;
    address(std::str::from_utf8(chain.get(at)?).ok()?.trim())
}

/// An address as proxies write it: alone, with a port, or in brackets.
fn address(text: &str) -> Option<IpAddr> {
    if let Ok(ip) = text.parse() {
        return Some(ip);
    }
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Some(socket.ip());
    }
    text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{HeaderMap, forwarded_for};

    #[test]
    fn only_entries_of_trusted_proxies_are_believed() {
        let mut headers = HeaderMap::new();
        headers.insert(
            "x-forwarded-for",
            "1.1.1.1, 2.2.2.2, 3.3.3.3".parse().unwrap(),
        );
        assert_eq!(forwarded_for(&headers, 1), "3.3.3.3".parse().ok());
        assert_eq!(forwarded_for(&headers, 2), "2.2.2.2".parse().ok());
        assert_eq!(forwarded_for(&headers, 4), None);
        for (line, believed) in [
            (&b"\xe9, 3.3.3.3"[..], Some("3.3.3.3")),
            (b"1.1.1.1, 3.3.3.3:4711", Some("3.3.3.3")),
            (b"1.1.1.1, [2001:db8::1]", Some("2001:db8::1")),
            (b"1.1.1.1, [2001:db8::1]:4711", Some("2001:db8::1")),
            (b"3.3.3.3, \xe9", None),
        ] {
            let line = super::HeaderValue::from_bytes(line).unwrap();
            headers.insert("x-forwarded-for", line);
            let believed = believed.and_then(|ip| ip.parse().ok());
            assert_eq!(forwarded_for(&headers, 1), believed);
        }
        headers.insert("x-forwarded-for", "nonsense".parse().unwrap());
        assert_eq!(forwarded_for(&headers, 1), None);
    }
}
