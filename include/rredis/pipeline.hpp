// Pipelines, which send many commands in one burst; transactions; and scripts.
#pragma once

#include "client.hpp"

namespace rredis {

class script;

/// Commands that wait for their run. For one thread at a time, except wake.
///
///   auto p = client.pipeline();
///   auto replies = p.add("SET", "a", 1).add("INCR", "a").run();
class pipeline {
 public:
  explicit pipeline(const rredis::client &client)
      : own_(detail::made<handle>([&](rredis_pipeline **out, rredis_error *err) {
          return rredis_pipeline_new(client.raw(), out, err);
        })),
        raw_(own_.get()) {}

  /// A pipeline of C, borrowed.
  explicit pipeline(rredis_pipeline *borrowed) noexcept : raw_(borrowed) {}

  /// Queue a command. Of call, raw, idempotent and data apply to it.
  template <class... T>
  pipeline &add(const T &...args) {
    const detail::arguments_of<T...> all(args...);
    return done([&](rredis_error *err) {
      return rredis_pipeline_add(raw_, all.size(), all.argv(), all.lens(), err);
    });
  }
  template <class... T>
  pipeline &add(const call &how, const T &...args) {
    const detail::arguments_of<T...> all(args...);
    return done([&](rredis_error *err) {
      return rredis_pipeline_add_with(raw_, all.size(), all.argv(), all.lens(), how.flags(),
                                      how.data(), err);
    });
  }

  /// Queue a script, with its keys and its other arguments.
  template <class Keys, class... T>
  pipeline &add(const script &script, const Keys &keys, const T &...args);
  template <class Keys, class... T>
  pipeline &add(const call &how, const script &script, const Keys &keys, const T &...args);

  /// How many commands are queued.
  std::size_t size() const noexcept { return rredis_pipeline_len(raw_); }

  /// Run the queue, and give an ARRAY with one element for each command, in order. The element of
  /// a refused command is an ERROR: reading it as a value throws.
  reply run(rredis_pipeline_mode mode = RREDIS_PIPELINE_PLAIN) {
    return detail::get_reply([&](rredis_reply **out, rredis_error *err) {
      return rredis_pipeline_run(raw_, mode, out, err);
    });
  }
  reply run(const call &how, rredis_pipeline_mode mode = RREDIS_PIPELINE_PLAIN) {
    return detail::get_reply([&](rredis_reply **out, rredis_error *err) {
      return rredis_pipeline_run_with(raw_, mode, how.flags(), how.timeout_ms(), out, err);
    });
  }

  /// Run the queue between MULTI and EXEC: all of it or nothing.
  reply run_atomic() { return run(RREDIS_PIPELINE_ATOMIC); }
  reply run_atomic(const call &how) { return run(how, RREDIS_PIPELINE_ATOMIC); }

  /// Run the queue, and give its replies or its error.
  result<reply> try_run(rredis_pipeline_mode mode = RREDIS_PIPELINE_PLAIN) {
    return detail::try_reply([&](rredis_reply **out, rredis_error *err) {
      return rredis_pipeline_run(raw_, mode, out, err);
    });
  }

  /// Run the queue, and call f(std::size_t index, view reply) with each reply as it arrives. No
  /// reply is kept. What f throws ends the run, and run_each throws it.
  template <class F>
  void run_each(F &&f) {
    run_each(call{}, std::forward<F>(f));
  }
  template <class F>
  void run_each(const call &how, F &&f) {
    using function = std::remove_reference_t<F>;
    const rredis_each_fn each = [](void *data, std::size_t index, const rredis_reply *reply,
                                   rredis_error *err) noexcept {
      return detail::guarded(err, RREDIS_ERR_CALLBACK,
                             [&] { (*static_cast<function *>(data))(index, view(reply)); });
    };
    detail::run([&](rredis_error *err) {
      return rredis_pipeline_run_each(raw_, how.flags(), how.timeout_ms(), each,
                                      const_cast<void *>(static_cast<const void *>(&f)), err);
    });
  }

  /// Watch keys, call f(pipeline &) which reads with command and queues with add, and run the
  /// queue as a transaction. If another client changes a key meanwhile, all this is repeated
  /// until timeout. What f throws gives the transaction up, and transact throws it.
  ///
  ///   p.transact("stock", [](rredis::pipeline &tx) {
  ///     tx.add("SET", "stock", tx.command("GET", "stock").as<int>() - 1);
  ///   });
  template <class Keys, class F>
  reply transact(const Keys &keys, F &&f, milliseconds timeout = for_ever) {
    using function = std::remove_reference_t<F>;
    const rredis_transaction_fn attempt = [](void *data, rredis_pipeline *lent,
                                             rredis_error *err) noexcept {
      detail::call_frame::forget();
      return detail::guarded(err, RREDIS_ERR_CALLBACK, [&] {
        pipeline borrowed(lent);
        (*static_cast<function *>(data))(borrowed);
      });
    };
    const detail::arguments_of<Keys> all(keys);
    return detail::get_reply([&](rredis_reply **out, rredis_error *err) {
      return rredis_pipeline_transact(raw_, all.size(), all.argv(), all.lens(), attempt,
                                      const_cast<void *>(static_cast<const void *>(&f)),
                                      timeout.count(), out, err);
    });
  }

