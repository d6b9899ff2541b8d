// What the C++ tests share: a check that is never compiled away, and what a call throws.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <rredis.hpp>
#include <string>

#define CHECK(...) \
  ((__VA_ARGS__) ? (void)0 : (std::printf("%s:%d: %s\n", __FILE__, __LINE__, #__VA_ARGS__), std::exit(1)))

/// The status that a call throws; RREDIS_OK: it throws nothing.
template <class F>
rredis_status status_of(F f) {
  try {
    f();
    return RREDIS_OK;
  } catch (const rredis::error &failure) {
    return failure.status();
  }
}

/// Whether a call throws an exception of this very type; what tells what() says, if anything.
template <class Thrown, class F>
bool throws(F f) {
  try {
    f();
    return false;
  } catch (const Thrown &) {
    return true;
  }
}

/// What a call throws says.
template <class F>
std::string said(F f) {
  try {
    f();
    return "nothing";
  } catch (const std::exception &failure) {
    return failure.what();
  }
}

/// The private server of the test: argv is HOST PORT PATH.
inline std::string url(char **argv) { return std::string("redis://") + argv[1] + ":" + argv[2]; }
