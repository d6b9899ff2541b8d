package rredis

// #include "bridge.h"
// #include <stdlib.h>
import "C"

import (
	"context"
	"fmt"
	"runtime"
	"unsafe"
)

// Pipeline queues commands, and a run sends all of them in one burst. It is for one goroutine at a time.
type Pipeline struct {
	client  *Client
	k       *call
	argcs   []int
	queued  []C.go_queued
	scripts []*Script // kept until the run
	err     error
}

// Pipeline makes an empty pipeline.
func (c *Client) Pipeline() *Pipeline { return &Pipeline{client: c} }

// Add queues a command, and gives the pipeline. What is wrong with an argument is told by the run.
func (p *Pipeline) Add(args ...any) *Pipeline { return p.AddWith(0, args...) }

// AddWith queues a command with CallRaw or CallIdempotent.
func (p *Pipeline) AddWith(flags Flags, args ...any) *Pipeline {
	return p.add(C.go_queued{flags: C.uint32_t(flags)}, args)
}

// Script queues a script.
func (p *Pipeline) Script(script *Script, keys []string, args ...any) *Pipeline {
	p.scripts = append(p.scripts, script)
	return p.add(C.go_queued{script: script.p, keys_len: C.size_t(len(keys))}, append([]any{keys}, args...))
}

func (p *Pipeline) add(queued C.go_queued, args []any) *Pipeline {
	if p.k == nil {
		p.k = newCall()
	}
	bytes, lens := len(p.k.bytes), len(p.k.lens)
	if err := p.k.args(args); err != nil {
		p.k.bytes, p.k.lens = p.k.bytes[:bytes], p.k.lens[:lens]
		if p.err == nil {
			p.err = fmt.Errorf("command %d: %w", len(p.queued), err)
		}
		return p
	}
	p.queued = append(p.queued, queued)
	p.argcs = append(p.argcs, len(p.k.lens)-lens)
	return p
}

// Len gives the number of queued commands.
func (p *Pipeline) Len() int { return len(p.queued) }

// Clear empties the queue.
func (p *Pipeline) Clear() {
	if p.k != nil {
		p.k.rest()
	}
	p.k, p.err = nil, nil
	p.argcs, p.queued, p.scripts = p.argcs[:0], p.queued[:0], p.scripts[:0]
}

// Run sends the commands in one burst, and gives a reply for each, in order. The reply of a command that failed is an
// *Error. The queue is empty afterwards.
//
// A run has no deadline except that of the context: it times out when nothing arrived for OptionCommandTimeout.
func (p *Pipeline) Run(ctx context.Context) ([]any, error) { return p.RunWith(ctx, Call{}) }

// RunWith runs the commands in another way than Run. CallRaw and CallIdempotent apply to all of them.
func (p *Pipeline) RunWith(ctx context.Context, how Call) ([]any, error) {
	return p.run(ctx, how, C.RREDIS_PIPELINE_PLAIN)
}

// Exec runs the commands as a transaction, between MULTI and EXEC: all of them or none.
func (p *Pipeline) Exec(ctx context.Context) ([]any, error) { return p.ExecWith(ctx, Call{}) }

// ExecWith runs the commands as a transaction in another way than Exec.
func (p *Pipeline) ExecWith(ctx context.Context, how Call) ([]any, error) {
	return p.run(ctx, how, C.RREDIS_PIPELINE_ATOMIC)
}

func (p *Pipeline) run(ctx context.Context, how Call, mode C.rredis_pipeline_mode) (replies []any, err error) {
	err = p.running(ctx, how, func(pipeline *C.rredis_pipeline, queued *C.go_queued) C.int32_t {
		return C.go_pipeline_run(pipeline, mode, queued, p.k.c)
	}, func(caught []caught) { replies = results(p.k.c.reply, caught) })
	return replies, err
}

// Each runs the commands, and gives each reply to a function as it arrives: none is kept. A run ends when it returns an error.
func (p *Pipeline) Each(ctx context.Context, how Call, function func(index int, reply any) error) error {
	handle := handleOf(function)
	defer goGone(handle)
	return p.running(ctx, how, func(pipeline *C.rredis_pipeline, queued *C.go_queued) C.int32_t {
		return C.go_pipeline_run_each(pipeline, queued, handle, p.k.c)
	}, nil)
}

