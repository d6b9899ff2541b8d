package rredis

// #include "bridge.h"
import "C"

import (
	"context"
	"runtime"
	"unsafe"
)

// Script is a Lua script, which runs by its digest. Any number of goroutines may run it.
type Script struct{ p *C.rredis_script }

// NewScript makes a script. It panics if there is no memory for it.
func NewScript(text string) *Script {
	s := &Script{}
	pointer, free := cText(text)
	defer free()
	var err C.rredis_error
	if C.rredis_script_new(pointer, C.size_t(len(text)), &s.p, &err) != C.RREDIS_OK {
		panic("rredis: " + C.GoString(&err.message[0]))
	}
	runtime.SetFinalizer(s, func(s *Script) { C.rredis_script_free(s.p) })
	return s
}

// SHA gives the digest of the script.
func (s *Script) SHA() string {
	defer runtime.KeepAlive(s)
	return C.GoString(C.rredis_script_sha(s.p))
}

// Run runs the script.
func (s *Script) Run(ctx context.Context, c *Client, keys []string, args ...any) (any, error) {
	return s.RunWith(ctx, c, Call{}, keys, args...)
}

// RunWith runs the script in another way than Run.
func (s *Script) RunWith(ctx context.Context, c *Client, how Call, keys []string, args ...any) (any, error) {
	defer runtime.KeepAlive(s)
	k := newCall()
	defer k.rest()
	if err := k.limit(ctx, how, c.timeout); err != nil {
		return nil, err
	}
	for _, key := range keys {
		k.text(key)
	}
	if err := k.args(args); err != nil {
		return nil, err
	}
	k.seal()
	if !c.enter() {
		return nil, errClosed
	}
	defer c.left()
	k.watch(ctx, wakesClient, unsafe.Pointer(c.p))
	status := C.go_script_run(s.p, c.p, C.size_t(len(keys)), k.c)
	k.unwatch()
	if err := k.done(ctx, status); err != nil {
		return nil, err
	}
	return k.value(), nil
}