  /// Watch keys: if another client changes one, the next run_atomic fails with
  /// RREDIS_ERR_WATCH.
  template <class... T>
  void watch(const T &...keys) {
    const detail::arguments_of<T...> all(keys...);
    done([&](rredis_error *err) {
      return rredis_pipeline_watch(raw_, all.size(), all.argv(), all.lens(), err);
    });
  }

  /// Send a command at once, on the connection that watches.
  template <class... T>
  reply command(const T &...args) {
    const detail::arguments_of<T...> all(args...);
    return detail::get_reply([&](rredis_reply **out, rredis_error *err) {
      return rredis_pipeline_command(raw_, all.size(), all.argv(), all.lens(), out, err);
    });
  }

  /// The index of the first command that failed in the last run.
  std::optional<std::size_t> failed() const noexcept {
    const std::int64_t index = rredis_pipeline_failed(raw_);
    return index < 0 ? std::nullopt : std::optional<std::size_t>(static_cast<std::size_t>(index));
  }

  /// Empty the queue, and end the watch.
  void clear() noexcept { rredis_pipeline_clear(raw_); }

  /// End the call that waits in another thread: it fails with RREDIS_ERR_WOKEN. Give how many.
  std::size_t wake() const noexcept { return rredis_pipeline_wake(raw_); }

  rredis_pipeline *raw() noexcept { return raw_; }

 private:
  using handle = detail::handle<rredis_pipeline, rredis_pipeline_free>;

  template <class F>
  pipeline &done(F f) {
    return detail::run(f), *this;
  }

  handle own_;
  rredis_pipeline *raw_;
};

inline rredis::pipeline client::pipeline() const { return rredis::pipeline(*this); }

// ---- Scripts ------------------------------------------------------------------------

/// A Lua script, which runs by its digest. Any number of threads may use it.
///
///   rredis::script add("return redis.call('INCRBY', KEYS[1], ARGV[1])");
///   add.run(client, rredis::keys("stock"), 5).as<int>();
class script {
 public:
  explicit script(std::string_view text)
      : own_(detail::made<handle>([&](rredis_script **out, rredis_error *err) {
          return rredis_script_new(text.data(), text.size(), out, err);
        })) {}

  /// 40 hexadecimal digits.
  std::string_view sha() const noexcept { return rredis_script_sha(own_.get()); }

  /// Run it and wait for its reply. keys is one key, a range of keys, or rredis::keys(...).
  template <class Keys, class... T>
  reply run(const client &client, const Keys &keys, const T &...args) const {
    const with_keys<Keys, T...> all(keys, args...);
    return detail::get_reply([&](rredis_reply **out, rredis_error *err) {
      return rredis_script_run(own_.get(), client.raw(), all.keys, all->size(), all->argv(),
                               all->lens(), out, err);
    });
  }
  template <class Keys, class... T>
  reply run(const call &how, const client &client, const Keys &keys, const T &...args) const {
    const with_keys<Keys, T...> all(keys, args...);
    return detail::get_reply([&](rredis_reply **out, rredis_error *err) {
      return run_with(how, client, all, out, err);
    });
  }

  /// Run it, and give its reply or its error.
  template <class Keys, class... T>
  result<reply> try_run(const client &client, const Keys &keys, const T &...args) const {
    return try_run(call{}, client, keys, args...);
  }
  template <class Keys, class... T>
  result<reply> try_run(const call &how, const client &client, const Keys &keys,
                        const T &...args) const {
    const with_keys<Keys, T...> all(keys, args...);
    return detail::try_reply([&](rredis_reply **out, rredis_error *err) {
      return run_with(how, client, all, out, err);
    });
  }

  const rredis_script *raw() const noexcept { return own_.get(); }

 private:
  friend class pipeline;
  using handle = detail::handle<rredis_script, rredis_script_free>;

  /// The arguments, and how many of them are keys.
  template <class Keys, class... T>
  struct with_keys {
    using arguments = detail::arguments_of<Keys, detail::count_here, T...>;

    with_keys(const Keys &first, const T &...rest)
        : all(first, detail::count_here{&keys}, rest...) {}
    const arguments *operator->() const noexcept { return &all; }

    std::size_t keys = 0;
    arguments all;
  };

  template <class All>
  rredis_status run_with(const call &how, const client &client, const All &all,
                         rredis_reply **out, rredis_error *err) const noexcept {
    return rredis_script_run_with(own_.get(), client.raw(), all.keys, all->size(), all->argv(),
                                  all->lens(), how.flags(), how.timeout_ms(), how.data(), out,
                                  err);
  }

  handle own_;
};

template <class Keys, class... T>
pipeline &pipeline::add(const script &script, const Keys &keys, const T &...args) {
  const rredis::script::with_keys<Keys, T...> all(keys, args...);
  return done([&](rredis_error *err) {
    return rredis_script_add(script.raw(), raw_, all.keys, all->size(), all->argv(), all->lens(),
                             err);
  });
}

template <class Keys, class... T>
pipeline &pipeline::add(const call &how, const script &script, const Keys &keys,
                        const T &...args) {
  const rredis::script::with_keys<Keys, T...> all(keys, args...);
  return done([&](rredis_error *err) {
    return rredis_script_add_with(script.raw(), raw_, all.keys, all->size(), all->argv(),
                                  all->lens(), how.flags(), how.data(), err);
  });
}

}  // namespace rredis
