package rredis

// #include "bridge.h"
import "C"

import (
	"context"
	"runtime"
	"time"
	"unsafe"
)

// Message is what a subscriber receives. Its Kind is "message", "pmessage", "smessage", "gap", or with
// OptionPubsubConfirmations "subscribe" and the like.
type Message struct {
	Kind    string
	Pattern string        // of a pmessage
	Channel string        // of a message; the name of a confirmation
	Payload string        // of a message; the reason of a gap
	Count   int64         // of a confirmation
	Missed  time.Duration // of a gap: the longest time for which messages may be missing
}

// Subscriber receives the messages of channels, on a connection of its own. One goroutine waits in Next or Run; meanwhile
// others may subscribe, unsubscribe and publish.
type Subscriber struct {
	handle
	p       *C.rredis_pubsub
	timeout time.Duration
}

// Subscriber makes a subscriber. It connects at its first subscription.
func (c *Client) Subscriber() (*Subscriber, error) {
	if !c.enter() {
		return nil, errClosed
	}
	defer c.left()
	k := newCall()
	defer k.rest()
	s := &Subscriber{timeout: c.timeout}
	if status := C.rredis_pubsub_new(c.p, &s.p, &k.c.err); status != C.RREDIS_OK {
		return nil, k.failure(C.int32_t(status))
	}
	s.open()
	runtime.SetFinalizer(s, (*Subscriber).Close)
	return s, nil
}

// Subscribe subscribes to channels. The first subscription connects; if the context is done before that, the connect goes on
// by itself for OptionConnectTimeout at most.
func (s *Subscriber) Subscribe(ctx context.Context, channels ...string) error {
	return s.change(ctx, 1, TopicChannel, channels)
}

// SubscribeTo subscribes to channels, patterns or shard channels.
func (s *Subscriber) SubscribeTo(ctx context.Context, topic Topic, names ...string) error {
	return s.change(ctx, 1, topic, names)
}

// Unsubscribe unsubscribes from names, or from all names of the topic.
func (s *Subscriber) Unsubscribe(ctx context.Context, topic Topic, names ...string) error {
	return s.change(ctx, 0, topic, names)
}

func (s *Subscriber) change(ctx context.Context, on C.int, topic Topic, names []string) error {
	return detached(ctx, func() error {
		if !s.enter() {
			return errClosed
		}
		defer s.left()
		k := newCall()
		defer k.rest()
		for _, name := range names {
			k.text(name)
		}
		k.seal()
		return k.done(context.Background(), C.go_pubsub_change(s.p, on, C.rredis_topic(topic), k.c))
	}, func() {})
}

// On sets a function (a handler) that Next and Run call with the messages of a name; nil removes it. This does not subscribe.
func (s *Subscriber) On(topic Topic, name string, function func(m Message)) error {
	if !s.enter() {
		return errClosed
	}
	defer s.left()
	k := newCall()
	defer k.rest()
	k.only(name)
	var handle C.uintptr_t
	if function != nil {
		handle = handleOf(func(reply any) { function(message(reply)) })
	}
	if status := C.go_pubsub_on(s.p, C.rredis_topic(topic), handle, k.c); status != C.RREDIS_OK {
		return k.failure(status)
	}
	return nil
}

// Next waits for the next message that has no handler, or the next gap. Without a deadline it waits for ever.
func (s *Subscriber) Next(ctx context.Context) (Message, error) {
	k := newCall()
	defer k.rest()
	err := s.wait(ctx, k, func(timeout C.int64_t) C.int32_t { return C.go_pubsub_next(s.p, timeout, k.c) })
	if err != nil {
		return Message{}, err
	}
	return message(value(k.c.reply)), nil
}

// Run passes messages to their handlers until the context is done, and gives its error, or ErrWoken after Close.
func (s *Subscriber) Run(ctx context.Context) error {
	k := newCall()
	defer k.rest()
	return s.wait(ctx, k, func(timeout C.int64_t) C.int32_t {
		status := C.go_pubsub_run(s.p, timeout, k.c)
		if status == C.RREDIS_OK {
			k.c.err = C.rredis_error{status: C.RREDIS_ERR_WOKEN}
			return C.RREDIS_ERR_WOKEN
		}
		return status
	})
}

// wait waits until the context is done. A wake that came too late for an earlier call ends this one: it waits again.
func (s *Subscriber) wait(ctx context.Context, k *call, made func(timeout C.int64_t) C.int32_t) error {
	if !s.enter() {
		return errClosed
	}
	defer s.left()
	for {
		if err := ctx.Err(); err != nil {
			return &Error{Status: ErrWoken, Message: "the context was done", Cause: err}
		}
		k.watch(ctx, wakesPubsub, unsafe.Pointer(s.p))
		status := made(until(ctx))
		k.unwatch()
		caught := k.caught()
		if status == C.RREDIS_ERR_WOKEN && ctx.Err() == nil && !s.closed.Load() && len(caught) == 0 {
			continue
		}
		k.timed = status == C.RREDIS_ERR_AGAIN
		err := k.finished(ctx, status, caught)
		if failed, is := err.(*Error); is && failed.Status == ErrAgain {
			failed.Status, failed.Cause = ErrTimeout, context.DeadlineExceeded
		}
		return err
	}
}

// Close ends the wait under way, and closes the connection.
func (s *Subscriber) Close() {
	if s.close() {
		runtime.SetFinalizer(s, nil)
		s.drain(func() { C.rredis_pubsub_wake(s.p) }, s.left)
	}
}

func (s *Subscriber) left() {
	if s.leave() {
		C.rredis_pubsub_free(s.p)
	}
}

func message(reply any) Message {
	list, _ := reply.([]any)
	var m Message
	if len(list) != 4 {
		return m
	}
	m.Kind, _ = list[0].(string)
	m.Pattern, _ = list[1].(string)
	m.Channel, _ = list[2].(string)
	m.Payload, _ = list[3].(string)
	number, _ := list[3].(int64)
	if m.Kind == "gap" {
		m.Channel, m.Payload, m.Missed = "", m.Channel, time.Duration(number)*time.Millisecond
	} else {
		m.Count = number
	}
	return m
}
