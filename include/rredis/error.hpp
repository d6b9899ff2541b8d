// Version, status and errors.
#pragma once

#include <rredis.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace rredis {

using milliseconds = std::chrono::milliseconds;

/// A timeout that waits for ever.
inline constexpr milliseconds for_ever{-1};

// ---- Version ------------------------------------------------------------------------

/// The library's version, such as "8.0.1".
inline std::string_view version() noexcept { return rredis_version(); }

/// The library's version as a number, 0xMMmmpp.
inline std::uint32_t version_number() noexcept { return rredis_version_number(); }

// ---- Status and errors --------------------------------------------------------------

/// The name of a status, such as "TIMEOUT".
inline std::string_view name(rredis_status status) noexcept { return rredis_status_name(status); }

/// The name of an outcome, such as "NOT_SENT".
inline std::string_view name(rredis_outcome outcome) noexcept {
  return rredis_status_outcome_name(outcome);
}

/// A call failed: why, and whether its command ran.
class error : public std::exception {
 public:
  explicit error(const rredis_error &raw) noexcept : raw_(raw) {}

  /// A failure of the program's own, for a callback to throw.
  error(rredis_status status, std::string_view message,
        rredis_outcome outcome = RREDIS_OUTCOME_NONE) noexcept
      : raw_{} {
    raw_.status = status;
    raw_.outcome = outcome;
    message.copy(raw_.message, sizeof raw_.message - 1);
  }

  const char *what() const noexcept override { return raw_.message; }
  rredis_status status() const noexcept { return raw_.status; }
  rredis_outcome outcome() const noexcept { return raw_.outcome; }
  int attempts() const noexcept { return raw_.attempts; }
  int os_error() const noexcept { return raw_.os_error; }

  /// Whether it is certain that the command did not run, so that it can be repeated.
  bool did_not_run() const noexcept {
    return raw_.outcome == RREDIS_OUTCOME_NOT_SENT || raw_.outcome == RREDIS_OUTCOME_REFUSED;
  }

  const rredis_error &raw() const noexcept { return raw_; }

 private:
  rredis_error raw_;
};

/// A reply has another shape than the type it is read as, or its number does not fit. The
/// command ran.
class shape_error : public std::exception {
 public:
  explicit shape_error(std::string message)
      : message_(std::make_shared<const std::string>(std::move(message))) {}
  const char *what() const noexcept override { return message_->c_str(); }

 private:
  std::shared_ptr<const std::string> message_;  // copying an exception must not throw
};

/// A value, or the error in its place: as std::expected of C++23.
template <class T>
class [[nodiscard]] result {
 public:
  result(T value) : held_(std::in_place_index<0>, std::move(value)) {}
  result(const rredis::error &failure) : held_(std::in_place_index<1>, failure) {}

  bool has_value() const noexcept { return held_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  /// The value. Throws the error where there is none.
  T &value() & { return has_value() ? std::get<0>(held_) : throw failed(); }
  const T &value() const & { return has_value() ? std::get<0>(held_) : throw failed(); }
  T &&value() && { return has_value() ? std::get<0>(std::move(held_)) : throw failed(); }

  /// The value, which must be there.
  T &operator*() & noexcept { return *std::get_if<0>(&held_); }
  const T &operator*() const & noexcept { return *std::get_if<0>(&held_); }
  T &&operator*() && noexcept { return std::move(*std::get_if<0>(&held_)); }
  T *operator->() noexcept { return std::get_if<0>(&held_); }
  const T *operator->() const noexcept { return std::get_if<0>(&held_); }

  /// The error, which must be there.
  const rredis::error &error() const & noexcept { return failed(); }
  rredis::error error() && noexcept { return failed(); }

 private:
  const rredis::error &failed() const noexcept { return *std::get_if<1>(&held_); }

  std::variant<T, rredis::error> held_;
};

namespace detail {

/// Owns what a function of the header made, and frees it with Free.
template <auto Free>
struct freed {
  template <class P>
  void operator()(P *raw) const noexcept {
    Free(raw);
  }
};
template <class P, auto Free>
using handle = std::unique_ptr<P, freed<Free>>;

/// A call of the library that is under way on this thread. An exception that leaves a
/// function of the program is kept here while C returns, and is then thrown again.
class call_frame {
 public:
  explicit call_frame(bool is_async = false) noexcept
      : outer_(innermost), is_async_(is_async) {
    innermost = this;
  }
  call_frame(const call_frame &) = delete;
  call_frame &operator=(const call_frame &) = delete;
  ~call_frame() { innermost = outer_; }

