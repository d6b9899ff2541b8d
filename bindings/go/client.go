package rredis

// #cgo pkg-config: rredis
// #include "bridge.h"
import "C"

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// handle counts who uses a handle of C's, and frees it once it is closed and nobody does.
type handle struct {
	users  atomic.Int64 // one more than the calls under way, until it is closed
	closed atomic.Bool
}

func (h *handle) open() { h.users.Store(1) }

func (h *handle) enter() bool {
	for {
		users := h.users.Load()
		if users == 0 || h.closed.Load() {
			return false
		}
		if h.users.CompareAndSwap(users, users+1) {
			return true
		}
	}
}

// leave reports whether the handle is now to be freed.
func (h *handle) leave() bool { return h.users.Add(-1) == 0 }

// close reports whether this was the call that closed it.
func (h *handle) close() bool { return !h.closed.Swap(true) }

// drain wakes the calls under way until there are none. It does not wait for that: it may be called within one of them.
func (h *handle) drain(wake, left func()) {
	if h.users.Load() <= 1 {
		left()
		return
	}
	go func() {
		defer left()
		for h.users.Load() > 1 {
			wake()
			time.Sleep(time.Millisecond)
		}
	}()
}

// Client sends commands, from any number of goroutines at once.
type Client struct {
	handle
	p         *C.rredis_client
	timeout   time.Duration
	url       string
	pipelines struct {
		sync.Mutex
		idle []*C.rredis_pipeline
		busy map[*C.rredis_pipeline]bool
	}
}

// New makes a client of a server, of a cluster or of what Sentinels name. It connects when it is first used.
//
// The URL is as in rredis.h: redis://host:port/0?command_timeout=2s, rediss:// for TLS, unix://, redis+cluster://,
// redis+sentinel://. An empty one is redis://127.0.0.1:6379.
func New(url string, settings ...Setting) (*Client, error) {
	return newClient(nil, url, settings)
}

func newClient(pool *Pool, url string, settings []Setting) (*Client, error) {
	if pool != nil {
		// Timeouts and the like are each client's own: those of the pool hold where the client has none.
		url, settings = pool.given, append(append([]Setting{}, pool.settings...), settings...)
	}
	o, err := newOptions(url, pool != nil, settings)
	if err != nil {
		return nil, err
	}
	defer o.free()
	c := &Client{timeout: o.timeout(), url: o.url()}
	var status C.int32_t
	if pool == nil {
		status = C.int32_t(C.rredis_client_new(o.p, &c.p, &o.k.c.err))
	} else {
		status = C.int32_t(C.rredis_client_new_on(pool.p, o.p, &c.p, &o.k.c.err))
	}
	if err := o.check(status); err != nil {
		return nil, err
	}
	c.begin()
	return c, nil
}

func (c *Client) begin() {
	c.pipelines.busy = map[*C.rredis_pipeline]bool{}
	c.open()
	runtime.SetFinalizer(c, (*Client).Close)
}

// String gives the client's options as a URL, without secrets.
func (c *Client) String() string { return c.url }

// Close ends the calls under way, with ErrWoken, and frees the client: those of its pipelines, transactions and scripts too.
// A Conn, a Subscriber, and a Client of At that were made from it are still of use.
func (c *Client) Close() {
	if !c.close() {
		return
	}
	runtime.SetFinalizer(c, nil)
	c.drain(c.wake, c.left)
}

// wake ends the calls that wait. A pipeline is woken by itself.
func (c *Client) wake() {
	C.rredis_client_wake(c.p, nil)
	c.pipelines.Lock()
	defer c.pipelines.Unlock()
	for pipeline := range c.pipelines.busy {
		C.rredis_pipeline_wake(pipeline)
	}
}

func (c *Client) left() {
	if !c.leave() {
		return
	}
	for _, pipeline := range c.pipelines.idle {
		C.rredis_pipeline_free(pipeline)
	}
	C.rredis_client_free(c.p)
}

// Do runs a command: Do(ctx, "SET", "key", 1). An argument is a text, bytes, a number, something that marshals itself, or a
// slice of texts or of arguments, which stands for its elements. See the package's documentation for the types of replies.
func (c *Client) Do(ctx context.Context, args ...any) (any, error) {
	return c.DoWith(ctx, Call{}, args...)
}

// DoWith runs a command in another way than Do.
func (c *Client) DoWith(ctx context.Context, how Call, args ...any) (any, error) {
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
	k.watch(ctx, wakesClient, unsafe.Pointer(c.p))
	status := C.go_client_command(c.p, k.c)
	k.unwatch()
	c.left()
	if status != C.RREDIS_OK || kept.Load() != 0 {
		if err := k.done(ctx, status); err != nil {
			return nil, err
		}
	}
	return k.value(), nil
}

// OnResponse sets the response callback of a command for this client; nil restores that of the options, or the built-in one.
func (c *Client) OnResponse(command string, function ResponseFunc) error {
	if !c.enter() {
		return errClosed
	}
	defer c.left()
	k := newCall()
	defer k.rest()
	k.only(command)
	var handle C.uintptr_t
	if function != nil {
		handle = handleOf(function)
	}
	if status := C.go_client_callback(c.p, handle, k.c); status != C.RREDIS_OK {
		return k.failure(status)
	}
	return nil
}