func (p *Pipeline) running(ctx context.Context, how Call, run func(*C.rredis_pipeline, *C.go_queued) C.int32_t,
	then func([]caught)) error {
	defer p.Clear()
	if p.err != nil {
		return p.err
	}
	if p.k == nil {
		p.k = newCall()
	}
	k := p.k
	if err := k.limit(ctx, how, -1); err != nil {
		return err
	}
	if C.go_call_reserve(k.c, C.size_t(len(p.argcs)), 0, 0) == 0 {
		return &Error{Status: ErrMemory, Outcome: OutcomeNotSent, Message: "there was not enough memory for the commands"}
	}
	argcs := unsafe.Slice(k.c.argcs, int(k.c.argcs_room))
	for i, argc := range p.argcs {
		argcs[i] = C.size_t(argc)
	}
	k.c.commands = C.size_t(len(p.argcs))
	queued := (*C.go_queued)(C.calloc(C.size_t(len(p.queued)+1), C.size_t(unsafe.Sizeof(C.go_queued{}))))
	defer C.free(unsafe.Pointer(queued))
	copy(unsafe.Slice(queued, len(p.queued)), p.queued)
	if !p.client.enter() {
		return errClosed
	}
	defer p.client.left()
	pipeline, err := p.client.pipeline(k)
	if err != nil {
		return err
	}
	k.watch(ctx, wakesPipeline, unsafe.Pointer(pipeline))
	status := run(pipeline, queued)
	k.unwatch()
	p.client.rested(pipeline)
	runtime.KeepAlive(p.scripts)
	caught := k.caught()
	if err := k.finished(ctx, status, caught); err != nil {
		return err
	}
	if then != nil {
		then(caught)
	}
	return nil
}

// Tx is one try of a transaction.
type Tx struct {
	client   *Client
	pipeline *C.rredis_pipeline
	queued   int
	function func(tx *Tx) error
}

// Transact watches keys, calls a function that reads with tx.Do and queues with tx.Add, and runs the queue as a transaction.
// If a key is changed meanwhile, all this is repeated, until the context is done. An error of the function gives the
// transaction up, and is the error's Cause.
func (c *Client) Transact(ctx context.Context, function func(tx *Tx) error, keys ...string) ([]any, error) {
	k := newCall()
	defer k.rest()
	if err := k.limit(ctx, Call{}, -1); err != nil {
		return nil, err
	}
	timeout := C.int64_t(-1)
	if k.timed {
		timeout = k.c.timeout_ms
	}
	for _, key := range keys {
		k.text(key)
	}
	k.seal()
	if !c.enter() {
		return nil, errClosed
	}
	defer c.left()
	pipeline, err := c.pipeline(k)
	if err != nil {
		return nil, err
	}
	handle := handleOf(&Tx{client: c, function: function})
	defer goGone(handle)
	k.watch(ctx, wakesPipeline, unsafe.Pointer(pipeline))
	status := C.go_pipeline_transact(pipeline, handle, timeout, k.c)
	k.unwatch()
	C.rredis_pipeline_clear(pipeline)
	c.rested(pipeline)
	caught := k.caught()
	if err := k.finished(ctx, status, caught); err != nil {
		return nil, err
	}
	return results(k.c.reply, caught), nil
}

// errOver is what a transaction's functions return once its function has returned.
var errOver = refused(ErrState, "this try of the transaction is over")

// Do runs a command at once, to read what the transaction depends on.
func (tx *Tx) Do(args ...any) (any, error) {
	k := newCall()
	defer k.rest()
	if tx.pipeline == nil {
		return nil, errOver
	}
	if err := k.args(args); err != nil {
		return nil, err
	}
	k.seal()
	if err := k.done(context.Background(), C.go_pipeline_command(tx.pipeline, k.c)); err != nil {
		return nil, err
	}
	return k.value(), nil
}

// Add queues a command of the transaction.
func (tx *Tx) Add(args ...any) error {
	k := newCall()
	defer k.rest()
	if tx.pipeline == nil {
		return errOver
	}
	if err := k.args(args); err != nil {
		return err
	}
	k.seal()
	if status := C.go_pipeline_add(tx.pipeline, C.uintptr_t(tx.queued+1), k.c); status != C.RREDIS_OK {
		return k.failure(status)
	}
	tx.queued++
	return nil
}

// Clear empties the queue, and goes on watching.
func (tx *Tx) Clear() {
	if tx.pipeline != nil {
		C.rredis_pipeline_clear(tx.pipeline)
		tx.queued = 0
	}
}
