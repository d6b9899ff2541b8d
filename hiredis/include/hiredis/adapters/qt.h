// Qt's event loop for an asynchronous context: a RedisQtAdapter, and setContext once after the context was made. It needs no
// moc, and Qt 5 or newer.
#ifndef RREDIS_HIREDIS_QT_H
#define RREDIS_HIREDIS_QT_H

#include <QObject>
#include <QSocketNotifier>
#include <QTimer>

#include "../async.h"

class RedisQtAdapter : public QObject {
 public:
  explicit RedisQtAdapter(QObject *parent = nullptr) : QObject(parent) {}

  // The adapter goes before the context: nothing watches it any longer.
  ~RedisQtAdapter() override {
    if (context_ != nullptr) context_->ev = decltype(context_->ev)();
    drop();
  }

  // REDIS_ERR: the context is attached already, or the adapter has one.
  int setContext(redisAsyncContext *ac) {
    if (ac->ev.data != nullptr || context_ != nullptr) return REDIS_ERR;
    context_ = ac;
    read_ = new QSocketNotifier(ac->c.fd, QSocketNotifier::Read, this);
    write_ = new QSocketNotifier(ac->c.fd, QSocketNotifier::Write, this);
    timer_ = new QTimer(this);
    timer_->setSingleShot(true);
    read_->setEnabled(false);
    write_->setEnabled(false);
    // The context may end in any of these, which drops what has called it.
    connect(read_, &QSocketNotifier::activated, this, [this] { handle(redisAsyncHandleRead); });
    connect(write_, &QSocketNotifier::activated, this, [this] { handle(redisAsyncHandleWrite); });
    connect(timer_, &QTimer::timeout, this, [this] { handle(redisAsyncHandleTimeout); });
    ac->ev.data = this;
    ac->ev.addRead = [](void *adapter) { of(adapter)->read_->setEnabled(true); };
    ac->ev.delRead = [](void *adapter) { of(adapter)->read_->setEnabled(false); };
    ac->ev.addWrite = [](void *adapter) { of(adapter)->write_->setEnabled(true); };
    ac->ev.delWrite = [](void *adapter) { of(adapter)->write_->setEnabled(false); };
    ac->ev.scheduleTimer = [](void *adapter, struct timeval time) {
      of(adapter)->timer_->start(static_cast<int>(time.tv_sec * 1000 + (time.tv_usec + 999) / 1000));
    };
    ac->ev.cleanup = [](void *adapter) { of(adapter)->drop(); };
    return REDIS_OK;
  }

 private:
  static RedisQtAdapter *of(void *adapter) { return static_cast<RedisQtAdapter *>(adapter); }

  void handle(void (*function)(redisAsyncContext *)) {
    if (context_ != nullptr) function(context_);
  }

  void drop() {
    context_ = nullptr;
    if (read_ == nullptr) return;
    read_->setEnabled(false);
    write_->setEnabled(false);
    timer_->stop();
    read_->deleteLater();
    write_->deleteLater();
    timer_->deleteLater();
    read_ = write_ = nullptr;
    timer_ = nullptr;
  }

  redisAsyncContext *context_ = nullptr;
  QSocketNotifier *read_ = nullptr, *write_ = nullptr;
  QTimer *timer_ = nullptr;
};

#endif