  /// Keep the exception that is being handled, for the call that fails because of it.
  static void keep() noexcept {
    if (innermost != nullptr) innermost->thrown_ = std::current_exception();
  }

  /// Keep it for the call to throw whatever its status: the function has none.
  static void keep_whatever() noexcept {
    if (innermost == nullptr) return;
    innermost->thrown_ = std::current_exception();
    innermost->is_due_ = true;
  }

  /// Forget what an earlier try of a transaction threw.
  static void forget() noexcept {
    if (innermost != nullptr) innermost->thrown_ = nullptr;
  }

  /// Whether the innermost call is one of an async.
  static bool in_async() noexcept { return innermost != nullptr && innermost->is_async_; }

  /// Throw what the call failed with, if it failed.
  void check(rredis_status status, const rredis_error &err) {
    if (status != RREDIS_OK || is_due_) fail(status, err);
  }

  /// Throw again what a function of the program threw, if the call ended with it.
  void check_thrown(rredis_status status) {
    const bool ended = status == RREDIS_ERR_CALLBACK || status == RREDIS_ERR_WOKEN;
    if (thrown_ && (is_due_ || ended)) std::rethrow_exception(std::exchange(thrown_, nullptr));
  }

 private:
  void fail(rredis_status status, const rredis_error &err) {
    check_thrown(status);
    if (status != RREDIS_OK) throw error(err);
  }

  static inline thread_local call_frame *innermost = nullptr;

  std::exception_ptr thrown_;
  call_frame *outer_;
  bool is_async_;
  bool is_due_ = false;
};

/// Call f(&err), which calls a function of the header. Throw what it fails with.
template <class F>
void run(F f) {
  call_frame frame;
  rredis_error err;
  const rredis_status status = f(&err);
  frame.check(status, err);
}

/// Call f(&out, &err), and give what it made.
template <class Handle, class F>
Handle made(F f) {
  call_frame frame;
  rredis_error err;
  typename Handle::pointer out = nullptr;
  const rredis_status status = f(&out, &err);
  Handle own(out);
  frame.check(status, err);
  return own;
}

/// What a _new function gave, which is NULL only without memory.
template <class Handle>
Handle allocated(typename Handle::pointer raw) {
  if (raw == nullptr) throw std::bad_alloc();
  return Handle(raw);
}

/// Write the exception that is being handled to err, and give the status that C is told.
inline rredis_status describe_thrown(rredis_error *err, rredis_status status) noexcept {
  try {
    throw;
  } catch (const error &failure) {
    if (failure.status() != RREDIS_OK) status = failure.status();
    *err = failure.raw();
  } catch (const std::exception &failure) {
    *err = error(status, failure.what()).raw();
  } catch (...) {
    *err = error(status, "an exception").raw();
  }
  return status;
}

/// Call a function of the program on behalf of C. What it throws becomes a status, and Keep
/// is whether the call that C returns from throws it again.
template <bool Keep = true, class F>
rredis_status guarded(rredis_error *err, rredis_status status, F f) noexcept {
  try {
    f();
    return RREDIS_OK;
  } catch (...) {
    if constexpr (Keep) call_frame::keep();
    return describe_thrown(err, status);
  }
}

/// A function of the program on the heap, which C frees with drop.
template <class F>
void *keep(F &&f) {
  return new std::decay_t<F>(std::forward<F>(f));
}
template <class F>
void drop(void *f) noexcept {
  delete static_cast<F *>(f);
}

}  // namespace detail
}  // namespace rredis
