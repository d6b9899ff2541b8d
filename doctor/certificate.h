// The certificate that a TLS server shows, before anybody has verified it. The library tells whether it is to be trusted;
// this tells what stands in it.
#ifndef CERTIFICATE_H
#define CERTIFICATE_H

typedef struct certificate {
  char subject[128];  // the name of whom it is for
  char issuer[128];   // the name of who signed it
  char until[32];     // when it ends, such as "2027-01-31 12:00 UTC"
  double days;        // how many days there are until then; negative: it has ended
} certificate;

// Begin a handshake of TLS 1.2 on a connected socket that does not wait, and read the server's first certificate; the
// connection is of no use afterwards. 0: the server did not show one, since it speaks no TLS, or only TLS 1.3.
int certificate_of(int fd, const char *host, certificate *out);

#endif
