package rredis

// #include "bridge.h"
import "C"

import (
	"context"
	"sync"
	"time"
	"unsafe"
)

// A context ends a call that waits in C: somebody else has to wake it. A goroutine for each call would cost more than most
// calls take. So a call with a context is listed while it is young, and a goroutine of its own waits beside it only once it
// has lasted for a turn of the list's goroutine. That goroutine ends when no call has been listed for a while.

const turn = 2 * time.Millisecond

type wakes int

const (
	wakesClient wakes = iota
	wakesConn
	wakesPipeline
	wakesPubsub
)

// watched is what is known of a call that a context may end.
type watched struct {
	ctx    context.Context
	kind   wakes
	handle unsafe.Pointer
	at     int // its place among the young
	seen   bool
	old    *old
}

// old is the goroutine beside a call that lasts.
type old struct{ back, over chan struct{} }

var young struct {
	sync.Mutex
	calls   []*call
	running bool
}

// watch begins to look after a call of the handle.
func (k *call) watch(ctx context.Context, kind wakes, handle unsafe.Pointer) {
	if ctx.Done() == nil {
		return
	}
	k.ctx, k.kind, k.handle, k.seen = ctx, kind, handle, false
	young.Lock()
	k.at = len(young.calls)
	young.calls = append(young.calls, k)
	if !young.running {
		young.running = true
		go grow()
	}
	young.Unlock()
}

// unwatch is called when the call is back. Nobody wakes it afterwards, so that its handle may be freed.
func (k *call) unwatch() {
	if k.ctx == nil {
		return
	}
	young.Lock()
	o := k.old
	if o == nil {
		k.leave()
	}
	young.Unlock()
	if o != nil {
		close(o.back)
		<-o.over
	}
	k.ctx, k.old, k.handle = nil, nil, nil
}

// leave takes a call off the list, which is locked.
func (k *call) leave() {
	last := len(young.calls) - 1
	young.calls[k.at] = young.calls[last]
	young.calls[k.at].at = k.at
	young.calls[last] = nil
	young.calls = young.calls[:last]
}

func grow() {
	for idle := 0; ; {
		time.Sleep(turn)
		young.Lock()
		idle++
		for i := len(young.calls) - 1; i >= 0; i-- {
			idle = 0
			k := young.calls[i]
			if !k.seen {
				k.seen = true
				continue
			}
			k.leave()
			k.old = &old{make(chan struct{}), make(chan struct{})}
			go k.old.wait(k.ctx, k.kind, k.handle, unsafe.Pointer(k.c))
		}
		if idle > 500 {
			young.running = false
			young.Unlock()
			return
		}
		young.Unlock()
	}
}

// wait wakes the call again and again once the context is done: a wake that comes before the wait has begun ends nothing.
func (o *old) wait(ctx context.Context, kind wakes, handle, data unsafe.Pointer) {
	defer close(o.over)
	select {
	case <-o.back:
		return
	case <-ctx.Done():
	}
	for {
		wake(kind, handle, data)
		select {
		case <-o.back:
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// detached makes a call that has no wake, on a goroutine of its own where the context may be done before it. undo is called
// when such a call has succeeded after all.
func detached(ctx context.Context, function func() error, undo func()) error {
	if ctx.Err() != nil {
		return doneBefore(ctx)
	}
	if ctx.Done() == nil {
		return function()
	}
	type result struct {
		err error
		caught
	}
	back := make(chan result, 1)
	go func() {
		r := result{caught: caught{exited: true}}
		defer func() {
			if r.exited {
				r.panicked = recover()
				r.exited = r.panicked == nil
			}
			back <- r
		}()
		r.err = function()
		r.exited = false
	}()
	select {
	case r := <-back:
		r.again()
		return r.err
	case <-ctx.Done():
	}
	go func() {
		if r := <-back; r.err == nil && r.panicked == nil && !r.exited {
			undo()
		}
	}()
	return &Error{Status: ErrWoken, Outcome: OutcomeNone, Message: "the context was done during the call", Cause: ctx.Err()}
}

func wake(kind wakes, handle, data unsafe.Pointer) {
	switch kind {
	case wakesClient:
		C.rredis_client_wake((*C.rredis_client)(handle), data)
	case wakesConn:
		C.rredis_conn_wake((*C.rredis_conn)(handle))
	case wakesPipeline:
		C.rredis_pipeline_wake((*C.rredis_pipeline)(handle))
	case wakesPubsub:
		C.rredis_pubsub_wake((*C.rredis_pubsub)(handle))
	}
}
