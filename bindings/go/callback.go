package rredis

// #include "bridge.h"
// #include <stdlib.h>
import "C"

import (
	"fmt"
	"runtime"
	"runtime/cgo"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"
)

// A function of Go's that C calls must return to C, so it runs on a goroutine of its own: whatever it does there, a panic
// and runtime.Goexit included, is kept for the call in which it ran, and done again once that call has left C.

// caught is a failure of a function that C called.
type caught struct {
	index    int   // the command's place in its pipeline, from 1; or 0
	err      error // what the function returned
	panicked any
	exited   bool
}

func (c caught) again() {
	if c.exited {
		runtime.Goexit()
	}
	if c.panicked != nil {
		panic(c.panicked)
	}
}

// failures has those of each call, by the address of its block. kept is their number: nearly always there are none.
var (
	failures sync.Map
	kept     atomic.Int64
)

// keep keeps a failure for its call. A call that is not this package's has the address 0: its failures are lost.
func keep(current C.uintptr_t, c caught) {
	if current == 0 {
		return
	}
	earlier, _ := failures.LoadOrStore(current, &[]caught{})
	list := earlier.(*[]caught)
	*list = append(*list, c)
	kept.Add(1)
}

// caught takes the failures of this call, which is over: no other goroutine adds to them.
func (k *call) caught() []caught {
	if kept.Load() == 0 {
		return nil
	}
	list, is := failures.LoadAndDelete(C.uintptr_t(uintptr(unsafe.Pointer(k.c))))
	if !is {
		return nil
	}
	all := *list.(*[]caught)
	kept.Add(-int64(len(all)))
	return all
}

// callbacks has the goroutine of the callback that a connection's call is in, by its rredis_conn.
var callbacks sync.Map

// goroutine names the goroutine that runs. Go tells that only in the first line of a stack.
func goroutine() string {
	var line [32]byte
	name, _, _ := strings.Cut(string(line[:runtime.Stack(line[:], false)]), " [")
	return name
}

// guarded runs a function for C, and reports whether it went well.
func guarded(current C.uintptr_t, index int, err *C.rredis_error, function func() error) C.int32_t {
	c := caught{index: index, exited: true}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if c.exited {
				c.panicked = recover()
				c.exited = c.panicked == nil
			}
		}()
		if conn := C.go_call_conn(current); conn != nil {
			callbacks.Store(conn, goroutine())
			defer callbacks.Delete(conn)
		}
		c.err = function()
		c.exited = false
	}()
	<-done
	if c.err == nil && c.panicked == nil && !c.exited {
		return C.RREDIS_OK
	}
	keep(current, c)
	if err != nil {
		text := "a callback ended its goroutine"
		if c.panicked != nil {
			text = fmt.Sprint("panic: ", c.panicked)
		} else if c.err != nil {
			text = c.err.Error()
		}
		pointer, free := cText(text)
		defer free()
		C.go_fail(err, pointer, C.size_t(len(text)))
	}
	return C.RREDIS_ERR_CALLBACK
}

// cText copies a text to C's memory.
func cText(text string) (*C.char, func()) {
	if text == "" {
		return nil, func() {}
	}
	pointer := C.CBytes([]byte(text))
	return (*C.char)(pointer), func() { C.free(pointer) }
}

func handleOf(function any) C.uintptr_t { return C.uintptr_t(cgo.NewHandle(function)) }

func functionOf(handle C.uintptr_t) any { return cgo.Handle(handle).Value() }

//export goGone
func goGone(handle C.uintptr_t) { cgo.Handle(handle).Delete() }

// Response is what a response callback is given.
type Response struct {
	Args  []string // the command
	Reply any      // as the server sent it
	mutex sync.Mutex
	raw   *C.rredis_reply // nil once the callback has returned: it is freed then
}

// ResponseFunc replaces the reply to a command. It may return Reply to keep it.
type ResponseFunc func(r *Response) (any, error)

