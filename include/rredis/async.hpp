// A connection for an event loop of yours, without a thread and without a call that waits.
#pragma once

#include <functional>

#include "client.hpp"

namespace rredis {

/// Sends commands from an event loop. For one thread.
///
///   rredis::async loop(client);
///   loop.submit([](rredis::result<rredis::reply> r) { ... }, "GET", "key");
///   while (loop.size() > 0) {
///     pollfd watched{loop.fd(), POLLIN, 0};
///     poll(&watched, 1, -1);
///     loop.run();
///   }
class async {
 public:
  explicit async(const rredis::client &client)
      : own_(detail::made<handle>([&](rredis_async **out, rredis_error *err) {
          return rredis_async_new(client.raw(), out, err);
        })),
        state_(std::make_unique<state>()) {}

  async(async &&) noexcept = default;
  async &operator=(async &&) noexcept = default;

  /// Accept a command. run calls f(result<reply>) once, with its reply or its error, except if the
  /// async is destroyed before.
  template <class F, class... T>
  void submit(F f, const T &...args) {
    submit(call{}, std::move(f), args...);
  }
  template <class F, class... T>
  void submit(const call &how, F f, const T &...args) {
    const detail::arguments_of<T...> all(args...);
    auto waits = std::make_unique<waiting_for<F>>(std::move(f));
    waits->data = how.data();
    detail::run([&](rredis_error *err) {
      return rredis_async_submit(own_.get(), all.size(), all.argv(), all.lens(), how.flags(),
                                 how.timeout_ms(), as_data(waits.get()), err);
    });
    state_->add(waits.release());
  }

  /// How many accepted commands have not completed.
  std::size_t size() const noexcept { return state_->size; }

  /// Receive pushes and messages with f(view).
  template <class F>
  void on_push(F &&f) {
    state_->on_push = std::forward<F>(f);
  }

  /// Receive failures that belong to no command, such as a connect that failed, with
  /// f(const error &).
  template <class F>
  void on_failure(F &&f) {
    state_->on_failure = std::forward<F>(f);
  }

  /// The descriptor to poll for reading. It is readable when run has work.
  int fd() const noexcept { return rredis_async_fd(own_.get()); }

  /// What to poll it for: always RREDIS_READY_READ.
  std::uint32_t wants() const noexcept { return rredis_async_wants(own_.get()); }

  /// The time until the next timeout makes the descriptor readable. A loop does not need it.
  std::optional<milliseconds> deadline() const noexcept {
    const std::int64_t time = rredis_async_deadline_ms(own_.get());
    return time < 0 ? std::nullopt : std::optional<milliseconds>(time);
  }

  /// One round: step, and then complete all that has arrived. Give how many completed, pushes
  /// among them.
  std::size_t run(std::uint32_t ready = RREDIS_READY_READ) {
    step(ready);
    std::size_t count = 0;
    while (complete()) count++;
    return count;
  }

  /// Do the work that is due: connect, write, check timeouts.
  void step(std::uint32_t ready = RREDIS_READY_READ) {
    detail::call_frame frame(true);
    rredis_error err;
    const rredis_status status = rredis_async_step(own_.get(), ready, &err);
    frame.check(status, err);
  }

  /// Complete the next command, or pass on the next push. False: no more has arrived. What its
  /// function throws, this throws; the rest waits for the next call.
  bool complete();

  rredis_async *raw() noexcept { return own_.get(); }

 private:
  using handle = detail::handle<rredis_async, rredis_async_free>;

  /// An accepted command, in a ring of all.
  struct waiting : detail::completion {
    virtual ~waiting() = default;
    virtual void done(result<reply> became) = 0;

    waiting *before = this;
    waiting *after = this;
  };

  template <class F>
  struct waiting_for final : waiting {
    explicit waiting_for(F given) : f(std::move(given)) {}
    void done(result<reply> became) override { f(std::move(became)); }

    F f;
  };

  /// What must stay where it is when the async moves.
  struct state {
    state() = default;
    state(const state &) = delete;
    state &operator=(const state &) = delete;
    ~state() {
      while (ring.after != &ring) delete take(ring.after);
    }

    void add(waiting *added) noexcept {
      added->before = ring.before;
      added->after = &ring;
      ring.before->after = added;
      ring.before = added;
      size++;
    }
    waiting *take(waiting *taken) noexcept {
      taken->before->after = taken->after;
      taken->after->before = taken->before;
      size--;
      return taken;
    }

    struct : waiting {
      void done(result<reply>) override {}
    } ring;
    std::size_t size = 0;
    std::function<void(view)> on_push;
    std::function<void(const error &)> on_failure;
  };

  // What is given to C is a completion, as response callbacks expect it.
  static void *as_data(detail::completion *waits) noexcept { return waits; }
  static waiting *from_data(void *data) noexcept {
    return static_cast<waiting *>(static_cast<detail::completion *>(data));
  }

  handle own_;
  std::unique_ptr<state> state_;  // freed first: no completion is told after that
};

inline bool async::complete() {
  rredis_error err;
  rredis_reply *out = nullptr;
  void *data = nullptr;
  detail::call_frame frame(true);
  const rredis_status status = rredis_async_next(own_.get(), &out, &data, &err);
  if (status == RREDIS_ERR_AGAIN) return false;
  reply own(out);
  if (data != nullptr) {
    const std::unique_ptr<waiting> waits(state_->take(from_data(data)));
    waits->done(status == RREDIS_OK ? result<reply>(std::move(own)) : result<reply>(error(err)));
  } else if (status == RREDIS_OK) {
    if (state_->on_push) state_->on_push(view(own));
  } else if (status == RREDIS_ERR_FORKED || status == RREDIS_ERR_PANIC) {
    throw error(err);
  } else if (state_->on_failure) {
    state_->on_failure(error(err));
  }
  frame.check_thrown(RREDIS_OK);
  return true;
}

inline rredis::async client::async() const { return rredis::async(*this); }

}  // namespace rredis
