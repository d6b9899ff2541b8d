// Go's cgo: a context ends a command, the run of a pipeline and a subscriber's wait.
// CGO_CFLAGS=-Iinclude CGO_LDFLAGS="-Ltarget/debug -lrredis" go run interrupt.go HOST PORT
package main

// #include <rredis.h>
// #include <stdlib.h>
import "C"

import (
	"context"
	"fmt"
	"os"
	"time"
	"unsafe"
)

// while makes a call. Once ctx is done it calls wake again and again until the call is back: a wake that comes before the call
// has begun ends nothing. The goroutine that wakes is over when while returns, so that the handle may be freed then.
func while(ctx context.Context, wake func(), call func() error) error {
	if ctx.Done() == nil {
		return call()
	}
	back, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		select {
		case <-back:
			return
		case <-ctx.Done():
		}
		for {
			wake()
			select {
			case <-back:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	err := call()
	close(back)
	<-over
	if failed, is := err.(*failure); is && failed.status == C.RREDIS_ERR_WOKEN && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

type failure struct {
	status  C.rredis_status
	message string
}

func (f *failure) Error() string { return f.message }

func check(status C.rredis_status, err *C.rredis_error) error {
	if status == C.RREDIS_OK {
		return nil
	}
	return &failure{err.status, C.GoString(&err.message[0])}
}

// vector is an argv in C's memory: C may not be given pointers to pointers of Go's.
func vector(args []string) (**C.char, func()) {
	argv := (**C.char)(C.calloc(C.size_t(len(args)), C.size_t(unsafe.Sizeof(uintptr(0)))))
	texts := unsafe.Slice(argv, len(args))
	for i, arg := range args {
		texts[i] = C.CString(arg)
	}
	return argv, func() {
		for _, text := range texts {
			C.free(unsafe.Pointer(text))
		}
		C.free(unsafe.Pointer(argv))
	}
}

// command is woken by its call_data, which is the address of its own argv.
func command(ctx context.Context, client *C.rredis_client, args ...string) error {
	argv, free := vector(args)
	defer free()
	mine := unsafe.Pointer(argv)
	return while(ctx, func() { C.rredis_client_wake(client, mine) }, func() error {
		var err C.rredis_error
		return check(C.rredis_client_command_with(client, C.size_t(len(args)), argv, nil, 0, 0, mine, nil, &err), &err)
	})
}

func run(ctx context.Context, pipeline *C.rredis_pipeline, commands ...[]string) error {
	var err C.rredis_error
	for _, args := range commands {
		argv, free := vector(args)
		status := C.rredis_pipeline_add(pipeline, C.size_t(len(args)), argv, nil, &err)
		free()
		if failed := check(status, &err); failed != nil {
			return failed
		}
	}
	return while(ctx, func() { C.rredis_pipeline_wake(pipeline) }, func() error {
		return check(C.rredis_pipeline_run(pipeline, C.RREDIS_PIPELINE_PLAIN, nil, &err), &err)
	})
}

// next waits for a message. A subscriber's wake is kept for the next call where there is none: one that came too late for an
// earlier call ends this one, whose context is not done, and it waits again.
func next(ctx context.Context, pubsub *C.rredis_pubsub) (reply *C.rredis_reply, failed error) {
	for {
		var err C.rredis_error
		failed = while(ctx, func() { C.rredis_pubsub_wake(pubsub) }, func() error {
			return check(C.rredis_pubsub_next(pubsub, -1, &reply, &err), &err)
		})
		if late, is := failed.(*failure); !is || late.status != C.RREDIS_ERR_WOKEN {
			return reply, failed
		}
	}
}

func expect(truth bool, what string) {
	if !truth {
		fmt.Fprintln(os.Stderr, "not so:", what)
		os.Exit(1)
	}
}

func connect(url string) *C.rredis_client {
	var err C.rredis_error
	options := C.rredis_options_new()
	defer C.rredis_options_free(options)
	text := C.CString(url)
	defer C.free(unsafe.Pointer(text))
	expect(C.rredis_options_set_url(options, text, C.size_t(len(url)), &err) == C.RREDIS_OK, "the URL")
	var client *C.rredis_client
	expect(C.rredis_client_new(options, &client, &err) == C.RREDIS_OK, "a client")
	return client
}

// cancelled makes a call under a context that is cancelled after a while, and says how long after that the call was back.
func cancelled(what string, after time.Duration, call func(ctx context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	var begin time.Time
	set := make(chan struct{})
	time.AfterFunc(after, func() { begin = time.Now(); cancel(); close(set) })
	err := call(ctx)
	<-set
	late := time.Since(begin)
	expect(err == context.Canceled, fmt.Sprint(what, ": ", err))
	expect(late < 10*time.Second, fmt.Sprint(what, " was back after ", late))
}

func main() {
	client := connect("redis://" + os.Args[1] + ":" + os.Args[2] + "?pool_max=2&pubsub_confirmations=1")
	defer C.rredis_client_free(client)
	background := context.Background()
	var err C.rredis_error
	var pipeline *C.rredis_pipeline
	expect(C.rredis_pipeline_new(client, &pipeline, &err) == C.RREDIS_OK, "a pipeline")
	defer C.rredis_pipeline_free(pipeline)
	var pubsub *C.rredis_pubsub
	expect(C.rredis_pubsub_new(client, &pubsub, &err) == C.RREDIS_OK, "a subscriber")
	defer C.rredis_pubsub_free(pubsub)
	names, free := vector([]string{"go:news"})
	defer free()
	expect(C.rredis_pubsub_subscribe(pubsub, C.RREDIS_TOPIC_CHANNEL, 1, names, nil, &err) == C.RREDIS_OK, "a channel")
	confirmation, failed := next(background, pubsub)
	expect(failed == nil, fmt.Sprint("the confirmation: ", failed))
	C.rredis_reply_free(confirmation)

	// Before anything has begun, soon after, and long after.
	for _, after := range []time.Duration{0, 10 * time.Millisecond, 300 * time.Millisecond} {
		cancelled("a command", after, func(ctx context.Context) error {
			return command(ctx, client, "BLPOP", "go:nothing", "0")
		})
		cancelled("a pipeline", after, func(ctx context.Context) error {
			return run(ctx, pipeline, []string{"INCR", "go:n"}, []string{"BLPOP", "go:nothing", "0"})
		})
		cancelled("a subscriber", after, func(ctx context.Context) error {
			_, err := next(ctx, pubsub)
			return err
		})

		// All three are as good as before.
		expect(command(background, client, "PING") == nil, "a command after that")
		expect(run(background, pipeline, []string{"PING"}) == nil, "a pipeline after that")
		expect(command(background, client, "PUBLISH", "go:news", "hello") == nil, "a message")
		message, failed := next(background, pubsub)
		expect(failed == nil && message.len == 4, fmt.Sprint("its arrival: ", failed))
		C.rredis_reply_free(message)
	}

	// One of two calls is ended, and the other is not.
	other := make(chan error)
	go func() { other <- command(background, client, "BLPOP", "go:later", "0") }()
	cancelled("one of two", 100*time.Millisecond, func(ctx context.Context) error {
		return command(ctx, client, "BLPOP", "go:nothing", "0")
	})
	expect(command(background, client, "RPUSH", "go:later", "x") == nil, "a push")
	expect(<-other == nil, "the other call")
}
