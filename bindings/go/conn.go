package rredis

// #include "bridge.h"
import "C"

import (
	"context"
	"errors"
	"runtime"
	"time"
	"unsafe"
)

// Conn is a connection for a single owner, for commands that a pool cannot serve: SELECT, MONITOR, CLIENT REPLY. Calls of
// several goroutines wait for each other. One of a callback that the connection's own call is in is ErrState.
type Conn struct {
	handle
	taken   chan struct{} // has room for one: the call that has the connection
	p       *C.rredis_conn
	timeout time.Duration
}

// Conn leases a connection and keeps it. If the context is done before there is one, it is given back when there is.
func (c *Client) Conn(ctx context.Context) (*Conn, error) {
	conn := &Conn{timeout: c.timeout, taken: make(chan struct{}, 1)}
	err := c.detached(ctx, func(k *call) C.int32_t {
		status := C.go_conn_new(c.p, &conn.p, k.c)
		if status == C.RREDIS_OK {
			conn.open()
			runtime.SetFinalizer(conn, (*Conn).Close)
		}
		return status
	}, conn.Close)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// Do runs a command. A command that the server answers with pushes (SUBSCRIBE), or not at all, gives nil.
func (c *Conn) Do(ctx context.Context, args ...any) (any, error) {
	return c.DoWith(ctx, Call{}, args...)
}

// DoWith runs a command in another way than Do.
func (c *Conn) DoWith(ctx context.Context, how Call, args ...any) (any, error) {
	return c.call(ctx, how, args, func(k *call) C.int32_t { return C.go_conn_command(c.p, k.c) })
}

// Send sends a command, whose reply Receive gives.
func (c *Conn) Send(ctx context.Context, args ...any) error { return c.send(ctx, 0, args) }

// Queue queues a command, whose reply Receive gives. The next Send or Receive writes all queued commands at once.
func (c *Conn) Queue(ctx context.Context, args ...any) error {
	return c.send(ctx, C.RREDIS_CALL_MORE, args)
}

func (c *Conn) send(ctx context.Context, flags C.uint32_t, args []any) error {
	_, err := c.call(ctx, Call{}, args, func(k *call) C.int32_t {
		k.c.kind = C.RREDIS_REPLY_NULL
		return C.go_conn_send(c.p, k.c, flags)
	})
	return err
}

// Receive gives the next reply, push or line of MONITOR, in order of arrival. A server's error is an *Error among the replies.
// The connection is unchanged if the context ends the wait.
func (c *Conn) Receive(ctx context.Context) (any, error) {
	reply, err := c.call(ctx, Call{}, nil, func(k *call) C.int32_t { return C.go_conn_receive(c.p, k.c, until(ctx)) })
	var failed *Error
	if errors.As(err, &failed) && failed.Status == ErrAgain && failed.Cause == nil {
		failed.Cause = context.DeadlineExceeded
	}
	return reply, err
}

func (c *Conn) call(ctx context.Context, how Call, args []any, made func(k *call) C.int32_t) (any, error) {
	k := newCall()
	defer k.rest()
	if err := k.args(args); err != nil {
		return nil, err
	}
	k.seal()
	if !c.enter() {
		return nil, errClosed
	}
	defer c.left()
	if err := c.take(ctx); err != nil {
		return nil, err
	}
	status, err := c.alone(ctx, how, k, made)
	<-c.taken
	if err == nil {
		err = k.done(ctx, status)
	}
	if err != nil {
		return nil, err
	}
	return k.value(), nil
}

// alone makes a call while the connection is taken for it. Its time begins here.
func (c *Conn) alone(ctx context.Context, how Call, k *call, made func(k *call) C.int32_t) (C.int32_t, error) {
	if c.closed.Load() {
		return 0, errClosed
	}
	if err := k.limit(ctx, how, c.timeout); err != nil {
		return 0, err
	}
	k.c.conn = c.p
	k.watch(ctx, wakesConn, unsafe.Pointer(c.p))
	status := made(k)
	k.unwatch()
	k.c.conn = nil
	return status, nil
}

// take waits until no other call has the connection.
func (c *Conn) take(ctx context.Context) error {
	select {
	case c.taken <- struct{}{}:
		return nil
	default:
	}
	if callback, is := callbacks.Load(c.p); is && callback == goroutine() {
		return refused(ErrState, "the connection is in use by the call that this callback is called from")
	}
	select {
	case c.taken <- struct{}{}:
		return nil
	case <-ctx.Done():
		return doneBefore(ctx)
	}
}

// Close ends the call under way, and gives the connection back, or closes it if a command has changed it.
func (c *Conn) Close() {
	if c.close() {
		runtime.SetFinalizer(c, nil)
		c.drain(func() { C.rredis_conn_wake(c.p) }, c.left)
	}
}

func (c *Conn) left() {
	if c.leave() {
		C.rredis_conn_free(c.p)
	}
}
