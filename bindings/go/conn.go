package rredis

// #include "bridge.h"
import "C"

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"
	"unsafe"
)

// Conn is a connection for a single owner, for commands that a pool cannot serve: SELECT, MONITOR, CLIENT REPLY. Calls of
// several goroutines wait for each other.
type Conn struct {
	handle
	mutex   sync.Mutex
	p       *C.rredis_conn
	timeout time.Duration
}

// Conn leases a connection and keeps it. If the context is done before there is one, it is given back when there is.
func (c *Client) Conn(ctx context.Context) (*Conn, error) {
	conn := &Conn{timeout: c.timeout}
	err := detached(ctx, func() error {
		if !c.enter() {
			return errClosed
		}
		defer c.left()
		k := newCall()
		defer k.rest()
		var p *C.rredis_conn
		if err := k.done(ctx, C.go_conn_new(c.p, &p, k.c)); err != nil {
			return err
		}
		conn.p = p
		conn.open()
		runtime.SetFinalizer(conn, (*Conn).Close)
		return nil
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
	timeout := C.int64_t(-1)
	if deadline, has := ctx.Deadline(); has {
		timeout = milliseconds(time.Until(deadline))
		if timeout < 0 {
			timeout = 0
		}
	}
	reply, err := c.call(ctx, Call{}, nil, func(k *call) C.int32_t { return C.go_conn_receive(c.p, k.c, timeout) })
	var failed *Error
	if errors.As(err, &failed) && failed.Status == ErrAgain && failed.Cause == nil {
		failed.Cause = context.DeadlineExceeded
	}
	return reply, err
}

func (c *Conn) call(ctx context.Context, how Call, args []any, made func(k *call) C.int32_t) (any, error) {
	k := newCall()
	defer k.rest()
	if err := k.limit(ctx, how, c.timeout); err != nil {
		return nil, err
	}
	if err := k.args(args); err != nil {
		return nil, err
	}
	k.seal()
	if !c.enter() {
		return nil, errClosed
	}
	defer c.left()
	c.mutex.Lock()
	k.watch(ctx, wakesConn, unsafe.Pointer(c.p))
	status := made(k)
	k.unwatch()
	c.mutex.Unlock()
	if err := k.done(ctx, status); err != nil {
		return nil, err
	}
	return k.value(), nil
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
