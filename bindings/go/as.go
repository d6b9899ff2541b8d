package rredis

import (
	"fmt"
	"math/big"
	"reflect"
	"strconv"
)

// As makes a reply a T: n, err := rredis.As[int](client.Do(ctx, "INCR", "key")).
//
// T is a text, bytes, a number, a bool, a *big.Int, or a slice, a map with text as keys, or a pointer of these. Text that is
// a number may become one. A pointer is nil for a NULL; any other T except a slice and a map is ErrNil for it.
func As[T any](reply any, err error) (T, error) {
	var made T
	if err != nil {
		return made, err
	}
	if direct, is := reply.(T); is {
		return direct, nil
	}
	err = into(reflect.ValueOf(&made).Elem(), reply)
	return made, err
}

func into(to reflect.Value, reply any) error {
	if failed, is := reply.(*Error); is {
		return failed
	}
	if reply != nil && reflect.TypeOf(reply).AssignableTo(to.Type()) {
		to.Set(reflect.ValueOf(reply))
		return nil
	}
	switch to.Kind() {
	case reflect.Pointer:
		if reply == nil {
			return nil
		}
		to.Set(reflect.New(to.Type().Elem()))
		return into(to.Elem(), reply)
	case reflect.Slice:
		return intoSlice(to, reply)
	case reflect.Map:
		return intoMap(to, reply)
	}
	if reply == nil {
		return ErrNil
	}
	return intoScalar(to, reply)
}

func intoSlice(to reflect.Value, reply any) error {
	if text, is := reply.(string); is && to.Type().Elem().Kind() == reflect.Uint8 {
		to.SetBytes([]byte(text))
		return nil
	}
	if reply == nil {
		return nil
	}
	list, is := reply.([]any)
	if !is {
		return mismatch(to, reply)
	}
	made := reflect.MakeSlice(to.Type(), len(list), len(list))
	for i, each := range list {
		if err := into(made.Index(i), each); err != nil {
			return err
		}
	}
	to.Set(made)
	return nil
}

func intoMap(to reflect.Value, reply any) error {
	if reply == nil {
		return nil
	}
	pairs, is := reply.(map[string]any)
	if !is || to.Type().Key().Kind() != reflect.String {
		return mismatch(to, reply)
	}
	made := reflect.MakeMapWithSize(to.Type(), len(pairs))
	for key, each := range pairs {
		value := reflect.New(to.Type().Elem()).Elem()
		if err := into(value, each); err != nil {
			return err
		}
		made.SetMapIndex(reflect.ValueOf(key).Convert(to.Type().Key()), value)
	}
	to.Set(made)
	return nil
}

func intoScalar(to reflect.Value, reply any) error {
	text := ""
	switch v := reply.(type) {
	case string:
		text = v
	case int64:
		text = strconv.FormatInt(v, 10)
	case float64:
		text = strconv.FormatFloat(v, 'f', -1, 64)
	case *big.Int:
		text = v.String()
	case bool:
		text = map[bool]string{false: "0", true: "1"}[v]
	default:
		return mismatch(to, reply)
	}
	var err error
	switch to.Kind() {
	case reflect.String:
		to.SetString(text)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		var n int64
		if n, err = strconv.ParseInt(text, 10, to.Type().Bits()); err == nil {
			to.SetInt(n)
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		var n uint64
		if n, err = strconv.ParseUint(text, 10, to.Type().Bits()); err == nil {
			to.SetUint(n)
		}
	case reflect.Float32, reflect.Float64:
		var n float64
		if n, err = strconv.ParseFloat(text, to.Type().Bits()); err == nil {
			to.SetFloat(n)
		}
	case reflect.Bool:
		if text != "0" && text != "1" {
			return mismatch(to, reply)
		}
		to.SetBool(text == "1")
	default:
		return mismatch(to, reply)
	}
	if err != nil {
		return mismatch(to, reply)
	}
	return nil
}

// ShapeError says that a reply is of another shape than was asked for. The command ran.
type ShapeError struct {
	Wanted reflect.Type
	Reply  any
}

func (e *ShapeError) Error() string {
	return fmt.Sprintf("rredis: the reply is a %T, and no %v", e.Reply, e.Wanted)
}

func mismatch(to reflect.Value, reply any) error { return &ShapeError{to.Type(), reply} }
