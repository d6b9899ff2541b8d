package rredis

// #include "bridge.h"
import "C"

import (
	"context"
	"encoding"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"strconv"
	"sync"
	"time"
	"unsafe"
)

// call is the block of one call: its arguments and its result, in C's memory. Blocks are used again.
type call struct {
	c     *C.go_call
	bytes []byte     // C's memory, as far as it is filled
	lens  []C.size_t // so too
	timed bool       // the call's time is that of its context
	watched
}

var calls = sync.Pool{New: func() any {
	k := &call{c: C.go_call_new()}
	if k.c == nil {
		panic("rredis: there was not enough memory")
	}
	runtime.SetFinalizer(k, func(k *call) { C.go_call_free(k.c) })
	k.renew(0, 0)
	return k
}}

func newCall() *call { return calls.Get().(*call) }

// rest gives a block back. One that a large command has used is freed.
func (k *call) rest() {
	if k.c.reply != nil {
		C.rredis_reply_free(k.c.reply)
		k.c.reply = nil
	}
	if cap(k.bytes) > 1<<16 || cap(k.lens) > 1<<12 {
		// At once: C's memory does not make Go collect garbage.
		runtime.SetFinalizer(k, nil)
		C.go_call_free(k.c)
		k.c, k.bytes, k.lens = nil, nil, nil
		return
	}
	k.bytes, k.lens = k.bytes[:0], k.lens[:0]
	k.timed = false
	k.c.flags, k.c.timeout_ms = 0, 0
	calls.Put(k)
}

// renew makes the slices anew after C's memory has moved.
func (k *call) renew(bytes, lens int) {
	k.bytes = unsafe.Slice((*byte)(unsafe.Pointer(k.c.bytes)), int(k.c.bytes_room))[:bytes]
	k.lens = unsafe.Slice(k.c.lens, int(k.c.lens_room))[:lens]
}

// room makes room for one argument more of n bytes.
func (k *call) room(n int) {
	if len(k.bytes)+n <= cap(k.bytes) && len(k.lens) < cap(k.lens) {
		return
	}
	bytes, lens := len(k.bytes), len(k.lens)
	if C.go_call_reserve(k.c, 0, C.size_t(lens+1), C.size_t(bytes+n)) == 0 {
		panic("rredis: there was not enough memory for the arguments")
	}
	k.renew(bytes, lens)
}

func (k *call) text(text string) {
	k.room(len(text))
	k.bytes = append(k.bytes, text...)
	k.lens = append(k.lens, C.size_t(len(text)))
}

func (k *call) blob(text []byte) {
	k.room(len(text))
	k.bytes = append(k.bytes, text...)
	k.lens = append(k.lens, C.size_t(len(text)))
}

func (k *call) integer(value int64) {
	var digits [20]byte
	k.blob(strconv.AppendInt(digits[:0], value, 10))
}

func (k *call) number(value float64, bits int) error {
	if math.IsNaN(value) {
		return refused(ErrArgument, "NaN is no argument")
	}
	k.text(strconv.FormatFloat(value, 'g', -1, bits))
	return nil
}

// args adds arguments. A slice of strings or of arguments stands for its elements.
func (k *call) args(args []any) error {
	for _, arg := range args {
		if err := k.arg(arg); err != nil {
			return err
		}
	}
	return nil
}

func (k *call) arg(arg any) error {
	switch v := arg.(type) {
	case string:
		k.text(v)
	case []byte:
		k.blob(v)
	case int:
		k.integer(int64(v))
	case int64:
		k.integer(v)
	case float64:
		return k.number(v, 64)
	case []string:
		for _, text := range v {
			k.text(text)
		}
	case []any:
		return k.args(v)
	case encoding.BinaryMarshaler:
		text, err := v.MarshalBinary()
		if err != nil {
			return &Error{Status: ErrArgument, Outcome: OutcomeNotSent, Message: err.Error(), Cause: err}
		}
		k.blob(text)
	default:
		return k.reflected(arg)
	}
	return nil
}

// reflected adds an argument of any other type whose kind is a number or a text.
func (k *call) reflected(arg any) error {
	if _, is := arg.(time.Duration); is {
		return refused(ErrArgument, "a time.Duration is no argument: say whether it is seconds or milliseconds")
	}
	switch v := reflect.ValueOf(arg); v.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		k.integer(v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		k.text(strconv.FormatUint(v.Uint(), 10))
	case reflect.Float32:
		return k.number(v.Float(), 32)
	case reflect.Float64:
		return k.number(v.Float(), 64)
	case reflect.String:
		k.text(v.String())
	default:
		return refused(ErrArgument, fmt.Sprintf("a %T is no argument: text, bytes and numbers are", arg))
	}
	return nil
}

// seal tells C how much was filled in.
func (k *call) seal() {
	k.c.argc, k.c.bytes_len = C.size_t(len(k.lens)), C.size_t(len(k.bytes))
}

// Call is how one call differs from the others. Its Timeout takes the place of OptionCommandTimeout; a negative one is for ever.
type Call struct {
	Flags   Flags
	Timeout time.Duration
}

// limit gives the call its time. The deadline of a context shortens it, and never lengthens it.
func (k *call) limit(ctx context.Context, how Call, usual time.Duration) error {
	if ctx.Err() != nil {
		return doneBefore(ctx)
	}
	k.c.flags = C.uint32_t(how.Flags)
	timeout := how.Timeout
	if timeout != 0 {
		usual = timeout
	}
	if deadline, has := ctx.Deadline(); has {
		if left := time.Until(deadline); usual < 0 || left < usual {
			timeout, k.timed = left, true
			if timeout <= 0 {
				timeout = 1
			}
		}
	}
	if timeout != 0 {
		k.c.flags |= C.RREDIS_CALL_TIMEOUT
		k.c.timeout_ms = milliseconds(timeout)
	}
	return nil
}

// until is the time to a context's deadline, as C has it: a wait for messages is for ever without one.
func until(ctx context.Context) C.int64_t {
	deadline, has := ctx.Deadline()
	if !has {
		return -1
	}
	if left := time.Until(deadline); left > 0 {
		return milliseconds(left)
	}
	return 0
}

// milliseconds rounds up, so that a short time is not no time. What is negative is for ever.
func milliseconds(d time.Duration) C.int64_t {
	if d < 0 {
		return -1
	}
	return C.int64_t((d + time.Millisecond - 1) / time.Millisecond)
}

// value gives the result of a call that went well.
func (k *call) value() any {
	if k.c.reply != nil {
		return value(k.c.reply)
	}
	switch k.c.kind {
	case C.RREDIS_REPLY_NULL:
		return nil
	case C.RREDIS_REPLY_INTEGER:
		return int64(k.c.integer)
	case C.RREDIS_REPLY_BOOL:
		return k.c.integer != 0
	case C.RREDIS_REPLY_DOUBLE:
		return float64(k.c.number)
	}
	return text(k.c.kind, string(unsafe.Slice((*byte)(unsafe.Pointer(&k.c.text[0])), int(k.c.len))))
}