// Builtin gives the reply the shape that the built-in callback gives it. It is ErrState once the callback has returned.
func (r *Response) Builtin() (any, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.raw == nil {
		return nil, refused(ErrState, "this response callback has returned")
	}
	k := newCall()
	defer k.rest()
	for _, arg := range r.Args {
		k.text(arg)
	}
	argv := (**C.char)(C.calloc(C.size_t(len(r.Args)+1), C.size_t(unsafe.Sizeof(uintptr(0)))))
	defer C.free(unsafe.Pointer(argv))
	at := uintptr(0)
	for i, slot := range unsafe.Slice(argv, len(r.Args)) {
		_ = slot
		unsafe.Slice(argv, len(r.Args))[i] = (*C.char)(unsafe.Add(unsafe.Pointer(k.c.bytes), at))
		at += uintptr(k.lens[i])
	}
	var reply *C.rredis_reply
	status := C.int32_t(C.rredis_callback_builtin(C.size_t(len(r.Args)), argv, k.c.lens, r.raw, &reply, &k.c.err))
	if status != C.RREDIS_OK {
		return nil, k.failure(status)
	}
	k.c.reply = reply
	return value(reply), nil
}

func (r *Response) over() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.raw = nil
}

//export goResponse
func goResponse(current, handle, callData C.uintptr_t, argc C.size_t, argv **C.char, argvLen *C.size_t,
	reply *C.rredis_reply, outReply **C.rredis_reply, err *C.rredis_error) C.int32_t {
	function := functionOf(handle).(ResponseFunc)
	index := 0
	if callData < 1<<31 {
		index = int(callData)
	}
	return guarded(current, index, err, func() error {
		r := &Response{Reply: value(reply), raw: reply, Args: make([]string, int(argc))}
		lens := unsafe.Slice(argvLen, int(argc))
		for i, arg := range unsafe.Slice(argv, int(argc)) {
			r.Args[i] = string(unsafe.Slice((*byte)(unsafe.Pointer(arg)), int(lens[i])))
		}
		defer r.over()
		made, failed := function(r)
		if failed != nil {
			return failed
		}
		builder := C.rredis_builder_new()
		defer C.rredis_builder_free(builder)
		build(builder, made)
		var e C.rredis_error
		var built *C.rredis_reply
		if status := C.rredis_builder_take(builder, &built, &e); status != C.RREDIS_OK {
			return &Error{Status: Status(status), Message: C.GoString(&e.message[0])}
		}
		*outReply = built
		return nil
	})
}

//export goReply
func goReply(current, handle C.uintptr_t, reply *C.rredis_reply) C.int32_t {
	function := functionOf(handle).(func(reply any))
	return guarded(current, 0, nil, func() error { function(value(reply)); return nil })
}

//export goCredentials
func goCredentials(current, handle C.uintptr_t, endpoint *C.char, endpointLen C.size_t, credentials *C.rredis_builder,
	err *C.rredis_error) C.int32_t {
	function := functionOf(handle).(func(endpoint string) (username, password string, err error))
	return guarded(current, 0, err, func() error {
		username, password, failed := function(C.GoStringN(endpoint, C.int(endpointLen)))
		if failed != nil {
			return failed
		}
		if username == "" {
			C.rredis_builder_add_null(credentials)
		} else {
			buildText(credentials, C.RREDIS_REPLY_STRING, username)
		}
		buildText(credentials, C.RREDIS_REPLY_STRING, password)
		return nil
	})
}

//export goEach
func goEach(current, handle C.uintptr_t, index C.size_t, reply *C.rredis_reply, err *C.rredis_error) C.int32_t {
	function := functionOf(handle).(func(index int, reply any) error)
	return guarded(current, 0, err, func() error { return function(int(index), value(reply)) })
}

//export goTransaction
func goTransaction(current, handle C.uintptr_t, pipeline *C.rredis_pipeline, err *C.rredis_error) C.int32_t {
	tx := functionOf(handle).(*Tx)
	tx.pipeline, tx.queued = pipeline, 0
	defer func() { tx.pipeline = nil }()
	return guarded(current, 0, err, func() error { return tx.function(tx) })
}
