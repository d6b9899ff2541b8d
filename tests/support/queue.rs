//! A listener that lets nobody in.

use socket2::{Domain, SockAddr, Socket, Type};

/// A listener whose queue is full, so that nobody else gets in, with what fills it.
pub fn full_queue(domain: Domain, address: &SockAddr) -> (Socket, Vec<Socket>) {
    let listener = Socket::new(domain, Type::STREAM, None).expect("a socket");
    listener.bind(address).expect("a free address");
    listener.listen(0).expect("it listens");
    let address = listener.local_addr().expect("it has an address");
    let waiting = (0..4).map(|_| {
        let socket = Socket::new(domain, Type::STREAM, None).expect("a socket");
        socket.set_nonblocking(true).expect("it can be");
        // In progress, or no room left: either is what is wanted.
        let _ = socket.connect(&address);
        socket
    });
    let waiting = waiting.collect();
    (listener, waiting)
}
