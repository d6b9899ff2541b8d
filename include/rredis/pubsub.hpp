// Publish and subscribe.
#pragma once

#include "client.hpp"

namespace rredis {

/// What a subscriber receives. One that next gives owns its texts; one that a handler is given is
/// valid until the handler returns.
class message {
 public:
  explicit message(reply owned) : own_(std::move(owned)), node_(*own_) {}
  explicit message(const rredis_reply *borrowed) noexcept : node_(borrowed) {}

  /// "message", "pmessage", "smessage", "gap", or with RREDIS_OPTION_PUBSUB_CONFIRMATIONS
  /// "subscribe" and the like.
  std::string_view kind() const & noexcept { return part(0).text(); }
  /// The pattern of a "pmessage"; empty otherwise.
  std::string_view pattern() const & noexcept { return part(1).text(); }
  std::string_view channel() const & noexcept { return part(2).text(); }
  std::string_view payload() const & noexcept { return part(3).text(); }

  /// Whether it is no message: the connection was lost, and messages may be missing.
  bool is_gap() const noexcept { return part(0).text() == "gap"; }
  /// Of a gap, why.
  std::string_view reason() const & noexcept { return part(2).text(); }
  /// Of a gap, the longest time for which messages may be missing.
  milliseconds missing() const noexcept { return milliseconds(part(3).raw()->integer); }
  /// Of a confirmation, how many subscriptions there are.
  std::int64_t count() const noexcept { return part(3).raw()->integer; }

  view raw() const & noexcept { return node_; }

 private:
  view part(std::size_t index) const noexcept { return view(node_.raw()->elements + index); }

  std::optional<reply> own_;
  view node_;
};

/// A subscriber. One thread receives with next or run; any other may call the rest meanwhile.
class pubsub {
 public:
  explicit pubsub(const rredis::client &client)
      : own_(detail::made<handle>([&](rredis_pubsub **out, rredis_error *err) {
          return rredis_pubsub_new(client.raw(), out, err);
        })) {}

  /// Subscribe to channels, or with a topic to patterns or shard channels.
  template <class... T>
  void subscribe(const T &...names) const {
    subscribe(RREDIS_TOPIC_CHANNEL, names...);
  }
  template <class... T>
  void subscribe(rredis_topic topic, const T &...names) const {
    const detail::arguments_of<T...> all(names...);
    detail::run([&](rredis_error *err) {
      return rredis_pubsub_subscribe(own_.get(), topic, all.size(), all.argv(), all.lens(), err);
    });
  }

  /// Unsubscribe. Without names: from all of the topic.
  template <class... T>
  void unsubscribe(const T &...names) const {
    unsubscribe(RREDIS_TOPIC_CHANNEL, names...);
  }
  template <class... T>
  void unsubscribe(rredis_topic topic, const T &...names) const {
    const detail::arguments_of<T...> all(names...);
    detail::run([&](rredis_error *err) {
      return rredis_pubsub_unsubscribe(own_.get(), topic, all.size(), all.argv(), all.lens(),
                                       err);
    });
  }

  /// Set a handler f(const message &) that next and run call with the messages of a name. This
  /// does not subscribe. What it throws, they throw.
  template <class F>
  void on(rredis_topic topic, std::string_view name, F &&f) const {
    using function = guarded_handler<std::decay_t<F>>;
    set(topic, name, detail::receive<message, function>,
        new function{std::forward<F>(f), own_.get()}, detail::drop<function>);
  }
  template <class F>
  void on(std::string_view channel, F &&f) const {
    on(RREDIS_TOPIC_CHANNEL, channel, std::forward<F>(f));
  }

  /// Remove the handler of a name.
  void remove_handler(rredis_topic topic, std::string_view name) const {
    set(topic, name, nullptr, nullptr, nullptr);
  }
  void remove_handler(std::string_view channel) const {
    remove_handler(RREDIS_TOPIC_CHANNEL, channel);
  }

  /// The next message that has no handler, or the next gap. Nothing: none came within timeout, or
  /// wake was called.
  std::optional<message> next(milliseconds timeout = for_ever) const {
    detail::call_frame frame;
    rredis_error err;
    rredis_reply *out = nullptr;
    const rredis_status status = rredis_pubsub_next(own_.get(), timeout.count(), &out, &err);
    reply own(out);
    frame.check_thrown(status);
    if (status == RREDIS_ERR_AGAIN || status == RREDIS_ERR_WOKEN) return std::nullopt;
    frame.check(status, err);
    return message(std::move(own));
  }

  /// Pass messages to their handlers. True: wake ended it. False: timeout is over.
  bool run(milliseconds timeout = for_ever) const {
    detail::call_frame frame;
    rredis_error err;
    const rredis_status status = rredis_pubsub_run(own_.get(), timeout.count(), &err);
    frame.check_thrown(status);
    if (status == RREDIS_ERR_AGAIN) return false;
    frame.check(status, err);
    return true;
  }

  /// Call f(const message &) with each message and gap, until it gives false or wake is called.
  template <class F>
  void loop(F &&f) const {
    while (const std::optional<message> each = next()) {
      if (!f(*each)) return;
    }
  }

  /// Publish a message, and give the number of subscribers that it reached.
  std::int64_t publish(std::string_view channel, std::string_view text) const {
    std::int64_t receivers = 0;
    detail::run([&](rredis_error *err) {
      return rredis_pubsub_publish(own_.get(), channel.data(), channel.size(), text.data(),
                                   text.size(), &receivers, err);
    });
    return receivers;
  }

  /// A descriptor to poll for reading. When it is readable, call next(0ms) until it gives nothing.
  int fd() const noexcept { return rredis_pubsub_fd(own_.get()); }

  /// End the next or run that waits in another thread, or else the one that begins next.
  void wake() const noexcept { rredis_pubsub_wake(own_.get()); }

  const rredis_pubsub *raw() const noexcept { return own_.get(); }

 private:
  using handle = detail::handle<rredis_pubsub, rredis_pubsub_free>;

  /// A handler that ends the call it is called in if it throws.
  template <class F>
  struct guarded_handler {
    F f;
    const rredis_pubsub *of;

    void operator()(const message &given) {
      try {
        f(given);
      } catch (...) {
        rredis_pubsub_wake(of);
        throw;
      }
    }
  };

  void set(rredis_topic topic, std::string_view name, rredis_reply_fn function, void *data,
           rredis_free_fn data_free) const {
    detail::run([&](rredis_error *err) {
      return rredis_pubsub_on(own_.get(), topic, name.data(), name.size(), function, data,
                              data_free, err);
    });
  }

  handle own_;
};

inline rredis::pubsub client::pubsub() const { return rredis::pubsub(*this); }

}  // namespace rredis
