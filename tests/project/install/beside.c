// A program with two archives that were written in Rust: each of them does its work, and each catches its own panics.

#include <rredis.h>
#include <stdint.h>
#include <stdio.h>

int64_t guest_hundred_over(int64_t number);

int main(void) {
  rredis_error err;
  rredis_options *options = rredis_options_new();
  rredis_status status = rredis_options_set_url(options, "redis://[", 9, &err);
  printf("%s %lld %lld\n", rredis_status_name(status), (long long)guest_hundred_over(5), (long long)guest_hundred_over(0));
  rredis_options_free(options);
  return 0;
}
