package rredis

// #include "bridge.h"
import "C"

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"unsafe"
)

// value makes a reply a value of Go's. See the package's documentation for the types.
func value(reply *C.rredis_reply) any {
	switch reply.kind {
	case C.RREDIS_REPLY_NULL:
		return nil
	case C.RREDIS_REPLY_INTEGER:
		return int64(reply.integer)
	case C.RREDIS_REPLY_BOOL:
		return reply.integer != 0
	case C.RREDIS_REPLY_DOUBLE:
		return float64(reply.number)
	case C.RREDIS_REPLY_MAP:
		nodes := elements(reply)
		pairs := make(map[string]any, len(nodes)/2)
		for i := 0; i+1 < len(nodes); i += 2 {
			pairs[key(&nodes[i])] = value(&nodes[i+1])
		}
		return pairs
	}
	if reply.kind < C.RREDIS_REPLY_ARRAY {
		return text(C.int32_t(reply.kind), str(reply))
	}
	nodes := elements(reply)
	list := make([]any, len(nodes))
	for i := range nodes {
		list[i] = value(&nodes[i])
	}
	return list
}

func elements(reply *C.rredis_reply) []C.rredis_reply {
	return unsafe.Slice((*C.rredis_reply)(unsafe.Pointer(reply.elements)), int(reply.len))
}

func str(reply *C.rredis_reply) string {
	return string(unsafe.Slice((*byte)(unsafe.Pointer(reply.str)), int(reply.len)))
}

func text(kind C.int32_t, text string) any {
	switch kind {
	case C.RREDIS_REPLY_ERROR:
		return &Error{Status: ErrServer, Outcome: OutcomeNone, Message: text}
	case C.RREDIS_REPLY_BIG_NUMBER:
		if number, is := new(big.Int).SetString(text, 10); is {
			return number
		}
	}
	return text
}

// key is the text of a map's key. One that is no text is written as text.
func key(node *C.rredis_reply) string {
	switch {
	case node.kind >= C.RREDIS_REPLY_STRING && node.kind < C.RREDIS_REPLY_ARRAY && node.kind != C.RREDIS_REPLY_DOUBLE:
		return str(node)
	case node.kind == C.RREDIS_REPLY_INTEGER:
		return strconv.FormatInt(int64(node.integer), 10)
	}
	return fmt.Sprint(value(node))
}

// results makes the ARRAY of a run its values. An element that failed is an *Error; that of a server that was lost says
// whether its command may have run.
func results(root *C.rredis_reply, caught []caught) []any {
	list := value(root).([]any)
	nodes := elements(root)
	for i := range nodes {
		failed, is := list[i].(*Error)
		if !is {
			continue
		}
		if C.rredis_reply_attributes(root, &nodes[i]) != nil {
			failed.Status, failed.Outcome = ErrIO, OutcomeUnknown
			if strings.HasPrefix(failed.Message, "NOT_SENT ") {
				failed.Outcome = OutcomeNotSent
			}
		}
		for _, c := range caught {
			if c.index == i+1 {
				failed.Status, failed.Outcome, failed.Cause = ErrCallback, OutcomeRan, c.err
			}
		}
	}
	return list
}

// build adds a value of Go's to a reply that is being made.
func build(builder *C.rredis_builder, v any) {
	switch v := v.(type) {
	case nil:
		C.rredis_builder_add_null(builder)
	case bool:
		truth := C.int64_t(0)
		if v {
			truth = 1
		}
		C.rredis_builder_add_integer(builder, C.RREDIS_REPLY_BOOL, truth)
	case int:
		C.rredis_builder_add_integer(builder, C.RREDIS_REPLY_INTEGER, C.int64_t(v))
	case int64:
		C.rredis_builder_add_integer(builder, C.RREDIS_REPLY_INTEGER, C.int64_t(v))
	case float64:
		C.rredis_builder_add_number(builder, C.double(v), nil, 0)
	case string:
		buildText(builder, C.RREDIS_REPLY_STRING, v)
	case []byte:
		buildText(builder, C.RREDIS_REPLY_STRING, string(v))
	case *big.Int:
		buildText(builder, C.RREDIS_REPLY_BIG_NUMBER, v.String())
	case error:
		buildText(builder, C.RREDIS_REPLY_ERROR, v.Error())
	case []any:
		C.rredis_builder_open(builder, C.RREDIS_REPLY_ARRAY)
		for _, each := range v {
			build(builder, each)
		}
		C.rredis_builder_end(builder)
	case []string:
		C.rredis_builder_open(builder, C.RREDIS_REPLY_ARRAY)
		for _, each := range v {
			build(builder, each)
		}
		C.rredis_builder_end(builder)
	case map[string]any:
		C.rredis_builder_open(builder, C.RREDIS_REPLY_MAP)
		for key, each := range v {
			build(builder, key)
			build(builder, each)
		}
		C.rredis_builder_end(builder)
	default:
		buildText(builder, C.RREDIS_REPLY_STRING, fmt.Sprint(v))
	}
}

func buildText(builder *C.rredis_builder, kind C.rredis_reply_kind, text string) {
	pointer, free := cText(text)
	defer free()
	C.rredis_builder_add_text(builder, kind, pointer, C.size_t(len(text)))
}
