package rredis

// #include "bridge.h"
import "C"

import (
	"fmt"
	"time"
	"unsafe"
)

// A Setting is one of the options of a client or a pool.
type Setting func(o *options) error

type options struct {
	p *C.rredis_options
	k *call
	// of a client of a pool: a function for the credentials is the pool's alone
	pooled bool
}

// Set sets an option: to a string, a bool, a number, one of this package's constants, or a time.Duration where the option is
// a time. A negative time is for ever, or never.
func Set(option Option, value any) Setting {
	return func(o *options) error {
		name := C.rredis_option(option)
		switch v := value.(type) {
		case string:
			return o.check(C.int32_t(o.str(name, v)))
		case bool:
			number := C.int64_t(0)
			if v {
				number = 1
			}
			return o.check(C.int32_t(C.rredis_options_set_int(o.p, name, number, &o.k.c.err)))
		case int:
			return o.check(C.int32_t(C.rredis_options_set_int(o.p, name, C.int64_t(v), &o.k.c.err)))
		case int64:
			return o.check(C.int32_t(C.rredis_options_set_int(o.p, name, C.int64_t(v), &o.k.c.err)))
		case time.Duration:
			return o.check(C.int32_t(C.rredis_options_set_int(o.p, name, milliseconds(v), &o.k.c.err)))
		}
		return &Error{Status: ErrConfig, Message: fmt.Sprintf("a %T is no value of an option", value)}
	}
}

// OnResponse sets the response callback of a command, in place of the built-in one.
func OnResponse(command string, function ResponseFunc) Setting {
	return func(o *options) error {
		o.name(command)
		return o.check(C.go_options_callback(o.p, handleOf(function), o.k.c))
	}
}

// OnCredentials sets a function that gives the credentials of each new connection. An empty user name is the default user.
func OnCredentials(function func(endpoint string) (username, password string, err error)) Setting {
	return func(o *options) error {
		if o.pooled {
			return nil
		}
		return o.check(C.go_options_credentials(o.p, handleOf(function), o.k.c))
	}
}

// OnPush sets a function that receives each push that the server sends without a request.
func OnPush(function func(push any)) Setting {
	return func(o *options) error { return o.check(C.go_options_on_push(o.p, handleOf(function), o.k.c)) }
}

// OnEvent sets a function that receives the events of connections and commands, such as ["retry", "GET", 1, 8, "..."].
func OnEvent(function func(event any)) Setting {
	return func(o *options) error { return o.check(C.go_options_on_event(o.p, handleOf(function), o.k.c)) }
}

// newOptions sets what is set.
func newOptions(url string, pooled bool, settings []Setting) (*options, error) {
	o := &options{p: C.rredis_options_new(), k: newCall(), pooled: pooled}
	if o.p == nil {
		return nil, &Error{Status: ErrMemory, Message: "there was not enough memory"}
	}
	var err error
	if url != "" {
		pointer, free := cText(url)
		err = o.check(C.int32_t(C.rredis_options_set_url(o.p, pointer, C.size_t(len(url)), &o.k.c.err)))
		free()
	}
	for _, setting := range settings {
		if err == nil {
			err = setting(o)
		}
	}
	if err != nil {
		o.free()
		return nil, err
	}
	return o, nil
}

func (o *options) free() {
	C.rredis_options_free(o.p)
	o.k.rest()
}

func (o *options) check(status C.int32_t) error {
	if status == C.RREDIS_OK {
		return nil
	}
	return o.k.failure(status)
}

func (o *options) str(name C.rredis_option, value string) C.rredis_status {
	pointer, free := cText(value)
	defer free()
	return C.rredis_options_set_str(o.p, name, pointer, C.size_t(len(value)), &o.k.c.err)
}

func (o *options) name(name string) { o.k.only(name) }

// only makes a name the whole of a call's arguments.
func (k *call) only(name string) {
	k.bytes, k.lens = k.bytes[:0], k.lens[:0]
	k.text(name)
	k.seal()
}

// timeout is the usual time of a command.
func (o *options) timeout() time.Duration {
	var value C.int64_t
	C.rredis_options_get_int(o.p, C.RREDIS_OPTION_COMMAND_TIMEOUT_MS, &value, &o.k.c.err)
	return time.Duration(value) * time.Millisecond
}

// url gives the options as a URL without secrets.
func (o *options) url() string {
	if C.rredis_options_to_url(o.p, &o.k.c.reply, &o.k.c.err) != C.RREDIS_OK {
		return ""
	}
	defer func() {
		C.rredis_reply_free(o.k.c.reply)
		o.k.c.reply = nil
	}()
	return string(unsafe.Slice((*byte)(unsafe.Pointer(o.k.c.reply.str)), int(o.k.c.reply.len)))
}
