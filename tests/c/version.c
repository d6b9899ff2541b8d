// The library that was loaded is the one the header describes.
#include "check.h"

int main(int argc, char **argv) {
  check_begin(argc, argv);

  uint32_t number = rredis_version_number();
  CHECK(number == (uint32_t)RREDIS_VERSION_OF_HEADER);

  char text[32];
  snprintf(text, sizeof text, "%u.%u.%u", number >> 16, number >> 8 & 0xff, number & 0xff);
  CHECK(strcmp(rredis_version(), text) == 0);
  CHECK(rredis_version() == rredis_version());
  return 0;
}