// At makes a client all of whose commands go to one server: that of an endpoint, or whichever has a key's slot. Only where no
// server is known yet is one asked. If the context is done before that, it is asked all the same.
func (c *Client) At(ctx context.Context, kind Target, target string) (*Client, error) {
	at := &Client{timeout: c.timeout, url: c.url}
	err := c.detached(ctx, func(k *call) C.int32_t {
		k.only(target)
		status := C.go_client_at(c.p, C.rredis_target(kind), &at.p, k.c)
		if status == C.RREDIS_OK {
			at.begin()
		}
		return status
	}, at.Close)
	if err != nil {
		return nil, err
	}
	return at, nil
}

// Servers tells which servers there are, as known. Where none is, one is asked, as At does it.
func (c *Client) Servers(ctx context.Context) (any, error) {
	var servers any
	err := c.detached(ctx, func(k *call) C.int32_t {
		status := C.go_client_servers(c.p, k.c)
		if status == C.RREDIS_OK {
			servers = value(k.c.reply)
		}
		return status
	}, func() {})
	if err != nil {
		return nil, err
	}
	return servers, nil
}

// detached makes a call of the client that a wake cannot end by itself.
func (c *Client) detached(ctx context.Context, made func(k *call) C.int32_t, undo func()) error {
	return detached(ctx, func() error {
		if !c.enter() {
			return errClosed
		}
		defer c.left()
		k := newCall()
		defer k.rest()
		return k.done(ctx, made(k))
	}, undo)
}

// Stat reads a statistic, or -1 where it is unknown or not kept.
func (c *Client) Stat(stat Stat) int64 {
	if !c.enter() {
		return -1
	}
	defer c.left()
	return int64(C.rredis_client_stat(c.p, C.rredis_stat(stat)))
}

// pipeline leases a pipeline of C's.
func (c *Client) pipeline(k *call) (*C.rredis_pipeline, error) {
	c.pipelines.Lock()
	defer c.pipelines.Unlock()
	var pipeline *C.rredis_pipeline
	if last := len(c.pipelines.idle) - 1; last >= 0 {
		pipeline = c.pipelines.idle[last]
		c.pipelines.idle = c.pipelines.idle[:last]
	} else if status := C.rredis_pipeline_new(c.p, &pipeline, &k.c.err); status != C.RREDIS_OK {
		return nil, k.failure(C.int32_t(status))
	}
	c.pipelines.busy[pipeline] = true
	return pipeline, nil
}

func (c *Client) rested(pipeline *C.rredis_pipeline) {
	c.pipelines.Lock()
	defer c.pipelines.Unlock()
	delete(c.pipelines.busy, pipeline)
	if len(c.pipelines.idle) < 16 {
		c.pipelines.idle = append(c.pipelines.idle, pipeline)
	} else {
		C.rredis_pipeline_free(pipeline)
	}
}

// Pool has connections that several clients share.
type Pool struct {
	handle
	p        *C.rredis_pool
	given    string
	settings []Setting
}

// NewPool makes a pool. Its URL and settings are those of New.
func NewPool(url string, settings ...Setting) (*Pool, error) {
	o, err := newOptions(url, false, settings)
	if err != nil {
		return nil, err
	}
	defer o.free()
	p := &Pool{given: url, settings: settings}
	if err := o.check(C.int32_t(C.rredis_pool_new(o.p, &p.p, &o.k.c.err))); err != nil {
		return nil, err
	}
	p.open()
	runtime.SetFinalizer(p, (*Pool).Close)
	return p, nil
}

// Client makes a client that leases its connections from the pool. What may be set of it is its own: timeouts, retries,
// callbacks.
func (p *Pool) Client(settings ...Setting) (*Client, error) {
	if !p.enter() {
		return nil, errClosed
	}
	defer p.left()
	return newClient(p, "", settings)
}

// Warm opens connections until so many are idle. If the context is done before that, it goes on by itself, until
// they are or a connect fails.
func (p *Pool) Warm(ctx context.Context, count int) error {
	return detached(ctx, func() error {
		if !p.enter() {
			return errClosed
		}
		defer p.left()
		k := newCall()
		defer k.rest()
		return k.done(ctx, C.go_pool_warm(p.p, C.size_t(count), k.c))
	}, func() {})
}

// DropIdle closes the idle connections.
func (p *Pool) DropIdle() {
	if p.enter() {
		defer p.left()
		C.rredis_pool_drop_idle(p.p)
	}
}

// Stat reads a statistic of all clients of the pool together, or -1.
func (p *Pool) Stat(stat Stat) int64 {
	if !p.enter() {
		return -1
	}
	defer p.left()
	return int64(C.rredis_pool_stat(p.p, C.rredis_stat(stat)))
}

// Close frees the pool. Its connections stay until its last client is closed.
func (p *Pool) Close() {
	if p.close() {
		runtime.SetFinalizer(p, nil)
		p.left()
	}
}

func (p *Pool) left() {
	if p.leave() {
		C.rredis_pool_free(p.p)
	}
}

// Version gives the version of the library, such as "8.0.0".
func Version() string { return C.GoString(C.rredis_version()) }
