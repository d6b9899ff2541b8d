// Go's cgo: the header itself, compiled.
// CGO_CFLAGS=-Iinclude CGO_LDFLAGS="-Ltarget/debug -lrredis" go run smoke.go HOST PORT
package main

// #include <rredis.h>
// #include <stdlib.h>
import "C"

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"unsafe"
)

type failure struct {
	status  C.rredis_status
	outcome C.rredis_outcome
	message string
}

func (f *failure) Error() string { return f.message }

func check(status C.rredis_status, err *C.rredis_error) error {
	if status == C.RREDIS_OK {
		return nil
	}
	return &failure{err.status, err.outcome, C.GoString(&err.message[0])}
}

// command copies its arguments to C's memory: C may not be given pointers to pointers of Go's.
func command(client *C.rredis_client, flags C.uint32_t, args ...string) (*C.rredis_reply, error) {
	n := C.size_t(len(args))
	argv := (**C.char)(C.calloc(n, C.size_t(unsafe.Sizeof(uintptr(0)))))
	lens := (*C.size_t)(C.calloc(n, C.size_t(unsafe.Sizeof(C.size_t(0)))))
	defer C.free(unsafe.Pointer(argv))
	defer C.free(unsafe.Pointer(lens))
	for i, arg := range args {
		text := C.CString(arg)
		defer C.free(unsafe.Pointer(text))
		unsafe.Slice(argv, len(args))[i] = text
		unsafe.Slice(lens, len(args))[i] = C.size_t(len(arg))
	}
	var err C.rredis_error
	var reply *C.rredis_reply
	status := C.rredis_client_command_with(client, n, argv, lens, flags, 0, nil, &reply, &err)
	return reply, check(status, &err)
}

func text(node *C.rredis_reply) string { return C.GoStringN(node.str, C.int(node.len)) }

func must(client *C.rredis_client, flags C.uint32_t, args ...string) *C.rredis_reply {
	reply, err := command(client, flags, args...)
	expect(err == nil, fmt.Sprint(args, ": ", err))
	return reply
}

func expect(truth bool, what string) {
	if !truth {
		fmt.Fprintln(os.Stderr, "not so:", what)
		os.Exit(1)
	}
}

func connect(host string, port int) *C.rredis_client {
	var err C.rredis_error
	options := C.rredis_options_new()
	defer C.rredis_options_free(options)
	name := C.CString(host)
	defer C.free(unsafe.Pointer(name))
	expect(C.rredis_options_set_str(options, C.RREDIS_OPTION_HOST, name, C.size_t(len(host)), &err) == C.RREDIS_OK, "the host")
	expect(C.rredis_options_set_int(options, C.RREDIS_OPTION_PORT, C.int64_t(port), &err) == C.RREDIS_OK, "the port")
	var client *C.rredis_client
	expect(C.rredis_client_new(options, &client, &err) == C.RREDIS_OK, "a client")
	return client
}

func main() {
	port, _ := strconv.Atoi(os.Args[2])
	client := connect(os.Args[1], port)
	defer C.rredis_client_free(client)

	// SET and GET, of any bytes.
	bytes := "a\x00b\xff"
	reply := must(client, C.RREDIS_CALL_RAW, "SET", "go:key", bytes)
	expect(text(reply) == "OK", "SET")
	C.rredis_reply_free(reply)
	reply = must(client, 0, "GET", "go:key")
	expect(reply.kind == C.RREDIS_REPLY_STRING && text(reply) == bytes, "GET")
	C.rredis_reply_free(reply)
	reply = must(client, 0, "GET", "go:absent")
	expect(reply.kind == C.RREDIS_REPLY_NULL, "an absent key")
	C.rredis_reply_free(reply)

	// A map, read in place.
	C.rredis_reply_free(must(client, 0, "DEL", "go:hash"))
	C.rredis_reply_free(must(client, 0, "HSET", "go:hash", "one", "1", "two", "2"))
	reply = must(client, C.RREDIS_CALL_RAW, "HGETALL", "go:hash")
	seen := map[string]string{}
	nodes := unsafe.Slice(reply.elements, int(reply.len))
	for i := 0; i < len(nodes); i += 2 {
		seen[text(&nodes[i])] = text(&nodes[i+1])
	}
	expect(reply.kind == C.RREDIS_REPLY_MAP && len(seen) == 2 && seen["one"] == "1" && seen["two"] == "2", "a map")
	C.rredis_reply_free(reply)

	// An error: what, in which words, and what became of the command.
	_, err := command(client, 0, "INCR", "go:hash")
	failed, is := err.(*failure)
	expect(is && failed.status == C.RREDIS_ERR_SERVER && failed.outcome == C.RREDIS_OUTCOME_REFUSED, "an error")
	expect(strings.HasPrefix(failed.message, "WRONGTYPE "), failed.message)

	// Goroutines, one client; they change threads as they please, and Go's own signals interrupt them.
	var all sync.WaitGroup
	for number := 0; number < 8; number++ {
		all.Add(1)
		go func(word string) {
			defer all.Done()
			for i := 0; i < 50; i++ {
				reply := must(client, 0, "ECHO", word)
				expect(text(reply) == word, "an echo")
				C.rredis_reply_free(reply)
			}
		}(strconv.Itoa(number))
	}
	all.Wait()
}
